/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "service/core/str.h"
#include "service/xml/xml_in.h"

static const struct xml_limits limits = {1 << 20, 32, 1000, 20};

static struct arena arena;
static struct errinfo why;

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 16 << 20);
	why = (struct errinfo){0};
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static const struct xml_elem *
parsed(struct bytes text)
{
	const struct xml_elem *root = NULL;

	assert_ok(xml_parse(&arena, text, &limits, &root, &why), &why);
	return root;
}

static void
assert_refused(struct bytes text, enum err code, const char *reason)
{
	const struct xml_elem *root = NULL;

	assert_err(xml_parse(&arena, text, &limits, &root, &why), code);
	assert_null(root);
	assert_int_equal(why.code, code);
	if (strstr(why.text, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why.text, reason);
}

static void
the_tree_has_elements_attributes_and_text(void **state)
{
	const struct xml_elem *root =
	    parsed(BYTES("<a x='1' y=\"&lt;2&#38;&amp;\">one<b/>two<!-- no --> &amp; "
			 "<![CDATA[<three>]]><b>inner</b></a>"));
	const struct xml_elem *b = xml_child(root, "", "b");

	(void)state;
	assert_true(xml_is(root, "", "a"));
	assert_bytes(xml_attr(root, "", "x"), "1");
	assert_bytes(xml_attr(root, "", "y"), "<2&&");
	assert_null(xml_attr(root, "", "z").p);
	assert_bytes(root->text, "onetwo & <three>");
	assert_int_equal(xml_count(root, "", "b"), 2);
	assert_ptr_equal(b->parent, root);
	assert_bytes(b->text, "");
	assert_bytes(b->next->text, "inner");
	assert_null(b->next->next);
}

static void
namespaces_follow_the_declarations_in_force(void **state)
{
	const struct xml_elem *root =
	    parsed(BYTES("<p:a xmlns:p='urn:1' xmlns='urn:2' p:x='1' x='2' xml:lang='en'>"
			 "<p:b xmlns:p='urn:3'/><c xmlns=''/><d/></p:a>"));

	(void)state;
	assert_true(xml_is(root, "urn:1", "a"));
	assert_bytes(xml_attr(root, "urn:1", "x"), "1");
	assert_bytes(xml_attr(root, "", "x"), "2");
	assert_bytes(
	    xml_attr(root, "http://www.w3.org/XML/1998/namespace", "lang"), "en");
	assert_non_null(xml_child(root, "urn:3", "b"));
	assert_non_null(xml_child(root, "", "c"));
	assert_non_null(xml_child(root, "urn:2", "d"));
}

static void
a_qname_is_resolved_where_it_stands(void **state)
{
	const struct xml_elem *root = parsed(BYTES(
	    "<a t='q:name' xmlns='urn:d' xmlns:q='urn:q'><b xmlns:q='urn:r'/></a>"));
	struct bytes ns, name;

	(void)state;
	assert_true(xml_qname(root, BYTES(" q:name "), &ns, &name));
	assert_bytes(ns, "urn:q");
	assert_bytes(name, "name");
	assert_true(xml_qname(root->children, BYTES("q:name"), &ns, &name));
	assert_bytes(ns, "urn:r");
	assert_true(xml_qname(root, BYTES("plain"), &ns, &name));
	assert_bytes(ns, "urn:d");
	assert_false(xml_qname(root, BYTES("z:name"), &ns, &name));
	assert_false(xml_qname(root, BYTES(":name"), &ns, &name));
	assert_false(xml_qname(root, BYTES("q:"), &ns, &name));
	assert_false(xml_qname(root, BYTES("q:a:b"), &ns, &name));
	assert_false(xml_qname(root, BYTES(""), &ns, &name));
}

static void
booleans_are_those_of_xml_schema(void **state)
{
	(void)state;
	assert_true(xml_true(BYTES(" true\n")));
	assert_true(xml_true(BYTES("1")));
	assert_false(xml_true(BYTES("TRUE")));
	assert_false(xml_true(BYTES("0")));
	assert_false(xml_true((struct bytes){NULL, 0}));
}

static void
long_text_in_many_pieces_arrives_whole(void **state)
{
	const size_t n = 50000;
	struct str doc;
	const struct xml_elem *root;

	(void)state;
	str_init(&doc, 1 << 20);
	str_adds(&doc, "<a>");
	for (size_t i = 0; i < n; i++)
		str_adds(&doc, i % 100 == 0 ? "&#65;" : "z");
	str_adds(&doc, "</a>");
	root = parsed(str_bytes(&doc));
	assert_int_equal(root->text.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(root->text.p[i], i % 100 == 0 ? 'A' : 'z');
	str_release(&doc);
}

static void
line_ends_of_windows_become_one_character(void **state)
{
	(void)state;
	assert_bytes(parsed(BYTES("<a>\r\n x\r\n</a>\r\n"))->text, "\n x\n");
}

static void
utf8_is_kept_with_and_without_mark_and_declaration(void **state)
{
	(void)state;
	assert_bytes(parsed(BYTES("<a>\xc3\xa9</a>"))->text, "\xc3\xa9");
	assert_bytes(parsed(BYTES("\xef\xbb\xbf<a>\xc3\xa9</a>"))->text, "\xc3\xa9");
	assert_bytes(
	    parsed(BYTES("<?xml version='1.0' encoding='UTF-8'?><a>\xc3\xa9</a>"))->text,
	    "\xc3\xa9");
}

static void
what_is_not_utf8_is_latin1(void **state)
{
	(void)state;
	assert_bytes(
	    parsed(BYTES("<a x='\xe9'>caf\xe9 \xb0</a>"))->text, "caf\xc3\xa9 \xc2\xb0");
	assert_bytes(
	    parsed(BYTES("<?xml version='1.0' encoding='utf-8'?><a>\xe9</a>"))->text,
	    "\xc3\xa9");
}

static void
a_declared_encoding_is_not_believed(void **state)
{
	(void)state;
	assert_bytes(
	    parsed(BYTES("<?xml version='1.0' encoding='UTF-7'?><a>+AGE-</a>"))->text,
	    "+AGE-");
	assert_bytes(
	    parsed(BYTES("<?xml version='1.0' encoding='none-such'?><a>\xc3\xa9</a>"))
		->text,
	    "\xc3\xa9");
	assert_refused(
	    BYTES("<\0a\0/\0>\0"), ERR_INVALID_ARGUMENT, "contains a NUL byte");
}

static void
invalid_characters_are_refused(void **state)
{
	(void)state;
	assert_refused(BYTES("<a>\x01</a>"), ERR_INVALID_ARGUMENT, "not well-formed");
	assert_refused(BYTES("<a>&#0;</a>"), ERR_INVALID_ARGUMENT, "not well-formed");
	/* read as Latin-1, but names cannot begin so */
	assert_refused(BYTES("<\xd7/>"), ERR_INVALID_ARGUMENT, "not well-formed");
}

static void
what_is_not_well_formed_is_refused_with_its_line(void **state)
{
	static const char *const broken[] = {"<a>", "<a></b>", "<a/><b/>", "<a x=1/>",
	    "<a x='1' x='2'/>", "text", "<a>&nbsp;</a>", "<a>]]></a>", "<a b:c='1'/>",
	    "<b:a/>", "<a/>junk", "<?xml version='1.0'?>", "<a><!-- --", "<a x='<'/>",
	    "<a>\n\n</a", "<?xml version='1.0' ?><?pi", "<a><![CDATA[x</a>"};

	(void)state;
	assert_refused(BYTES(""), ERR_INVALID_ARGUMENT, "no document");
	assert_refused(BYTES(" \r\n"), ERR_INVALID_ARGUMENT, "no document");
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
		assert_refused(
		    bytes_of(broken[i]), ERR_INVALID_ARGUMENT, "not well-formed");
	assert_refused(BYTES("<a>\n<b>\n</c></a>"), ERR_INVALID_ARGUMENT, "line 3");
}

static void
a_doctype_is_refused_by_name(void **state)
{
	(void)state;
	assert_refused(BYTES("<!DOCTYPE a><a/>"), ERR_INVALID_ARGUMENT, "DOCTYPE");
	assert_refused(BYTES("<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC '-//x' "
			     "'http://127.0.0.1:1/x.dtd'><a/>"),
	    ERR_INVALID_ARGUMENT, "DOCTYPE");
}

static void
an_xml_bomb_does_not_go_off(void **state)
{
	(void)state;
	assert_refused(
	    BYTES("<!DOCTYPE a [<!ENTITY b 'ha'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>"
		  "<!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>]><a>&d;</a>"),
	    ERR_INVALID_ARGUMENT, "DOCTYPE");
	/* the same behind an error that alone would not end the parser */
	assert_refused(BYTES("<?xml version='1.0' x?><!DOCTYPE a [<!ENTITY b 'ha'>"
			     "<!ENTITY c '&b;&b;'>]><a>&c;</a>"),
	    ERR_INVALID_ARGUMENT, "not well-formed");
}

static void
an_external_entity_is_not_fetched(void **state)
{
	(void)state;
	assert_refused(
	    BYTES("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"),
	    ERR_INVALID_ARGUMENT, "DOCTYPE");
	assert_refused(BYTES("<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://127.0.0.1:1/'>%x;"
			     "]><a/>"),
	    ERR_INVALID_ARGUMENT, "DOCTYPE");
}

static void
a_document_10000_deep_is_refused(void **state)
{
	struct str doc;

	(void)state;
	str_init(&doc, 1 << 20);
	for (size_t i = 0; i < 10000; i++)
		str_adds(&doc, "<a>");
	for (size_t i = 0; i < 10000; i++)
		str_adds(&doc, "</a>");
	assert_refused(str_bytes(&doc), ERR_INVALID_ARGUMENT, "deeper than 32");
	str_release(&doc);
}

static void
the_depth_of_the_limit_is_still_allowed(void **state)
{
	struct str doc;

	(void)state;
	str_init(&doc, 1 << 20);
	for (size_t i = 0; i < limits.depth; i++)
		str_adds(&doc, "<a>");
	for (size_t i = 0; i < limits.depth; i++)
		str_adds(&doc, "</a>");
	(void)parsed(str_bytes(&doc));
	str_release(&doc);
}

static void
too_many_elements_are_refused(void **state)
{
	struct str doc;

	(void)state;
	str_init(&doc, 1 << 20);
	str_adds(&doc, "<a>");
	for (size_t i = 1; i < limits.elements; i++)
		str_adds(&doc, "<b/>");
	str_adds(&doc, "</a>");
	assert_int_equal(xml_count(parsed(str_bytes(&doc)), "", "b"), 999);
	str_clear(&doc);
	str_adds(&doc, "<a>");
	for (size_t i = 0; i < limits.elements; i++)
		str_adds(&doc, "<b/>");
	str_adds(&doc, "</a>");
	assert_refused(str_bytes(&doc), ERR_TOO_LARGE, "more than 1000 elements");
	str_release(&doc);
}

static void
too_large_a_document_is_refused(void **state)
{
	struct xml_limits small = limits;
	const struct xml_elem *root;

	(void)state;
	small.bytes = 4;
	assert_err(xml_parse(&arena, BYTES("<a/>"), &small, &root, &why), ERR_OK);
	assert_err(xml_parse(&arena, BYTES("<a/> "), &small, &root, &why), ERR_TOO_LARGE);
	assert_string_equal(why.text, "the document has 5 bytes, the limit is 4");
}

/* "<a a0='>' ... >", or with declarations of namespaces. */
static void
add_wide_tag(struct str *doc, const char *name, size_t n)
{
	str_adds(doc, "<a");
	for (size_t i = 0; i < n; i++)
		str_addf(doc, " %s%zu='>'", name, i);
	str_adds(doc, ">");
}

static void
too_many_attributes_are_refused(void **state)
{
	struct str doc;

	(void)state;
	str_init(&doc, 1 << 20);
	add_wide_tag(&doc, "x", limits.attributes);
	str_adds(&doc, "='='='='='='='='='='='='='='='='='='='='='='='='='</a>");
	assert_int_equal(parsed(str_bytes(&doc))->n_attrs, limits.attributes);
	str_clear(&doc);
	add_wide_tag(&doc, "x", limits.attributes + 1);
	assert_refused(str_bytes(&doc), ERR_INVALID_ARGUMENT, "more than 20 attributes");
	str_clear(&doc);
	add_wide_tag(&doc, "xmlns:x", limits.attributes + 1);
	assert_refused(str_bytes(&doc), ERR_INVALID_ARGUMENT, "more than 20 attributes");
	str_release(&doc);
}

/* What the parser would take seconds for must not reach it behind an earlier error. */
static void
a_wide_tag_is_found_wherever_it_hides(void **state)
{
	static const char *const before[] = {
	    "<a ' ", "<a>' ", "<!-- ' \x01 ", "<a><? ", "<a x=\"", "<!DOCTYPE x '"};
	struct str doc;

	(void)state;
	str_init(&doc, 4 << 20);
	for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
		str_clear(&doc);
		str_adds(&doc, before[i]);
		add_wide_tag(&doc, "x", 10000);
		assert_refused(
		    str_bytes(&doc), ERR_INVALID_ARGUMENT, "more than 20 attributes");
	}
	str_release(&doc);
}

static void
no_memory_is_reported_wherever_it_runs_out(void **state)
{
	struct bytes doc = BYTES("<a xmlns='urn:x' y='z'>some <b>text\xe9</b> &amp;</a>");
	enum err e = ERR_NO_MEMORY;
	size_t room;

	(void)state;
	for (room = 0; e != ERR_OK; room += 16) {
		struct arena small;
		const struct xml_elem *root;

		arena_init(&small, room);
		e = xml_parse(&small, doc, &limits, &root, &why);
		assert_true(e == ERR_OK || e == ERR_NO_MEMORY);
		arena_release(&small);
	}
	assert_true(room > 1000 && room < 8192);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_tree_has_elements_attributes_and_text),
	    cmocka_unit_test(namespaces_follow_the_declarations_in_force),
	    cmocka_unit_test(a_qname_is_resolved_where_it_stands),
	    cmocka_unit_test(booleans_are_those_of_xml_schema),
	    cmocka_unit_test(long_text_in_many_pieces_arrives_whole),
	    cmocka_unit_test(line_ends_of_windows_become_one_character),
	    cmocka_unit_test(utf8_is_kept_with_and_without_mark_and_declaration),
	    cmocka_unit_test(what_is_not_utf8_is_latin1),
	    cmocka_unit_test(a_declared_encoding_is_not_believed),
	    cmocka_unit_test(invalid_characters_are_refused),
	    cmocka_unit_test(what_is_not_well_formed_is_refused_with_its_line),
	    cmocka_unit_test(a_doctype_is_refused_by_name),
	    cmocka_unit_test(an_xml_bomb_does_not_go_off),
	    cmocka_unit_test(an_external_entity_is_not_fetched),
	    cmocka_unit_test(a_document_10000_deep_is_refused),
	    cmocka_unit_test(the_depth_of_the_limit_is_still_allowed),
	    cmocka_unit_test(too_many_elements_are_refused),
	    cmocka_unit_test(too_large_a_document_is_refused),
	    cmocka_unit_test(too_many_attributes_are_refused),
	    cmocka_unit_test(a_wide_tag_is_found_wherever_it_hides),
	    cmocka_unit_test(no_memory_is_reported_wherever_it_runs_out),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
