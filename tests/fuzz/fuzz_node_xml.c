/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a node document; what is accepted is written and must read back alike. */
#include <stdint.h>

#include "service/core/check.h"
#include "service/xml/node_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct node_xml_limits limits = {256 << 10, 256, 32 << 10};

static void
write_back(struct arena *a, struct str *to, const struct node_doc *doc)
{
	struct node_out_property *p =
	    arena_array(a, struct node_out_property, doc->n_properties + 1);
	const struct node_out out = {
	    .uri = doc->uri,
	    .type = doc->type,
	    .target = doc->target,
	    .properties = p,
	    .n_properties = doc->n_properties,
	};

	CHECK(p != NULL);
	for (size_t i = 0; i < doc->n_properties; i++) {
		p[i].uri = doc->properties[i].uri;
		p[i].value = doc->properties[i].value;
	}
	node_form_xml.write(to, &out);
	CHECK(!str_failed(to));
}

static void
compare(const struct node_doc *a, const struct node_doc *b)
{
	CHECK(bytes_eq(a->uri, b->uri));
	CHECK(a->type == b->type);
	CHECK(a->type != NODE_LINK || bytes_eq(a->target, b->target));
	CHECK(a->n_properties == b->n_properties);
	for (size_t i = 0; i < a->n_properties; i++) {
		CHECK(bytes_eq(a->properties[i].uri, b->properties[i].uri));
		CHECK(bytes_eq(a->properties[i].value, b->properties[i].value));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Written out, a document may be longer: its escapes are. */
	const struct node_xml_limits wide = {8 << 20, 256, 32 << 10};
	struct bytes text = {(const char *)data, size};
	struct node_doc doc, again;
	struct errinfo why;
	struct arena arena;
	struct str out;

	arena_init(&arena, 64 << 20);
	str_init(&out, 8 << 20);
	if (node_xml_parse(&arena, text, &limits, &doc, &why) == ERR_OK) {
		write_back(&arena, &out, &doc);
		CHECK(node_xml_parse(&arena, str_bytes(&out), &wide, &again, &why) ==
		      ERR_OK);
		compare(&doc, &again);
	}
	str_release(&out);
	arena_release(&arena);
	return 0;
}
