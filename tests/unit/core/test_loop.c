/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "service/core/clock.h"
#include "service/core/loop.h"

enum { POSTERS = 4, JOBS = 2000 };

/* What happened, in order; written on the loop's thread only. */
static struct {
	struct loop *loop;
	int marks[64];
	size_t n;
} seen;

static void
mark(int number)
{
	if (seen.n < sizeof seen.marks / sizeof seen.marks[0])
		seen.marks[seen.n++] = number;
}

static void
assert_marks(const int *expected, size_t n)
{
	assert_int_equal(seen.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(seen.marks[i], expected[i]);
}

#define assert_seen(...)                                                                 \
	do {                                                                             \
		const int assert_seen_list[] = {__VA_ARGS__};                            \
		assert_marks(assert_seen_list,                                           \
		    sizeof assert_seen_list / sizeof assert_seen_list[0]);               \
	} while (0)

static int
make_loop(void **state)
{
	(void)state;
	seen.n = 0;
	return loop_new("a-name-that-is-too-long", &seen.loop, NULL) == ERR_OK ? 0 : -1;
}

static int
free_loop(void **state)
{
	(void)state;
	loop_free(seen.loop);
	return 0;
}

struct numbered_job {
	struct loop_job job;
	int number;
	bool is_last;
};

static void
run_numbered(struct loop_job *job)
{
	struct numbered_job *me = container_of(job, struct numbered_job, job);

	mark(me->number);
	if (me->is_last)
		loop_stop(seen.loop);
}

static void
jobs_run_once_in_the_order_posted(void **state)
{
	struct numbered_job jobs[5];

	(void)state;
	for (int i = 0; i < 5; i++) {
		jobs[i] = (struct numbered_job){{.run = run_numbered}, i, i == 4};
		loop_post(seen.loop, &jobs[i].job);
	}
	loop_run(seen.loop);
	assert_seen(0, 1, 2, 3, 4);
}

static struct numbered_job follower = {{.run = run_numbered}, 3, true};

static void
post_follower(struct loop_job *job)
{
	(void)job;
	loop_post(seen.loop, &follower.job);
	mark(1);
}

static void
a_job_posted_by_a_job_runs_after_those_that_wait(void **state)
{
	struct loop_job first = {.run = post_follower};
	struct numbered_job second = {{.run = run_numbered}, 2, false};

	(void)state;
	loop_post(seen.loop, &first);
	loop_post(seen.loop, &second.job);
	loop_run(seen.loop);
	assert_seen(1, 2, 3);
}

static void
post_itself_again(struct loop_job *job)
{
	mark(1);
	if (seen.n == 3)
		loop_stop(seen.loop);
	else
		loop_post(seen.loop, job);
}

static void
a_job_may_post_itself_again(void **state)
{
	struct loop_job job = {.run = post_itself_again};

	(void)state;
	loop_post(seen.loop, &job);
	loop_run(seen.loop);
	assert_seen(1, 1, 1);
}

struct numbered_timer {
	struct loop_timer *timer;
	int number;
	bool is_last;
};

static void
timer_marks(void *arg)
{
	struct numbered_timer *me = arg;

	mark(me->number);
	if (me->is_last)
		loop_stop(seen.loop);
}

static void
make_timers(struct numbered_timer *timers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		timers[i].number = (int)i;
		timers[i].is_last = i == n - 1;
		timers[i].timer = loop_timer_new(seen.loop, timer_marks, &timers[i]);
		assert_non_null(timers[i].timer);
	}
}

static void
free_timers(struct numbered_timer *timers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		loop_timer_free(timers[i].timer);
}

static void
timers_expire_by_their_delay(void **state)
{
	struct numbered_timer timers[4];
	uint64_t start;

	(void)state;
	make_timers(timers, 4);
	start = clock_mono_ms();
	loop_timer_set(timers[3].timer, 60);
	loop_timer_set(timers[1].timer, 40);
	loop_timer_set(timers[2].timer, 20);
	loop_timer_set(timers[0].timer, 0);
	loop_run(seen.loop);
	assert_seen(0, 2, 1, 3);
	/* libevent reads a clock that is a few milliseconds coarse. */
	assert_true(clock_mono_ms() - start >= 50);
	free_timers(timers, 4);
}

static void
a_second_setting_replaces_the_first(void **state)
{
	struct numbered_timer timers[3];

	(void)state;
	make_timers(timers, 3);
	loop_timer_set(timers[0].timer, 600000);
	loop_timer_set(timers[0].timer, 1);
	loop_timer_set(timers[1].timer, 1);
	loop_timer_set(timers[1].timer, 600000);
	loop_timer_set(timers[2].timer, 30);
	loop_run(seen.loop);
	assert_seen(0, 2);
	free_timers(timers, 3);
}

static void
a_cleared_timer_does_not_expire(void **state)
{
	struct numbered_timer timers[2];

	(void)state;
	make_timers(timers, 2);
	loop_timer_clear(timers[0].timer);
	loop_timer_set(timers[0].timer, 1);
	loop_timer_clear(timers[0].timer);
	loop_timer_set(timers[1].timer, 20);
	loop_run(seen.loop);
	assert_seen(1);
	free_timers(timers, 2);
}

static void
set_itself_again(void *arg)
{
	struct loop_timer **timer = arg;

	mark(1);
	if (seen.n < 3) {
		loop_timer_set(*timer, 1);
		return;
	}
	loop_timer_free(*timer);
	loop_stop(seen.loop);
}

static void
a_timer_may_set_and_free_itself_when_it_expires(void **state)
{
	struct loop_timer *timer = loop_timer_new(seen.loop, set_itself_again, &timer);

	(void)state;
	assert_non_null(timer);
	loop_timer_set(timer, 1);
	loop_run(seen.loop);
	assert_seen(1, 1, 1);
	loop_timer_free(NULL);
}

/* One end of a pipe under watch. */
struct watched {
	struct loop_fd *watch;
	int fds[2];
	int calls;
};

static void
open_watched(struct watched *w, int end, loop_ready_fn *ready)
{
	*w = (struct watched){0};
	assert_int_equal(pipe(w->fds), 0);
	w->watch = loop_fd_new(seen.loop, w->fds[end], ready, w);
	assert_non_null(w->watch);
}

static void
close_pipe(struct watched *w)
{
	(void)close(w->fds[0]);
	(void)close(w->fds[1]);
}

static void
read_at_the_third_call(void *arg, unsigned what)
{
	struct watched *w = arg;
	char c;

	mark((int)what);
	if (++w->calls < 3)
		return;
	assert_int_equal(read(w->fds[0], &c, 1), 1);
	loop_stop(seen.loop);
}

static void
a_watch_reports_as_long_as_something_can_be_read(void **state)
{
	struct watched w;

	(void)state;
	open_watched(&w, 0, read_at_the_third_call);
	assert_int_equal(write(w.fds[1], "x", 1), 1);
	loop_fd_want(w.watch, LOOP_READ);
	loop_run(seen.loop);
	assert_seen(LOOP_READ, LOOP_READ, LOOP_READ);
	loop_fd_free(w.watch);
	close_pipe(&w);
}

static void
mark_and_want_nothing(void *arg, unsigned what)
{
	struct watched *w = arg;

	mark((int)what);
	loop_fd_want(w->watch, 0);
}

static void
a_watch_reports_only_what_is_wanted(void **state)
{
	struct numbered_timer end[1];
	struct watched unwanted, writable;

	(void)state;
	open_watched(&unwanted, 0, mark_and_want_nothing);
	open_watched(&writable, 1, mark_and_want_nothing);
	assert_int_equal(write(unwanted.fds[1], "x", 1), 1);
	loop_fd_want(writable.watch, LOOP_WRITE);
	loop_fd_want(writable.watch, LOOP_WRITE);
	make_timers(end, 1);
	loop_timer_set(end[0].timer, 20);
	loop_run(seen.loop);
	assert_seen(LOOP_WRITE, 0);
	loop_fd_free(unwanted.watch);
	loop_fd_free(writable.watch);
	free_timers(end, 1);
	close_pipe(&unwanted);
	close_pipe(&writable);
}

static void
free_itself(void *arg, unsigned what)
{
	struct watched *w = arg;

	mark((int)what);
	loop_fd_free(w->watch);
	loop_stop(seen.loop);
}

static void
a_watch_may_free_itself_when_it_reports(void **state)
{
	struct watched w;

	(void)state;
	open_watched(&w, 1, free_itself);
	loop_fd_want(w.watch, LOOP_READ | LOOP_WRITE);
	loop_run(seen.loop);
	assert_seen(LOOP_WRITE);
	loop_fd_free(NULL);
	close_pipe(&w);
}

static void *
run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

/* A job that tells another thread what it saw. */
struct look_around {
	struct loop_job job;
	struct queue answer;
	struct queue_item item;
	bool is_here;
	char name[16];
};

static void
look_around(struct loop_job *job)
{
	struct look_around *me = container_of(job, struct look_around, job);

	me->is_here = loop_is_here(seen.loop);
	(void)pthread_getname_np(pthread_self(), me->name, sizeof me->name);
	queue_push(&me->answer, &me->item);
}

static void
wait_for_answer(struct look_around *look)
{
	struct pollfd p = {.fd = queue_fd(&look->answer), .events = POLLIN};

	while (queue_take(&look->answer) == NULL)
		(void)poll(&p, 1, -1);
}

static void
a_loop_knows_its_thread_and_gives_it_its_name(void **state)
{
	struct look_around look = {.job = {.run = look_around}};
	struct errinfo why;
	pthread_t thread;

	(void)state;
	assert_ok(queue_init(&look.answer, &why), &why);
	assert_true(loop_is_here(seen.loop));
	assert_int_equal(pthread_create(&thread, NULL, run_loop, seen.loop), 0);
	loop_post(seen.loop, &look.job);
	wait_for_answer(&look);
	assert_true(look.is_here);
	assert_string_equal(look.name, "a-name-that-is-");
	assert_false(loop_is_here(seen.loop));
	loop_stop(seen.loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(loop_is_here(seen.loop));
	queue_release(&look.answer);
}

static void
another_thread_can_stop_a_loop_that_has_nothing_to_do(void **state)
{
	(void)state;
	for (int round = 0; round < 100; round++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, run_loop, seen.loop), 0);
		loop_stop(seen.loop);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
}

static void
a_stopped_loop_can_run_again(void **state)
{
	struct numbered_job first = {{.run = run_numbered}, 1, true};
	struct numbered_job second = {{.run = run_numbered}, 2, true};

	(void)state;
	loop_post(seen.loop, &first.job);
	loop_run(seen.loop);
	loop_post(seen.loop, &second.job);
	loop_run(seen.loop);
	assert_seen(1, 2);
}

struct poster {
	pthread_t thread;
	struct counted_job {
		struct loop_job job;
		struct poster *poster;
		unsigned number;
	} jobs[JOBS];
	unsigned next; /* on the loop's thread */
	bool in_disorder;
};

static unsigned jobs_run; /* on the loop's thread */

static void
count_job(struct loop_job *job)
{
	struct counted_job *me = container_of(job, struct counted_job, job);

	if (me->number != me->poster->next++)
		me->poster->in_disorder = true;
	if (++jobs_run == POSTERS * JOBS)
		loop_stop(seen.loop);
}

static void *
post_jobs(void *arg)
{
	struct poster *me = arg;

	for (unsigned i = 0; i < JOBS; i++) {
		me->jobs[i] = (struct counted_job){{.run = count_job}, me, i};
		loop_post(seen.loop, &me->jobs[i].job);
	}
	return NULL;
}

static void
jobs_of_many_threads_all_run_each_thread_s_in_order(void **state)
{
	static struct poster posters[POSTERS];

	(void)state;
	jobs_run = 0;
	for (int i = 0; i < POSTERS; i++)
		assert_int_equal(
		    pthread_create(&posters[i].thread, NULL, post_jobs, &posters[i]), 0);
	loop_run(seen.loop);
	for (int i = 0; i < POSTERS; i++) {
		assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
		assert_int_equal(posters[i].next, JOBS);
		assert_false(posters[i].in_disorder);
	}
}

#define on_a_loop(test) cmocka_unit_test_setup_teardown(test, make_loop, free_loop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    on_a_loop(jobs_run_once_in_the_order_posted),
	    on_a_loop(a_job_posted_by_a_job_runs_after_those_that_wait),
	    on_a_loop(a_job_may_post_itself_again),
	    on_a_loop(timers_expire_by_their_delay),
	    on_a_loop(a_second_setting_replaces_the_first),
	    on_a_loop(a_cleared_timer_does_not_expire),
	    on_a_loop(a_timer_may_set_and_free_itself_when_it_expires),
	    on_a_loop(a_watch_reports_as_long_as_something_can_be_read),
	    on_a_loop(a_watch_reports_only_what_is_wanted),
	    on_a_loop(a_watch_may_free_itself_when_it_reports),
	    on_a_loop(a_loop_knows_its_thread_and_gives_it_its_name),
	    on_a_loop(another_thread_can_stop_a_loop_that_has_nothing_to_do),
	    on_a_loop(a_stopped_loop_can_run_again),
	    on_a_loop(jobs_of_many_threads_all_run_each_thread_s_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
