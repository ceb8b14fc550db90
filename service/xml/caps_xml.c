/* SPDX-License-Identifier: Apache-2.0 */
#include "service/xml/caps_xml.h"

#include "service/xml/names.h"
#include "service/xml/xml_out.h"

static void
write_access_url(struct str *s, const struct caps_row *row, struct bytes base_url)
{
	static const char *const uses[] = {
	    [CAPS_USE_NONE] = "<accessURL>",
	    [CAPS_USE_BASE] = "<accessURL use=\"base\">",
	    [CAPS_USE_FULL] = "<accessURL use=\"full\">",
	};

	str_adds(s, uses[row->use]);
	xml_out_text(s, base_url);
	xml_out_text(s, bytes_of(row->path));
	str_add(s, BYTES("</accessURL>"));
}

/* Without methods: for the anonymous. */
static void
write_interface(struct str *s, const struct caps_row *row, struct bytes base_url,
    const struct bytes *methods, size_t n_methods)
{
	str_add(s, BYTES("<interface xsi:type=\"vs:ParamHTTP\" role=\"std\">"));
	write_access_url(s, row, base_url);
	if (n_methods == 0)
		str_add(s, BYTES("<securityMethod/>"));
	for (size_t i = 0; i < n_methods; i++) {
		str_add(s, BYTES("<securityMethod"));
		xml_out_attr(s, "standardID", methods[i]);
		str_add(s, BYTES("/>"));
	}
	str_add(s, BYTES("</interface>\n"));
}

void
caps_xml_capabilities(struct str *s, const struct caps_row *rows, size_t n_rows,
    struct bytes base_url, const struct bytes *methods, size_t n_methods)
{
	xml_out_declaration(s);
	str_add(
	    s, BYTES("<vosi:capabilities xmlns:vosi=\"" VOSI_CAPS_NS
		     "\" xmlns:vs=\"" VODATASERVICE_NS "\" xmlns:xsi=\"" XSI_NS "\">\n"));
	for (size_t i = 0; i < n_rows; i++) {
		str_add(s, BYTES("<capability"));
		xml_out_attr(s, "standardID", bytes_of(rows[i].standard_id));
		str_add(s, BYTES(">\n"));
		if (rows[i].description != NULL)
			xml_out_leaf(s, "description", bytes_of(rows[i].description));
		write_interface(s, &rows[i], base_url, NULL, 0);
		if (n_methods > 0)
			write_interface(s, &rows[i], base_url, methods, n_methods);
		str_add(s, BYTES("</capability>\n"));
	}
	str_add(s, BYTES("</vosi:capabilities>\n"));
}

/* Clients look for the comment; only what can be in an address may get into it. */
static void
write_client_ip(struct str *s, struct bytes ip)
{
	static const struct bytes allowed = {"0123456789abcdefABCDEF:.", 24};

	str_add(s, BYTES("<!--<clientip>"));
	for (size_t i = 0; i < ip.n; i++)
		if (bytes_find(allowed, ip.p[i]) < allowed.n)
			str_addc(s, ip.p[i]);
	str_add(s, BYTES("</clientip>-->"));
}

void
caps_xml_availability(struct str *s, const struct caps_availability *a)
{
	xml_out_declaration(s);
	str_add(s, BYTES("<vosi:availability xmlns:vosi=\"" VOSI_AVAIL_NS "\">"));
	xml_out_leaf(s, "vosi:available", a->available ? BYTES("true") : BYTES("false"));
	if (a->up_since_ms != 0)
		xml_out_time(s, "vosi:upSince", a->up_since_ms);
	for (size_t i = 0; i < a->n_notes; i++)
		xml_out_leaf(s, "vosi:note", a->notes[i]);
	if (a->client_ip.p != NULL)
		write_client_ip(s, a->client_ip);
	str_add(s, BYTES("</vosi:availability>\n"));
}

void
caps_registry(struct str *s, const struct caps_registry_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		str_add(s, entries[i].id);
		str_add(s, BYTES(" = "));
		str_add(s, entries[i].url);
		str_addc(s, '\n');
	}
}
