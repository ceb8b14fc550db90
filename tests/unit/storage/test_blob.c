/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue.h"
#include "recount.h"

#include "service/core/clock.h"

enum { LATER_MS = 3600 * 1000, DUE_MAX = 100 };

static struct blob
read_blob(struct catalogue *c, uint64_t id)
{
	struct blob blob;

	assert_done(c, blob_get(c->rig.reader, id, &blob, &c->why));
	return blob;
}

static enum err
try_blob(struct catalogue *c, uint64_t id)
{
	struct blob blob;

	return blob_get(c->rig.reader, id, &blob, &c->why);
}

static enum err
try_copied(struct catalogue *c, uint64_t id, unsigned location)
{
	struct blob_copied r = {.id = id, .location = location};

	return run(c, blob_copied, &r);
}

static enum err
try_lost(struct catalogue *c, uint64_t id, unsigned location)
{
	struct blob_lost r = {.id = id, .location = location};

	return run(c, blob_lost, &r);
}

static void
discard(struct catalogue *c, uint64_t id, unsigned location)
{
	struct blob_discard r = {.id = id, .location = location};

	(void)memset(r.md5, (int)id, MD5_SIZE);
	assert_done(c, run(c, blob_discard, &r));
}

static bool
is_known(struct catalogue *c, uint64_t id, unsigned location)
{
	bool known;

	assert_done(c, blob_known(c->rig.reader, id, location, &known, &c->why));
	return known;
}

/* The ids due at a location, as "1 2 3 ". */
static void
assert_due(struct catalogue *c, unsigned location, uint64_t after, int64_t now_ms,
    size_t max, const char *expected)
{
	struct blob_removal due[DUE_MAX];
	struct str text;
	size_t n;

	assert_done(c,
	    blob_removals(c->rig.reader, location, after, now_ms, due, max, &n, &c->why));
	str_init(&text, 10000);
	str_adds(&text, "");
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(due[i].md5[0], due[i].id & 0xff);
		assert_int_equal(due[i].md5[MD5_SIZE - 1], due[i].id & 0xff);
		str_addf(&text, "%llu ", (unsigned long long)due[i].id);
	}
	assert_string_equal(text.p, expected);
	str_release(&text);
}

/* Is there a repair row for a copy, filed under this number of copies? */
static bool
has_repair_row(struct catalogue *c, uint64_t id, unsigned location, unsigned copies)
{
	struct key key = key_urep(copies, location, id);

	return raw_get(c, DB_UREP, key_bytes(&key)).p != NULL;
}

static void
a_new_blob_has_its_facts_and_a_row_for_each_missing_copy(void **state)
{
	struct catalogue *c = *state;
	int64_t before = clock_wall_ms();
	struct nodes_put_file r = {.parent_id = ROOT,
	    .name = BYTES("f"),
	    .blob = {.id = 5,
		.length = 77,
		.md5 = "0123456789abcde",
		.have = 0x5,
		.want = 0xf,
		.references = 9,
		.created_ms = 1}};
	struct blob blob;

	assert_done(c, run(c, nodes_put_file, &r));
	blob = read_blob(c, 5);
	assert_int_equal(blob.id, 5);
	assert_int_equal(blob.length, 77);
	assert_memory_equal(blob.md5, "0123456789abcde", MD5_SIZE);
	assert_int_equal(blob.have, 0x5);
	assert_int_equal(blob.want, 0xf);
	assert_int_equal(blob.references, 1);
	assert_true(blob.created_ms >= before);
	assert_true(has_repair_row(c, 5, 1, 2));
	assert_true(has_repair_row(c, 5, 3, 2));
	assert_int_equal(facts(c).repairs_due, 2);
	recount(c->rig.reader);
}

static void
a_late_copy_is_counted(void **state)
{
	struct catalogue *c = *state;
	uint64_t id;

	(void)file(c, ROOT, "f", 1);
	id = c->last_blob;
	assert_true(has_repair_row(c, id, 3, 3));
	assert_done(c, try_copied(c, id, 3));
	assert_int_equal(read_blob(c, id).have, 0xf);
	assert_int_equal(facts(c).repairs_due, 0);
	assert_done(c, try_copied(c, id, 3)); /* and once more is no harm */
	assert_int_equal(read_blob(c, id).have, 0xf);
	assert_err(try_copied(c, id + 1, 3), ERR_NOT_FOUND);
	recount(c->rig.reader);
}

static void
a_lost_copy_gets_a_row_and_the_others_move_up(void **state)
{
	struct catalogue *c = *state;
	uint64_t id;

	(void)file(c, ROOT, "f", 1);
	id = c->last_blob;
	assert_done(c, try_lost(c, id, 0));
	assert_int_equal(read_blob(c, id).have, 0x6);
	assert_true(has_repair_row(c, id, 0, 2));
	assert_true(has_repair_row(c, id, 3, 2));
	assert_false(has_repair_row(c, id, 3, 3));
	assert_done(c, try_lost(c, id, 0));
	assert_done(c, try_lost(c, id, 3));
	assert_int_equal(facts(c).repairs_due, 2);
	assert_done(c, try_lost(c, id, 1));
	assert_int_equal(facts(c).blobs_lost, 0);
	assert_done(c, try_lost(c, id, 2));
	assert_int_equal(read_blob(c, id).have, 0);
	assert_int_equal(facts(c).repairs_due, 4);
	assert_int_equal(facts(c).blobs_lost, 1);
	assert_true(has_repair_row(c, id, 2, 0));
	assert_err(try_lost(c, id + 1, 0), ERR_NOT_FOUND);
	recount(c->rig.reader);
	assert_done(c, try_copied(c, id, 2));
	assert_true(has_repair_row(c, id, 0, 1));
	recount(c->rig.reader);
}

static void
rows_follow_copies_through_any_sequence(void **state)
{
	enum { BLOBS = 6, STEPS = 400 };
	struct catalogue *c = *state;
	location_map have[BLOBS + 1];
	uint64_t node[BLOBS + 1];
	uint32_t random = 12345;
	char name[8];

	for (unsigned i = 1; i <= BLOBS; i++) {
		(void)snprintf(name, sizeof name, "f%u", i);
		node[i] = file(c, ROOT, name, i);
		have[i] = 0x7;
	}
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned id, location;

		random = random * 1664525 + 1013904223;
		id = 1 + (random >> 16) % BLOBS;
		location = random >> 8 & 3;
		if (random >> 30 != 0) {
			assert_done(c, try_copied(c, id, location));
			have[id] |= (location_map)(1u << location);
		} else {
			assert_done(c, try_lost(c, id, location));
			have[id] &= (location_map) ~(1u << location);
		}
		assert_int_equal(read_blob(c, id).have, have[id]);
		if (step % 20 == 0)
			recount(c->rig.reader);
	}
	for (unsigned i = 1; i <= BLOBS; i++)
		assert_done(c, try_drop(c, node[i]));
	assert_int_equal(facts(c).repairs_due, 0);
	for (unsigned i = 1; i <= BLOBS; i++)
		for (unsigned location = 0; location < 4; location++)
			assert_true(is_known(c, i, location)); /* copy or not */
	recount(c->rig.reader);
}

static void
replaced_bytes_are_queued_where_they_may_be_and_not_before_the_delay(void **state)
{
	struct catalogue *c = *state;
	int64_t now = clock_wall_ms();
	int64_t delay = (int64_t)c->rig.store_config.gc_delay_ms;
	uint64_t f = file(c, ROOT, "f", 1);

	assert_true(delay > 0);
	assert_done(c, try_put(c, ROOT, "f", f, 2, NULL));
	assert_err(try_blob(c, 1), ERR_NOT_FOUND);
	for (unsigned location = 0; location < 4; location++) {
		assert_due(c, location, 0, now + delay - 1, DUE_MAX, "");
		assert_due(c, location, 0, now + delay + LATER_MS, DUE_MAX, "1 ");
	}
	assert_int_equal(facts(c).removals_due, 4);
	recount(c->rig.reader);
}

static void
removals_come_in_ascending_order_and_in_pages(void **state)
{
	struct catalogue *c = *state;
	int64_t now = clock_wall_ms() + LATER_MS;

	discard(c, 300, 1);
	discard(c, 7, 1);
	discard(c, 65536, 1);
	discard(c, 8, 0);
	discard(c, 9, 2);
	assert_due(c, 1, 0, now, DUE_MAX, "7 300 65536 ");
	assert_due(c, 1, 0, now, 2, "7 300 ");
	assert_due(c, 1, 300, now, 2, "65536 ");
	assert_due(c, 1, 6, now, 1, "7 ");
	assert_due(c, 1, 65536, now, 2, "");
	assert_due(c, 1, 0, now, 0, "");
	assert_due(c, 3, 0, now, 2, "");
}

static void
what_is_not_due_is_passed_over(void **state)
{
	struct catalogue *c = *state;
	int64_t now = clock_wall_ms() + 1000;
	uint64_t f = file(c, ROOT, "f", 1);

	assert_done(c, try_drop(c, f)); /* blob 1, with the delay */
	discard(c, 2, 0); /* at once */
	discard(c, 3, 0);
	assert_due(c, 0, 0, now, DUE_MAX, "2 3 ");
	assert_due(c, 0, 0, now, 1, "2 ");
}

static void
what_was_unlinked_is_forgotten_at_its_location_only(void **state)
{
	struct catalogue *c = *state;
	static const uint64_t ids[] = {2, 4711, 4};
	struct blob_removed r = {.location = 0, .ids = ids, .n = 3};
	int64_t now = clock_wall_ms() + LATER_MS;

	for (uint64_t id = 1; id <= 4; id++) {
		discard(c, id, 0);
		discard(c, id, 1);
	}
	assert_done(c, run(c, blob_removed, &r));
	assert_due(c, 0, 0, now, DUE_MAX, "1 3 ");
	assert_due(c, 1, 0, now, DUE_MAX, "1 2 3 4 ");
	assert_done(c, run(c, blob_removed, &r));
	r.n = 0;
	assert_done(c, run(c, blob_removed, &r));
	assert_int_equal(facts(c).removals_due, 6);
}

static void
a_file_is_known_by_its_record_or_by_the_queue(void **state)
{
	struct catalogue *c = *state;
	uint64_t f = file(c, ROOT, "f", 1), blob = c->last_blob;

	assert_true(is_known(c, blob, 0));
	assert_false(is_known(c, blob, 3));
	discard(c, blob, 3); /* a copy given up while the blob lives */
	assert_true(is_known(c, blob, 3));
	assert_done(c, try_drop(c, f));
	assert_true(is_known(c, blob, 0));
	assert_false(is_known(c, blob + 1, 0));
	discard(c, blob + 1, 0);
	assert_true(is_known(c, blob + 1, 0));
	assert_false(is_known(c, blob + 1, 1));
}

/* A file that is going to be unlinked is not a copy (architecture D64). */
static void
a_copy_that_is_queued_for_removal_is_not_counted(void **state)
{
	struct catalogue *c = *state;
	uint64_t blob;
	struct blob_removed r = {.location = 3, .ids = &blob, .n = 1};

	(void)file(c, ROOT, "f", 1);
	blob = c->last_blob;
	discard(c, blob, 3);
	assert_err(try_copied(c, blob, 3), ERR_NOT_FOUND);
	assert_int_equal(read_blob(c, blob).have, 0x7);
	recount(c->rig.reader);
	assert_done(c, run(c, blob_removed, &r));
	assert_done(c, try_copied(c, blob, 3));
	assert_int_equal(read_blob(c, blob).have, 0xf);
	recount(c->rig.reader);
}

static void
every_flipped_bit_of_a_record_is_noticed(void **state)
{
	struct catalogue *c = *state;
	uint64_t f = file(c, ROOT, "f", 1), id = c->last_blob;
	struct key key = key_id(id);
	struct bytes record = raw_get(c, DB_BLOB, key_bytes(&key));
	bool known;

	for (size_t bit = 0; bit < 8 * record.n; bit++) {
		raw_put(c, DB_BLOB, key_bytes(&key), flipped(c, record, bit));
		assert_err(try_blob(c, id), ERR_DAMAGED);
		assert_err(
		    blob_known(c->rig.reader, id, 0, &known, &c->why), ERR_DAMAGED);
	}
	assert_err(try_copied(c, id, 3), ERR_DAMAGED);
	assert_err(try_lost(c, id, 3), ERR_DAMAGED);
	assert_err(try_drop(c, f), ERR_DAMAGED);
	assert_err(try_put(c, ROOT, "f", f, 2, NULL), ERR_DAMAGED);
	raw_put(c, DB_BLOB, key_bytes(&key), (struct bytes){record.p, record.n - 1});
	assert_err(try_blob(c, id), ERR_DAMAGED);
	raw_delete(c, DB_BLOB, key_bytes(&key));
	assert_err(try_drop(c, f), ERR_DAMAGED);
	raw_put(c, DB_BLOB, key_bytes(&key), record);
	assert_done(c, try_drop(c, f));
}

static void
blobs_are_listed_in_pages_and_damaged_ones_passed_over(void **state)
{
	struct catalogue *c = *state;
	uint64_t id[5];
	struct blob blob[5];
	struct key key;
	size_t n;

	for (unsigned i = 0; i < 5; i++) {
		char name[2] = {(char)('a' + i), '\0'};

		(void)file(c, ROOT, name, i + 1);
		id[i] = c->last_blob;
	}
	key = key_id(id[3]);
	raw_put(c, DB_BLOB, key_bytes(&key), BYTES("no record"));
	assert_done(c, blob_list(c->rig.reader, 0, blob, 2, &n, &c->why));
	assert_int_equal(n, 2);
	assert_true(blob[0].id == id[0] && blob[1].id == id[1]);
	assert_int_equal(blob[1].length, 2);
	assert_done(c, blob_list(c->rig.reader, id[1], blob, 5, &n, &c->why));
	assert_int_equal(n, 2);
	assert_true(blob[0].id == id[2] && blob[1].id == id[4]);
	assert_done(c, blob_list(c->rig.reader, id[4], blob, 5, &n, &c->why));
	assert_int_equal(n, 0);
}

static void
a_bad_row_of_the_queue_is_damage(void **state)
{
	struct catalogue *c = *state;
	struct blob_removal due[4];
	struct key key = key_gcq(1, 5);
	size_t n;

	raw_put(c, DB_GCQ, key_bytes(&key), BYTES("short"));
	assert_err(
	    blob_removals(c->rig.reader, 1, 0, 1, due, 4, &n, &c->why), ERR_DAMAGED);
	assert_due(c, 0, 0, 1, DUE_MAX, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(a_new_blob_has_its_facts_and_a_row_for_each_missing_copy),
	    CATALOGUE_TEST(a_late_copy_is_counted),
	    CATALOGUE_TEST(a_lost_copy_gets_a_row_and_the_others_move_up),
	    CATALOGUE_TEST(rows_follow_copies_through_any_sequence),
	    CATALOGUE_TEST(
		replaced_bytes_are_queued_where_they_may_be_and_not_before_the_delay),
	    CATALOGUE_TEST(removals_come_in_ascending_order_and_in_pages),
	    CATALOGUE_TEST(what_is_not_due_is_passed_over),
	    CATALOGUE_TEST(what_was_unlinked_is_forgotten_at_its_location_only),
	    CATALOGUE_TEST(a_file_is_known_by_its_record_or_by_the_queue),
	    CATALOGUE_TEST(a_copy_that_is_queued_for_removal_is_not_counted),
	    CATALOGUE_TEST(every_flipped_bit_of_a_record_is_noticed),
	    CATALOGUE_TEST(blobs_are_listed_in_pages_and_damaged_ones_passed_over),
	    CATALOGUE_TEST(a_bad_row_of_the_queue_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
