/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fits/cutout.h"
#include "tests/support/memory_reader.h"
#include "tests/unit/fits/sample.h"

enum {
	POOL_BYTES = 16 << 20,
	PIECES = POOL_BYTES / PIECE_SMALL_SIZE,
	WIDTH = 700,
	HEIGHT = 600,
	TABLE_BYTES = 300000,
	NAME_ROOM = 256
};

static const struct cutout_limits limits = {
    .header_max = 1 << 20,
    .hdus_max = 100,
    .sections_max = 10,
    .output_max = UINT64_C(1) << 40,
};

/* One cutout from beginning to end. */
struct run {
	struct cutout *cutout;
	struct source *source;
	struct str out;
	/* What cutout_facts said. */
	uint64_t length;
	char type[40], name[NAME_ROOM], canonical[100];
	enum err err;
	struct errinfo why;
	unsigned opened, slices;
	/* Close when so many things have happened; 0: never. */
	unsigned close_after, events;
	bool in_call; /* callbacks must not come now */
	bool closed;
};

static struct loop *loop;
static struct pool *pool;
static struct arena arena;
static struct str file;
static struct memory_reads reads;

static int
set_up(void **state)
{
	struct errinfo why;

	(void)state;
	assert_ok(loop_new("test", &loop, &why), &why);
	assert_ok(pool_new(POOL_BYTES, &pool, &why), &why);
	arena_init(&arena, 16 << 20);
	str_init(&file, SAMPLE_MAX);
	reads = (struct memory_reads){0};
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	assert_int_equal(reads.open, 0);
	assert_int_equal(pool_stats(pool).used_bytes, 0);
	str_release(&file);
	arena_release(&arena);
	pool_free(pool);
	loop_free(loop);
	return 0;
}

/* A primary image of 16-bit pixels, a table, an image extension without data. */
static void
make_file(void)
{
	sample_image(&file, true, 16, 2, (const int64_t[]){WIDTH, HEIGHT});
	sample_card(&file, "CRPIX1  =                100.0");
	sample_end(&file);
	sample_bytes(&file, (size_t)2 * WIDTH * HEIGHT);
	sample_card(&file, "XTENSION= 'BINTABLE'");
	sample_int(&file, "BITPIX", 8);
	sample_int(&file, "NAXIS", 2);
	sample_int(&file, "NAXIS1", 1);
	sample_int(&file, "NAXIS2", TABLE_BYTES);
	sample_card(&file, "EXTNAME = 'TAB     '");
	sample_end(&file);
	sample_bytes(&file, TABLE_BYTES);
	sample_image(&file, false, 8, 0, NULL);
	sample_end(&file);
}

static void
stop_job_run(struct loop_job *job)
{
	free(job);
	loop_stop(loop);
}

/* Stop the loop after everything posted so far has run. */
static void
stop_later(void)
{
	struct loop_job *job = calloc(1, sizeof *job);

	assert_non_null(job);
	job->run = stop_job_run;
	loop_post(loop, job);
}

static void
finish(struct run *r, enum err err)
{
	if (err == ERR_OK)
		assert_int_equal(r->out.n, r->length);
	r->err = err;
	r->closed = true;
	if (r->source != NULL)
		source_close(r->source);
	else
		cutout_close(r->cutout);
	stop_later();
}

/* True if this is where the test wants the cutout closed. */
static bool
is_over(struct run *r)
{
	assert_false(r->in_call);
	assert_false(r->closed);
	if (++r->events != r->close_after)
		return false;
	finish(r, ERR_CANCELLED);
	return true;
}

static void
pump(void *arg)
{
	struct run *r = arg;
	struct slice s;

	if (is_over(r))
		return;
	for (;;) {
		enum next next;

		r->in_call = true;
		next = source_next(r->source, &s);
		r->in_call = false;
		if (next == NEXT_LATER)
			return;
		if (next == NEXT_END) {
			finish(r, ERR_OK);
			return;
		}
		if (next == NEXT_FAILED) {
			r->why = r->source->why;
			finish(r, r->why.code);
			return;
		}
		assert_in_range(s.n, 1, s.piece->size);
		str_add(&r->out, (struct bytes){(const char *)slice_data(&s), s.n});
		piece_unref(s.piece);
		r->slices++;
		if (is_over(r))
			return;
	}
}

static void
note_facts(struct run *r)
{
	const struct cutout_facts *f = cutout_facts(r->cutout);

	r->length = f->length_bytes;
	(void)snprintf(r->type, sizeof r->type, "%s", f->content_type);
	(void)snprintf(r->name, sizeof r->name, "%s", f->file_name);
	(void)snprintf(r->canonical, sizeof r->canonical, "%s", f->canonical);
}

static void
opened(void *arg, enum err err)
{
	struct run *r = arg;

	r->opened++;
	if (is_over(r))
		return;
	if (err != ERR_OK) {
		r->why = *cutout_why(r->cutout);
		assert_int_equal(r->why.code, err);
		finish(r, err);
		return;
	}
	note_facts(r);
	r->source = cutout_source(r->cutout);
	r->source->ready = pump;
	r->source->arg = r;
	pump(r);
}

static struct cutout_ask *
parse(const char *const *subs)
{
	struct bytes sub[20];
	struct cutout_ask *ask = NULL;
	struct errinfo why;
	size_t n = 0;

	for (; subs[n] != NULL; n++)
		sub[n] = bytes_of(subs[n]);
	assert_ok(cutout_parse(&arena, sub, n, n == 0, &limits, &ask, &why), &why);
	return ask;
}

static void
start(struct run *r, const char *const *subs, const void *data, uint64_t size)
{
	struct errinfo why;

	str_init(&r->out, SAMPLE_MAX);
	r->in_call = true;
	r->cutout =
	    cutout_open(loop, pool, NULL, memory_reader_new(loop, data, size, &reads),
		parse(subs), BYTES("some.fits"), &limits, opened, r, &why);
	r->in_call = false;
	assert_non_null(r->cutout);
}

/* The caller releases r->out. */
static void
run_on(struct run *r, const char *const *subs, const void *data, uint64_t size)
{
	start(r, subs, data, size);
	loop_run(loop);
	assert_true(r->closed);
}

static void
run(struct run *r, const char *const *subs)
{
	run_on(r, subs, file.p, file.n);
}

#define SUBS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define META      ((const char *const[]){NULL})

static void
assert_refused(const char *const *subs, enum err err)
{
	struct run r = {0};

	run(&r, subs);
	assert_int_equal(r.opened, 1);
	assert_int_equal(r.err, err);
	assert_true(r.why.text[0] != '\0');
	str_release(&r.out);
}

static void
pixels_come_out_as_they_are_in_the_file(void **state)
{
	struct run r = {0};

	(void)state;
	make_file();
	run(&r, SUBS("[0][101:300,51:350]"));
	assert_int_equal(r.err, ERR_OK);
	assert_int_equal(r.opened, 1);
	assert_int_equal(r.out.n, FITS_BLOCK + fits_padded((size_t)2 * 200 * 300));
	for (size_t y = 0; y < 300; y++)
		assert_memory_equal(r.out.p + FITS_BLOCK + y * 400,
		    file.p + FITS_BLOCK + 2 * ((y + 50) * WIDTH + 100), 400);
	str_release(&r.out);
}

static void
flipped_pixels_come_out_backwards(void **state)
{
	struct run r = {0};

	(void)state;
	make_file();
	run(&r, SUBS("[-*,-*]"));
	assert_int_equal(r.err, ERR_OK);
	for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++)
		assert_memory_equal(r.out.p + FITS_BLOCK + 2 * i,
		    file.p + FITS_BLOCK + 2 * ((size_t)WIDTH * HEIGHT - 1 - i), 2);
	str_release(&r.out);
}

static void
facts_are_known_when_it_opens(void **state)
{
	struct run r = {0};

	(void)state;
	make_file();
	run(&r, SUBS("[ tab ]", "[1:2,1:1]"));
	assert_int_equal(r.err, ERR_OK);
	assert_string_equal(r.type, "application/fits");
	assert_string_equal(r.canonical, "SUB=[TAB]&SUB=[0][1:2,1:1]");
	assert_string_equal(r.name, "some.TAB____0__1_2_1_1.fits");
	assert_int_equal(
	    r.length, 2 * FITS_BLOCK + FITS_BLOCK + fits_padded(TABLE_BYTES));
	str_release(&r.out);
}

static void
the_text_of_all_headers_comes_out(void **state)
{
	struct run r = {0};
	struct bytes text;

	(void)state;
	make_file();
	run(&r, META);
	assert_int_equal(r.err, ERR_OK);
	assert_string_equal(r.type, "text/plain");
	assert_string_equal(r.canonical, "META");
	assert_string_equal(r.name, "some.fits.txt");
	text = str_bytes(&r.out);
	assert_true(
	    bytes_starts(text, BYTES("SIMPLE  =                    T / a comment\n"
				     "BITPIX  =                   16\n")));
	assert_true(bytes_contains(text,
	    BYTES("CRPIX1  =                100.0\nEND\n\nXTENSION= 'BINTABLE'\n")));
	assert_true(bytes_ends(text, BYTES("\nEND\n")));
	str_release(&r.out);
}

static void
nothing_behind_what_is_asked_is_looked_at(void **state)
{
	struct run r = {0};

	(void)state;
	make_file();
	sample_card(&file, "XTENSION= 'IMAGE   ' / and nothing else");
	sample_end(&file);
	run(&r, SUBS("[1]", "[2]"));
	assert_int_equal(r.err, ERR_OK);
	str_release(&r.out);
	assert_refused(SUBS("[2]", "[3]"), ERR_FITS_DAMAGED);
	assert_refused(SUBS("[NAME]"), ERR_FITS_DAMAGED);
	assert_refused(META, ERR_FITS_DAMAGED);
}

static void
damage_where_companions_are_looked_for_does_no_harm(void **state)
{
	struct run r = {0};

	(void)state;
	sample_image(&file, true, 8, 1, (const int64_t[]){10});
	sample_card(&file, "CPDIS1  = 'LOOKUP  '");
	sample_end(&file);
	sample_bytes(&file, 10);
	sample_image(&file, false, 8, 0, NULL);
	sample_card(&file, "EXTNAME = 'OTHER   '");
	sample_end(&file);
	sample_card(&file, "XTENSION= 'IMAGE   ' / and nothing else");
	sample_end(&file);
	run(&r, SUBS("[0][2:3]"));
	assert_int_equal(r.err, ERR_OK);
	assert_int_equal(r.out.n, 2 * FITS_BLOCK);
	str_release(&r.out);
}

static void
refusals_have_their_code(void **state)
{
	(void)state;
	assert_refused(SUBS("[0]"), ERR_NOT_FITS);
	assert_refused(META, ERR_NOT_FITS);
	make_file();
	assert_refused(SUBS("[3]"), ERR_INVALID_ARGUMENT);
	assert_refused(SUBS("[TAB,2]"), ERR_INVALID_ARGUMENT);
	assert_refused(SUBS("[1][1:2]"), ERR_INVALID_ARGUMENT);
	assert_refused(SUBS("[2][1:2]"), ERR_INVALID_ARGUMENT);
	assert_refused(SUBS("[0]", "[701:702]"), ERR_NO_OVERLAP);
	file.n = FITS_BLOCK + 1000;
	assert_refused(SUBS("[0]"), ERR_FITS_DAMAGED);
	assert_refused(SUBS("[1]"), ERR_FITS_DAMAGED);
	file.n = 1000;
	assert_refused(SUBS("[0]"), ERR_FITS_DAMAGED);
	assert_refused(META, ERR_FITS_DAMAGED);
}

static void
wrong_requests_are_refused_before_the_file_is_touched(void **state)
{
	static const struct bytes bad = {"[1:2:0]", 7};
	struct bytes many[11];
	struct cutout_ask *ask;
	struct errinfo why;

	(void)state;
	for (size_t i = 0; i < 11; i++)
		many[i] = BYTES("[0]");
	assert_err(cutout_parse(&arena, many, 1, true, &limits, &ask, &why),
	    ERR_INVALID_ARGUMENT);
	assert_err(cutout_parse(&arena, NULL, 0, false, &limits, &ask, &why),
	    ERR_INVALID_ARGUMENT);
	assert_err(cutout_parse(&arena, many, 11, false, &limits, &ask, &why),
	    ERR_INVALID_ARGUMENT);
	assert_err(cutout_parse(&arena, &bad, 1, false, &limits, &ask, &why),
	    ERR_INVALID_ARGUMENT);
}

static void
a_cut_short_file_still_gives_what_it_has(void **state)
{
	struct run r = {0};

	(void)state;
	make_file();
	file.n = FITS_BLOCK + (size_t)2 * WIDTH * 10 + 20;
	run(&r, SUBS("[0][1:10,1:11]"));
	assert_int_equal(r.err, ERR_OK);
	str_release(&r.out);
	assert_refused(SUBS("[0][1:11,1:11]"), ERR_FITS_DAMAGED);
	r = (struct run){0};
	run(&r, META);
	assert_int_equal(r.err, ERR_OK);
	str_release(&r.out);
}

/* Every request of this test with a reader that fails from read n on. */
static void
a_failing_reader_is_reported(void **state)
{
	static const char *const all[][3] = {
	    {"[0]", "[TAB]", NULL}, {"[1:700:2,*]", NULL}, {NULL}};

	(void)state;
	make_file();
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (uint64_t n = 1;; n++) {
			struct run r = {0};

			reads.calls = 0;
			reads.fail_from = n;
			run(&r, all[i]);
			str_release(&r.out);
			assert_int_equal(r.opened, 1);
			if (r.err == ERR_OK) {
				assert_true(n > 1 && reads.calls < n);
				break;
			}
			assert_int_equal(r.err, ERR_IO);
			assert_string_equal(r.why.text, "the test's reader fails");
		}
}

static void
it_can_be_closed_at_any_time(void **state)
{
	(void)state;
	make_file();
	for (unsigned n = 1;; n++) {
		struct run r = {.close_after = n};

		run(&r, SUBS("[0]", "[1:700:3,-*]", "[1]", "[2]"));
		str_release(&r.out);
		assert_int_equal(reads.open, 0);
		if (r.err == ERR_OK) {
			assert_in_range(n, 5, 100);
			break;
		}
		assert_int_equal(r.err, ERR_CANCELLED);
	}
}

static void
it_can_be_closed_before_it_opened(void **state)
{
	struct run r = {0};

	(void)state;
	make_file();
	start(&r, SUBS("[0]"), file.p, file.n);
	cutout_close(r.cutout);
	stop_later();
	loop_run(loop);
	assert_int_equal(r.opened, 0);
	/* The same while the first window is read. */
	start(&r, SUBS("[0]"), file.p, file.n);
	stop_later();
	loop_run(loop);
	assert_int_equal(r.opened, 0);
	cutout_close(r.cutout);
	stop_later();
	loop_run(loop);
	assert_int_equal(r.opened, 0);
}

/* Takes every piece of the pool; how many. */
static size_t
drain_pool(struct piece **held, size_t room)
{
	size_t n = 0;

	while (n < room && (held[n] = pool_take(pool, PIECE_SMALL)) != NULL)
		n++;
	return n;
}

static void
it_waits_for_a_piece(void **state)
{
	static struct piece *held[PIECES];
	struct run r = {0};
	size_t n;

	(void)state;
	make_file();
	n = drain_pool(held, PIECES);
	start(&r, SUBS("[0]"), file.p, file.n);
	for (int i = 0; i < 10; i++) {
		stop_later();
		loop_run(loop);
	}
	assert_int_equal(r.opened, 1);
	assert_int_equal(r.slices, 0);
	assert_false(r.closed);
	piece_unref(held[--n]);
	loop_run(loop);
	assert_int_equal(r.err, ERR_OK);
	assert_int_equal(r.out.n, FITS_BLOCK + fits_padded((size_t)2 * WIDTH * HEIGHT));
	assert_in_range(r.slices, r.out.n / PIECE_SMALL_SIZE, 1000);
	str_release(&r.out);
	while (n > 0)
		piece_unref(held[--n]);
}

static void
it_can_be_closed_while_it_waits_for_a_piece(void **state)
{
	static struct piece *held[PIECES];
	size_t n;

	(void)state;
	make_file();
	for (int late = 0; late <= 1; late++) {
		struct run r = {0};

		n = drain_pool(held, PIECES);
		start(&r, SUBS("[0]"), file.p, file.n);
		for (int i = 0; i < 10; i++) {
			stop_later();
			loop_run(loop);
		}
		if (late == 1) /* its job is posted, but has not run */
			piece_unref(held[--n]);
		finish(&r, ERR_CANCELLED);
		loop_run(loop);
		assert_int_equal(r.slices, 0);
		str_release(&r.out);
		while (n > 0)
			piece_unref(held[--n]);
	}
}

static void
a_wake_up_that_comes_too_late_is_passed_on(void **state)
{
	static struct piece *held[PIECES];
	struct run first = {0}, second = {0};
	size_t n;

	(void)state;
	make_file();
	n = drain_pool(held, PIECES);
	start(&first, SUBS("[0]"), file.p, file.n);
	start(&second, SUBS("[2]"), file.p, file.n);
	for (int i = 0; i < 10; i++) {
		stop_later();
		loop_run(loop);
	}
	piece_unref(held[--n]); /* wakes the first */
	finish(&first, ERR_CANCELLED);
	loop_run(loop);
	if (!second.closed)
		loop_run(loop);
	assert_int_equal(second.err, ERR_OK);
	str_release(&first.out);
	str_release(&second.out);
	while (n > 0)
		piece_unref(held[--n]);
}

static void
a_large_result_comes_in_large_pieces(void **state)
{
	struct run r = {0};

	(void)state;
	sample_image(&file, true, 8, 1, (const int64_t[]){5000000});
	sample_end(&file);
	sample_bytes(&file, 5000000);
	run(&r, SUBS("[0]"));
	assert_int_equal(r.err, ERR_OK);
	assert_in_range(r.slices, 5, 6);
	assert_memory_equal(r.out.p + FITS_BLOCK, file.p + FITS_BLOCK, 5000000);
	str_release(&r.out);
}

/* A large sparse image: 16384 x 16384 floats. */
static void
few_bytes_beyond_the_pages_touched_are_read(void **state)
{
	enum { SIDE = 16384, CUT = 2000, FIRST = 7001, PAGE = 4096 };
	uint64_t size = FITS_BLOCK + (uint64_t)SIDE * SIDE * 4, least = 0, seen = 0;
	int fd = memfd_create("sparse", MFD_CLOEXEC);
	struct run r = {0};
	uint8_t *image;

	(void)state;
	size = fits_padded(size);
	assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	image = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(image != MAP_FAILED);
	sample_image(&file, true, -32, 2, (const int64_t[]){SIDE, SIDE});
	sample_end(&file);
	(void)memcpy(image, file.p, file.n);
	reads.page_seen = calloc(size / PAGE + 1, 1);
	assert_non_null(reads.page_seen);

	run_on(&r, SUBS("[7001:9000,7001:9000]"), image, size);
	assert_int_equal(r.err, ERR_OK);
	for (uint64_t y = FIRST - 1; y < FIRST - 1 + CUT; y++) {
		uint64_t at = FITS_BLOCK + (y * SIDE + FIRST - 1) * 4;

		least += (at + (uint64_t)CUT * 4 - 1) / PAGE - at / PAGE + 1;
	}
	for (uint64_t p = 0; p <= size / PAGE; p++)
		seen += reads.page_seen[p];
	assert_in_range(seen * PAGE, 1, least * PAGE / 10 * 12);
	assert_in_range(reads.bytes, (uint64_t)CUT * CUT * 4, least * PAGE / 10 * 12);
	/* Each call asks for as much as fits, so that the reads can go out together. */
	assert_in_range(reads.calls, 1, 1 + r.out.n / READER_MAX + 2);
	free(reads.page_seen);
	(void)munmap(image, size);
	(void)close(fd);
	str_release(&r.out);
}

#define CUTOUT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CUTOUT_TEST(pixels_come_out_as_they_are_in_the_file),
	    CUTOUT_TEST(flipped_pixels_come_out_backwards),
	    CUTOUT_TEST(facts_are_known_when_it_opens),
	    CUTOUT_TEST(the_text_of_all_headers_comes_out),
	    CUTOUT_TEST(nothing_behind_what_is_asked_is_looked_at),
	    CUTOUT_TEST(damage_where_companions_are_looked_for_does_no_harm),
	    CUTOUT_TEST(refusals_have_their_code),
	    CUTOUT_TEST(wrong_requests_are_refused_before_the_file_is_touched),
	    CUTOUT_TEST(a_cut_short_file_still_gives_what_it_has),
	    CUTOUT_TEST(a_failing_reader_is_reported),
	    CUTOUT_TEST(it_can_be_closed_at_any_time),
	    CUTOUT_TEST(it_can_be_closed_before_it_opened),
	    CUTOUT_TEST(it_waits_for_a_piece),
	    CUTOUT_TEST(it_can_be_closed_while_it_waits_for_a_piece),
	    CUTOUT_TEST(a_wake_up_that_comes_too_late_is_passed_on),
	    CUTOUT_TEST(a_large_result_comes_in_large_pieces),
	    CUTOUT_TEST(few_bytes_beyond_the_pages_touched_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
