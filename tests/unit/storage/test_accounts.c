/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, the identities behind them, and the DNs they take over. */
#include "tests/unit/storage/catalogue.h"

static enum err
try_account(struct catalogue *c, const char *name, uint64_t *id_out)
{
	struct accounts_create r = {.name = bytes_of(name)};
	enum err e = run(c, accounts_create, &r);

	*id_out = r.id_out;
	return e;
}

static uint64_t
account(struct catalogue *c, const char *name)
{
	uint64_t id;

	assert_done(c, try_account(c, name, &id));
	return id;
}

static enum err
try_dn(struct catalogue *c, uint64_t to, const char *dn, bool remove)
{
	struct accounts_dn r = {
	    .account = to, .key = bytes_of(dn), .text = bytes_of(dn), .remove = remove};

	return run(c, accounts_dn, &r);
}

static uint64_t
seen(struct catalogue *c, const char *dn)
{
	struct accounts_ensure_dn r = {.key = bytes_of(dn), .text = bytes_of(dn)};

	assert_done(c, run(c, accounts_ensure_dn, &r));
	return r.id_out;
}

static struct identity_facts
identity(struct catalogue *c, uint64_t id)
{
	struct identity_facts facts;

	assert_ok(
	    accounts_identity(c->rig.reader, &c->arena, id, &facts, &c->why), &c->why);
	assert_int_equal(facts.id, id);
	return facts;
}

static struct account
found(struct catalogue *c, const char *name)
{
	struct account a;

	assert_ok(accounts_find(c->rig.reader, &c->arena, bytes_of(name), &a, &c->why),
	    &c->why);
	return a;
}

static void
names_follow_their_rule_and_are_never_given_twice(void **state)
{
	static const char *const bad[] = {
	    "", "Alice", "1a", "a b", "a/b", "-a", "abcdefghijklmnopqrstuvwxyzabcdefg"};
	struct catalogue *c = *state;
	uint64_t id = account(c, "a.b_c-1"), other;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_err(try_account(c, bad[i], &other), ERR_INVALID_ARGUMENT);
	assert_err(try_account(c, "a.b_c-1", &other), ERR_CONFLICT);
	assert_int_equal(found(c, "a.b_c-1").id, id);
	assert_int_equal(found(c, "a.b_c-1").state, ACCOUNT_ACTIVE);
	assert_true(identity(c, id).is_account);
	assert_int_equal(identity(c, id).principal, id);
}

static void
state_and_password_change_alone(void **state)
{
	struct catalogue *c = *state;
	struct accounts_update r = {.id = account(c, "alice")};
	struct accounts_update nobody = {.id = 999999, .state = ACCOUNT_DISABLED};

	assert_int_equal(found(c, "alice").password.n, 0);
	r.password = BYTES("hash");
	assert_done(c, run(c, accounts_update, &r));
	r.password = (struct bytes){NULL, 0};
	r.state = ACCOUNT_DISABLED;
	assert_done(c, run(c, accounts_update, &r));
	rig_reopen_store(&c->rig);
	assert_bytes(found(c, "alice").password, "hash");
	assert_int_equal(found(c, "alice").state, ACCOUNT_DISABLED);
	assert_err(run(c, accounts_update, &nobody), ERR_NOT_FOUND);
}

/* What a DN owned before it had an account is the account's from then on. */
static void
an_account_takes_over_the_identity_of_a_dn(void **state)
{
	struct catalogue *c = *state;
	uint64_t dn = seen(c, "cn=alice"), alice = account(c, "alice");
	uint64_t bob = account(c, "bob");
	struct identity_facts facts;

	assert_int_equal(seen(c, "cn=alice"), dn);
	assert_int_equal(identity(c, dn).principal, dn);
	assert_false(identity(c, dn).is_account);
	assert_done(c, try_dn(c, alice, "cn=alice", false));
	assert_done(c, try_dn(c, alice, "cn=alice", false));
	assert_int_equal(identity(c, dn).principal, alice);
	assert_ok(accounts_identity_of_dn(
		      c->rig.reader, &c->arena, BYTES("cn=alice"), &facts, &c->why),
	    &c->why);
	assert_int_equal(facts.id, dn);
	assert_int_equal(facts.principal, alice);
	assert_int_equal(found(c, "alice").n_dns, 1);
	assert_bytes(found(c, "alice").dns[0], "cn=alice");
	assert_err(try_dn(c, bob, "cn=alice", false), ERR_CONFLICT);
	assert_done(c, try_dn(c, alice, "cn=alice", true));
	assert_int_equal(identity(c, dn).principal, dn);
	assert_int_equal(found(c, "alice").n_dns, 0);
}

static void
an_account_has_a_limited_number_of_dns(void **state)
{
	struct catalogue *c = *state;
	uint64_t alice = account(c, "alice");

	for (unsigned i = 0; i < ACCOUNT_DNS_MAX; i++) {
		char dn[16];

		(void)snprintf(dn, sizeof dn, "cn=%u", i);
		assert_done(c, try_dn(c, alice, dn, false));
	}
	assert_err(try_dn(c, alice, "cn=more", false), ERR_CONFLICT);
	assert_int_equal(found(c, "alice").n_dns, ACCOUNT_DNS_MAX);
}

static void
accounts_are_listed_by_name_in_pages(void **state)
{
	struct catalogue *c = *state;
	struct account *a;
	size_t n;

	(void)account(c, "carol");
	(void)account(c, "bob");
	assert_ok(accounts_list(c->rig.reader, &c->arena, BYTES(""), 2, &a, &n, &c->why),
	    &c->why);
	assert_int_equal(n, 2);
	assert_bytes(a[0].name, "admin");
	assert_bytes(a[1].name, "bob");
	assert_ok(accounts_list(c->rig.reader, &c->arena, a[1].name, 2, &a, &n, &c->why),
	    &c->why);
	assert_int_equal(n, 1);
	assert_bytes(a[0].name, "carol");
}

/* A damaged record is an error where it is read, never a crash or a wrong account. */
static void
every_flipped_bit_of_an_account_is_noticed(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = account(c, "alice");
	struct store_reader *reader = c->rig.reader;
	struct account a;
	struct db *db;
	struct db_txn *txn;
	struct db_cursor *cursor;
	struct bytes key, value;
	unsigned rows = 0;

	store_reader_free(reader);
	store_close(c->rig.store);
	assert_ok(db_open(c->rig.store_config.dir, c->rig.store_config.map_bytes, 8,
		      false, &db, &c->why),
	    &c->why);
	assert_ok(db_write_begin(db, NULL, &txn, &c->why), &c->why);
	assert_ok(db_cursor_open(txn, DB_ACCOUNT, &cursor, &c->why), &c->why);
	for (enum err e =
		 db_cursor_seek(cursor, (struct bytes){"", 1}, &key, &value, &c->why);
	     e == ERR_OK; e = db_cursor_next(cursor, &key, &value, &c->why)) {
		uint8_t copy[1024], name[DB_KEY_MAX];
		size_t n = value.n, key_n = key.n;

		if (n == 0)
			continue;
		assert_true(n <= sizeof copy);
		(void)memcpy(copy, value.p, n);
		(void)memcpy(name, key.p, key_n);
		copy[rows++ % n] ^= 1;
		assert_ok(
		    db_put(txn, DB_ACCOUNT, (struct bytes){(const char *)name, key_n},
			(struct bytes){(const char *)copy, n}, &c->why),
		    &c->why);
	}
	db_cursor_close(cursor);
	assert_ok(db_commit(txn, &c->why), &c->why);
	db_close(db);
	assert_true(rows > 0);
	assert_ok(
	    store_open(&c->rig.store_config, &c->rig.store, &c->rig.why), &c->rig.why);
	assert_ok(
	    store_reader_new(c->rig.store, &c->rig.reader, &c->rig.why), &c->rig.why);
	assert_err(accounts_find(c->rig.reader, &c->arena, BYTES("alice"), &a, &c->why),
	    ERR_DAMAGED);
	assert_err(accounts_get(c->rig.reader, &c->arena, id, &a, &c->why), ERR_DAMAGED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(names_follow_their_rule_and_are_never_given_twice),
	    CATALOGUE_TEST(state_and_password_change_alone),
	    CATALOGUE_TEST(an_account_takes_over_the_identity_of_a_dn),
	    CATALOGUE_TEST(an_account_has_a_limited_number_of_dns),
	    CATALOGUE_TEST(accounts_are_listed_by_name_in_pages),
	    CATALOGUE_TEST(every_flipped_bit_of_an_account_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
