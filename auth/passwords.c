/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   ask ─► remembered? ─────────────────────────────► yes
 *            │ no
 *            ▼
 *          delay, where many guess wrong
 *            ▼
 *          queue ─► first: hash (worker) ─┬─► it and those like it: yes, remember
 *            ▲                            └─► it and those like it: delay ─► no
 *            └── the others stay ◄────────┘
 */
#include "auth/passwords.h"

#include <stdlib.h>
#include <string.h>

#include "auth/guesses.h"
#include "service/core/check.h"
#include "service/core/clock.h"

enum {
	SETS = 256, /* of the table: a key can lie in WAYS places of one set */
	WAYS = 4,
	PASSWORD_MOST = 1024, /* bytes */
	QUEUE_MAX = 1024, /* who waits for a hash, before others are sent away */
};

struct known {
	uint8_t key[SHA256_SIZE];
	uint64_t until_ms; /* 0: free */
};

/* Asks in order. */
struct line {
	struct password_ask *first, **last;
	size_t n;
};

struct passwords {
	struct loop *loop;
	struct worker_pool *workers;
	uint64_t keep_ms, delay_ms;
	uint8_t secret[SHA256_SIZE];
	struct known known[SETS][WAYS];
	struct line waiting; /* the first is what the worker is at */
	struct line delayed; /* until it is over */
	struct guesses guesses;
	struct loop_timer *timer;
	struct worker_job job;
	bool right; /* what the worker found */
};

static void
line_init(struct line *l)
{
	*l = (struct line){.last = &l->first};
}

static void
line_add(struct line *l, struct password_ask *ask)
{
	ask->next = NULL;
	*l->last = ask;
	l->last = &ask->next;
	l->n++;
}

static struct password_ask *
line_take(struct line *l)
{
	struct password_ask *ask = l->first;

	if (ask == NULL)
		return NULL;
	l->first = ask->next;
	if (l->first == NULL)
		l->last = &l->first;
	l->n--;
	return ask;
}

/* Lengths first, so that no two triples have one text. */
static bool
make_key(const struct passwords *p, struct password_ask *ask)
{
	uint8_t text[4096];
	const struct bytes part[] = {ask->name, ask->password, ask->stored};
	size_t n = 0;

	for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
		if (part[i].n + 2 > sizeof text - n)
			return false;
		text[n++] = (uint8_t)(part[i].n >> 8);
		text[n++] = (uint8_t)part[i].n;
		if (part[i].n > 0)
			(void)memcpy(text + n, part[i].p, part[i].n);
		n += part[i].n;
	}
	return hmac_sha256(p->secret, sizeof p->secret, text, n, ask->key);
}

static bool
is_known(struct passwords *p, const struct password_ask *ask, uint64_t now_ms)
{
	struct known *set = p->known[ask->key[0]];

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].until_ms > now_ms &&
		    secret_equal(set[i].key, ask->key, sizeof ask->key))
			return true;
	return false;
}

/* In place of whoever would be forgotten first. */
static void
remember(struct passwords *p, const struct password_ask *ask)
{
	struct known *set = p->known[ask->key[0]], *oldest = set;

	if (p->keep_ms == 0)
		return;
	for (size_t i = 1; i < WAYS; i++)
		if (set[i].until_ms < oldest->until_ms)
			oldest = &set[i];
	(void)memcpy(oldest->key, ask->key, sizeof ask->key);
	oldest->until_ms = clock_mono_ms() + p->keep_ms;
}

/* On a worker. The queue's first stays where it is, and what it points to. */
static void
hash(struct worker_job *job)
{
	/* Of nobody's password: an account that is not there takes as long. */
	static const char nobody[] = "scrypt$15$8$1$00000000000000000000000000000000$"
				     "00000000000000000000000000000000"
				     "00000000000000000000000000000000";
	struct passwords *p = container_of(job, struct passwords, job);
	const struct password_ask *ask = p->waiting.first;
	bool exists = ask->stored.n > 0;

	p->right = password_verify(ask->password.p, ask->password.n,
		       exists ? ask->stored.p : nobody,
		       exists ? ask->stored.n : sizeof nobody - 1) &&
		   exists;
}

static void hashed(struct loop_job *job);

static void
start_hash(struct passwords *p)
{
	p->job =
	    (struct worker_job){.work = hash, .loop = p->loop, .done = {.run = hashed}};
	worker_submit(p->workers, &p->job);
}

/* Wake up when the first delay is over. */
static void
set_timer(struct passwords *p)
{
	uint64_t now = clock_mono_ms(), first = UINT64_MAX;

	for (const struct password_ask *ask = p->delayed.first; ask != NULL;
	     ask = ask->next)
		if (ask->due_ms < first)
			first = ask->due_ms;
	if (first != UINT64_MAX)
		loop_timer_set(p->timer, first > now ? first - now : 0);
}

static void
delay(struct passwords *p, struct password_ask *ask, bool refused, uint64_t ms)
{
	ask->refused = refused;
	ask->due_ms = clock_mono_ms() + ms;
	line_add(&p->delayed, ask);
	set_timer(p);
}

static void
refuse(struct passwords *p, struct password_ask *ask)
{
	guesses_wrong(&p->guesses, ask->name, ask->peer, clock_mono_ms());
	delay(p, ask, true, p->delay_ms);
}

static void
hashed(struct loop_job *job)
{
	struct worker_job *worker = container_of(job, struct worker_job, done);
	struct passwords *p = container_of(worker, struct passwords, job);
	struct line answered, rest;
	uint8_t key[SHA256_SIZE];
	struct password_ask *ask;
	bool right = p->right;

	line_init(&answered);
	line_init(&rest);
	(void)memcpy(key, p->waiting.first->key, sizeof key);
	if (right)
		remember(p, p->waiting.first);
	while ((ask = line_take(&p->waiting)) != NULL)
		line_add(
		    secret_equal(ask->key, key, sizeof key) ? &answered : &rest, ask);
	while ((ask = line_take(&rest)) != NULL)
		line_add(&p->waiting, ask);
	if (p->waiting.n > 0)
		start_hash(p);
	while ((ask = line_take(&answered)) != NULL)
		if (right)
			ask->done(ask, ERR_OK);
		else
			refuse(p, ask);
}

static void
look_at(struct passwords *p, struct password_ask *ask)
{
	line_add(&p->waiting, ask);
	if (p->waiting.n == 1)
		start_hash(p);
}

static void
delay_over(void *arg)
{
	struct passwords *p = arg;
	struct line all = p->delayed, over; /* `all` is only taken from */
	uint64_t now = clock_mono_ms();
	struct password_ask *ask;

	line_init(&over);
	line_init(&p->delayed);
	while ((ask = line_take(&all)) != NULL)
		line_add(ask->due_ms <= now ? &over : &p->delayed, ask);
	set_timer(p);
	while ((ask = line_take(&over)) != NULL)
		if (ask->refused)
			ask->done(ask, ERR_NOT_AUTHENTICATED);
		else
			look_at(p, ask);
}

void
passwords_ask(struct passwords *p, struct password_ask *ask)
{
	uint64_t now = clock_mono_ms(), wait;
	bool too_long = ask->password.n > PASSWORD_MOST || ask->name.n > PASSWORD_MOST;

	if (!too_long && !make_key(p, ask)) {
		ask->done(ask, ERR_NO_MEMORY);
		return;
	}
	if (!too_long && is_known(p, ask, now)) {
		ask->done(ask, ERR_OK);
		return;
	}
	if (p->waiting.n + p->delayed.n >= QUEUE_MAX) {
		ask->done(ask, ERR_BUSY);
		return;
	}
	if (too_long) { /* none is */
		refuse(p, ask);
		return;
	}
	wait = guesses_wait_ms(&p->guesses, ask->name, ask->peer, now);
	if (wait > 0)
		delay(p, ask, false, wait);
	else
		look_at(p, ask);
}

enum err
passwords_new(struct loop *loop, struct worker_pool *workers, uint64_t keep_ms,
    uint64_t delay_ms, struct passwords **out, struct errinfo *why)
{
	struct passwords *p = calloc(1, sizeof *p);

	if (p == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for passwords");
	p->loop = loop;
	p->workers = workers;
	p->keep_ms = keep_ms;
	p->delay_ms = delay_ms;
	line_init(&p->waiting);
	line_init(&p->delayed);
	guesses_init(&p->guesses);
	random_bytes(p->secret, sizeof p->secret);
	p->timer = loop_timer_new(loop, delay_over, p);
	if (p->timer == NULL) {
		free(p);
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for passwords");
	}
	*out = p;
	return ERR_OK;
}

void
passwords_free(struct passwords *p)
{
	if (p == NULL)
		return;
	CHECK(p->waiting.n == 0 && p->delayed.n == 0);
	loop_timer_free(p->timer);
	free(p);
}
