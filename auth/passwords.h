/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passwords - is this the password of that account?
 *
 * The stored hash is slow on purpose, so it is computed by a worker, one at a time for
 * each loop, and one in all with a pool of one thread; who asks the same meanwhile waits
 * for that one answer. A yes is remembered for a while in a table of fixed size: under a
 * keyed hash of name, password and stored hash, so that nobody can read it, and a new
 * password ends it at once. A no is never remembered; it is told after a delay. Where
 * many wrong ones came lately, even a right one waits before it is looked at
 * (auth/guesses.h), unless it is remembered; nobody is locked out.
 *
 * Order: passwords_new -> passwords_ask* -> passwords_free, when nobody waits any more.
 * Thread: one loop's. Memory: an ask and its text are borrowed until `done`.
 */
#ifndef QUARTET_AUTH_PASSWORDS_H
#define QUARTET_AUTH_PASSWORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/digest.h"
#include "service/core/err.h"
#include "service/core/loop.h"
#include "service/core/worker.h"

struct passwords;

/* Yes, no, or a failure: ERR_OK, ERR_NOT_AUTHENTICATED, ERR_BUSY, ERR_NO_MEMORY. */
struct password_ask {
	struct bytes name, password;
	struct bytes stored; /* .n 0: no such account, or one without a password */
	struct bytes peer; /* the address that asks */
	void (*done)(struct password_ask *ask, enum err err);
	/* The module's own. */
	uint8_t key[SHA256_SIZE];
	struct password_ask *next;
	bool refused; /* what it waits for is to be told no, else to be looked at */
	uint64_t due_ms;
};

/* `keep_ms`: how long a yes is remembered, 0 not at all; `delay_ms`: before a no. */
enum err passwords_new(struct loop *loop, struct worker_pool *workers, uint64_t keep_ms,
    uint64_t delay_ms, struct passwords **out, struct errinfo *why) ERR_CHECKED;
void passwords_free(struct passwords *p);

/* Calls ask->done once, now or later on the loop. */
void passwords_ask(struct passwords *p, struct password_ask *ask);

#endif
