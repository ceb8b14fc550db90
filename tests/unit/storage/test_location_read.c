/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, removing and listing files at a location, and one fsync for all that wait. */
#include "tests/unit/storage/place.h"

/* Reading */

static void
ranges_are_read_all_or_none(void **state)
{
	struct place *p = *state;
	uint8_t byte[3] = {0};
	struct location_range range[] = {
	    {0, 1, &byte[0]}, {PAGE - 1, 1, &byte[1]}, {3 * PAGE, 1, &byte[2]}};
	struct location_read r = {
	    .call = {.verb = LOCATION_READ}, .id = ID, .range = range, .n = 2};

	store_file(p, ID);
	(void)memcpy(r.md5, md5, MD5_SIZE);
	assert_ok(run(p, &r.call), &r.call.why);
	assert_int_equal(byte[0], ID % 251);
	assert_int_equal(byte[1], ID % 251);
	r.n = 3; /* one page behind the end */
	assert_err(run(p, &r.call), ERR_DAMAGED);
}

static void
a_file_that_is_not_there_is_not_found(void **state)
{
	struct place *p = *state;
	uint8_t byte;

	assert_err(read_range(p, ID, 0, &byte, 1), ERR_NOT_FOUND);
	assert_int_equal(p->why.sys, ENOENT);
}

static void
a_read_that_stops_early_goes_on(void **state)
{
	struct place *p = *state;
	uint8_t pages[3 * PAGE];

	store_file(p, ID);
	fake_io_calm(0);
	fake_io_rule(0, (struct fake_io_rule){
			    .kinds = FAKE_IO_READ, .times = 1, .act = FAKE_IO_SHORT});
	assert_ok(read_range(p, ID, 0, pages, sizeof pages), &p->why);
	assert_int_equal(fake_io_count(0, FAKE_IO_READ), 2);
	for (size_t i = 0; i < PAGE; i++)
		assert_int_equal(pages[i], ID % 251);
	assert_true(pages[PAGE] != 0 || pages[PAGE + 1] != 0); /* the table */
	assert_memory_equal(pages + 2 * PAGE, "QRTBLOB1", 8);
}

static void
a_read_that_fails_names_the_errno(void **state)
{
	struct place *p = *state;
	uint8_t byte;

	store_file(p, ID);
	fake_io_calm(0);
	fake_io_rule(
	    0, (struct fake_io_rule){.kinds = FAKE_IO_READ, .times = 1, .sys = EIO});
	assert_err(read_range(p, ID, 0, &byte, 1), ERR_IO);
	assert_int_equal(p->why.sys, EIO);
	assert_ok(read_range(p, ID, 0, &byte, 1), &p->why);
}

static void
a_file_read_again_is_not_opened_again(void **state)
{
	struct place *p = *state;
	uint8_t byte;

	store_file(p, ID);
	fake_io_calm(0);
	for (unsigned i = 0; i < 5; i++)
		assert_ok(read_range(p, ID, i, &byte, 1), &p->why);
	assert_int_equal(fake_io_count(0, FAKE_IO_OPEN), 1);
	assert_int_equal(descriptors("/blob/00/04/"), 1);
}

static void
few_descriptors_are_kept_and_none_of_removed_files(void **state)
{
	enum { FILES = 140 };
	struct place *p = *state;
	uint64_t id;
	uint8_t byte;

	for (unsigned i = 0; i < FILES; i++)
		store_file(p, ID + i);
	for (unsigned i = 0; i < FILES; i++)
		assert_ok(read_range(p, ID + i, 0, &byte, 1), &p->why);
	check_descriptors(p, "/blob/00/04/", 128);
	for (unsigned i = 0; i < FILES; i++) {
		id = ID + i;
		assert_ok(remove_files(p, &id, 1, false, false), &p->why);
	}
	check_descriptors(p, "/blob/00/04/", 0);
	assert_err(read_range(p, ID, 0, &byte, 1), ERR_NOT_FOUND);
}

static void
a_read_under_way_survives_the_removal_of_its_file(void **state)
{
	struct place *p = *state;
	uint8_t byte = 0;
	struct location_range range = {0, 1, &byte};
	struct location_read r = {
	    .call = {.verb = LOCATION_READ}, .id = ID, .range = &range, .n = 1};
	uint64_t id = ID;

	store_file(p, ID);
	(void)memcpy(r.md5, md5, MD5_SIZE);
	fake_io_rule(0, (struct fake_io_rule){
			    .kinds = FAKE_IO_READ, .times = 1, .act = FAKE_IO_HOLD});
	start(p, &r.call);
	while (fake_io_held(0) == 0)
		(void)usleep(1000);
	assert_ok(remove_files(p, &id, 1, false, false), &p->why);
	fake_io_release(0);
	assert_ok(wait_for(p, &r.call), &p->why);
	assert_int_equal(byte, ID % 251);
	check_descriptors(p, "/blob/00/04/", 0);
}

static enum err
read_direct(struct place *p, uint8_t *to, size_t pages)
{
	struct location_range range = {0, pages * PAGE, to};
	struct location_read r = {.call = {.verb = LOCATION_READ},
	    .id = ID,
	    .direct = true,
	    .range = &range,
	    .n = 1};

	(void)memcpy(r.md5, md5, MD5_SIZE);
	return run(p, &r.call);
}

static void
a_direct_read_leaves_no_descriptor(void **state)
{
	struct place *p = *state;
	static _Alignas(PAGE) uint8_t pages[3 * PAGE];

	store_file(p, ID);
	assert_ok(read_direct(p, pages, 3), &p->why);
	assert_int_equal(pages[PAGE - 1], ID % 251);
	assert_memory_equal(pages + 2 * PAGE, "QRTBLOB1", 8);
	check_descriptors(p, "/blob/00/04/", 0);
	assert_int_equal(p->location->out, 0);
}

static void
a_direct_read_of_a_file_cut_anywhere_finds_it_damaged(void **state)
{
	static const off_t sizes[] = {0, 1, 511, 512, PAGE, PAGE + 100, 3 * PAGE - 1};
	struct place *p = *state;
	static _Alignas(PAGE) uint8_t pages[3 * PAGE];
	char path[256];

	store_file(p, ID);
	file_path(p, ID, path);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		assert_int_equal(truncate(path, sizes[i]), 0);
		assert_err(read_direct(p, pages, 3), ERR_DAMAGED);
	}
}

static void
without_direct_io_it_is_read_through_the_cache(void **state)
{
	struct place *p = *state;
	static _Alignas(PAGE) uint8_t pages[3 * PAGE];

	store_file(p, ID);
	fake_io_calm(0);
	fake_io_rule(
	    0, (struct fake_io_rule){.kinds = FAKE_IO_OPEN, .times = 1, .sys = EINVAL});
	assert_ok(read_direct(p, pages, 3), &p->why);
	assert_int_equal(fake_io_count(0, FAKE_IO_OPEN), 2);
	assert_memory_equal(pages + 2 * PAGE, "QRTBLOB1", 8);
}

/* Removing */

static void
removal_is_durable_and_twice_is_fine(void **state)
{
	enum { FILES = 10 };
	struct place *p = *state;
	uint64_t id[FILES + 1];

	for (unsigned i = 0; i < FILES; i++) {
		id[i] = ID + i;
		store_file(p, id[i]);
	}
	id[FILES] = ID + FILES; /* never was there */
	fake_io_calm(0);
	assert_ok(remove_files(p, id, FILES + 1, false, false), &p->why);
	assert_int_equal(fake_io_count(0, FAKE_IO_UNLINK), FILES + 1);
	assert_in_range(fake_io_count(0, FAKE_IO_FSYNC_DIR), 1, FILES);
	for (unsigned i = 0; i < FILES; i++)
		assert_false(is_stored(p, id[i]));
	assert_ok(remove_files(p, id, FILES + 1, false, false), &p->why);
}

static void
a_removal_that_is_not_durable_failed(void **state)
{
	static const unsigned kinds[] = {FAKE_IO_UNLINK, FAKE_IO_FSYNC_DIR};
	struct place *p = *state;
	uint64_t id[2] = {ID, ID + 1};

	for (size_t i = 0; i < 2; i++) {
		store_file(p, ID);
		store_file(p, ID + 1);
		fake_io_calm(0);
		fake_io_rule(
		    0, (struct fake_io_rule){.kinds = kinds[i], .times = 1, .sys = EIO});
		assert_err(remove_files(p, id, 2, false, false), ERR_IO);
		fake_io_calm(0);
		assert_ok(remove_files(p, id, 2, false, false), &p->why);
		assert_false(is_stored(p, ID) || is_stored(p, ID + 1));
	}
}

static void
unfinished_files_are_removed_by_their_id(void **state)
{
	struct place *p = *state;
	uint64_t id = ID;
	struct file f;

	make_file(p, &f, ID);
	store_file(p, ID);
	assert_ok(put_step(p, &f, true, NULL, false), &p->why);
	assert_ok(remove_files(p, &id, 1, true, false), &p->why);
	assert_int_equal(entries(p, "tmp"), 0);
	assert_true(is_stored(p, ID));
	assert_ok(put_abandon(p, &f), &p->why);
	piece_unref(f.piece);
}

static void
a_bad_file_is_put_aside_even_if_one_lies_there(void **state)
{
	struct place *p = *state;
	uint64_t id = ID;

	for (unsigned i = 0; i < 2; i++) {
		store_file(p, ID);
		assert_ok(remove_files(p, &id, 1, false, true), &p->why);
		assert_false(is_stored(p, ID));
		assert_int_equal(entries(p, "bad"), 1);
	}
}

/* Listing */

static void
write_stray(const struct place *p, const char *name, const void *bytes, size_t n)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", p->root, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	(void)fclose(f);
}

static const struct location_found *
find_id(const struct location_list *r, uint64_t id)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->found[i].id == id)
			return &r->found[i];
	return NULL;
}

static void
a_listing_tells_our_files_from_others(void **state)
{
	enum { LEAF = ID / STORE_ID_BLOCK };
	struct place *p = *state;
	uint8_t other[STORE_UUID_SIZE] = {9};
	struct location_list r;
	struct file f;

	store_file(p, ID);
	make_file(p, &f, ID + 1);
	fill_file(&f, other, ID + 1);
	assert_ok(put_whole(p, &f), &p->why);
	piece_unref(f.piece);
	write_stray(p, "blob/00/04/README", "hello", 5);
	write_stray(p, "blob/00/04/000000000000138c-01020300000000000000000000000000",
	    "short", 5);
	r = list(p, false, LEAF, ERR_OK);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.strangers, 1);
	assert_true(find_id(&r, ID)->trailer_ok);
	assert_memory_equal(find_id(&r, ID)->md5, md5, MD5_SIZE);
	assert_false(find_id(&r, ID + 1)->trailer_ok);
	assert_false(find_id(&r, 0x138c)->trailer_ok);
	free(r.found);
	r = list(p, false, LEAF + 1, ERR_OK); /* a leaf nobody needed yet */
	assert_int_equal(r.n + r.strangers, 0);
	free(r.found);
}

static void
a_listing_of_sizes_looks_into_no_file(void **state)
{
	struct place *p = *state;
	struct location_list r = {
	    .call = {.verb = LOCATION_LIST}, .sizes = true, .leaf = ID / STORE_ID_BLOCK};

	store_file(p, ID);
	write_stray(p, "blob/00/04/000000000000138c-01020300000000000000000000000000",
	    "short", 5);
	assert_ok(run(p, &r.call), &r.call.why);
	assert_int_equal(r.n, 2);
	assert_int_equal(find_id(&r, ID)->size, 3 * PAGE);
	assert_false(find_id(&r, ID)->trailer_ok);
	assert_int_equal(find_id(&r, 0x138c)->size, 5);
	free(r.found);
}

static void
a_listing_in_parts_comes_to_all_files(void **state)
{
	enum { FILES = 23, MOST = 5 };
	struct place *p = *state;
	bool seen[FILES] = {false};
	struct location_list r = {.more = true};
	size_t skip = 0;

	for (unsigned i = 0; i < FILES; i++)
		store_file(p, ID + i);
	write_stray(p, "blob/00/04/README", "hello", 5);
	for (; r.more; skip += MOST) {
		r = (struct location_list){.call = {.verb = LOCATION_LIST},
		    .sizes = skip % 2 == 0,
		    .leaf = ID / STORE_ID_BLOCK,
		    .skip = skip,
		    .most = MOST};
		assert_ok(run(p, &r.call), &r.call.why);
		assert_int_equal(r.n, r.more ? MOST : FILES % MOST);
		for (size_t i = 0; i < r.n; i++) {
			assert_false(seen[r.found[i].id - ID]);
			seen[r.found[i].id - ID] = true;
			assert_true(r.sizes ? r.found[i].size == 3 * PAGE
					    : r.found[i].trailer_ok);
		}
		free(r.found);
	}
	assert_int_equal(skip, FILES / MOST * MOST + MOST);
}

static void
a_listing_of_unfinished_files_has_their_ids(void **state)
{
	struct place *p = *state;
	struct location_list r;
	struct file f;

	make_file(p, &f, ID);
	assert_ok(put_step(p, &f, true, NULL, false), &p->why);
	write_stray(p, "tmp/something", "", 0);
	r = list(p, true, 0, ERR_OK);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.found[0].id, ID);
	assert_int_equal(r.strangers, 1);
	free(r.found);
	assert_ok(put_abandon(p, &f), &p->why);
	piece_unref(f.piece);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ATTACHED(ranges_are_read_all_or_none),
	    ATTACHED(a_file_that_is_not_there_is_not_found),
	    ATTACHED(a_read_that_stops_early_goes_on),
	    ATTACHED(a_read_that_fails_names_the_errno),
	    ATTACHED(a_file_read_again_is_not_opened_again),
	    ATTACHED(few_descriptors_are_kept_and_none_of_removed_files),
	    ATTACHED(a_read_under_way_survives_the_removal_of_its_file),
	    ATTACHED(a_direct_read_leaves_no_descriptor),
	    ATTACHED(a_direct_read_of_a_file_cut_anywhere_finds_it_damaged),
	    ATTACHED(without_direct_io_it_is_read_through_the_cache),
	    ATTACHED(removal_is_durable_and_twice_is_fine),
	    ATTACHED(a_removal_that_is_not_durable_failed),
	    ATTACHED(unfinished_files_are_removed_by_their_id),
	    ATTACHED(a_bad_file_is_put_aside_even_if_one_lies_there),
	    ATTACHED(a_listing_tells_our_files_from_others),
	    ATTACHED(a_listing_of_sizes_looks_into_no_file),
	    ATTACHED(a_listing_in_parts_comes_to_all_files),
	    ATTACHED(a_listing_of_unfinished_files_has_their_ids),
	};

	return run_with_both_engines(tests);
}
