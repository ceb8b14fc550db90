/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/rebuild.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "replication/meta_first.h"
#include "replication/meta_place.h"
#include "replication/rebuild_files.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "storage/accounts.h"
#include "storage/blob_file.h"
#include "storage/blob_pack.h"
#include "storage/nodes.h"
#include "storage/store_replay.h"

enum {
	READERS = 16,
	AT_ONCE = 256, /* files in one commit */
	ARENA_BYTES = 4 * 1024 * 1024,
	DEPTH_MAX = BLOB_PATH_MAX / 2,
	NAME_SIZE = NODE_NAME_MAX + 1,
};

static const struct bytes lost_and_found = {"lost+found", sizeof "lost+found" - 1};

/* Waits for changes: they come back on the writer's thread. */
struct turnstile {
	pthread_mutex_t lock;
	pthread_cond_t back;
	unsigned out;
};

struct building {
	const struct rebuild_config *config;
	struct rebuild_files files;
	struct rebuilt *out;
	struct store *store;
	struct store_reader *reader;
	struct arena arena;
	uint64_t owner;
	struct journal_position at;
	struct turnstile turnstile;
};

/* A file on its way into the catalogue. */
struct entry {
	struct nodes_put_file put;
	struct building *b;
	const struct rebuild_file *file;
	char name[NAME_SIZE];
};

/* Changes */

static void
submitted(struct turnstile *t)
{
	(void)pthread_mutex_lock(&t->lock);
	t->out++;
	(void)pthread_mutex_unlock(&t->lock);
}

static void
came_back(struct turnstile *t)
{
	(void)pthread_mutex_lock(&t->lock);
	if (--t->out == 0)
		(void)pthread_cond_signal(&t->back);
	(void)pthread_mutex_unlock(&t->lock);
}

static void
wait_for_all(struct turnstile *t)
{
	(void)pthread_mutex_lock(&t->lock);
	while (t->out > 0)
		(void)pthread_cond_wait(&t->back, &t->lock);
	(void)pthread_mutex_unlock(&t->lock);
}

/* Names */

/* "NAME~ID" if that is a name, else "ID". */
static void
name_apart(struct bytes name, uint64_t id, char to[NAME_SIZE])
{
	int n = name.n + 17 > NODE_NAME_MAX
		    ? 0
		    : snprintf(to, NAME_SIZE, "%.*s~", BYTES_ARG(name));

	(void)snprintf(to + n, (size_t)(NAME_SIZE - n), "%016" PRIx64, id);
}

/* As path_show wrote it. False: it is only the end of one, or none at all. */
static bool
parse(struct arena *a, const char *text, struct path *out)
{
	struct bytes *part = arena_array(a, struct bytes, DEPTH_MAX);
	struct errinfo ignored;
	size_t n = 0;

	if (part == NULL || *text != '/')
		return false;
	while (*text == '/' && n < DEPTH_MAX) {
		size_t length = strcspn(++text, "/");

		part[n] = (struct bytes){text, length};
		if (path_check_name(part[n++], &ignored) != ERR_OK)
			return false;
		text += length;
	}
	*out = (struct path){part, n};
	return *text == '\0' && n > 0;
}

/* The container a file goes into. */
static struct path
container_of_file(
    struct building *b, const char *text, struct path *whole, bool *is_known)
{
	*is_known = parse(&b->arena, text, whole);
	return *is_known ? path_front(*whole, whole->n - 1)
			 : (struct path){&lost_and_found, 1};
}

/* Containers */

struct making {
	struct nodes_create create;
	struct turnstile *turnstile;
};

static void
made(struct change *change)
{
	struct nodes_create *create = container_of(change, struct nodes_create, change);

	came_back(container_of(create, struct making, create)->turnstile);
}

static enum err
make_container(struct building *b, uint64_t parent, struct bytes name, uint64_t *id_out,
    struct errinfo *why)
{
	struct making making = {
	    .create = {.change = {.done = made},
		.parent_id = parent,
		.node = {.type = NODE_CONTAINER,
		    .name = name,
		    .owner = b->owner,
		    .quota = NODE_NO_QUOTA}},
	    .turnstile = &b->turnstile,
	};

	submitted(&b->turnstile);
	nodes_create(b->store, &making.create);
	wait_for_all(&b->turnstile);
	*id_out = making.create.id_out;
	b->out->containers += making.create.change.err == ERR_OK;
	if (making.create.change.err != ERR_OK)
		*why = making.create.change.why;
	return making.create.change.err;
}

static enum err
ensure(struct building *b, struct path path, uint64_t *id_out, struct errinfo *why)
{
	struct nodes_trail trail;
	enum err e = nodes_walk(b->reader, &b->arena, path, &trail, why);

	if (e != ERR_OK)
		return e;
	*id_out = trail.node[trail.n - 1].id;
	for (size_t i = trail.n - 1; i < path.n && e == ERR_OK; i++)
		e = make_container(b, *id_out, path.part[i], id_out, why);
	return e;
}

/* All of them before the first file, so that no file takes a container's name. */
static enum err
make_containers(struct building *b, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < b->files.n && e == ERR_OK; i++) {
		struct path whole;
		uint64_t id;
		bool is_known;

		arena_clear(&b->arena);
		e = ensure(b,
		    container_of_file(b, b->files.file[i].path, &whole, &is_known), &id,
		    why);
	}
	return e;
}

/* Files */

static void
file_is_put(struct change *change)
{
	struct nodes_put_file *put = container_of(change, struct nodes_put_file, change);

	came_back(&container_of(put, struct entry, put)->b->turnstile);
}

static void
submit(struct entry *entry)
{
	entry->put.name = bytes_of(entry->name);
	submitted(&entry->b->turnstile);
	nodes_put_file(entry->b->store, &entry->put);
}

static enum err
begin(struct building *b, const struct rebuild_file *file, struct entry *entry,
    struct errinfo *why)
{
	struct path whole;
	bool is_known;
	struct path container = container_of_file(b, file->path, &whole, &is_known);

	*entry = (struct entry){
	    .put = {.change = {.done = file_is_put},
		.owner = b->owner,
		.blob = file->blob},
	    .b = b,
	    .file = file,
	};
	if (!is_known)
		name_apart((struct bytes){"", NODE_NAME_MAX}, file->blob.id, entry->name);
	else if (!file->has_name)
		name_apart(path_name(whole), file->blob.id, entry->name);
	else
		(void)snprintf(
		    entry->name, NAME_SIZE, "%.*s", BYTES_ARG(path_name(whole)));
	b->out->renamed += !is_known || !file->has_name;
	return ensure(b, container, &entry->put.parent_id, why);
}

/* A container has its name: another one for the file. */
static void
again(struct entry *entry)
{
	char name[NAME_SIZE];

	name_apart(bytes_of(entry->name), entry->file->blob.id, name);
	(void)memcpy(entry->name, name, sizeof name);
	entry->b->out->renamed++;
	submit(entry);
}

static enum err
put_some(
    struct building *b, const struct rebuild_file *file, size_t n, struct errinfo *why)
{
	static struct entry entry[AT_ONCE];
	enum err e = ERR_OK;
	size_t begun = 0;

	arena_clear(&b->arena);
	for (; begun < n && e == ERR_OK; begun++)
		e = begin(b, &file[begun], &entry[begun], why);
	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < n; i++)
		submit(&entry[i]);
	wait_for_all(&b->turnstile);
	for (size_t i = 0; i < n; i++)
		if (entry[i].put.change.err == ERR_CHANGED)
			again(&entry[i]);
	wait_for_all(&b->turnstile);
	for (size_t i = 0; i < n; i++) {
		if (entry[i].put.change.err == ERR_OK)
			continue;
		*why = entry[i].put.change.why;
		return entry[i].put.change.err;
	}
	b->out->files += n;
	return ERR_OK;
}

struct pack_found {
	struct blob_pack_found found;
	struct turnstile *turnstile;
};

static void
pack_is_put(struct change *change)
{
	struct blob_pack_found *found =
	    container_of(change, struct blob_pack_found, change);

	came_back(container_of(found, struct pack_found, found)->turnstile);
}

/* Before their members. */
static enum err
put_packs(struct building *b, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < b->files.n_packs && e == ERR_OK; i++) {
		struct pack_found p = {
		    .found = {.change = {.done = pack_is_put}, .blob = b->files.pack[i]},
		    .turnstile = &b->turnstile,
		};

		submitted(&b->turnstile);
		blob_pack_found(b->store, &p.found);
		wait_for_all(&b->turnstile);
		e = p.found.change.err;
		if (e != ERR_OK)
			*why = p.found.change.why;
	}
	return e;
}

static enum err
put_files(struct building *b, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < b->files.n && e == ERR_OK; i += AT_ONCE)
		e = put_some(b, &b->files.file[i],
		    b->files.n - i < AT_ONCE ? b->files.n - i : AT_ONCE, why);
	return e;
}

/* The store */

static enum err
find_owner(struct building *b, struct errinfo *why)
{
	struct account account;
	enum err e = accounts_find(b->reader, &b->arena,
	    bytes_of(b->config->settings->administrators.items[0]), &account, why);

	if (e == ERR_OK)
		b->owner = account.id;
	return e;
}

static enum err
fill(struct building *b, const struct store_config *config, struct errinfo *why)
{
	enum err e = store_open(config, &b->store, why);

	if (e != ERR_OK)
		return e;
	e = store_reader_new(b->store, &b->reader, why);
	if (e == ERR_OK) {
		e = find_owner(b, why);
		if (e == ERR_OK)
			e = make_containers(b, why);
		if (e == ERR_OK)
			e = put_packs(b, why);
		if (e == ERR_OK)
			e = put_files(b, why);
		store_reader_free(b->reader);
	}
	store_close(b->store);
	return e;
}

/*
 * Changes are counted on from where no lost one, of whatever store was here before, can
 * have come to: as many microseconds, and terms milliseconds, as there are on the clock.
 */
static enum err
set_numbers(struct building *b, const struct store_config *config, struct errinfo *why)
{
	uint64_t now_ms = (uint64_t)clock_wall_ms();
	struct store_replay *replay;
	struct errinfo ignored;
	enum err e = store_replay_open(config, &replay, why), closed;

	if (e != ERR_OK)
		return e;
	b->at = (struct journal_position){.term = now_ms, .seq = now_ms * 1000};
	e = store_replay_rebuilt(replay, &b->at, b->files.last_id, why);
	closed = store_replay_close(replay, e == ERR_OK, e == ERR_OK ? why : &ignored);
	return e != ERR_OK ? e : closed;
}

/* One that cannot be made is made by the server later. */
static enum err
put_first_copies(
    struct building *b, const struct store_config *config, struct errinfo *why)
{
	const struct settings *s = b->config->settings;
	struct errinfo reason;
	enum err e = store_open(config, &b->store, why);

	if (e != ERR_OK)
		return e;
	for (unsigned i = 0; i < s->locations.n; i++)
		if (meta_first_copy(
			b->store, s->locations.items[i], b->at.seq, &reason) != ERR_OK)
			b->config->tell(b->config->arg, errinfo_text(&reason));
	store_close(b->store);
	return ERR_OK;
}

static enum err
build(struct building *b, struct meta_place *place, struct errinfo *why)
{
	const struct settings *s = b->config->settings;
	struct store_config config = {
	    .dir = place->dir,
	    .map_bytes = s->meta_map_size,
	    .readers_max = READERS,
	    .batch_max = AT_ONCE,
	    .uuid = b->files.store,
	};
	enum err e = meta_place_begin(place, why);

	if (e == ERR_OK)
		e = store_format(&config, s->administrators.items[0], why);
	if (e == ERR_OK)
		e = fill(b, &config, why);
	if (e == ERR_OK)
		e = set_numbers(b, &config, why);
	if (e == ERR_OK)
		e = put_first_copies(b, &config, why);
	return e == ERR_OK ? meta_place_commit(place, why) : e;
}

static enum err
check_may_begin(const struct settings *s, struct errinfo *why)
{
	char path[META_PLACE_PATH_SIZE];

	(void)snprintf(path, sizeof path, "%s/data.mdb", s->meta_dir);
	if (access(path, F_OK) == 0)
		return errinfo_set(why, ERR_CONFLICT,
		    "%s is there: only who moves it away can want another one", path);
	return s->administrators.n > 0
		   ? ERR_OK
		   : errinfo_set(why, ERR_CONFIG, "administrators: nobody is named");
}

enum err
rebuild(const struct rebuild_config *config, struct rebuilt *out, struct errinfo *why)
{
	struct building b = {
	    .config = config,
	    .out = out,
	    .turnstile = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0},
	};
	struct meta_place place = {.meta_dir = config->settings->meta_dir};
	enum err e = check_may_begin(config->settings, why);

	*out = (struct rebuilt){.files = 0};
	arena_init(&b.arena, ARENA_BYTES);
	if (e == ERR_OK)
		e = rebuild_files_collect(config, &b.files, why);
	if (e == ERR_OK)
		e = build(&b, &place, why);
	out->passed = b.files.passed;
	out->at_hand = b.files.at_hand;
	meta_place_end(&place);
	rebuild_files_release(&b.files);
	arena_release(&b.arena);
	return e;
}
