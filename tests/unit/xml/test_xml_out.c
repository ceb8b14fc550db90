/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "service/core/str.h"
#include "service/xml/xml_in.h"
#include "service/xml/xml_out.h"

static struct str out;

static int
setup(void **state)
{
	(void)state;
	str_init(&out, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	str_release(&out);
	return 0;
}

static struct bytes
text_out(struct bytes text)
{
	str_clear(&out);
	xml_out_text(&out, text);
	assert_false(str_failed(&out));
	return str_bytes(&out);
}

static struct bytes
attr_out(struct bytes value)
{
	str_clear(&out);
	xml_out_attr(&out, "x", value);
	assert_false(str_failed(&out));
	return str_bytes(&out);
}

static void
markup_is_escaped(void **state)
{
	(void)state;
	assert_bytes(text_out(BYTES("a<b>&\"c'")), "a&lt;b&gt;&amp;\"c'");
	assert_bytes(attr_out(BYTES("a<b>&\"c'")), " x=\"a&lt;b&gt;&amp;&quot;c'\"");
	assert_bytes(text_out(BYTES("")), "");
}

static void
line_breaks_survive_a_parser(void **state)
{
	(void)state;
	assert_bytes(text_out(BYTES("\t\n\r")), "\t\n&#13;");
	assert_bytes(attr_out(BYTES("\t\n\r")), " x=\"&#9;&#10;&#13;\"");
}

static void
what_xml_cannot_carry_is_replaced(void **state)
{
	(void)state;
	assert_bytes(text_out(BYTES("a\0b\x1f")), "a\xef\xbf\xbd"
						  "b\xef\xbf\xbd");
	assert_bytes(text_out(BYTES("\xe9t\xe9")), "\xef\xbf\xbdt\xef\xbf\xbd");
	assert_bytes(
	    text_out(BYTES("\xef\xbf\xbe\xef\xbf\xbf!")), "\xef\xbf\xbd\xef\xbf\xbd!");
	assert_bytes(text_out(BYTES("\xe2\x82")), "\xef\xbf\xbd\xef\xbf\xbd");
	assert_bytes(attr_out(BYTES("\b")), " x=\"\xef\xbf\xbd\"");
}

static void
characters_beyond_ascii_are_kept(void **state)
{
	(void)state;
	assert_bytes(text_out(BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\xad\xc2\x85")),
	    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\xad\xc2\x85");
}

static void
a_leaf_is_an_element_with_text(void **state)
{
	(void)state;
	str_clear(&out);
	xml_out_leaf(&out, "p:a", BYTES("1 < 2"));
	assert_bytes(str_bytes(&out), "<p:a>1 &lt; 2</p:a>");
}

static void
a_time_ends_in_z(void **state)
{
	(void)state;
	str_clear(&out);
	xml_out_time(&out, "t", 1767323045678);
	assert_bytes(str_bytes(&out), "<t>2026-01-02T03:04:05.678Z</t>");
}

static void
every_byte_is_read_back_or_replaced(void **state)
{
	static const struct xml_limits limits = {1000, 2, 2, 2};
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (unsigned i = 0; i < 256; i++) {
		char c = (char)i;
		const struct xml_elem *root;
		struct errinfo why;
		bool legal = i == '\t' || i == '\n' || i == '\r' || (i >= 32 && i < 128);
		struct bytes want = legal ? (struct bytes){&c, 1} : BYTES("\xef\xbf\xbd");

		str_clear(&out);
		str_adds(&out, "<a");
		xml_out_attr(&out, "x", (struct bytes){&c, 1});
		str_adds(&out, ">");
		xml_out_text(&out, (struct bytes){&c, 1});
		str_adds(&out, "</a>");
		assert_ok(xml_parse(&arena, str_bytes(&out), &limits, &root, &why), &why);
		assert_true(bytes_eq(root->text, want));
		assert_true(bytes_eq(xml_attr(root, "", "x"), want));
	}
	arena_release(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(markup_is_escaped),
	    cmocka_unit_test(line_breaks_survive_a_parser),
	    cmocka_unit_test(what_xml_cannot_carry_is_replaced),
	    cmocka_unit_test(characters_beyond_ascii_are_kept),
	    cmocka_unit_test(a_leaf_is_an_element_with_text),
	    cmocka_unit_test(a_time_ends_in_z),
	    cmocka_unit_test(every_byte_is_read_back_or_replaced),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
