/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/form_data.h"

#include "service/op/op.h"
#include "tests/support/check.h"

#define TYPE "multipart/form-data; boundary=b"
#define HEAD "Content-Disposition: form-data; name="

struct form {
	struct arena arena;
	const struct op_param *params;
	size_t n;
	struct errinfo why;
};

static int
setup(void **state)
{
	struct form *f = calloc(1, sizeof *f);

	assert_non_null(f);
	arena_init(&f->arena, 1 << 20);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct form *f = *state;

	arena_release(&f->arena);
	free(f);
	return 0;
}

static enum err
parse(struct form *f, const char *type, const char *body)
{
	arena_clear(&f->arena);
	return form_data_parse(
	    &f->arena, bytes_of(type), bytes_of(body), &f->params, &f->n, &f->why);
}

static void
the_type_is_known_in_any_case(void **state)
{
	(void)state;
	assert_true(form_data_is(BYTES("multipart/form-data; boundary=x")));
	assert_true(form_data_is(BYTES("Multipart/Form-Data")));
	assert_false(form_data_is(BYTES("multipart/form-data2")));
	assert_false(form_data_is(BYTES("multipart/mixed; boundary=x")));
	assert_false(form_data_is((struct bytes){NULL, 0}));
}

static void
fields_are_parameters_in_order(void **state)
{
	struct form *f = *state;

	assert_ok(parse(f, TYPE,
		      "--b\r\n" HEAD "\"PHASE\"\r\n\r\nRUN\r\n"
		      "--b\r\n" HEAD "target\r\nContent-Type: text/plain\r\n\r\n"
		      "vos://a~b/c\r\nd\r\n"
		      "--b\r\ncontent-disposition: Form-Data; filename=\"x\"; name=\"e\""
		      "\r\n\r\n\r\n--b--\r\n"),
	    &f->why);
	assert_int_equal(f->n, 3);
	assert_bytes(f->params[0].name, "PHASE");
	assert_bytes(f->params[0].value, "RUN");
	assert_bytes(f->params[1].name, "target");
	assert_bytes(f->params[1].value, "vos://a~b/c\r\nd");
	assert_bytes(f->params[2].name, "e");
	assert_bytes(f->params[2].value, "");
}

static void
what_only_looks_like_a_boundary_is_content(void **state)
{
	struct form *f = *state;

	assert_ok(parse(f, TYPE,
		      "before\r\n--b \t\r\n" HEAD "x\r\n\r\na--b\r\n--bc\r\n--b-\r\n"
		      "\n--b\n\r\n--b--  \r\nbehind\r\n--b\r\n"),
	    &f->why);
	assert_int_equal(f->n, 1);
	assert_bytes(f->params[0].value, "a--b\r\n--bc\r\n--b-\r\n\n--b\n");
}

static void
boundaries_and_names_can_be_quoted(void **state)
{
	struct form *f = *state;

	assert_ok(parse(f, "multipart/form-data; charset=utf-8; boundary=\"b; c\"",
		      "--b; c\r\n" HEAD "\"a\\\"b\\\\c\\d\"\r\n\r\n1\r\n--b; c--"),
	    &f->why);
	assert_int_equal(f->n, 1);
	assert_bytes(f->params[0].name, "a\"b\\c\\d");
}

static void
an_empty_form_has_no_fields(void **state)
{
	struct form *f = *state;

	assert_ok(parse(f, TYPE, "--b--\r\n"), &f->why);
	assert_int_equal(f->n, 0);
}

static void
what_is_broken_is_refused(void **state)
{
	static const char *const bodies[] = {"", "x", "--b", "--b\r\n", "--c--\r\n",
	    "--b\r\n" HEAD "x\r\n\r\nRUN\r\n", "--b\r\n" HEAD "x\r\n\r\nRUN\r\n--b",
	    "--b\r\n\r\nRUN\r\n--b--", "--b\r\n" HEAD "x\r\n--b--",
	    "--b\r\nContent-Disposition: form-data\r\n\r\nRUN\r\n--b--",
	    "--b\r\nContent-Disposition: attachment; name=x\r\n\r\nRUN\r\n--b--",
	    "--b\r\n" HEAD "\"x\r\n\r\nRUN\r\n--b--", "--b\r\nno colon\r\n\r\n\r\n--b--",
	    "--b\r\n" HEAD "x\r\nContent-Transfer-Encoding: base64\r\n\r\nUg==\r\n--b--",
	    "--b\r\n" HEAD "x\r\n\r\n1\r\n--b\r\n--b--"};
	static const char *const types[] = {"multipart/form-data",
	    "multipart/form-data; boundary",
	    "multipart/form-data; boundary=", "multipart/form-data; boundary=\"b",
	    "multipart/form-data; boundary="
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	struct form *f = *state;

	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
		assert_err(parse(f, TYPE, bodies[i]), ERR_INVALID_ARGUMENT);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		assert_err(parse(f, types[i], "--b--\r\n"), ERR_INVALID_ARGUMENT);
	assert_err(form_data_parse(&f->arena, BYTES(TYPE), (struct bytes){NULL, 0},
		       &f->params, &f->n, &f->why),
	    ERR_INVALID_ARGUMENT);
}

#define FORM_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_type_is_known_in_any_case),
	    FORM_TEST(fields_are_parameters_in_order),
	    FORM_TEST(what_only_looks_like_a_boundary_is_content),
	    FORM_TEST(boundaries_and_names_can_be_quoted),
	    FORM_TEST(an_empty_form_has_no_fields),
	    FORM_TEST(what_is_broken_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
