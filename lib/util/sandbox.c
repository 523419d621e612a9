/*
 * The list of calls is what libc, the allocator, threads and our own file and terminal
 * handling need.  Calls fail rather than kill, so that an unusual libc's probe is an
 * error and not a death.  clone3 is ENOSYS, since its flags are behind a pointer: libc
 * then uses clone, where the filter sees that it makes a thread.
 *
 * Flags of open are in registers, so that writing is refused also where there is no
 * Landlock.  Paths are not, so there reading cannot be bounded, nor removing.
 */
#include "util/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#ifdef SN_INSTRUMENTED
static const bool instrumented = true;
#else
static const bool instrumented = false;
#endif

/* Since Linux 6.2; headers may be older than the kernel. */
#define ACCESS_TRUNCATE (UINT64_C(1) << 14)

enum { DIR_MAX = 65536 };

static const int allowed[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev),
	SCMP_SYS(pwrite64), SCMP_SYS(lseek), SCMP_SYS(close),
	SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(getdents64), SCMP_SYS(fstatfs),
	SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(fsync),
	SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(fadvise64), SCMP_SYS(flock),
	SCMP_SYS(umask), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise),
	SCMP_SYS(mincore), SCMP_SYS(brk), SCMP_SYS(membarrier),
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(set_tid_address),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler), SCMP_SYS(getcpu),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(setitimer),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrusage), SCMP_SYS(times),
	SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getrandom), SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* None of the ways in which opening a file can change one. */
#define OPEN_CHANGES (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

static int filter(bool removes, struct sn_err *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	uint64_t terminal[] = { TCGETS, TIOCGWINSZ };
	int rc = f ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < sizeof(allowed) / sizeof(*allowed); i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; rc == 0 && i < sizeof(terminal) / sizeof(*terminal); i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_EQ, terminal[i]));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, OPEN_CHANGES, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, OPEN_CHANGES, 0));
	if (rc == 0 && removes)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(unlink), 0);
	if (rc == 0 && removes)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(unlinkat), 0);
	if (rc == 0)    /* limits are asked for, not set */
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
			SCMP_A2(SCMP_CMP_EQ, 0));
	if (rc == 0)    /* abort(), and signals that are raised again */
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = seccomp_load(f);
	if (f)
		seccomp_release(f);
	/* the library's codes do not tell what the kernel's reason was */
	return rc ? sn_err(e, SN_ETEMP, "this kernel or container does not let seccomp confine a "
		"process") : 0;
}

static int allow(int rules, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr a = { .allowed_access = rights,
		.parent_fd = open(path, O_PATH | O_CLOEXEC) };
	int rc;

	if (a.parent_fd < 0)
		return 0;
	rc = (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0);
	close(a.parent_fd);
	return rc;
}

/* The regular files in a directory, and the right to list it. */
static int allow_dir(int rules, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	struct stat st;
	int rc = 0, n = 0;

	if (!d)
		return 0;
	rc = allow(rules, path, LANDLOCK_ACCESS_FS_READ_DIR);
	while (rc == 0 && n++ < DIR_MAX && (entry = readdir(d))) {
		char *file;

		if (fstatat(dirfd(d), entry->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (asprintf(&file, "%s/%s", path, entry->d_name) < 0) {
			rc = -1;
			break;
		}
		rc = allow(rules, file, LANDLOCK_ACCESS_FS_READ_FILE);
		free(file);
	}
	closedir(d);
	return rc;
}

static int allow_all(int rules, const struct sn_sandbox *s)
{
	struct stat st;
	int rc = 0;

	if (s->read && stat(s->read, &st) == 0)
		rc = S_ISDIR(st.st_mode) ? allow_dir(rules, s->read) :
			allow(rules, s->read, LANDLOCK_ACCESS_FS_READ_FILE);
	if (rc == 0 && s->remove) {
		const char *slash = strrchr(s->remove, '/');
		char *dir = slash ? strndup(s->remove, (size_t)(slash - s->remove) + 1) : strdup(".");

		if (!dir)
			return -1;
		rc = allow(rules, dir, LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
		free(dir);
	}
	return rc;
}

static int landlock(const struct sn_sandbox *s, bool *there, struct sn_err *e)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr all = { .handled_access_fs =
		LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
		LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
		LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
		LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
		LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		LANDLOCK_ACCESS_FS_MAKE_SYM };
	int rules, rc;

	*there = version >= 1;
	if (!*there)
		return 0;
	if (version >= 3)
		all.handled_access_fs |= ACCESS_TRUNCATE;
	rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (rules < 0)
		return sn_err_sys(e, "cannot confine this process (Landlock)");
	rc = allow_all(rules, s);
	if (rc == 0)
		rc = (int)syscall(SYS_landlock_restrict_self, rules, 0);
	if (rc < 0)
		rc = sn_err_sys(e, "cannot confine this process (Landlock)");
	close(rules);
	return rc;
}

int sn_sandbox_enter(const struct sn_sandbox *s, bool *landlock_there, struct sn_err *e)
{
	int rc;

	*landlock_there = true;
	if (instrumented)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sn_err_sys(e, "cannot confine this process (no_new_privs)");
	rc = landlock(s, landlock_there, e);
	return rc < 0 ? rc : filter(s->remove != NULL, e);
}
