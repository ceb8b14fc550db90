/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making an empty directory a location: its folders, then its marker, which counts. By
 * the operator's tool before there is a server, and at a location whose disk was replaced.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/digest.h"
#include "storage/location_dir.h"
#include "storage/location_marker.h"

static const char *const folders[] = {"blob", "tmp", "bad", "part", "meta"};

enum { N_FOLDERS = sizeof folders / sizeof folders[0] };

static enum err
make_folders(int root_fd, bool again, struct errinfo *why)
{
	for (size_t i = 0; i < N_FOLDERS; i++) {
		if (mkdirat(root_fd, folders[i], 0750) == 0 || (again && errno == EEXIST))
			continue;
		return errno == EEXIST ? errinfo_set(why, ERR_CONFLICT,
					     "it is not empty: there is %s", folders[i])
				       : errinfo_sys(why, ERR_IO, errno, "cannot make %s",
					     folders[i]);
	}
	return fsync(root_fd) == 0 ? ERR_OK : errinfo_sys(why, ERR_IO, errno, "fsync");
}

static enum err
make(int fd, unsigned index, const uint8_t store[STORE_UUID_SIZE], bool again,
    uint8_t uuid_out[STORE_UUID_SIZE], struct errinfo *why)
{
	struct location_marker marker = {.index = index};
	enum err e = make_folders(fd, again, why);

	(void)memcpy(marker.store, store, sizeof marker.store);
	random_bytes(marker.location, sizeof marker.location);
	(void)memcpy(uuid_out, marker.location, sizeof marker.location);
	return e == ERR_OK ? location_marker_write(fd, &marker, why) : e;
}

enum err
location_dir_format(const char *root, unsigned index,
    const uint8_t store[STORE_UUID_SIZE], struct errinfo *why)
{
	uint8_t uuid[STORE_UUID_SIZE];
	int fd;
	enum err e;

	if (mkdir(root, 0750) != 0 && errno != EEXIST)
		return errinfo_sys(why, ERR_CONFIG, errno, "cannot make %s", root);
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errinfo_sys(why, ERR_CONFIG, errno, "cannot open %s", root);
	e = make(fd, index, store, false, uuid, why);
	(void)close(fd);
	return e;
}

/* A disk that was replaced */

static bool
is_folder(const char *name)
{
	for (size_t i = 0; i < N_FOLDERS; i++)
		if (strcmp(name, folders[i]) == 0)
			return true;
	return false;
}

/* The first entry that an empty disk, or one that is just being made, has not; "": none. */
static enum err
find_entry(int dir_fd, const char *path, bool is_root, char out[256], struct errinfo *why)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	enum err e = ERR_OK;

	out[0] = '\0';
	if (dir == NULL) {
		e = errinfo_sys(why, ERR_IO, errno, "cannot list %s", path);
		if (fd >= 0)
			(void)close(fd);
		return e;
	}
	while (out[0] == '\0' && (errno = 0, entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    (is_root && (strcmp(name, "lost+found") == 0 || is_folder(name))))
			continue;
		(void)snprintf(out, 256, "%s", name);
	}
	if (out[0] == '\0' && errno != 0)
		e = errinfo_sys(why, ERR_IO, errno, "cannot list %s", path);
	(void)closedir(dir);
	return e;
}

/* Of folders that are there already nothing may be in any. */
static enum err
check_folders(int fd, struct errinfo *why)
{
	char name[256];

	for (size_t i = 0; i < N_FOLDERS; i++) {
		enum err e;

		if (faccessat(fd, folders[i], F_OK, 0) != 0)
			continue;
		e = find_entry(fd, folders[i], false, name, why);
		if (e == ERR_OK && name[0] != '\0')
			e = errinfo_set(why, ERR_CONFLICT,
			    "it is not empty: there is %s/%s", folders[i], name);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* There is a marker. Ours, of a replacement that did not come to its end? */
static enum err
take_over(const struct location_dir *d, int fd, const struct location_marker *marker,
    struct location_format *format)
{
	struct errinfo *why = &format->call.why;
	enum err e;

	if (memcmp(marker->store, d->store, sizeof marker->store) != 0)
		return errinfo_set(why, ERR_CONFLICT,
		    "it belongs to another store: an empty disk is needed");
	if (marker->index != d->location.index)
		return errinfo_set(why, ERR_CONFLICT,
		    "it is location %u: an empty disk is needed", marker->index + 1);
	e = check_folders(fd, why);
	if (e == ERR_OK)
		(void)memcpy(format->uuid, marker->location, sizeof format->uuid);
	return e;
}

static enum err
format_root(const struct location_dir *d, int fd, struct location_format *format)
{
	struct errinfo *why = &format->call.why;
	struct location_marker marker;
	char name[256];
	enum err e = location_marker_read(fd, &marker, why);

	if (e == ERR_OK)
		return take_over(d, fd, &marker, format);
	if (e != ERR_NOT_FOUND)
		return e;
	e = find_entry(fd, ".", true, name, why);
	if (e == ERR_OK && name[0] != '\0')
		e = errinfo_set(why, ERR_CONFLICT, "it is not empty: there is %s", name);
	if (e == ERR_OK)
		e = check_folders(fd, why);
	return e == ERR_OK
		   ? make(fd, d->location.index, d->store, true, format->uuid, why)
		   : e;
}

/* It has another root from now on; of the old one only the name stays. */
static enum err
move(struct location_dir *d, const char *root, struct errinfo *why)
{
	char *copy;

	if (strcmp(root, d->root) == 0)
		return ERR_OK;
	copy = d->n_old_roots < LOCATION_ROOTS ? strdup(root) : NULL;
	if (copy == NULL)
		return errinfo_set(why, ERR_NO_MEMORY,
		    "it had too many roots: restart the server first");
	d->old_roots[d->n_old_roots++] = d->root;
	d->root = copy;
	d->location.name = copy;
	return ERR_OK;
}

static enum err
format(struct location_dir *d, struct location_format *format)
{
	struct errinfo *why = &format->call.why;
	const char *root = format->root == NULL ? d->root : format->root;
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e;

	if (fd < 0)
		return errinfo_sys(why, ERR_CONFIG, errno, "cannot open %s", root);
	if (d->retired_fd >= 0) {
		(void)close(fd);
		return errinfo_set(
		    why, ERR_BUSY, "operations on the disk before are still under way");
	}
	e = format_root(d, fd, format);
	(void)close(fd);
	if (e == ERR_OK)
		e = move(d, root, why);
	if (e == ERR_OK)
		location_detach(d);
	return e;
}

void
location_format_start(struct location_dir *d, struct location_format *f)
{
	location_reply(d, &f->call, format(d, f));
}
