/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations with programs that find shapes, good and bad. This program is the bad ones
 * itself: called with the one argument that quartet-fits has, it does what its name says.
 */
#include "tests/support/check.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "fits/finder.h"
#include "fits/worker.h"
#include "service/core/clock.h"
#include "tests/unit/fits/sample.h"

static const char *const programs[] = {
    "good", "once", "crash", "hang", "outside", "axes", "magic", "answer", "text"};

enum { LONG_MS = 60000, SHORT_MS = 1000, MEMORY = 256 << 20, MANY = 6 };

/* --- the bad programs -------------------------------------------------------------- */

static bool
read_all(void *to, size_t n)
{
	char *p = to;

	while (n > 0) {
		ssize_t got = read(STDIN_FILENO, p, n);

		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

static int
serve_badly(const char *how)
{
	struct worker_reply reply = {.magic = WORKER_REPLY_MAGIC,
	    .answer = WORKER_FOUND,
	    .axis = {0, 1},
	    .first = {1, 1},
	    .last = {2, 3}};
	struct worker_request r;
	double value[SHAPE_CIRCLE_VALUES];
	char card[CARD_SIZE];

	while (read_all(&r, sizeof r) && read_all(value, sizeof value)) {
		for (uint32_t i = 0; i < r.n_cards; i++)
			if (!read_all(card, sizeof card))
				return 1;
		if (strcmp(how, "crash") == 0)
			(void)raise(SIGKILL);
		if (strcmp(how, "hang") == 0)
			(void)pause();
		if (strcmp(how, "outside") == 0)
			reply.last[1] = 1000;
		if (strcmp(how, "axes") == 0)
			reply.axis[1] = 7;
		if (strcmp(how, "magic") == 0)
			reply.magic = 1;
		if (strcmp(how, "answer") == 0)
			reply.answer = 77;
		if (strcmp(how, "text") == 0) {
			reply.answer = WORKER_UNSUPPORTED;
			memset(reply.text, 'x', sizeof reply.text);
		}
		if (write(STDIN_FILENO, &reply, sizeof reply) != sizeof reply)
			return 1;
		if (strcmp(how, "once") == 0)
			return 0;
	}
	return 0;
}

/* --- the tests --------------------------------------------------------------------- */

static char folder[] = "/tmp/finder-XXXXXX", self[4096];
static struct loop *loop;
static struct finder *finder;
static struct finder_job *job;
static struct str cards;
static struct errinfo why;
static enum err answered;

static int
set_up(void **state)
{
	(void)state;
	str_init(&cards, SAMPLE_MAX);
	return loop_new("finder", &loop, &why) == ERR_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	finder_job_close(job);
	finder_free(finder);
	loop_free(loop);
	str_release(&cards);
	job = NULL;
	finder = NULL;
	return 0;
}

/* The program that does `how`: a name of this one. */
static void
start(const char *how, uint64_t time_ms)
{
	char path[sizeof folder + 32];
	struct finder_config config = {
	    .program = path, .workers = 2, .time_ms = time_ms, .memory_bytes = MEMORY};

	(void)snprintf(path, sizeof path, "%s/%s", folder, how);
	if (strcmp(how, "nothing") != 0)
		assert_true(symlink(self, path) == 0 || errno == EEXIST);
	assert_ok(finder_new(&config, &finder, &why), &why);
}

static void
add_image(unsigned index)
{
	const int64_t axis[] = {10, 20};
	struct hdu hdu;

	str_clear(&cards);
	sample_image(&cards, true, 8, 2, axis);
	sample_card(&cards, "CTYPE1  = 'RA---TAN'");
	sample_card(&cards, "CTYPE2  = 'DEC--TAN'");
	sample_card(&cards, "END");
	assert_ok(header_read(str_bytes(&cards), index, 0, &hdu, &why), &why);
	assert_ok(finder_job_add(job, &hdu, str_bytes(&cards), &why), &why);
}

static void
done(void *arg, enum err e)
{
	(void)arg;
	answered = e;
	loop_stop(loop);
}

static struct finder_job *
new_job(void)
{
	static const double value[] = {1, 2, 3};
	struct shape shape = {SHAPE_CIRCLE, value, SHAPE_CIRCLE_VALUES};

	return finder_job_new(&shape);
}

static enum err
ask(size_t n)
{
	finder_job_close(job);
	job = new_job();
	assert_non_null(job);
	for (size_t i = 0; i < n; i++)
		add_image(0);
	finder_start(finder, job, loop, done, NULL);
	loop_run(loop);
	return answered;
}

static void
the_box_comes_back(void **state)
{
	struct finder_box box;

	(void)state;
	start("good", LONG_MS);
	assert_ok(ask(3), finder_job_why(job));
	for (size_t i = 0; i < 3; i++) {
		assert_true(finder_job_box(job, i, &box));
		assert_int_equal(box.axis[0], 0);
		assert_int_equal(box.axis[1], 1);
		assert_int_equal(box.first[0], 1);
		assert_int_equal(box.last[1], 3);
	}
	assert_false(finder_job_box(job, 3, &box));
	assert_ok(ask(0), finder_job_why(job));
}

/* A process may be ended by anybody: the request does not notice. */
static void
one_that_ended_is_replaced(void **state)
{
	(void)state;
	start("once", LONG_MS);
	for (int i = 0; i < 5; i++)
		assert_ok(ask(2), finder_job_why(job));
}

static void
one_that_always_crashes_is_an_error_of_the_file(void **state)
{
	(void)state;
	start("crash", LONG_MS);
	for (int i = 0; i < 3; i++) {
		assert_err(ask(1), ERR_FITS_DAMAGED);
		assert_non_null(strstr(finder_job_why(job)->text, "HDU 0"));
	}
}

static void
one_that_hangs_is_ended(void **state)
{
	uint64_t began = clock_mono_ms();

	(void)state;
	start("hang", SHORT_MS);
	assert_err(ask(1), ERR_FITS_DAMAGED);
	assert_non_null(strstr(finder_job_why(job)->text, "too long"));
	assert_true(clock_mono_ms() - began >= SHORT_MS);
}

static void
what_it_says_is_not_believed(void **state)
{
	static const char *const lies[] = {"outside", "axes", "magic", "answer"};

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		start(lies[i], LONG_MS);
		assert_err(ask(1), ERR_FITS_DAMAGED);
		finder_job_close(job);
		job = NULL;
		finder_free(finder);
		finder = NULL;
	}
	start("text", LONG_MS);
	assert_err(ask(1), ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(finder_job_why(job)->text, "HDU 0: xxx"));
}

static void
without_the_program_it_says_so(void **state)
{
	(void)state;
	start("nothing", LONG_MS);
	assert_err(ask(1), ERR_INTERNAL);
	assert_err(ask(1), ERR_INTERNAL);
}

static unsigned n_answers, n_busy;

static void
count(void *arg, enum err e)
{
	(void)arg;
	n_answers++;
	n_busy += e == ERR_BUSY;
	if (n_answers == MANY)
		loop_stop(loop);
}

/* Two at a time hang: the last ones wait twice as long as they may. */
static void
too_many_are_refused(void **state)
{
	struct finder_job *jobs[MANY];

	(void)state;
	start("hang", SHORT_MS);
	n_answers = n_busy = 0;
	for (int i = 0; i < MANY; i++) {
		job = jobs[i] = new_job();
		add_image(0);
		finder_start(finder, job, loop, count, NULL);
	}
	loop_run(loop);
	assert_true(n_busy >= 1 && n_busy <= MANY - 2);
	for (int i = 0; i < MANY; i++)
		finder_job_close(jobs[i]);
	job = NULL;
}

static void
forgotten(struct loop_job *loop_job)
{
	(void)loop_job;
	loop_stop(loop);
}

static void
nobody_waits_for_what_is_closed(void **state)
{
	struct loop_job last = {.run = forgotten};
	uint64_t began = clock_mono_ms();

	(void)state;
	start("hang", LONG_MS);
	answered = ERR_OK;
	for (int i = 0; i < 4; i++) {
		job = new_job();
		add_image(0);
		finder_start(finder, job, loop, done, NULL);
		finder_job_close(job);
	}
	job = NULL;
	finder_free(finder);
	finder = NULL;
	loop_post(loop, &last);
	loop_run(loop);
	assert_int_equal(answered, ERR_OK);
	assert_true(clock_mono_ms() - began < LONG_MS);
}

static void
tables_of_distortions_are_refused(void **state)
{
	struct hdu hdu = {.kind = HDU_IMAGE, .index = 4, .naxis = 2, .axis = {10, 20}};

	(void)state;
	start("good", LONG_MS);
	job = new_job();
	str_clear(&cards);
	sample_card(&cards, "CTYPE1  = 'RA---TAN'");
	sample_card(&cards, "CPDIS1  = 'Lookup'");
	assert_err(
	    finder_job_add(job, &hdu, str_bytes(&cards), &why), ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(why.text, "HDU 4"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(the_box_comes_back),
	    TEST(one_that_ended_is_replaced),
	    TEST(one_that_always_crashes_is_an_error_of_the_file),
	    TEST(one_that_hangs_is_ended),
	    TEST(what_it_says_is_not_believed),
	    TEST(without_the_program_it_says_so),
	    TEST(too_many_are_refused),
	    TEST(nobody_waits_for_what_is_closed),
	    TEST(tables_of_distortions_are_refused),
#undef TEST
	};
	const char *name = strrchr(argv[0], '/');
	char path[sizeof folder + 16];
	ssize_t n;
	int failed;

	if (argc == 2)
		return serve_badly(name != NULL ? name + 1 : argv[0]);
	n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n < 0 || mkdtemp(folder) == NULL)
		return 1;
	self[n] = '\0';
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", folder, programs[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
	return failed;
}
