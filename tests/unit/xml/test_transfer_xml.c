/* SPDX-License-Identifier: Apache-2.0 */
/* The documents are in the forms that the clients named were seen to send. */
#include "tests/support/check.h"

#include "service/core/str.h"
#include "service/xml/names.h"
#include "service/xml/transfer_xml.h"

#define CORE "ivo://ivoa.net/vospace/core#"
#define TLS  "ivo://ivoa.net/sso#tls-with-certificate"

static struct arena arena;
static struct str out;
static struct errinfo why;

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 64 << 20);
	str_init(&out, 8 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	str_release(&out);
	return 0;
}

static struct transfer_doc
parsed(struct bytes text)
{
	struct transfer_doc doc = {0};

	assert_ok(transfer_xml_parse(&arena, text, 4 << 20, &doc, &why), &why);
	return doc;
}

static void
assert_refused(struct bytes text, enum err code, const char *reason)
{
	struct transfer_doc doc;

	assert_err(transfer_xml_parse(&arena, text, 4 << 20, &doc, &why), code);
	if (strstr(why.text, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why.text, reason);
}

static void
vcp_asks_with_and_without_security_method(void **state)
{
	struct transfer_doc doc = parsed(
	    BYTES("<vos:transfer xmlns:vos=\"" VOSPACE_NS "\" version=\"2.1\">"
		  "<vos:target>vos://cadc.nrc.ca!vault/alice/f</vos:target>"
		  "<vos:direction>pullFromVoSpace</vos:direction>"
		  "<vos:protocol uri=\"" CORE "httpsget\"><vos:securityMethod uri=\"" TLS
		  "\" /></vos:protocol><vos:protocol uri=\"" CORE "httpsget\" />"
		  "</vos:transfer>"));

	(void)state;
	assert_int_equal(doc.n_targets, 1);
	assert_bytes(doc.targets[0], "vos://cadc.nrc.ca!vault/alice/f");
	assert_bytes(doc.direction, "pullFromVoSpace");
	assert_true(doc.is_2_1);
	assert_null(doc.view.uri.p);
	assert_int_equal(doc.n_protocols, 2);
	assert_bytes(doc.protocols[0].uri, CORE "httpsget");
	assert_int_equal(doc.protocols[0].n_security_methods, 1);
	assert_bytes(doc.protocols[0].security_methods[0], TLS);
	assert_null(doc.protocols[0].endpoint.p);
	assert_int_equal(doc.protocols[1].n_security_methods, 0);
	assert_true(doc.keep_bytes);
	assert_false(doc.keep_bytes_given);
}

static void
vosfs_sends_a_declaration_and_one_bare_protocol(void **state)
{
	struct transfer_doc doc = parsed(BYTES(
	    "<?xml version='1.0' encoding='utf-8'?>\n<vos:transfer "
	    "xmlns:vos=\"" VOSPACE_NS
	    "\" version=\"2.1\"><vos:target>vos://a~vault/d/%C3%A9"
	    "</vos:target><vos:direction>pushToVoSpace</vos:direction><vos:protocol "
	    "uri=\"" CORE "httpsput\" /></vos:transfer>"));

	(void)state;
	assert_bytes(doc.targets[0], "vos://a~vault/d/%C3%A9");
	assert_int_equal(doc.n_protocols, 1);
	assert_int_equal(doc.protocols[0].n_security_methods, 0);
}

static void
vmv_names_a_destination_and_does_not_keep_bytes(void **state)
{
	struct transfer_doc doc = parsed(BYTES(
	    "<transfer xmlns=\"" VOSPACE_NS "\" version=\"2.1\"><target>vos://a!v/x"
	    "</target><direction>vos://a!v/y</direction><keepBytes>false</keepBytes>"
	    "</transfer>"));

	(void)state;
	assert_bytes(doc.direction, "vos://a!v/y");
	assert_false(doc.keep_bytes);
	assert_true(doc.keep_bytes_given);
	assert_int_equal(doc.n_protocols, 0);
}

static void
the_java_library_sends_crlf_and_a_package_view(void **state)
{
	struct transfer_doc doc = parsed(BYTES(
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<vos:transfer "
	    "xmlns:vos=\"" VOSPACE_NS "\" version=\"2.1\">\r\n  <vos:target>vos://a~v/1"
	    "</vos:target>\r\n  <vos:target>\r\n    vos://a~v/2\r\n  </vos:target>"
	    "\r\n  <vos:direction>pullFromVoSpace</vos:direction>\r\n  <vos:view "
	    "uri=\"vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0\">\r\n    <vos:param "
	    "uri=\"" CORE "format\">application/zip</vos:param>\r\n  </vos:view>\r\n"
	    "  <vos:keepBytes>true</vos:keepBytes>\r\n  <vos:param uri=\"" CORE
	    "length\">1234</vos:param>\r\n</vos:transfer>\r\n"));

	(void)state;
	assert_int_equal(doc.n_targets, 2);
	assert_bytes(doc.targets[0], "vos://a~v/1");
	assert_bytes(doc.targets[1], "vos://a~v/2");
	assert_bytes(doc.view.uri, "vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0");
	assert_int_equal(doc.view.params.n, 1);
	assert_bytes(doc.view.params.v[0].uri, CORE "format");
	assert_bytes(doc.view.params.v[0].value, "application/zip");
	assert_true(doc.keep_bytes_given);
	assert_int_equal(doc.params.n, 1);
	assert_bytes(doc.params.v[0].uri, CORE "length");
	assert_bytes(doc.params.v[0].value, "1234");
}

static void
order_unknown_parts_and_the_old_version_do_not_matter(void **state)
{
	struct transfer_doc doc = parsed(BYTES(
	    "<t:transfer xmlns:t='" VOSPACE_NS "'><t:novelty/><t:protocol uri='p'>"
	    "<t:securityMethod uri='m1'/><t:securityMethod/><t:securityMethod "
	    "standardID='m2'/><t:param uri='q'>w</t:param><t:endpoint>https://h/?a&amp;b"
	    "</t:endpoint></t:protocol><protocol uri='x'/><t:direction>d</t:direction>"
	    "<t:target>t</t:target></t:transfer>"));
	const struct transfer_protocol *p = &doc.protocols[0];

	(void)state;
	assert_false(doc.is_2_1);
	assert_int_equal(doc.n_protocols, 1);
	assert_int_equal(p->n_security_methods, 2);
	assert_bytes(p->security_methods[0], "m1");
	assert_bytes(p->security_methods[1], "m2");
	assert_int_equal(p->params.n, 1);
	assert_bytes(p->endpoint, "https://h/?a&b");
}

static void
what_is_wrong_is_refused(void **state)
{
	(void)state;
	assert_refused(BYTES("<transfer/>"), ERR_INVALID_ARGUMENT,
	    "not a VOSpace transfer document: its root is {}transfer");
	assert_refused(BYTES("<t:transfer xmlns:t='" VOSPACE_NS "'/>"),
	    ERR_INVALID_ARGUMENT, "no target");
	assert_refused(BYTES("<t:transfer xmlns:t='" VOSPACE_NS
			     "'><t:target>x</t:target><t:protocol/></t:transfer>"),
	    ERR_INVALID_ARGUMENT, "protocol element has no uri");
	assert_refused(BYTES("<t:transfer xmlns:t='" VOSPACE_NS
			     "'><t:target>x</t:target><t:view/></t:transfer>"),
	    ERR_INVALID_ARGUMENT, "view element has no uri");
	assert_refused(BYTES("<t:transfer xmlns:t='" VOSPACE_NS
			     "'><t:target>x</t:target><t:param>1</t:param></t:transfer>"),
	    ERR_INVALID_ARGUMENT, "param element has no uri");
	assert_refused(BYTES("<t:transfer xmlns:t='" VOSPACE_NS "'><t:target>x</t:target>"
			     "<t:keepBytes>perhaps</t:keepBytes></t:transfer>"),
	    ERR_INVALID_ARGUMENT, "neither true nor false: perhaps");
	assert_refused(BYTES(""), ERR_INVALID_ARGUMENT, "no document");
}

static void
thousands_of_targets_are_fine(void **state)
{
	const size_t n = 20000;
	struct transfer_doc doc;

	(void)state;
	str_clear(&out);
	str_adds(&out, "<transfer xmlns='" VOSPACE_NS "'>");
	for (size_t i = 0; i < n; i++)
		str_addf(&out, "<target>vos://a~v/%zu</target>", i);
	str_adds(&out, "</transfer>");
	doc = parsed(str_bytes(&out));
	assert_int_equal(doc.n_targets, n);
	assert_bytes(doc.targets[n - 1], "vos://a~v/19999");
	assert_err(transfer_xml_parse(&arena, str_bytes(&out), 100000, &doc, &why),
	    ERR_TOO_LARGE);
}

static void
no_memory_is_reported_wherever_it_runs_out(void **state)
{
	struct bytes text =
	    BYTES("<t:transfer xmlns:t='" VOSPACE_NS "'><t:target>x</t:target><t:view "
		  "uri='v'/><t:protocol uri='p'/></t:transfer>");
	enum err e = ERR_NO_MEMORY;

	(void)state;
	for (size_t room = 0; e != ERR_OK; room += 16) {
		struct arena small;
		struct transfer_doc doc;

		arena_init(&small, room);
		e = transfer_xml_parse(&small, text, 1000, &doc, &why);
		assert_true(e == ERR_OK || e == ERR_NO_MEMORY);
		arena_release(&small);
	}
}

static void
what_is_written_is_in_the_order_of_the_schema(void **state)
{
	const struct bytes targets[] = {BYTES("vos://a~v/1"), BYTES("vos://a~v/2")};
	const struct bytes methods[] = {BYTES(TLS)};
	const struct transfer_param params[] = {{BYTES("u&v"), BYTES("<1>")}};
	const struct transfer_protocol protocols[] = {
	    {.uri = BYTES("p1"), .endpoint = BYTES("https://h/a?b&c")},
	    {.uri = BYTES("p2"),
		.endpoint = BYTES("https://h/d"),
		.security_methods = methods,
		.n_security_methods = 1,
		.params = {params, 1}},
	};
	const struct transfer_doc doc = {
	    .targets = targets,
	    .n_targets = 2,
	    .direction = BYTES("pullFromVoSpace"),
	    .view = {BYTES("w"), {params, 1}},
	    .protocols = protocols,
	    .n_protocols = 2,
	    .keep_bytes = true,
	    .params = {params, 1},
	};

	(void)state;
	str_clear(&out);
	transfer_xml_write(&out, &doc);
	assert_bytes(str_bytes(&out),
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<vos:transfer "
	    "xmlns:vos=\"" VOSPACE_NS
	    "\" version=\"2.1\"><vos:target>vos://a~v/1</vos:target>"
	    "<vos:target>vos://a~v/2</vos:target><vos:direction>pullFromVoSpace"
	    "</vos:direction><vos:view uri=\"w\"><vos:param uri=\"u&amp;v\">&lt;1&gt;"
	    "</vos:param></vos:view><vos:protocol uri=\"p1\"><vos:endpoint>"
	    "https://h/a?b&amp;c</vos:endpoint></vos:protocol><vos:protocol uri=\"p2\">"
	    "<vos:endpoint>https://h/d</vos:endpoint><vos:param uri=\"u&amp;v\">&lt;1&gt;"
	    "</vos:param><vos:securityMethod uri=\"" TLS "\"/></vos:protocol>"
	    "<vos:keepBytes>true</vos:keepBytes><vos:param uri=\"u&amp;v\">&lt;1&gt;"
	    "</vos:param></vos:transfer>\n");
}

static void
what_is_written_is_read_back(void **state)
{
	struct transfer_doc doc = parsed(BYTES(
	    "<transfer xmlns='" VOSPACE_NS "' version='2.1'><target>t</target>"
	    "<direction>d</direction><protocol uri='p'><endpoint>e&amp;f</endpoint>"
	    "<securityMethod uri='m'/></protocol><keepBytes>0</keepBytes></transfer>"));
	struct transfer_doc again;

	(void)state;
	str_clear(&out);
	transfer_xml_write(&out, &doc);
	again = parsed(str_bytes(&out));
	assert_bytes(again.targets[0], "t");
	assert_bytes(again.direction, "d");
	assert_bytes(again.protocols[0].endpoint, "e&f");
	assert_bytes(again.protocols[0].security_methods[0], "m");
	assert_false(again.keep_bytes);
	assert_true(again.is_2_1);
}

static void
a_refused_transfer_has_no_protocols(void **state)
{
	const struct bytes target = BYTES("t");
	const struct transfer_doc doc = {.targets = &target, .n_targets = 1};

	(void)state;
	str_clear(&out);
	transfer_xml_element(&out, &doc);
	assert_bytes(str_bytes(&out),
	    "<vos:transfer xmlns:vos=\"" VOSPACE_NS "\" version=\"2.1\"><vos:target>t"
	    "</vos:target><vos:keepBytes>false</vos:keepBytes></vos:transfer>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vcp_asks_with_and_without_security_method),
	    cmocka_unit_test(vosfs_sends_a_declaration_and_one_bare_protocol),
	    cmocka_unit_test(vmv_names_a_destination_and_does_not_keep_bytes),
	    cmocka_unit_test(the_java_library_sends_crlf_and_a_package_view),
	    cmocka_unit_test(order_unknown_parts_and_the_old_version_do_not_matter),
	    cmocka_unit_test(what_is_wrong_is_refused),
	    cmocka_unit_test(thousands_of_targets_are_fine),
	    cmocka_unit_test(no_memory_is_reported_wherever_it_runs_out),
	    cmocka_unit_test(what_is_written_is_in_the_order_of_the_schema),
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(a_refused_transfer_has_no_protocols),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
