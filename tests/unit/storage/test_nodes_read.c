/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue.h"

static struct path
path_of(struct catalogue *c, const char *text)
{
	struct bytes rest = bytes_of(text), token;
	struct bytes *part = arena_array(&c->arena, struct bytes, 20);
	size_t n = 0;

	assert_non_null(part);
	while (bytes_token(&rest, "/", &token))
		part[n++] = token;
	return (struct path){part, n};
}

static struct nodes_trail
walk(struct catalogue *c, const char *text)
{
	struct nodes_trail trail;

	assert_done(
	    c, nodes_walk(c->rig.reader, &c->arena, path_of(c, text), &trail, &c->why));
	return trail;
}

static void
assert_walks_to(struct catalogue *c, const char *text, size_t n, uint64_t last)
{
	struct nodes_trail trail = walk(c, text);

	assert_int_equal(trail.n, n);
	assert_int_equal(trail.node[n - 1].id, last);
}

static void
a_walk_goes_as_far_as_the_path_exists(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, a, "b"), f = file(c, b, "f", 1);
	uint64_t link = make(c, a, "link", NODE_LINK);

	assert_walks_to(c, "", 1, ROOT);
	assert_walks_to(c, "/a/b/f", 4, f);
	assert_walks_to(c, "/a/b", 3, b);
	assert_walks_to(c, "/a/x/f", 2, a);
	assert_walks_to(c, "/x", 1, ROOT);
	assert_walks_to(c, "/a/link/more/and/more", 3, link);
	assert_walks_to(c, "/a/b/f/more", 4, f);
}

static void
a_walk_takes_a_name_no_node_can_have_as_missing(void **state)
{
	struct catalogue *c = *state;
	char text[700] = "/a/";

	(void)memset(text + 3, 'x', sizeof text - 4);
	assert_walks_to(c, "/a", 2, folder(c, ROOT, "a"));
	assert_int_equal(walk(c, text).n, 2);
}

static void
a_chain_leads_from_the_root_to_the_node(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, a, "b"), f = file(c, b, "f", 1);
	struct nodes_trail trail;

	assert_done(c, nodes_chain(c->rig.reader, &c->arena, f, &trail, &c->why));
	assert_int_equal(trail.n, 4);
	assert_int_equal(trail.node[0].id, ROOT);
	assert_int_equal(trail.node[1].id, a);
	assert_int_equal(trail.node[2].id, b);
	assert_int_equal(trail.node[3].id, f);
	assert_done(c, nodes_chain(c->rig.reader, &c->arena, ROOT, &trail, &c->why));
	assert_int_equal(trail.n, 1);
	assert_err(nodes_chain(c->rig.reader, &c->arena, 4711, &trail, &c->why),
	    ERR_NODE_NOT_FOUND);
}

/* The names of a page in one text, each followed by a blank; "..." where there are more.
 */
static void
assert_page(struct catalogue *c, uint64_t id, const char *from, bool after, size_t max,
    const char *expected)
{
	struct nodes_page page;
	struct str text;

	assert_done(c, nodes_page(c->rig.reader, &c->arena, id, bytes_of(from), after,
			   max, &page, &c->why));
	str_init(&text, 10000);
	str_adds(&text, "");
	for (size_t i = 0; i < page.n; i++) {
		assert_int_equal(page.node[i].parent_id, id);
		str_addf(&text, "%.*s ", BYTES_ARG(page.node[i].name));
	}
	str_adds(&text, page.more ? "..." : "");
	assert_string_equal(text.p, expected);
	str_release(&text);
}

static void
a_page_begins_at_a_name_or_behind_it(void **state)
{
	struct catalogue *c = *state;
	uint64_t before = folder(c, ROOT, "before"), box = folder(c, ROOT, "box");
	uint64_t behind = folder(c, ROOT, "behind");

	(void)file(c, before, "zz", 1);
	(void)file(c, behind, "aa", 1);
	(void)file(c, box, "b", 1);
	(void)folder(c, box, "d");
	(void)make(c, box, "f", NODE_LINK);
	assert_page(c, box, "", false, 10, "b d f ");
	assert_page(c, box, "", true, 10, "b d f ");
	assert_page(c, box, "b", false, 10, "b d f ");
	assert_page(c, box, "b", true, 10, "d f ");
	assert_page(c, box, "c", false, 10, "d f ");
	assert_page(c, box, "c", true, 10, "d f ");
	assert_page(c, box, "f", false, 10, "f ");
	assert_page(c, box, "f", true, 10, "");
	assert_page(c, box, "g", false, 10, "");
	assert_page(c, box, "", false, 0, "...");
	assert_page(c, box, "", false, 1, "b ...");
	assert_page(c, box, "", false, 2, "b d ...");
	assert_page(c, box, "", false, 3, "b d f ");
	assert_page(c, box, "b", true, 1, "d ...");
	assert_page(c, box, "d", true, 1, "f ");
	assert_page(c, box, "f", true, 0, "");
	assert_page(c, 4711, "", false, 10, "");
	assert_page(c, behind, "z", false, 10, "");
}

static void
a_page_may_begin_behind_any_text(void **state)
{
	struct catalogue *c = *state;
	char full[NODE_NAME_MAX + 1] = {0}, longer[700] = {0};

	(void)memset(full, 'm', NODE_NAME_MAX);
	(void)memset(longer, 'm', sizeof longer - 1);
	(void)file(c, ROOT, "a", 1);
	(void)file(c, ROOT, full, 1);
	(void)file(c, ROOT, "z", 1);
	assert_page(c, ROOT, longer, false, 10, "z ");
	assert_page(c, ROOT, longer, true, 10, "z ");
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every byte a name can hold, alone and between others. */
static size_t
odd_names(struct catalogue *c, const char **out)
{
	size_t n = 0;

	for (unsigned byte = 1; byte < 256; byte++) {
		char *name = arena_text(&c->arena, BYTES("a?b"));
		char *single = arena_text(&c->arena, BYTES("?"));

		if (byte == '/')
			continue;
		assert_true(name != NULL && single != NULL);
		name[1] = (char)byte;
		single[0] = (char)byte;
		out[n++] = name;
		out[n++] = single;
	}
	qsort(out, n, sizeof *out, compare_names);
	return n;
}

static void
names_with_any_byte_are_listed_in_the_order_of_bytes(void **state)
{
	static const char *name[2 * 256];
	struct catalogue *c = *state;
	size_t n = odd_names(c, name), seen = 0;
	struct bytes from = BYTES("");
	struct nodes_page page;

	for (size_t i = 0; i < n; i++) /* neither in the order of names nor against it */
		(void)make(c, ROOT, name[i * 211 % n], NODE_DATA);
	do {
		assert_done(c, nodes_page(c->rig.reader, &c->arena, ROOT, from, true, 7,
				   &page, &c->why));
		for (size_t i = 0; i < page.n; i++)
			assert_true(bytes_is(page.node[i].name, name[seen++]));
		assert_int_equal(page.more, seen < n);
		if (page.n > 0)
			from = page.node[page.n - 1].name;
	} while (page.more);
	assert_int_equal(seen, n);
	for (size_t i = 0; i < n; i++) {
		struct bytes part = bytes_of(name[i]);
		struct nodes_trail trail;

		assert_done(c, nodes_walk(c->rig.reader, &c->arena,
				   (struct path){&part, 1}, &trail, &c->why));
		assert_int_equal(trail.n, 2);
		assert_true(bytes_eq(trail.node[1].name, part));
	}
}

/* What stays is seen once, whatever comes and goes between two pages. */
static void
what_stays_is_seen_once_by_one_who_pages(void **state)
{
	enum { STAY = 40 };
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), coming[STAY];
	struct bytes from = BYTES("");
	struct nodes_page page;
	unsigned seen = 0;
	char name[16];

	for (unsigned i = 0; i < STAY; i++) {
		(void)snprintf(name, sizeof name, "stay-%03u", i);
		(void)file(c, box, name, 1);
		(void)snprintf(name, sizeof name, "stay-%03u-go", i);
		coming[i] = file(c, box, name, 1);
	}
	for (unsigned round = 0; round == 0 || page.more; round++) {
		assert_done(c, nodes_page(c->rig.reader, &c->arena, box, from, true, 3,
				   &page, &c->why));
		for (size_t i = 0; i < page.n; i++) {
			(void)snprintf(name, sizeof name, "stay-%03u", seen);
			seen += bytes_is(page.node[i].name, name);
		}
		from = page.node[page.n - 1].name;
		if (round < STAY)
			assert_done(c, try_drop(c, coming[round * 7 % STAY]));
		(void)snprintf(name, sizeof name, "stay-%03u-new", round * 11 % STAY);
		(void)try_make(c, box, name, NODE_LINK, NULL);
	}
	assert_int_equal(seen, STAY);
}

static void
a_full_arena_makes_a_page_shorter(void **state)
{
	struct catalogue *c = *state;
	struct arena small;
	struct nodes_page page;
	char name[8];

	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof name, "f%u", i);
		(void)file(c, ROOT, name, 1);
	}
	arena_init(&small, 10 * sizeof(struct node) + 80);
	assert_done(c, nodes_page(c->rig.reader, &small, ROOT, BYTES(""), false, 10,
			   &page, &c->why));
	assert_in_range(page.n, 1, 9);
	assert_true(page.more);
	arena_release(&small);
}

static void
an_arena_too_small_is_an_error_everywhere(void **state)
{
	struct catalogue *c = *state;
	struct store_reader *reader = c->rig.reader;
	struct path path = path_of(c, "/a");
	struct nodes_sort_row row = {.id = ROOT + 1};
	size_t sizes[] = {0, 16, sizeof(struct node), 2 * sizeof(struct node)};
	struct nodes_sort_page sorted;
	struct nodes_trail trail;
	struct nodes_page page;
	struct node node;
	struct arena small;

	(void)file(c, ROOT, "a", 1);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		arena_init(&small, sizes[i]);
		assert_err(
		    nodes_walk(reader, &small, path, &trail, &c->why), ERR_NO_MEMORY);
		arena_release(&small);
		arena_init(&small, sizes[i]);
		assert_err(
		    nodes_page(reader, &small, ROOT, BYTES(""), false, 2, &page, &c->why),
		    ERR_NO_MEMORY);
		arena_release(&small);
		arena_init(&small, sizes[i]);
		assert_err(nodes_chain(reader, &small, ROOT + 1, &trail, &c->why),
		    ERR_NO_MEMORY);
		arena_release(&small);
	}
	arena_init(&small, 0);
	assert_err(nodes_get(reader, &small, ROOT, &node, &c->why), ERR_NO_MEMORY);
	assert_err(nodes_sort_page(reader, &small, ROOT, BYTES(""), NODES_SORT_DATE, 1,
		       &sorted, &c->why),
	    ERR_NO_MEMORY);
	assert_err(
	    nodes_get_many(reader, &small, ROOT, &row, 1, &page, &c->why), ERR_NO_MEMORY);
	arena_release(&small);
	arena_init(&small, sizeof(struct node));
	assert_err(
	    nodes_get_many(reader, &small, ROOT, &row, 1, &page, &c->why), ERR_NO_MEMORY);
	arena_release(&small);
}

static struct nodes_sort_page
sort_page(
    struct catalogue *c, uint64_t id, const char *after, enum nodes_sort by, size_t max)
{
	struct nodes_sort_page page;

	assert_done(c, nodes_sort_page(c->rig.reader, &c->arena, id, bytes_of(after), by,
			   max, &page, &c->why));
	return page;
}

static void
a_sort_page_has_lengths_or_dates_in_the_order_of_names(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), inner = folder(c, box, "a");
	uint64_t f = file(c, box, "b", 50);
	struct nodes_create link = {.parent_id = box,
	    .node = {
		.name = BYTES("c"), .type = NODE_LINK, .target = BYTES("vos://x~y/z")}};
	struct nodes_sort_page page;
	struct node node;

	(void)file(c, inner, "x", 70);
	(void)file(c, inner, "y", 7);
	assert_done(c, run(c, nodes_create, &link));
	page = sort_page(c, box, "", NODES_SORT_LENGTH, 10);
	assert_int_equal(page.n, 3);
	assert_false(page.more);
	assert_int_equal(page.row[0].id, inner);
	assert_int_equal(page.row[0].value, 77);
	assert_int_equal(page.row[1].id, f);
	assert_int_equal(page.row[1].value, 50);
	assert_int_equal(page.row[2].id, link.id_out);
	assert_int_equal(page.row[2].value, strlen("vos://x~y/z"));
	page = sort_page(c, box, "", NODES_SORT_DATE, 10);
	for (size_t i = 0; i < page.n; i++) {
		node = read_node(c, page.row[i].id);
		assert_int_equal(page.row[i].value, node.changed_ms);
	}
}

static void
sort_pages_follow_each_other_without_gap(void **state)
{
	enum { MANY = 25 };
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), behind = folder(c, ROOT, "behind");
	char name[16];

	(void)file(c, behind, "a", 1);
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof name, "f%02u", i);
		(void)file(c, box, name, i);
	}
	for (size_t max = 1; max <= MANY + 1; max++) {
		struct nodes_sort_page page = {.more = true};
		char after[16] = "";
		uint64_t seen = 0;

		while (page.more) {
			page = sort_page(c, box, after, NODES_SORT_LENGTH, max);
			for (size_t i = 0; i < page.n; i++)
				assert_int_equal(page.row[i].value, seen++);
			(void)snprintf(after, sizeof after, "%.*s", BYTES_ARG(page.last));
		}
		assert_int_equal(seen, MANY);
	}
	assert_int_equal(sort_page(c, behind, "b", NODES_SORT_DATE, 5).n, 0);
	assert_int_equal(sort_page(c, 4711, "", NODES_SORT_DATE, 5).n, 0);
}

static void
a_sort_page_needs_room_for_its_last_name(void **state)
{
	struct catalogue *c = *state;
	struct nodes_sort_page page;
	struct arena small;

	(void)file(c, ROOT, "a-name-of-more-than-sixteen-bytes", 1);
	(void)file(c, ROOT, "b", 1);
	arena_init(&small, sizeof(struct nodes_sort_row));
	assert_err(nodes_sort_page(c->rig.reader, &small, ROOT, BYTES(""),
		       NODES_SORT_DATE, 1, &page, &c->why),
	    ERR_NO_MEMORY);
	arena_release(&small);
}

static void
many_nodes_come_in_the_order_asked_without_those_that_left(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), a = file(c, box, "a", 1);
	uint64_t b = file(c, box, "b", 1), d = file(c, box, "d", 1);
	uint64_t other = file(c, ROOT, "other", 1);
	struct nodes_sort_row row[] = {
	    {.id = d}, {.id = other}, {.id = b}, {.id = 4711}, {.id = a}};
	struct nodes_page page;

	assert_done(c, try_drop(c, b));
	assert_done(
	    c, nodes_get_many(c->rig.reader, &c->arena, box, row, 5, &page, &c->why));
	assert_int_equal(page.n, 2);
	assert_int_equal(page.node[0].id, d);
	assert_int_equal(page.node[1].id, a);
	assert_done(
	    c, nodes_get_many(c->rig.reader, &c->arena, box, row, 0, &page, &c->why));
	assert_int_equal(page.n, 0);
}

/* Damage */

static enum err
try_walk(struct catalogue *c, const char *text)
{
	struct nodes_trail trail;

	return nodes_walk(c->rig.reader, &c->arena, path_of(c, text), &trail, &c->why);
}

static enum err
try_chain(struct catalogue *c, uint64_t id)
{
	struct nodes_trail trail;

	return nodes_chain(c->rig.reader, &c->arena, id, &trail, &c->why);
}

static enum err
try_page(struct catalogue *c, uint64_t id)
{
	struct nodes_page page;

	return nodes_page(
	    c->rig.reader, &c->arena, id, BYTES(""), false, 10, &page, &c->why);
}

static enum err
try_sort_page(struct catalogue *c, uint64_t id)
{
	struct nodes_sort_page page;

	return nodes_sort_page(
	    c->rig.reader, &c->arena, id, BYTES(""), NODES_SORT_DATE, 10, &page, &c->why);
}

static void
assert_listing_damaged(struct catalogue *c)
{
	assert_err(try_page(c, ROOT), ERR_DAMAGED);
	assert_err(try_sort_page(c, ROOT), ERR_DAMAGED);
}

static void
assert_node_damaged(struct catalogue *c, uint64_t id)
{
	struct nodes_sort_row row = {.id = id};
	struct nodes_page page;
	struct node node;

	assert_err(try_read(c, id, &node), ERR_DAMAGED);
	assert_err(try_walk(c, "/f"), ERR_DAMAGED);
	assert_err(try_chain(c, id), ERR_DAMAGED);
	assert_listing_damaged(c);
	assert_err(
	    nodes_get_many(c->rig.reader, &c->arena, ROOT, &row, 1, &page, &c->why),
	    ERR_DAMAGED);
}

static void
every_flipped_bit_of_a_record_is_noticed_by_every_reader(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = file(c, ROOT, "f", 1);
	struct key key = key_id(id);
	struct bytes record = raw_get(c, DB_NODE, key_bytes(&key));

	for (size_t bit = 0; bit < 8 * record.n; bit++) {
		raw_put(c, DB_NODE, key_bytes(&key), flipped(c, record, bit));
		assert_node_damaged(c, id);
	}
	raw_put(c, DB_NODE, key_bytes(&key), record);
	assert_done(c, try_walk(c, "/f"));
}

static void
every_flipped_bit_of_an_entry_is_noticed(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = folder(c, ROOT, "f");
	struct key key = key_child(ROOT, BYTES("f"));
	struct bytes value = raw_get(c, DB_CHILD, key_bytes(&key));

	for (unsigned i = 0; i < 16; i++) { /* so that a wrong id may hit a node */
		char name[8];

		(void)snprintf(name, sizeof name, "n%u", i);
		(void)file(c, id, name, 1);
	}
	for (size_t bit = 0; bit < 64; bit++) {
		raw_put(c, DB_CHILD, key_bytes(&key), flipped(c, value, bit));
		assert_err(try_walk(c, "/f"), ERR_DAMAGED);
		assert_listing_damaged(c);
	}
	raw_put(c, DB_CHILD, key_bytes(&key), (struct bytes){value.p, value.n - 1});
	assert_err(try_walk(c, "/f"), ERR_DAMAGED);
	assert_listing_damaged(c);
	raw_delete(c, DB_CHILD, key_bytes(&key));
	key = key_child(ROOT, BYTES("g"));
	raw_put(c, DB_CHILD, key_bytes(&key), value); /* under another name */
	assert_err(try_walk(c, "/g"), ERR_DAMAGED);
	assert_listing_damaged(c);
}

static void
an_entry_without_a_record_is_damage(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = file(c, ROOT, "f", 1);
	struct key key = key_id(id);

	raw_delete(c, DB_NODE, key_bytes(&key));
	assert_err(try_walk(c, "/f"), ERR_DAMAGED);
	assert_listing_damaged(c);
}

static void
a_chain_that_breaks_on_the_way_is_damage(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, a, "b");
	struct key key = key_id(a);

	raw_delete(c, DB_NODE, key_bytes(&key));
	assert_err(try_chain(c, b), ERR_DAMAGED);
	assert_err(try_chain(c, a), ERR_NODE_NOT_FOUND);
}

static void
a_store_without_root_is_damage(void **state)
{
	struct catalogue *c = *state;
	struct key key = key_id(ROOT);

	raw_delete(c, DB_NODE, key_bytes(&key));
	assert_err(try_walk(c, ""), ERR_DAMAGED);
}

static uint64_t
owned(struct catalogue *c, const char *name, uint64_t owner)
{
	struct nodes_create r = {
	    .parent_id = ROOT,
	    .node = {.name = bytes_of(name),
		.type = NODE_DATA,
		.owner = owner,
		.quota = NODE_NO_QUOTA},
	};

	assert_done(c, run(c, nodes_create, &r));
	return r.id_out;
}

/* What 50 and 51 own, in pages of `look` and `max`: the nodes `expect`, in that order. */
static void
check_owned(
    struct catalogue *c, size_t look, size_t max, const uint64_t *expect, size_t n)
{
	static const uint64_t owners[] = {51, 50};
	struct nodes_owned page = {.more = true};
	size_t found = 0, damaged = 0;

	while (page.more) {
		assert_ok(nodes_owned(c->rig.reader, &c->arena, owners, 2, page.last,
			      look, max, &page, &c->why),
		    &c->why);
		assert_true(page.n <= max);
		for (size_t i = 0; i < page.n; i++) {
			assert_true(found < n);
			assert_int_equal(page.id[i], expect[found++]);
		}
		damaged += page.damaged;
	}
	assert_int_equal(found, n);
	assert_int_equal(damaged, 0);
}

static void
what_some_identities_own_is_found_in_pages(void **state)
{
	struct catalogue *c = *state;
	uint64_t mine[6], inner = folder(c, ROOT, "inner");

	check_owned(c, 10, 10, NULL, 0);
	mine[0] = owned(c, "z", 50);
	(void)owned(c, "theirs", 52);
	mine[1] = owned(c, "a", 51);
	mine[2] = owned(c, "b", 50);
	for (int i = 0; i < 20; i++)
		(void)file(c, inner, (const char[]){(char)('a' + i), '\0'}, 1);
	mine[3] = owned(c, "last", 51);
	for (size_t look = 1; look < 30; look++)
		for (size_t max = 1; max < 6; max++)
			check_owned(c, look, max, mine, 4);
	assert_done(c, try_move(c, mine[0], inner, "elsewhere"));
	assert_done(c, try_drop(c, mine[2]));
	mine[2] = mine[3];
	check_owned(c, 4, 2, mine, 3);
}

static void
a_damaged_record_is_passed_over_and_counted(void **state)
{
	struct catalogue *c = *state;
	uint64_t mine[2] = {owned(c, "a", 50), owned(c, "c", 50)};
	struct key key = key_id(mine[0]);
	struct bytes record = raw_get(c, DB_NODE, key_bytes(&key));
	struct nodes_owned page;

	raw_put(c, DB_NODE, key_bytes(&key), flipped(c, record, 20 * 8));
	assert_ok(nodes_owned(c->rig.reader, &c->arena, &(uint64_t){50}, 1, 0, 100, 100,
		      &page, &c->why),
	    &c->why);
	assert_int_equal(page.damaged, 1);
	assert_int_equal(page.n, 1);
	assert_int_equal(page.id[0], mine[1]);
	assert_false(page.more);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(a_walk_goes_as_far_as_the_path_exists),
	    CATALOGUE_TEST(a_walk_takes_a_name_no_node_can_have_as_missing),
	    CATALOGUE_TEST(a_chain_leads_from_the_root_to_the_node),
	    CATALOGUE_TEST(a_page_begins_at_a_name_or_behind_it),
	    CATALOGUE_TEST(a_page_may_begin_behind_any_text),
	    CATALOGUE_TEST(names_with_any_byte_are_listed_in_the_order_of_bytes),
	    CATALOGUE_TEST(what_stays_is_seen_once_by_one_who_pages),
	    CATALOGUE_TEST(a_full_arena_makes_a_page_shorter),
	    CATALOGUE_TEST(an_arena_too_small_is_an_error_everywhere),
	    CATALOGUE_TEST(a_sort_page_has_lengths_or_dates_in_the_order_of_names),
	    CATALOGUE_TEST(sort_pages_follow_each_other_without_gap),
	    CATALOGUE_TEST(a_sort_page_needs_room_for_its_last_name),
	    CATALOGUE_TEST(many_nodes_come_in_the_order_asked_without_those_that_left),
	    CATALOGUE_TEST(every_flipped_bit_of_a_record_is_noticed_by_every_reader),
	    CATALOGUE_TEST(every_flipped_bit_of_an_entry_is_noticed),
	    CATALOGUE_TEST(an_entry_without_a_record_is_damage),
	    CATALOGUE_TEST(a_chain_that_breaks_on_the_way_is_damage),
	    CATALOGUE_TEST(a_store_without_root_is_damage),
	    CATALOGUE_TEST(what_some_identities_own_is_found_in_pages),
	    CATALOGUE_TEST(a_damaged_record_is_passed_over_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
