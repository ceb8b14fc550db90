/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gms_answer - what a group service says somebody is in, from its answer to a search.
 *
 * text/plain is IVOA GMS 1.0: a name on each line, the last one ended too. text/xml is what
 * OpenCADC's answers a search by role with: <groups><group uri="ivo://AUTHORITY/gms?NAME"/>,
 * of which those count that are the outside service's by the settings. Anything else is no
 * answer, and nothing of it is believed.
 * Memory: the names are in the arena, the text is borrowed for the call. Thread: any.
 */
#ifndef QUARTET_GMS_GMS_ANSWER_H
#define QUARTET_GMS_GMS_ANSWER_H

#include "conf/settings.h"
#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"

struct gms_names {
	const struct bytes *name; /* ascending, each once */
	size_t n;
};

/* `type` is the Content-Type. ERR_INVALID_ARGUMENT: no answer to a search. */
enum err gms_answer_parse(struct arena *a, const struct settings *settings,
    struct bytes type, struct bytes text, struct gms_names *out,
    struct errinfo *why) ERR_CHECKED;

/* All that are in one of `n` lists. */
enum err gms_answer_join(struct arena *a, const struct gms_names *lists, size_t n,
    struct gms_names *out, struct errinfo *why) ERR_CHECKED;

#endif
