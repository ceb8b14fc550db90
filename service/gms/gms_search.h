/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gms_search - one question to a group service, which waits for the answer:
 * GET URL?ROLE=member&IDTYPE=TYPE&ID=WHO, as this service itself. https only; no redirect is
 * followed; bounded in time and size.
 * Thread: any that may wait, one at a time for each line.
 */
#ifndef QUARTET_GMS_GMS_SEARCH_H
#define QUARTET_GMS_GMS_SEARCH_H

#include "conf/settings.h"
#include "service/gms/gms_answer.h"

/* Connections to the service that are kept. */
struct gms_line;

/* `stop` is looked at while it waits: when it is true nobody wants the answer any more. */
struct gms_line *gms_line_new(
    const struct settings *settings, const _Atomic bool *stop); /* NULL: no memory */
void gms_line_free(struct gms_line *line); /* NULL is fine */

/*
 * The groups of whoever has the identity `id`; none of somebody it does not know.
 * *life_ms_out is how long the answer counts by its `Expires`, UINT64_MAX if that does not
 * say. ERR_DENIED: it refuses just this question. ERR_BUSY: it cannot be asked.
 */
enum err gms_search(struct gms_line *line, struct arena *a, struct bytes id,
    struct gms_names *out, uint64_t *life_ms_out, struct errinfo *why) ERR_CHECKED;

#endif
