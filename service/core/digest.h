/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest - checksums, keyed hashes, random bytes. Thread: any; one running digest at a
 * time per object.
 */
#ifndef QUARTET_CORE_DIGEST_H
#define QUARTET_CORE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/err.h"

enum { MD5_SIZE = 16, SHA256_SIZE = 32, CRC32C_SIZE = 4 };

/* Order: md5_new -> md5_add* -> md5_end (any number; adding may go on) -> md5_free. */
struct md5;
struct md5 *md5_new(void); /* NULL: no memory */
void md5_add(struct md5 *md5, const void *p, size_t n);
/* The digest of everything added so far. */
void md5_end(const struct md5 *md5, uint8_t out[MD5_SIZE]);
void md5_free(struct md5 *md5);
/* The state of a running digest as bytes, and a digest that goes on from there; NULL: no
 * memory, or it is no such state. */
enum { MD5_STATE_SIZE = 92 };
void md5_save(const struct md5 *md5, uint8_t state[MD5_STATE_SIZE]);
struct md5 *md5_resume(const uint8_t state[MD5_STATE_SIZE]);

/* The same by SHA-256. */
struct sha256;
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *sha, const void *p, size_t n);
void sha256_end(const struct sha256 *sha, uint8_t out[SHA256_SIZE]);
void sha256_free(struct sha256 *sha);

/* In one go; false when the library refuses (no memory). */
bool md5_of(const void *p, size_t n, uint8_t out[MD5_SIZE]);
bool sha256_of(const void *p, size_t n, uint8_t out[SHA256_SIZE]);
bool hmac_sha256(
    const void *key, size_t key_n, const void *p, size_t n, uint8_t out[SHA256_SIZE]);

/* CRC32C (Castagnoli) of p after `crc`, which is 0 at the start. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
/* The CRC of A followed by B, from the CRCs of both and the length of B. */
uint32_t crc32c_join(uint32_t a, uint32_t b, uint64_t b_length);
/* The same for many Bs of one length: the costly part once, then cheap joins. */
uint32_t crc32c_shift(uint64_t b_length);
uint32_t crc32c_join_shifted(uint32_t a, uint32_t b, uint32_t shift);

/*
 * Passwords, by scrypt (RFC 7914): slow and large in memory on purpose, so for a worker,
 * never for a loop. The text holds parameters, salt and hash. False: no memory.
 */
enum { PASSWORD_TEXT_SIZE = 128 };
bool password_hash(const char *password, size_t n, char out[PASSWORD_TEXT_SIZE]);
bool password_verify(const char *password, size_t n, const char *text, size_t text_n);

/* From the system's generator; ends the process if there is none. */
void random_bytes(void *p, size_t n);

/* In time that depends on n alone. */
bool secret_equal(const void *a, const void *b, size_t n);

#endif
