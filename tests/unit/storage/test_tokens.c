/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: what is kept of them, how many there can be, and what ends them. */
#include "tests/unit/storage/catalogue.h"

#include "storage/tokens_write.h"

enum { ALICE = 100, BOB = 101, MOST = 3 };

static struct tokens_add
token(uint64_t account, uint64_t id, enum token_kind kind, int64_t from, int64_t to)
{
	return (struct tokens_add){
	    .token = {.account = account,
		.id = id,
		.kind = kind,
		.created_ms = from,
		.expires_ms = to,
		.label = BYTES("for a script"),
		.path = BYTES("/alice/a%20b")},
	    .most = MOST,
	};
}

static enum err
add(struct catalogue *c, struct tokens_add r)
{
	return run(c, tokens_add, &r);
}

static enum err
drop(struct catalogue *c, uint64_t account, uint64_t id)
{
	struct tokens_remove r = {.account = account, .id = id};

	return run(c, tokens_remove, &r);
}

static size_t
count(struct catalogue *c, uint64_t account)
{
	struct token *list;
	size_t n;

	assert_ok(
	    tokens_list(c->rig.reader, &c->arena, account, &list, &n, &c->why), &c->why);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(list[i].account, account);
	return n;
}

static bool
is_there(struct catalogue *c, uint64_t account, uint64_t id)
{
	struct token t;
	enum err e = tokens_get(c->rig.reader, &c->arena, account, id, &t, &c->why);

	assert_true(e == ERR_OK || e == ERR_NOT_FOUND);
	return e == ERR_OK;
}

static void
all_that_is_said_of_one_is_kept(void **state)
{
	struct catalogue *c = *state;
	struct tokens_add r = token(ALICE, 7, TOKEN_PERSONAL, 10, 20);
	struct token t;

	r.token.read_only = true;
	r.token.hash[0] = 0xaa;
	r.token.hash[SHA256_SIZE - 1] = 0x55;
	assert_done(c, add(c, r));
	rig_reopen_store(&c->rig);
	assert_ok(tokens_get(c->rig.reader, &c->arena, ALICE, 7, &t, &c->why), &c->why);
	assert_int_equal(t.kind, TOKEN_PERSONAL);
	assert_true(t.read_only);
	assert_int_equal(t.created_ms, 10);
	assert_int_equal(t.expires_ms, 20);
	assert_memory_equal(t.hash, r.token.hash, SHA256_SIZE);
	assert_bytes(t.label, "for a script");
	assert_bytes(t.path, "/alice/a%20b");
	assert_false(is_there(c, BOB, 7));
	assert_false(is_there(c, ALICE, 8));
}

static void
an_id_is_given_once(void **state)
{
	struct catalogue *c = *state;

	assert_done(c, add(c, token(ALICE, 7, TOKEN_LOGIN, 0, 100)));
	assert_err(add(c, token(ALICE, 7, TOKEN_LOGIN, 0, 100)), ERR_CONFLICT);
	assert_done(c, add(c, token(BOB, 7, TOKEN_LOGIN, 0, 100)));
}

static void
what_has_ended_makes_room(void **state)
{
	struct catalogue *c = *state;

	assert_done(c, add(c, token(ALICE, 1, TOKEN_PERSONAL, 0, 50)));
	assert_done(c, add(c, token(ALICE, 2, TOKEN_SESSION, 0, 100)));
	assert_done(c, add(c, token(BOB, 3, TOKEN_SESSION, 0, 50)));
	assert_done(c, add(c, token(ALICE, 4, TOKEN_LOGIN, 50, 90)));
	assert_false(is_there(c, ALICE, 1));
	assert_int_equal(count(c, ALICE), 2);
	assert_int_equal(count(c, BOB), 1); /* another's affair */
}

static void
of_sessions_the_one_that_ends_first_makes_room(void **state)
{
	struct catalogue *c = *state;

	assert_done(c, add(c, token(ALICE, 1, TOKEN_SESSION, 0, 300)));
	assert_done(c, add(c, token(ALICE, 2, TOKEN_SESSION, 0, 200)));
	assert_done(c, add(c, token(ALICE, 3, TOKEN_SESSION, 0, 400)));
	assert_done(c, add(c, token(ALICE, 4, TOKEN_LOGIN, 0, 100)));
	assert_done(c, add(c, token(ALICE, 5, TOKEN_SESSION, 0, 500)));
	assert_false(is_there(c, ALICE, 2));
	assert_true(is_there(c, ALICE, 1) && is_there(c, ALICE, 3) &&
		    is_there(c, ALICE, 4) && is_there(c, ALICE, 5));
}

static void
what_somebody_made_is_not_pushed_out(void **state)
{
	struct catalogue *c = *state;

	for (uint64_t id = 1; id <= MOST; id++)
		assert_done(c, add(c, token(ALICE, id, TOKEN_PERSONAL, 0, 100)));
	assert_err(add(c, token(ALICE, 9, TOKEN_PERSONAL, 0, 100)), ERR_CONFLICT);
	assert_done(c, drop(c, ALICE, 2));
	assert_done(c, add(c, token(ALICE, 9, TOKEN_PERSONAL, 0, 100)));
	assert_int_equal(count(c, ALICE), MOST);
}

static struct tokens_add
link_of(uint64_t account, uint64_t id, uint64_t uses_max, int64_t to)
{
	struct tokens_add r = token(account, id, TOKEN_LINK, 0, to);

	r.token.drop_only = true;
	r.token.uses_max = uses_max;
	r.token.password = BYTES("$hash$");
	return r;
}

static enum err
open_link(struct catalogue *c, uint64_t link, uint64_t guest, int64_t from, int64_t to)
{
	struct tokens_open_link r = {
	    .guest = {.account = ALICE,
		.link = link,
		.id = guest,
		.created_ms = from,
		.expires_ms = to,
		.password = BYTES("")},
	    .most = MOST,
	};

	return run(c, tokens_open_link, &r);
}

static void
a_link_is_opened_as_often_as_it_may_be(void **state)
{
	struct catalogue *c = *state;
	struct token t;

	assert_done(c, add(c, link_of(ALICE, 1, 2, 100)));
	assert_done(c, open_link(c, 1, 11, 10, 50));
	assert_done(c, open_link(c, 1, 12, 10, 500));
	assert_err(open_link(c, 1, 13, 10, 50), ERR_DENIED);
	rig_reopen_store(&c->rig);
	assert_ok(tokens_get(c->rig.reader, &c->arena, ALICE, 1, &t, &c->why), &c->why);
	assert_int_equal(t.uses, 2);
	assert_int_equal(t.uses_max, 2);
	assert_bytes(t.password, "$hash$");
	assert_ok(tokens_get(c->rig.reader, &c->arena, ALICE, 12, &t, &c->why), &c->why);
	assert_int_equal(t.kind, TOKEN_GUEST);
	assert_int_equal(t.link, 1);
	assert_int_equal(t.expires_ms, 100); /* not after the link */
	assert_true(t.drop_only);
	assert_bytes(t.path, "/alice/a%20b");
	assert_int_equal(t.password.n, 0);
}

static void
what_is_no_link_or_has_ended_is_not_opened(void **state)
{
	struct catalogue *c = *state;

	assert_done(c, add(c, link_of(ALICE, 1, 0, 100)));
	assert_done(c, add(c, token(ALICE, 2, TOKEN_PERSONAL, 0, 100)));
	assert_err(open_link(c, 1, 11, 100, 200), ERR_DENIED);
	assert_err(open_link(c, 2, 11, 10, 50), ERR_NOT_FOUND);
	assert_err(open_link(c, 3, 11, 10, 50), ERR_NOT_FOUND);
	for (uint64_t i = 0; i <= MOST; i++)
		assert_done(c, open_link(c, 1, 20 + i, 10, 50 + (int64_t)i));
	assert_false(is_there(c, ALICE, 20)); /* it made room */
	assert_true(is_there(c, ALICE, 20 + MOST));
}

static void
guests_go_with_their_link(void **state)
{
	struct catalogue *c = *state;

	assert_done(c, add(c, link_of(ALICE, 1, 0, 100)));
	assert_done(c, add(c, link_of(ALICE, 2, 0, 100)));
	assert_done(c, open_link(c, 1, 11, 10, 50));
	assert_done(c, open_link(c, 2, 12, 10, 50));
	assert_done(c, drop(c, ALICE, 1));
	assert_false(is_there(c, ALICE, 1) || is_there(c, ALICE, 11));
	assert_true(is_there(c, ALICE, 2) && is_there(c, ALICE, 12));
	assert_done(c, drop(c, ALICE, 12));
	assert_true(is_there(c, ALICE, 2));
}

static void
one_or_all_are_revoked(void **state)
{
	struct catalogue *c = *state;

	for (uint64_t id = 1; id <= 20; id++) { /* more than a list begins with */
		struct tokens_add r = token(ALICE, id, TOKEN_LOGIN, 0, 100);

		r.most = 100;
		assert_done(c, add(c, r));
	}
	assert_done(c, add(c, token(BOB, 1, TOKEN_LOGIN, 0, 100)));
	assert_int_equal(count(c, ALICE), 20);
	assert_done(c, drop(c, ALICE, 1));
	assert_err(drop(c, ALICE, 1), ERR_NOT_FOUND);
	assert_int_equal(count(c, ALICE), 19);
	assert_done(c, drop(c, ALICE, 0));
	assert_int_equal(count(c, ALICE), 0);
	assert_int_equal(count(c, BOB), 1);
}

static void
a_text_has_a_limit(void **state)
{
	static char text[TOKEN_PATH_MAX + 1];
	struct catalogue *c = *state;
	struct tokens_add r = token(ALICE, 1, TOKEN_PERSONAL, 0, 100);

	memset(text, 'x', sizeof text);
	r.token.label = (struct bytes){text, TOKEN_LABEL_MAX + 1};
	assert_err(add(c, r), ERR_INVALID_ARGUMENT);
	r.token.label = (struct bytes){text, TOKEN_LABEL_MAX};
	r.token.path = (struct bytes){text, TOKEN_PATH_MAX + 1};
	assert_err(add(c, r), ERR_INVALID_ARGUMENT);
	r.token.path.n--;
	assert_done(c, add(c, r));
}

/* An account that is disabled, or whose owner revokes everything, has none any more. */
static void
they_end_with_their_account(void **state)
{
	struct catalogue *c = *state;
	struct accounts_create alice = {.name = BYTES("alice")};
	struct accounts_update r = {.display = BYTES("Alice A.")};
	struct account a;

	assert_done(c, run(c, accounts_create, &alice));
	r.id = alice.id_out;
	assert_done(c, add(c, token(r.id, 1, TOKEN_LOGIN, 0, 100)));
	assert_done(c, run(c, accounts_update, &r));
	assert_int_equal(count(c, r.id), 1);
	r.revoke_ms = 77;
	assert_done(c, run(c, accounts_update, &r));
	assert_int_equal(count(c, r.id), 0);
	assert_ok(accounts_get(c->rig.reader, &c->arena, r.id, &a, &c->why), &c->why);
	assert_int_equal(a.valid_from_ms, 77);
	assert_bytes(a.display, "Alice A.");
	assert_done(c, add(c, token(r.id, 1, TOKEN_LOGIN, 0, 100)));
	r = (struct accounts_update){.id = r.id, .state = ACCOUNT_DISABLED};
	assert_done(c, run(c, accounts_update, &r));
	assert_int_equal(count(c, r.id), 0);
}

/* The row of a token as it lies in the store. */
static size_t
row_of(struct catalogue *c, const struct key *key, char *row, size_t room)
{
	struct db_txn *txn;
	struct bytes value;

	assert_ok(store_read_begin(c->rig.reader, &txn, &c->why), &c->why);
	assert_ok(db_get(txn, DB_TOKEN, key_bytes(key), &value, &c->why), &c->why);
	assert_true(value.n <= room);
	(void)memcpy(row, value.p, value.n);
	store_read_end(c->rig.reader);
	return value.n;
}

static void
every_flipped_bit_is_noticed(void **state)
{
	struct catalogue *c = *state;
	struct key key = key_id(ALICE);
	struct token t;
	char row[256];
	size_t n;

	assert_done(c, add(c, token(ALICE, 7, TOKEN_LOGIN, 0, 100)));
	key_u64(&key, 7);
	n = row_of(c, &key, row, sizeof row);
	assert_ok(
	    tokens_decode(key_bytes(&key), (struct bytes){row, n}, &t, &c->why), &c->why);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		row[bit / 8] = (char)(row[bit / 8] ^ 1 << bit % 8);
		assert_err(
		    tokens_decode(key_bytes(&key), (struct bytes){row, n}, &t, &c->why),
		    ERR_DAMAGED);
		row[bit / 8] = (char)(row[bit / 8] ^ 1 << bit % 8);
	}
	for (size_t less = 0; less < n; less++)
		assert_err(tokens_decode(
			       key_bytes(&key), (struct bytes){row, less}, &t, &c->why),
		    ERR_DAMAGED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(all_that_is_said_of_one_is_kept),
	    CATALOGUE_TEST(an_id_is_given_once),
	    CATALOGUE_TEST(what_has_ended_makes_room),
	    CATALOGUE_TEST(of_sessions_the_one_that_ends_first_makes_room),
	    CATALOGUE_TEST(what_somebody_made_is_not_pushed_out),
	    CATALOGUE_TEST(a_link_is_opened_as_often_as_it_may_be),
	    CATALOGUE_TEST(what_is_no_link_or_has_ended_is_not_opened),
	    CATALOGUE_TEST(guests_go_with_their_link),
	    CATALOGUE_TEST(one_or_all_are_revoked),
	    CATALOGUE_TEST(a_text_has_a_limit),
	    CATALOGUE_TEST(they_end_with_their_account),
	    CATALOGUE_TEST(every_flipped_bit_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
