/* SPDX-License-Identifier: Apache-2.0 */
#include "service/http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/clock.h"

enum {
	BACKLOG = 1024,
	ACCEPT_TURN = 64,
	PAUSE_MS = 50,
	SERVED_MS = 2000,
	SERVED_POLL_MS = 20
};

/* "address:port" into its halves; the address without its brackets, "" for "*". */
static bool
split_address(const char *address, char *host, size_t host_size, const char **port_out)
{
	const char *colon = strrchr(address, ':');
	uint64_t port;
	size_t n;

	/* getaddrinfo would cut a larger one down to 16 bits. */
	if (colon == NULL || !bytes_u64(bytes_of(colon + 1), &port) || port > UINT16_MAX)
		return false;
	*port_out = colon + 1;
	n = (size_t)(colon - address);
	if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
		address++;
		n -= 2;
	}
	if (n >= host_size)
		return false;
	(void)memcpy(host, address, n);
	host[n] = '\0';
	if (strcmp(host, "*") == 0)
		host[0] = '\0';
	return true;
}

static int
bind_first(const struct addrinfo *list, bool share)
{
	int one = 1, fd = -1;

	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (share)
			(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
		if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
			return fd;
		(void)close(fd);
	}
	return -1;
}

static void
describe(int fd, char out[LISTEN_ADDRESS_SIZE])
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof ss;
	char host[INET6_ADDRSTRLEN + 8], port[8];

	if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0 ||
	    getnameinfo((struct sockaddr *)&ss, n, host, sizeof host, port, sizeof port,
		NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		out[0] = '\0';
		return;
	}
	(void)snprintf(out, LISTEN_ADDRESS_SIZE,
	    ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

enum err
listen_open(const char *address, bool share, int *fd_out,
    char bound_out[LISTEN_ADDRESS_SIZE], struct errinfo *why)
{
	struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list;
	char host[256];
	const char *port;
	int code;

	if (!split_address(address, host, sizeof host, &port))
		return errinfo_set(why, ERR_CONFIG, "'%s' is not address:port", address);
	code = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &list);
	if (code != 0)
		return errinfo_set(
		    why, ERR_CONFIG, "address '%s': %s", address, gai_strerror(code));
	*fd_out = bind_first(list, share);
	freeaddrinfo(list);
	if (*fd_out < 0)
		return errinfo_sys(
		    why, ERR_CONFIG, errno, "cannot listen on %s", address);
	describe(*fd_out, bound_out);
	return ERR_OK;
}

/* Does a server wait there? A socket that was left behind refuses. */
static bool
is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool served;

	if (fd < 0)
		return false;
	served = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ||
		 errno == EAGAIN; /* so many ask it already */
	(void)close(fd);
	return served;
}

static bool
is_served_for_long(const struct sockaddr_un *address)
{
	uint64_t until = clock_mono_ms() + SERVED_MS;

	while (is_served(address)) {
		if (clock_mono_ms() > until)
			return true;
		(void)usleep(SERVED_POLL_MS * 1000);
	}
	return false;
}

enum err
listen_open_unix(const char *path, int *fd_out, struct errinfo *why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, bound;

	if (strlen(path) >= sizeof address.sun_path)
		return errinfo_set(
		    why, ERR_CONFIG, "the path of a Unix socket is too long: %s", path);
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (is_served_for_long(&address))
		return errinfo_set(why, ERR_CONFIG, "another server listens on %s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errinfo_sys(why, ERR_CONFIG, errno, "cannot make a Unix socket");
	(void)unlink(path);
	mask = umask(0177);
	bound = bind(fd, (struct sockaddr *)&address, sizeof address);
	(void)umask(mask);
	if (bound != 0 || listen(fd, BACKLOG) != 0) {
		enum err e =
		    errinfo_sys(why, ERR_CONFIG, errno, "cannot listen on %s", path);

		(void)close(fd);
		return e;
	}
	*fd_out = fd;
	return ERR_OK;
}

struct listener {
	struct listener_config config;
	struct loop_fd *watch;
	struct loop_timer *resume;
};

/* Nobody is let in for a moment: too many are here, or descriptors have run out. */
static void
pause_listener(struct listener *l)
{
	loop_fd_want(l->watch, 0);
	loop_timer_set(l->resume, PAUSE_MS);
}

static void
resume_listener(void *arg)
{
	struct listener *l = arg;

	if (*l->config.group->connections >= l->config.connections_max)
		loop_timer_set(l->resume, PAUSE_MS);
	else
		loop_fd_want(l->watch, LOOP_READ);
}

static bool
peer_allowed(const struct listener *l, int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	if (!l->config.local_only)
		return true;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static void
accept_one(struct listener *l, int fd, const struct sockaddr_storage *ss, socklen_t n)
{
	char host[CONN_PEER_SIZE] = "local";
	int one = 1;

	if (!peer_allowed(l, fd)) {
		(void)close(fd);
		return;
	}
	if (ss->ss_family != AF_UNIX) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		(void)getnameinfo((const struct sockaddr *)ss, n, host, sizeof host, NULL,
		    0, NI_NUMERICHOST);
	}
	(void)conn_new(
	    l->config.group, fd, l->config.tls, host); /* closes fd if it cannot */
}

static void
accept_ready(void *arg, unsigned what)
{
	struct listener *l = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_TURN; i++) {
		struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
		socklen_t n = sizeof ss;
		int fd;

		if (*l->config.group->connections >= l->config.connections_max) {
			pause_listener(l);
			return;
		}
		fd = accept4(l->config.fd, (struct sockaddr *)&ss, &n,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			accept_one(l, fd, &ss, n);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		if (errno != EAGAIN)
			pause_listener(l);
		return;
	}
}

enum err
listener_new(
    const struct listener_config *config, struct listener **out, struct errinfo *why)
{
	struct listener *l = calloc(1, sizeof *l);

	if (l == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a listener");
	l->config = *config;
	if (l->config.tls != NULL)
		tls_context_ref(l->config.tls);
	l->watch = loop_fd_new(config->group->loop, config->fd, accept_ready, l);
	l->resume = loop_timer_new(config->group->loop, resume_listener, l);
	if (l->watch == NULL || l->resume == NULL) {
		listener_free(l);
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a listener");
	}
	loop_fd_want(l->watch, LOOP_READ);
	*out = l;
	return ERR_OK;
}

void
listener_set_tls(struct listener *l, struct tls_context *tls)
{
	if (l->config.tls == NULL)
		return;
	tls_context_ref(tls);
	tls_context_unref(l->config.tls);
	l->config.tls = tls;
}

void
listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	loop_fd_free(l->watch);
	loop_timer_free(l->resume);
	tls_context_unref(l->config.tls);
	free(l);
}
