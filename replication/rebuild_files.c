/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/rebuild_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/blob_scan.h"
#include "storage/location.h"

enum { TEXT_SIZE = 4096 + 512 };

struct collecting {
	const struct rebuild_config *config;
	struct rebuild_files *files;
	unsigned location;
};

static enum err
found(void *arg, const struct blob_trailer *t, struct errinfo *why)
{
	const struct collecting *c = arg;
	struct rebuild_files *all = c->files;
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
	*f = (struct rebuild_file){.blob = {.id = t->id,
				       .length = t->length,
				       .have = (location_map)(1u << c->location),
				       .created_ms = t->created_ms},
	    .path = strndup(t->path.n == 0 ? "" : t->path.p, t->path.n)};
	(void)memcpy(f->blob.md5, t->md5, MD5_SIZE);
	if (f->path == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a path");
	all->n++;
	return ERR_OK;
}

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

static void
give_names(struct rebuild_files *all)
{
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
		out->file[i].blob.want = want;
	give_names(out);
	return ERR_OK;
}

void
rebuild_files_release(struct rebuild_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		free(files->file[i].path);
	free(files->file);
}
