/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_recorder - writes down what a quartetd does to its disks (architecture D74).
 *
 * A library to be preloaded. It stands before the calls by which the server and LMDB change
 * files, and adds a record for each that was done, in the order in which they were:
 *
 *   QUARTET_RECORD        the file the records are added to; power_cut.py adds its own
 *   QUARTET_RECORD_UNDER  the folder whose files are recorded
 *
 * A record is a struct record and `n` bytes: the path of OPEN, MKDIR, RMDIR and UNLINK, two
 * of them with a zero byte between for RENAME, what was written for WRITE. Syncs are not
 * passed on: they take SYNC_US, and changes are let in meanwhile, as by a disk.
 *
 * One call at a time is done and recorded. Only I/O by system calls of libc is seen: the
 * server must run with io = threads. Children of the server are not recorded.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum record_kind {
	RECORD_OPEN = 1, /* at: the flags */
	RECORD_CLOSE,
	RECORD_WRITE,
	RECORD_SYNC,
	RECORD_RENAME,
	RECORD_UNLINK,
	RECORD_MKDIR,
	RECORD_RMDIR,
	RECORD_TRUNCATE, /* at: the length */
};

struct record {
	uint32_t kind;
	int32_t fd;
	uint64_t at;
	uint64_t n;
};

enum { FDS_MAX = 4096, LOG_FD = 3000, SYNC_US = 300 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static pid_t owner;
static const char *under;
static char *path_of[FDS_MAX]; /* of what is open and recorded */

/* The calls behind ours. */
static int (*next_close)(int fd);
static int (*next_closedir)(DIR *folder);
static int (*next_openat)(int fd, const char *path, int flags, ...);
static ssize_t (*next_pwrite)(int fd, const void *p, size_t n, off_t at);
static ssize_t (*next_write)(int fd, const void *p, size_t n);
static ssize_t (*next_writev)(int fd, const struct iovec *v, int n);
static int (*next_fsync)(int fd);
static int (*next_fdatasync)(int fd);
static int (*next_renameat2)(
    int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
static int (*next_unlinkat)(int fd, const char *path, int flags);
static int (*next_mkdirat)(int fd, const char *path, mode_t mode);
static int (*next_ftruncate)(int fd, off_t n);

static void
find_next(void *to, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(to, &found, sizeof found);
}

static _Noreturn void
give_up(const char *what)
{
	(void)fprintf(stderr, "disk_recorder: %s\n", what);
	abort();
}

__attribute__((constructor)) static void
begin(void)
{
	const char *file = getenv("QUARTET_RECORD");
	int fd;

	find_next(&next_close, "close");
	find_next(&next_closedir, "closedir");
	find_next(&next_openat, "openat64");
	find_next(&next_pwrite, "pwrite64");
	find_next(&next_write, "write");
	find_next(&next_writev, "writev");
	find_next(&next_fsync, "fsync");
	find_next(&next_fdatasync, "fdatasync");
	find_next(&next_renameat2, "renameat2");
	find_next(&next_unlinkat, "unlinkat");
	find_next(&next_mkdirat, "mkdirat");
	find_next(&next_ftruncate, "ftruncate64");
	under = getenv("QUARTET_RECORD_UNDER");
	if (file == NULL || under == NULL)
		give_up("QUARTET_RECORD or QUARTET_RECORD_UNDER is not set");
	fd = next_openat(AT_FDCWD, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		log_fd = fcntl(fd, F_DUPFD_CLOEXEC, LOG_FD);
	if (log_fd < 0)
		give_up("cannot write to QUARTET_RECORD");
	(void)next_close(fd);
	owner = getpid();
}

static void
add(enum record_kind kind, int fd, uint64_t at, const struct iovec *data, int n_data)
{
	struct iovec all[8];
	struct record r = {.kind = (uint32_t)kind, .fd = fd, .at = at};
	int saved = errno;

	if (n_data > 7)
		give_up("too many pieces");
	all[0] = (struct iovec){&r, sizeof r};
	for (int i = 0; i < n_data; i++) {
		all[i + 1] = data[i];
		r.n += data[i].iov_len;
	}
	if (next_writev(log_fd, all, n_data + 1) != (ssize_t)(sizeof r + r.n))
		give_up("a record could not be written");
	errno = saved;
}

static void
add_path(enum record_kind kind, int fd, uint64_t at, char *path)
{
	add(kind, fd, at, &(struct iovec){path, strlen(path)}, 1);
}

static bool
is_ours(int fd)
{
	return fd >= 0 && fd < FDS_MAX && path_of[fd] != NULL && getpid() == owner;
}

/* The whole path, owned by the caller; NULL: not to be recorded. */
static char *
resolve(int fd, const char *path)
{
	char *whole = NULL;

	if (getpid() != owner)
		return NULL;
	if (path[0] == '/')
		whole = strdup(path);
	else if (is_ours(fd) && asprintf(&whole, "%s/%s", path_of[fd], path) < 0)
		give_up("out of memory");
	if (whole != NULL && strncmp(whole, under, strlen(under)) != 0) {
		free(whole);
		whole = NULL;
	}
	return whole;
}

static int
open_at(int dir, const char *path, int flags, mode_t mode)
{
	char *whole;
	int fd;

	(void)pthread_mutex_lock(&lock);
	whole = resolve(dir, path);
	fd = next_openat(dir, path, flags, mode);
	if (fd >= 0 && fd < FDS_MAX && getpid() == owner) {
		free(path_of[fd]);
		path_of[fd] = whole;
		if (whole != NULL)
			add_path(RECORD_OPEN, fd, (uint64_t)flags, whole);
	} else {
		if (fd >= FDS_MAX && whole != NULL)
			give_up("too many files");
		free(whole);
	}
	(void)pthread_mutex_unlock(&lock);
	return fd;
}

static mode_t
mode_of(int flags, va_list more)
{
	return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

#define OPEN_LIKE(name)                                                                  \
	int name(const char *path, int flags, ...)                                       \
	{                                                                                \
		va_list more;                                                            \
		mode_t mode;                                                             \
                                                                                         \
		va_start(more, flags);                                                   \
		mode = mode_of(flags, more);                                             \
		va_end(more);                                                            \
		return open_at(AT_FDCWD, path, flags, mode);                             \
	}

#define OPENAT_LIKE(name)                                                                \
	int name(int fd, const char *path, int flags, ...)                               \
	{                                                                                \
		va_list more;                                                            \
		mode_t mode;                                                             \
                                                                                         \
		va_start(more, flags);                                                   \
		mode = mode_of(flags, more);                                             \
		va_end(more);                                                            \
		return open_at(fd, path, flags, mode);                                   \
	}

/* Called by what is linked with them, never by us. */
int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);
int openat(int fd, const char *path, int flags, ...);
int openat64(int fd, const char *path, int flags, ...);
OPEN_LIKE(open)
OPEN_LIKE(open64)
OPENAT_LIKE(openat)
OPENAT_LIKE(openat64)

static void
forget(int fd)
{
	if (!is_ours(fd))
		return;
	add(RECORD_CLOSE, fd, 0, NULL, 0);
	free(path_of[fd]);
	path_of[fd] = NULL;
}

int
close(int fd)
{
	int result;

	(void)pthread_mutex_lock(&lock);
	forget(fd);
	result = next_close(fd);
	(void)pthread_mutex_unlock(&lock);
	return result;
}

/* Its close is libc's own: the number may soon be a connection's. */
int
closedir(DIR *folder)
{
	int result;

	(void)pthread_mutex_lock(&lock);
	forget(dirfd(folder));
	result = next_closedir(folder);
	(void)pthread_mutex_unlock(&lock);
	return result;
}

static ssize_t
write_at(int fd, const void *p, size_t n, off_t at)
{
	struct iovec data = {(void *)(uintptr_t)p, 0};
	ssize_t wrote;

	if (!is_ours(fd))
		return next_pwrite(fd, p, n, at);
	(void)pthread_mutex_lock(&lock);
	wrote = next_pwrite(fd, p, n, at);
	if (wrote > 0) {
		data.iov_len = (size_t)wrote;
		add(RECORD_WRITE, fd, (uint64_t)at, &data, 1);
	}
	(void)pthread_mutex_unlock(&lock);
	return wrote;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at);

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return write_at(fd, p, n, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off_t at)
{
	return write_at(fd, p, n, at);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	struct iovec data = {(void *)(uintptr_t)p, 0};
	ssize_t wrote;
	off_t at;

	if (!is_ours(fd))
		return next_write(fd, p, n);
	(void)pthread_mutex_lock(&lock);
	at = lseek(fd, 0, SEEK_CUR);
	wrote = next_write(fd, p, n);
	if (wrote > 0) {
		data.iov_len = (size_t)wrote;
		add(RECORD_WRITE, fd, (uint64_t)at, &data, 1);
	}
	(void)pthread_mutex_unlock(&lock);
	return wrote;
}

/* LMDB's, at the place where the descriptor is; never cut short by these file systems. */
ssize_t
writev(int fd, const struct iovec *v, int n)
{
	ssize_t wrote;
	off_t at;

	if (!is_ours(fd))
		return next_writev(fd, v, n);
	(void)pthread_mutex_lock(&lock);
	at = lseek(fd, 0, SEEK_CUR);
	wrote = next_writev(fd, v, n);
	for (ssize_t i = 0, left = wrote; i < n && left > 0; i++) {
		struct iovec piece = v[i];

		if ((ssize_t)piece.iov_len > left)
			give_up("a write came short");
		add(RECORD_WRITE, fd, (uint64_t)at, &piece, 1);
		at += (off_t)piece.iov_len;
		left -= (ssize_t)piece.iov_len;
	}
	(void)pthread_mutex_unlock(&lock);
	return wrote;
}

static int
sync_one(int fd, int (*next)(int fd))
{
	if (!is_ours(fd))
		return next(fd);
	/* What is recorded up to here is durable when the record of the sync is there. */
	(void)pthread_mutex_lock(&lock);
	add(RECORD_SYNC, fd, 0, NULL, 0);
	(void)pthread_mutex_unlock(&lock);
	(void)usleep(SYNC_US);
	return 0;
}

int
fsync(int fd)
{
	return sync_one(fd, next_fsync);
}

int
fdatasync(int fd)
{
	return sync_one(fd, next_fdatasync);
}

int
ftruncate(int fd, off_t n)
{
	int result;

	if (!is_ours(fd))
		return next_ftruncate(fd, n);
	(void)pthread_mutex_lock(&lock);
	result = next_ftruncate(fd, n);
	if (result == 0)
		add(RECORD_TRUNCATE, fd, (uint64_t)n, NULL, 0);
	(void)pthread_mutex_unlock(&lock);
	return result;
}

int
renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	char *whole_from, *whole_to;
	int result;

	(void)pthread_mutex_lock(&lock);
	whole_from = resolve(from_fd, from);
	whole_to = resolve(to_fd, to);
	result = next_renameat2(from_fd, from, to_fd, to, flags);
	if (result == 0 && whole_from != NULL && whole_to != NULL) {
		struct iovec both[] = {
		    {whole_from, strlen(whole_from) + 1}, {whole_to, strlen(whole_to)}};

		add(RECORD_RENAME, -1, 0, both, 2);
	}
	free(whole_from);
	free(whole_to);
	(void)pthread_mutex_unlock(&lock);
	return result;
}

int
rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlinkat(int fd, const char *path, int flags)
{
	char *whole;
	int result;

	(void)pthread_mutex_lock(&lock);
	whole = resolve(fd, path);
	result = next_unlinkat(fd, path, flags);
	if (result == 0 && whole != NULL)
		add_path((flags & AT_REMOVEDIR) != 0 ? RECORD_RMDIR : RECORD_UNLINK, -1,
		    0, whole);
	free(whole);
	(void)pthread_mutex_unlock(&lock);
	return result;
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int
mkdirat(int fd, const char *path, mode_t mode)
{
	char *whole;
	int result;

	(void)pthread_mutex_lock(&lock);
	whole = resolve(fd, path);
	result = next_mkdirat(fd, path, mode);
	if (result == 0 && whole != NULL)
		add_path(RECORD_MKDIR, -1, 0, whole);
	free(whole);
	(void)pthread_mutex_unlock(&lock);
	return result;
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}
