/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/node_codec.h"

#include "service/core/check.h"
#include "storage/dict.h"
#include "storage/pack.h"

enum { VERSION = 1 };

/* Where the fixed part's fields lie. */
enum {
	AT_CRC = 1,
	AT_TYPE = 5,
	AT_PARENT = 8,
	AT_OWNER = 16,
	AT_A = 40,
	AT_B = 48,
	FIXED_SIZE = 56,
};

/* The numbers are stored; a retired one is never used again. */
enum tag {
	TAG_GROUP_READ = 1, /* dict numbers, 4 each */
	TAG_GROUP_WRITE = 2, /* the same */
	TAG_CONTENT = 3, /* content time (8), MD5 (16) */
	TAG_TYPE = 4, /* dict number */
	TAG_ENCODING = 5, /* dict number */
	TAG_QUOTA = 6, /* 8 */
	TAG_TARGET = 7, /* text */
	TAG_PROPERTY = 8, /* dict number of the name, then the value; repeated */
};

static uint32_t
record_crc(uint64_t id, const uint8_t *record, size_t n)
{
	uint8_t bytes[8];

	pack_store(bytes, id, sizeof bytes);
	return crc32c(crc32c(0, bytes, sizeof bytes), record + AT_TYPE, n - AT_TYPE);
}

static enum err
check_record(uint64_t id, struct bytes record, struct errinfo *why)
{
	const uint8_t *p = (const uint8_t *)record.p;

	if (record.n < FIXED_SIZE || p[0] != VERSION)
		return errinfo_set(why, ERR_DAMAGED,
		    "record of node %llu has an unknown form", (unsigned long long)id);
	if (pack_load(p + AT_CRC, 4) != record_crc(id, p, record.n))
		return errinfo_set(why, ERR_DAMAGED, "record of node %llu is damaged",
		    (unsigned long long)id);
	return ERR_OK;
}

static enum err
wrong_form(uint64_t id, struct errinfo *why)
{
	return errinfo_set(why, ERR_DAMAGED, "record of node %llu has a wrong form",
	    (unsigned long long)id);
}

static void
open_part(struct str *out, enum tag tag, size_t n)
{
	pack_u8(out, tag);
	pack_u32(out, n);
}

static enum err
put_dict(struct db_txn *txn, struct bytes text, struct str *out, struct errinfo *why)
{
	uint32_t number;
	enum err e = dict_intern(txn, text, &number, why);

	if (e == ERR_OK)
		pack_u32(out, number);
	return e;
}

static enum err
put_groups(struct db_txn *txn, enum tag tag, const struct node_groups *groups,
    struct str *out, struct errinfo *why)
{
	enum err e = ERR_OK;

	if (groups->n == 0)
		return ERR_OK;
	open_part(out, tag, 4 * groups->n);
	for (size_t i = 0; i < groups->n && e == ERR_OK; i++)
		e = put_dict(txn, groups->uri[i], out, why);
	return e;
}

static enum err
put_dict_part(struct db_txn *txn, enum tag tag, struct bytes text, struct str *out,
    struct errinfo *why)
{
	if (text.p == NULL)
		return ERR_OK;
	open_part(out, tag, 4);
	return put_dict(txn, text, out, why);
}

static enum err
put_properties(
    struct db_txn *txn, const struct node *node, struct str *out, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < node->n_properties && e == ERR_OK; i++) {
		const struct node_property *p = &node->properties[i];
		uint32_t number;

		open_part(out, TAG_PROPERTY, 4 + p->value.n);
		e = dict_intern_property(txn, p->uri, &number, why);
		if (e == ERR_OK)
			pack_u32(out, number);
		str_add(out, p->value);
	}
	return e;
}

static void
put_fixed(const struct node *node, struct str *out)
{
	bool container = node->type == NODE_CONTAINER;

	pack_u8(out, VERSION);
	pack_u32(out, 0); /* the CRC comes last */
	pack_u8(out, node->type);
	pack_u8(out, node->is_public | node->is_locked << 2 | node->inherits << 4);
	pack_u8(out, node->name.n);
	pack_u64(out, node->parent_id);
	pack_u64(out, node->owner);
	pack_u64(out, (uint64_t)node->created_ms);
	pack_u64(out, (uint64_t)node->changed_ms);
	pack_u64(out, container ? node->total_bytes : node->blob_id);
	pack_u64(out, container ? node->total_files : node->length);
	str_add(out, node->name);
}

enum err
node_encode(
    struct db_txn *txn, const struct node *node, struct str *out, struct errinfo *why)
{
	size_t start = out->n;
	enum err e;

	CHECK(node->name.n <= NODE_NAME_MAX);
	put_fixed(node, out);
	e = put_groups(txn, TAG_GROUP_READ, &node->group_read, out, why);
	if (e == ERR_OK)
		e = put_groups(txn, TAG_GROUP_WRITE, &node->group_write, out, why);
	if (e == ERR_OK)
		e = put_dict_part(txn, TAG_TYPE, node->content_type, out, why);
	if (e == ERR_OK)
		e = put_dict_part(txn, TAG_ENCODING, node->content_encoding, out, why);
	if (e != ERR_OK)
		return e;
	if (node->content_ms != 0) {
		open_part(out, TAG_CONTENT, 8 + MD5_SIZE);
		pack_u64(out, (uint64_t)node->content_ms);
		str_add(out, (struct bytes){(const char *)node->md5, MD5_SIZE});
	}
	if (node->quota != NODE_NO_QUOTA) {
		open_part(out, TAG_QUOTA, 8);
		pack_u64(out, node->quota);
	}
	if (node->type == NODE_LINK) {
		open_part(out, TAG_TARGET, node->target.n);
		str_add(out, node->target);
	}
	e = put_properties(txn, node, out, why);
	if (e != ERR_OK)
		return e;
	str_add(out, node->unknown_parts);
	if (str_failed(out))
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a record");
	pack_store((uint8_t *)out->p + start + AT_CRC,
	    record_crc(node->id, (uint8_t *)out->p + start, out->n - start), 4);
	return ERR_OK;
}

static enum err
get_groups(struct db_txn *txn, struct pack_in *part, struct arena *a,
    struct node_groups *out, struct errinfo *why)
{
	enum err e = ERR_OK;

	out->n = 0;
	while (pack_left(part) >= 4 && out->n < NODE_GROUPS_MAX && e == ERR_OK)
		e = dict_text(txn, unpack_u32(part), a, &out->uri[out->n++], why);
	return e;
}

static enum err
copy_text(struct arena *a, struct bytes text, struct bytes *out, struct errinfo *why)
{
	*out = arena_copy(a, text);
	return out->p == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for a record")
			      : ERR_OK;
}

/* What a walk over the parts gathers besides the node's own fields. */
struct gathered {
	struct node_property *properties;
	size_t n_properties;
	char *unknown;
	size_t unknown_n;
};

static enum err
get_property(struct db_txn *txn, struct pack_in *part, struct arena *a,
    struct node_property *out, struct errinfo *why)
{
	enum err e = dict_text(txn, unpack_u32(part), a, &out->uri, why);

	if (e != ERR_OK)
		return e;
	return copy_text(a, unpack_bytes(part, pack_left(part)), &out->value, why);
}

static void
get_content(struct pack_in *part, struct node *out)
{
	struct bytes md5;

	out->content_ms = (int64_t)unpack_u64(part);
	md5 = unpack_bytes(part, MD5_SIZE);
	if (!part->failed)
		(void)memcpy(out->md5, md5.p, MD5_SIZE);
}

static void
keep_unknown(struct bytes body, struct gathered *g)
{
	(void)memcpy(g->unknown + g->unknown_n, body.p - 5, body.n + 5);
	g->unknown_n += body.n + 5;
}

static enum err
get_part(struct db_txn *txn, enum tag tag, struct bytes body, struct arena *a,
    struct node *out, struct gathered *g, struct errinfo *why)
{
	struct pack_in in = pack_open(body);
	enum err e = ERR_OK;

	switch (tag) {
	case TAG_GROUP_READ:
		e = get_groups(txn, &in, a, &out->group_read, why);
		break;
	case TAG_GROUP_WRITE:
		e = get_groups(txn, &in, a, &out->group_write, why);
		break;
	case TAG_CONTENT:
		get_content(&in, out);
		break;
	case TAG_TYPE:
		e = dict_text(txn, unpack_u32(&in), a, &out->content_type, why);
		break;
	case TAG_ENCODING:
		e = dict_text(txn, unpack_u32(&in), a, &out->content_encoding, why);
		break;
	case TAG_QUOTA:
		out->quota = unpack_u64(&in);
		break;
	case TAG_TARGET:
		return copy_text(a, body, &out->target, why);
	case TAG_PROPERTY:
		e = get_property(txn, &in, a, &g->properties[g->n_properties++], why);
		break;
	default:
		keep_unknown(body, g);
		return ERR_OK;
	}
	if (e == ERR_OK && (in.failed || pack_left(&in) > 0))
		e = wrong_form(out->id, why);
	return e;
}

/* Count what needs an array before the parts are read. */
static bool
survey(struct pack_in parts, size_t *properties_out, size_t *unknown_out)
{
	*properties_out = *unknown_out = 0;
	while (pack_left(&parts) > 0) {
		enum tag tag = unpack_u8(&parts);
		struct bytes body = unpack_text(&parts);

		*properties_out += tag == TAG_PROPERTY;
		if (tag > TAG_PROPERTY || tag == 0)
			*unknown_out += body.n + 5;
	}
	return !parts.failed;
}

static enum err
get_parts(struct db_txn *txn, struct pack_in parts, struct arena *a, struct node *out,
    struct errinfo *why)
{
	struct gathered g = {0};
	size_t properties, unknown;
	enum err e = ERR_OK;

	if (pack_left(&parts) == 0)
		return ERR_OK;
	if (!survey(parts, &properties, &unknown))
		return wrong_form(out->id, why);
	if (properties > 0)
		g.properties = arena_array(a, struct node_property, properties);
	if (unknown > 0)
		g.unknown = arena_alloc(a, unknown);
	if ((properties > 0 && g.properties == NULL) ||
	    (unknown > 0 && g.unknown == NULL))
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a record");
	while (pack_left(&parts) > 0 && e == ERR_OK) {
		enum tag tag = unpack_u8(&parts);

		e = get_part(txn, tag, unpack_text(&parts), a, out, &g, why);
	}
	out->properties = g.properties;
	out->n_properties = g.n_properties;
	out->unknown_parts = (struct bytes){g.unknown, g.unknown_n};
	return e;
}

static bool
get_flag(unsigned bits, enum node_flag *out)
{
	*out = bits & 3;
	return *out <= NODE_TRUE;
}

/* False if what is there is none of the values that are written. */
static bool
get_fixed(struct pack_in *in, struct node *out, struct bytes *name_out)
{
	uint64_t first, second;
	uint8_t flags, name_n;

	(void)unpack_bytes(in, AT_TYPE);
	out->type = unpack_u8(in);
	flags = unpack_u8(in);
	name_n = unpack_u8(in);
	out->parent_id = unpack_u64(in);
	out->owner = unpack_u64(in);
	out->created_ms = (int64_t)unpack_u64(in);
	out->changed_ms = (int64_t)unpack_u64(in);
	first = unpack_u64(in);
	second = unpack_u64(in);
	if (out->type == NODE_CONTAINER) {
		out->total_bytes = first;
		out->total_files = second;
	} else {
		out->blob_id = first;
		out->length = second;
	}
	*name_out = unpack_bytes(in, name_n);
	return !in->failed && out->type >= NODE_CONTAINER &&
	       out->type <= NODE_UNSTRUCTURED_DATA && get_flag(flags, &out->is_public) &&
	       get_flag(flags >> 2, &out->is_locked) &&
	       get_flag(flags >> 4, &out->inherits);
}

enum err
node_decode(struct db_txn *txn, uint64_t id, struct bytes record, struct arena *a,
    struct node *out, struct errinfo *why)
{
	struct pack_in in = pack_open(record);
	enum err e = check_record(id, record, why);
	struct bytes name;

	if (e != ERR_OK)
		return e;
	*out = (struct node){.id = id, .quota = NODE_NO_QUOTA};
	if (!get_fixed(&in, out, &name))
		return wrong_form(id, why);
	e = copy_text(a, name, &out->name, why);
	return e == ERR_OK ? get_parts(txn, in, a, out, why) : e;
}

enum err
node_record_totals(uint64_t id, struct bytes record, uint64_t *bytes_out,
    uint64_t *files_out, struct errinfo *why)
{
	enum err e = check_record(id, record, why);

	if (e != ERR_OK)
		return e;
	*bytes_out = pack_load((const uint8_t *)record.p + AT_A, 8);
	*files_out = pack_load((const uint8_t *)record.p + AT_B, 8);
	return ERR_OK;
}

void
node_record_set_totals(
    uint64_t id, uint8_t *record, size_t n, uint64_t bytes, uint64_t files)
{
	CHECK(n >= FIXED_SIZE && record[AT_TYPE] == NODE_CONTAINER);
	pack_store(record + AT_A, bytes, 8);
	pack_store(record + AT_B, files, 8);
	pack_store(record + AT_CRC, record_crc(id, record, n), 4);
}

enum err
node_record_parent(uint64_t id, struct bytes record, uint64_t *parent_out,
    uint64_t *quota_out, struct errinfo *why)
{
	struct pack_in parts;
	enum err e = check_record(id, record, why);

	if (e != ERR_OK)
		return e;
	*parent_out = pack_load((const uint8_t *)record.p + AT_PARENT, 8);
	*quota_out = NODE_NO_QUOTA;
	parts = pack_open(record);
	(void)unpack_bytes(&parts, FIXED_SIZE + (size_t)(uint8_t)record.p[AT_TYPE + 2]);
	while (pack_left(&parts) > 0) {
		enum tag tag = unpack_u8(&parts);
		struct bytes body = unpack_text(&parts);

		if (tag == TAG_QUOTA && body.n == 8)
			*quota_out = pack_load((const uint8_t *)body.p, 8);
	}
	return parts.failed ? wrong_form(id, why) : ERR_OK;
}

enum err
node_record_owner(
    uint64_t id, struct bytes record, uint64_t *owner_out, struct errinfo *why)
{
	enum err e = check_record(id, record, why);

	if (e == ERR_OK)
		*owner_out = pack_load((const uint8_t *)record.p + AT_OWNER, 8);
	return e;
}
