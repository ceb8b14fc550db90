/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/props.h"

#include <stdlib.h>

#include "service/core/encode.h"
#include "service/core/isotime.h"
#include "storage/accounts.h"

enum prop {
	PROP_FREE, /* not in the table */
	PROP_DERIVED,
	PROP_TEXT,
	PROP_INHERITS,
	PROP_LOCKED,
	PROP_LOCKED_ALIAS,
	PROP_READABLE,
	PROP_WRITABLE,
	PROP_AVAILABLE,
	PROP_MD5,
	PROP_CONTENT_DATE,
	PROP_COPIES,
	PROP_CREATOR,
	PROP_DATE,
	PROP_ENCODING,
	PROP_GROUP_READ,
	PROP_GROUP_WRITE,
	PROP_PUBLIC,
	PROP_PUBLIC_ALIAS,
	PROP_LENGTH,
	PROP_QUOTA,
	PROP_TYPE,
};

struct row {
	const char *uri;
	enum prop prop;
};

static const struct row rows[] = {
#define PROPERTY(uri, meaning) {uri, PROP_##meaning},
#include "service/op/property.def"
#undef PROPERTY
};

enum { N_ROWS = sizeof rows / sizeof rows[0] };

static int
compare_row(const void *key, const void *row)
{
	return bytes_cmp(
	    *(const struct bytes *)key, bytes_of(((const struct row *)row)->uri));
}

static enum prop
prop_of(struct bytes uri)
{
	const struct row *row = bsearch(&uri, rows, N_ROWS, sizeof rows[0], compare_row);

	return row == NULL ? PROP_FREE : row->prop;
}

_Static_assert((int)N_ROWS <= (int)PROPS_MAX_ROWS, "there is room for all");

/* What stands in the table only because clients may write it means nothing here. */
static unsigned
kind_of(enum prop prop)
{
	switch (prop) {
	case PROP_TEXT:
	case PROP_INHERITS:
	case PROP_LOCKED:
	case PROP_ENCODING:
	case PROP_GROUP_READ:
	case PROP_GROUP_WRITE:
	case PROP_PUBLIC:
	case PROP_PUBLIC_ALIAS:
	case PROP_QUOTA:
	case PROP_TYPE:
		return PROPS_SETTABLE;
	case PROP_READABLE:
	case PROP_WRITABLE:
	case PROP_AVAILABLE:
	case PROP_MD5:
	case PROP_CONTENT_DATE:
	case PROP_CREATOR:
	case PROP_DATE:
	case PROP_LENGTH:
	case PROP_COPIES:
		return PROPS_COMPUTED;
	case PROP_FREE:
	case PROP_DERIVED:
	case PROP_LOCKED_ALIAS:
		break;
	}
	return 0;
}

size_t
props_known(unsigned kinds, struct lists_item out[PROPS_MAX_ROWS])
{
	size_t n = 0;

	for (size_t i = 0; i < N_ROWS; i++)
		if ((kind_of(rows[i].prop) & kinds) != 0)
			out[n++] = (struct lists_item){.uri = bytes_of(rows[i].uri)};
	return n;
}

/* From a node */

/* A list under construction. */
struct list {
	struct arena *a;
	struct node_out_property *v;
	size_t n;
	bool failed;
};

static void
add(struct list *l, const char *uri, struct bytes value, bool read_only)
{
	if (value.p == NULL)
		l->failed = true;
	else
		l->v[l->n++] =
		    (struct node_out_property){bytes_of(uri), value, read_only};
}

static struct bytes
boolean(bool b)
{
	return b ? BYTES("true") : BYTES("false");
}

static struct bytes
number(struct arena *a, uint64_t n)
{
	return arena_format(a, "%llu", (unsigned long long)n);
}

static struct bytes
date(struct arena *a, int64_t ms)
{
	char *text = arena_alloc(a, ISOTIME_SIZE);

	if (text == NULL)
		return (struct bytes){NULL, 0};
	isotime_format(ms, text);
	return bytes_of(text);
}

static struct bytes
hex(struct arena *a, const uint8_t md5[MD5_SIZE])
{
	char *text = arena_alloc(a, 2 * MD5_SIZE + 1);

	if (text == NULL)
		return (struct bytes){NULL, 0};
	hex_encode(md5, MD5_SIZE, text);
	return bytes_of(text);
}

static struct bytes
groups(struct arena *a, const struct node_groups *g)
{
	size_t n = 0, at = 0;
	char *text;

	for (size_t i = 0; i < g->n; i++)
		n += g->uri[i].n + 1;
	text = arena_alloc(a, n);
	if (text == NULL)
		return (struct bytes){NULL, 0};
	for (size_t i = 0; i < g->n; i++) {
		if (i > 0)
			text[at++] = ' ';
		(void)memcpy(text + at, g->uri[i].p, g->uri[i].n);
		at += g->uri[i].n;
	}
	return (struct bytes){text, at};
}

/* The owner's name; "" when nobody knows the identity any more. */
static struct bytes
owner_name(struct op_call *call, struct arena *a, uint64_t owner)
{
	const struct caller *c = call->caller;
	struct identity_facts facts;

	if (!c->is_anonymous && c->token_kind != TOKEN_GUEST && owner == c->principal)
		return c->name;
	if (accounts_identity(call->env->reader, a, owner, &facts, NULL) != ERR_OK)
		return BYTES("");
	return facts.name;
}

/*
 * How many good copies there are of the bytes. Not said of a file without any, nor where
 * the record is gone since the node was read, or damaged.
 */
static void
add_copies(struct op_call *call, struct list *l, const struct node *node)
{
	struct blob blob;

	if (node->blob_id != 0 &&
	    blob_get(call->env->reader, node->blob_id, &blob, NULL) == ERR_OK)
		add(l, "ivo://quartet/vospace/core#copies",
		    number(l->a, mirror_copies(call->env->mirror, &blob)), true);
}

static void
add_fields(struct op_call *call, struct list *l, const struct node *node, bool max,
    struct props_rights rights)
{
	if (node->type == NODE_CONTAINER && node->inherits != NODE_UNSET)
		add(l, "ivo://cadc.nrc.ca/vospace/core#inheritPermissions",
		    boolean(node->inherits == NODE_TRUE), false);
	if (node->is_locked == NODE_TRUE)
		add(l, "ivo://cadc.nrc.ca/vospace/core#islocked", BYTES("true"), false);
	if (max && rights.readable)
		add(l, "ivo://cadc.nrc.ca/vospace/core#readable", BYTES("true"), true);
	if (max && rights.writable)
		add(l, "ivo://cadc.nrc.ca/vospace/core#writable", BYTES("true"), true);
	if (node_type_has_bytes(node->type) && node->content_ms != 0) {
		add(l, "ivo://ivoa.net/vospace/core#MD5", hex(l->a, node->md5), true);
		add(l, "ivo://ivoa.net/vospace/core#content-date",
		    date(l->a, node->content_ms), true);
	}
	if (node->type == NODE_CONTAINER && node->quota != NODE_NO_QUOTA)
		add(l, "ivo://ivoa.net/vospace/core#availableSpace",
		    number(l->a, node->total_bytes < node->quota
				     ? node->quota - node->total_bytes
				     : 0),
		    true);
	add(l, "ivo://ivoa.net/vospace/core#creator", owner_name(call, l->a, node->owner),
	    true);
	add(l, "ivo://ivoa.net/vospace/core#date", date(l->a, node->changed_ms), true);
	if (node->content_encoding.p != NULL)
		add(l, "ivo://ivoa.net/vospace/core#encoding", node->content_encoding,
		    false);
	if (node->group_read.n > 0)
		add(l, "ivo://ivoa.net/vospace/core#groupread",
		    groups(l->a, &node->group_read), false);
	if (node->group_write.n > 0)
		add(l, "ivo://ivoa.net/vospace/core#groupwrite",
		    groups(l->a, &node->group_write), false);
	if (node->is_public != NODE_UNSET)
		add(l, "ivo://ivoa.net/vospace/core#ispublic",
		    boolean(node->is_public == NODE_TRUE), false);
	add(l, "ivo://ivoa.net/vospace/core#length",
	    number(l->a, node_shown_length(node)), true);
	if (node->quota != NODE_NO_QUOTA)
		add(l, "ivo://ivoa.net/vospace/core#quota", number(l->a, node->quota),
		    true);
	if (node->content_type.p != NULL)
		add(l, "ivo://ivoa.net/vospace/core#type", node->content_type, false);
	if (max)
		add_copies(call, l, node);
}

enum { FIELDS_MAX = 17 };

/* The node's free properties among its fields, ascending by URI. */
static void
merge(struct list *l, const struct node *node, const struct node_out_property *fields,
    size_t n_fields)
{
	size_t i = 0, k = 0;

	while (i < n_fields || k < node->n_properties) {
		if (k == node->n_properties ||
		    (i < n_fields &&
			bytes_cmp(fields[i].uri, node->properties[k].uri) <= 0)) {
			l->v[l->n++] = fields[i++];
			continue;
		}
		l->v[l->n++] = (struct node_out_property){
		    node->properties[k].uri, node->properties[k].value, false};
		k++;
	}
}

/* What is spoken here, as the root says it (VOSpace 2.1 3.3). */
static const struct lists_item versions[] = {
    {.uri = {"ivo://ivoa.net/vospace/core#vospace-2.0", 39}},
    {.uri = {"ivo://ivoa.net/vospace/core#vospace-2.1", 39}},
};

enum err
props_of_node(struct op_call *call, struct arena *a, const struct node *node,
    struct bytes uri, enum props_detail detail, struct props_rights rights,
    struct node_out *out)
{
	struct list fields = {
	    .a = a, .v = arena_array(a, struct node_out_property, FIELDS_MAX)};
	struct list all = {.a = a};

	*out = (struct node_out){
	    .uri = uri,
	    .type = node->type,
	    .minimal = detail == PROPS_MIN,
	    .target = node->target,
	};
	if (detail == PROPS_MIN)
		return ERR_OK;
	if (node->id == NODE_ROOT_ID) {
		out->capabilities = versions;
		out->n_capabilities = sizeof versions / sizeof versions[0];
	}
	if (fields.v == NULL)
		return errinfo_set(
		    &call->why, ERR_NO_MEMORY, "the node has too many properties");
	if (detail == PROPS_BASIC) {
		add(&fields, "ivo://ivoa.net/vospace/core#date",
		    date(a, node->changed_ms), true);
		add(&fields, "ivo://ivoa.net/vospace/core#length",
		    number(a, node_shown_length(node)), true);
	} else {
		add_fields(call, &fields, node, detail == PROPS_MAX, rights);
	}
	if (detail == PROPS_BASIC || node->n_properties == 0) {
		all = fields;
	} else {
		all.v = arena_array(
		    a, struct node_out_property, fields.n + node->n_properties);
		if (all.v != NULL)
			merge(&all, node, fields.v, fields.n);
	}
	if (fields.failed || all.v == NULL)
		return errinfo_set(
		    &call->why, ERR_NO_MEMORY, "the node has too many properties");
	out->properties = all.v;
	out->n_properties = all.n;
	return ERR_OK;
}

/* From a document */

struct bytes
props_creator(const struct node_doc *doc)
{
	for (size_t i = 0; i < doc->n_properties; i++)
		if (prop_of(doc->properties[i].uri) == PROP_CREATOR)
			return doc->properties[i].value;
	return (struct bytes){NULL, 0};
}

static enum err
bad_value(struct op_call *call, const struct node_doc_property *p, const char *wanted)
{
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT, "%.*s: '%.*s' is not %s",
	    BYTES_ARG(p->uri), BYTES_ARG(p->value), wanted);
}

static enum err
to_flag(struct op_call *call, const struct node_doc_property *p, bool *set,
    enum node_flag *out)
{
	struct bytes v = bytes_trim(p->value);

	*set = true;
	if (p->is_nil || v.n == 0)
		*out = NODE_UNSET;
	else if (bytes_caseeq(v, BYTES("true")) || bytes_is(v, "1"))
		*out = NODE_TRUE;
	else if (bytes_caseeq(v, BYTES("false")) || bytes_is(v, "0"))
		*out = NODE_FALSE;
	else
		return bad_value(call, p, "true or false");
	return ERR_OK;
}

/* Two URIs that name one group: the same text, or two aliases of a local group. */
static bool
same_group(const struct op_call *call, struct bytes a, struct bytes b)
{
	struct bytes x, y;

	if (bytes_eq(a, b))
		return true;
	return caller_group_name(call->caller, a, &x) &&
	       caller_group_name(call->caller, b, &y) && bytes_eq(x, y);
}

/* One whose name nobody can have would shut everybody out without a word: vchmod puts its
 * prefix before whatever it is given, another URI too. */
static bool
is_group_uri(struct bytes uri)
{
	size_t question = bytes_find(uri, '?');

	return bytes_starts(uri, BYTES("ivo://")) && question < uri.n &&
	       groups_is_name(bytes_skip(uri, question + 1)) && vosuri_is_absolute(uri);
}

static enum err
to_groups(struct op_call *call, const struct node_doc_property *p, bool *set,
    struct node_groups *out)
{
	struct bytes rest = p->is_nil ? BYTES("") : p->value, uri;

	*set = true;
	out->n = 0;
	while (bytes_token(&rest, ", \t\r\n", &uri)) {
		bool known = false;

		if (!is_group_uri(uri))
			return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			    "%.*s: '%.*s' is not a group URI (ivo://AUTHORITY/gms?NAME; "
			    "vchmod takes the NAME alone)",
			    BYTES_ARG(p->uri), BYTES_ARG(uri));
		for (size_t i = 0; i < out->n; i++)
			known |= same_group(call, out->uri[i], uri);
		if (known)
			continue;
		if (out->n == NODE_GROUPS_MAX)
			return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			    "%.*s: a node can have %d groups for reading and %d for "
			    "writing, not more",
			    BYTES_ARG(p->uri), NODE_GROUPS_MAX, NODE_GROUPS_MAX);
		out->uri[out->n++] = uri;
	}
	return ERR_OK;
}

static enum err
to_quota(struct op_call *call, const struct node_doc_property *p, struct nodes_patch *out)
{
	if (!call->caller->is_admin)
		return ERR_OK; /* the administrator's; clients post back what they fetched
				*/
	out->set_quota = true;
	out->quota = NODE_NO_QUOTA;
	if (p->is_nil || bytes_trim(p->value).n == 0)
		return ERR_OK;
	if (!bytes_u64(bytes_trim(p->value), &out->quota) || out->quota == NODE_NO_QUOTA)
		return bad_value(call, p, "a number of bytes");
	return ERR_OK;
}

static void
to_text(const struct node_doc_property *p, bool *set, struct bytes *out)
{
	struct bytes v = bytes_trim(p->value);

	*set = true;
	*out = p->is_nil || v.n == 0 ? (struct bytes){NULL, 0} : v;
}

static enum err
check_free_name(struct op_call *call, const struct node_doc_property *p)
{
	if (p->uri.n == 0)
		return errinfo_set(
		    &call->why, ERR_INVALID_ARGUMENT, "a property has no name");
	if (bytes_starts(p->uri, BYTES("ivo://ivoa.net/vospace")))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "unrecognized property URI in vospace namespace: %.*s",
		    BYTES_ARG(p->uri));
	return ERR_OK;
}

static int
compare_properties(const void *a, const void *b)
{
	return bytes_cmp(((const struct node_property *)a)->uri,
	    ((const struct node_property *)b)->uri);
}

/* Sorted by name; of several with one name the last counts. */
static void
sort_free(struct node_property *v, struct nodes_patch *out)
{
	size_t n = 0;

	/* mergesort would do; with few properties insertion keeps equal names in order.
	 */
	for (size_t i = 1; i < out->n_properties; i++)
		for (size_t k = i; k > 0 && compare_properties(&v[k - 1], &v[k]) > 0;
		     k--) {
			struct node_property swap = v[k];

			v[k] = v[k - 1];
			v[k - 1] = swap;
		}
	for (size_t i = 0; i < out->n_properties; i++) {
		if (n > 0 && bytes_eq(v[n - 1].uri, v[i].uri))
			n--;
		v[n++] = v[i];
	}
	out->properties = v;
	out->n_properties = n;
}

static enum err
one_to_patch(struct op_call *call, const struct node_doc_property *p, enum node_type type,
    struct nodes_patch *out, struct node_property *free_properties, bool *grants_out)
{
	switch (prop_of(p->uri)) {
	case PROP_INHERITS:
		if (type != NODE_CONTAINER)
			return ERR_OK;
		*grants_out = true;
		return to_flag(call, p, &out->set_inherits, &out->inherits);
	case PROP_LOCKED:
	case PROP_LOCKED_ALIAS:
		*grants_out = true;
		return to_flag(call, p, &out->set_locked, &out->is_locked);
	case PROP_PUBLIC:
		*grants_out = true;
		return to_flag(call, p, &out->set_public, &out->is_public);
	case PROP_PUBLIC_ALIAS:
		if (out->set_public) /* ispublic, already seen, wins (PR-10) */
			return ERR_OK;
		*grants_out = true;
		return to_flag(call, p, &out->set_public, &out->is_public);
	case PROP_GROUP_READ:
		*grants_out = true;
		return to_groups(call, p, &out->set_read, &out->group_read);
	case PROP_GROUP_WRITE:
		*grants_out = true;
		return to_groups(call, p, &out->set_write, &out->group_write);
	case PROP_TYPE:
		to_text(p, &out->set_type, &out->content_type);
		return ERR_OK;
	case PROP_ENCODING:
		to_text(p, &out->set_encoding, &out->content_encoding);
		return ERR_OK;
	case PROP_QUOTA:
		return type == NODE_CONTAINER ? to_quota(call, p, out) : ERR_OK;
	case PROP_FREE: {
		enum err e = check_free_name(call, p);

		if (e != ERR_OK)
			return e;
		break;
	}
	case PROP_TEXT:
		break;
	case PROP_DERIVED:
	case PROP_READABLE:
	case PROP_WRITABLE:
	case PROP_AVAILABLE:
	case PROP_MD5:
	case PROP_CONTENT_DATE:
	case PROP_CREATOR:
	case PROP_DATE:
	case PROP_LENGTH:
	case PROP_COPIES:
		return ERR_OK;
	}
	free_properties[out->n_properties++] = (struct node_property){
	    p->uri, p->is_nil ? (struct bytes){NULL, 0} : p->value};
	return ERR_OK;
}

enum err
props_to_patch(struct op_call *call, const struct node_doc *doc, enum node_type type,
    struct nodes_patch *out, bool *grants_out)
{
	struct node_property *free_properties =
	    arena_array(call->arena, struct node_property, doc->n_properties + 1);
	enum err e = ERR_OK;

	*out = (struct nodes_patch){.n_properties = 0};
	*grants_out = false;
	if (free_properties == NULL)
		return errinfo_set(
		    &call->why, ERR_NO_MEMORY, "the node has too many properties");
	for (size_t i = 0; i < doc->n_properties && e == ERR_OK; i++)
		if (prop_of(doc->properties[i].uri) != PROP_PUBLIC_ALIAS)
			e = one_to_patch(call, &doc->properties[i], type, out,
			    free_properties, grants_out);
	for (size_t i = 0; i < doc->n_properties && e == ERR_OK; i++)
		if (prop_of(doc->properties[i].uri) == PROP_PUBLIC_ALIAS)
			e = one_to_patch(call, &doc->properties[i], type, out,
			    free_properties, grants_out);
	if (e == ERR_OK)
		sort_free(free_properties, out);
	return e;
}

static bool
same_groups(const struct node_groups *a, const struct node_groups *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!bytes_eq(a->uri[i], b->uri[i]))
			return false;
	return true;
}

static bool
same_flag(enum node_flag a, enum node_flag b)
{
	return (a == NODE_TRUE) == (b == NODE_TRUE);
}

bool
props_change_permissions(const struct nodes_patch *p, const struct node *node)
{
	return (p->set_public && !same_flag(p->is_public, node->is_public)) ||
	       (p->set_locked && !same_flag(p->is_locked, node->is_locked)) ||
	       (p->set_inherits && !same_flag(p->inherits, node->inherits)) ||
	       (p->set_read && !same_groups(&p->group_read, &node->group_read)) ||
	       (p->set_write && !same_groups(&p->group_write, &node->group_write));
}
