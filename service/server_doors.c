/* SPDX-License-Identifier: Apache-2.0 */
#include "service/server_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/core/log.h"
#include "service/keeper.h"

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

enum err
server_open_doors(struct server *s, struct errinfo *why)
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

void
server_close_doors(struct server *s)
{
	close_all(s->tls_fds, s->settings->listen_tls.n * s->n_loops);
	close_all(s->plain_fds, s->settings->listen_plain.n * s->n_loops);
	if (s->admin_fd >= 0) /* ours, so the path is too */
		(void)unlink(s->settings->admin_socket);
	close_all(&s->admin_fd, 1);
}

enum err
server_start_keeper(struct server *s, struct errinfo *why)
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

enum err
server_load_tls(const struct settings *settings, struct tls_context **tls_out,
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
