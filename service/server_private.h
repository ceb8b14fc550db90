/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_private - what the parts of server.h share: server.c has the loops that serve, and
 * the order in which all comes and goes; server_doors.c sockets and certificates;
 * server_inside.c the store, the locations and the loop of what is done unasked.
 */
#ifndef QUARTET_SERVER_PRIVATE_H
#define QUARTET_SERVER_PRIVATE_H

#include <pthread.h>

#include "auth/x509.h"
#include "fits/finder.h"
#include "replication/journal_recover.h"
#include "service/http/listen.h"
#include "service/http/tls.h"
#include "service/job/engine.h"
#include "service/op/traffic.h"
#include "service/request.h"
#include "service/server.h"

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
	struct x509_trust *trust;
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
	struct openid *openid; /* NULL: off */
	struct gms_remote *gms; /* NULL: off */
	struct letters *letters; /* NULL: off */
	struct finder *finder;
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

enum err server_load_tls(const struct settings *settings, struct tls_context **tls_out,
    struct x509_trust **trust_out, struct errinfo *why) ERR_CHECKED;
enum err server_open_doors(struct server *s, struct errinfo *why) ERR_CHECKED;
void server_close_doors(struct server *s);
/* With the doors open, before the first thread. */
enum err server_start_keeper(struct server *s, struct errinfo *why) ERR_CHECKED;

/* Inside, in this order */

enum err server_open_finder(struct server *s, struct errinfo *why) ERR_CHECKED;
enum err server_open_store(struct server *s, struct errinfo *why) ERR_CHECKED;
enum err server_start_background(struct server *s, struct errinfo *why) ERR_CHECKED;
/* Changes are refused while locations have not answered: wait a little for that. */
void server_wait_for_locations(struct server *s);
/* So that nobody waits for a job any more, nor we for ourselves. */
void server_stop_own_work(struct server *s);
/* After the loops. False: something hangs, and is left to the process's end. */
bool server_end_background(struct server *s);

#endif
