/* SPDX-License-Identifier: Apache-2.0 */
/* The documents are in the forms that the clients named were seen to send. */
#include "tests/support/check.h"

#include "service/core/str.h"
#include "service/xml/names.h"
#include "service/xml/node_form.h"
#include "service/xml/xml_in.h"

#define CORE "ivo://ivoa.net/vospace/core#"

static const struct node_xml_limits limits = {256 << 10, 256, 32 << 10};

static struct arena arena;
static struct str out;
static struct errinfo why;

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 64 << 20);
	str_init(&out, 4 << 20);
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

static struct node_doc
parsed(struct bytes text)
{
	struct node_doc doc = {0};

	assert_ok(node_xml_parse(&arena, text, &limits, &doc, &why), &why);
	return doc;
}

static void
assert_refused(struct bytes text, enum err code, const char *reason)
{
	struct node_doc doc;

	assert_err(node_xml_parse(&arena, text, &limits, &doc, &why), code);
	if (strstr(why.text, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why.text, reason);
}

static void
assert_property(const struct node_doc *doc, size_t i, const char *uri, const char *value)
{
	assert_true(i < doc->n_properties);
	assert_bytes(doc->properties[i].uri, uri);
	assert_bytes(doc->properties[i].value, value);
	assert_false(doc->properties[i].is_nil);
}

static void
vmkdir_mixes_prefixes_and_the_default_namespace(void **state)
{
	struct node_doc doc = parsed(
	    BYTES("<node xmlns=\"" VOSPACE_NS "\" xmlns:ns1=\"" VOSPACE_NS
		  "\" xmlns:vos=\"" VOSPACE_NS "\" xmlns:xsi=\"" XSI_NS
		  "\" xsi:type=\"vos:ContainerNode\" "
		  "uri=\"vos://cadc.nrc.ca!vault/alice/new\"><properties><ns1:property "
		  "uri=\"" CORE "description\" readOnly=\"false\">a folder</ns1:property>"
		  "<property uri=\"quality\">good</property></properties><accepts />"
		  "<provides /><nodes /></node>"));

	(void)state;
	assert_bytes(doc.uri, "vos://cadc.nrc.ca!vault/alice/new");
	assert_int_equal(doc.type, NODE_CONTAINER);
	assert_true(doc.type_given);
	assert_int_equal(doc.n_properties, 2);
	assert_property(&doc, 0, CORE "description", "a folder");
	assert_property(&doc, 1, "quality", "good");
	assert_false(doc.has_target);
}

static void
vchmod_posts_back_with_the_prefix_ns0_and_vos_declared_last(void **state)
{
	struct node_doc doc = parsed(
	    BYTES("<ns0:node xmlns:ns0=\"" VOSPACE_NS "\" xmlns:xsi=\"" XSI_NS "\" "
		  "uri=\"vos://example.org~vault/alice/f\" xsi:type=\"vos:DataNode\" "
		  "busy=\"false\" xmlns:vos=\"" VOSPACE_NS "\"><ns0:properties>"
		  "<ns0:property uri=\"" CORE "date\" readOnly=\"true\">"
		  "2026-01-02T03:04:05.678</ns0:property><ns0:property uri=\"" CORE
		  "length\" readOnly=\"true\">42</ns0:property><ns0:property uri=\"" CORE
		  "groupread\">ivo://cadc.nrc.ca/gms?A ivo://cadc.nrc.ca/gms?B"
		  "</ns0:property></ns0:properties><ns0:accepts /><ns0:provides />"
		  "</ns0:node>"));

	(void)state;
	assert_int_equal(doc.type, NODE_DATA);
	assert_int_equal(doc.n_properties, 3);
	assert_property(&doc, 1, CORE "length", "42");
	assert_property(
	    &doc, 2, CORE "groupread", "ivo://cadc.nrc.ca/gms?A ivo://cadc.nrc.ca/gms?B");
}

static void
vtag_deletes_with_nil_declared_on_the_spot(void **state)
{
	struct node_doc doc = parsed(BYTES(
	    "<node xmlns=\"" VOSPACE_NS "\" uri=\"vos://a~vault/f\"><properties>"
	    "<property uri=\"quality\" xmlns:xsi=\"" XSI_NS "\" xsi:nil=\"true\" />"
	    "<property uri=\"other\" xmlns:xs=\"" XSD_NS "\" xs:nil=\"1\">x</property>"
	    "<property uri=\"kept\" xmlns:xsi=\"" XSI_NS "\" xsi:nil=\"false\">y"
	    "</property><property uri=\"plain\" nil=\"true\">z</property>"
	    "<property uri=\"empty\"></property></properties></node>"));

	(void)state;
	assert_int_equal(doc.n_properties, 5);
	assert_true(doc.properties[0].is_nil);
	assert_true(doc.properties[1].is_nil);
	assert_property(&doc, 2, "kept", "y");
	assert_property(&doc, 3, "plain", "z");
	assert_property(&doc, 4, "empty", "");
}

static void
old_clients_send_latin1_without_saying_so(void **state)
{
	struct node_doc doc =
	    parsed(BYTES("<vos:node xmlns:vos=\"" VOSPACE_NS "\" uri=\"vos://a~v/f\">"
			 "<vos:properties><vos:property uri=\"title\">\xe9toile"
			 "</vos:property></vos:properties></vos:node>"));

	(void)state;
	assert_property(&doc, 0, "title", "\xc3\xa9toile");
}

static void
vln_sends_a_target(void **state)
{
	struct node_doc doc = parsed(
	    BYTES("<node xmlns=\"" VOSPACE_NS "\" xmlns:vos=\"" VOSPACE_NS
		  "\" xmlns:xsi=\"" XSI_NS
		  "\" xsi:type=\"vos:LinkNode\" uri=\"vos://a!vault/l\"><properties />"
		  "<target>https://example.org/?a=1&amp;b=2</target></node>"));

	(void)state;
	assert_int_equal(doc.type, NODE_LINK);
	assert_true(doc.has_target);
	assert_bytes(doc.target, "https://example.org/?a=1&b=2");
	assert_int_equal(doc.n_properties, 0);
}

static void
java_sends_a_declaration_crlf_and_indentation(void **state)
{
	struct node_doc doc = parsed(
	    BYTES("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
		  "<vos:node xmlns:vos=\"" VOSPACE_NS "\" xmlns:xsi=\"" XSI_NS "\" "
		  "uri=\"vos://a~vault/c\" xsi:type=\"vos:ContainerNode\">\r\n"
		  "  <vos:properties>\r\n    <vos:property uri=\"" CORE
		  "ispublic\">true</vos:property>\r\n  </vos:properties>\r\n"
		  "  <vos:nodes />\r\n</vos:node>\r\n"));

	(void)state;
	assert_int_equal(doc.type, NODE_CONTAINER);
	assert_int_equal(doc.n_properties, 1);
	assert_property(&doc, 0, CORE "ispublic", "true");
}

static void
children_may_stand_in_any_order_and_unknown_ones_are_ignored(void **state)
{
	struct node_doc doc =
	    parsed(BYTES("<node xmlns='" VOSPACE_NS "' uri='vos://a~v/l'><target> x:y\n"
			 "</target><x xmlns='urn:x'><properties/></x><novelty/>"
			 "<properties><novelty/><property uri='p'>v</property>"
			 "<property xmlns='urn:x' uri='q'>w</property></properties>"
			 "</node>"));

	(void)state;
	assert_bytes(doc.target, "x:y");
	assert_int_equal(doc.n_properties, 1);
	assert_property(&doc, 0, "p", "v");
}

static void
children_of_a_posted_container_are_ignored(void **state)
{
	struct node_doc doc = parsed(
	    BYTES("<v:node xmlns:v='" VOSPACE_NS "' xmlns:xsi='" XSI_NS
		  "' uri='vos://a~v/c' xsi:type='v:ContainerNode'><v:nodes><v:node "
		  "uri='vos://a~v/c/d' xsi:type='v:LinkNode'><v:properties><v:property "
		  "uri='p'>v</v:property></v:properties><v:target>x:y</v:target></v:node>"
		  "</v:nodes></v:node>"));

	(void)state;
	assert_bytes(doc.uri, "vos://a~v/c");
	assert_int_equal(doc.n_properties, 0);
	assert_false(doc.has_target);
}

static void
a_node_without_type_is_a_data_node(void **state)
{
	struct node_doc none =
	    parsed(BYTES("<node xmlns='" VOSPACE_NS "' uri='vos://a~v/f'/>"));
	struct node_doc general =
	    parsed(BYTES("<node xmlns='" VOSPACE_NS "' xmlns:i='" XSI_NS
			 "' i:type='Node' uri='vos://a~v/f'/>"));

	(void)state;
	assert_int_equal(none.type, NODE_DATA);
	assert_false(none.type_given);
	assert_int_equal(general.type, NODE_DATA);
	assert_false(general.type_given);
}

static void
the_other_two_data_types_are_kept_apart(void **state)
{
	(void)state;
	assert_int_equal(
	    parsed(BYTES("<v:node xmlns:v='" VOSPACE_NS "' xmlns:xsi='" XSI_NS
			 "' uri='vos://a~v/f' xsi:type='v:StructuredDataNode'/>"))
		.type,
	    NODE_STRUCTURED_DATA);
	assert_int_equal(
	    parsed(BYTES("<v:node xmlns:v='" VOSPACE_NS "' xmlns:xsi='" XSI_NS
			 "' uri='vos://a~v/f' xsi:type='v:UnstructuredDataNode'/>"))
		.type,
	    NODE_UNSTRUCTURED_DATA);
}

static void
an_unknown_type_is_refused_by_name(void **state)
{
	(void)state;
	assert_refused(BYTES("<v:node xmlns:v='" VOSPACE_NS "' xmlns:xsi='" XSI_NS
			     "' uri='vos://a~v/f' xsi:type='v:TapeNode'/>"),
	    ERR_TYPE_NOT_SUPPORTED, "v:TapeNode");
	assert_refused(
	    BYTES("<v:node xmlns:v='" VOSPACE_NS "' xmlns:xsi='" XSI_NS
		  "' xmlns:x='urn:x' uri='vos://a~v/f' xsi:type='x:DataNode'/>"),
	    ERR_TYPE_NOT_SUPPORTED, "x:DataNode");
	assert_refused(BYTES("<v:node xmlns:v='" VOSPACE_NS "' xmlns:xsi='" XSI_NS
			     "' uri='vos://a~v/f' xsi:type='vos:DataNode'/>"),
	    ERR_TYPE_NOT_SUPPORTED, "vos:DataNode");
}

static void
another_document_is_refused(void **state)
{
	(void)state;
	assert_refused(BYTES("<node uri='vos://a~v/f'/>"), ERR_INVALID_ARGUMENT,
	    "not a VOSpace node document: its root is {}node");
	assert_refused(BYTES("<node xmlns='http://www.ivoa.net/xml/VOSpace/v1.0' "
			     "uri='vos://a~v/f'/>"),
	    ERR_INVALID_ARGUMENT, "not a VOSpace node document");
	assert_refused(BYTES("<transfer xmlns='" VOSPACE_NS "'/>"), ERR_INVALID_ARGUMENT,
	    "not a VOSpace node document");
	assert_refused(BYTES("<!DOCTYPE node><node xmlns='" VOSPACE_NS "'/>"),
	    ERR_INVALID_ARGUMENT, "DOCTYPE");
	assert_refused(BYTES("a=b&c=d"), ERR_INVALID_ARGUMENT, "not well-formed");
}

static void
what_must_have_a_uri_has_one(void **state)
{
	(void)state;
	assert_refused(BYTES("<node xmlns='" VOSPACE_NS "'/>"), ERR_INVALID_ARGUMENT,
	    "the node has no uri");
	assert_refused(BYTES("<node xmlns='" VOSPACE_NS "' uri='vos://a~v/f'>"
			     "<properties><property>x</property></properties></node>"),
	    ERR_INVALID_ARGUMENT, "a property has no uri");
}

/* A document with n properties of `size` bytes each. */
static struct bytes
bulky(size_t n, size_t size)
{
	str_clear(&out);
	str_adds(&out, "<node xmlns='" VOSPACE_NS "' uri='vos://a~v/f'><properties>");
	for (size_t i = 0; i < n; i++) {
		str_addf(&out, "<property uri='p%zu'>", i);
		for (size_t k = 0; k < size; k++)
			str_addc(&out, 'x');
		str_adds(&out, "</property>");
	}
	str_adds(&out, "</properties></node>");
	return str_bytes(&out);
}

static void
limits_are_kept(void **state)
{
	(void)state;
	assert_int_equal(parsed(bulky(256, 1)).n_properties, 256);
	assert_refused(bulky(257, 1), ERR_TOO_LARGE, "257 properties");
	assert_int_equal(parsed(bulky(1, 32 << 10)).properties[0].value.n, 32 << 10);
	assert_refused(bulky(1, (32 << 10) + 1), ERR_TOO_LARGE, "p0 has 32769 bytes");
	assert_refused(bulky(9, 30000), ERR_TOO_LARGE, "the limit is 262144");
}

static void
no_memory_is_reported_wherever_it_runs_out(void **state)
{
	struct bytes text = BYTES("<node xmlns='" VOSPACE_NS "' uri='vos://a~v/f'>"
				  "<properties><property uri='p'>v</property>"
				  "</properties></node>");
	enum err e = ERR_NO_MEMORY;

	(void)state;
	for (size_t room = 0; e != ERR_OK; room += 64) {
		struct arena small;
		struct node_doc doc;

		arena_init(&small, room);
		e = node_xml_parse(&small, text, &limits, &doc, &why);
		assert_true(e == ERR_OK || e == ERR_NO_MEMORY);
		arena_release(&small);
	}
}

static const struct node_out_property properties[] = {
    {{CORE "MD5", 31}, {"00ff", 4}, true},
    {{"title", 5}, {"a < b & \"c\"\r", 12}, false},
};

static struct node_out
node(const char *uri, enum node_type type)
{
	return (struct node_out){
	    .uri = bytes_of(uri),
	    .type = type,
	    .target = BYTES("vos://a~v/%C3%A9&"),
	    .properties = properties,
	    .n_properties = sizeof properties / sizeof properties[0],
	};
}

#define ROOT                                                                             \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<vos:node xmlns:vos=\"" VOSPACE_NS  \
	"\" xmlns:xsi=\"" XSI_NS "\" version=\"2.1\" "
#define PROPERTIES                                                                       \
	"<vos:properties><vos:property uri=\"" CORE "MD5\" readOnly=\"true\">00ff"       \
	"</vos:property><vos:property uri=\"title\">a &lt; b &amp; \"c\"&#13;"           \
	"</vos:property></vos:properties>"

static void
a_data_node_is_written_in_the_order_of_the_schema(void **state)
{
	struct node_out n = node("vos://a~v/f", NODE_DATA);

	(void)state;
	str_clear(&out);
	node_form_xml.write(&out, &n);
	assert_bytes(str_bytes(&out), ROOT
	    "uri=\"vos://a~v/f\" xsi:type=\"vos:DataNode\" busy=\"false\">" PROPERTIES
	    "<vos:accepts/><vos:provides/></vos:node>\n");
	n.busy = true;
	n.n_properties = 0;
	str_clear(&out);
	node_form_xml.write(&out, &n);
	assert_bytes(str_bytes(&out),
	    ROOT "uri=\"vos://a~v/f\" xsi:type=\"vos:DataNode\" busy=\"true\">"
		 "<vos:properties></vos:properties><vos:accepts/><vos:provides/>"
		 "</vos:node>\n");
}

static void
a_link_has_its_target_and_nothing_of_a_data_node(void **state)
{
	struct node_out n = node("vos://a~v/l", NODE_LINK);

	(void)state;
	str_clear(&out);
	node_form_xml.write(&out, &n);
	assert_bytes(str_bytes(&out),
	    ROOT "uri=\"vos://a~v/l\" xsi:type=\"vos:LinkNode\">" PROPERTIES
		 "<vos:target>vos://a~v/%C3%A9&amp;</vos:target></vos:node>\n");
}

static void
a_container_always_has_nodes(void **state)
{
	struct node_out n = node("vos://a~v/c", NODE_CONTAINER);

	(void)state;
	str_clear(&out);
	node_form_xml.write(&out, &n);
	assert_bytes(str_bytes(&out),
	    ROOT "uri=\"vos://a~v/c\" xsi:type=\"vos:ContainerNode\">" PROPERTIES
		 "<vos:nodes/></vos:node>\n");
}

static void
a_listing_is_written_piece_by_piece(void **state)
{
	struct node_out c = node("vos://a~v", NODE_CONTAINER);
	struct node_out kids[] = {node("vos://a~v/c", NODE_CONTAINER),
	    node("vos://a~v/f", NODE_STRUCTURED_DATA), node("vos://a~v/l", NODE_LINK)};

	(void)state;
	c.minimal = true;
	str_clear(&out);
	node_form_xml.open(&out, &c);
	for (size_t i = 0; i < 3; i++) {
		kids[i].minimal = true;
		node_form_xml.child(&out, &kids[i], i == 0);
	}
	node_form_xml.close(&out);
	assert_bytes(str_bytes(&out), ROOT
	    "uri=\"vos://a~v\" xsi:type=\"vos:ContainerNode\"><vos:nodes>\n"
	    "<vos:node uri=\"vos://a~v/c\" xsi:type=\"vos:ContainerNode\"><vos:nodes/>"
	    "</vos:node>\n"
	    "<vos:node uri=\"vos://a~v/f\" xsi:type=\"vos:StructuredDataNode\">"
	    "<vos:accepts/><vos:provides/></vos:node>\n"
	    "<vos:node uri=\"vos://a~v/l\" xsi:type=\"vos:LinkNode\">"
	    "<vos:target>vos://a~v/%C3%A9&amp;</vos:target></vos:node>\n"
	    "</vos:nodes></vos:node>\n");
}

static void
what_is_written_is_read_back(void **state)
{
	static const enum node_type types[] = {NODE_CONTAINER, NODE_DATA, NODE_LINK,
	    NODE_STRUCTURED_DATA, NODE_UNSTRUCTURED_DATA};

	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct node_out n = node("vos://a~v/x%20y", types[i]);
		struct node_doc doc;

		str_clear(&out);
		node_form_xml.write(&out, &n);
		doc = parsed(str_bytes(&out));
		assert_bytes(doc.uri, "vos://a~v/x%20y");
		assert_int_equal(doc.type, types[i]);
		assert_true(doc.type_given);
		assert_int_equal(doc.n_properties, 2);
		assert_property(&doc, 0, CORE "MD5", "00ff");
		assert_property(&doc, 1, "title", "a < b & \"c\"\r");
		assert_int_equal(doc.has_target, types[i] == NODE_LINK);
	}
}

static void
a_full_str_is_noticed(void **state)
{
	struct node_out n = node("vos://a~v/f", NODE_DATA);
	struct str small;

	(void)state;
	str_init(&small, 100);
	node_form_xml.write(&small, &n);
	assert_true(str_failed(&small));
	str_release(&small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vmkdir_mixes_prefixes_and_the_default_namespace),
	    cmocka_unit_test(vchmod_posts_back_with_the_prefix_ns0_and_vos_declared_last),
	    cmocka_unit_test(vtag_deletes_with_nil_declared_on_the_spot),
	    cmocka_unit_test(old_clients_send_latin1_without_saying_so),
	    cmocka_unit_test(vln_sends_a_target),
	    cmocka_unit_test(java_sends_a_declaration_crlf_and_indentation),
	    cmocka_unit_test(
		children_may_stand_in_any_order_and_unknown_ones_are_ignored),
	    cmocka_unit_test(children_of_a_posted_container_are_ignored),
	    cmocka_unit_test(a_node_without_type_is_a_data_node),
	    cmocka_unit_test(the_other_two_data_types_are_kept_apart),
	    cmocka_unit_test(an_unknown_type_is_refused_by_name),
	    cmocka_unit_test(another_document_is_refused),
	    cmocka_unit_test(what_must_have_a_uri_has_one),
	    cmocka_unit_test(limits_are_kept),
	    cmocka_unit_test(no_memory_is_reported_wherever_it_runs_out),
	    cmocka_unit_test(a_data_node_is_written_in_the_order_of_the_schema),
	    cmocka_unit_test(a_link_has_its_target_and_nothing_of_a_data_node),
	    cmocka_unit_test(a_container_always_has_nodes),
	    cmocka_unit_test(a_listing_is_written_piece_by_piece),
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(a_full_str_is_noticed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
