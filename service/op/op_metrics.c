/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /metrics - everything that is counted, for Prometheus and what reads its format.
 *
 * Behind the admin socket for whoever may use that; in public for the administrator
 * (architecture D46) and for the accounts and addresses of metrics_readers.
 */
#include "service/op/metrics_families.h"
#include "service/op/ops.h"

enum { TEXT_MAX = 4 * 1024 * 1024 };

static bool
is_reader(const struct op_call *call)
{
	const struct settings_list *readers = &call->env->settings->metrics_readers;
	const struct space *space = call->env->space;

	if (call->caller->is_admin)
		return true;
	for (size_t i = 0; i < space->n_metrics_ranges; i++)
		if (address_range_has(&space->metrics_ranges[i], call->peer))
			return true;
	for (size_t i = 0; i < readers->n && !call->caller->is_anonymous; i++)
		if (bytes_is(call->caller->name, readers->items[i]))
			return true;
	return false;
}

static void
check_metrics(struct op_call *call)
{
	if (is_reader(call)) {
		op_pass(call);
		return;
	}
	op_fail(
	    call, errinfo_set(&call->why,
		      call->caller->is_anonymous ? ERR_NOT_AUTHENTICATED : ERR_DENIED,
		      "metrics are shown to the administrator and to metrics_readers"));
}

static void
run_metrics(struct op_call *call)
{
	struct store_facts store = {.nodes = 0};
	struct str text;
	struct metrics m = {.to = &text};
	enum err e = store_facts(call->env->reader, &store, &call->why);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	str_init(&text, TEXT_MAX);
	metrics_of_service(&m, call);
	metrics_of_locations(&m, call);
	metrics_of_copies(&m, call, &store);
	metrics_of_catalogue(&m, call, &store);
	metrics_of_journal(&m, call);
	op_finish_str(call, 200, METRICS_TYPE, &text);
}

const struct op op_metrics = {
    .name = "metrics", .check = check_metrics, .run = run_metrics};
