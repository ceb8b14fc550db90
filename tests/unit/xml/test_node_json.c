/* SPDX-License-Identifier: Apache-2.0 */
#include "service/xml/json_out.h"
#include "service/xml/node_form.h"
#include "tests/support/check.h"

static void
assert_string(const char *text, size_t n, const char *written)
{
	struct str s;

	str_init(&s, 1 << 16);
	json_out_string(&s, (struct bytes){text, n});
	assert_string_equal(s.p, written);
	str_release(&s);
}

static void
strings_are_escaped(void **state)
{
	(void)state;
	assert_string("plain", 5, "\"plain\"");
	assert_string("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
	assert_string("\n\r\t\1\0", 5, "\"\\n\\r\\t\\u0001\\u0000\"");
	assert_string("\xc3\xa9\xff|\xc3", 5, "\"\xc3\xa9\xef\xbf\xbd|\xef\xbf\xbd\"");
	assert_string("", 0, "\"\"");
}

static const struct node_out_property properties[] = {
    {{"p:a", 3}, {"x\"y", 3}, true},
    {{"p:b", 3}, {"2", 1}, false},
};

static struct node_out
data_node(void)
{
	static const struct lists_item views[] = {{{"v:1", 3}, false}};

	return (struct node_out){
	    .uri = BYTES("vos://a/f"),
	    .type = NODE_DATA,
	    .properties = properties,
	    .n_properties = 2,
	    .accepts = views,
	    .n_accepts = 1,
	};
}

#define NS  "\"@xmlns:vos\":\"http://www.ivoa.net/xml/VOSpace/v2.0\","
#define XSI "\"@xmlns:xsi\":\"http://www.w3.org/2001/XMLSchema-instance\","
#define BODY                                                                             \
	"\"@uri\":\"vos://a/f\",\"@xsi:type\":\"vos:DataNode\",\"@busy\":false,"         \
	"\"vos:properties\":{\"$\":[{\"property\":{\"@uri\":\"p:a\",\"@readOnly\":"      \
	"\"true\",\"$\":\"x\\\"y\"}},{\"property\":{\"@uri\":\"p:b\",\"$\":\"2\"}}]},"   \
	"\"vos:accepts\":{\"$\":[{\"view\":{\"@uri\":\"v:1\"}}]},"                       \
	"\"vos:provides\":{\"$\":[]}"

static void
a_data_node_has_the_members_of_the_contract(void **state)
{
	struct node_out n = data_node();
	struct str s;

	(void)state;
	str_init(&s, 1 << 16);
	node_form_json.write(&s, &n);
	assert_string_equal(s.p, "{\"vos:node\":{" NS XSI BODY "}}\n");
	str_release(&s);
}

static void
a_listing_is_written_piece_by_piece(void **state)
{
	struct node_out c = {
	    .uri = BYTES("vos://a"), .type = NODE_CONTAINER, .minimal = true};
	struct node_out f = data_node();
	struct node_out l = {.uri = BYTES("vos://a/l"),
	    .type = NODE_LINK,
	    .minimal = true,
	    .target = BYTES("vos://a/f")};
	struct str s;

	(void)state;
	str_init(&s, 1 << 16);
	node_form_json.open(&s, &c);
	node_form_json.child(&s, &f, true);
	node_form_json.child(&s, &l, false);
	node_form_json.child(&s, &c, false);
	node_form_json.close(&s);
	assert_string_equal(s.p,
	    "{\"vos:node\":{" NS XSI
	    "\"@uri\":\"vos://a\",\"@xsi:type\":\"vos:ContainerNode\",\"vos:nodes\":{"
	    "\"$\":[\n{\"node\":{" NS BODY "}},\n{\"node\":{" NS
	    "\"@uri\":\"vos://a/l\",\"@xsi:type\":\"vos:LinkNode\",\"vos:target\":{"
	    "\"$\":\"vos://a/f\"}}},\n{\"node\":{" NS
	    "\"@uri\":\"vos://a\",\"@xsi:type\":\"vos:ContainerNode\",\"vos:nodes\":{"
	    "\"$\":[]}}}\n]}}}\n");
	str_release(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(strings_are_escaped),
	    cmocka_unit_test(a_data_node_has_the_members_of_the_contract),
	    cmocka_unit_test(a_listing_is_written_piece_by_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
