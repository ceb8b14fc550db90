/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "auth/passwords.h"
#include "service/core/clock.h"

/* The long delay tells a hash that waits for it from one that only takes its time. */
enum { ASKS = 64, DELAY_MS = 100, LONG_DELAY_MS = 3000 };

static struct {
	struct loop *loop;
	struct worker_pool *workers;
	struct passwords *passwords;
	char stored[PASSWORD_TEXT_SIZE];
	struct errinfo why;
	struct password_ask ask[ASKS];
	enum err result[ASKS];
	uint64_t at_ms[ASKS];
	size_t n, answered;
	bool running;
} t;

static void
answered(struct password_ask *ask, enum err err)
{
	size_t i = (size_t)(ask - t.ask);

	t.result[i] = err;
	t.at_ms[i] = clock_mono_ms();
	if (++t.answered == t.n && t.running)
		loop_stop(t.loop);
}

static void
ask(const char *name, const char *password, const char *stored)
{
	struct password_ask *a = &t.ask[t.n++];

	*a = (struct password_ask){
	    .name = bytes_of(name),
	    .password = bytes_of(password),
	    .stored = bytes_of(stored),
	    .done = answered,
	};
	passwords_ask(t.passwords, a);
}

/* Until all are answered. */
static void
wait_for_all(void)
{
	t.running = true;
	if (t.answered < t.n)
		loop_run(t.loop);
	t.running = false;
	assert_int_equal(t.answered, t.n);
}

static void
start_with(uint64_t keep_ms, uint64_t delay_ms)
{
	t.n = t.answered = 0;
	assert_ok(loop_new("passwords", &t.loop, &t.why), &t.why);
	assert_ok(worker_pool_new(2, &t.workers, &t.why), &t.why);
	assert_ok(
	    passwords_new(t.loop, t.workers, keep_ms, delay_ms, &t.passwords, &t.why),
	    &t.why);
}

static void
start(uint64_t keep_ms)
{
	start_with(keep_ms, DELAY_MS);
}

static void
stop(void)
{
	passwords_free(t.passwords);
	worker_pool_free(t.workers);
	loop_free(t.loop);
}

static void
the_right_password_is_right_and_others_are_not(void **state)
{
	(void)state;
	start(60000);
	ask("alice", "correct horse", t.stored);
	ask("alice", "correct house", t.stored);
	ask("alice", "", t.stored);
	ask("nobody", "correct horse", "");
	wait_for_all();
	assert_int_equal(t.result[0], ERR_OK);
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(t.result[i], ERR_NOT_AUTHENTICATED);
	stop();
}

static void
a_yes_is_remembered_and_a_no_is_not(void **state)
{
	(void)state;
	start(60000);
	ask("alice", "correct horse", t.stored);
	wait_for_all();
	ask("alice", "correct horse", t.stored);
	assert_int_equal(t.answered, 2); /* at once, without a worker */
	ask("alice", "correct house", t.stored);
	assert_int_equal(t.answered, 2);
	wait_for_all();
	ask("alice", "correct house", t.stored);
	assert_int_equal(t.answered, 3);
	wait_for_all();
	stop();
}

static void
a_yes_is_of_one_name_and_one_stored_hash(void **state)
{
	char other[PASSWORD_TEXT_SIZE];

	(void)state;
	assert_true(password_hash("new password", 12, other));
	start(60000);
	ask("alice", "correct horse", t.stored);
	wait_for_all();
	ask("alice", "correct horse", other); /* it was changed meanwhile */
	ask("alic", "ecorrect horse", t.stored);
	assert_int_equal(t.answered, 1);
	wait_for_all();
	assert_int_equal(t.result[1], ERR_NOT_AUTHENTICATED);
	assert_int_equal(t.result[2], ERR_NOT_AUTHENTICATED);
	stop();
}

static void
nothing_is_remembered_for_no_time(void **state)
{
	(void)state;
	start(0);
	for (size_t i = 0; i < 2; i++) {
		ask("alice", "correct horse", t.stored);
		assert_int_equal(t.answered, i);
		wait_for_all();
		assert_int_equal(t.result[i], ERR_OK);
	}
	stop();
}

static void
those_who_ask_the_same_wait_for_one_hash(void **state)
{
	uint64_t first, all;

	(void)state;
	start(0);
	first = clock_mono_ms();
	ask("alice", "correct horse", t.stored);
	wait_for_all();
	first = clock_mono_ms() - first;
	all = clock_mono_ms();
	while (t.n < ASKS)
		ask("alice", "correct horse", t.stored);
	wait_for_all();
	all = clock_mono_ms() - all;
	for (size_t i = 0; i < ASKS; i++)
		assert_int_equal(t.result[i], ERR_OK);
	assert_true(all < 10 * (first + 10));
	stop();
}

static void
a_no_is_told_late_and_holds_up_nobody(void **state)
{
	uint64_t began;

	(void)state;
	start_with(60000, LONG_DELAY_MS);
	began = clock_mono_ms();
	ask("alice", "correct house", t.stored);
	ask("alice", "correct horse", t.stored);
	wait_for_all();
	assert_int_equal(t.result[0], ERR_NOT_AUTHENTICATED);
	assert_int_equal(t.result[1], ERR_OK);
	assert_true(t.at_ms[0] >= began + LONG_DELAY_MS);
	assert_true(t.at_ms[1] <= t.at_ms[0]);
	stop();
}

static int
setup(void **state)
{
	(void)state;
	return password_hash("correct horse", 13, t.stored) ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_right_password_is_right_and_others_are_not),
	    cmocka_unit_test(a_yes_is_remembered_and_a_no_is_not),
	    cmocka_unit_test(a_yes_is_of_one_name_and_one_stored_hash),
	    cmocka_unit_test(nothing_is_remembered_for_no_time),
	    cmocka_unit_test(those_who_ask_the_same_wait_for_one_hash),
	    cmocka_unit_test(a_no_is_told_late_and_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
