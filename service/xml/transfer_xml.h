/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer_xml - transfer documents, both ways with one struct.
 *
 * What a client posts is read as it stands: any prefix, children in any order, unknown
 * ones ignored, and with or without version="2.1". What is answered keeps the element
 * order of the VOSpace 2.1 schema. Directions, views, protocols and security methods are
 * text here; what they mean is the caller's business.
 *
 * Memory: what was parsed points into the arena; what is written is borrowed for the
 * call. Thread: any. Writing fails as core/str does, in str_failed.
 */
#ifndef QUARTET_XML_TRANSFER_XML_H
#define QUARTET_XML_TRANSFER_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"

struct transfer_param {
	struct bytes uri, value;
};

struct transfer_params {
	const struct transfer_param *v;
	size_t n;
};

struct transfer_view {
	struct bytes uri; /* .p NULL: the document has no view */
	struct transfer_params params;
};

struct transfer_protocol {
	struct bytes uri;
	struct bytes endpoint; /* .p NULL: none */
	const struct bytes *security_methods; /* URIs; none: anonymous */
	size_t n_security_methods;
	struct transfer_params params;
};

struct transfer_doc {
	const struct bytes *targets; /* at least one */
	size_t n_targets;
	struct bytes direction; /* .p NULL: none */
	struct transfer_view view;
	const struct transfer_protocol *protocols; /* in the order of preference */
	size_t n_protocols;
	bool keep_bytes; /* true where the document does not say */
	bool keep_bytes_given;
	struct transfer_params params;
	bool is_2_1; /* the document says version="2.1" */
};

/*
 * ERR_TOO_LARGE beyond bytes_max; ERR_INVALID_ARGUMENT for what is not a transfer
 * document, has no target, or lacks a uri where one must be; ERR_NO_MEMORY.
 */
enum err transfer_xml_parse(struct arena *a, struct bytes text, size_t bytes_max,
    struct transfer_doc *out, struct errinfo *why) ERR_CHECKED;

/* A document of version 2.1. */
void transfer_xml_write(struct str *s, const struct transfer_doc *doc);

/* Only its element, to be put into another document (a job's jobInfo). */
void transfer_xml_element(struct str *s, const struct transfer_doc *doc);

#endif
