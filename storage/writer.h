/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer - the one thread that changes the store. Internal to storage.
 *
 * Takes all waiting changes as a batch: while one batch is being committed the next one
 * gathers, and half a millisecond longer when those that were answered just now are
 * expected back. Then it applies each in a child transaction, writes totals and counters,
 * appends the batch to the journal, commits, answers all (architecture D60).
 */
#ifndef QUARTET_STORAGE_WRITER_H
#define QUARTET_STORAGE_WRITER_H

#include "storage/journal.h"
#include "storage/write.h"

struct writer;

enum err writer_new(struct db *db, const struct store_config *config, struct writer **out,
    struct errinfo *why) ERR_CHECKED;
/* After the queue is empty. */
void writer_free(struct writer *writer);

/* Before the first change. */
void writer_set_journal(struct writer *writer, struct journal_sink *journal);

void writer_submit(struct writer *writer, struct change *change);
void writer_set_oldest_open(struct writer *writer, uint64_t blob_id);
/* As store_version. */
uint64_t writer_version(const struct writer *writer);
/* As store_counts. */
const struct store_counts *writer_counts(const struct writer *writer);

/* Apply one change on the calling thread; for store_format, where no thread runs. */
enum err writer_apply_now(struct db *db, const struct store_config *config,
    struct change *change, struct errinfo *why) ERR_CHECKED;

#endif
