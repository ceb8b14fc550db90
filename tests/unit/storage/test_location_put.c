/* SPDX-License-Identifier: Apache-2.0 */
/* Writing files at a location, and giving them up. */
#include "tests/unit/storage/place.h"

/* Writing */

static void
a_file_comes_to_lie_under_its_name_in_one_call(void **state)
{
	struct place *p = *state;
	uint8_t page[PAGE];

	store_file(p, ID);
	assert_true(is_stored(p, ID));
	assert_int_equal(entries(p, "tmp"), 0);
	assert_ok(read_range(p, ID, 0, page, PAGE), &p->why);
	for (size_t i = 0; i < PAGE; i++)
		assert_int_equal(page[i], ID % 251);
}

static void
a_file_comes_to_lie_under_its_name_in_many_calls(void **state)
{
	enum { PIECES = 6 };
	struct place *p = *state;
	struct location_put write[PIECES];
	struct file f;
	uint8_t byte;

	make_file(p, &f, ID);
	assert_ok(put_step(p, &f, true, NULL, false), &p->why);
	assert_non_null(f.put.file);
	assert_int_equal(entries(p, "tmp"), 1);
	for (unsigned i = PIECES; i-- > 0;) { /* all out together, the last first */
		write[i] = (struct location_put){.call = {.verb = LOCATION_PUT},
		    .file = f.put.file,
		    .piece = pool_take(p->pool, PIECE_LARGE),
		    .n = PIECE_LARGE_SIZE,
		    .offset = (uint64_t)i * PIECE_LARGE_SIZE};
		assert_non_null(write[i].piece);
		(void)memset(write[i].piece->data, (int)i + 1, PIECE_LARGE_SIZE);
		start(p, &write[i].call);
	}
	for (unsigned i = 0; i < PIECES; i++)
		assert_ok(wait_for(p, &write[i].call), &p->why);
	f.put.offset = (uint64_t)PIECES * PIECE_LARGE_SIZE;
	assert_ok(put_step(p, &f, false, f.piece, true), &p->why);
	assert_null(f.put.file);
	assert_int_equal(entries(p, "tmp"), 0);
	for (unsigned i = 0; i < PIECES; i++) {
		assert_ok(
		    read_range(p, ID, (uint64_t)(i + 1) * PIECE_LARGE_SIZE - 1, &byte, 1),
		    &p->why);
		assert_int_equal(byte, i + 1);
		piece_unref((struct piece *)(uintptr_t)write[i].piece);
	}
	piece_unref(f.piece);
}

static void
a_leaf_is_made_when_a_file_needs_it_or_ahead_of_it(void **state)
{
	struct place *p = *state;
	struct location_leaf leaf = {.call = {.verb = LOCATION_LEAF}, .leaf = 0x1234};
	char path[128];

	assert_ok(run(p, &leaf.call), &p->why);
	assert_ok(run(p, &leaf.call), &p->why);
	(void)snprintf(path, sizeof path, "%s/blob/12/34", p->root);
	assert_int_equal(entries_of(path), 0);
	fake_io_calm(0);
	store_file(p, 0x1234ULL * STORE_ID_BLOCK);
	assert_int_equal(fake_io_count(0, FAKE_IO_MKDIR), 0);
	store_file(p, 0x5678ULL * STORE_ID_BLOCK);
	assert_int_equal(fake_io_count(0, FAKE_IO_MKDIR), 2);
	assert_true(is_stored(p, 0x1234ULL * STORE_ID_BLOCK));
	assert_true(is_stored(p, 0x5678ULL * STORE_ID_BLOCK));
}

static void
a_rename_never_replaces_a_file(void **state)
{
	struct place *p = *state;
	uint8_t byte;
	struct file f;

	store_file(p, ID);
	make_file(p, &f, ID);
	(void)memset(f.piece->data, 0xee, PAGE);
	assert_err(put_whole(p, &f), ERR_IO);
	assert_int_equal(p->why.sys, EEXIST);
	assert_ok(put_abandon(p, &f), &p->why);
	assert_null(f.put.file);
	assert_true(is_stored(p, ID));
	assert_ok(read_range(p, ID, 0, &byte, 1), &p->why);
	assert_int_equal(byte, ID % 251);
	assert_int_equal(entries(p, "tmp"), 0);
	piece_unref(f.piece);
}

static void
an_unfinished_file_is_never_taken_over(void **state)
{
	struct place *p = *state;
	struct file first, second;

	make_file(p, &first, ID);
	make_file(p, &second, ID);
	assert_ok(put_step(p, &first, true, NULL, false), &p->why);
	assert_err(put_whole(p, &second), ERR_IO);
	assert_int_equal(p->why.sys, EEXIST);
	assert_null(second.put.file);
	assert_int_equal(entries(p, "tmp"), 1);
	assert_ok(put_abandon(p, &first), &p->why);
	assert_int_equal(entries(p, "tmp"), 0);
	piece_unref(first.piece);
	piece_unref(second.piece);
}

static void
a_file_given_up_at_any_stage_leaves_nothing(void **state)
{
	struct place *p = *state;
	struct file f;

	for (unsigned stage = 0; stage < 3; stage++) {
		make_file(p, &f, ID + stage);
		assert_ok(
		    put_step(p, &f, true, stage == 1 ? f.piece : NULL, false), &p->why);
		if (stage == 2)
			assert_ok(put_step(p, &f, false, f.piece, false), &p->why);
		assert_int_equal(entries(p, "tmp"), 1);
		assert_ok(put_abandon(p, &f), &p->why);
		assert_null(f.put.file);
		assert_int_equal(entries(p, "tmp"), 0);
		piece_unref(f.piece);
	}
	check_descriptors(p, "tmp/0", 0);
}

/* In four calls or in one; true if it succeeded. */
static bool
put_somehow(struct place *p, struct file *f, bool in_one)
{
	if (in_one)
		return put_whole(p, f) == ERR_OK;
	return put_step(p, f, true, NULL, false) == ERR_OK &&
	       put_step(p, f, false, f->piece, false) == ERR_OK &&
	       put_step(p, f, false, NULL, true) == ERR_OK;
}

/* Whichever of its operations fails, a file is stored whole or leaves nothing. */
static void
check_every_failure(struct place *p, bool in_one, uint64_t id, int sys)
{
	unsigned before = descriptors(p->dir);
	bool failed = true;

	for (unsigned n = 1; failed; n++, id += STORE_ID_BLOCK) {
		struct file f;
		bool good;

		make_file(p, &f, id);
		fake_io_calm(0);
		fake_io_rule(
		    0, (struct fake_io_rule){.kinds = FAKE_IO_ALL & ~FAKE_IO_CLOSE,
			   .from = n,
			   .times = 1,
			   .sys = sys});
		good = put_somehow(p, &f, in_one);
		failed = fake_io_acted(0) > 0;
		fake_io_calm(0);
		assert_true(good == !failed);
		if (failed)
			assert_int_equal(p->why.sys, sys);
		if (f.put.file != NULL)
			assert_ok(put_abandon(p, &f), &p->why);
		assert_null(f.put.file);
		assert_int_equal(entries(p, "tmp"), 0);
		assert_true(is_stored(p, id) == good);
		piece_unref(f.piece);
		assert_true(n < 30);
	}
	/* Directories that were synced stay open, a few of them. */
	check_descriptors(p, p->dir, before + 9);
	check_descriptors(p, "tmp/0", 0);
}

static void
whichever_operation_fails_the_file_is_whole_or_gone(void **state)
{
	struct place *p = *state;

	check_every_failure(p, true, ID, EIO);
	check_every_failure(p, false, 1ULL << 30, EIO);
	check_every_failure(p, false, 1ULL << 31, ENOSPC);
	check_every_failure(p, true, 1ULL << 32, EMFILE);
}

static void
a_short_write_means_a_full_disk(void **state)
{
	struct place *p = *state;
	struct file f;

	make_file(p, &f, ID);
	fake_io_calm(0);
	fake_io_rule(0, (struct fake_io_rule){
			    .kinds = FAKE_IO_WRITE, .times = 1, .act = FAKE_IO_SHORT});
	assert_err(put_whole(p, &f), ERR_NO_SPACE);
	assert_int_equal(p->why.sys, ENOSPC);
	assert_int_equal(fake_io_count(0, FAKE_IO_FSYNC), 0);
	assert_ok(put_abandon(p, &f), &p->why);
	assert_int_equal(entries(p, "tmp"), 0);
	piece_unref(f.piece);
}

static void
a_file_whose_fsync_failed_is_not_synced_again(void **state)
{
	struct place *p = *state;
	struct file f;

	make_file(p, &f, ID);
	fake_io_calm(0);
	fake_io_rule(
	    0, (struct fake_io_rule){.kinds = FAKE_IO_FSYNC, .times = 1, .sys = EIO});
	assert_err(put_whole(p, &f), ERR_IO);
	assert_ok(put_abandon(p, &f), &p->why);
	assert_int_equal(fake_io_count(0, FAKE_IO_FSYNC), 1);
	assert_false(is_stored(p, ID));
	piece_unref(f.piece);
}

/* Its name may be on the disk already: that it is gone must be as durable. */
static void
giving_up_a_renamed_file_is_durable(void **state)
{
	struct place *p = *state;
	struct file f;

	store_file(p, ID); /* the leaf is there */
	make_file(p, &f, ID + 1);
	fake_io_calm(0);
	fake_io_rule(
	    0, (struct fake_io_rule){.kinds = FAKE_IO_FSYNC_DIR, .times = 1, .sys = EIO});
	assert_err(put_whole(p, &f), ERR_IO);
	assert_true(is_stored(p, ID + 1));
	assert_ok(put_abandon(p, &f), &p->why);
	assert_false(is_stored(p, ID + 1));
	assert_int_equal(fake_io_count(0, FAKE_IO_FSYNC_DIR), 2);
	piece_unref(f.piece);
}

static void
a_file_that_cannot_be_given_up_says_so_and_is_freed(void **state)
{
	struct place *p = *state;
	struct file f;

	for (unsigned i = 0; i < 2; i++) {
		fake_io_calm(0);
		make_file(p, &f, ID + i);
		fake_io_rule(0, (struct fake_io_rule){
				    .kinds = FAKE_IO_UNLINK, .times = 1, .sys = EIO});
		fake_io_rule(0, (struct fake_io_rule){.kinds = FAKE_IO_FSYNC_DIR,
				    .from = 3 - 2 * i,
				    .times = 1,
				    .sys = EIO});
		assert_err(put_whole(p, &f), ERR_IO);
		assert_err(put_abandon(p, &f), ERR_IO);
		assert_null(f.put.file);
		piece_unref(f.piece);
	}
	fake_io_calm(0);
	check_descriptors(p, "tmp/0", 0);
}

static void
many_files_in_one_leaf_share_the_fsyncs_of_it(void **state)
{
	enum { FILES = 200 };
	struct place *p = *state;
	struct file *f = calloc(FILES, sizeof *f);

	assert_non_null(f);
	store_file(p, ID);
	fake_io_calm(0);
	for (unsigned i = 0; i < FILES; i++) {
		make_file(p, &f[i], ID + 1 + i / 2 * 2 + i % 2);
		whole(&f[i]);
		start(p, &f[i].put.call);
	}
	for (unsigned i = 0; i < FILES; i++) {
		assert_ok(wait_for(p, &f[i].put.call), &p->why);
		piece_unref(f[i].piece);
	}
	assert_int_equal(fake_io_count(0, FAKE_IO_FSYNC), FILES);
	assert_in_range(fake_io_count(0, FAKE_IO_FSYNC_DIR), 2, FILES - 1);
	for (unsigned i = 0; i < FILES; i++)
		assert_true(is_stored(p, ID + 1 + i));
	free(f);
}

/* Who waits for an fsync that fails cannot know, and must not believe, that it is safe.
 */
static void
an_fsync_of_a_leaf_that_fails_fails_all_who_wait_for_it(void **state)
{
	enum { FILES = 20 };
	struct place *p = *state;
	struct file f[FILES];
	unsigned failed = 0;

	store_file(p, ID);
	fake_io_calm(0);
	fake_io_rule(
	    0, (struct fake_io_rule){.kinds = FAKE_IO_FSYNC_DIR, .times = 1, .sys = EIO});
	for (unsigned i = 0; i < FILES; i++) {
		make_file(p, &f[i], ID + 1 + i);
		whole(&f[i]);
		start(p, &f[i].put.call);
	}
	for (unsigned i = 0; i < FILES; i++) {
		bool good = wait_for(p, &f[i].put.call) == ERR_OK;

		failed += !good;
		assert_true(good == (f[i].put.file == NULL));
		if (!good)
			assert_ok(put_abandon(p, &f[i]), &p->why);
		assert_true(is_stored(p, ID + 1 + i) == good);
		piece_unref(f[i].piece);
	}
	assert_in_range(failed, 1, FILES);
	store_file(p, ID + 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ATTACHED(a_file_comes_to_lie_under_its_name_in_one_call),
	    ATTACHED(a_file_comes_to_lie_under_its_name_in_many_calls),
	    ATTACHED(a_leaf_is_made_when_a_file_needs_it_or_ahead_of_it),
	    ATTACHED(a_rename_never_replaces_a_file),
	    ATTACHED(an_unfinished_file_is_never_taken_over),
	    ATTACHED(a_file_given_up_at_any_stage_leaves_nothing),
	    ATTACHED(whichever_operation_fails_the_file_is_whole_or_gone),
	    ATTACHED(a_short_write_means_a_full_disk),
	    ATTACHED(a_file_whose_fsync_failed_is_not_synced_again),
	    ATTACHED(giving_up_a_renamed_file_is_durable),
	    ATTACHED(a_file_that_cannot_be_given_up_says_so_and_is_freed),
	    ATTACHED(many_files_in_one_leaf_share_the_fsyncs_of_it),
	    ATTACHED(an_fsync_of_a_leaf_that_fails_fails_all_who_wait_for_it),
	};

	return run_with_both_engines(tests);
}
