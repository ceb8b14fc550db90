/* SPDX-License-Identifier: Apache-2.0 */
#include "service/server_private.h"

#include <stdlib.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "auth/issuer.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/gms/gms_remote.h"
#include "service/keeper.h"
#include "service/letter/letter.h"
#include "service/openid/openid.h"
#include "service/remote/remote.h"
#include "service/space.h"
#include "service/watchdog.h"

static struct server *
alloc_server(const struct settings *settings)
{
	unsigned n =
	    settings->loops != 0 ? (unsigned)settings->loops : (unsigned)get_nprocs();
	struct server *s = calloc(1, sizeof *s + n * sizeof(struct server_loop));
	size_t n_tls = settings->listen_tls.n * n, n_plain = settings->listen_plain.n * n;

	if (s == NULL)
		return NULL;
	s->settings = settings;
	s->n_loops = n;
	s->admin_fd = -1;
	s->tls_fds = malloc((n_tls + 1) * sizeof(int));
	s->plain_fds = malloc((n_plain + 1) * sizeof(int));
	if (s->tls_fds == NULL || s->plain_fds == NULL) {
		free(s->tls_fds);
		free(s->plain_fds);
		free(s);
		return NULL;
	}
	for (size_t i = 0; i <= n_tls; i++)
		s->tls_fds[i] = -1;
	for (size_t i = 0; i <= n_plain; i++)
		s->plain_fds[i] = -1;
	return s;
}

static void
know_operations(struct traffic *t)
{
	const struct op *op;

	traffic_init(t);
	for (size_t i = 0; (op = route_op(i)) != NULL; i++)
		traffic_add(t, op);
}

enum err
server_open(const struct settings *settings, struct server **out, struct errinfo *why)
{
	struct server *s = alloc_server(settings);
	enum err e;

	if (s == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the server");
	know_operations(&s->traffic);
	e = server_load_tls(settings, &s->tls, &s->trust, why);
	if (e == ERR_OK)
		e = server_open_doors(s, why);
	if (e == ERR_OK)
		e = server_start_keeper(s, why);
	if (e != ERR_OK) {
		(void)server_stop(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

/* Loops */

static struct conn_group
group_of(struct server_loop *sl, const struct conn_handler *handler)
{
	const struct settings *s = sl->server->settings;
	struct traffic *t = &sl->server->traffic;
	bool is_public = handler == &request_public_handler;

	return (struct conn_group){
	    .loop = sl->loop,
	    .pool = sl->server->pool,
	    .handler = handler,
	    .arg = &sl->requests,
	    .limits = {.head_max = s->head_max, .target_max = s->target_max},
	    .head_timeout_ms = s->head_timeout,
	    .idle_timeout_ms = s->idle_timeout,
	    .stall_timeout_ms = s->stall_timeout,
	    .min_rate = s->min_rate,
	    .drain_max = s->drain_max,
	    .connections = is_public ? &t->connections : &t->admin_connections,
	    .bytes_in = is_public ? &t->bytes_in : &t->admin_bytes_in,
	    .bytes_out = is_public ? &t->bytes_out : &t->admin_bytes_out,
	};
}

static enum err
add_listener(struct server_loop *sl, int fd, struct conn_group *group,
    struct tls_context *tls, bool local_only, struct errinfo *why)
{
	struct listener_config config = {
	    .fd = fd,
	    .group = group,
	    .tls = tls,
	    .local_only = local_only,
	    .connections_max = (unsigned)sl->server->settings->connections,
	};
	enum err e = listener_new(&config, &sl->listeners[sl->n_listeners], why);

	sl->n_listeners += e == ERR_OK;
	return e;
}

static enum err
add_listeners(struct server_loop *sl, unsigned index, struct errinfo *why)
{
	struct server *s = sl->server;
	enum err e = ERR_OK;

	for (size_t i = 0; i < s->settings->listen_tls.n && e == ERR_OK; i++)
		e = add_listener(sl, s->tls_fds[i * s->n_loops + index],
		    &sl->public_group, s->tls, false, why);
	for (size_t i = 0; i < s->settings->listen_plain.n && e == ERR_OK; i++)
		e = add_listener(sl, s->plain_fds[i * s->n_loops + index],
		    &sl->public_group, NULL, false, why);
	if (e == ERR_OK && index == 0 && s->admin_fd >= 0)
		e = add_listener(sl, s->admin_fd, &sl->admin_group, NULL, true, why);
	return e;
}

static void *
run_loop(void *arg)
{
	loop_run(((struct server_loop *)arg)->loop);
	return NULL;
}

static enum err
start_loop(struct server *s, unsigned index, struct errinfo *why)
{
	struct server_loop *sl = &s->loop[index];
	enum err e;
	int failed;

	(void)snprintf(sl->name, sizeof sl->name, "loop-%u", index);
	sl->server = s;
	e = loop_new(sl->name, &sl->loop, why);
	if (e != ERR_OK)
		return e;
	sl->requests = (struct request_loop){
	    .env = {.settings = s->settings,
		.space = &s->space,
		.loop = sl->loop,
		.store = s->store,
		.mirror = s->mirror,
		.pool = s->pool,
		.workers = s->workers,
		.jobs = s->jobs,
		.traffic = &s->traffic,
		.finder = s->finder,
		.openid = s->openid,
		.gms = s->gms,
		.letters = s->letters},
	    .trust = s->trust,
	    .index = index,
	};
	e = store_reader_new(s->store, &sl->requests.env.reader, why);
	if (e != ERR_OK)
		return e;
	e = passwords_new(sl->loop, s->password_worker, s->settings->password_memory,
	    WRONG_PASSWORD_MS, &sl->requests.env.passwords, why);
	if (e != ERR_OK)
		return e;
	sl->public_group = group_of(sl, &request_public_handler);
	sl->admin_group = group_of(sl, &request_admin_handler);
	e = add_listeners(sl, index, why);
	if (e != ERR_OK)
		return e;
	failed = pthread_create(&sl->thread, NULL, run_loop, sl);
	if (failed != 0)
		return errinfo_sys(why, ERR_INTERNAL, failed, "cannot start a thread");
	sl->running = true;
	return ERR_OK;
}

/* The doors of a loop as add_listeners opens them. */
static enum err
watch_loop(struct server *s, unsigned index, struct errinfo *why)
{
	struct watchdog_door doors[2 * ADDRESSES_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < s->settings->listen_tls.n; i++)
		doors[n++] = (struct watchdog_door){
		    .fd = s->tls_fds[i * s->n_loops + index], .has_tls = true};
	for (size_t i = 0; i < s->settings->listen_plain.n; i++)
		doors[n++] =
		    (struct watchdog_door){.fd = s->plain_fds[i * s->n_loops + index]};
	if (index == 0 && s->admin_fd >= 0)
		doors[n++] = (struct watchdog_door){.fd = s->admin_fd, .is_admin = true};
	return watchdog_watch(
	    s->watchdog, s->loop[index].loop, s->loop[index].name, doors, n, why);
}

static enum err
start_watchdog(struct server *s, struct errinfo *why)
{
	struct watchdog_config config = {
	    .env = s->loop[0].requests.env,
	    .index = s->n_loops,
	    .public_group = group_of(&s->loop[0], &request_public_handler),
	    .admin_group = group_of(&s->loop[0], &request_admin_handler),
	    .tls = s->tls,
	    .connections_max = (unsigned)s->settings->connections,
	};
	enum err e = watchdog_new(&config, &s->watchdog, why);

	for (unsigned i = 0; i < s->n_loops && e == ERR_OK; i++)
		e = watch_loop(s, i, why);
	if (e == ERR_OK)
		e = watchdog_watch(
		    s->watchdog, s->background, "the background loop", NULL, 0, why);
	return e == ERR_OK ? watchdog_start(s->watchdog, why) : e;
}

enum err
server_start(struct server *s, struct errinfo *why)
{
	const struct settings *settings = s->settings;
	enum err e = pool_new(settings->buffer_memory, &s->pool, why);

	if (e == ERR_OK)
		e = worker_pool_new((unsigned)settings->workers, &s->workers, why);
	if (e == ERR_OK)
		e = worker_pool_new(1, &s->password_worker, why);
	if (e == ERR_OK && openid_is_on(s->settings))
		e = openid_new(s->settings, &s->openid, why);
	if (e == ERR_OK && gms_remote_is_on(s->settings))
		e = gms_remote_new(s->settings, &s->gms, why);
	if (e == ERR_OK && letters_are_on(s->settings))
		e = letters_new(s->settings, &s->letters, why);
	if (e == ERR_OK)
		e = server_open_finder(s, why);
	if (e == ERR_OK)
		e = server_open_store(s, why);
	if (e == ERR_OK)
		e = server_start_background(s, why);
	if (e != ERR_OK)
		return e;
	server_wait_for_locations(s);
	for (unsigned i = 0; i < s->n_loops && e == ERR_OK; i++)
		e = start_loop(s, i, why);
	return e == ERR_OK ? start_watchdog(s, why) : e;
}

/* Have every loop do something, and wait until all have. */
static void
on_all_loops(struct server *s, void (*run)(struct loop_job *job))
{
	unsigned running = 0;

	s->acknowledged = 0;
	for (unsigned i = 0; i < s->n_loops; i++) {
		struct server_loop *sl = &s->loop[i];

		if (!sl->running)
			continue;
		running++;
		sl->job.run = run;
		loop_post(sl->loop, &sl->job);
	}
	while (s->acknowledged < running)
		(void)usleep(1000);
}

static void
take_new_trust(struct loop_job *job)
{
	struct server_loop *sl = container_of(job, struct server_loop, job);
	struct server *s = sl->server;

	sl->requests.trust = s->trust;
	for (size_t i = 0; i < sl->n_listeners; i++)
		if (s->tls != NULL)
			listener_set_tls(sl->listeners[i], s->tls);
	s->acknowledged++;
}

/* A loop that does this is in no operation, and has done what was posted before. */
static void
pass_by(struct loop_job *job)
{
	container_of(job, struct server_loop, job)->server->acknowledged++;
}

/*
 * All or nothing. Every loop believes in the new authority before the first certificate
 * of it is given.
 */
enum err
server_reload(struct server *s, struct errinfo *why)
{
	struct tls_context *tls, *old_tls = s->tls;
	struct x509_trust *trust, *old_trust = s->trust;
	struct issuer *issuer, *old_issuer = s->space.issuer;
	enum err e = space_load_issuer(s->settings, &issuer, why);

	log_reopen();
	if (e != ERR_OK)
		return e;
	e = server_load_tls(s->settings, &tls, &trust, why);
	if (e != ERR_OK) {
		issuer_free(issuer);
		return e;
	}
	s->tls = tls;
	s->trust = trust;
	on_all_loops(s, take_new_trust);
	watchdog_set_tls(s->watchdog, tls);
	s->space.issuer = issuer;
	on_all_loops(s, pass_by);
	tls_context_unref(old_tls);
	x509_trust_free(old_trust);
	issuer_free(old_issuer);
	return ERR_OK;
}

void
server_tend(struct server *s)
{
	store_tend(s->store);
}

int
server_keeper(const struct server *s)
{
	return s->keeper;
}

/* The end */

static void
stop_accepting(struct loop_job *job)
{
	struct server_loop *sl = container_of(job, struct server_loop, job);

	while (sl->n_listeners > 0)
		listener_free(sl->listeners[--sl->n_listeners]);
	conn_group_stop(&sl->public_group);
	conn_group_stop(&sl->admin_group);
	sl->server->acknowledged++;
}

static void
abort_connections(struct loop_job *job)
{
	struct server_loop *sl = container_of(job, struct server_loop, job);

	conn_group_abort(&sl->public_group);
	conn_group_abort(&sl->admin_group);
	sl->server->acknowledged++;
}

/* Nobody is connected, and no upload or read is left that settles. */
static bool
is_idle(struct server *s)
{
	return s->traffic.connections == 0 && s->traffic.admin_connections == 0 &&
	       pool_stats(s->pool).transfers == 0 &&
	       (s->mirror == NULL || mirror_idle(s->mirror));
}

static bool
wait_until_idle(struct server *s, uint64_t ms)
{
	uint64_t until = clock_mono_ms() + ms;

	while (!is_idle(s) && clock_mono_ms() < until)
		(void)usleep(POLL_MS * 1000);
	return is_idle(s);
}

/* While the loops run: what was asked for and is not wanted any more ends on them. */
static void
end_finder(struct server *s)
{
	finder_free(s->finder);
	s->finder = NULL;
	on_all_loops(s, pass_by);
}

static void
end_loops(struct server *s)
{
	for (unsigned i = 0; i < s->n_loops; i++) {
		struct server_loop *sl = &s->loop[i];

		if (sl->running) {
			loop_stop(sl->loop);
			(void)pthread_join(sl->thread, NULL);
		}
		while (sl->n_listeners > 0)
			listener_free(sl->listeners[--sl->n_listeners]);
		request_loop_release(&sl->requests);
		passwords_free(sl->requests.env.passwords);
		store_reader_free(sl->requests.env.reader);
		loop_free(sl->loop);
	}
}

bool
server_stop(struct server *s)
{
	bool clean = true;

	s->space.is_stopping = true;
	keeper_stop(s->keeper); /* it holds the doors open */
	watchdog_stop(s->watchdog);
	on_all_loops(s, stop_accepting);
	server_close_doors(s);
	if (s->background_running)
		server_stop_own_work(s);
	if (s->pool != NULL && !wait_until_idle(s, s->settings->stop_grace)) {
		log_warning("%u connections are cut off", s->traffic.connections);
		on_all_loops(s, abort_connections);
		clean = wait_until_idle(s, ABORT_MS);
	}
	if (!clean) {
		log_warning("something hangs: ending without cleaning up");
		return false;
	}
	end_finder(s);
	end_loops(s);
	if (!server_end_background(s))
		return false;
	jobs_free(s->jobs);
	remote_free(s->remote);
	store_reader_free(s->background_env.reader);
	store_close(s->store);
	watchdog_free(s->watchdog);
	worker_pool_free(s->workers);
	worker_pool_free(s->password_worker);
	openid_free(s->openid);
	gms_remote_free(s->gms);
	letters_free(s->letters);
	loop_free(s->background);
	pool_free(s->pool);
	space_release(&s->space);
	arena_release(&s->space_arena);
	tls_context_unref(s->tls);
	x509_trust_free(s->trust);
	free(s->tls_fds);
	free(s->plain_fds);
	free(s);
	return true;
}
