/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/certs.h"

#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "auth/x509.h"

extern char **environ;

/* 2026-01-02T03:04:05 */
#define SOME_DAY 1767323045

static struct arena arena;
static struct errinfo why;
static char folder[] = "/tmp/quartet-x509-XXXXXX";
static char path[sizeof folder + 64];

static struct cert root, ca, user;
static struct x509_trust *trust;

static const char *
in_folder(const char *name)
{
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

/* The certificates as a PEM file `name`; returns its path. */
static const char *
pem_file(const char *name, const struct cert *const *c, size_t n)
{
	FILE *f = fopen(in_folder(name), "we");

	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(PEM_write_X509(f, c[i]->x509), 1);
	assert_int_equal(fclose(f), 0);
	return path;
}

static const char *
text_file(const char *name, const char *text)
{
	FILE *f = fopen(in_folder(name), "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return path;
}

static int
set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	if (mkdtemp(folder) == NULL)
		return -1;
	root = made_authority("/O=Grid/CN=Root", NULL, "critical,CA:TRUE");
	ca = made_authority("/O=Grid/CN=Users CA", &root, "critical,CA:TRUE,pathlen:0");
	user = made_user("/C=CA/O=Grid/CN=Jo Doe", &ca);
	assert_ok(
	    x509_trust_load(
		pem_file("trust.pem", (const struct cert *[]){&root}, 1), &trust, &why),
	    &why);
	return 0;
}

static bool
ran(const char *const *argv)
{
	pid_t pid;
	int status;

	return posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(const void *)argv,
		   environ) == 0 &&
	       waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static int
tear_down(void **state)
{
	const char *const argv[] = {"rm", "-rf", folder, NULL};

	(void)state;
	free_certs();
	x509_trust_free(trust);
	x509_trust_free(NULL);
	arena_release(&arena);
	return ran(argv) ? 0 : -1;
}

static int
forget_results(void **state)
{
	(void)state;
	arena_clear(&arena);
	return 0;
}

#define identified(out, ...)                                                             \
	identify_certs(trust, (out), (const struct cert *[]){__VA_ARGS__},               \
	    sizeof((const struct cert *[]){__VA_ARGS__}) / sizeof(struct cert *))

static enum err
identify_certs(const struct x509_trust *by, struct x509_identity *out,
    const struct cert *const *c, size_t n)
{
	struct bytes der[X509_CHAIN_MAX];
	enum err e;

	for (size_t i = 0; i < n; i++)
		der[i] = c[i]->der;
	e = x509_identify(by, &arena, der, n, out, &why);
	assert_int_equal(ERR_peek_error(), 0); /* nothing left for the TLS layer */
	return e;
}

static void
assert_reason(enum err e, const char *reason)
{
	if (e != ERR_NOT_AUTHENTICATED)
		fail_msg("%d is not ERR_NOT_AUTHENTICATED", (int)e);
	if (!bytes_contains(bytes_of(why.text), bytes_of(reason)))
		fail_msg("\"%s\" does not say \"%s\"", why.text, reason);
}

static void
a_user_is_identified_by_the_whole_subject(void **state)
{
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &user, &ca), &why);
	assert_bytes(id.dn, "CN=Jo Doe,O=Grid,C=CA");
	assert_false(id.proxy);
	assert_false(id.limited);
	assert_ok(identified(&id, &user, &ca, &root), &why);
}

static void
a_subject_with_two_common_names_is_not_cut(void **state)
{
	struct cert two = made_user("/C=CA/CN=Jo Doe/CN=123456", &ca);
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &two, &ca), &why);
	assert_bytes(id.dn, "CN=123456,CN=Jo Doe,C=CA");
	assert_false(id.proxy);
}

static void
a_proxy_stands_for_its_user(void **state)
{
	struct cert proxy = made_proxy(&user, INHERIT_ALL);
	struct cert second = made_proxy(&proxy, INHERIT_ALL);
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &proxy, &user, &ca), &why);
	assert_bytes(id.dn, "CN=Jo Doe,O=Grid,C=CA");
	assert_true(id.proxy);
	assert_false(id.limited);
	assert_ok(identified(&id, &second, &proxy, &user, &ca), &why);
	assert_bytes(id.dn, "CN=Jo Doe,O=Grid,C=CA");
	assert_true(id.proxy);
}

static void
one_limited_proxy_limits_the_whole_chain(void **state)
{
	struct cert full = made_proxy(&user, INHERIT_ALL);
	struct cert limited = made_proxy(&user, LIMITED);
	struct cert above = made_proxy(&full, LIMITED);
	struct cert below = made_proxy(&limited, INHERIT_ALL);
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &limited, &user, &ca), &why);
	assert_true(id.limited);
	assert_ok(identified(&id, &above, &full, &user, &ca), &why);
	assert_true(id.limited);
	assert_ok(identified(&id, &below, &limited, &user, &ca), &why);
	assert_true(id.limited);
	assert_bytes(id.dn, "CN=Jo Doe,O=Grid,C=CA");
}

static void
proxies_with_another_policy_are_refused(void **state)
{
	struct cert independent = made_proxy(&user, INDEPENDENT);
	struct cert unknown = made_proxy(&user, UNKNOWN);
	struct cert below = made_proxy(&independent, INHERIT_ALL);
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &independent, &user, &ca), "independent");
	assert_reason(identified(&id, &below, &independent, &user, &ca), "independent");
	assert_reason(identified(&id, &unknown, &user, &ca), "unknown policy 1.2.3.4");
}

static void
proxies_older_than_rfc_3820_are_refused_by_name(void **state)
{
	struct cert plain = made_user("/C=CA/O=Grid/CN=Jo Doe/CN=proxy", &user);
	struct cert limited = made_user("/C=CA/O=Grid/CN=Jo Doe/CN=limited proxy", &user);
	struct cert draft = made((struct recipe){.subject = "/C=CA/O=Grid/CN=Jo Doe/CN=1",
	    .issuer = &user,
	    .oid = "1.3.6.1.4.1.3536.1.222"});
	struct cert other = made_user("/C=CA/O=Grid/CN=Jo Doe/CN=2", &user);
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &plain, &user, &ca), "older than RFC 3820");
	assert_reason(identified(&id, &limited, &user, &ca), "older than RFC 3820");
	assert_reason(identified(&id, &draft, &user, &ca), "older than RFC 3820");
	assert_reason(identified(&id, &other, &user, &ca), "client certificate");
}

static void
a_user_may_be_called_proxy(void **state)
{
	struct cert jo = made_user("/O=Grid/OU=a/CN=proxy", &ca);
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &jo, &ca), &why);
	assert_bytes(id.dn, "CN=proxy,OU=a,O=Grid");
}

static void
a_proxy_signed_by_another_key_is_refused(void **state)
{
	struct cert thief = made_user("/C=CA/O=Grid/CN=Thief", &ca);
	struct cert forged = made((struct recipe){
	    .subject = "/CN=1", .issuer = &user, .signer = &thief, .proxy = INHERIT_ALL});
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &forged, &user, &ca), "signature");
}

static void
a_proxy_must_be_named_after_its_issuer(void **state)
{
	struct cert two = made((struct recipe){
	    .subject = "/CN=1/CN=2", .issuer = &user, .proxy = INHERIT_ALL});
	struct cert unit = made(
	    (struct recipe){.subject = "/OU=1", .issuer = &user, .proxy = INHERIT_ALL});
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &two, &user, &ca), "proxy subject name violation");
	assert_reason(identified(&id, &unit, &user, &ca), "proxy subject name violation");
}

static void
a_proxy_has_no_alternative_names(void **state)
{
	struct cert proxy = made((struct recipe){.subject = "/CN=1",
	    .issuer = &user,
	    .proxy = INHERIT_ALL,
	    .names = "DNS:localhost"});
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &proxy, &user, &ca), "invalid extensions");
}

static void
a_proxy_cannot_make_a_user(void **state)
{
	struct cert proxy = made_proxy(&user, INHERIT_ALL);
	struct cert fake = made_user("/C=CA/O=Grid/CN=Fake", &proxy);
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &fake, &proxy, &user, &ca), "client certificate");
}

static void
the_depth_of_proxies_is_respected(void **state)
{
	struct cert last = made_proxy(&user, INHERIT_ALL DEPTH(0));
	struct cert beyond = made_proxy(&last, INHERIT_ALL);
	struct cert one = made_proxy(&user, INHERIT_ALL DEPTH(1));
	struct cert below = made_proxy(&one, INHERIT_ALL);
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &last, &user, &ca), &why);
	assert_reason(identified(&id, &beyond, &last, &user, &ca), "path length");
	assert_ok(identified(&id, &below, &one, &user, &ca), &why);
}

static void
the_depth_of_authorities_is_respected(void **state)
{
	struct cert sub = made_authority("/O=Grid/CN=Sub", &ca, "critical,CA:TRUE");
	struct cert jo = made_user("/O=Grid/CN=Jo", &sub);
	struct cert proxy = made_proxy(&jo, INHERIT_ALL DEPTH(1000));
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &jo, &sub, &ca), "path length");
	assert_reason(identified(&id, &proxy, &jo, &sub, &ca), "path length");
}

static void
an_unknown_authority_is_named(void **state)
{
	struct cert other = made_authority("/O=Other/CN=Root", NULL, "critical,CA:TRUE");
	struct cert jo = made_user("/O=Other/CN=Jo", &other);
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &jo), "unknown authority CN=Root,O=Other");
	assert_reason(identified(&id, &jo, &other), "unknown authority CN=Root,O=Other");
	assert_reason(identified(&id, &user), "unknown authority CN=Users CA,O=Grid");
}

static void
a_self_signed_certificate_is_refused(void **state)
{
	struct cert self = made_user("/O=Grid/CN=Jo", NULL);
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &self), "self-signed client certificate");
}

static void
a_wrong_signature_is_refused(void **state)
{
	struct cert other =
	    made_authority("/O=Grid/CN=Users CA", NULL, "critical,CA:TRUE");
	struct cert forged = made(
	    (struct recipe){.subject = "/O=Grid/CN=Jo", .issuer = &ca, .signer = &other});
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &forged, &ca), "signature failure");
}

static void
a_certificate_for_servers_is_refused(void **state)
{
	struct cert server = made((struct recipe){
	    .subject = "/CN=host", .issuer = &ca, .purpose = "serverAuth"});
	struct cert proxy = made_proxy(&server, INHERIT_ALL);
	struct cert any = made((struct recipe){.subject = "/CN=plain", .issuer = &ca});
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &server, &ca), "purpose");
	assert_reason(identified(&id, &proxy, &server, &ca), "purpose");
	assert_ok(identified(&id, &any, &ca), &why);
}

static void
an_authority_is_no_user(void **state)
{
	struct cert signing = made((struct recipe){.subject = "/O=Grid/CN=Both",
	    .issuer = &root,
	    .authority = "critical,CA:TRUE",
	    .usage = "critical,keyCertSign,digitalSignature"});
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &signing), "authority does not stand for a user");
	assert_reason(identified(&id, &root), "purpose");
}

static void
the_order_behind_the_first_certificate_does_not_matter(void **state)
{
	struct cert proxy = made_proxy(&user, INHERIT_ALL);
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &proxy, &root, &ca, &user), &why);
	assert_bytes(id.dn, "CN=Jo Doe,O=Grid,C=CA");
	assert_true(id.proxy);
	assert_reason(identified(&id, &ca, &user, &proxy), "purpose");
}

static void
an_intermediate_authority_can_be_trusted_alone(void **state)
{
	struct x509_trust *only;
	struct x509_identity id;
	struct cert other = made_user("/O=Grid/CN=Jo", &root);

	(void)state;
	assert_ok(x509_trust_load(
		      pem_file("only.pem", (const struct cert *[]){&ca}, 1), &only, &why),
	    &why);
	assert_ok(identify_certs(only, &id, (const struct cert *[]){&user}, 1), &why);
	assert_reason(
	    identify_certs(only, &id, (const struct cert *[]){&other, &root}, 2),
	    "unknown authority CN=Root,O=Grid");
	x509_trust_free(only);
}

static void
no_trust_is_taken_for_another(void **state)
{
	const char *pem = pem_file("again.pem", (const struct cert *[]){&ca}, 1);
	uint64_t last = x509_trust_id(trust);

	(void)state;
	assert_int_equal(x509_trust_id(NULL), 0);
	for (int i = 0; i < 3; i++) {
		struct x509_trust *next;

		assert_ok(x509_trust_load(pem, &next, &why), &why);
		assert_true(x509_trust_id(next) > last);
		last = x509_trust_id(next);
		x509_trust_free(next); /* its memory may be the next one's */
	}
}

static void
weak_keys_and_digests_are_refused(void **state)
{
	struct cert key = made((struct recipe){
	    .subject = "/CN=weak", .issuer = &ca, .key = EVP_RSA_gen(1024)});
	struct cert strong = made((struct recipe){
	    .subject = "/CN=strong", .issuer = &ca, .key = EVP_RSA_gen(2048)});
	struct cert digest = made(
	    (struct recipe){.subject = "/CN=weak", .issuer = &ca, .digest = EVP_sha1()});
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &key, &ca), "key too weak");
	assert_reason(identified(&id, &digest, &ca), "digest algorithm too weak");
	assert_ok(identified(&id, &strong, &ca), &why);
}

static void
an_expired_certificate_is_identified_with_its_window(void **state)
{
	struct cert old = made((struct recipe){.subject = "/O=Grid/CN=Jo",
	    .issuer = &ca,
	    .from = SOME_DAY - DAY,
	    .to = SOME_DAY});
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &old, &ca), &why);
	assert_bytes(id.dn, "CN=Jo,O=Grid");
	assert_int_equal(id.not_after_ms, SOME_DAY * INT64_C(1000));
	assert_bytes(x509_expired_text(&arena, &id),
	    "your certificate expired on 2026-01-02T03:04:05; run: cadc-get-cert");
}

static void
a_certificate_of_the_future_is_identified_with_its_window(void **state)
{
	struct cert early = made((struct recipe){.subject = "/O=Grid/CN=Jo",
	    .issuer = &ca,
	    .from = 4102444800,
	    .to = 4102444800 + DAY});
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &early, &ca), &why);
	assert_int_equal(id.not_before_ms, INT64_C(4102444800000));
	assert_bytes(x509_early_text(&arena, &id),
	    "your certificate is not valid before 2100-01-01T00:00:00");
}

static void
the_window_is_that_of_the_whole_chain(void **state)
{
	int64_t now = time(NULL);
	struct cert jo = made((struct recipe){.subject = "/O=Grid/CN=Jo",
	    .issuer = &ca,
	    .from = now - 100,
	    .to = now + 2000});
	struct cert proxy = made((struct recipe){.subject = "/CN=1",
	    .issuer = &jo,
	    .proxy = INHERIT_ALL,
	    .from = now - 200,
	    .to = now + 1000});
	struct cert below = made((struct recipe){.subject = "/CN=2",
	    .issuer = &proxy,
	    .proxy = INHERIT_ALL,
	    .from = now - 50,
	    .to = now + 3000});
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &proxy, &jo, &ca), &why);
	assert_int_equal(id.not_before_ms, (now - 100) * 1000);
	assert_int_equal(id.not_after_ms, (now + 1000) * 1000);
	assert_ok(identified(&id, &below, &proxy, &jo, &ca), &why);
	assert_int_equal(id.not_before_ms, (now - 50) * 1000);
	assert_int_equal(id.not_after_ms, (now + 1000) * 1000);
}

static void
of_two_certificates_of_an_authority_the_valid_one_counts(void **state)
{
	const struct recipe renewed = {.subject = "/O=Grid/CN=Renewed",
	    .authority = "critical,CA:TRUE",
	    .usage = "critical,keyCertSign"};
	struct recipe expired = renewed;
	struct cert fresh = made(renewed), old, jo;
	struct x509_identity id;

	(void)state;
	expired.same_key = &fresh;
	expired.from = SOME_DAY - DAY;
	expired.to = SOME_DAY;
	old = made(expired);
	jo = made_user("/O=Grid/CN=Jo", &fresh);
	for (int round = 0; round < 2; round++) {
		const struct cert *both[2] = {&old, &fresh};
		const struct cert *turned[2] = {&fresh, &old};
		struct x509_trust *two;

		assert_ok(
		    x509_trust_load(
			pem_file("two.pem", round == 0 ? both : turned, 2), &two, &why),
		    &why);
		assert_ok(
		    identify_certs(two, &id, (const struct cert *[]){&jo}, 1), &why);
		assert_true(id.not_after_ms > (int64_t)time(NULL) * 1000);
		x509_trust_free(two);
	}
}

static void
no_certificate_and_too_many_are_refused(void **state)
{
	struct bytes der[100];
	struct x509_identity id;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		der[i] = i == 0 ? user.der : ca.der;
	assert_reason(x509_identify(trust, &arena, NULL, 0, &id, &why), "no client");
	assert_reason(
	    x509_identify(trust, &arena, der, 100, &id, &why), "100 certificates");
	assert_ok(x509_identify(trust, &arena, der, X509_CHAIN_MAX, &id, &why), &why);
}

static void
a_long_chain_of_proxies_is_followed(void **state)
{
	struct cert chain[X509_CHAIN_MAX];
	struct bytes der[X509_CHAIN_MAX];
	struct x509_identity id;

	(void)state;
	chain[X509_CHAIN_MAX - 1] = ca;
	chain[X509_CHAIN_MAX - 2] = user;
	for (size_t i = X509_CHAIN_MAX - 2; i > 0; i--)
		chain[i - 1] = made_proxy(&chain[i], INHERIT_ALL);
	for (size_t i = 0; i < X509_CHAIN_MAX; i++)
		der[i] = chain[i].der;
	assert_ok(x509_identify(trust, &arena, der, X509_CHAIN_MAX, &id, &why), &why);
	assert_bytes(id.dn, "CN=Jo Doe,O=Grid,C=CA");
}

static void
what_is_no_certificate_is_refused(void **state)
{
	struct bytes der[2] = {user.der, BYTES("garbage")};
	struct x509_identity id;
	char longer[4096];

	(void)state;
	assert_reason(x509_identify(trust, &arena, der, 2, &id, &why),
	    "certificate 2 cannot be read");
	der[1] = BYTES("");
	assert_reason(x509_identify(trust, &arena, der, 2, &id, &why), "cannot be read");
	(void)memcpy(longer, user.der.p, user.der.n);
	longer[user.der.n] = 'x';
	der[0] = (struct bytes){longer, user.der.n + 1};
	assert_reason(x509_identify(trust, &arena, der, 1, &id, &why),
	    "certificate 1 cannot be read");
	der[0].n = user.der.n - 1;
	assert_reason(x509_identify(trust, &arena, der, 1, &id, &why), "cannot be read");
	assert_int_equal(ERR_peek_error(), 0);
}

/* A flipped bit is a broken certificate or a broken signature, never a crash. */
static void
no_bit_of_a_certificate_can_be_changed(void **state)
{
	struct x509_identity id;
	char der[4096];

	(void)state;
	(void)memcpy(der, user.der.p, user.der.n);
	for (size_t i = 0; i < user.der.n; i++) {
		struct bytes chain[2] = {{der, user.der.n}, ca.der};

		arena_clear(&arena);
		der[i] = (char)(der[i] ^ 1 << i % 8);
		assert_err(x509_identify(trust, &arena, chain, 2, &id, &why),
		    ERR_NOT_AUTHENTICATED);
		der[i] = user.der.p[i];
	}
}

static void
subjects_of_any_string_type_are_read(void **state)
{
	struct cert utf8 = made_odd(&ca, "CN", V_ASN1_UTF8STRING, "J\xc3\xb6, Doe", 8, 0);
	struct cert bmp = made_odd(&ca, "CN", V_ASN1_BMPSTRING, "\0J\0\xf6", 4, 0);
	struct cert teletex = made_odd(&ca, "CN", V_ASN1_T61STRING, "J\xf6", 2, 0);
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &utf8, &ca), &why);
	assert_bytes(id.dn, "CN=J\xc3\xb6\\, Doe,CN=Jo,O=Grid");
	assert_ok(identified(&id, &bmp, &ca), &why);
	assert_bytes(id.dn, "CN=J\xc3\xb6,CN=Jo,O=Grid");
	assert_ok(identified(&id, &teletex, &ca), &why);
	assert_bytes(id.dn, "CN=J\xc3\xb6,CN=Jo,O=Grid");
}

static void
subjects_that_are_no_text_are_refused(void **state)
{
	struct cert nul = made_odd(&ca, "CN", V_ASN1_UTF8STRING, "Jo\0Doe", 6, 0);
	struct cert number = made_odd(&ca, "CN", V_ASN1_BIT_STRING, "\1\2", 2, 0);
	struct cert empty = made_user("", &ca);
	struct x509_identity id;

	(void)state;
	assert_reason(identified(&id, &nul, &ca), "control character 00");
	assert_reason(identified(&id, &number, &ca), "no text");
	assert_reason(identified(&id, &empty, &ca), "is empty");
}

/* OpenSSL does not make such a name, so a good one is spoilt. */
static void
a_subject_that_is_not_utf8_is_refused(void **state)
{
	char *der = arena_text(&arena, user.der);
	char *jo = memmem(der, user.der.n, "Jo Doe", 6);
	struct bytes chain[2] = {{der, user.der.n}, ca.der};
	struct x509_identity id;

	(void)state;
	assert_non_null(jo);
	jo[1] = '\xff';
	assert_reason(
	    x509_identify(trust, &arena, chain, 2, &id, &why), "cannot be read");
}

static void
parts_of_one_rdn_stay_together(void **state)
{
	struct cert odd = made_odd(&ca, "UID", MBSTRING_UTF8, "7", 1, -1);
	struct x509_identity id;

	(void)state;
	assert_ok(identified(&id, &odd, &ca), &why);
	assert_bytes(id.dn, "CN=Jo+UID=7,O=Grid");
}

static void
assert_load_refused(const char *file, const char *reason)
{
	struct x509_trust *t;

	assert_err(x509_trust_load(file, &t, &why), ERR_CONFIG);
	if (!bytes_contains(bytes_of(why.text), bytes_of(reason)))
		fail_msg("\"%s\" does not say \"%s\"", why.text, reason);
	assert_int_equal(ERR_peek_error(), 0);
}

static void
a_trust_file_that_is_not_one_is_refused(void **state)
{
	(void)state;
	assert_load_refused("/nonexistent/ca.pem", "No such file");
	assert_load_refused(text_file("empty.pem", "nothing\n"), "holds no certificate");
	assert_load_refused(
	    text_file("broken.pem",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
	    "certificate 1 cannot be read");
	assert_load_refused(text_file("locked.pem", "-----BEGIN CERTIFICATE-----\n"
						    "Proc-Type: 4,ENCRYPTED\n"
						    "DEK-Info: AES-128-CBC,"
						    "00000000000000000000000000000000\n\n"
						    "AAAA\n-----END CERTIFICATE-----\n"),
	    "certificate 1 cannot be read");
	assert_load_refused(
	    pem_file("user.pem", (const struct cert *[]){&root, &user}, 2),
	    "certificate 2 is not that of an authority");
}

static void
too_little_memory_is_an_error(void **state)
{
	struct bytes der[2] = {user.der, ca.der};
	enum err e = ERR_NO_MEMORY;
	unsigned failures = 0;

	(void)state;
	for (size_t limit = 0; e != ERR_OK; limit += 64) {
		struct x509_identity id;
		struct arena small;

		arena_init(&small, limit);
		e = x509_identify(trust, &small, der, 2, &id, &why);
		if (e != ERR_OK)
			assert_int_equal(e, ERR_NO_MEMORY);
		failures += e != ERR_OK;
		arena_release(&small);
	}
	assert_true(failures > 5);
}

/* OpenSSL's allocations fail from this one on; 0: none does. */
static unsigned long fail_at, allocation;

static bool
fails(void)
{
	return fail_at != 0 && ++allocation >= fail_at;
}

static void *
failing_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : malloc(n);
}

static void *
failing_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : realloc(p, n);
}

static void
plain_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static void
openssl_without_memory_never_identifies_somebody_else(void **state)
{
	struct cert proxy = made_proxy(&user, LIMITED);
	struct bytes der[3] = {proxy.der, user.der, ca.der};
	enum err e = ERR_NO_MEMORY;
	unsigned long failures = 0;

	(void)state;
	for (unsigned long n = 1; e != ERR_OK; n++) {
		struct x509_identity id;

		arena_clear(&arena);
		allocation = 0;
		fail_at = n;
		e = x509_identify(trust, &arena, der, 3, &id, &why);
		fail_at = 0;
		failures += e != ERR_OK;
		assert_true(
		    e == ERR_OK || e == ERR_NO_MEMORY || e == ERR_NOT_AUTHENTICATED);
		if (e == ERR_OK) {
			assert_bytes(id.dn, "CN=Jo Doe,O=Grid,C=CA");
			assert_true(id.limited);
		}
	}
	assert_true(failures > 100);
}

static void
a_trust_file_needs_memory(void **state)
{
	enum err e = ERR_NO_MEMORY;
	char file[sizeof path];

	(void)state;
	(void)snprintf(file, sizeof file, "%s", in_folder("trust.pem"));
	for (unsigned long n = 1; e != ERR_OK; n++) {
		struct x509_trust *t = NULL;

		allocation = 0;
		fail_at = n;
		e = x509_trust_load(file, &t, &why);
		fail_at = 0;
		assert_true(e == ERR_OK || e == ERR_NO_MEMORY || e == ERR_CONFIG);
		x509_trust_free(t);
	}
}

static void *
identify_often(void *arg)
{
	struct bytes der[2] = {user.der, ca.der};
	bool *all_good = arg;

	for (int i = 0; i < 50; i++) {
		struct arena mine;
		struct x509_identity id;

		arena_init(&mine, 1 << 16);
		if (x509_identify(trust, &mine, der, 2, &id, NULL) != ERR_OK ||
		    !bytes_is(id.dn, "CN=Jo Doe,O=Grid,C=CA"))
			*all_good = false;
		arena_release(&mine);
	}
	return NULL;
}

static void
threads_share_a_trust_store(void **state)
{
	pthread_t threads[4];
	bool good[4] = {true, true, true, true};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, identify_often, &good[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(good[i]);
	}
}

/* The script that makes the certificates of testbeds and demonstrations. */
static void
run_make_test_ca(const char *to)
{
	static const char script[] = QUARTET_SOURCE_DIR "/scripts/make-test-ca";
	const char *const argv[] = {script, to, "--user",
	    "jo=E=jo@x.org,CN=Jo\\, Doe,O=Grid,C=CA", "--expired", "old=/C=CA/CN=Old",
	    "--proxy", "proxy=jo", "--limited-proxy", "limited=proxy", NULL};

	assert_true(ran(argv));
}

/* The certificates of a PEM file as a client would send them. */
static enum err
identify_file(const struct x509_trust *by, const char *name, struct x509_identity *out)
{
	struct bytes der[X509_CHAIN_MAX];
	FILE *f = fopen(in_folder(name), "re");
	X509 *cert;
	size_t n = 0;

	assert_non_null(f);
	while ((cert = PEM_read_X509(f, NULL, NULL, NULL)) != NULL) {
		unsigned char *p = NULL;
		int size = i2d_X509(cert, &p);

		assert_true(size > 0);
		der[n++] = arena_copy(&arena, (struct bytes){(char *)p, (size_t)size});
		OPENSSL_free(p);
		X509_free(cert);
	}
	(void)fclose(f);
	ERR_clear_error();
	return x509_identify(by, &arena, der, n, out, &why);
}

static void
the_test_authority_makes_chains_that_are_identified(void **state)
{
	struct x509_trust *by;
	struct x509_identity id;
	char ca_file[sizeof path];

	(void)state;
	(void)snprintf(ca_file, sizeof ca_file, "%s", in_folder("pki"));
	run_make_test_ca(ca_file);
	assert_ok(x509_trust_load(in_folder("pki/ca.pem"), &by, &why), &why);
	assert_ok(identify_file(by, "pki/jo.pem", &id), &why);
	assert_bytes(id.dn, "EMAILADDRESS=jo@x.org,CN=Jo\\, Doe,O=Grid,C=CA");
	assert_false(id.proxy);
	assert_ok(identify_file(by, "pki/proxy.pem", &id), &why);
	assert_bytes(id.dn, "EMAILADDRESS=jo@x.org,CN=Jo\\, Doe,O=Grid,C=CA");
	assert_true(id.proxy && !id.limited);
	assert_ok(identify_file(by, "pki/limited.pem", &id), &why);
	assert_bytes(id.dn, "EMAILADDRESS=jo@x.org,CN=Jo\\, Doe,O=Grid,C=CA");
	assert_true(id.proxy && id.limited);
	assert_ok(identify_file(by, "pki/old.pem", &id), &why);
	assert_bytes(x509_expired_text(&arena, &id),
	    "your certificate expired on 2024-01-02T03:04:05; run: cadc-get-cert");
	assert_reason(identify_file(by, "pki/server.pem", &id), "purpose");
	x509_trust_free(by);
}

#define TEST(f) cmocka_unit_test_setup(f, forget_results)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_user_is_identified_by_the_whole_subject),
	    TEST(a_subject_with_two_common_names_is_not_cut),
	    TEST(a_proxy_stands_for_its_user),
	    TEST(one_limited_proxy_limits_the_whole_chain),
	    TEST(proxies_with_another_policy_are_refused),
	    TEST(proxies_older_than_rfc_3820_are_refused_by_name),
	    TEST(a_user_may_be_called_proxy),
	    TEST(a_proxy_signed_by_another_key_is_refused),
	    TEST(a_proxy_must_be_named_after_its_issuer),
	    TEST(a_proxy_has_no_alternative_names),
	    TEST(a_proxy_cannot_make_a_user),
	    TEST(the_depth_of_proxies_is_respected),
	    TEST(the_depth_of_authorities_is_respected),
	    TEST(an_unknown_authority_is_named),
	    TEST(a_self_signed_certificate_is_refused),
	    TEST(a_wrong_signature_is_refused),
	    TEST(a_certificate_for_servers_is_refused),
	    TEST(an_authority_is_no_user),
	    TEST(the_order_behind_the_first_certificate_does_not_matter),
	    TEST(an_intermediate_authority_can_be_trusted_alone),
	    TEST(no_trust_is_taken_for_another),
	    TEST(weak_keys_and_digests_are_refused),
	    TEST(an_expired_certificate_is_identified_with_its_window),
	    TEST(a_certificate_of_the_future_is_identified_with_its_window),
	    TEST(the_window_is_that_of_the_whole_chain),
	    TEST(of_two_certificates_of_an_authority_the_valid_one_counts),
	    TEST(no_certificate_and_too_many_are_refused),
	    TEST(a_long_chain_of_proxies_is_followed),
	    TEST(what_is_no_certificate_is_refused),
	    TEST(no_bit_of_a_certificate_can_be_changed),
	    TEST(subjects_of_any_string_type_are_read),
	    TEST(subjects_that_are_no_text_are_refused),
	    TEST(a_subject_that_is_not_utf8_is_refused),
	    TEST(parts_of_one_rdn_stay_together),
	    TEST(a_trust_file_that_is_not_one_is_refused),
	    TEST(too_little_memory_is_an_error),
	    TEST(openssl_without_memory_never_identifies_somebody_else),
	    TEST(a_trust_file_needs_memory),
	    TEST(threads_share_a_trust_store),
	    TEST(the_test_authority_makes_chains_that_are_identified),
	};

	/* Before OpenSSL's first allocation, or it is refused. */
	if (CRYPTO_set_mem_functions(failing_malloc, failing_realloc, plain_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
