/* Killed at every write, sync and rename of a seal that begins a new log segment: run as
 * its own child, with the fault preload, since no option makes segments that short. */
#include "dataset.h"

#include <sys/wait.h>

static char fault[300];

/* Exit status of `self DIR FROM' under a fault, or -signal. */
static int child(const char *self, const char *spec)
{
	char env[400], rule[80];
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(env, sizeof(env), "LD_PRELOAD=%s", fault);
		snprintf(rule, sizeof(rule), "SN_FAULT=%s", spec);
		putenv(env);
		putenv(rule);
		putenv((char[]){ "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0" });
		execl(self, self, dir, (char *)NULL);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void tell(void *ctx, const char *line)
{
	printf("# %s\n", line);
}

int main(int argc, char **argv)
{
	static const char *const calls[] = { "write", "fsync", "rename", "ftruncate" };
	static const char *const whats[] = { "KILL", "KILLED", "EIO" };
	struct sn_snapshot newest;
	struct sn_sealed s;
	char self[200];
	ssize_t n;

	if (sodium_init() < 0)
		return 111;
	if (argc > 1) {
		snprintf(dir, sizeof(dir), "%s", argv[1]);
		return pack(10, 20, 300, 1, &s) == 0 ? 0 : 111;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return 111;
	self[n] = 0;
	snprintf(fault, sizeof(fault), "%.*s/../fault.so", (int)(strrchr(self, '/') - self), self);
	for (size_t c = 0; c < 4; c++)
		for (size_t w = 0; w < 3; w++) {
			int felt = 0, bad = 0, status = 1;

			for (int at = 1; at < 50 && status != 0 && !bad; at++) {
				char spec[64];

				fresh_dir();
				bad += pack(0, 10, 300, 0, &s) != 0;
				snprintf(spec, sizeof(spec), "%s:%d:%s", calls[c], at, whats[w]);
				status = child(self, spec);
				felt += status != 0;
				bad += status == 99;
				bad += sn_dataset_verify(dir, tell, NULL, NULL, &newest, NULL) != 0;
				bad += newest.records != 10 && newest.records != 20;
				bad += status == 0 && newest.records != 20;
				bad += pack(10, 25, 300, 1, &s) != 0 || s.snapshot.records != 25;
				bad += sn_dataset_verify(dir, tell, NULL, NULL, &newest, NULL) != 0;
				remove_dir();
				if (bad)
					printf("# %s\n", spec);
			}
			ok(!bad && felt, "a new segment: %s at each of %d %s", whats[w], felt, calls[c]);
		}
	return done_testing();
}
