/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_families - the metrics there are, as op_metrics.c writes them (storage 2.9).
 * On the loop of `call`.
 */
#ifndef QUARTET_OP_METRICS_FAMILIES_H
#define QUARTET_OP_METRICS_FAMILIES_H

#include "service/op/metrics_text.h"
#include "service/op/op.h"

/* metrics_service.c: clients, jobs, memory. */
void metrics_of_service(struct metrics *m, const struct op_call *call);

/* metrics_storage.c: the locations, the copies on them, the catalogue. */
void metrics_of_locations(struct metrics *m, const struct op_call *call);
void metrics_of_copies(
    struct metrics *m, const struct op_call *call, const struct store_facts *store);
void metrics_of_catalogue(
    struct metrics *m, const struct op_call *call, const struct store_facts *store);

/* metrics_journal.c */
void metrics_of_journal(struct metrics *m, const struct op_call *call);

#endif
