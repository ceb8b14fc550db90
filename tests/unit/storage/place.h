/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place - one location in a scratch folder, driven as the mirror drives it, with either
 * engine. What a disk does wrong is played by tests/support/fake_io.h.
 *
 * Setup and teardown of cmocka: open_place or open_attached, close_place; *state is the
 * struct. run_with_both_engines runs a table of tests twice.
 */
#ifndef QUARTET_TESTS_PLACE_H
#define QUARTET_TESTS_PLACE_H

#include "tests/support/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service/core/clock.h"
#include "storage/location_dir.h"
#include "tests/support/fake_io.h"
#include "tests/support/folder.h"

enum { PAGE = BLOB_PAGE, INDEX = 2, ID = 5000, PATIENCE_MS = 10000 };

struct place {
	char dir[64];
	char root[96];
	uint8_t store[STORE_UUID_SIZE];
	struct pool *pool;
	struct loop *loop;
	struct location *location;
	struct piece *probe_piece;
	struct errinfo why;
};

static const char *engine_name;

static inline void
open_location(struct place *p, struct location **out)
{
	struct location_dir_config config = {.root = p->root,
	    .index = INDEX,
	    .engine = engine_name,
	    .depth = 16,
	    .threads = 4};

	(void)memcpy(config.store, p->store, sizeof config.store);
	fake_io_reset();
	assert_ok(location_dir_open(&config, out, &p->why), &p->why);
}

static inline int
open_place(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	assert_non_null(p);
	folder_make(p->dir);
	(void)snprintf(p->root, sizeof p->root, "%s/root", p->dir);
	(void)memset(p->store, 0x5a, sizeof p->store);
	assert_ok(location_dir_format(p->root, INDEX, p->store, &p->why), &p->why);
	assert_ok(pool_new(96 << 20, &p->pool, &p->why), &p->why);
	assert_ok(loop_new("test", &p->loop, &p->why), &p->why);
	p->probe_piece = pool_take(p->pool, PIECE_SMALL);
	assert_non_null(p->probe_piece);
	open_location(p, &p->location);
	assert_string_equal(location_dir_engine(p->location), engine_name);
	*state = p;
	return 0;
}

static inline int
close_place(void **state)
{
	struct place *p = *state;

	assert_true(location_close(p->location, 5000));
	piece_unref(p->probe_piece);
	assert_int_equal(pool_stats(p->pool).used_bytes, 0);
	pool_free(p->pool);
	loop_free(p->loop);
	folder_remove(p->dir);
	free(p);
	return 0;
}

/* Calls: `loop` is cleared when one is done. */

static inline void
call_done(struct location_call *call)
{
	struct loop *loop = call->loop;

	assert_non_null(loop);
	call->loop = NULL;
	loop_stop(loop);
}

static inline void
start(struct place *p, struct location_call *call)
{
	call->loop = p->loop;
	call->done = call_done;
	location_submit(p->location, call);
}

static inline enum err
wait_for(struct place *p, struct location_call *call)
{
	while (call->loop != NULL)
		loop_run(p->loop);
	if (call->err != ERR_OK)
		p->why = call->why;
	return call->err;
}

static inline enum err
run(struct place *p, struct location_call *call)
{
	start(p, call);
	return wait_for(p, call);
}

static inline struct location_probe
some_probe(struct place *p)
{
	return (struct location_probe){
	    .call = {.verb = LOCATION_PROBE}, .piece = p->probe_piece};
}

static inline enum err
probe(struct place *p)
{
	struct location_probe r = some_probe(p);
	enum err e = run(p, &r.call);

	assert_true(r.attached == (e != ERR_LOCATION_DOWN));
	return e;
}

static inline int
open_attached(void **state)
{
	struct place *p;

	(void)open_place(state);
	p = *state;
	assert_ok(probe(p), &p->why);
	return 0;
}

/* Files: one page of one byte repeated, a table and a trailer, unless said otherwise. */

struct file {
	struct piece *piece;
	size_t n;
	struct location_put put;
};

static const uint8_t md5[MD5_SIZE] = {1, 2, 3};

static inline void
fill_file(struct file *f, const uint8_t *store, uint64_t id)
{
	struct blob_trailer trailer = {.id = id, .length = PAGE, .path = BYTES("/x")};
	struct blob_table *table = blob_table_new();

	assert_non_null(table);
	(void)memset(f->piece->data, (int)(id % 251), PAGE);
	(void)memcpy(trailer.md5, md5, MD5_SIZE);
	(void)memcpy(trailer.store, store, STORE_UUID_SIZE);
	assert_true(blob_table_add(table, f->piece->data, PAGE));
	blob_table_write(table, &trailer, f->piece->data + PAGE);
	blob_table_free(table);
	f->n = 3 * PAGE;
}

static inline void
make_file(struct place *p, struct file *f, uint64_t id)
{
	*f = (struct file){.piece = pool_take(p->pool, PIECE_SMALL)};
	assert_non_null(f->piece);
	fill_file(f, p->store, id);
	f->put = (struct location_put){.call = {.verb = LOCATION_PUT}, .id = id};
	(void)memcpy(f->put.md5, md5, MD5_SIZE);
}

static inline void
whole(struct file *f)
{
	f->put.begin = f->put.finish = true;
	f->put.piece = f->piece;
	f->put.n = f->n;
}

static inline enum err
put_whole(struct place *p, struct file *f)
{
	whole(f);
	return run(p, &f->put.call);
}

static inline enum err
put_step(
    struct place *p, struct file *f, bool begin, const struct piece *piece, bool finish)
{
	f->put.begin = begin;
	f->put.finish = finish;
	f->put.piece = piece;
	f->put.n = piece == NULL ? 0 : f->n;
	return run(p, &f->put.call);
}

static inline enum err
put_abandon(struct place *p, struct file *f)
{
	f->put.begin = f->put.finish = false;
	f->put.piece = NULL;
	f->put.abandon = true;
	return run(p, &f->put.call);
}

/* A finished file in one line. */
static inline void
store_file(struct place *p, uint64_t id)
{
	struct file f;

	make_file(p, &f, id);
	assert_ok(put_whole(p, &f), &p->why);
	assert_null(f.put.file);
	piece_unref(f.piece);
}

static inline void
file_path(const struct place *p, uint64_t id, char out[256])
{
	char leaf[BLOB_LEAF_SIZE], name[BLOB_NAME_SIZE];

	blob_leaf_name(blob_leaf(id), leaf);
	blob_name(id, md5, name);
	(void)snprintf(out, 256, "%s/blob/%s/%s", p->root, leaf, name);
}

static inline bool
is_stored(const struct place *p, uint64_t id)
{
	char path[256];
	struct stat st;

	file_path(p, id, path);
	return stat(path, &st) == 0 && st.st_size == 3 * PAGE;
}

static inline unsigned
entries_of(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

static inline unsigned
entries(const struct place *p, const char *folder)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", p->root, folder);
	return entries_of(path);
}

/* Descriptors of this process on files with `part` in their path. */
static inline unsigned
descriptors(const char *part)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char target[512];
		ssize_t length =
		    readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);

		target[length < 0 ? 0 : length] = '\0';
		n += strstr(target, part) != NULL;
	}
	(void)closedir(dir);
	return n;
}

/* A descriptor is closed behind the caller's back: wait for it a while. */
static inline void
check_descriptors(struct place *p, const char *part, unsigned most)
{
	uint64_t patience_ends = clock_mono_ms() + PATIENCE_MS;

	while (descriptors(part) > most && clock_mono_ms() < patience_ends) {
		struct location_leaf leaf = {.call = {.verb = LOCATION_LEAF}};

		(void)run(p, &leaf.call);
		(void)usleep(2000);
	}
	assert_in_range(descriptors(part), 0, most);
}

static inline enum err
read_range(struct place *p, uint64_t id, uint64_t offset, void *to, size_t n)
{
	struct location_range range = {offset, n, to};
	struct location_read r = {
	    .call = {.verb = LOCATION_READ}, .id = id, .range = &range, .n = 1};

	(void)memcpy(r.md5, md5, MD5_SIZE);
	return run(p, &r.call);
}

static inline enum err
remove_files(struct place *p, const uint64_t *id, size_t n, bool tmp, bool quarantine)
{
	struct location_victim victim[64];
	struct location_remove r = {.call = {.verb = LOCATION_REMOVE},
	    .tmp = tmp,
	    .quarantine = quarantine,
	    .victim = victim,
	    .n = n};

	assert_true(n <= 64);
	for (size_t i = 0; i < n; i++) {
		victim[i].id = id[i];
		(void)memcpy(victim[i].md5, md5, MD5_SIZE);
	}
	return run(p, &r.call);
}

static inline struct location_list
list(struct place *p, bool tmp, unsigned leaf, enum err expect)
{
	struct location_list r = {
	    .call = {.verb = LOCATION_LIST}, .tmp = tmp, .leaf = leaf};

	assert_err(run(p, &r.call), expect);
	return r;
}

/* Tests: with io_uring, where the kernel has it, and with threads. */

static inline bool
engine_exists(const char *engine)
{
	struct queue wake;
	struct io_config config = {
	    .engine = engine, .depth = 1, .threads = 1, .wake = &wake};
	struct io *io;
	bool exists;

	assert_ok(queue_init(&wake, NULL), NULL);
	fake_io_reset();
	exists = io_new(&config, &io, NULL) == ERR_OK;
	if (exists)
		io_free(io);
	queue_release(&wake);
	return exists;
}

/* Tests of a table with the engine of that name; how many failed. */
#define run_with(engine, tests)                                                          \
	(engine_name = (engine), cmocka_run_group_tests_name((engine), tests, NULL, NULL))

#define run_with_both_engines(tests)                                                     \
	(run_with("threads", tests) != 0 ||                                              \
	    (engine_exists("uring") ? run_with("uring", tests) != 0                      \
				    : (print_message("no io_uring: skipped\n"), 0)))

#define PLACE(test)    cmocka_unit_test_setup_teardown(test, open_place, close_place)
#define ATTACHED(test) cmocka_unit_test_setup_teardown(test, open_attached, close_place)

#endif
