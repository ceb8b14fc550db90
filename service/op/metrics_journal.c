/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "replication/meta_copy.h"
#include "service/core/clock.h"
#include "service/op/metrics_families.h"

static void
write_live(struct metrics *m, const struct journal_facts *journal, unsigned n)
{
	char number[16];

	metrics_family(m, "quartet_journal_live", METRICS_GAUGE,
	    "1 for a location whose journal takes changes now.");
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(number, sizeof number, "%u", i + 1);
		metrics_count(m, METRICS_LABELS({"loc", number}), journal->is_live[i]);
	}
	metrics_family(m, "quartet_journal_backlog_bytes", METRICS_GAUGE,
	    "What a location has not yet taken of the journal.");
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(number, sizeof number, "%u", i + 1);
		metrics_count(m, METRICS_LABELS({"loc", number}), journal->backlog[i]);
	}
}

static void
write_copies(
    struct metrics *m, const struct meta_copy_facts *copy, const struct journal_facts *j)
{
	metrics_family(m, "quartet_meta_copies_total", METRICS_COUNTER,
	    "Copies of the metadata that were made, and attempts that failed.");
	metrics_count(m, METRICS_LABELS({"result", "made"}), copy->made);
	metrics_count(m, METRICS_LABELS({"result", "failed"}), copy->failed);
	metrics_family(m, "quartet_meta_backup_age_seconds", METRICS_GAUGE,
	    "For how long there are changes that no copy of the metadata has.");
	metrics_real(m, NULL,
	    j->at.seq == copy->seq ? 0
				   : (double)(clock_wall_ms() - copy->looked_ms) / 1e3);
}

void
metrics_of_journal(struct metrics *m, const struct op_call *call)
{
	const struct mirror *mirror = call->env->mirror;
	struct journal_facts journal;
	struct meta_copy_facts copy;

	journal_mirror_facts(mirror->journal, &journal);
	meta_copy_facts(mirror->meta_copy, &copy);
	metrics_family(m, "quartet_journal_seq", METRICS_GAUGE,
	    "Number of the last change that counts.");
	metrics_count(m, NULL, journal.at.seq);
	metrics_family(m, "quartet_journal_bytes_total", METRICS_COUNTER,
	    "Bytes of the journal, each counted once.");
	metrics_count(m, NULL, journal.bytes);
	metrics_family(m, "quartet_journal_given_up_total", METRICS_COUNTER,
	    "Batches of changes that were revoked: too few locations took them, or the "
	    "metadata's disk did not.");
	metrics_count(m, NULL, journal.given_up);
	write_live(m, &journal, mirror->n);
	write_copies(m, &copy, &journal);
}
