/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog - says so when the metadata do not answer, in place of those who cannot.
 *
 * Loops read the metadata as memory: when its disk hangs they stop in the middle of it
 * (architecture D72), and with them everything they would have said. The watchdog is a
 * thread that touches no metadata. Each second it asks every loop, and the store's
 * writer, for a sign of life:
 *
 *   all well ─► one is silent for LOOP_SILENT_MS or WRITER_SILENT_MS ─► STALLED ─► all
 *                                                                   have answered ─► well
 *
 * While it is stalled, space->is_stalled is set, from which health becomes CRITICAL and
 * /availability false, and new connections at the doors of a silent loop are taken by the
 * watchdog: it answers these two, and 503 to everything else (service/request.h). What a
 * silent loop has begun it ends itself when the disk is back.
 *
 * Order: watchdog_new -> watchdog_watch* -> watchdog_start -> watchdog_stop -> the loops
 * and the store's writer end -> watchdog_free. Thread: the caller's; watchdog_set_tls not
 * beside the others.
 */
#ifndef QUARTET_WATCHDOG_H
#define QUARTET_WATCHDOG_H

#include "service/http/listen.h"
#include "service/request.h"

struct watchdog;

/* How the watchdog serves; copied, with loop, arg and reader as it needs them. */
struct watchdog_config {
	struct op_env env;
	unsigned index; /* as request_loop */
	struct conn_group public_group, admin_group;
	struct tls_context *tls;
	unsigned connections_max;
};

/* Where the clients of a loop come in. */
struct watchdog_door {
	int fd; /* borrowed */
	bool is_admin, has_tls;
};

enum err watchdog_new(const struct watchdog_config *config, struct watchdog **out,
    struct errinfo *why) ERR_CHECKED;
/* `name` is borrowed, `doors` copied. */
enum err watchdog_watch(struct watchdog *w, struct loop *loop, const char *name,
    const struct watchdog_door *doors, size_t n, struct errinfo *why) ERR_CHECKED;
enum err watchdog_start(struct watchdog *w, struct errinfo *why) ERR_CHECKED;

/* New connections use this from now on. */
void watchdog_set_tls(struct watchdog *w, struct tls_context *tls);

/* These accept NULL. */
void watchdog_stop(struct watchdog *w);
void watchdog_free(struct watchdog *w);

#endif
