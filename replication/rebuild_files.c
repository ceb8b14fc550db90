/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/rebuild_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/blob_pack.h"
#include "storage/blob_scan.h"
#include "storage/location.h"

enum { TEXT_SIZE = 4096 + 512 };

struct collecting {
	const struct rebuild_config *config;
	struct rebuild_files *files;
	unsigned location;
};

static void
passed(void *arg, const char *path, const struct errinfo *reason)
{
	const struct collecting *c = arg;
	char text[TEXT_SIZE];

	c->files->passed++;
	(void)snprintf(
	    text, sizeof text, "%s is passed over: %s", path, errinfo_text(reason));
	c->config->tell(c->config->arg, text);
}

static enum err
add(struct rebuild_files *all, const struct blob *blob, struct bytes path,
    struct errinfo *why)
{
	struct rebuild_file *f;

	if (all->n == all->room) {
		size_t room = all->room == 0 ? 1024 : 2 * all->room;
		struct rebuild_file *p = realloc(all->file, room * sizeof *p);

		if (p == NULL)
			return errinfo_set(
			    why, ERR_NO_MEMORY, "no memory for a list of files");
		all->file = p;
		all->room = room;
	}
	f = &all->file[all->n];
	*f = (struct rebuild_file){
	    .blob = *blob, .path = strndup(path.n == 0 ? "" : path.p, path.n)};
	if (f->path == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a path");
	all->n++;
	return ERR_OK;
}

/* The index of a pack; malloc'd, *whole is what to free. */
static enum err
read_index(int fd, uint64_t length, char **whole, struct bytes *out, struct errinfo *why)
{
	uint8_t tail[BLOB_PACK_TAIL];
	uint64_t at;
	enum err e = ERR_DAMAGED;

	if (length >= sizeof tail &&
	    pread(fd, tail, sizeof tail, (off_t)(length - sizeof tail)) == sizeof tail)
		e = blob_pack_tail(tail, length, &at, why);
	else
		(void)errinfo_set(why, e, "it has no index");
	if (e != ERR_OK)
		return e;
	*whole = malloc((size_t)(length - at));
	if (*whole == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for an index");
	*out = (struct bytes){*whole, (size_t)(length - at)};
	return pread(fd, *whole, out->n, (off_t)at) == (ssize_t)out->n
		   ? blob_pack_index_check(*out, why)
		   : errinfo_set(why, ERR_DAMAGED, "its index cannot be read");
}

/* The members of a pack are files without copies of their own. */
static enum err
found_pack(
    const struct collecting *c, int fd, const struct blob *pack, struct errinfo *why)
{
	struct errinfo reason = {.code = ERR_OK};
	struct blob_pack_entry entry;
	struct bytes index;
	char *whole = NULL;
	enum err e = read_index(fd, pack->length, &whole, &index, &reason);

	if (e != ERR_OK) {
		char text[64];

		(void)snprintf(text, sizeof text, "pack %llu of location %u",
		    (unsigned long long)pack->id, c->location + 1);
		passed((void *)(uintptr_t)c, text, &reason);
		free(whole);
		return e == ERR_NO_MEMORY ? errinfo_set(why, e, "no memory") : ERR_OK;
	}
	e = add(c->files, pack, BYTES(BLOB_PACK_PATH), why);
	while (e == ERR_OK && blob_pack_index_next(&index, &entry)) {
		struct blob member = {.id = entry.id,
		    .length = entry.length,
		    .pack = pack->id,
		    .pack_at = entry.at};

		(void)memcpy(member.md5, entry.md5, MD5_SIZE);
		e = add(c->files, &member, entry.path, why);
	}
	free(whole);
	return e;
}

static enum err
found(void *arg, int fd, const struct blob_trailer *t, struct errinfo *why)
{
	const struct collecting *c = arg;
	struct blob blob = {.id = t->id,
	    .length = t->length,
	    .have = (location_map)(1u << c->location),
	    .created_ms = t->created_ms};

	(void)memcpy(blob.md5, t->md5, MD5_SIZE);
	return bytes_is(t->path, BLOB_PACK_PATH) ? found_pack(c, fd, &blob, why)
						 : add(c->files, &blob, t->path, why);
}

/* Which store is it? False: this location is not at hand. */
static bool
is_at_hand(const struct collecting *c, const char *root, uint8_t uuid[STORE_UUID_SIZE])
{
	struct errinfo why = {.code = ERR_OK};
	char text[TEXT_SIZE];

	if (location_dir_store(root, c->location, uuid, &why) == ERR_OK)
		return true;
	(void)snprintf(text, sizeof text, "%s is left out: %s", root, errinfo_text(&why));
	c->config->tell(c->config->arg, text);
	return false;
}

static enum err
collect_from(struct collecting *c, const char *root, struct errinfo *why)
{
	struct blob_scan scan = {
	    .root = root, .found = found, .passed = passed, .arg = c};
	char text[TEXT_SIZE];

	if (!is_at_hand(c, root, scan.store))
		return ERR_OK;
	if (c->files->at_hand > 0 &&
	    memcmp(scan.store, c->files->store, STORE_UUID_SIZE) != 0)
		return errinfo_set(why, ERR_CONFLICT,
		    "%s belongs to another store than the ones before it", root);
	c->files->at_hand++;
	(void)memcpy(c->files->store, scan.store, STORE_UUID_SIZE);
	(void)snprintf(text, sizeof text, "looking through %s", root);
	c->config->tell(c->config->arg, text);
	return blob_scan(&scan, why);
}

static int
by_blob(const void *a, const void *b)
{
	const struct rebuild_file *x = a, *y = b;

	if (x->blob.id != y->blob.id)
		return x->blob.id < y->blob.id ? -1 : 1;
	return memcmp(x->blob.md5, y->blob.md5, MD5_SIZE);
}

static int
by_path(const void *a, const void *b)
{
	const struct rebuild_file *x = a, *y = b;
	int path = strcmp(x->path, y->path);

	if (path != 0)
		return path;
	return x->blob.id > y->blob.id ? -1 : x->blob.id < y->blob.id;
}

/* The copies of one file become one entry. Of two files with one id, which no server
 * makes, the second is passed over. */
static void
merge(struct rebuild_files *all)
{
	size_t kept = 0;

	if (all->n > 0)
		qsort(all->file, all->n, sizeof *all->file, by_blob);
	for (size_t i = 0; i < all->n; i++) {
		struct rebuild_file *f = &all->file[i];
		struct rebuild_file *before = kept == 0 ? NULL : &all->file[kept - 1];

		if (before == NULL || before->blob.id != f->blob.id) {
			all->file[kept++] = *f;
			continue;
		}
		if (by_blob(before, f) == 0)
			before->blob.have |= f->blob.have;
		else
			all->passed++;
		free(f->path);
	}
	all->n = kept;
	if (kept > 0)
		all->last_id = all->file[kept - 1].blob.id;
}

/* Packs out of the list. */
static enum err
set_packs_apart(struct rebuild_files *all, struct errinfo *why)
{
	size_t kept = 0;

	all->pack = calloc(all->n, sizeof *all->pack);
	if (all->pack == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a list of packs");
	for (size_t i = 0; i < all->n; i++) {
		struct rebuild_file *f = &all->file[i];

		if (strcmp(f->path, BLOB_PACK_PATH) != 0) {
			all->file[kept++] = *f;
			continue;
		}
		all->pack[all->n_packs++] = f->blob;
		free(f->path);
	}
	all->n = kept;
	return ERR_OK;
}

static void
give_names(struct rebuild_files *all)
{
	if (all->n > 0)
		qsort(all->file, all->n, sizeof *all->file, by_path);
	for (size_t i = 0; i < all->n; i++)
		all->file[i].has_name =
		    i == 0 || strcmp(all->file[i].path, all->file[i - 1].path) != 0;
}

enum err
rebuild_files_collect(
    const struct rebuild_config *config, struct rebuild_files *out, struct errinfo *why)
{
	const struct settings *s = config->settings;
	struct collecting c = {.config = config, .files = out};
	location_map want = (location_map)((1u << s->locations.n) - 1);
	enum err e = ERR_OK;

	for (; c.location < s->locations.n && e == ERR_OK; c.location++)
		e = collect_from(&c, s->locations.items[c.location], why);
	if (e == ERR_OK && out->at_hand == 0)
		e = errinfo_set(why, ERR_NOT_FOUND, "no location is at hand");
	if (e != ERR_OK || out->n == 0)
		return e;
	merge(out);
	for (size_t i = 0; i < out->n; i++)
		out->file[i].blob.want = out->file[i].blob.pack == 0 ? want : 0;
	e = set_packs_apart(out, why);
	give_names(out);
	return e;
}

void
rebuild_files_release(struct rebuild_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		free(files->file[i].path);
	free(files->file);
	free(files->pack);
}
