/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/fault.h"

#ifdef QUARTET_KILL_POINTS

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "service/core/bytes.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/queue.h"

enum { LINE_SIZE = 256, FILE_SIZE = 8192, TICK_MS = 2, ERRNO_MAX = 200 };

/* A rule at work. */
struct live {
	char line[LINE_SIZE]; /* "" for one a test in C has set */
	struct fault_rule rule;
	uint64_t id;
	unsigned seen, acted;
	uint64_t busy_until_ms;
};

static const char *const kind_names[FAULT_KINDS] = {
    [FAULT_OPEN] = "open",
    [FAULT_CREATE] = "create",
    [FAULT_CLOSE] = "close",
    [FAULT_READ] = "read",
    [FAULT_WRITE] = "write",
    [FAULT_FSYNC] = "fsync",
    [FAULT_FSYNCDIR] = "fsyncdir",
    [FAULT_RENAME] = "rename",
    [FAULT_UNLINK] = "unlink",
    [FAULT_MKDIR] = "mkdir",
    [FAULT_COMMIT] = "commit",
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all that follows */
static struct live live[FAULT_RULES_MAX];
static unsigned n_live;
static uint64_t last_id;
static uint64_t generation;
static struct stat read_as; /* the file when it was read */
static bool state_is_old;
static struct fault_watch *watches;
static pthread_t ticker;
static bool ticking;

/* The file */

static bool
parse_kinds(struct bytes names, unsigned *out)
{
	struct bytes name;

	*out = 0;
	while (bytes_token(&names, ",", &name)) {
		unsigned kind = 0;

		if (bytes_is(name, "any")) {
			*out = (1U << FAULT_COMMIT) - 1;
			continue;
		}
		while (kind < FAULT_KINDS && !bytes_is(name, kind_names[kind]))
			kind++;
		if (kind == FAULT_KINDS)
			return false;
		*out |= 1U << kind;
	}
	return *out != 0;
}

static bool
parse_errno(struct bytes name, int *out)
{
	for (int sys = 1; sys < ERRNO_MAX; sys++)
		if (bytes_is(name, strerrorname_np(sys))) {
			*out = sys;
			return true;
		}
	return false;
}

static bool
parse_act(struct bytes name, enum fault_act *out)
{
	static const struct {
		const char *name;
		enum fault_act act;
	} acts[] = {{"short", FAULT_SHORT}, {"flip", FAULT_FLIP}, {"hang", FAULT_HANG},
	    {"unsynced", FAULT_UNSYNCED}};

	for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
		if (bytes_is(name, acts[i].name)) {
			*out = acts[i].act;
			return true;
		}
	return false;
}

static bool
parse_number(struct bytes text, unsigned *out)
{
	uint64_t v;

	if (!bytes_u64(text, &v) || v > UINT32_MAX)
		return false;
	*out = (unsigned)v;
	return true;
}

/* One KEY=VALUE of a line; *does_out: it says what happens. */
static bool
parse_word(struct bytes key, struct bytes value, struct fault_rule *r, bool *does_out)
{
	if (bytes_is(key, "location"))
		return parse_number(value, &r->location);
	if (bytes_is(key, "op"))
		return parse_kinds(value, &r->kinds);
	if (bytes_is(key, "nth"))
		return parse_number(value, &r->nth);
	if (bytes_is(key, "times"))
		return parse_number(value, &r->times);
	if (bytes_is(key, "at"))
		return bytes_u64(value, &r->at);
	if (bytes_is(key, "path") && value.n < sizeof r->path) {
		(void)memcpy(r->path, value.p, value.n);
		r->path[value.n] = '\0';
		return true;
	}
	*does_out = true;
	if (bytes_is(key, "errno")) {
		r->act = FAULT_ERRNO;
		return parse_errno(value, &r->sys);
	}
	if (bytes_is(key, "delay")) {
		r->act = FAULT_DELAY;
		return parse_number(value, &r->delay_ms);
	}
	return bytes_is(key, "act") && parse_act(value, &r->act);
}

bool
fault_parse(const char *line, struct fault_rule *out)
{
	struct bytes rest = bytes_of(line), word;
	struct fault_rule r = {0};
	bool does = false;

	while (bytes_token(&rest, " ", &word)) {
		size_t n = bytes_find(word, '=');

		if (n == word.n || !parse_word((struct bytes){word.p, n},
				       bytes_skip(word, n + 1), &r, &does))
			return false;
	}
	if (r.kinds == 0 || !does)
		return false;
	*out = r;
	return true;
}

/* The rule of a line, at work from now on, or still if it was there. */
static void
take_line(unsigned at, struct bytes line)
{
	struct live *l = &live[at];

	CHECK(at < FAULT_RULES_MAX && line.n < LINE_SIZE);
	if (at < n_live && bytes_is(line, l->line))
		return;
	*l = (struct live){.id = ++last_id};
	(void)memcpy(l->line, line.p, line.n);
	CHECK(fault_parse(l->line, &l->rule));
}

static void
take_text(struct bytes text)
{
	struct bytes line, word, rest;
	unsigned n = 0;

	CHECK(bytes_token(&text, "\n", &line));
	rest = line;
	CHECK(bytes_token(&rest, " ", &word) && bytes_is(word, "generation") &&
	      bytes_token(&rest, " ", &word) && bytes_u64(word, &generation));
	while (bytes_token(&text, "\n", &line))
		take_line(n++, line);
	n_live = n;
	state_is_old = true;
}

/* Read the file if it has changed. */
static void
look(void)
{
	const char *path = getenv("QUARTET_FAULTS");
	char text[FILE_SIZE];
	struct stat st;
	size_t n;
	FILE *f;

	/* Whoever changes it puts another in its place. */
	if (path == NULL || stat(path, &st) != 0 || st.st_ino == read_as.st_ino)
		return;
	f = fopen(path, "re");
	if (f == NULL)
		return;
	n = fread(text, 1, sizeof text, f);
	(void)fclose(f); /* read only: nothing to lose */
	CHECK(n < sizeof text);
	read_as = st;
	take_text((struct bytes){text, n});
}

static void
write_state(void)
{
	const char *path = getenv("QUARTET_FAULTS");
	char to[4096], from[4096 + sizeof ".new"];
	FILE *f;

	state_is_old = false;
	if (path == NULL)
		return;
	(void)snprintf(to, sizeof to, "%s.state", path);
	(void)snprintf(from, sizeof from, "%s.new", to);
	f = fopen(from, "we");
	CHECK(f != NULL);
	(void)fprintf(f, "generation %llu\n", (unsigned long long)generation);
	for (unsigned i = 0; i < n_live; i++)
		(void)fprintf(f, "%u %u\n", live[i].seen, live[i].acted);
	CHECK(fclose(f) == 0 && rename(from, to) == 0);
}

/* Asking */

bool
fault_wanted(void)
{
	bool wanted;

	(void)pthread_mutex_lock(&lock);
	look();
	wanted = getenv("QUARTET_FAULTS") != NULL || n_live > 0;
	(void)pthread_mutex_unlock(&lock);
	return wanted;
}

static bool
is_about(
    const struct fault_rule *r, unsigned location, enum fault_kind kind, const char *path)
{
	return (r->kinds >> kind & 1) != 0 &&
	       (r->location == 0 || r->location == location) &&
	       (r->path[0] == '\0' || strstr(path, r->path) != NULL);
}

/* Does it act on this operation, the latest it has seen? */
static bool
acts_now(const struct live *l)
{
	return l->seen >= l->rule.nth && (l->rule.times == 0 || l->acted < l->rule.times);
}

static void
act(struct live *l, struct fault_hit *out)
{
	uint64_t now = clock_mono_ms();

	l->acted++;
	if (l->busy_until_ms < now)
		l->busy_until_ms = now;
	l->busy_until_ms += l->rule.delay_ms;
	*out = (struct fault_hit){.act = l->rule.act,
	    .sys = l->rule.sys,
	    .at = l->rule.at,
	    .until_ms = l->busy_until_ms,
	    .rule = l->id};
}

bool
fault_match(
    unsigned location, enum fault_kind kind, const char *path, struct fault_hit *out)
{
	bool found = false;

	(void)pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < n_live; i++) {
		struct live *l = &live[i];

		if (!is_about(&l->rule, location, kind, path))
			continue;
		l->seen++;
		state_is_old = true;
		if (!found && acts_now(l)) {
			act(l, out);
			found = true;
		}
	}
	(void)pthread_mutex_unlock(&lock);
	return found;
}

bool
fault_over(const struct fault_hit *hit)
{
	bool there = false;

	(void)pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < n_live; i++)
		there |= live[i].id == hit->rule;
	(void)pthread_mutex_unlock(&lock);
	return !there || (hit->act == FAULT_DELAY && clock_mono_ms() >= hit->until_ms);
}

static void
sleep_a_tick(void)
{
	struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};

	(void)nanosleep(&tick, NULL);
}

int
fault_commit(void)
{
	struct fault_hit hit;

	if (!fault_match(0, FAULT_COMMIT, "", &hit))
		return 0;
	if (hit.act == FAULT_ERRNO)
		return hit.sys;
	CHECK(hit.act == FAULT_DELAY || hit.act == FAULT_HANG);
	while (!fault_over(&hit))
		sleep_a_tick();
	return 0;
}

/* The ticker */

static void *
tick(void *arg)
{
	bool on = true;

	(void)arg;
	while (on) {
		sleep_a_tick();
		(void)pthread_mutex_lock(&lock);
		look();
		if (state_is_old)
			write_state();
		for (struct fault_watch *w = watches; w != NULL; w = w->next)
			if (w->held > 0)
				queue_wake(w->wake);
		on = ticking;
		(void)pthread_mutex_unlock(&lock);
	}
	return NULL;
}

void
fault_watch(struct fault_watch *watch)
{
	(void)pthread_mutex_lock(&lock);
	watch->next = watches;
	watches = watch;
	if (!ticking) {
		ticking = true;
		CHECK(pthread_create(&ticker, NULL, tick, NULL) == 0);
		(void)pthread_setname_np(ticker, "faults");
	}
	(void)pthread_mutex_unlock(&lock);
}

void
fault_unwatch(struct fault_watch *watch)
{
	struct fault_watch **at = &watches;
	pthread_t last;
	bool end;

	(void)pthread_mutex_lock(&lock);
	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	end = watches == NULL;
	last = ticker;
	ticking = !end;
	(void)pthread_mutex_unlock(&lock);
	if (end)
		(void)pthread_join(last, NULL);
}

/* For tests in C */

unsigned
fault_add(const struct fault_rule *rule)
{
	unsigned at;

	(void)pthread_mutex_lock(&lock);
	CHECK(n_live < FAULT_RULES_MAX);
	at = n_live++;
	live[at] = (struct live){.rule = *rule, .id = ++last_id};
	(void)pthread_mutex_unlock(&lock);
	return at;
}

void
fault_clear(void)
{
	(void)pthread_mutex_lock(&lock);
	n_live = 0;
	(void)pthread_mutex_unlock(&lock);
}

unsigned
fault_seen(unsigned rule)
{
	unsigned n;

	(void)pthread_mutex_lock(&lock);
	CHECK(rule < n_live);
	n = live[rule].seen;
	(void)pthread_mutex_unlock(&lock);
	return n;
}

unsigned
fault_acted(unsigned rule)
{
	unsigned n;

	(void)pthread_mutex_lock(&lock);
	CHECK(rule < n_live);
	n = live[rule].acted;
	(void)pthread_mutex_unlock(&lock);
	return n;
}

#endif
