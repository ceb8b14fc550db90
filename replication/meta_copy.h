/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_copy - verified copies of the catalogue at the locations (architecture D73).
 *
 * Every `meta_copy_period` in which something changed, sooner after `meta_copy_journal`
 * bytes of journal or when a location has missed entries of it, a copy of the store is
 * made beside the store, looked through by a process of its own, and written to
 * META_COPY_PLACES locations: those that need one first, the others in turn. Old copies
 * are removed, and the files of the journal that no kept copy needs any more: it reaches
 * back to the third-newest copy.
 *
 * A copy is the file copy-SEQ-TIME (hex) in the place of location_meta_write: the seq of the
 * journal it is as of, and when it was made.
 *
 * Order: new -> start -> stop, which waits -> free. Threads: one of its own; facts by any.
 */
#ifndef QUARTET_REPLICATION_META_COPY_H
#define QUARTET_REPLICATION_META_COPY_H

#include "replication/journal_mirror.h"

struct meta_copy;

enum { META_COPY_PLACES = 2, META_COPY_NAME_SIZE = 5 + 16 + 1 + 16 + 1 };

struct meta_copy_config {
	struct mirror *mirror;
	struct journal_mirror *journal;
	const struct settings *settings;
	const char *const *checker; /* see meta_copy_check */
};

struct meta_copy_facts {
	int64_t made_ms; /* the last good one by this process; 0: none yet */
	int64_t
	    looked_ms; /* likewise, or when this one began to look at those there were */
	uint64_t seq; /* of the newest there is */
	uint64_t made, failed;
};

enum err meta_copy_new(const struct meta_copy_config *config, struct meta_copy **out,
    struct errinfo *why) ERR_CHECKED;
enum err meta_copy_start(struct meta_copy *m, struct errinfo *why) ERR_CHECKED;
/* False: it is stuck at a location or in the check; it must be left behind. */
bool meta_copy_stop(struct meta_copy *m, uint64_t wait_ms);
void meta_copy_free(struct meta_copy *m);
void meta_copy_facts(struct meta_copy *m, struct meta_copy_facts *out);

/* The names. */
void meta_copy_name(uint64_t seq, int64_t time_ms, char out[META_COPY_NAME_SIZE]);
bool meta_copy_name_parse(struct bytes name, uint64_t *seq_out, int64_t *time_out);

/*
 * Look through the store in `dir` in a process of its own: `checker` is a program and its
 * arguments, NULL behind them, that is given `dir` as one more and runs catalogue_check.
 * ERR_DAMAGED: it ended badly, or with another status than 0.
 */
enum { META_COPY_ARGUMENTS_MAX = 8 };
/* What such a process does: says on stderr what is wrong, returns its exit status. Files
 * that have no good copy any more are not the catalogue's fault. */
int meta_copy_look(const char *dir);
enum err meta_copy_check(
    const char *const *checker, const char *dir, struct errinfo *why) ERR_CHECKED;

/* Which copies go: all but the `newest`, and of each of the last `days` days the first. */
struct meta_copy_seen {
	uint64_t seq;
	int64_t made_ms;
	bool remove; /* out */
};
void meta_copy_choose(
    struct meta_copy_seen *copy, size_t n, unsigned newest, unsigned days);

#endif
