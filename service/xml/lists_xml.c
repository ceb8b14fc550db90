/* SPDX-License-Identifier: Apache-2.0 */
#include "service/xml/lists_xml.h"

#include "service/xml/names.h"
#include "service/xml/xml_out.h"

void
lists_xml_attributes(struct str *s, const struct lists_item *item)
{
	xml_out_attr(s, "uri", item->uri);
	if (item->derived)
		str_adds(s, " original=\"false\"");
}

void
lists_xml_write(struct str *s, const char *root, const char *item,
    const struct lists_part *parts, size_t n)
{
	xml_out_declaration(s);
	str_addf(s, "<vos:%s xmlns:vos=\"" VOSPACE_NS "\" version=\"2.1\">\n", root);
	for (size_t i = 0; i < n; i++) {
		str_addf(s, "<vos:%s>\n", parts[i].name);
		for (size_t k = 0; k < parts[i].n; k++) {
			str_addf(s, "<vos:%s", item);
			lists_xml_attributes(s, &parts[i].items[k]);
			str_adds(s, "/>\n");
		}
		str_addf(s, "</vos:%s>\n", parts[i].name);
	}
	str_addf(s, "</vos:%s>\n", root);
}
