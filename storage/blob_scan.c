/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/blob_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static enum err
read_trailer(int fd, uint8_t page[BLOB_PAGE], uint64_t *size_out, struct errinfo *why)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return errinfo_sys(why, ERR_IO, errno, "fstat");
	*size_out = (uint64_t)st.st_size;
	if (!S_ISREG(st.st_mode) || st.st_size < BLOB_PAGE ||
	    pread(fd, page, BLOB_PAGE, st.st_size - BLOB_PAGE) != BLOB_PAGE)
		return errinfo_set(why, ERR_DAMAGED, "it has no trailer");
	return ERR_OK;
}

/* Are name, size, trailer and store what they should be to each other? */
static enum err
check(const struct blob_scan *scan, const char *name, uint64_t size,
    const struct blob_trailer *t, struct errinfo *why)
{
	uint8_t md5[MD5_SIZE];
	uint64_t id;

	if (memcmp(t->store, scan->store, STORE_UUID_SIZE) != 0)
		return errinfo_set(why, ERR_CONFLICT, "it is of another store");
	if (!blob_name_parse(bytes_of(name), &id, md5) || id != t->id ||
	    memcmp(md5, t->md5, MD5_SIZE) != 0)
		return errinfo_set(why, ERR_DAMAGED, "its name is not its trailer's");
	if (size != blob_layout(t->length).file_size)
		return errinfo_set(why, ERR_DAMAGED,
		    "it has %llu bytes, not as many as its trailer says",
		    (unsigned long long)size);
	return ERR_OK;
}

static enum err
look_at(const struct blob_scan *scan, int dir_fd, const char *leaf, const char *name,
    struct errinfo *why)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t page[BLOB_PAGE];
	char path[PATH_SIZE];
	struct errinfo reason = {.code = ERR_OK};
	struct blob_trailer trailer;
	uint64_t size = 0;
	enum err e, ended = ERR_OK;

	e = fd < 0 ? errinfo_sys(&reason, ERR_IO, errno, "open")
		   : read_trailer(fd, page, &size, &reason);
	if (e == ERR_OK)
		e = blob_trailer_read(page, &trailer, &reason);
	if (e == ERR_OK)
		e = check(scan, name, size, &trailer, &reason);
	if (e == ERR_OK)
		ended = scan->found(scan->arg, fd, &trailer, why);
	if (fd >= 0)
		(void)close(fd);
	if (e == ERR_OK)
		return ended;
	(void)snprintf(path, sizeof path, "%s/blob/%s/%s", scan->root, leaf, name);
	scan->passed(scan->arg, path, &reason);
	return ERR_OK;
}

static enum err
scan_leaf(const struct blob_scan *scan, const char *leaf, struct errinfo *why)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	enum err e = ERR_OK;
	DIR *dir;

	(void)snprintf(path, sizeof path, "%s/blob/%s", scan->root, leaf);
	dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT
			   ? ERR_OK /* leaves are made with the ids that need them */
			   : errinfo_sys(why, ERR_IO, errno, "cannot read %s", path);
	while (e == ERR_OK && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			e = look_at(scan, dirfd(dir), leaf, entry->d_name, why);
	(void)closedir(dir);
	return e;
}

enum err
blob_scan(const struct blob_scan *scan, struct errinfo *why)
{
	char leaf[BLOB_LEAF_SIZE];
	enum err e = ERR_OK;

	for (unsigned i = 0; i < BLOB_LEAVES && e == ERR_OK; i++) {
		blob_leaf_name(i, leaf);
		e = scan_leaf(scan, leaf, why);
	}
	return e;
}
