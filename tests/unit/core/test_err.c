/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <errno.h>
#include <string.h>

static void
every_row_has_a_status_a_word_and_a_text(void **state)
{
	(void)state;
	for (enum err code = ERR_OK + 1; code < ERR_COUNT; code++) {
		const char *word = err_fault(code);

		assert_in_range(err_http_status(code), 400, 599);
		assert_string_not_equal(word, "");
		assert_string_not_equal(err_text(code), "");
		for (; *word != '\0'; word++)
			assert_true((*word >= 'A' && *word <= 'Z') ||
				    (*word >= 'a' && *word <= 'z'));
	}
	assert_string_equal(err_fault(ERR_OK), "");
	assert_int_equal(err_http_status(ERR_OK), 200);
}

static void
the_words_clients_compare_are_the_published_ones(void **state)
{
	(void)state;
	assert_string_equal(err_fault(ERR_NODE_NOT_FOUND), "NodeNotFound");
	assert_string_equal(err_fault(ERR_CONTAINER_NOT_FOUND), "ContainerNotFound");
	assert_string_equal(err_fault(ERR_DUPLICATE_NODE), "DuplicateNode");
	assert_string_equal(err_fault(ERR_DENIED), "PermissionDenied");
	assert_string_equal(err_fault(ERR_NODE_LOCKED), "NodeLocked");
	assert_string_equal(err_fault(ERR_INVALID_URI), "InvalidURI");
	assert_string_equal(err_fault(ERR_INVALID_ARGUMENT), "InvalidArgument");
	assert_string_equal(err_fault(ERR_QUOTA), "QuotaExceeded");
	assert_string_equal(err_fault(ERR_INTERNAL), "InternalFault");
	assert_int_equal(err_http_status(ERR_NODE_NOT_FOUND), 404);
	assert_int_equal(err_http_status(ERR_DUPLICATE_NODE), 409);
	assert_int_equal(err_http_status(ERR_NODE_LOCKED), 423);
	assert_int_equal(err_http_status(ERR_QUOTA), 413);
	assert_int_equal(err_http_status(ERR_NO_SPACE), 507);
}

static void
a_word_leads_back_to_a_row_that_has_it(void **state)
{
	(void)state;
	for (enum err code = ERR_OK + 1; code < ERR_COUNT; code++)
		assert_string_equal(
		    err_fault(err_from_fault(err_fault(code))), err_fault(code));
	assert_int_equal(err_from_fault("NodeNotFound"), ERR_NODE_NOT_FOUND);
	assert_int_equal(err_from_fault("nodenotfound"), ERR_OK);
	assert_int_equal(err_from_fault("NodeNotFound "), ERR_OK);
	assert_int_equal(err_from_fault(""), ERR_OK);
}

static void
a_word_of_several_rows_leads_to_the_general_one(void **state)
{
	(void)state;
	assert_int_equal(err_from_fault("InternalFault"), ERR_INTERNAL);
	assert_int_equal(err_from_fault("InvalidArgument"), ERR_INVALID_ARGUMENT);
	assert_int_equal(err_from_fault("ServiceBusy"), ERR_BUSY);
	assert_int_equal(err_from_fault("NodeLocked"), ERR_NODE_LOCKED);
}

static void
the_detail_travels_with_the_code(void **state)
{
	struct errinfo why = {.sys = EIO};

	(void)state;
	assert_err(errinfo_set(&why, ERR_QUOTA, "used=%d", 5), ERR_QUOTA);
	assert_int_equal(why.code, ERR_QUOTA);
	assert_int_equal(why.sys, 0);
	assert_string_equal(errinfo_text(&why), "used=5");
}

static void
a_system_error_is_named_and_kept(void **state)
{
	struct errinfo why;

	(void)state;
	assert_err(errinfo_sys(&why, ERR_IO, ENOSPC, "cannot write %s", "/a"), ERR_IO);
	assert_int_equal(why.code, ERR_IO);
	assert_int_equal(why.sys, ENOSPC);
	assert_string_equal(
	    errinfo_text(&why), "cannot write /a: No space left on device");
}

static void
without_detail_the_text_is_the_row_s(void **state)
{
	struct errinfo why;

	(void)state;
	assert_err(errinfo_set(&why, ERR_DENIED, "%s", ""), ERR_DENIED);
	assert_string_equal(errinfo_text(&why), err_text(ERR_DENIED));
}

static void
who_does_not_care_passes_no_errinfo(void **state)
{
	(void)state;
	assert_err(errinfo_set(NULL, ERR_IO, "lost"), ERR_IO);
	assert_err(errinfo_sys(NULL, ERR_IO, EIO, "lost"), ERR_IO);
}

static void
too_long_a_text_is_cut(void **state)
{
	struct errinfo why;
	char text[2 * ERRINFO_TEXT_SIZE];

	(void)state;
	(void)memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_err(errinfo_set(&why, ERR_IO, "%s", text), ERR_IO);
	assert_int_equal(strlen(why.text), ERRINFO_TEXT_SIZE - 1);
	assert_err(errinfo_sys(&why, ERR_IO, EIO, "%s", text), ERR_IO);
	assert_int_equal(strlen(why.text), ERRINFO_TEXT_SIZE - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_has_a_status_a_word_and_a_text),
	    cmocka_unit_test(the_words_clients_compare_are_the_published_ones),
	    cmocka_unit_test(a_word_leads_back_to_a_row_that_has_it),
	    cmocka_unit_test(a_word_of_several_rows_leads_to_the_general_one),
	    cmocka_unit_test(the_detail_travels_with_the_code),
	    cmocka_unit_test(a_system_error_is_named_and_kept),
	    cmocka_unit_test(without_detail_the_text_is_the_row_s),
	    cmocka_unit_test(who_does_not_care_passes_no_errinfo),
	    cmocka_unit_test(too_long_a_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
