/*
 * A request must see what was sealed before it came.  A seal renames a file in the dataset's
 * directory, and the kernel has queued an event for that by the time rename(2) returns; so one
 * read of an empty queue says that nothing is new, which is cheaper than asking each
 * dataset.  A directory on another machine's disk gives no events: once a second, and where
 * nothing can be watched before each answer, they are all asked.
 */
#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "app.h"
#include "util/log.h"

static int queue = -1;

void watch_datasets(void)
{
	queue = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	for (size_t i = 0; queue >= 0 && i < app.nsets; i++)
		if (inotify_add_watch(queue, sn_dataset_dir(app.set[i]), IN_MOVED_TO) < 0) {
			close(queue);
			queue = -1;
		}
	reread_datasets();      /* what was sealed between opening and watching */
}

void reread_datasets(void)
{
	for (size_t i = 0; i < app.nsets; i++) {
		struct sn_err e = { 0 };

		/* what is known goes on being served; the operator hears of it */
		if (sn_dataset_refresh(app.set[i], NULL, &e) < 0)
			sn_info("%s", e.msg);
	}
}

void refresh_datasets(void)
{
	char events[4096];

	if (queue >= 0 && read(queue, events, sizeof(events)) < 0 && errno == EAGAIN)
		return;
	reread_datasets();
}
