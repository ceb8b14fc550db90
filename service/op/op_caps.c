/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service says about itself: registry, capabilities, availability (VOSI 1.1).
 */
#include "replication/health.h"
#include "service/core/isotime.h"
#include "service/gms/gms_remote.h"
#include "service/op/ops.h"
#include "service/op/range.h"
#include "service/op/service_mode.h"
#include "service/xml/caps_xml.h"

enum { TEXT_MAX = 256 * 1024, SERVICES_BESIDE = 2 };

static const struct caps_row rows[] = {
    {"ivo://ivoa.net/std/VOSI#capabilities", "/capabilities", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/VOSI#availability", "/availability", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/VOSpace/v2.0#protocols", "/protocols", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/VOSpace/v2.0#views", "/views", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/VOSpace/v2.0#properties", "/properties", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/VOSpace/v2.0#nodes", "/nodes", CAPS_USE_BASE,
	"A listing also takes name=PATTERN ('*' is any text, '?' one character), "
	"since=TIME (changed then or later), depth=N (what lies deeper, in one list, "
	"each container before what is in it), and sort=core#date or core#length with "
	"order=asc or desc, where core is ivo://ivoa.net/vospace/core. uri and limit "
	"page through what is left. Accept: application/json gives JSON."},
    {"ivo://ivoa.net/std/VOSpace#files-proto", "/files", CAPS_USE_BASE, NULL},
    {"ivo://ivoa.net/std/VOSpace/v2.0#transfers", "/transfers", CAPS_USE_BASE, NULL},
    {"ivo://ivoa.net/std/VOSpace/v2.0#sync", "/synctrans", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/VOSpace#sync-2.1", "/synctrans", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/VOSpace#recursive-delete-proto", "/async-delete", CAPS_USE_BASE,
	NULL},
    {"ivo://ivoa.net/std/VOSpace#recursive-nodeprops-proto", "/async-setprops",
	CAPS_USE_BASE, NULL},
    {"vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0", "/pkg", CAPS_USE_FULL,
	"A pushToVoSpace transfer with this view, its format application/x-tar and a "
	"container as its target, gives a URL to which a tar is put; what is in it "
	"appears "
	"in the container. The job counts its members."},
    {"vos://cadc.nrc.ca~vospace/CADC/std/VOSpace#nodeprops", "/async-setprops",
	CAPS_USE_BASE, NULL},
};

static const struct caps_row gms_rows[] = {
    {"ivo://ivoa.net/std/VOSI#capabilities", "/capabilities", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/VOSI#availability", "/availability", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/gms#search-1.0", "/search", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/GMS#search-1.0", "/search", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/UMS#login-0.1", "/login", CAPS_USE_FULL,
	"POST username and password: the answer is a bearer token."},
};

static const struct caps_row cred_rows[] = {
    {"ivo://ivoa.net/std/VOSI#capabilities", "/capabilities", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/VOSI#availability", "/availability", CAPS_USE_FULL, NULL},
    {"ivo://ivoa.net/std/CDP#proxy-1.0", "/proxyCert", CAPS_USE_FULL,
	"A key and a certificate to sign in with, for daysValid days."},
};

static const struct bytes methods[] = {
    {"ivo://ivoa.net/sso#tls-with-certificate", 39},
    {"ivo://ivoa.net/sso#token", 24},
    {"ivo://ivoa.net/sso#cookie", 25},
    {"ivo://ivoa.net/sso#BasicAA", 26},
};

static void
tell_capabilities(
    struct op_call *call, const struct caps_row *table, size_t n, struct bytes base_url)
{
	/* They change with the program only, which was started then. */
	const struct validators v = {.modified_ms = call->env->space->started_ms};
	char date[ISOTIME_SIZE];
	struct str text;

	httptime_format(v.modified_ms, date);
	op_reply_field(call, "Last-Modified", bytes_of(date));
	if (range_not_modified(
		(struct bytes){NULL, 0}, op_header(call, "if-modified-since"), &v)) {
		op_reply_status(call, 304);
		call->reply.no_body = true;
		op_finish(call);
		return;
	}
	str_init(&text, TEXT_MAX);
	caps_xml_capabilities(
	    &text, table, n, base_url, methods, sizeof methods / sizeof methods[0]);
	op_finish_str(call, 200, "text/xml", &text);
}

static void
run_capabilities(struct op_call *call)
{
	tell_capabilities(call, rows, sizeof rows / sizeof rows[0], call->base_url);
}

static void
run_cred_capabilities(struct op_call *call)
{
	tell_capabilities(call, cred_rows, sizeof cred_rows / sizeof cred_rows[0],
	    arena_format(call->arena, "%.*s/cred", BYTES_ARG(call->root_url)));
}

static void
run_gms_capabilities(struct op_call *call)
{
	tell_capabilities(call, gms_rows, sizeof gms_rows / sizeof gms_rows[0],
	    arena_format(call->arena, "%.*s/gms", BYTES_ARG(call->root_url)));
}

const struct op op_gms_capabilities = {
    .name = "gms-capabilities", .run = run_gms_capabilities};
const struct op op_capabilities = {.name = "capabilities", .run = run_capabilities};
const struct op op_cred_capabilities = {
    .name = "cred-capabilities", .run = run_cred_capabilities};

/* One of those beside the space, under the name clients ask for and under our own. */
static enum err
add_service(struct op_call *call, const char *name, struct caps_registry_entry *entries,
    size_t *used)
{
	struct bytes url = arena_format(
	    call->arena, "%.*s/%s/capabilities", BYTES_ARG(call->root_url), name);
	struct bytes theirs = arena_format(call->arena, "ivo://cadc.nrc.ca/%s", name);
	struct bytes ours = arena_format(
	    call->arena, "ivo://%.*s/%s", BYTES_ARG(call->env->space->authority), name);

	if (url.p == NULL || theirs.p == NULL || ours.p == NULL)
		return ERR_NO_MEMORY;
	if (!settings_is_outside_group(
		call->env->settings, bytes_skip(theirs, sizeof("ivo://") - 1)))
		entries[(*used)++] = (struct caps_registry_entry){theirs, url};
	entries[(*used)++] = (struct caps_registry_entry){ours, url};
	return ERR_OK;
}

/* All groups that are not ours are asked for there. */
static enum err
add_outside(struct op_call *call, struct caps_registry_entry *entries, size_t *used)
{
	const struct settings *s = call->env->settings;
	struct bytes base = bytes_of(s->gms_url), url;

	base.n = bytes_find(base, '?');
	while (base.n > 0 && base.p[base.n - 1] != '/')
		base.n--;
	url = arena_format(call->arena, "%.*scapabilities", BYTES_ARG(base));
	for (size_t i = 0; i < s->gms_authorities.n; i++)
		entries[(*used)++] = (struct caps_registry_entry){
		    bytes_of(s->gms_authorities.items[i]), url};
	return url.p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static void
run_registry(struct op_call *call)
{
	const struct settings *settings = call->env->settings;
	size_t n = settings->resource_aliases.n + 1 + 2 * SERVICES_BESIDE +
		   settings->gms_authorities.n;
	struct caps_registry_entry *entries =
	    arena_array(call->arena, struct caps_registry_entry, n);
	struct bytes url =
	    arena_format(call->arena, "%.*s/capabilities", BYTES_ARG(call->base_url));
	struct str text;
	size_t used = 0;
	enum err e = ERR_OK;

	if (entries == NULL || url.p == NULL) {
		op_fail(call, ERR_NO_MEMORY);
		return;
	}
	entries[used++] =
	    (struct caps_registry_entry){bytes_of(settings->resource_id), url};
	for (size_t i = 0; i < settings->resource_aliases.n; i++) {
		struct bytes alias = bytes_of(settings->resource_aliases.items[i]);

		if (!bytes_is(alias, settings->resource_id))
			entries[used++] = (struct caps_registry_entry){alias, url};
	}
	if (e == ERR_OK)
		e = add_service(call, "gms", entries, &used);
	if (e == ERR_OK && call->env->gms != NULL)
		e = add_outside(call, entries, &used);
	if (e == ERR_OK && call->env->space->issuer != NULL)
		e = add_service(call, "cred", entries, &used);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	str_init(&text, TEXT_MAX);
	caps_registry(&text, entries, used);
	op_finish_str(call, 200, "text/plain", &text);
}

const struct op op_registry = {.name = "registry", .run = run_registry};

/* What is wrong, one note each; false when the service cannot do its work. */
static bool
inspect(struct op_call *call, struct bytes *notes, size_t *n_notes)
{
	const struct mirror *m = call->env->mirror;
	struct store_facts facts;
	struct errinfo why;
	bool good = true;

	if (call->env->space->is_stopping) {
		notes[(*n_notes)++] = BYTES("the service is stopping");
		good = false;
	}
	if (call->env->space->mode != MODE_READ_WRITE) {
		struct bytes reason = service_mode_reason(call);

		notes[(*n_notes)++] = arena_format(call->arena, "the service is %s%s%.*s",
		    service_mode_name((enum service_mode)call->env->space->mode),
		    reason.n > 0 ? ": " : "", BYTES_ARG(reason));
		good = call->env->space->mode != MODE_OFFLINE;
	}
	if (call->env->space->is_stalled || call->env->reader == NULL) {
		notes[(*n_notes)++] = BYTES("the metadata store does not answer");
		good = false;
	} else if (store_facts(call->env->reader, &facts, &why) != ERR_OK) {
		notes[(*n_notes)++] = BYTES("the metadata store cannot be read");
		good = false;
	}
	if (call->env->gms != NULL && gms_remote_stats(call->env->gms).is_away)
		notes[(*n_notes)++] = arena_format(call->arena,
		    "the group service %s cannot be asked: who reads or writes by one of "
		    "its "
		    "groups cannot at the moment",
		    call->env->settings->gms_authorities.items[0]);
	for (unsigned i = 0; i < m->n; i++) {
		struct health_facts h;

		health_facts(m->health, i, &h);
		if (h.state != STATE_ONLINE)
			/* Where it lies, and why, is the operator's to know. */
			notes[(*n_notes)++] = arena_format(call->arena,
			    "location %u is %s", i + 1, location_state_name(h.state));
	}
	if ((unsigned)__builtin_popcount(health_writable(m->health, m->write_quorum)) <
	    m->write_quorum) {
		notes[(*n_notes)++] = arena_format(call->arena,
		    "fewer than %u locations can be written to: nothing can be uploaded",
		    m->write_quorum);
		good = false;
	}
	return good;
}

static void
run_availability(struct op_call *call)
{
	struct bytes notes[LOCATIONS_MAX + 6];
	struct caps_availability a = {
	    .up_since_ms = call->env->space->started_ms,
	    .notes = notes,
	    .client_ip = call->peer,
	};
	struct str text;

	a.available = inspect(call, notes, &a.n_notes);
	if (bytes_is(op_param(call, "detail"), "min")) { /* a heartbeat */
		op_reply_status(call, a.available ? 200 : 503);
		op_finish(call);
		return;
	}
	str_init(&text, TEXT_MAX);
	caps_xml_availability(&text, &a);
	op_finish_str(call, 200, "text/xml", &text);
}

const struct op op_availability = {.name = "availability", .run = run_availability};
