/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/node_codec.h"

#include "scratch.h"
#include "service/core/digest.h"
#include "storage/pack.h"

/* The fixed part, as node_codec.h draws it. */
enum {
	AT_CRC = 1,
	AT_TYPE = 5,
	AT_FLAGS = 6,
	AT_NAME_LENGTH = 7,
	AT_PARENT = 8,
	FIXED_SIZE = 56,
	RECORD_MAX = 4096,
};

struct record {
	uint8_t p[RECORD_MAX];
	size_t n;
};

static struct bytes
record_bytes(const struct record *r)
{
	return (struct bytes){(const char *)r->p, r->n};
}

/* Make the checksum right again. */
static void
seal(struct record *r, uint64_t id)
{
	uint8_t bytes[8];

	pack_store(bytes, id, sizeof bytes);
	pack_store(r->p + AT_CRC,
	    crc32c(crc32c(0, bytes, sizeof bytes), r->p + AT_TYPE, r->n - AT_TYPE), 4);
}

static void
encode(struct scratch *s, struct db_txn *txn, const struct node *node, struct record *out)
{
	struct str str;

	str_init(&str, RECORD_MAX);
	assert_ok(node_encode(txn, node, &str, &s->why), &s->why);
	(void)memcpy(out->p, str.p, str.n);
	out->n = str.n;
	str_release(&str);
}

static struct node
decode(struct scratch *s, struct db_txn *txn, uint64_t id, const struct record *r)
{
	struct node node;

	assert_ok(
	    node_decode(txn, id, record_bytes(r), &s->arena, &node, &s->why), &s->why);
	return node;
}

static void
assert_damaged(struct scratch *s, struct db_txn *txn, uint64_t id, struct bytes record)
{
	struct node node;

	s->why = (struct errinfo){.code = ERR_OK};
	assert_err(node_decode(txn, id, record, &s->arena, &node, &s->why), ERR_DAMAGED);
	assert_int_equal(s->why.code, ERR_DAMAGED);
}

static void
assert_same_groups(const struct node_groups *a, const struct node_groups *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_true(bytes_eq(a->uri[i], b->uri[i]));
}

static void
assert_same_text(struct bytes a, struct bytes b)
{
	assert_true(bytes_eq(a, b));
	assert_int_equal(a.p == NULL, b.p == NULL);
}

static void
assert_same(const struct node *a, const struct node *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->parent_id, b->parent_id);
	assert_true(bytes_eq(a->name, b->name));
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->owner, b->owner);
	assert_int_equal(a->is_public, b->is_public);
	assert_int_equal(a->is_locked, b->is_locked);
	assert_int_equal(a->inherits, b->inherits);
	assert_same_groups(&a->group_read, &b->group_read);
	assert_same_groups(&a->group_write, &b->group_write);
	assert_int_equal(a->created_ms, b->created_ms);
	assert_int_equal(a->changed_ms, b->changed_ms);
	assert_int_equal(a->content_ms, b->content_ms);
	assert_int_equal(a->blob_id, b->blob_id);
	assert_int_equal(a->length, b->length);
	assert_memory_equal(a->md5, b->md5, MD5_SIZE);
	assert_same_text(a->content_type, b->content_type);
	assert_same_text(a->content_encoding, b->content_encoding);
	assert_int_equal(a->total_bytes, b->total_bytes);
	assert_int_equal(a->total_files, b->total_files);
	assert_true(a->quota == b->quota);
	assert_true(bytes_eq(a->target, b->target));
	assert_int_equal(a->n_properties, b->n_properties);
	for (size_t i = 0; i < a->n_properties; i++) {
		assert_true(bytes_eq(a->properties[i].uri, b->properties[i].uri));
		assert_true(bytes_eq(a->properties[i].value, b->properties[i].value));
	}
	assert_true(bytes_eq(a->unknown_parts, b->unknown_parts));
}

static const struct node_property properties[] = {
    {{"ivo://ivoa.net/vospace/core#title", 33}, {"A title", 7}},
    {{"ivo://x/empty", 13}, {"", 0}},
    {{"ivo://x/odd", 11}, {"\0\377\n", 3}},
};

static struct node
a_file(void)
{
	return (struct node){
	    .id = 0x0123456789abcdef,
	    .parent_id = 77,
	    .name = BYTES("na\377me"),
	    .type = NODE_DATA,
	    .owner = 42,
	    .is_public = NODE_TRUE,
	    .is_locked = NODE_FALSE,
	    .inherits = NODE_UNSET,
	    .group_read = {{BYTES("ivo://a?r1"), BYTES("ivo://a?r2"), BYTES("ivo://a?r3"),
			       BYTES("ivo://a?r4")},
		4},
	    .group_write = {{BYTES("ivo://a?r1")}, 1},
	    .created_ms = 1700000000123,
	    .changed_ms = -5,
	    .content_ms = 1700000000456,
	    .blob_id = UINT64_MAX,
	    .length = UINT64_MAX - 1,
	    .md5 = "0123456789abcde",
	    .content_type = BYTES("application/fits"),
	    .content_encoding = BYTES(""),
	    .quota = NODE_NO_QUOTA,
	    .properties = properties,
	    .n_properties = 3,
	};
}

static struct node
a_folder(void)
{
	return (struct node){
	    .id = 5,
	    .parent_id = 1,
	    .name = BYTES("folder"),
	    .type = NODE_CONTAINER,
	    .is_locked = NODE_TRUE,
	    .inherits = NODE_TRUE,
	    .total_bytes = 1ull << 50,
	    .total_files = 3,
	    .quota = 1ull << 51,
	};
}

static void
nodes_of_every_type_come_back_whole(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	static char name[NODE_NAME_MAX];
	struct node samples[] = {a_file(), a_folder(),
	    {.id = 6,
		.parent_id = 1,
		.name = {name, sizeof name},
		.type = NODE_LINK,
		.quota = NODE_NO_QUOTA,
		.target = BYTES("vos://example.org~vault/a/b%20c")},
	    {.id = NODE_ROOT_ID, .name = BYTES(""), .type = NODE_CONTAINER, .quota = 0},
	    {.id = 8,
		.parent_id = 5,
		.name = BYTES("s"),
		.type = NODE_STRUCTURED_DATA,
		.quota = NODE_NO_QUOTA},
	    {.id = 9,
		.parent_id = 5,
		.name = BYTES("u"),
		.type = NODE_UNSTRUCTURED_DATA,
		.quota = NODE_NO_QUOTA,
		.length = 1,
		.blob_id = 2,
		.content_ms = -1}};

	(void)memset(name, 'n', sizeof name);
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		struct record r;
		struct node node;

		encode(s, txn, &samples[i], &r);
		node = decode(s, txn, samples[i].id, &r);
		assert_same(&node, &samples[i]);
	}
	db_abort(txn);
}

static void
a_record_is_appended_to_what_is_there(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct node file = a_file();
	struct record r;
	struct str str;

	encode(s, txn, &file, &r);
	str_init(&str, RECORD_MAX);
	str_adds(&str, "before");
	assert_ok(node_encode(txn, &file, &str, &s->why), &s->why);
	assert_int_equal(str.n, 6 + r.n);
	assert_memory_equal(str.p + 6, r.p, r.n);
	str_release(&str);
	db_abort(txn);
}

static void
every_flipped_bit_is_noticed(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct node samples[] = {a_file(), a_folder()};
	struct record r;

	for (size_t i = 0; i < 2; i++) {
		uint64_t id = samples[i].id, a, b;

		encode(s, txn, &samples[i], &r);
		for (size_t bit = 0; bit < 8 * r.n; bit++) {
			r.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_damaged(s, txn, id, record_bytes(&r));
			assert_err(
			    node_record_totals(id, record_bytes(&r), &a, &b, &s->why),
			    ERR_DAMAGED);
			assert_err(
			    node_record_parent(id, record_bytes(&r), &a, &b, &s->why),
			    ERR_DAMAGED);
			r.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_damaged(s, txn, id + 1, record_bytes(&r));
		(void)decode(s, txn, id, &r);
	}
	db_abort(txn);
}

static void
a_record_cut_anywhere_is_noticed(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct node file = a_file();
	struct record r;
	size_t n;

	encode(s, txn, &file, &r);
	n = r.n;
	for (r.n = 0; r.n < n; r.n++) {
		/* on the heap, so that a sanitizer sees a read beyond the end */
		char *copy = arena_text(&s->arena, record_bytes(&r));

		assert_damaged(s, txn, file.id, (struct bytes){copy, r.n});
	}
	db_abort(txn);
}

/* Append a part. */
static void
add_part(struct record *r, uint8_t tag, size_t claimed, struct bytes body)
{
	assert_true(r->n + 5 + body.n <= RECORD_MAX);
	r->p[r->n] = tag;
	pack_store(r->p + r->n + 1, claimed, 4);
	(void)memcpy(r->p + r->n + 5, body.p, body.n);
	r->n += 5 + body.n;
}

static void
parts_of_a_newer_server_survive_a_rewrite(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct node folder = a_folder(), node, again;
	struct record r, rewritten;
	uint64_t parent, quota;

	folder.quota = NODE_NO_QUOTA;
	encode(s, txn, &folder, &r);
	add_part(&r, 9, 5, BYTES("first"));
	add_part(&r, 6, 8, BYTES("\001\0\0\0\0\0\0\0")); /* a quota in between */
	add_part(&r, 255, 0, BYTES(""));
	add_part(&r, 0, 3, BYTES("\0\0\0"));
	seal(&r, folder.id);
	node = decode(s, txn, folder.id, &r);
	assert_int_equal(node.quota, 1);
	assert_true(bytes_eq(node.unknown_parts,
	    BYTES("\011\005\0\0\0first\377\0\0\0\0\0\003\0\0\0\0\0\0")));
	assert_ok(
	    node_record_parent(folder.id, record_bytes(&r), &parent, &quota, &s->why),
	    &s->why);
	assert_int_equal(quota, 1);
	node.is_locked = NODE_FALSE;
	encode(s, txn, &node, &rewritten);
	again = decode(s, txn, folder.id, &rewritten);
	assert_same(&again, &node);
	db_abort(txn);
}

/* A record whose checksum is right and whose form is not: one part behind a folder's. */
static const struct {
	const char *what;
	uint8_t tag;
	size_t claimed;
	struct bytes body;
} wrong_parts[] = {
    {"a part longer than the record", 99, 4, {"abc", 3}},
    {"a part of absurd length", 99, UINT32_MAX, {"abc", 3}},
    {"half a group", 1, 2, {"\001\0", 2}},
    {"a group and a half", 2, 6, {"\001\0\0\0\001\0", 6}},
    {"a fifth group", 1, 20, {"\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0", 20}},
    {"a group without text", 1, 4, {"\377\377\0\0", 4}},
    {"a time without a digest", 3, 8, {"12345678", 8}},
    {"half a time", 3, 4, {"1234", 4}},
    {"a digest too long", 3, 25, {"1234567890123456789012345", 25}},
    {"a type without a number", 4, 0, {"", 0}},
    {"a type of five bytes", 4, 5, {"\001\0\0\0\0", 5}},
    {"an encoding without text", 5, 4, {"\377\377\0\0", 4}},
    {"half a quota", 6, 4, {"1234", 4}},
    {"a quota too long", 6, 9, {"123456789", 9}},
    {"a property without a name", 8, 3, {"\001\0\0", 3}},
    {"a property whose name is lost", 8, 6, {"\377\377\0\0ab", 6}},
};

static void
a_wrong_form_is_damage_even_with_a_right_checksum(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct node folder = a_folder();
	struct record r;

	folder.group_read = (struct node_groups){{BYTES("number one")}, 1};
	for (size_t i = 0; i < sizeof wrong_parts / sizeof wrong_parts[0]; i++) {
		struct node node;

		encode(s, txn, &folder, &r);
		add_part(
		    &r, wrong_parts[i].tag, wrong_parts[i].claimed, wrong_parts[i].body);
		seal(&r, folder.id);
		if (node_decode(txn, folder.id, record_bytes(&r), &s->arena, &node,
			&s->why) != ERR_DAMAGED)
			fail_msg("%s is not refused", wrong_parts[i].what);
	}
	db_abort(txn);
}

static void
a_wrong_fixed_part_is_damage_even_with_a_right_checksum(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {{AT_TYPE, 0}, {AT_TYPE, 6}, {AT_TYPE, 255}, {AT_FLAGS, 3},
	    {AT_FLAGS, 3 << 2}, {AT_FLAGS, 3 << 4}, {AT_NAME_LENGTH, 255}};
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct node folder = a_folder();
	struct record r;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		encode(s, txn, &folder, &r);
		r.p[wrong[i].at] = wrong[i].value;
		seal(&r, folder.id);
		assert_damaged(s, txn, folder.id, record_bytes(&r));
	}
	db_abort(txn);
}

static void
an_ancestor_walk_refuses_a_record_cut_short(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct node folder = a_folder();
	uint64_t parent, quota;
	struct record r;

	encode(s, txn, &folder, &r);
	r.n -= 3;
	seal(&r, folder.id);
	assert_err(
	    node_record_parent(folder.id, record_bytes(&r), &parent, &quota, &s->why),
	    ERR_DAMAGED);
	encode(s, txn, &folder, &r);
	assert_ok(
	    node_record_parent(folder.id, record_bytes(&r), &parent, &quota, &s->why),
	    &s->why);
	assert_int_equal(parent, 1);
	assert_int_equal(quota, 1ull << 51);
	db_abort(txn);
}

static void
totals_can_be_changed_in_place(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct node folder = a_folder(), node;
	uint64_t bytes, files;
	struct record r;

	encode(s, txn, &folder, &r);
	node_record_set_totals(folder.id, r.p, r.n, 123, 4);
	assert_ok(
	    node_record_totals(folder.id, record_bytes(&r), &bytes, &files, &s->why),
	    &s->why);
	assert_int_equal(bytes, 123);
	assert_int_equal(files, 4);
	node = decode(s, txn, folder.id, &r);
	folder.total_bytes = 123;
	folder.total_files = 4;
	assert_same(&node, &folder);
	db_abort(txn);
}

static void
an_arena_of_any_size_is_enough_or_refused(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct node file = a_file(), link = {.id = 3,
					 .name = BYTES("l"),
					 .type = NODE_LINK,
					 .target = BYTES("vos://x~y/z")};
	struct node *samples[] = {&file, &link};
	struct record r;

	for (size_t i = 0; i < 2; i++) {
		enum err e = ERR_NO_MEMORY;

		encode(s, txn, samples[i], &r);
		add_part(&r, 99, 3, BYTES("new"));
		seal(&r, samples[i]->id);
		for (size_t limit = 0; e == ERR_NO_MEMORY; limit += 16) {
			struct arena small;
			struct node node;

			assert_true(limit < 4096);
			arena_init(&small, limit);
			e = node_decode(txn, samples[i]->id, record_bytes(&r), &small,
			    &node, &s->why);
			arena_release(&small);
		}
		assert_int_equal(e, ERR_OK);
	}
	db_abort(txn);
}

static void
a_record_that_does_not_fit_is_refused(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct node file = a_file();
	struct record r;

	encode(s, txn, &file, &r);
	for (size_t limit = 0; limit < r.n; limit++) {
		struct str str;

		str_init(&str, limit);
		assert_err(node_encode(txn, &file, &str, &s->why), ERR_NO_MEMORY);
		str_release(&str);
	}
	db_abort(txn);
}

/* The dictionary cannot be read: every text that lies there must say so. */
static void
a_damaged_dictionary_refuses_to_encode(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct node_groups group = {{BYTES("g")}, 1};
	struct node_property property = {BYTES("p"), BYTES("v")};
	const struct node samples[] = {
	    {.type = NODE_DATA, .group_read = group},
	    {.type = NODE_DATA, .group_write = group},
	    {.type = NODE_DATA, .content_type = BYTES("t")},
	    {.type = NODE_DATA, .content_encoding = BYTES("e")},
	    {.type = NODE_DATA, .properties = &property, .n_properties = 1},
	};
	struct str str;

	assert_ok(db_put(txn, DB_DICT, BYTES("n"), BYTES("?"), &s->why), &s->why);
	str_init(&str, RECORD_MAX);
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
		assert_err(node_encode(txn, &samples[i], &str, &s->why), ERR_DAMAGED);
	str_release(&str);
	db_abort(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCRATCH_TEST(nodes_of_every_type_come_back_whole),
	    SCRATCH_TEST(a_record_is_appended_to_what_is_there),
	    SCRATCH_TEST(every_flipped_bit_is_noticed),
	    SCRATCH_TEST(a_record_cut_anywhere_is_noticed),
	    SCRATCH_TEST(parts_of_a_newer_server_survive_a_rewrite),
	    SCRATCH_TEST(a_wrong_form_is_damage_even_with_a_right_checksum),
	    SCRATCH_TEST(a_wrong_fixed_part_is_damage_even_with_a_right_checksum),
	    SCRATCH_TEST(an_ancestor_walk_refuses_a_record_cut_short),
	    SCRATCH_TEST(totals_can_be_changed_in_place),
	    SCRATCH_TEST(an_arena_of_any_size_is_enough_or_refused),
	    SCRATCH_TEST(a_record_that_does_not_fit_is_refused),
	    SCRATCH_TEST(a_damaged_dictionary_refuses_to_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
