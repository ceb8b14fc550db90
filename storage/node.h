/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node - one entry of the tree as a plain record (VOSpace 2.1 section 3.1).
 *
 * Values only: no behaviour, no I/O. All text points into the arena the record was
 * decoded or built in. Thread: whoever owns that arena.
 */
#ifndef QUARTET_STORAGE_NODE_H
#define QUARTET_STORAGE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/digest.h"

/* The numbers are stored. */
enum node_type {
	NODE_CONTAINER = 1,
	NODE_DATA = 2,
	NODE_LINK = 3,
	NODE_STRUCTURED_DATA = 4,
	NODE_UNSTRUCTURED_DATA = 5,
};

/* True for the three types that can have bytes. */
static inline bool
node_type_has_bytes(enum node_type t)
{
	return t == NODE_DATA || t == NODE_STRUCTURED_DATA || t == NODE_UNSTRUCTURED_DATA;
}

enum {
	NODE_NAME_MAX = 255, /* bytes of a path component */
	NODE_GROUPS_MAX = 4, /* groups in each of the two lists */
	NODE_ROOT_ID = 1,
};

#define NODE_NO_QUOTA UINT64_MAX

/* A flag that may also be unset; the numbers are stored. */
enum node_flag { NODE_UNSET = 0, NODE_FALSE = 1, NODE_TRUE = 2 };

/* Group URIs as they were written, in that order, without duplicates. */
struct node_groups {
	struct bytes uri[NODE_GROUPS_MAX];
	size_t n;
};

/* A property that is no field of the record. */
struct node_property {
	struct bytes uri, value;
};

struct node {
	uint64_t id; /* ascending, never reused */
	uint64_t parent_id; /* 0 for the root */
	struct bytes name; /* decoded; empty for the root */
	enum node_type type;
	uint64_t owner; /* identity id */

	enum node_flag is_public, is_locked, inherits;
	struct node_groups group_read, group_write;

	int64_t created_ms;
	int64_t changed_ms; /* last change of the metadata: core#date */
	int64_t content_ms; /* last change of the bytes; 0 before the first */

	/* Types with bytes. blob_id 0: nothing stored, length 0. */
	uint64_t blob_id;
	uint64_t length;
	uint8_t md5[MD5_SIZE];
	struct bytes content_type, content_encoding; /* .p NULL when not known */

	/* Containers: everything below, and the limit on it. */
	uint64_t total_bytes, total_files;
	uint64_t quota; /* bytes, or NODE_NO_QUOTA */

	struct bytes target; /* links: any absolute URI */

	const struct node_property *properties; /* ascending by URI */
	size_t n_properties;

	struct bytes unknown_parts; /* what a newer server stored; kept as it is */
};

/*
 * The length a node is shown and sorted with: of a container all that is below it, of a
 * link, as lstat has it, that of its target's text. Never 0 for a link: the vos client
 * takes what it cannot read and has length 0 for an empty file, and reports success.
 */
static inline uint64_t
node_shown_length(const struct node *node)
{
	if (node->type == NODE_CONTAINER)
		return node->total_bytes;
	return node->type == NODE_LINK ? node->target.n : node->length;
}

#endif
