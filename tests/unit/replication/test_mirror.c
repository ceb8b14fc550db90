/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/rig.h"

#include "service/core/encode.h"

/* A body made of a repeating pattern, in full pieces. */
struct pattern {
	struct source base;
	struct pool *pool;
	uint64_t at, length;
	bool closed;
	bool breaks; /* fail instead of ending */
};

static uint8_t
pattern_byte(uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 12) * 13 + (i >> 20));
}

static enum next
pattern_next(struct source *base, struct slice *out)
{
	struct pattern *p = container_of(base, struct pattern, base);
	struct piece *piece;
	size_t n;

	if (p->at == p->length) {
		if (!p->breaks)
			return NEXT_END;
		(void)errinfo_set(&base->why, ERR_CANCELLED, "the client went away");
		return NEXT_FAILED;
	}
	piece =
	    pool_take(p->pool, p->length > PIECE_SMALL_SIZE ? PIECE_LARGE : PIECE_SMALL);
	assert_non_null(piece);
	n = p->length - p->at < piece->size ? (size_t)(p->length - p->at) : piece->size;
	for (size_t i = 0; i < n; i++)
		piece->data[i] = pattern_byte(p->at + i);
	p->at += n;
	*out = (struct slice){piece, 0, n};
	return NEXT_SLICE;
}

static void
pattern_close(struct source *base)
{
	container_of(base, struct pattern, base)->closed = true;
}

static const struct source_ops pattern_ops = {pattern_next, pattern_close};

struct outcome {
	struct rig *rig;
	bool done;
	enum err err;
};

static void
put_step_done(void *arg, enum err err)
{
	struct outcome *o = arg;

	o->done = true;
	o->err = err;
	rig_wake(o->rig);
}

static void
wait_for(struct outcome *o)
{
	while (!o->done)
		rig_wait(o->rig);
	o->done = false;
}

static struct mirror_put *
put_pattern(struct rig *rig, uint64_t length, uint64_t announced, enum err expect)
{
	struct pattern body = {
	    .base = {.ops = &pattern_ops}, .pool = rig->pool, .length = length};
	struct mirror_put_spec spec = {
	    .length = announced, .limit = 1 << 30, .path = BYTES("/home/x")};
	struct outcome o = {.rig = rig};
	struct mirror_put *put;

	assert_ok(
	    mirror_put_new(rig->mirror, rig->loop, &spec, &put, &rig->why), &rig->why);
	mirror_put_open(put, put_step_done, &o);
	wait_for(&o);
	assert_int_equal(o.err, ERR_OK);
	mirror_put_fill(put, &body.base, put_step_done, &o);
	wait_for(&o);
	if (o.err != expect)
		fail_msg("put: %s", errinfo_text(mirror_put_why(put)));
	assert_true(body.closed);
	return put;
}

static void
commit_file(struct rig *rig, struct mirror_put *put, const char *name)
{
	struct nodes_put_file r = {
	    .change = rig_change(rig),
	    .parent_id = NODE_ROOT_ID,
	    .name = bytes_of(name),
	    .owner = 1,
	    .blob = *mirror_put_blob(put),
	};

	nodes_put_file(rig->store, &r);
	assert_ok(rig_wait_change(rig, &r.change), &r.change.why);
	mirror_put_commit(put);
}

struct reading {
	struct rig *rig;
	struct source *source;
	uint64_t at;
	bool ready;
};

static void
source_ready(void *arg)
{
	struct reading *r = arg;

	r->ready = true;
	rig_wake(r->rig);
}

static void
read_back(struct rig *rig, const struct blob *blob, uint64_t first, uint64_t n)
{
	struct reading r = {.rig = rig, .at = first};
	struct slice slice;

	assert_ok(
	    mirror_source(rig->mirror, rig->loop, blob, first, n, &r.source, &rig->why),
	    &rig->why);
	r.source->ready = source_ready;
	r.source->arg = &r;
	for (;;) {
		enum next next = source_next(r.source, &slice);

		if (next == NEXT_END)
			break;
		if (next == NEXT_LATER) {
			while (!r.ready)
				rig_wait(rig);
			r.ready = false;
			continue;
		}
		if (next == NEXT_FAILED)
			fail_msg("read: %s", errinfo_text(&r.source->why));
		for (size_t i = 0; i < slice.n; i++)
			if (slice_data(&slice)[i] != pattern_byte(r.at + i))
				fail_msg(
				    "wrong byte at %llu", (unsigned long long)(r.at + i));
		r.at += slice.n;
		piece_unref(slice.piece);
	}
	assert_int_equal(r.at, first + n);
	source_close(r.source);
}

static int
open_rig(void **state)
{
	static struct rig rig;

	rig = (struct rig){0};
	rig_open(&rig, "gc_delay = 0");
	*state = &rig;
	return 0;
}

static int
close_rig(void **state)
{
	rig_close(*state);
	return 0;
}

static void
a_small_file_lies_in_four_places_and_reads_back(void **state)
{
	struct rig *rig = *state;
	struct mirror_put *put = put_pattern(rig, 5000, 5000, ERR_OK);
	struct blob blob = *mirror_put_blob(put);
	uint8_t md5[MD5_SIZE];
	uint8_t data[5000];

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = pattern_byte(i);
	assert_true(md5_of(data, sizeof data, md5));
	assert_memory_equal(md5, blob.md5, MD5_SIZE);
	assert_int_equal(mirror_put_crc32c(put), crc32c(0, data, sizeof data));
	assert_int_equal(blob.have, 15);
	commit_file(rig, put, "small");
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(rig_files(rig, i, "blob"), 1);
	read_back(rig, &blob, 0, 5000);
	read_back(rig, &blob, 4097, 1);
}

static void
a_large_file_lies_in_four_places_and_reads_back(void **state)
{
	struct rig *rig = *state;
	uint64_t length = (5 << 20) + 12345;
	struct mirror_put *put = put_pattern(rig, length, MIRROR_LENGTH_UNKNOWN, ERR_OK);
	struct blob blob = *mirror_put_blob(put);
	uint32_t crc = 0;

	for (uint64_t i = 0; i < length; i++) {
		uint8_t byte = pattern_byte(i);

		crc = crc32c(crc, &byte, 1);
	}
	assert_int_equal(mirror_put_crc32c(put), crc);
	assert_int_equal(blob.have, 15);
	assert_int_equal(blob.length, length);
	commit_file(rig, put, "large");
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(rig_files(rig, i, "blob"), 1);
		assert_int_equal(rig_files(rig, i, "tmp"), 0);
	}
	read_back(rig, &blob, 0, length);
	read_back(rig, &blob, 4500000, 70000);
}

static void
an_upload_given_up_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	struct mirror_put *put = put_pattern(rig, 3 << 20, MIRROR_LENGTH_UNKNOWN, ERR_OK);

	mirror_put_abandon(put);
	put = put_pattern(rig, 70, 70, ERR_OK);
	mirror_put_abandon(put);
	put = put_pattern(rig, 70, 71, ERR_PRECONDITION);
	mirror_put_abandon(put);
	put = put_pattern(rig, 3 << 20, (3 << 20) + 1, ERR_PRECONDITION);
	mirror_put_abandon(put);
	rig_stop_mirror(rig);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(rig_files(rig, i, "blob"), 0);
		assert_int_equal(rig_files(rig, i, "tmp"), 0);
	}
}

static void
an_empty_body_needs_no_file(void **state)
{
	struct rig *rig = *state;
	struct mirror_put *put = put_pattern(rig, 0, MIRROR_LENGTH_UNKNOWN, ERR_OK);
	char hex[2 * MD5_SIZE + 1];

	assert_int_equal(mirror_put_blob(put)->id, 0);
	hex_encode(mirror_put_blob(put)->md5, MD5_SIZE, hex);
	assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
	commit_file(rig, put, "empty");
	rig_stop_mirror(rig);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(rig_files(rig, i, "tmp"), 0);
}

struct reader_outcome {
	struct rig *rig;
	enum err err;
	bool done;
};

static void
reader_done(void *arg, enum err err)
{
	struct reader_outcome *o = arg;

	o->err = err;
	o->done = true;
	rig_wake(o->rig);
}

static void
scattered_ranges_are_verified_and_right(void **state)
{
	enum { N = 400 };
	struct rig *rig = *state;
	struct mirror_put *put = put_pattern(rig, 20 << 20, 20 << 20, ERR_OK);
	struct blob blob = *mirror_put_blob(put);
	struct reader_outcome o = {.rig = rig};
	static uint8_t memory[N][2000];
	struct range range[N];
	struct reader *reader;

	commit_file(rig, put, "cube");
	assert_ok(
	    mirror_reader(rig->mirror, rig->loop, &blob, &reader, &rig->why), &rig->why);
	for (size_t i = 0; i < N; i++)
		range[i] = (struct range){i * 52000 + 17, sizeof memory[i], memory[i]};
	reader_read(reader, range, N, reader_done, &o);
	while (!o.done)
		rig_wait(rig);
	assert_ok(o.err, &reader->why);
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < sizeof memory[i]; k++)
			assert_int_equal(memory[i][k], pattern_byte(range[i].offset + k));
	reader_close(reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_small_file_lies_in_four_places_and_reads_back, open_rig, close_rig),
	    cmocka_unit_test_setup_teardown(
		a_large_file_lies_in_four_places_and_reads_back, open_rig, close_rig),
	    cmocka_unit_test_setup_teardown(
		an_upload_given_up_leaves_nothing, open_rig, close_rig),
	    cmocka_unit_test_setup_teardown(
		an_empty_body_needs_no_file, open_rig, close_rig),
	    cmocka_unit_test_setup_teardown(
		scattered_ranges_are_verified_and_right, open_rig, close_rig),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
