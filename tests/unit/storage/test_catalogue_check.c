/* SPDX-License-Identifier: Apache-2.0 */
/* A catalogue in order passes; each thing that is put wrong in it is told. */
#include "catalogue.h"

#include "storage/blob_write.h"
#include "storage/catalogue_check.h"
#include "storage/node_codec.h"
#include "storage/pack.h"

enum { TEXTS_MAX = 20 };

struct found {
	char text[TEXTS_MAX][ERRINFO_TEXT_SIZE];
	unsigned n, progress;
	struct catalogue_check check;
};

static void
note(void *arg, const char *text)
{
	struct found *f = arg;

	if (f->n < TEXTS_MAX)
		(void)snprintf(f->text[f->n], sizeof f->text[0], "%s", text);
	f->n++;
}

static void
progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct found *f = arg;

	assert_true(done <= total && what != NULL);
	f->progress++;
}

static void
look(struct catalogue *c, struct found *f, uint64_t window)
{
	*f = (struct found){.check = {.reader = c->rig.reader,
				.window = window,
				.found = note,
				.progress = progress,
				.arg = f}};
	assert_done(c, catalogue_check(&f->check, &c->why));
	assert_int_equal(f->check.faults, f->n);
}

static bool
says(const struct found *f, const char *part)
{
	for (unsigned i = 0; i < f->n && i < TEXTS_MAX; i++)
		if (strstr(f->text[i], part) != NULL)
			return true;
	return false;
}

static void
assert_clean(struct catalogue *c)
{
	struct found f;

	look(c, &f, 1 << 20);
	if (f.n > 0)
		fail_msg("%s", f.text[0]);
	look(c, &f, 3); /* in many windows */
	if (f.n > 0)
		fail_msg("%s", f.text[0]);
}

/* At least one fault, and one that says so. */
static void
assert_told(struct catalogue *c, const char *part)
{
	struct found f;

	look(c, &f, 1 << 20);
	if (!says(&f, part))
		fail_msg("not told: %s; but: %s", part, f.n > 0 ? f.text[0] : "nothing");
}

struct tree {
	uint64_t a, b, empty, f, g, link;
	uint64_t blob_f, blob_g;
};

/* /a/b/f, /a/g, /a/empty, /a/link. */
static struct tree
plant(struct catalogue *c)
{
	struct store_reserve reserve = {.first_out = 0}; /* as a server has its ids */
	struct tree t;

	assert_done(c, run(c, store_reserve, &reserve));
	t.a = folder(c, ROOT, "a");
	t.b = folder(c, t.a, "b");
	t.empty = folder(c, t.a, "empty");
	t.f = file(c, t.b, "f", 100);
	t.blob_f = c->last_blob;
	t.g = file(c, t.a, "g", 7);
	t.blob_g = c->last_blob;
	t.link = make(c, t.a, "link", NODE_LINK);
	return t;
}

static void
what_is_in_order_passes(void **state)
{
	struct catalogue *c = *state;
	struct found f;
	struct tree t;

	assert_clean(c);
	t = plant(c);
	assert_clean(c);
	look(c, &f, 1 << 20);
	assert_int_equal(f.check.nodes, 7);
	assert_int_equal(f.check.blobs, 2);
	assert_int_equal(f.check.missing, 2);
	assert_int_equal(f.check.lost, 0);
	assert_done(c, try_drop(c, t.f));
	assert_done(c, try_put(c, t.a, "g", t.g, 50, NULL));
	assert_clean(c);
}

/* Change one row, look, and put it back. */
static void
with_row(struct catalogue *c, enum db_table table, struct key key, struct bytes value,
    const char *told)
{
	struct bytes old = raw_get(c, table, key_bytes(&key));

	if (value.p == NULL)
		raw_delete(c, table, key_bytes(&key));
	else
		raw_put(c, table, key_bytes(&key), value);
	assert_told(c, told);
	if (old.p == NULL)
		raw_delete(c, table, key_bytes(&key));
	else
		raw_put(c, table, key_bytes(&key), old);
	assert_clean(c);
}

static const struct bytes none = {NULL, 0};

static struct bytes
entry(uint8_t to[9], uint64_t id, enum node_type type)
{
	pack_store(to, id, 8);
	to[8] = (uint8_t)type;
	return (struct bytes){(const char *)to, 9};
}

static void
entries_and_nodes_belong_together(void **state)
{
	struct catalogue *c = *state;
	struct tree t = plant(c);
	uint8_t value[9];

	with_row(c, DB_CHILD, key_child(t.b, BYTES("f")), none, "has no entry 'f'");
	with_row(c, DB_CHILD, key_child(t.b, BYTES("f")), entry(value, t.g, NODE_DATA),
	    "is another's");
	with_row(c, DB_CHILD, key_child(t.b, BYTES("f")), entry(value, t.f, NODE_LINK),
	    "is another's");
	with_row(c, DB_CHILD, key_child(t.b, BYTES("twice")),
	    entry(value, t.link, NODE_LINK), "which is elsewhere");
	with_row(c, DB_CHILD, key_child(t.b, BYTES("x")), entry(value, 999, NODE_DATA),
	    "names node 999");
	with_row(c, DB_CHILD, key_child(t.f, BYTES("x")), entry(value, t.link, NODE_LINK),
	    "is no container");
	with_row(c, DB_NODE, key_id(t.link), none, "cannot be read");
	with_row(c, DB_NODE, key_id(t.b), none, "cannot be read");
	with_row(c, DB_NODE, key_id(1ULL << 40), BYTES("x"), "never given out");
}

/* The totals of a container, or the parent of a node, put wrong with a right CRC. */
static struct bytes
with_totals(struct catalogue *c, uint64_t id, uint64_t bytes, uint64_t files)
{
	struct key key = key_id(id);
	struct bytes copy = arena_copy(&c->arena, raw_get(c, DB_NODE, key_bytes(&key)));

	node_record_set_totals(id, (uint8_t *)(uintptr_t)copy.p, copy.n, bytes, files);
	return copy;
}

static void
totals_are_what_is_below(void **state)
{
	struct catalogue *c = *state;
	struct tree t = plant(c);

	with_row(c, DB_NODE, key_id(t.b), with_totals(c, t.b, 99, 1),
	    "says 99 bytes in 1 files, its children are 100 in 1");
	with_row(c, DB_NODE, key_id(t.a), with_totals(c, t.a, 107, 3), "in 3 files");
	with_row(
	    c, DB_NODE, key_id(ROOT), with_totals(c, ROOT, 0, 0), "container 1 says 0");
	with_row(
	    c, DB_NODE, key_id(t.empty), with_totals(c, t.empty, 1, 0), "has no child");
}

/* Another container above this one. */
static struct bytes
with_parent(struct catalogue *c, uint64_t id, uint64_t parent)
{
	enum { AT_CRC = 1, AT_REST = 5, AT_PARENT = 8 }; /* of the record, node_codec.h */
	struct key key = key_id(id);
	struct bytes copy = arena_copy(&c->arena, raw_get(c, DB_NODE, key_bytes(&key)));
	uint8_t *p = (uint8_t *)(uintptr_t)copy.p, of_id[8];

	pack_store(p + AT_PARENT, parent, 8);
	pack_store(of_id, id, 8);
	pack_store(p + AT_CRC,
	    crc32c(crc32c(0, of_id, sizeof of_id), p + AT_REST, copy.n - AT_REST), 4);
	return copy;
}

static void
what_is_below_itself_is_told(void **state)
{
	struct catalogue *c = *state;
	struct tree t = plant(c);
	struct key key = key_child(t.b, BYTES("a"));
	uint8_t value[9];

	raw_put(c, DB_CHILD, key_bytes(&key), entry(value, t.a, NODE_CONTAINER));
	key = key_id(t.a);
	raw_put(c, DB_NODE, key_bytes(&key), with_parent(c, t.a, t.b));
	assert_told(c, "is not below the root");
}

static void
every_flipped_bit_of_a_node_is_told(void **state)
{
	struct catalogue *c = *state;
	struct tree t = plant(c);
	struct key key = key_id(t.f);
	struct bytes record = raw_get(c, DB_NODE, key_bytes(&key));

	for (size_t bit = 0; bit < 8 * record.n; bit += 5) {
		raw_put(c, DB_NODE, key_bytes(&key), flipped(c, record, bit));
		assert_told(c, "node");
	}
}

static struct bytes
blob_record(struct catalogue *c, uint64_t id, uint32_t references, location_map have)
{
	struct key key = key_id(id);
	struct bytes before = arena_copy(&c->arena, raw_get(c, DB_BLOB, key_bytes(&key)));
	uint8_t made[BLOB_RECORD_SIZE];
	struct blob blob;

	assert_int_equal(blob_decode(id, before, &blob, NULL), ERR_OK);
	blob.references = references;
	blob.have = have;
	return arena_copy(
	    &c->arena, (struct bytes){(const char *)made, blob_encode(&blob, made)});
}

static void
references_and_copies_are_what_the_rest_says(void **state)
{
	struct catalogue *c = *state;
	struct tree t = plant(c);
	static const char row[12], removal[24];

	with_row(
	    c, DB_BLOB, key_id(t.blob_f), none, "is named 1 times and has no record");
	with_row(c, DB_BLOB, key_id(t.blob_f), blob_record(c, t.blob_f, 2, 7),
	    "says 2 references, there are 1");
	with_row(
	    c, DB_BLOB, key_id(t.blob_f), blob_record(c, t.blob_f, 1, 0), "has no copy");
	with_row(c, DB_BLOB, key_id(t.blob_f), blob_record(c, t.blob_f, 1, 0x17),
	    "where it is not wanted");
	with_row(c, DB_BLOB, key_id(t.blob_f), BYTES("short"), "is damaged");
	with_row(c, DB_UREP, key_urep(3, 3, t.blob_f), none,
	    "nothing is due for its missing copy at location 4");
	with_row(c, DB_UREP, key_urep(3, 1, t.blob_f), (struct bytes){row, sizeof row},
	    "at location 2 is due, and is not missing");
	with_row(c, DB_UREP, key_urep(2, 3, t.blob_f), (struct bytes){row, sizeof row},
	    "is not missing");
	with_row(c, DB_UREP, key_urep(3, 3, t.blob_g), BYTES("short"), "cannot be read");
	with_row(c, DB_GCQ, key_gcq(0, t.blob_f), (struct bytes){removal, sizeof removal},
	    "is counted and waits for removal");
	with_row(c, DB_GCQ, key_gcq(0, 1ULL << 50),
	    (struct bytes){removal, sizeof removal}, "removal queue");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(what_is_in_order_passes),
	    CATALOGUE_TEST(entries_and_nodes_belong_together),
	    CATALOGUE_TEST(totals_are_what_is_below),
	    CATALOGUE_TEST(what_is_below_itself_is_told),
	    CATALOGUE_TEST(every_flipped_bit_of_a_node_is_told),
	    CATALOGUE_TEST(references_and_copies_are_what_the_rest_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
