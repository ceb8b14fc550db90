/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guesses - how long whoever gives a password must wait, by how often a wrong one was given
 * lately for the account, and from the address. It slows guessing down; it never locks
 * anybody out.
 *
 * Every wrong one counts; half of the count is forgotten each minute. A few are free, an
 * address may have more than an account, as many people may sit behind it; then the wait
 * doubles with each, up to some seconds. Fixed memory: where two share a place in the table,
 * the one who came last has it.
 *
 * Thread: one loop's.
 */
#ifndef QUARTET_AUTH_GUESSES_H
#define QUARTET_AUTH_GUESSES_H

#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/digest.h"

enum {
	GUESSES_PLACES = 4096,
	GUESSES_FREE_NAME = 5, /* wrong passwords before one has to wait */
	GUESSES_FREE_ADDRESS = 40,
	GUESSES_FIRST_MS = 250,
	GUESSES_MOST_MS = 4000,
	GUESSES_HALF_MS = 60000,
};

struct guesses {
	uint8_t secret[SHA256_SIZE]; /* so that nobody can choose who shares a place */
	struct guesses_place {
		uint64_t who;
		uint64_t at_ms;
		uint32_t count;
	} place[GUESSES_PLACES];
};

void guesses_init(struct guesses *g);

/* `peer` is the address that asks, without a port. */
uint64_t guesses_wait_ms(
    const struct guesses *g, struct bytes name, struct bytes peer, uint64_t now_ms);
void guesses_wrong(
    struct guesses *g, struct bytes name, struct bytes peer, uint64_t now_ms);

#endif
