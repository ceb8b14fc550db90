/* SPDX-License-Identifier: Apache-2.0 */
#include "service/gms/gms_remote.h"
#include "service/job/engine.h"
#include "service/op/metrics_families.h"
#include "service/op/service_mode.h"
#include "service/op/traffic.h"

#include <stdio.h>

static void
write_identity(struct metrics *m, const struct op_call *call)
{
	const struct space *space = call->env->space;

	metrics_family(m, "quartet_build_info", METRICS_GAUGE, "Which version runs.");
	metrics_count(m, METRICS_LABELS({"version", QUARTET_VERSION}), 1);
	metrics_family(m, "quartet_start_time_seconds", METRICS_GAUGE,
	    "When the server was started, in seconds since 1970.");
	metrics_count(m, NULL, (uint64_t)space->started_ms / 1000);
	metrics_family(m, "quartet_mode", METRICS_GAUGE,
	    "1 for what the service does by the operator's order, 0 for the others.");
	for (int mode = MODE_READ_WRITE; mode <= MODE_OFFLINE; mode++)
		metrics_count(m,
		    METRICS_LABELS({"mode", service_mode_name((enum service_mode)mode)}),
		    space->mode == mode);
}

static void
write_requests(struct metrics *m, const struct traffic *t)
{
	static const char *const classes[TRAFFIC_CLASSES] = {
	    "1xx", "2xx", "3xx", "4xx", "5xx"};

	metrics_family(m, "quartet_http_requests_total", METRICS_COUNTER,
	    "Requests answered, by operation and class of the status.");
	for (unsigned i = 0; i < t->n_ops; i++)
		for (unsigned c = 1; c < TRAFFIC_CLASSES; c++)
			metrics_count(m,
			    METRICS_LABELS(
				{"op", traffic_name(&t->op[i])}, {"class", classes[c]}),
			    metric_read(&t->op[i].answered[c]));
	metrics_family(m, "quartet_http_request_seconds", METRICS_HISTOGRAM,
	    "Time from a request's head to the end of its answer.");
	for (unsigned i = 0; i < t->n_ops; i++)
		metrics_distribution(m, METRICS_LABELS({"op", traffic_name(&t->op[i])}),
		    &t->op[i].took_us, metric_times_us, 1e6);
}

static void
write_connections(struct metrics *m, const struct op_call *call)
{
	const struct traffic *t = call->env->traffic;
	const struct metrics_label *public = METRICS_LABELS({"door", "public"});
	const struct metrics_label *admin = METRICS_LABELS({"door", "admin"});

	metrics_family(m, "quartet_http_connections", METRICS_GAUGE,
	    "Open connections, of clients and of the admin socket.");
	metrics_count(m, public, t->connections);
	metrics_count(m, admin, t->admin_connections);
	metrics_family(m, "quartet_http_connections_max", METRICS_GAUGE,
	    "Connections of clients that are let in at most.");
	metrics_count(m, NULL, call->env->settings->connections);
	metrics_family(m, "quartet_http_received_bytes_total", METRICS_COUNTER,
	    "Bytes of heads and bodies received, without TLS.");
	metrics_count(m, public, metric_read(&t->bytes_in));
	metrics_count(m, admin, metric_read(&t->admin_bytes_in));
	metrics_family(m, "quartet_http_sent_bytes_total", METRICS_COUNTER,
	    "Bytes of heads and bodies sent, without TLS.");
	metrics_count(m, public, metric_read(&t->bytes_out));
	metrics_count(m, admin, metric_read(&t->admin_bytes_out));
}

static void
write_jobs(struct metrics *m, const struct op_call *call)
{
	char name[32];

	metrics_family(m, "quartet_jobs", METRICS_GAUGE, "Jobs that are kept, by phase.");
	for (int phase = JOB_PENDING; phase < JOB_PHASES; phase++) {
		if (phase == JOB_HELD || phase == JOB_UNKNOWN)
			continue; /* no job of ours ever is */
		(void)snprintf(name, sizeof name, "%.*s",
		    BYTES_ARG(job_phase_name((enum job_phase)phase)));
		metrics_count(m, METRICS_LABELS({"phase", name}),
		    jobs_in_phase(call->env->jobs, (enum job_phase)phase));
	}
}

static void
write_groups(struct metrics *m, struct gms_remote *gms)
{
	struct gms_stats s = gms_remote_stats(gms);

	metrics_family(m, "quartet_gms_up", METRICS_GAUGE,
	    "1 unless the outside group service could not be asked the last time.");
	metrics_count(m, NULL, !s.is_away);
	metrics_family(m, "quartet_gms_calls_total", METRICS_COUNTER,
	    "Questions put to the outside group service, by whether it answered.");
	metrics_count(m, METRICS_LABELS({"outcome", "ok"}), s.asked - s.failed);
	metrics_count(m, METRICS_LABELS({"outcome", "failed"}), s.failed);
	metrics_family(m, "quartet_gms_cache_hits_total", METRICS_COUNTER,
	    "Answers about somebody's groups that were there already.");
	metrics_count(m, NULL, s.from_cache);
	metrics_family(m, "quartet_gms_unknown_total", METRICS_COUNTER,
	    "Times nothing could be known of somebody's groups.");
	metrics_count(m, NULL, s.unknown);
	metrics_family(m, "quartet_gms_cache_entries", METRICS_GAUGE,
	    "Users whose groups, or whose having none, are kept.");
	metrics_count(m, NULL, s.kept);
}

static void
write_memory(struct metrics *m, const struct op_call *call)
{
	struct pool_stats pool = pool_stats(call->env->pool);

	metrics_family(m, "quartet_pool_limit_bytes", METRICS_GAUGE,
	    "Memory that file bytes may pass through.");
	metrics_count(m, NULL, pool.limit_bytes);
	metrics_family(m, "quartet_pool_used_bytes", METRICS_GAUGE,
	    "Memory that file bytes pass through now.");
	metrics_count(m, NULL, pool.used_bytes);
	metrics_family(m, "quartet_pool_transfers", METRICS_GAUGE,
	    "Transfers of file bytes under way.");
	metrics_count(m, NULL, pool.transfers);
	metrics_family(m, "quartet_location_zombie_bytes", METRICS_GAUGE,
	    "Memory held by operations of all locations that do not come back, and by "
	    "checksum tables.");
	metrics_count(m, NULL, pool.disowned_bytes);
}

void
metrics_of_service(struct metrics *m, const struct op_call *call)
{
	write_identity(m, call);
	write_requests(m, call->env->traffic);
	write_connections(m, call);
	write_jobs(m, call);
	if (call->env->gms != NULL)
		write_groups(m, call->env->gms);
	write_memory(m, call);
}
