/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/core/check.h"

struct thing {
	uint32_t magic;
};

static void
break_an_invariant(void)
{
	int copies = 3;

	check_context("r-0042");
	CHECK(copies == 4);
}

static void
break_an_invariant_outside_of_requests(void)
{
	int copies = 3;

	CHECK(copies == 4);
}

static void
use_a_stale_object(void)
{
	struct thing thing = {0x1234};

	MAGIC_CHECK(&thing, 0x4321);
}

/* What `broken` wrote to stderr before it was ended by abort(). */
static const char *
report_of(void (*broken)(void))
{
	static char text[512];
	ssize_t n, used = 0;
	int fds[2], status;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)dup2(fds[1], STDERR_FILENO);
		broken();
		_exit(0);
	}
	(void)close(fds[1]);
	while ((n = read(fds[0], text + used, sizeof text - 1 - (size_t)used)) > 0)
		used += n;
	text[used] = '\0';
	(void)close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	return text;
}

static void
a_broken_invariant_ends_the_process_and_says_where(void **state)
{
	const char *report = report_of(break_an_invariant_outside_of_requests);

	(void)state;
	assert_non_null(strstr(report, "test_check.c:"));
	assert_non_null(strstr(report, "break_an_invariant_outside_of_requests"));
	assert_non_null(strstr(report, "'copies == 4' does not hold\n"));
}

static void
the_report_names_the_request_at_hand(void **state)
{
	(void)state;
	assert_non_null(strstr(report_of(break_an_invariant), ", request r-0042\n"));
}

static void
a_stale_object_is_noticed(void **state)
{
	(void)state;
	assert_non_null(strstr(report_of(use_a_stale_object), "magic"));
}

static void
what_holds_does_nothing(void **state)
{
	struct thing thing = {0x1234};
	int evaluated = 0;

	(void)state;
	CHECK(++evaluated == 1);
	MAGIC_CHECK(&thing, 0x1234);
	assert_int_equal(evaluated, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_broken_invariant_ends_the_process_and_says_where),
	    cmocka_unit_test(the_report_names_the_request_at_hand),
	    cmocka_unit_test(a_stale_object_is_noticed),
	    cmocka_unit_test(what_holds_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
