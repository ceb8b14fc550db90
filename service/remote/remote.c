/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/core/check.h"
#include "service/remote/remote_private.h"

enum { CA_MAX = 16 * 1024 * 1024, READ_SIZE = 64 * 1024 };

/* Turns */

void
remote_take_turn(struct remote *r, struct remote_turn *turn)
{
	struct remote_turn **last = &r->waiting;

	MAGIC_CHECK(r, REMOTE_MAGIC);
	while (*last != NULL)
		last = &(*last)->next;
	turn->next = NULL;
	turn->state = TURN_WAITS;
	*last = turn;
	remote_kick(r);
}

static void
unlink_turn(struct remote_turn **at, const struct remote_turn *turn)
{
	while (*at != turn)
		at = &(*at)->next;
	*at = turn->next;
}

void
remote_end_turn(struct remote *r, struct remote_turn *turn)
{
	if (turn->state == TURN_WAITS)
		unlink_turn(&r->waiting, turn);
	if (turn->state == TURN_TAKEN) {
		unlink_turn(&r->taken, turn);
		r->n_taken--;
		remote_kick(r);
	}
	turn->state = TURN_NONE;
}

static unsigned
held_by(const struct remote *r, uint64_t owner)
{
	unsigned n = 0;

	for (const struct remote_turn *t = r->taken; t != NULL; t = t->next)
		n += t->owner == owner;
	return n;
}

static struct remote_turn *
choose_turn(const struct remote *r)
{
	struct remote_turn *best = r->waiting;

	for (struct remote_turn *t = best; t != NULL; t = t->next)
		if (held_by(r, t->owner) < held_by(r, best->owner))
			best = t;
	return best;
}

static void
give_turns(struct remote *r)
{
	while (r->waiting != NULL && r->n_taken < r->config.settings->remote_jobs_max) {
		struct remote_turn *turn = choose_turn(r);

		unlink_turn(&r->waiting, turn);
		turn->state = TURN_TAKEN;
		turn->next = r->taken;
		r->taken = turn;
		r->n_taken++;
		turn->run(turn);
	}
}

/* Driving */

static void
collect_ended(struct remote *r)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(r->multi, &left)) != NULL) {
		struct remote_exchange *x = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
		exchange_end(x, m->data.result);
	}
}

/* One at a time, from the front: each may end any of them. */
static void
deliver(struct remote *r)
{
	struct remote_exchange *x = r->exchanges;

	while (x != NULL) {
		if (exchange_has_news(x)) {
			exchange_deliver(x);
			x = r->exchanges;
		} else {
			x = x->next;
		}
	}
}

static void
drive(struct remote *r, curl_socket_t fd, int what)
{
	int running;

	(void)curl_multi_socket_action(r->multi, fd, what, &running);
	collect_ended(r);
	deliver(r);
}

static void
timer_expired(void *arg)
{
	drive(arg, CURL_SOCKET_TIMEOUT, 0);
}

void
remote_kick(struct remote *r)
{
	loop_timer_set(r->kick_timer, 0);
}

static void
kicked(void *arg)
{
	struct remote *r = arg;

	for (struct remote_exchange *x = r->exchanges; x != NULL; x = x->next)
		exchange_resume(x);
	drive(r, CURL_SOCKET_TIMEOUT, 0);
	give_turns(r);
}

/* What curl wants watched */

struct watch {
	struct remote *remote;
	curl_socket_t fd;
	struct loop_fd *loop_fd;
};

static void
ready(void *arg, unsigned what)
{
	struct watch *w = arg;

	/* The watch may be gone after this. */
	drive(w->remote, w->fd, what == LOOP_READ ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
}

static struct watch *
watch_new(struct remote *r, curl_socket_t fd)
{
	struct watch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	*w = (struct watch){.remote = r, .fd = fd};
	w->loop_fd = loop_fd_new(r->config.loop, fd, ready, w);
	if (w->loop_fd == NULL) {
		free(w);
		return NULL;
	}
	(void)curl_multi_assign(r->multi, fd, w);
	return w;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
	struct remote *r = arg;
	struct watch *w = of_socket;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			loop_fd_free(w->loop_fd);
		free(w);
		return 0;
	}
	if (w == NULL)
		w = watch_new(r, fd);
	if (w == NULL)
		return -1;
	loop_fd_want(w->loop_fd, ((what & CURL_POLL_IN) != 0 ? LOOP_READ : 0U) |
				     ((what & CURL_POLL_OUT) != 0 ? LOOP_WRITE : 0U));
	return 0;
}

static int
on_timer(CURLM *multi, long ms, void *arg)
{
	struct remote *r = arg;

	(void)multi;
	if (ms < 0)
		loop_timer_clear(r->curl_timer);
	else
		loop_timer_set(r->curl_timer, (uint64_t)ms);
	return 0;
}

/* Beginning and end */

static enum err
read_hosts(struct remote *r, struct errinfo *why)
{
	const struct settings_list *list = &r->config.settings->remote_hosts;

	r->peers = calloc(list->n, sizeof *r->peers);
	if (r->peers == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for remote_hosts");
	for (; r->n_peers < list->n; r->n_peers++)
		if (!peer_parse(bytes_of(list->items[r->n_peers]), &r->peers[r->n_peers]))
			return errinfo_set(why, ERR_CONFIG,
			    "remote_hosts: \"%s\" is no host or host:port",
			    list->items[r->n_peers]);
	return ERR_OK;
}

static enum err
read_opened(struct remote *r, struct errinfo *why)
{
	const struct settings_list *list = &r->config.settings->remote_private;

	r->opened = calloc(list->n + 1, sizeof *r->opened);
	if (r->opened == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for remote_private");
	for (; r->n_opened < list->n; r->n_opened++)
		if (!address_range_parse(
			bytes_of(list->items[r->n_opened]), &r->opened[r->n_opened]))
			return errinfo_set(why, ERR_CONFIG,
			    "remote_private: \"%s\" is no address or range like "
			    "10.1.0.0/16",
			    list->items[r->n_opened]);
	return ERR_OK;
}

static enum err
read_ca(struct remote *r, struct errinfo *why)
{
	const char *path = r->config.settings->remote_ca;
	FILE *f = fopen(path, "re");
	size_t got;
	char *at;
	enum err e = ERR_OK;

	if (f == NULL)
		return errinfo_sys(
		    why, ERR_CONFIG, errno, "remote_ca: cannot read \"%s\"", path);
	while ((at = str_reserve(&r->ca, READ_SIZE)) != NULL &&
	       (got = fread(at, 1, READ_SIZE, f)) > 0)
		str_grow(&r->ca, got);
	if (ferror(f) || str_failed(&r->ca) || r->ca.n == 0)
		e = errinfo_set(
		    why, ERR_CONFIG, "remote_ca: \"%s\" cannot be used", path);
	(void)fclose(f); /* read only: nothing to lose */
	return e;
}

static enum err
open_curl(struct remote *r, struct errinfo *why)
{
	bool good = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;

	r->curl_timer = loop_timer_new(r->config.loop, timer_expired, r);
	r->kick_timer = loop_timer_new(r->config.loop, kicked, r);
	r->multi = good ? curl_multi_init() : NULL;
	good =
	    r->multi != NULL && r->curl_timer != NULL && r->kick_timer != NULL &&
	    curl_multi_setopt(r->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
	    curl_multi_setopt(r->multi, CURLMOPT_SOCKETDATA, r) == CURLM_OK &&
	    curl_multi_setopt(r->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
	    curl_multi_setopt(r->multi, CURLMOPT_TIMERDATA, r) == CURLM_OK;
	return good ? ERR_OK : errinfo_set(why, ERR_INTERNAL, "libcurl cannot be used");
}

static struct remote *
alloc_remote(const struct remote_config *config)
{
	struct remote *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->magic = REMOTE_MAGIC;
	r->config = *config;
	str_init(&r->ca, CA_MAX);
	return r;
}

static enum err
read_settings(struct remote *r, struct errinfo *why)
{
	enum err e;

	if (r == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for remote transfers");
	e = read_hosts(r, why);
	if (e == ERR_OK)
		e = read_opened(r, why);
	return e == ERR_OK ? read_ca(r, why) : e;
}

enum err
remote_check(const struct settings *settings, struct errinfo *why)
{
	struct remote_config config = {.settings = settings};
	struct remote *r;
	enum err e;

	if (!remote_is_on(settings))
		return ERR_OK;
	r = alloc_remote(&config);
	e = read_settings(r, why);
	remote_free(r);
	return e;
}

enum err
remote_new(const struct remote_config *config, struct remote **out, struct errinfo *why)
{
	struct remote *r = alloc_remote(config);
	enum err e = read_settings(r, why);

	if (e == ERR_OK)
		e = open_curl(r, why);
	if (e != ERR_OK) {
		remote_free(r);
		return e;
	}
	*out = r;
	return ERR_OK;
}

void
remote_free(struct remote *r)
{
	if (r == NULL)
		return;
	MAGIC_CHECK(r, REMOTE_MAGIC);
	CHECK(r->exchanges == NULL && r->waiting == NULL && r->taken == NULL);
	if (r->multi != NULL)
		(void)curl_multi_cleanup(r->multi);
	loop_timer_free(r->curl_timer);
	loop_timer_free(r->kick_timer);
	free(r->peers);
	free(r->opened);
	str_release(&r->ca);
	r->magic = 0;
	free(r);
}
