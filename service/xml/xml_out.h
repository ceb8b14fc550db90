/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml_out - text written into a document so that any parser reads it back.
 *
 * Markup characters are escaped. What XML 1.0 cannot carry at all (most control
 * characters, bytes that are not UTF-8) becomes U+FFFD: one odd value must not make a
 * listing unreadable. Element and attribute names are ours and written as they are.
 *
 * Thread and failure: as core/str, which everything is appended to.
 */
#ifndef QUARTET_XML_XML_OUT_H
#define QUARTET_XML_XML_OUT_H

#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/str.h"

/* The first line of a document. */
void xml_out_declaration(struct str *s);

/* Character data between tags. */
void xml_out_text(struct str *s, struct bytes text);

/* A blank, then name="value". Line breaks and tabs in it survive. */
void xml_out_attr(struct str *s, const char *name, struct bytes value);

/* <name>text</name> */
void xml_out_leaf(struct str *s, const char *name, struct bytes text);

/* The same with a time in milliseconds since 1970: "2026-01-02T03:04:05.678Z". */
void xml_out_time(struct str *s, const char *name, int64_t ms);

#endif
