/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "service/core/str.h"
#include "service/xml/caps_xml.h"
#include "service/xml/names.h"
#include "service/xml/xml_in.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define CAPS                                                                             \
	"<vosi:capabilities xmlns:vosi=\"" VOSI_CAPS_NS                                  \
	"\" xmlns:vs=\"" VODATASERVICE_NS "\" xmlns:xsi=\"" XSI_NS "\">\n"
#define INTERFACE "<interface xsi:type=\"vs:ParamHTTP\" role=\"std\">"

static struct str out;
static struct arena arena;

static int
setup(void **state)
{
	(void)state;
	str_init(&out, 1 << 20);
	arena_init(&arena, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	str_release(&out);
	arena_release(&arena);
	return 0;
}

static const struct xml_elem *
read_back(void)
{
	static const struct xml_limits limits = {1 << 20, 10, 100, 10};
	const struct xml_elem *root = NULL;
	struct errinfo why;

	assert_ok(xml_parse(&arena, str_bytes(&out), &limits, &root, &why), &why);
	return root;
}

static const struct caps_row rows[] = {
    {"ivo://ivoa.net/std/VOSpace/v2.0#nodes", "/nodes", CAPS_USE_BASE, NULL},
    {"ivo://ivoa.net/std/VOSpace#sync-2.1", "/synctrans", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/VOSpace/v2.0#transfers", "/transfers", CAPS_USE_NONE, NULL},
};

static void
each_capability_has_the_two_interfaces_of_the_safe_layout(void **state)
{
	const struct bytes methods[] = {BYTES("ivo://ivoa.net/sso#tls-with-certificate"),
	    BYTES("ivo://ivoa.net/sso#token")};

	(void)state;
	str_clear(&out);
	caps_xml_capabilities(&out, rows, 1, BYTES("https://h:8443/vault"), methods, 2);
	assert_bytes(str_bytes(&out), HEAD CAPS
	    "<capability "
	    "standardID=\"ivo://ivoa.net/std/VOSpace/v2.0#nodes\">\n" INTERFACE
	    "<accessURL use=\"base\">https://h:8443/vault/nodes</accessURL>"
	    "<securityMethod/></interface>\n" INTERFACE
	    "<accessURL use=\"base\">https://h:8443/vault/nodes</accessURL>"
	    "<securityMethod standardID=\"ivo://ivoa.net/sso#tls-with-certificate\"/>"
	    "<securityMethod standardID=\"ivo://ivoa.net/sso#token\"/></interface>\n"
	    "</capability>\n</vosi:capabilities>\n");
}

static void
without_methods_there_is_only_the_anonymous_interface(void **state)
{
	const struct xml_elem *root, *c;

	(void)state;
	str_clear(&out);
	caps_xml_capabilities(&out, rows, 3, BYTES("https://h/v"), NULL, 0);
	root = read_back();
	assert_true(xml_is(root, VOSI_CAPS_NS, "capabilities"));
	assert_int_equal(xml_count(root, "", "capability"), 3);
	for (c = root->children; c != NULL; c = c->next)
		assert_int_equal(xml_count(c, "", "interface"), 1);
	assert_true(bytes_contains(str_bytes(&out),
	    BYTES("<accessURL use=\"full\">https://h/v/synctrans</accessURL>")));
	assert_true(bytes_contains(
	    str_bytes(&out), BYTES("<accessURL>https://h/v/transfers</accessURL>")));
}

static void
availability_says_since_when_why_and_to_whom(void **state)
{
	const struct bytes notes[] = {BYTES("loc3 < slow"), BYTES("read-only")};
	const struct caps_availability a = {
	    .available = true,
	    .up_since_ms = 1767323045678,
	    .notes = notes,
	    .n_notes = 2,
	    .client_ip = BYTES("2001:db8::1"),
	};

	(void)state;
	str_clear(&out);
	caps_xml_availability(&out, &a);
	assert_bytes(str_bytes(&out),
	    HEAD "<vosi:availability xmlns:vosi=\"" VOSI_AVAIL_NS "\">"
		 "<vosi:available>true</vosi:available>"
		 "<vosi:upSince>2026-01-02T03:04:05.678Z</vosi:upSince>"
		 "<vosi:note>loc3 &lt; slow</vosi:note><vosi:note>read-only</vosi:note>"
		 "<!--<clientip>2001:db8::1</clientip>--></vosi:availability>\n");
	(void)read_back();
}

static void
unavailability_can_be_all_there_is(void **state)
{
	const struct caps_availability a = {0};

	(void)state;
	str_clear(&out);
	caps_xml_availability(&out, &a);
	assert_bytes(str_bytes(&out),
	    HEAD "<vosi:availability xmlns:vosi=\"" VOSI_AVAIL_NS "\">"
		 "<vosi:available>false</vosi:available></vosi:availability>\n");
}

static void
nothing_but_an_address_gets_into_the_comment(void **state)
{
	const struct caps_availability a = {.client_ip = BYTES("fe80::1%eth-->&1.2")};

	(void)state;
	str_clear(&out);
	caps_xml_availability(&out, &a);
	assert_true(bytes_contains(
	    str_bytes(&out), BYTES("<!--<clientip>fe80::1e1.2</clientip>-->")));
	(void)read_back();
}

static void
the_registry_is_a_line_for_each_service(void **state)
{
	const struct caps_registry_entry entries[] = {
	    {BYTES("ivo://example.org/vault"), BYTES("https://h:1/vault/capabilities")},
	    {BYTES("ivo://cadc.nrc.ca/gms"), BYTES("https://h:1/gms/capabilities")}};

	(void)state;
	str_clear(&out);
	caps_registry(&out, entries, 2);
	assert_bytes(str_bytes(&out),
	    "ivo://example.org/vault = https://h:1/vault/capabilities\n"
	    "ivo://cadc.nrc.ca/gms = https://h:1/gms/capabilities\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_capability_has_the_two_interfaces_of_the_safe_layout),
	    cmocka_unit_test(without_methods_there_is_only_the_anonymous_interface),
	    cmocka_unit_test(availability_says_since_when_why_and_to_whom),
	    cmocka_unit_test(unavailability_can_be_all_there_is),
	    cmocka_unit_test(nothing_but_an_address_gets_into_the_comment),
	    cmocka_unit_test(the_registry_is_a_line_for_each_service),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
