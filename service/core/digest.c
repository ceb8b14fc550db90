/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/digest.h"

/* Only the older interface shows the state of a running MD5, which a put transaction
 * carries over a restart. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <isa-l/crc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/md5.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/encode.h"

/* The CRC32C polynomial, bits reflected. */
#define CRC32C_POLY 0x82f63b78u

static EVP_MD_CTX *
new_context(const EVP_MD *kind)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx != NULL && EVP_DigestInit_ex(ctx, kind, NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

/* Of a copy: adding may go on. */
static void
end_of(const EVP_MD_CTX *ctx, uint8_t *out)
{
	EVP_MD_CTX *copy = EVP_MD_CTX_new();

	CHECK(copy != NULL && EVP_MD_CTX_copy_ex(copy, ctx) == 1);
	CHECK(EVP_DigestFinal_ex(copy, out, NULL) == 1);
	EVP_MD_CTX_free(copy);
}

struct md5 {
	MD5_CTX ctx;
};

struct md5 *
md5_new(void)
{
	struct md5 *md5 = calloc(1, sizeof *md5);

	if (md5 != NULL)
		CHECK(MD5_Init(&md5->ctx) == 1);
	return md5;
}

void
md5_add(struct md5 *md5, const void *p, size_t n)
{
	CHECK(MD5_Update(&md5->ctx, p, n) == 1);
}

void
md5_end(const struct md5 *md5, uint8_t out[MD5_SIZE])
{
	MD5_CTX copy = md5->ctx; /* adding may go on */

	CHECK(MD5_Final(out, &copy) == 1);
}

void
md5_free(struct md5 *md5)
{
	free(md5);
}

/* Words of the state, bytes of the block that is not full, their number; in that order,
 * little-endian. */
enum {
	STATE_WORDS = 6,
	WORD = 4,
	AT_BLOCK = STATE_WORDS * WORD,
	AT_NUM = AT_BLOCK + MD5_CBLOCK
};

_Static_assert(AT_NUM + WORD == MD5_STATE_SIZE, "the state has a fixed size");

static void
store_word(uint8_t *to, uint32_t v)
{
	for (int i = 0; i < WORD; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t
load_word(const uint8_t *from)
{
	uint32_t v = 0;

	for (int i = 0; i < WORD; i++)
		v |= (uint32_t)from[i] << 8 * i;
	return v;
}

void
md5_save(const struct md5 *md5, uint8_t state[MD5_STATE_SIZE])
{
	const MD5_CTX *c = &md5->ctx;
	const uint32_t words[STATE_WORDS] = {c->A, c->B, c->C, c->D, c->Nl, c->Nh};

	for (int i = 0; i < STATE_WORDS; i++)
		store_word(state + WORD * i, words[i]);
	(void)memcpy(state + AT_BLOCK, c->data, MD5_CBLOCK);
	store_word(state + AT_NUM, c->num);
}

struct md5 *
md5_resume(const uint8_t state[MD5_STATE_SIZE])
{
	uint32_t num = load_word(state + AT_NUM);
	struct md5 *md5 = num < MD5_CBLOCK ? md5_new() : NULL;

	if (md5 == NULL)
		return NULL;
	md5->ctx.A = load_word(state);
	md5->ctx.B = load_word(state + WORD);
	md5->ctx.C = load_word(state + 2 * WORD);
	md5->ctx.D = load_word(state + 3 * WORD);
	md5->ctx.Nl = load_word(state + 4 * WORD);
	md5->ctx.Nh = load_word(state + 5 * WORD);
	(void)memcpy(md5->ctx.data, state + AT_BLOCK, MD5_CBLOCK);
	md5->ctx.num = num;
	return md5;
}

struct sha256 *
sha256_new(void)
{
	return (struct sha256 *)new_context(EVP_sha256());
}

void
sha256_add(struct sha256 *sha, const void *p, size_t n)
{
	CHECK(EVP_DigestUpdate((EVP_MD_CTX *)sha, p, n) == 1);
}

void
sha256_end(const struct sha256 *sha, uint8_t out[SHA256_SIZE])
{
	end_of((const EVP_MD_CTX *)sha, out);
}

void
sha256_free(struct sha256 *sha)
{
	EVP_MD_CTX_free((EVP_MD_CTX *)sha);
}

bool
md5_of(const void *p, size_t n, uint8_t out[MD5_SIZE])
{
	return EVP_Digest(p, n, out, NULL, EVP_md5(), NULL) == 1;
}

bool
sha256_of(const void *p, size_t n, uint8_t out[SHA256_SIZE])
{
	return EVP_Digest(p, n, out, NULL, EVP_sha256(), NULL) == 1;
}

bool
hmac_sha256(
    const void *key, size_t key_n, const void *p, size_t n, uint8_t out[SHA256_SIZE])
{
	return HMAC(EVP_sha256(), key, (int)key_n, p, n, out, NULL) != NULL;
}

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	/* The library does not write through its pointer, but has no const there. */
	union {
		const void *ours;
		unsigned char *its;
	} at = {p};

	/* It counts in int. */
	while (n > 0) {
		size_t part = n < (1u << 30) ? n : (1u << 30);

		crc = ~crc32_iscsi(at.its, (int)part, ~crc);
		at.its += part;
		n -= part;
	}
	return crc;
}

/* Product of two polynomials modulo the CRC's; bit 31 is the coefficient of x^0. */
static uint32_t
poly_multiply(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
		if (a & bit)
			product ^= b;
		b = b & 1 ? b >> 1 ^ CRC32C_POLY : b >> 1;
	}
	return product;
}

uint32_t
crc32c_shift(uint64_t b_length)
{
	uint32_t shift = 1u << 31; /* x^0, then x^(8 * b_length) by repeated squaring */
	uint32_t power = 1u << 23; /* x^8 */

	for (; b_length != 0; b_length >>= 1) {
		if (b_length & 1)
			shift = poly_multiply(shift, power);
		power = poly_multiply(power, power);
	}
	return shift;
}

uint32_t
crc32c_join_shifted(uint32_t a, uint32_t b, uint32_t shift)
{
	return poly_multiply(shift, a) ^ b;
}

uint32_t
crc32c_join(uint32_t a, uint32_t b, uint64_t b_length)
{
	return crc32c_join_shifted(a, b, crc32c_shift(b_length));
}

/* "scrypt$LOG2N$R$P$SALT$HASH", the last two in hex. */
enum { SCRYPT_LOG2N = 15, SCRYPT_R = 8, SCRYPT_P = 1, SALT_SIZE = 16, HASH_SIZE = 32 };

/* Twice what the parameters need; more is refused, so a text cannot ask for all memory.
 */
#define SCRYPT_MEMORY_MAX (128ULL << 20)

static bool
scrypt(const char *password, size_t n, const uint8_t salt[SALT_SIZE], unsigned log2n,
    unsigned r, unsigned p, uint8_t out[HASH_SIZE])
{
	return EVP_PBE_scrypt(password, n, salt, SALT_SIZE, 1ULL << log2n, r, p,
		   SCRYPT_MEMORY_MAX, out, HASH_SIZE) == 1;
}

bool
password_hash(const char *password, size_t n, char out[PASSWORD_TEXT_SIZE])
{
	uint8_t salt[SALT_SIZE], hash[HASH_SIZE];
	int at = snprintf(out, PASSWORD_TEXT_SIZE, "scrypt$%d$%d$%d$", SCRYPT_LOG2N,
	    SCRYPT_R, SCRYPT_P);

	random_bytes(salt, sizeof salt);
	if (!scrypt(password, n, salt, SCRYPT_LOG2N, SCRYPT_R, SCRYPT_P, hash))
		return false;
	hex_encode(salt, sizeof salt, out + at);
	at += 2 * SALT_SIZE;
	out[at++] = '$';
	hex_encode(hash, sizeof hash, out + at);
	return true;
}

bool
password_verify(const char *password, size_t n, const char *text, size_t text_n)
{
	struct bytes rest = {text, text_n}, part[6];
	uint8_t salt[SALT_SIZE], hash[HASH_SIZE], mine[HASH_SIZE];
	uint64_t log2n, r, p;

	for (size_t i = 0; i < 6; i++)
		if (!bytes_token(&rest, "$", &part[i]))
			return false;
	return bytes_is(part[0], "scrypt") && bytes_u64(part[1], &log2n) && log2n < 32 &&
	       bytes_u64(part[2], &r) && r < 64 && bytes_u64(part[3], &p) && p < 64 &&
	       hex_decode(part[4], salt, sizeof salt) &&
	       hex_decode(part[5], hash, sizeof hash) &&
	       scrypt(
		   password, n, salt, (unsigned)log2n, (unsigned)r, (unsigned)p, mine) &&
	       secret_equal(hash, mine, sizeof mine);
}

void
random_bytes(void *p, size_t n)
{
	CHECK(RAND_bytes(p, (int)n) == 1);
}

bool
secret_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}
