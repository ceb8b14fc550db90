/* SPDX-License-Identifier: Apache-2.0 */
#include "service/server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sysexits.h>
#include <unistd.h>

#include "replication/journal_mirror.h"
#include "replication/journal_recover.h"
#include "replication/meta_copy.h"
#include "replication/meta_restore.h"
#include "replication/quorum.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/crash_mark.h"
#include "service/http/listen.h"
#include "service/http/tls.h"
#include "service/job/engine.h"
#include "service/keeper.h"
#include "service/op/runners.h"
#include "service/op/traffic.h"
#include "service/remote/remote.h"
#include "service/request.h"
#include "service/space.h"
#include "service/watchdog.h"

enum {
	ADDRESSES_MAX = 8, /* of each kind */
	SPACE_ARENA = 1024 * 1024,
	SETTLE_MS = 5000, /* for the first probes, at start */
	POLL_MS = 10,
	ABORT_MS = 3000, /* for what is cut off at the end */
	WRONG_PASSWORD_MS = 1000, /* before it is called wrong */
};

/* A loop that serves requests. */
struct server_loop {
	struct server *server;
	char name[16];
	struct loop *loop;
	pthread_t thread;
	bool running;
	struct request_loop requests;
	struct conn_group public_group, admin_group;
	struct listener *listeners[2 * ADDRESSES_MAX + 1];
	size_t n_listeners;
	struct loop_job job; /* one at a time, from the main thread */
};

struct server {
	const struct settings *settings;
	unsigned n_loops;
	struct tls_context *tls;
	struct x509_trust *trust, *old_trust;
	/* Listening sockets: [address][loop]; the Unix socket has one. */
	int *tls_fds, *plain_fds;
	int admin_fd;
	pid_t keeper;
	struct watchdog *watchdog;
	struct pool *pool;
	struct worker_pool *workers;
	/* One thread: a hash of a password takes 32 MiB, and uploads shall not wait for
	 * those who guess. */
	struct worker_pool *password_worker;
	struct store *store;
	struct journal_recovered recovered; /* by the start */
	struct journal_mirror *journal;
	struct meta_copy *meta_copy;
	struct arena space_arena;
	struct space space;
	struct loop *background; /* probes, sweep, removal, jobs */
	pthread_t background_thread;
	bool background_running;
	struct mirror *mirror;
	struct remote *remote; /* NULL: off */
	struct op_env background_env; /* what jobs run with */
	struct jobs *jobs;
	struct loop_job background_job;
	struct traffic traffic;
	_Atomic unsigned acknowledged; /* loops that have done the current job */
	_Atomic bool quiet;
	struct server_loop loop[];
};

/* Doors */

static enum err
open_sockets(struct server *s, const struct settings_list *list, int *fds,
    const char *what, struct errinfo *why)
{
	for (size_t i = 0; i < list->n; i++) {
		char bound[LISTEN_ADDRESS_SIZE];
		const char *address = list->items[i];

		for (unsigned k = 0; k < s->n_loops; k++) {
			enum err e = listen_open(
			    address, true, &fds[i * s->n_loops + k], bound, why);

			if (e != ERR_OK)
				return e;
			address =
			    bound; /* port 0 became a number with the first socket */
		}
		log_info("listening on %s (%s)", bound, what);
	}
	return ERR_OK;
}

static enum err
open_doors(struct server *s, struct errinfo *why)
{
	const struct settings *settings = s->settings;
	enum err e = ERR_OK;

	if (settings->listen_tls.n > ADDRESSES_MAX ||
	    settings->listen_plain.n > ADDRESSES_MAX)
		return errinfo_set(why, ERR_CONFIG, "more than %d addresses to listen on",
		    ADDRESSES_MAX);
	/* First the one that can be had only once: with the others a server started by
	 * mistake would take connections away from the one that runs. */
	if (settings->admin_socket[0] != '\0')
		e = listen_open_unix(settings->admin_socket, &s->admin_fd, why);
	if (e == ERR_OK)
		e = open_sockets(s, &settings->listen_tls, s->tls_fds, "TLS", why);
	if (e == ERR_OK)
		e = open_sockets(s, &settings->listen_plain, s->plain_fds, "plain", why);
	return e;
}

static void
close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	for (size_t i = 0; i < n; i++)
		fds[i] = -1;
}

static void
close_doors(struct server *s)
{
	close_all(s->tls_fds, s->settings->listen_tls.n * s->n_loops);
	close_all(s->plain_fds, s->settings->listen_plain.n * s->n_loops);
	if (s->admin_fd >= 0) /* ours, so the path is too */
		(void)unlink(s->settings->admin_socket);
	close_all(&s->admin_fd, 1);
}

static enum err
start_keeper(struct server *s, struct errinfo *why)
{
	size_t n_tls = s->settings->listen_tls.n * s->n_loops;
	size_t n_plain = s->settings->listen_plain.n * s->n_loops;
	size_t n = n_tls + n_plain;
	int *fds = calloc(n + 1, sizeof *fds);
	enum err e;

	if (fds == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the keeper");
	(void)memcpy(fds, s->tls_fds, n_tls * sizeof *fds);
	(void)memcpy(fds + n_tls, s->plain_fds, n_plain * sizeof *fds);
	if (s->admin_fd >= 0)
		fds[n++] = s->admin_fd;
	e = keeper_start(fds, n, &s->keeper, why);
	free(fds);
	return e;
}

/* Our own authority's certificates are believed besides those of others. */
static enum err
load_trust(const struct settings *settings, struct x509_trust **out, struct errinfo *why)
{
	const char *others = settings->client_ca, *ours = settings->user_ca_certificate;
	enum err e;

	*out = NULL;
	if (others[0] == '\0')
		return ours[0] == '\0' ? ERR_OK : x509_trust_load(ours, out, why);
	e = x509_trust_load(others, out, why);
	if (e == ERR_OK && ours[0] != '\0')
		e = x509_trust_add(*out, ours, why);
	if (e != ERR_OK) {
		x509_trust_free(*out);
		*out = NULL;
	}
	return e;
}

static enum err
load_tls(const struct settings *settings, struct tls_context **tls_out,
    struct x509_trust **trust_out, struct errinfo *why)
{
	enum err e = ERR_OK;

	*tls_out = NULL;
	*trust_out = NULL;
	if (settings->listen_tls.n > 0)
		e = tls_context_new(
		    settings->tls_certificate, settings->tls_key, tls_out, why);
	if (e == ERR_OK)
		e = load_trust(settings, trust_out, why);
	if (e != ERR_OK) {
		tls_context_unref(*tls_out);
		*tls_out = NULL;
	}
	return e;
}

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
	e = load_tls(settings, &s->tls, &s->trust, why);
	if (e == ERR_OK)
		e = open_doors(s, why);
	if (e == ERR_OK)
		e = start_keeper(s, why);
	if (e != ERR_OK) {
		(void)server_stop(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

/* Inside */

static void
state_changed(void *arg, unsigned location, enum location_state state, const char *reason)
{
	const struct server *s = arg;
	const char *name = s->settings->locations.items[location];

	if (state == STATE_ONLINE)
		log_info("location %u (%s) is online", location + 1, name);
	else
		log_warning("location %u (%s) is %s: %s", location + 1, name,
		    location_state_name(state), reason);
}

/* This program, to look through a copy of the store in a process of its own. */
static const char *const checker[] = {"/proc/self/exe", "--check-store", NULL};

static enum err
look_through_after_a_crash(struct server *s, struct errinfo *why)
{
	const char *dir = s->settings->meta_dir;

	if (!crash_mark_is_there(dir))
		return ERR_OK;
	log_warning("the last process crashed: the metadata are looked through first");
	return meta_copy_check(checker, dir, why);
}

static void
tell_restore(void *arg, const char *text)
{
	(void)arg;
	log_warning("restore: %s", text);
}

/* What was lost comes from the locations, unless somebody is to look first. */
static enum err
restore(struct server *s, struct errinfo *why)
{
	struct meta_restore_config config = {
	    .settings = s->settings, .checker = checker, .tell = tell_restore};
	struct errinfo reason;
	enum err e;

	log_error("%s", errinfo_text(why));
	e = meta_restore(&config, &s->recovered, &reason);
	if (e == ERR_NOT_FOUND)
		return ERR_NOT_FOUND; /* nothing to restore: it was never there */
	if (e != ERR_OK)
		*why = reason;
	return e;
}

static unsigned
n_journals(const struct settings *s)
{
	return quorum_journal((unsigned)s->journal_copies, (unsigned)s->write_quorum,
	    (unsigned)s->locations.n);
}

/* What the journals have and the store has not. */
static enum err
recover(struct server *s, const struct store_config *store, struct errinfo *why)
{
	struct journal_recover_config config = {
	    .store = store,
	    .root = (const char *const *)s->settings->locations.items,
	    .n = (unsigned)s->settings->locations.n,
	    .copies = n_journals(s->settings),
	    .deadline_ms = s->settings->io_deadline,
	};
	enum err e = look_through_after_a_crash(s, why);

	if (e == ERR_OK)
		e = journal_recover(&config, &s->recovered, why);
	if ((e == ERR_NOT_FOUND || e == ERR_DAMAGED) &&
	    strcmp(s->settings->restore, "auto") == 0)
		e = restore(s, why);

	if (e == ERR_OK)
		crash_mark_remove(s->settings->meta_dir);
	if (e == ERR_OK && s->recovered.applied > 0)
		log_info("%llu changes were taken from the journals, up to number %llu",
		    (unsigned long long)s->recovered.applied,
		    (unsigned long long)s->recovered.at.seq);
	return e;
}

static enum err
open_store(struct server *s, struct errinfo *why)
{
	const struct settings *settings = s->settings;
	struct store_config config = {
	    .dir = settings->meta_dir,
	    .map_bytes = settings->meta_map_size,
	    .readers_max = (unsigned)settings->meta_readers,
	    .batch_max = (unsigned)settings->meta_batch,
	    .gc_delay_ms = settings->gc_delay,
	};
	enum err e = recover(s, &config, why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(why, ERR_CONFIG,
		    "there is no metadata store in %s: make one with quartet init, or "
		    "bring a lost one back with quartet restore",
		    settings->meta_dir);
	if (e == ERR_OK)
		e = store_open(&config, &s->store, why);
	if (e == ERR_OK) {
		arena_init(&s->space_arena, SPACE_ARENA);
		e = space_init(&s->space, &s->space_arena, settings, s->store, why);
	}
	return e;
}

/* The next start finds out. */
static void
end_with_outcome_open(const struct errinfo *why)
{
	log_error("%s", errinfo_text(why));
	_exit(EX_IOERR);
}

static enum err
open_journal(struct server *s, struct errinfo *why)
{
	const struct settings *settings = s->settings;
	struct journal_mirror_config config = {
	    .mirror = s->mirror,
	    .loop = s->background,
	    .at = s->recovered.at,
	    .term = s->recovered.terms,
	    .copies = n_journals(settings),
	    .bytes_copies = (unsigned)settings->write_quorum,
	    .file_bytes = settings->journal_file,
	    .backlog_bytes = settings->journal_backlog,
	    .deadline_ms = settings->io_deadline,
	    .settle_ms = SETTLE_MS,
	    .give_up = end_with_outcome_open,
	};
	struct meta_copy_config copies;
	enum err e;

	(void)memcpy(config.has, s->recovered.has, sizeof config.has);
	e = journal_mirror_new(&config, &s->journal, why);
	if (e != ERR_OK)
		return e;
	store_set_journal(s->store, journal_mirror_sink(s->journal));
	copies = (struct meta_copy_config){.mirror = s->mirror,
	    .journal = s->journal,
	    .settings = settings,
	    .checker = checker};
	e = meta_copy_new(&copies, &s->meta_copy, why);
	s->mirror->journal = s->journal;
	s->mirror->meta_copy = s->meta_copy;
	return e;
}

static enum err
open_mirror(struct server *s, struct errinfo *why)
{
	struct mirror_config config = {
	    .settings = s->settings,
	    .store = s->store,
	    .pool = s->pool,
	    .workers = s->workers,
	    .loop = s->background,
	    .state_changed = state_changed,
	    .arg = s,
	};
	enum err e = mirror_new(&config, &s->mirror, why);

	if (e != ERR_OK)
		return e;
	for (unsigned i = 0; i < s->mirror->n; i++)
		log_info("location %u: %s, I/O by %s", i + 1,
		    s->mirror->location[i]->name, mirror_engine(s->mirror, i));
	if (mirror_engine_note(s->mirror)[0] != '\0')
		log_warning(
		    "%s: threads are used instead", mirror_engine_note(s->mirror));
	e = open_journal(s, why);
	if (e != ERR_OK)
		return e;
	mirror_start(s->mirror);
	journal_mirror_start(s->journal);
	return meta_copy_start(s->meta_copy, why);
}

static enum err
open_remote(struct server *s, struct errinfo *why)
{
	struct remote_config config = {
	    .settings = s->settings, .loop = s->background, .pool = s->pool};

	if (!remote_is_on(s->settings))
		return ERR_OK;
	return remote_new(&config, &s->remote, why);
}

/* Jobs run on the background loop, as requests do on theirs. */
static enum err
open_jobs(struct server *s, struct errinfo *why)
{
	struct jobs_config config = {
	    .loop = s->background,
	    .store = s->store,
	    .settings = s->settings,
	    .runner = {[JOB_LIST_TRANSFERS] = run_transfer,
		[JOB_LIST_DELETE] = run_delete,
		[JOB_LIST_SETPROPS] = run_setprops},
	    .env = &s->background_env,
	};
	enum err e;

	s->background_env = (struct op_env){
	    .settings = s->settings,
	    .space = &s->space,
	    .loop = s->background,
	    .store = s->store,
	    .mirror = s->mirror,
	    .pool = s->pool,
	    .workers = s->workers,
	    .remote = s->remote,
	};
	e = store_reader_new(s->store, &s->background_env.reader, why);
	return e == ERR_OK ? jobs_open(&config, &s->jobs, why) : e;
}

static void *
run_background(void *arg)
{
	loop_run(((struct server *)arg)->background);
	return NULL;
}

static enum err
start_background(struct server *s, struct errinfo *why)
{
	enum err e = loop_new("background", &s->background, why);
	int failed;

	if (e == ERR_OK)
		e = open_mirror(s, why);
	if (e == ERR_OK)
		e = open_remote(s, why);
	if (e == ERR_OK)
		e = open_jobs(s, why);
	if (e != ERR_OK)
		return e;
	failed = pthread_create(&s->background_thread, NULL, run_background, s);
	if (failed != 0)
		return errinfo_sys(why, ERR_INTERNAL, failed, "cannot start a thread");
	s->background_running = true;
	return ERR_OK;
}

/* Changes are refused while locations have not answered: wait a little for that. */
static void
wait_for_locations(struct server *s)
{
	uint64_t until = clock_mono_ms() + SETTLE_MS;

	while (!(health_settled(s->mirror->health) && jobs_ready(s->jobs)) &&
	       clock_mono_ms() < until)
		(void)usleep(POLL_MS * 1000);
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
		.traffic = &s->traffic},
	    .trust = s->trust,
	    .index = index,
	};
	e = store_reader_new(s->store, &sl->requests.env.reader, why);
	if (e != ERR_OK)
		return e;
	e = passwords_new(sl->loop, s->password_worker, s->settings->password_memory,
	    WRONG_PASSWORD_MS, &sl->requests.passwords, why);
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
	if (e == ERR_OK)
		e = open_store(s, why);
	if (e == ERR_OK)
		e = start_background(s, why);
	if (e != ERR_OK)
		return e;
	wait_for_locations(s);
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

enum err
server_reload(struct server *s, struct errinfo *why)
{
	struct tls_context *tls, *old_tls = s->tls;
	struct x509_trust *trust, *old_trust = s->trust;
	enum err e = load_tls(s->settings, &tls, &trust, why);

	log_reopen();
	if (e != ERR_OK)
		return e;
	s->tls = tls;
	s->trust = trust;
	on_all_loops(s, take_new_trust);
	watchdog_set_tls(s->watchdog, tls);
	tls_context_unref(old_tls);
	x509_trust_free(old_trust);
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

static void
look_if_quiet(struct loop_job *job)
{
	struct server *s = container_of(job, struct server, background_job);

	jobs_stop(s->jobs);
	mirror_stop(s->mirror);
	s->quiet = jobs_quiet(s->jobs) && mirror_quiet(s->mirror);
	s->acknowledged = 1;
}

/* So that nobody waits for a job any more, nor we for ourselves. */
static void
stop_own_work(struct loop_job *job)
{
	struct server *s = container_of(job, struct server, background_job);

	jobs_stop(s->jobs);
	mirror_stop_repairs(s->mirror);
	s->acknowledged = 1;
}

static void
on_background(struct server *s, void (*run)(struct loop_job *job))
{
	s->acknowledged = 0;
	s->background_job.run = run;
	loop_post(s->background, &s->background_job);
	while (s->acknowledged == 0)
		(void)usleep(1000);
}

static bool
quiet_background(struct server *s)
{
	uint64_t until = clock_mono_ms() + ABORT_MS;

	do {
		on_background(s, look_if_quiet);
		if (s->quiet)
			return true;
		(void)usleep(POLL_MS * 1000);
	} while (clock_mono_ms() < until);
	return false;
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
		passwords_free(sl->requests.passwords);
		store_reader_free(sl->requests.env.reader);
		loop_free(sl->loop);
	}
}

/* After the last change; the locations are still there. */
static bool
end_journal(struct server *s)
{
	uint64_t until = clock_mono_ms() + ABORT_MS;

	if (s->meta_copy != NULL && !meta_copy_stop(s->meta_copy, ABORT_MS))
		return false;
	meta_copy_free(s->meta_copy);
	s->meta_copy = NULL;
	if (s->store != NULL)
		store_finish(s->store);
	if (s->journal == NULL)
		return true;
	journal_mirror_stop(s->journal);
	while (!journal_mirror_quiet(s->journal) && clock_mono_ms() < until)
		(void)usleep(POLL_MS * 1000);
	return journal_mirror_quiet(s->journal);
}

static bool
end_background(struct server *s)
{
	bool clean = true;

	if (s->background_running) {
		clean = quiet_background(s);
		loop_stop(s->background);
		(void)pthread_join(s->background_thread, NULL);
	}
	clean = end_journal(s) && clean;
	if (s->mirror != NULL)
		clean = mirror_free(s->mirror, clean ? ABORT_MS : 0) && clean;
	if (clean)
		journal_mirror_free(s->journal);
	return clean;
}

bool
server_stop(struct server *s)
{
	bool clean = true;

	s->space.is_stopping = true;
	keeper_stop(s->keeper); /* it holds the doors open */
	watchdog_stop(s->watchdog);
	on_all_loops(s, stop_accepting);
	close_doors(s);
	if (s->background_running)
		on_background(s, stop_own_work);
	if (s->pool != NULL && !wait_until_idle(s, s->settings->stop_grace)) {
		log_warning("%u connections are cut off", s->traffic.connections);
		on_all_loops(s, abort_connections);
		clean = wait_until_idle(s, ABORT_MS);
	}
	if (!clean) {
		log_warning("something hangs: ending without cleaning up");
		return false;
	}
	end_loops(s);
	if (!end_background(s))
		return false;
	jobs_free(s->jobs);
	remote_free(s->remote);
	store_reader_free(s->background_env.reader);
	store_close(s->store);
	watchdog_free(s->watchdog);
	worker_pool_free(s->workers);
	worker_pool_free(s->password_worker);
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
