/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "service/op/accept.h"

static void
the_weights_and_the_narrower_name_decide(void **state)
{
	static const struct {
		const char *header;
		bool json;
	} rows[] = {
	    {NULL, false},
	    {"", false},
	    {"*/*", false},
	    {"application/json", true},
	    {"Application/JSON", true},
	    {" application/json ; charset=utf-8 ", true},
	    {"application/json;q=0", false},
	    {"application/json;q=0, */*", false},
	    {"application/*", true},
	    {"application/json, */*", true},
	    {"application/json, text/plain, */*", true},
	    {"application/json, text/javascript, */*; q=0.01", true},
	    {"text/xml, application/json", false},
	    {"text/xml;q=0.9, application/json", true},
	    {"text/xml;q=0.25, application/json;q=0.251", true},
	    {"text/xml;q=0.5, application/json;Q=0.4", false},
	    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
	    {"text/html,application/json;q=0.9", true},
	    {"text/html, image/gif, *; q=.2, */*; q=.2", false},
	    {"application/json;q=2", false},
	    {"application/json;q=0.1234", false},
	    {"application/json;q=", true}, /* no weight */
	    {"application/jsonx", false},
	    {"applications/*", false},
	    {",,;,q=1,/", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool json = accept_prefers(
		    bytes_of(rows[i].header), "application/json", "text/xml");

		if (json != rows[i].json)
			fail_msg("%s", rows[i].header != NULL ? rows[i].header : "none");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_weights_and_the_narrower_name_decide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
