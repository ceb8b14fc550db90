/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks beside the catalogue, both ways. A running server changes both meanwhile:
 * whatever does not fit is looked at once more, file, then record, then file, before it
 * is told. What is being uploaded or repaired just now is nobody's business.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/tool/fsck.h"
#include "storage/leaf_merge.h"
#include "storage/location_marker.h"

/* A file that was just made is soon counted; but where much differs nobody waits for each. */
enum { WAIT_US = 200000, LOOKS = 5, WAITS_MAX = 150 };

struct disk {
	struct fsck *f;
	unsigned index;
	int root_fd;
	unsigned waits; /* so far */
	const struct store_facts *facts;
	struct location_found *found;
	size_t n, room;
};

static void
leaf_path(unsigned leaf, char out[16])
{
	char name[BLOB_LEAF_SIZE];

	blob_leaf_name(leaf, name);
	(void)snprintf(out, 16, "blob/%s", name);
}

static bool
add_file(struct disk *d, int dir_fd, const char *name)
{
	struct location_found found = {.id = 0};
	struct stat st;

	if (!blob_name_parse(bytes_of(name), &found.id, found.md5) ||
	    fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return true; /* none of ours, or gone meanwhile */
	found.size = (uint64_t)st.st_size;
	if (d->n == d->room) {
		size_t room = d->room == 0 ? 1024 : 2 * d->room;
		struct location_found *bigger = realloc(d->found, room * sizeof *bigger);

		if (bigger == NULL)
			return false;
		d->found = bigger;
		d->room = room;
	}
	d->found[d->n++] = found;
	return true;
}

static enum err
list_leaf(struct disk *d, unsigned leaf, struct errinfo *why)
{
	char path[16];
	struct dirent *entry;
	DIR *dir;
	int fd;
	bool ok = true;

	d->n = 0;
	leaf_path(leaf, path);
	fd = openat(d->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return ERR_OK; /* no file was ever put there */
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return errinfo_sys(why, ERR_IO, errno, "cannot list %s", path);
	}
	errno = 0;
	while (ok && (entry = readdir(dir)) != NULL) {
		ok = add_file(d, fd, entry->d_name);
		errno = 0; /* readdir alone says what went wrong */
	}
	if (ok && errno != 0) {
		enum err e = errinfo_sys(why, ERR_IO, errno, "cannot list %s", path);

		(void)closedir(dir);
		return e;
	}
	(void)closedir(dir);
	return ok ? ERR_OK : errinfo_set(why, ERR_NO_MEMORY, "no memory for a listing");
}

/* The size of a blob's file now; UINT64_MAX: there is none. */
static uint64_t
size_now(const struct disk *d, const struct blob *blob)
{
	char leaf[16], name[BLOB_NAME_SIZE], path[80];
	struct stat st;

	leaf_path(blob_leaf(blob->id), leaf);
	blob_name(blob->id, blob->md5, name);
	(void)snprintf(path, sizeof path, "%s/%s", leaf, name);
	return fstatat(d->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0
		   ? (uint64_t)st.st_size
		   : UINT64_MAX;
}

/* What is wrong with a copy; NULL: nothing. What changes in between is no finding. */
static const char *
judge_copy(const struct disk *d, uint64_t id)
{
	struct blob blob;
	uint64_t size, before, wanted;

	if (blob_get(d->f->reader, id, &blob, NULL) != ERR_OK || blob.small)
		return NULL;
	before = size_now(d, &blob);
	if (blob_get(d->f->reader, id, &blob, NULL) != ERR_OK)
		return NULL;
	size = size_now(d, &blob);
	wanted = blob_layout(blob.length).file_size;
	if (before != size)
		return NULL;
	if (!(blob.have >> d->index & 1))
		return size != UINT64_MAX && (blob.want >> d->index & 1)
			   ? "its file is there, and not counted"
			   : NULL;
	if (size == UINT64_MAX)
		return "its copy is missing";
	return size != wanted ? "its copy has another size" : NULL;
}

/*
 * The same of a file that no record names. Ids from the oldest upload on may be
 * unfinished; what waits for removal is known until it is gone.
 */
static const char *
judge_file(const struct disk *d, uint64_t id)
{
	bool known = true;

	if (id >= d->facts->oldest_open_blob ||
	    blob_known(d->f->reader, id, d->index, &known, NULL) != ERR_OK || known)
		return NULL;
	for (size_t i = 0; i < d->n; i++) {
		struct blob blob = {.id = id};

		(void)memcpy(blob.md5, d->found[i].md5, MD5_SIZE);
		if (d->found[i].id == id && size_now(d, &blob) != UINT64_MAX)
			return "there is a file, and nothing that names it";
	}
	return NULL;
}

static const char *
judge(const struct disk *d, const struct leaf_suspect *s)
{
	return s->doubt == DOUBT_UNKNOWN ? judge_file(d, s->id) : judge_copy(d, s->id);
}

static bool
some_are_wrong(const struct disk *d, const struct leaf_suspect *suspect, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (judge(d, &suspect[i]) != NULL)
			return true;
	return false;
}

static void
look_again(struct disk *d, const struct leaf_suspect *suspect, size_t n)
{
	for (unsigned i = 0; i < LOOKS && d->waits < WAITS_MAX; i++) {
		if (!some_are_wrong(d, suspect, n))
			return;
		d->waits++;
		(void)usleep(WAIT_US);
	}
	for (size_t i = 0; i < n; i++) {
		const char *what = judge(d, &suspect[i]);

		if (what == NULL)
			continue;
		d->f->differences++;
		fsck_tell(d->f, "location %u: blob %llu: %s", d->index + 1,
		    (unsigned long long)suspect[i].id, what);
	}
}

static enum err
compare(struct disk *d, const struct blob *blob, size_t n, struct errinfo *why)
{
	struct leaf_suspect *suspect = calloc(n + d->n + 1, sizeof *suspect);

	if (suspect == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory to compare");
	for (size_t i = 0; i < n; i++)
		d->f->copies += blob[i].have >> d->index & 1;
	look_again(d, suspect, leaf_merge(blob, n, d->found, d->n, d->index, suspect));
	free(suspect);
	return ERR_OK;
}

static enum err
check_leaf(struct disk *d, unsigned leaf, struct errinfo *why)
{
	struct blob *blob;
	size_t n;
	enum err e = list_leaf(d, leaf, why);

	if (e == ERR_OK)
		e = blob_list_leaf(
		    d->f->reader, leaf, d->facts->blob_ids, &blob, &n, why);
	if (e != ERR_OK)
		return e;
	e = compare(d, blob, n, why);
	free(blob);
	return e;
}

/* False: it is not there, or another's. */
static bool
open_disk(struct disk *d, const char *root)
{
	struct location_marker marker;
	struct errinfo why;

	d->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->root_fd < 0) {
		fsck_tell(
		    d->f, "location %u: %s: %s", d->index + 1, root, strerror(errno));
		return false;
	}
	if (location_marker_read(d->root_fd, &marker, &why) != ERR_OK) {
		fsck_tell(
		    d->f, "location %u: %s: %s", d->index + 1, root, errinfo_text(&why));
		return false;
	}
	if (memcmp(marker.store, d->facts->uuid, STORE_UUID_SIZE) != 0 ||
	    marker.index != d->index) {
		fsck_tell(d->f, "location %u: %s is not it", d->index + 1, root);
		return false;
	}
	return true;
}

static enum err
check_disk(struct disk *d, const char *root, struct errinfo *why)
{
	unsigned leaves = blob_leaves(d->facts->blob_ids);
	enum err e = ERR_OK;
	char what[32];

	if (!open_disk(d, root)) {
		d->f->away++;
		return ERR_OK;
	}
	(void)snprintf(what, sizeof what, "location %u", d->index + 1);
	for (unsigned leaf = 0; leaf < leaves && e == ERR_OK; leaf++) {
		e = check_leaf(d, leaf, why);
		fsck_progress(d->f, what, leaf, leaves);
	}
	return e;
}

enum err
fsck_disks(struct fsck *f, struct errinfo *why)
{
	struct store_facts facts;
	enum err e = store_facts(f->reader, &facts, why);

	for (unsigned i = 0; i < f->settings->locations.n && e == ERR_OK; i++) {
		struct disk disk = {.f = f, .index = i, .root_fd = -1, .facts = &facts};

		e = check_disk(&disk, f->settings->locations.items[i], why);
		if (disk.root_fd >= 0)
			(void)close(disk.root_fd);
		free(disk.found);
	}
	return e;
}
