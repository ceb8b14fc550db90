/* SPDX-License-Identifier: Apache-2.0 */
#include "service/gms/gms_remote.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/digest.h"
#include "service/core/encode.h"
#include "service/core/log.h"
#include "service/core/worker.h"
#include "service/gms/gms_cache.h"
#include "service/gms/gms_search.h"

enum { NOBODY_BYTES = 8, CALL_ARENA_SPARE = 1024 * 1024, CALL_ARENA_TIMES = 16 };

struct gms_remote {
	const struct settings *settings;
	struct worker_pool *threads;
	_Atomic bool stopping;
	_Atomic uint64_t asked, failed, from_cache, unknown;
	pthread_mutex_t lock; /* of all below */
	struct gms_cache *cache;
	uint64_t n_waiting;
	bool is_away, is_tried; /* away, and somebody has gone to look */
	uint64_t retry_ms; /* away: not before that */
	uint64_t heeds_until_ms; /* that it heeds IDs need not be looked at before */
	uint64_t told_ms; /* when a refused question was last logged */
	size_t n_lines; /* that nobody uses now */
	struct gms_line *line[];
};

/* One question on its way. It belongs to the thread that puts it. */
struct call {
	struct worker_job job;
	struct gms_remote *gms;
	struct gms_entry *entry;
	struct arena arena;
	uint64_t since_ms; /* submitted; then: asked */
	bool is_try; /* whether it is back */
	/* The outcome. */
	enum err err;
	struct errinfo why;
	struct gms_names names;
	uint64_t life_ms;
	size_t n_ids;
	struct bytes id[];
};

/* Lines */

static struct gms_line *
take_line(struct gms_remote *g)
{
	struct gms_line *line = NULL;

	(void)pthread_mutex_lock(&g->lock);
	if (g->n_lines > 0)
		line = g->line[--g->n_lines];
	(void)pthread_mutex_unlock(&g->lock);
	return line != NULL ? line : gms_line_new(g->settings, &g->stopping);
}

static void
put_line(struct gms_remote *g, struct gms_line *line)
{
	(void)pthread_mutex_lock(&g->lock);
	if (g->n_lines < g->settings->gms_calls) {
		g->line[g->n_lines++] = line;
		line = NULL;
	}
	(void)pthread_mutex_unlock(&g->lock);
	gms_line_free(line);
}

/* Putting a question: on a thread of the pool */

static enum err
search(struct call *c, struct gms_line *line, struct bytes id, struct gms_names *out,
    uint64_t *life_ms)
{
	struct gms_remote *g = c->gms;
	enum err e;

	metric_add(&g->asked, 1);
	e = gms_search(line, &c->arena, id, out, life_ms, &c->why);
	if (e != ERR_OK)
		metric_add(&g->failed, 1);
	return e;
}

static bool
is_looked_at(struct gms_remote *g)
{
	bool looked;

	(void)pthread_mutex_lock(&g->lock);
	looked = clock_mono_ms() < g->heeds_until_ms;
	(void)pthread_mutex_unlock(&g->lock);
	return looked;
}

/* Does it heed whom it is asked about? Nobody is in no group. */
static enum err
look_at_nobody(struct call *c, struct gms_line *line)
{
	struct gms_remote *g = c->gms;
	uint8_t random[NOBODY_BYTES];
	char hex[2 * NOBODY_BYTES + 1];
	struct gms_names names;
	uint64_t life_ms;
	struct bytes id;
	enum err e;

	random_bytes(random, sizeof random);
	hex_encode(random, sizeof random, hex);
	id = arena_format(&c->arena,
	    g->settings->gms_id[0] == 'X' ? "CN=nobody-%s,OU=nobody" : "nobody-%s", hex);
	e = id.p == NULL ? ERR_NO_MEMORY : search(c, line, id, &names, &life_ms);
	if (e == ERR_DENIED) /* it does not take such a one for a user: it looked */
		e = ERR_OK;
	if (e == ERR_OK && names.n > 0)
		return errinfo_set(&c->why, ERR_BUSY,
		    "it says that nobody is in groups: it answers for this service, not "
		    "for the ID it is asked about");
	if (e != ERR_OK)
		return e;
	(void)pthread_mutex_lock(&g->lock);
	g->heeds_until_ms = clock_mono_ms() + g->settings->gms_life;
	(void)pthread_mutex_unlock(&g->lock);
	return ERR_OK;
}

static enum err
put_question(struct call *c, struct gms_line *line)
{
	struct gms_names *lists = arena_array(&c->arena, struct gms_names, c->n_ids);
	enum err e = lists == NULL ? ERR_NO_MEMORY : ERR_OK;

	c->life_ms = UINT64_MAX;
	for (size_t i = 0; i < c->n_ids && e == ERR_OK; i++) {
		uint64_t life_ms = UINT64_MAX;

		e = search(c, line, c->id[i], &lists[i], &life_ms);
		if (life_ms < c->life_ms)
			c->life_ms = life_ms;
	}
	if (e == ERR_OK)
		e = gms_answer_join(&c->arena, lists, c->n_ids, &c->names, &c->why);
	if (e == ERR_OK && c->names.n > 0 && !is_looked_at(c->gms))
		e = look_at_nobody(c, line);
	return e;
}

/* It waited for others, and they were told that there is no answer. */
static bool
is_of_no_use(struct call *c)
{
	struct gms_remote *g = c->gms;
	bool away;

	(void)pthread_mutex_lock(&g->lock);
	away = g->is_away;
	(void)pthread_mutex_unlock(&g->lock);
	return g->stopping || (away && !c->is_try);
}

static void
ask_service(struct call *c)
{
	struct gms_remote *g = c->gms;
	struct gms_line *line;

	if (clock_mono_ms() - c->since_ms >= g->settings->gms_timeout ||
	    is_of_no_use(c)) {
		c->err = ERR_CANCELLED; /* which says nothing of the service */
		return;
	}
	c->since_ms = clock_mono_ms();
	line = take_line(g);
	c->err = line == NULL ? errinfo_set(&c->why, ERR_NO_MEMORY, "no memory to ask")
			      : put_question(c, line);
	if (line != NULL)
		put_line(g, line);
}

/* What came of it */

/* What the operator hears, once the lock is given back: the log may make one wait. */
enum news { NEWS_NONE, NEWS_AWAY, NEWS_BACK, NEWS_REFUSED };

static enum news
is_gone(struct gms_remote *g, const struct call *c, uint64_t now)
{
	enum news news = g->is_away ? NEWS_NONE : NEWS_AWAY;

	if (!g->is_away || c->is_try)
		g->retry_ms = now + g->settings->gms_retry;
	g->is_away = true;
	return news;
}

static enum news
is_refused(struct gms_remote *g, uint64_t now)
{
	if (g->told_ms != 0 && now - g->told_ms < g->settings->gms_retry)
		return NEWS_NONE;
	g->told_ms = now;
	return NEWS_REFUSED;
}

static void
tell(const struct gms_remote *g, enum news news, const struct call *c)
{
	const char *url = g->settings->gms_url;

	switch (news) {
	case NEWS_NONE:
		break;
	case NEWS_AWAY:
		log_warning("the group service %s cannot be asked: %s", url,
		    errinfo_text(&c->why));
		break;
	case NEWS_BACK:
		log_info("the group service %s answers again", url);
		break;
	case NEWS_REFUSED:
		log_warning("the group service %s refuses to say what '%.*s' is in: %s",
		    url, BYTES_ARG(c->id[0]), errinfo_text(&c->why));
		break;
	}
}

/* Until when the answer counts: it may be as old as the question. */
static uint64_t
end_of(const struct gms_remote *g, const struct call *c)
{
	uint64_t life =
	    c->names.n > 0 ? g->settings->gms_life : g->settings->gms_negative_life;

	return c->since_ms + (c->life_ms < life ? c->life_ms : life);
}

static void
keep(struct gms_remote *g, struct call *c, uint64_t now)
{
	struct gms_entry *entry = c->entry;

	entry->is_known = c->err == ERR_OK;
	entry->until_ms = 0;
	if (c->err == ERR_OK && gms_cache_keep(entry, &c->names) == ERR_OK)
		entry->until_ms = end_of(g, c);
	else if (c->err == ERR_DENIED)
		entry->until_ms = now + g->settings->gms_retry;
}

static enum news
settle(struct gms_remote *g, struct call *c, uint64_t now)
{
	enum news news = NEWS_NONE;

	if (c->err == ERR_DENIED)
		news = is_refused(g, now);
	else if (c->err != ERR_OK && c->err != ERR_CANCELLED && !g->stopping)
		news = is_gone(g, c, now);
	if (c->is_try && (c->err == ERR_OK || c->err == ERR_DENIED)) {
		g->is_away = false;
		news = NEWS_BACK;
	}
	if (c->is_try)
		g->is_tried = false;
	return news;
}

static void
posted(struct loop_job *job)
{
	struct gms_ask *ask = container_of(job, struct gms_ask, post);

	ask->done(ask);
}

static void
answer(struct gms_remote *g, struct gms_ask *ask, const struct call *c, uint64_t now)
{
	ask->is_known = c->err == ERR_OK &&
			gms_names_copy(ask->arena, &c->names, &ask->names) == ERR_OK;
	ask->until_ms = ask->is_known ? end_of(g, c) : now + g->settings->gms_retry;
	if (!ask->is_known)
		metric_add(&g->unknown, 1);
	ask->post.run = posted;
	loop_post(ask->loop, &ask->post);
}

static void
work(struct worker_job *job)
{
	struct call *c = container_of(job, struct call, job);
	struct gms_remote *g = c->gms;
	struct gms_ask *waiting, *next;
	enum news news;
	uint64_t now;

	ask_service(c);
	now = clock_mono_ms();
	(void)pthread_mutex_lock(&g->lock);
	news = settle(g, c, now);
	keep(g, c, now);
	c->entry->is_asked = false;
	waiting = c->entry->waiting;
	c->entry->waiting = NULL;
	for (struct gms_ask *ask = waiting; ask != NULL; ask = ask->next)
		g->n_waiting--;
	(void)pthread_mutex_unlock(&g->lock);
	tell(g, news, c);
	for (; waiting != NULL; waiting = next) {
		next = waiting->next;
		answer(g, waiting, c, now);
	}
	arena_release(&c->arena);
	free(c);
}

/* Asking: on the asker's loop */

static enum gms_found
say_unknown(struct gms_remote *g, struct gms_ask *ask)
{
	metric_add(&g->unknown, 1);
	ask->is_known = false;
	ask->until_ms = clock_mono_ms() + g->settings->gms_retry;
	return GMS_ANSWERED;
}

/* With the lock. What can be said without waiting. */
static enum gms_found
look(struct gms_remote *g, struct gms_ask *ask)
{
	struct gms_entry *entry = gms_cache_find(g->cache, ask->key);
	uint64_t now = clock_mono_ms();

	if (entry != NULL && now < entry->until_ms) {
		if (!entry->is_known ||
		    gms_names_copy(ask->arena, &entry->names, &ask->names) != ERR_OK)
			return say_unknown(g, ask);
		metric_add(&g->from_cache, 1);
		ask->is_known = true;
		ask->until_ms = entry->until_ms;
		return GMS_ANSWERED;
	}
	if (g->is_away && (g->is_tried || now < g->retry_ms))
		return say_unknown(g, ask);
	return GMS_NOT_KNOWN;
}

enum gms_found
gms_look(struct gms_remote *g, struct gms_ask *ask)
{
	enum gms_found found;

	(void)pthread_mutex_lock(&g->lock);
	found = look(g, ask);
	(void)pthread_mutex_unlock(&g->lock);
	return found;
}

static struct call *
new_call(struct gms_remote *g, const struct gms_ask *ask)
{
	struct call *c = calloc(1, sizeof *c + ask->n_ids * sizeof c->id[0]);
	bool failed = false;

	if (c == NULL)
		return NULL;
	*c = (struct call){.gms = g, .since_ms = clock_mono_ms(), .n_ids = ask->n_ids};
	c->job.work = work; /* no loop: it frees itself */
	arena_init(&c->arena, CALL_ARENA_SPARE + CALL_ARENA_TIMES * (ask->n_ids + 1) *
						     (size_t)g->settings->gms_answer_max);
	for (size_t i = 0; i < ask->n_ids; i++) {
		c->id[i] = arena_copy(&c->arena, ask->ids[i]);
		failed |= c->id[i].p == NULL;
	}
	if (!failed)
		return c;
	arena_release(&c->arena);
	free(c);
	return NULL;
}

/* With the lock. The question is put; true. */
static bool
put(struct gms_remote *g, struct gms_ask *ask, struct gms_entry *entry)
{
	struct call *c;

	if (entry == NULL)
		entry = gms_cache_add(g->cache, ask->key);
	c = entry == NULL ? NULL : new_call(g, ask);
	if (c == NULL)
		return false;
	entry->is_asked = true;
	c->entry = entry;
	c->is_try = g->is_away;
	g->is_tried = g->is_away;
	worker_submit(g->threads, &c->job);
	return true;
}

/* With the lock. */
static enum gms_found
ask_or_join(struct gms_remote *g, struct gms_ask *ask)
{
	struct gms_entry *entry;
	enum gms_found found = look(g, ask);

	if (found == GMS_ANSWERED)
		return found;
	entry = gms_cache_find(g->cache, ask->key);
	if (g->n_waiting >= g->settings->gms_waiting)
		return say_unknown(g, ask);
	if (!(entry != NULL && entry->is_asked) && !put(g, ask, entry))
		return say_unknown(g, ask);
	if (g->is_away) /* nobody waits for what may not come */
		return say_unknown(g, ask);
	entry = gms_cache_find(g->cache, ask->key);
	ask->next = entry->waiting;
	entry->waiting = ask;
	g->n_waiting++;
	return GMS_WAIT;
}

enum gms_found
gms_ask(struct gms_remote *g, struct gms_ask *ask)
{
	enum gms_found found;

	CHECK(ask->n_ids > 0);
	(void)pthread_mutex_lock(&g->lock);
	found = ask_or_join(g, ask);
	(void)pthread_mutex_unlock(&g->lock);
	return found;
}

struct gms_stats
gms_remote_stats(struct gms_remote *g)
{
	uint64_t failed = metric_read(&g->failed); /* first: never more than were asked */
	struct gms_stats s = {
	    .asked = metric_read(&g->asked),
	    .failed = failed,
	    .from_cache = metric_read(&g->from_cache),
	    .unknown = metric_read(&g->unknown),
	};

	(void)pthread_mutex_lock(&g->lock);
	s.kept = gms_cache_count(g->cache);
	s.is_away = g->is_away;
	(void)pthread_mutex_unlock(&g->lock);
	return s;
}

/* Begin and end */

static enum err
check_files(const struct settings *s, struct errinfo *why)
{
	const struct {
		const char *setting, *file;
	} files[] = {
	    {"gms_ca", s->gms_ca},
	    {"gms_certificate", s->gms_certificate},
	    {"gms_key", s->gms_key},
	    {"gms_token", s->gms_token},
	};

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (files[i].file[0] != '\0' && access(files[i].file, R_OK) != 0)
			return errinfo_set(why, ERR_CONFIG, "%s: %s cannot be read",
			    files[i].setting, files[i].file);
	return ERR_OK;
}

enum err
gms_remote_new(
    const struct settings *settings, struct gms_remote **out, struct errinfo *why)
{
	size_t n = (size_t)settings->gms_calls;
	struct gms_remote *g = calloc(1, sizeof *g + n * sizeof g->line[0]);
	enum err e = g == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for groups")
			       : check_files(settings, why);

	if (e == ERR_OK && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		e = errinfo_set(why, ERR_INTERNAL, "libcurl does not start");
	if (e == ERR_OK) {
		g->settings = settings;
		g->cache = gms_cache_new((size_t)settings->gms_cache);
		if (g->cache == NULL)
			e = errinfo_set(why, ERR_NO_MEMORY, "no memory for gms_cache");
	}
	if (e == ERR_OK)
		e = worker_pool_new((unsigned)n, &g->threads, why);
	if (e != ERR_OK) {
		if (g != NULL)
			gms_cache_free(g->cache);
		free(g);
		return e;
	}
	CHECK(pthread_mutex_init(&g->lock, NULL) == 0);
	*out = g;
	return ERR_OK;
}

void
gms_remote_free(struct gms_remote *g)
{
	if (g == NULL)
		return;
	g->stopping = true;
	worker_pool_free(g->threads);
	for (size_t i = 0; i < g->n_lines; i++)
		gms_line_free(g->line[i]);
	gms_cache_free(g->cache);
	(void)pthread_mutex_destroy(&g->lock);
	free(g);
}
