/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gms_remote - what groups of an outside group service somebody is in, as far as that can be
 * known (architecture D13, D44).
 *
 *   gms_look ──► GMS_ANSWERED: from the cache; or it is away, and nobody waits for it
 *       └──► GMS_NOT_KNOWN ─► gms_ask ──► GMS_ANSWERED, or GMS_WAIT: `done` comes
 *
 * Promise: many who ask about one person at one time make one question. An answer counts
 * for gms_life at most, whatever happens meanwhile. While the service is away nobody waits:
 * after a failure the next question is put gms_retry later, by whoever comes then, who does
 * not wait for it either. Whoever waits does so for gms_timeout at most for his turn, and as
 * long for each question.
 *
 * A service that answers for whoever asks it, and not for the ID it is asked about, would
 * make all of us what this service is. So, once in gms_life, when an answer has groups in
 * it, the service is asked about somebody who does not exist; if that one is in a group
 * nothing it says is believed.
 *
 * Thread: any; `done` runs on the asker's loop.
 */
#ifndef QUARTET_GMS_GMS_REMOTE_H
#define QUARTET_GMS_GMS_REMOTE_H

#include "conf/settings.h"
#include "service/core/loop.h"
#include "service/core/metric.h"
#include "service/gms/gms_answer.h"

struct gms_remote;

static inline bool
gms_remote_is_on(const struct settings *settings)
{
	return settings->gms_url[0] != '\0';
}

/* ERR_CONFIG names the setting whose file cannot be read. */
enum err gms_remote_new(const struct settings *settings, struct gms_remote **out,
    struct errinfo *why) ERR_CHECKED;
/* When nobody waits any more; breaks off what is under way. NULL is fine. */
void gms_remote_free(struct gms_remote *g);

enum gms_found { GMS_ANSWERED, GMS_NOT_KNOWN, GMS_WAIT };

/* Owned by the asker until `done`; so are its texts and its arena. */
struct gms_ask {
	struct loop *loop;
	void (*done)(struct gms_ask *ask);
	struct arena *arena; /* for the names */
	struct bytes key; /* who it is; another one as soon as an ID is another */
	const struct bytes *ids; /* in gms_ask: all of these are he; at least one */
	size_t n_ids;
	/* The answer. */
	bool is_known; /* else the service could not be asked */
	struct gms_names names;
	uint64_t until_ms; /* it is worth asking again then (clock_mono_ms) */
	/* Its own. */
	struct gms_ask *next;
	struct loop_job post;
};

enum gms_found gms_look(struct gms_remote *g, struct gms_ask *ask);
enum gms_found gms_ask(struct gms_remote *g, struct gms_ask *ask);

/* For those who watch. */
struct gms_stats {
	uint64_t asked, failed; /* questions put to it, and those without an answer */
	uint64_t from_cache; /* answers that were there */
	uint64_t unknown; /* times nothing could be said */
	uint64_t kept; /* answers in the cache */
	bool is_away;
};
struct gms_stats gms_remote_stats(struct gms_remote *g);

#endif
