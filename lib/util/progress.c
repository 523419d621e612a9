#include "util/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/num.h"

static struct {
	const char *what, *unit;
	uint64_t total, from;
	int64_t began, drawn;
	bool on, visible;
} bar;

void sn_progress_start(const char *what, const char *unit, uint64_t total)
{
	bar.on = sn_verbosity >= 0 && isatty(2);
	bar.what = what;
	bar.unit = unit;
	bar.total = total;
	bar.from = 0;
	bar.began = sn_clock_mono();
	bar.drawn = 0;
	sn_progress_set(0);
}

void sn_progress_from(uint64_t done)
{
	bar.from = done;
}

static void put(const char *s)
{
	if (write(2, s, strlen(s)) < 0)
		bar.on = false;
}

void sn_progress_hide(void)
{
	if (bar.visible)
		put("\r\033[K");
	bar.visible = false;
	bar.drawn = 0;
}

static int columns(void)
{
	struct winsize w;

	return ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

void sn_progress_set(uint64_t done)
{
	int64_t now = sn_clock_mono();
	char line[512], rate[16], eta[16], cells[65];
	double s, share, rest, speed;
	int width, full;

	if (!bar.on || (now - bar.drawn < 100000000 && bar.drawn))
		return;
	bar.drawn = now;
	s = (double)(now - bar.began) / 1e9;
	speed = s > 0.2 && done > bar.from ? (double)(done - bar.from) / s : 0;
	sn_size_text((uint64_t)speed, rate);
	*strpbrk(rate, " B") = 0;       /* "1.2 kB" or "17 B": the figure ... */
	snprintf(rate + strlen(rate), 4, "%s", speed >= 999.5 ? (speed >= 999500 ? "M" : "k") : "");
	if (!bar.total) {
		snprintf(line, sizeof(line), "\r\033[K%s  %llu %s  %s %s/s", bar.what,
			(unsigned long long)done, bar.unit, rate, bar.unit);
	} else {
		share = done < bar.total ? (double)done / (double)bar.total : 1;
		width = columns() - (int)strlen(bar.what) - (int)strlen(bar.unit) - 36;
		width = width < 5 ? 5 : width > 40 ? 40 : width;
		full = (int)(share * width);
		memset(cells, '.', (size_t)width);
		memset(cells, '#', (size_t)full);
		cells[width] = 0;
		rest = done < bar.total ? (double)(bar.total - done) : 0;
		if (speed > 0 && s > 0.5 && rest / speed < 1e9)
			sn_duration_text((uint64_t)(rest / speed * 1e9), eta);
		else
			strcpy(eta, "--");
		snprintf(line, sizeof(line), "\r\033[K%s  [%s] %3d%%  %s %s/s  ETA %s", bar.what,
			cells, (int)(share * 100), rate, bar.unit, eta);
	}
	bar.visible = true;
	put(line);
}

void sn_progress_end(void)
{
	sn_progress_hide();
	bar.on = false;
}
