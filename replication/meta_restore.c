/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/meta_restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replication/meta_copy.h"
#include "replication/meta_place.h"
#include "replication/quorum.h"
#include "service/core/clock.h"
#include "storage/location.h"

enum { PATH_SIZE = 4096, BLOCK = 1024 * 1024, READERS = 16 };

struct candidate {
	uint64_t seq;
	int64_t made_ms;
	char path[PATH_SIZE];
};

struct restore {
	const struct meta_restore_config *config;
	struct meta_place place;
	struct candidate *candidate;
	size_t n;
};

static void __attribute__((format(printf, 2, 3)))
tell(const struct restore *r, const char *fmt, ...)
{
	char text[PATH_SIZE + 256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	r->config->tell(r->config->arg, text);
}

/* What there is */

static enum err
add_candidate(struct restore *r, const char *root, const char *name, struct errinfo *why)
{
	struct candidate c, *p;

	if (!meta_copy_name_parse(bytes_of(name), &c.seq, &c.made_ms))
		return ERR_OK;
	(void)snprintf(c.path, sizeof c.path, "%s/" LOCATION_META_DIR "/%s", root, name);
	p = realloc(r->candidate, (r->n + 1) * sizeof *p);
	if (p == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a list of copies");
	r->candidate = p;
	r->candidate[r->n++] = c;
	return ERR_OK;
}

static enum err
look_at(struct restore *r, const char *root, struct errinfo *why)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	enum err e = ERR_OK;
	DIR *dir;

	(void)snprintf(path, sizeof path, "%s/" LOCATION_META_DIR, root);
	dir = opendir(path);
	if (dir == NULL) {
		tell(r, "%s: %s", path, strerror(errno));
		return ERR_OK;
	}
	while (e == ERR_OK && (entry = readdir(dir)) != NULL)
		e = add_candidate(r, root, entry->d_name, why);
	(void)closedir(dir);
	return e;
}

static int
newest_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->seq != y->seq)
		return x->seq > y->seq ? -1 : 1;
	return x->made_ms > y->made_ms ? -1 : x->made_ms < y->made_ms;
}

/* Locations of one store only: its copies must not be mixed with another's. */
static enum err
list_candidates(struct restore *r, struct errinfo *why)
{
	const struct settings *s = r->config->settings;
	uint8_t uuid[STORE_UUID_SIZE], first[STORE_UUID_SIZE];
	bool any = false;
	enum err e = ERR_OK;

	for (unsigned i = 0; i < s->locations.n && e == ERR_OK; i++) {
		const char *root = s->locations.items[i];

		if (location_dir_store(root, i, uuid, why) != ERR_OK) {
			tell(r, "%s is left out: %s", root, errinfo_text(why));
			continue;
		}
		if (any && memcmp(uuid, first, sizeof uuid) != 0)
			return errinfo_set(why, ERR_CONFLICT,
			    "%s belongs to another store than the ones before it", root);
		(void)memcpy(first, uuid, sizeof first);
		any = true;
		e = look_at(r, root, why);
	}
	if (e == ERR_OK && r->n == 0)
		e = errinfo_set(
		    why, ERR_NOT_FOUND, "no location has a copy of the metadata");
	if (r->n > 0)
		qsort(r->candidate, r->n, sizeof *r->candidate, newest_first);
	return e;
}

/* Making it */

static int
copy_bytes(int from, int to)
{
	char *block = malloc(BLOCK);
	ssize_t n = -1;

	while (block != NULL && (n = read(from, block, BLOCK)) > 0)
		if (write(to, block, (size_t)n) != n) {
			n = -1;
			break;
		}
	free(block);
	return n == 0 && fsync(to) == 0 ? 0 : -1;
}

static enum err
fetch(struct restore *r, const char *from, struct errinfo *why)
{
	char path[PATH_SIZE + 16];
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	enum err e = ERR_OK;

	if (in < 0)
		return errinfo_sys(why, ERR_NOT_FOUND, errno, "cannot open %s", from);
	e = meta_place_begin(&r->place, why);
	(void)snprintf(path, sizeof path, "%s/data.mdb", r->place.dir);
	out =
	    e == ERR_OK ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	if (e == ERR_OK && (out < 0 || copy_bytes(in, out) != 0))
		e = errinfo_sys(why, ERR_IO, errno, "cannot copy %s", from);
	if (out >= 0)
		(void)close(out);
	(void)close(in);
	return e;
}

static enum err
fetch_good(struct restore *r, const char *from, struct errinfo *why)
{
	enum err e = fetch(r, from, why);

	tell(r, "looking at %s", from);
	if (e == ERR_OK)
		e = meta_copy_check(r->config->checker, r->place.dir, why);
	if (e != ERR_OK)
		tell(r, "%s is no good copy: %s", from, errinfo_text(why));
	return e;
}

static enum err
fetch_newest(struct restore *r, struct errinfo *why)
{
	char path[PATH_SIZE];
	enum err e;

	if (r->config->from != NULL) {
		(void)snprintf(path, sizeof path, "%s/data.mdb", r->config->from);
		return fetch_good(r, path, why);
	}
	e = list_candidates(r, why);
	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < r->n; i++)
		if (fetch_good(r, r->candidate[i].path, why) == ERR_OK)
			return ERR_OK;
	return errinfo_set(
	    why, ERR_NOT_FOUND, "none of %zu copies of the metadata is good", r->n);
}

static enum err
take_journals(const struct restore *r, struct journal_recovered *out, struct errinfo *why)
{
	const struct settings *s = r->config->settings;
	struct store_config store = {
	    .dir = r->place.dir, .map_bytes = s->meta_map_size, .readers_max = READERS};
	struct journal_recover_config config = {
	    .store = &store,
	    .root = (const char *const *)s->locations.items,
	    .n = (unsigned)s->locations.n,
	    .copies = quorum_journal((unsigned)s->journal_copies,
		(unsigned)s->write_quorum, (unsigned)s->locations.n),
	    .deadline_ms = s->io_deadline,
	    .is_restored = true,
	    .accept_loss = r->config->accept_loss,
	};

	return journal_recover(&config, out, why);
}

enum err
meta_restore(const struct meta_restore_config *config, struct journal_recovered *out,
    struct errinfo *why)
{
	struct restore r = {
	    .config = config, .place = {.meta_dir = config->settings->meta_dir}};
	enum err e = fetch_newest(&r, why);

	if (e == ERR_OK)
		e = take_journals(&r, out, why);
	if (e == ERR_OK)
		e = meta_place_commit(&r.place, why);
	meta_place_end(&r.place);
	free(r.candidate);
	if (e == ERR_OK)
		tell(&r, "restored, up to change %llu", (unsigned long long)out->at.seq);
	return e;
}
