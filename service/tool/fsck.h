/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsck - what the parts of quartet fsck share: where findings go.
 */
#ifndef QUARTET_TOOL_FSCK_H
#define QUARTET_TOOL_FSCK_H

#include "conf/settings.h"
#include "storage/store.h"

struct fsck {
	const struct settings *settings;
	struct store_reader *reader;
	uint64_t contradictions; /* of the catalogue with itself */
	uint64_t copies; /* that lie where they should */
	uint64_t differences; /* of a location with the catalogue */
	unsigned away; /* locations that could not be looked at */
	uint64_t told; /* lines printed */
	int64_t spoke_ms; /* of progress, the last time */
};

/* A line about something wrong, as long as there are not too many. */
void __attribute__((format(printf, 2, 3)))
fsck_tell(struct fsck *f, const char *fmt, ...);

/* Where it is, now and then, to standard error. */
void fsck_progress(struct fsck *f, const char *what, uint64_t done, uint64_t total);

/* All locations, leaf by leaf, beside the catalogue. ERR_OK: whatever was found. */
enum err fsck_disks(struct fsck *f, struct errinfo *why) ERR_CHECKED;

#endif
