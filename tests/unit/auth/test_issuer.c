/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "auth/issuer.h"
#include "auth/x509.h"
#include "tests/support/folder.h"

enum { VERSION_3 = 2, DAY_S = 86400, AUTHORITY_DAYS = 5 };

struct place {
	char dir[64], certificate[96], key[96], other_key[96];
	struct arena arena;
	struct errinfo why;
};

static void
write_key(const char *path, EVP_PKEY *key)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	(void)fclose(f);
}

/* An authority that lasts for AUTHORITY_DAYS. */
static void
write_authority(const struct place *p)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *ca =
	    X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
	FILE *f = fopen(p->certificate, "we");

	assert_non_null(f);
	assert_int_equal(X509_set_version(cert, VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
			     (const unsigned char *)"Users", -1, -1, 0),
	    1);
	assert_int_equal(X509_set_issuer_name(cert, name), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -60));
	assert_non_null(
	    X509_gmtime_adj(X509_getm_notAfter(cert), (long)AUTHORITY_DAYS * DAY_S));
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_int_equal(X509_add_ext(cert, ca, -1), 1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(f, cert), 1);
	(void)fclose(f);
	write_key(p->key, key);
	write_key(p->other_key, other);
	X509_EXTENSION_free(ca);
	X509_free(cert);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static int
set_up(void **state)
{
	static struct place p;

	folder_make(p.dir);
	(void)snprintf(p.certificate, sizeof p.certificate, "%s/ca.pem", p.dir);
	(void)snprintf(p.key, sizeof p.key, "%s/ca.key", p.dir);
	(void)snprintf(p.other_key, sizeof p.other_key, "%s/other.key", p.dir);
	arena_init(&p.arena, 1 << 20);
	write_authority(&p);
	*state = &p;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;

	arena_release(&p->arena);
	folder_remove(p->dir);
	return 0;
}

static struct issuer *
load(struct place *p)
{
	struct issuer *issuer = NULL;

	assert_ok(issuer_load(p->certificate, p->key, &issuer, &p->why), &p->why);
	return issuer;
}

static X509 *
certificate_of(struct bytes pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	X509 *cert = PEM_read_bio_X509(in, NULL, NULL, NULL);

	assert_non_null(key);
	assert_non_null(cert);
	assert_int_equal(X509_check_private_key(cert, key), 1);
	EVP_PKEY_free(key);
	(void)BIO_free(in);
	return cert;
}

static void
what_is_made_stands_for_the_name(void **state)
{
	struct place *p = *state;
	struct issuer *issuer = load(p);
	struct issued issued, second;
	struct x509_trust *trust;
	struct x509_identity id;
	unsigned char *der = NULL;
	X509 *cert;
	int n;

	assert_ok(issuer_make(issuer, &p->arena, BYTES("CN=Jo+UID=7,OU=a\\,b,C=CA"),
		      DAY_S, &issued, &p->why),
	    &p->why);
	assert_ok(issuer_make(issuer, &p->arena, BYTES("CN=Jo"), DAY_S, &second, &p->why),
	    &p->why);
	assert_string_not_equal(issued.serial, second.serial);
	cert = certificate_of(issued.pem);
	n = i2d_X509(cert, &der);
	assert_true(n > 0);
	assert_ok(x509_trust_load(p->certificate, &trust, &p->why), &p->why);
	assert_ok(x509_identify(trust, &p->arena,
		      &(struct bytes){(const char *)der, (size_t)n}, 1, &id, &p->why),
	    &p->why);
	assert_true(bytes_is(id.dn, "CN=Jo+UID=7,OU=a\\,b,C=CA"));
	assert_false(id.proxy);
	assert_int_equal(id.not_after_ms, issued.not_after_ms);
	assert_in_range(
	    id.not_after_ms / 1000, time(NULL) + DAY_S - 60, time(NULL) + DAY_S);
	x509_trust_free(trust);
	OPENSSL_free(der);
	X509_free(cert);
	issuer_free(issuer);
}

static void
none_outlives_the_authority(void **state)
{
	struct place *p = *state;
	struct issuer *issuer = load(p);
	struct issued issued;

	assert_ok(
	    issuer_make(issuer, &p->arena, BYTES("CN=Jo"), 100 * DAY_S, &issued, &p->why),
	    &p->why);
	assert_in_range(issued.not_after_ms / 1000, time(NULL) + 4 * DAY_S,
	    time(NULL) + AUTHORITY_DAYS * DAY_S);
	issuer_free(issuer);
}

static void
what_cannot_be_a_name_is_refused(void **state)
{
	struct place *p = *state;
	struct issuer *issuer = load(p);
	struct issued issued;

	assert_err(
	    issuer_make(issuer, &p->arena, BYTES("nobody"), DAY_S, &issued, &p->why),
	    ERR_INVALID_ARGUMENT);
	/* A country has two letters. */
	assert_err(issuer_make(issuer, &p->arena, BYTES("CN=Jo,C=Canada"), DAY_S, &issued,
		       &p->why),
	    ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(p->why.text, "Canada"));
	issuer_free(issuer);
}

static void
files_that_do_not_belong_together_are_named(void **state)
{
	struct place *p = *state;
	struct issuer *issuer;

	assert_err(
	    issuer_load(p->certificate, p->other_key, &issuer, &p->why), ERR_CONFIG);
	assert_non_null(strstr(p->why.text, p->other_key));
	assert_err(
	    issuer_load(p->certificate, p->certificate, &issuer, &p->why), ERR_CONFIG);
	assert_err(issuer_load(p->key, p->key, &issuer, &p->why), ERR_CONFIG);
	assert_err(issuer_load("/nowhere", p->key, &issuer, &p->why), ERR_CONFIG);
	assert_non_null(strstr(p->why.text, "/nowhere"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_made_stands_for_the_name),
	    cmocka_unit_test(none_outlives_the_authority),
	    cmocka_unit_test(what_cannot_be_a_name_is_refused),
	    cmocka_unit_test(files_that_do_not_belong_together_are_named),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
