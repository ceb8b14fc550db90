/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/blob_forget.h"

#include "catalogue.h"

enum { AT = 2 };

static const char cursor[] = "forgotten.3";

static uint64_t
put_with(struct catalogue *c, const char *name, location_map have)
{
	struct nodes_put_file r = {
	    .parent_id = ROOT,
	    .name = bytes_of(name),
	    .blob = new_blob(c, 1),
	};

	r.blob.have = have;
	assert_done(c, run(c, nodes_put_file, &r));
	return r.blob.id;
}

static location_map
have_of(struct catalogue *c, uint64_t id)
{
	struct blob blob;

	assert_done(c, blob_get(c->rig.reader, id, &blob, &c->why));
	return blob.have;
}

static struct blob_forget
forget(struct catalogue *c, uint64_t after, uint64_t end)
{
	struct blob_forget r = {
	    .location = AT, .after = after, .end = end, .cursor = cursor};

	assert_done(c, run(c, blob_forget, &r));
	return r;
}

static uint64_t
cursor_of(struct catalogue *c)
{
	uint64_t v;

	assert_done(c, blob_forgotten(c->rig.reader, cursor, &v, &c->why));
	return v;
}

static bool
lacks_below(struct catalogue *c, uint64_t end)
{
	bool any;

	assert_done(c, blob_repairs_below(c->rig.reader, AT, end, &any, &c->why));
	return any;
}

static void
copies_there_are_counted_no_more_and_due(void **state)
{
	struct catalogue *c = *state;
	uint64_t whole = put_with(c, "whole", 0xf), other = put_with(c, "other", 0xb);
	uint64_t later = put_with(c, "later", 0xf);
	uint64_t ids[4];
	size_t n;
	struct blob_forget r;

	assert_int_equal(cursor_of(c), 0);
	assert_false(lacks_below(c, other));
	r = forget(c, 0, later);
	assert_int_equal(r.forgotten_out, 1);
	assert_int_equal(r.upto_out, later - 1);
	assert_int_equal(cursor_of(c), later - 1);
	assert_int_equal(have_of(c, whole), 0xb);
	assert_int_equal(have_of(c, other), 0xb);
	assert_int_equal(have_of(c, later), 0xf);
	assert_done(c, blob_repairs(c->rig.reader, AT, INT64_MAX, ids, 4, &n, &c->why));
	assert_int_equal(n, 2);
	assert_int_equal(ids[0], whole);
	assert_int_equal(ids[1], other);
	assert_true(lacks_below(c, whole + 1));
	assert_false(lacks_below(c, whole));
}

static void
it_goes_through_the_table_in_batches(void **state)
{
	enum { MANY = BLOB_FORGET_BATCH + 5 };
	struct catalogue *c = *state;
	uint64_t first = 0, last = 0;
	struct blob_forget r;
	struct blob_copied copied = {.location = AT};
	char name[16];

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof name, "f%u", i);
		last = put_with(c, name, 0xf);
		if (i == 0)
			first = last;
	}
	r = forget(c, 0, last + 100);
	assert_int_equal(r.forgotten_out, BLOB_FORGET_BATCH);
	assert_int_equal(r.upto_out, cursor_of(c));
	assert_int_equal(have_of(c, r.upto_out), 0xb);
	assert_int_equal(have_of(c, last), 0xf);
	/* One that was made again meanwhile is not forgotten once more. */
	copied.id = first;
	assert_done(c, run(c, blob_copied, &copied));
	r = forget(c, cursor_of(c), last + 100);
	assert_int_equal(r.forgotten_out, 5);
	assert_int_equal(r.upto_out, last + 99);
	assert_int_equal(have_of(c, first), 0xf);
	assert_int_equal(have_of(c, last), 0xb);
}

static void
what_would_be_lost_is_counted(void **state)
{
	struct catalogue *c = *state;
	uint64_t after = 0, n = 0;
	bool more;

	(void)put_with(c, "elsewhere", 0x8);
	(void)put_with(c, "only there", 1 << AT);
	(void)put_with(c, "too", 1 << AT);
	(void)put_with(c, "both", 1 << AT | 1);
	assert_done(c, blob_only_at(c->rig.reader, AT, &after, &n, &more, &c->why));
	assert_int_equal(n, 2);
	assert_false(more);
}

/* What nobody has cannot be made: nobody waits for it. */
static void
a_lost_blob_is_not_waited_for(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = put_with(c, "only there", 1 << AT);

	(void)forget(c, 0, id + 1);
	assert_int_equal(have_of(c, id), 0);
	assert_false(lacks_below(c, id + 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(copies_there_are_counted_no_more_and_due),
	    CATALOGUE_TEST(it_goes_through_the_table_in_batches),
	    CATALOGUE_TEST(what_would_be_lost_is_counted),
	    CATALOGUE_TEST(a_lost_blob_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
