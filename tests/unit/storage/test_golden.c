/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata stores as each step of the format left them (tests/golden/make), opened with the
 * present code: everything in them is there, nothing contradicts itself, and they go on.
 */
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/accounts.h"
#include "storage/blob_small.h"
#include "storage/catalogue_check.h"
#include "storage/dump.h"
#include "storage/nodes.h"
#include "tests/support/folder.h"

enum { MAP = 64 << 20, FILE_MAX = 1 << 20, LARGE = 200000, REPLACED = 100000 };

struct golden {
	char dir[64];
	struct store *store;
	struct store_reader *reader;
	struct arena arena;
	struct errinfo why;
};

static void
copy(const char *name, const char *dir)
{
	static char bytes[FILE_MAX];
	char path[4096];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof path, QUARTET_GOLDEN "/%s/data.mdb", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, bytes, sizeof bytes);
	assert_in_range(n, 4096, FILE_MAX - 1);
	(void)close(fd);
	(void)snprintf(path, sizeof path, "%s/data.mdb", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, bytes, (size_t)n), n);
	(void)close(fd);
}

static void
open_golden(struct golden *g)
{
	struct store_config config = {
	    .dir = g->dir, .map_bytes = MAP, .readers_max = 8, .batch_max = 10};

	assert_ok(store_open(&config, &g->store, &g->why), &g->why);
	assert_ok(store_reader_new(g->store, &g->reader, &g->why), &g->why);
}

static void
close_golden(struct golden *g)
{
	store_reader_free(g->reader);
	store_close(g->store);
}

static struct node
at(struct golden *g, const char *text)
{
	struct nodes_trail trail;
	struct path path;

	assert_ok(path_parse(&g->arena, bytes_of(text), 10, &path, &g->why), &g->why);
	assert_ok(nodes_walk(g->reader, &g->arena, path, &trail, &g->why), &g->why);
	assert_int_equal(trail.n, path.n + 1);
	return trail.node[path.n];
}

static struct blob
bytes_at(struct golden *g, const char *text)
{
	struct blob blob;

	assert_ok(blob_get(g->reader, at(g, text).blob_id, &blob, &g->why), &g->why);
	return blob;
}

static void
found(void *arg, const char *text)
{
	(void)arg;
	fail_msg("%s", text);
}

static void
quietly(void *arg, const char *what, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)what;
	(void)done;
	(void)total;
}

static void
check_tree(struct golden *g)
{
	struct node node = at(g, "/alice");

	assert_int_equal(node.quota, 123456789);
	assert_int_equal(node.total_bytes, LARGE + REPLACED + 5);
	assert_int_equal(node.total_files, 4);
	node = at(g, "/alice/folder");
	assert_int_equal(node.n_properties, 1);
	assert_true(bytes_is(node.properties[0].uri, "ivo://example.org/note#colour"));
	assert_true(bytes_is(node.properties[0].value, "r\xc3\xb6t & blue"));
	node = at(g, "/alice/folder/shared");
	assert_int_equal(node.is_public, NODE_TRUE);
	assert_int_equal(node.group_read.n, 1);
	assert_true(bytes_is(node.group_read.uri[0], "ivo://example.org/gms?staff"));
	node = at(g, "/alice/link");
	assert_int_equal(node.type, NODE_LINK);
	assert_true(bytes_is(node.target, "https://example.org/elsewhere"));
	assert_int_equal(at(g, "/alice/folder/empty").blob_id, 0);
}

static void
check_people(struct golden *g)
{
	struct account account;
	struct group group;

	assert_ok(accounts_find(g->reader, &g->arena, BYTES("alice"), &account, &g->why),
	    &g->why);
	assert_int_equal(account.id, at(g, "/alice").owner);
	assert_int_equal(account.n_dns, 1);
	assert_true(account.password.n > 0);
	assert_ok(
	    groups_find(g->reader, &g->arena, BYTES("staff"), &group, &g->why), &g->why);
}

static void
check_bytes(struct golden *g, bool is_small)
{
	char row[1000];
	struct blob blob = bytes_at(g, "/alice/folder/large");
	struct blob_small small;
	size_t n;

	assert_int_equal(blob.length, LARGE);
	assert_true(__builtin_popcount(blob.have) >= 3);
	assert_int_equal(blob.want, 15);
	assert_int_equal(bytes_at(g, "/alice/folder/replaced").length, REPLACED);
	blob = bytes_at(g, "/alice/folder/small");
	assert_int_equal(blob.small, is_small);
	if (!is_small)
		return;
	assert_ok(
	    blob_small_get(g->reader, blob.id, row, sizeof row, &n, &g->why), &g->why);
	assert_ok(
	    blob_small_decode(blob.id, (struct bytes){row, n}, &small, &g->why), &g->why);
	assert_true(bytes_is(small.data, "small"));
}

/* On the writer's thread; closing the store waits for it. */
static void
made(struct change *change)
{
	(void)change;
}

static void
check_goes_on(struct golden *g)
{
	struct nodes_create r = {.change = {.done = made},
	    .parent_id = at(g, "/alice").id,
	    .node = {.type = NODE_CONTAINER,
		.name = BYTES("new"),
		.owner = 1,
		.quota = NODE_NO_QUOTA}};

	nodes_create(g->store, &r);
	close_golden(g);
	assert_ok(r.change.err, &r.change.why);
	open_golden(g);
	assert_int_equal(at(g, "/alice/new").id, r.id_out);
}

/* The store in g->dir gives way to one that is made of its export. */
static void
export_and_load(struct golden *g)
{
	char from[64];
	uint64_t written, loaded;
	FILE *text = tmpfile();

	assert_non_null(text);
	open_golden(g);
	assert_ok(dump_write(g->reader, text, &written, &g->why), &g->why);
	close_golden(g);
	(void)memcpy(from, g->dir, sizeof from);
	folder_remove(from);
	folder_make(g->dir);
	rewind(text);
	assert_ok(dump_load(text, g->dir, MAP, &loaded, &g->why), &g->why);
	assert_int_equal(loaded, written);
	(void)fclose(text);
}

static void
check_golden(const char *name, bool is_small, bool as_text)
{
	struct golden g = {.store = NULL};
	struct catalogue_check check = {
	    .window = 1000, .found = found, .progress = quietly};

	folder_make(g.dir);
	copy(name, g.dir);
	arena_init(&g.arena, 1 << 20);
	if (as_text)
		export_and_load(&g);
	open_golden(&g);
	check_tree(&g);
	check_people(&g);
	check_bytes(&g, is_small);
	check_goes_on(&g);
	check.reader = g.reader;
	assert_ok(catalogue_check(&check, &g.why), &g.why);
	assert_int_equal(check.faults, 0);
	close_golden(&g);
	arena_release(&g.arena);
	folder_remove(g.dir);
}

static void
as_the_first_format_left_it(void **state)
{
	(void)state;
	check_golden("1.0", false, false);
}

static void
with_small_files_that_are_not_moved_yet(void **state)
{
	(void)state;
	check_golden("1.0-small", true, false);
}

static void
by_way_of_an_export(void **state)
{
	(void)state;
	check_golden("1.0", false, true);
	check_golden("1.0-small", true, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(as_the_first_format_left_it),
	    cmocka_unit_test(with_small_files_that_are_not_moved_yet),
	    cmocka_unit_test(by_way_of_an_export),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
