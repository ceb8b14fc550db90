/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - how the tables of the catalogue are keyed. Numbers in keys are big-endian, so
 * that the order of keys is the order of numbers.
 *
 *   table     key                              value
 *   meta      text                             see store.c
 *   child     parent id, name                  child id (8 LE), type (1)
 *   node      node id                          record of node_codec.h
 *   blob      blob id                          record of blob.c
 *   urep      10 - copies, location (1 each),  attempts (4 LE), not before (8 LE)
 *             blob id
 *   gcq       location (1), blob id            not before (8 LE), MD5 (16)
 *   dict      see dict.h
 *   job       job number                       record of service/job, opaque here
 *   identity, account, dn, group, member, memberof: see accounts.c
 *   txn       id (16, random)                  record of put_txns.c
 *   small     blob id                          see blob_small.h
 *   token     account id, token id             see tokens.c
 */
#ifndef QUARTET_STORAGE_KEYS_H
#define QUARTET_STORAGE_KEYS_H

#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/check.h"
#include "storage/db.h"

struct key {
	uint8_t p[DB_KEY_MAX];
	size_t n;
};

static inline struct bytes
key_bytes(const struct key *k)
{
	return (struct bytes){(const char *)k->p, k->n};
}

static inline void
key_u8(struct key *k, uint8_t v)
{
	CHECK(k->n < sizeof k->p);
	k->p[k->n++] = v;
}

static inline void
key_u64(struct key *k, uint64_t v)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		key_u8(k, (uint8_t)(v >> shift));
}

static inline void
key_text(struct key *k, struct bytes b)
{
	CHECK(k->n + b.n <= sizeof k->p);
	if (b.n > 0)
		(void)memcpy(k->p + k->n, b.p, b.n);
	k->n += b.n;
}

/* The big-endian number at `at`; the key must be long enough. */
static inline uint64_t
key_load_u64(struct bytes k, size_t at)
{
	uint64_t v = 0;

	CHECK(k.n >= at + 8);
	for (size_t i = 0; i < 8; i++)
		v = v << 8 | (uint8_t)k.p[at + i];
	return v;
}

static inline struct key
key_id(uint64_t id)
{
	struct key k = {.n = 0};

	key_u64(&k, id);
	return k;
}

static inline struct key
key_child(uint64_t parent, struct bytes name)
{
	struct key k = {.n = 0};

	key_u64(&k, parent);
	key_text(&k, name);
	return k;
}

static inline struct key
key_urep(unsigned copies, unsigned location, uint64_t blob)
{
	struct key k = {.n = 0};

	key_u8(&k, (uint8_t)(10 - copies));
	key_u8(&k, (uint8_t)location);
	key_u64(&k, blob);
	return k;
}

static inline struct key
key_gcq(unsigned location, uint64_t blob)
{
	struct key k = {.n = 0};

	key_u8(&k, (uint8_t)location);
	key_u64(&k, blob);
	return k;
}

#endif
