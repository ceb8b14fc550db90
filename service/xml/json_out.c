/* SPDX-License-Identifier: Apache-2.0 */
#include "service/xml/json_out.h"

#include "service/core/encode.h"

static void
add_escaped(struct str *s, unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		str_addc(s, '\\');
		str_addc(s, (char)c);
		break;
	case '\n':
		str_adds(s, "\\n");
		break;
	case '\r':
		str_adds(s, "\\r");
		break;
	case '\t':
		str_adds(s, "\\t");
		break;
	default:
		str_addf(s, "\\u%04x", c);
		break;
	}
}

void
json_out_string(struct str *s, struct bytes text)
{
	str_addc(s, '"');
	while (text.n > 0) {
		size_t n = utf8_sequence(text);
		unsigned char c = (unsigned char)text.p[0];

		if (n == 0) {
			str_adds(s, "\xef\xbf\xbd");
			n = 1;
		} else if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) {
			add_escaped(s, c);
		} else {
			str_add(s, (struct bytes){text.p, n});
		}
		text = bytes_skip(text, n);
	}
	str_addc(s, '"');
}

void
json_out_member(struct str *s, const char *name, struct bytes text)
{
	json_out_string(s, bytes_of(name));
	str_addc(s, ':');
	json_out_string(s, text);
}
