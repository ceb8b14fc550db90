/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/http/pem.h"

#include <string.h>

#include "service/http/tls.h"

static char dir[64];

static int
set_up(void **state)
{
	struct pem one = pem_make("one", 10), two = pem_make("two", 10);
	char path[128];
	FILE *f;

	(void)state;
	folder_make(dir);
	pem_write(&one, dir, "one", NULL);
	pem_write(&two, dir, "two", NULL);
	pem_write(&one, dir, "locked", "secret");
	(void)snprintf(path, sizeof path, "%s/noise.pem", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fputs("-----BEGIN CERTIFICATE-----\nnonsense\n", f);
	assert_int_equal(fclose(f), 0);
	pem_free(&one);
	pem_free(&two);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	folder_remove(dir);
	return 0;
}

static enum err
load(const char *certificate, const char *key, struct tls_context **out,
    struct errinfo *why)
{
	char paths[2][128];

	(void)snprintf(paths[0], sizeof paths[0], "%s/%s", dir, certificate);
	(void)snprintf(paths[1], sizeof paths[1], "%s/%s", dir, key);
	return tls_context_new(paths[0], paths[1], out, why);
}

static void
a_context_lives_as_long_as_somebody_counts_on_it(void **state)
{
	struct tls_context *tls;
	struct errinfo why;

	(void)state;
	assert_ok(load("one.pem", "one.key", &tls, &why), &why);
	tls_context_ref(tls);
	tls_context_unref(tls);
	tls_context_unref(tls);
	tls_context_unref(NULL);
}

static void
files_that_cannot_be_used_are_named(void **state)
{
	static const struct {
		const char *certificate, *key, *named;
	} rows[] = {
	    {"none.pem", "one.key", "none.pem"},
	    {"one.pem", "none.key", "none.key"},
	    {"noise.pem", "one.key", "noise.pem"},
	    {"one.pem", "noise.pem", "noise.pem"},
	    {"one.pem", "one.pem", "one.pem"},
	    {"one.pem", "two.key", "two.key"},
	    {"one.key", "one.key", "one.key"},
	    /* And nobody is asked for the password at a terminal. */
	    {"locked.pem", "locked.key", "locked.key"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct tls_context *tls = NULL;
		struct errinfo why;

		assert_err(
		    load(rows[i].certificate, rows[i].key, &tls, &why), ERR_CONFIG);
		assert_null(tls);
		if (strstr(why.text, rows[i].named) == NULL)
			fail_msg("%s is not named: %s", rows[i].named, why.text);
		if (strstr(why.text, "unknown reason") != NULL)
			fail_msg("no reason: %s", why.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_context_lives_as_long_as_somebody_counts_on_it),
	    cmocka_unit_test(files_that_cannot_be_used_are_named),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
