/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_out - text written into a JSON document so that any parser reads it back: quotes,
 * control characters and backslashes are escaped, bytes that are not UTF-8 become U+FFFD.
 * Thread and failure: as core/str, which everything is appended to.
 */
#ifndef QUARTET_XML_JSON_OUT_H
#define QUARTET_XML_JSON_OUT_H

#include "service/core/bytes.h"
#include "service/core/str.h"

/* "text", quotes included. */
void json_out_string(struct str *s, struct bytes text);

/* "name":"text" */
void json_out_member(struct str *s, const char *name, struct bytes text);

#endif
