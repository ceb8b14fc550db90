/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET protocols, views, properties: what this space speaks (VOSpace 2.1 6.1), from the
 * tables the operations use.
 */
#include <string.h>

#include "service/op/ops.h"
#include "service/op/props.h"
#include "service/op/views.h"
#include "service/remote/remote.h"
#include "service/xml/lists_xml.h"

#define CORE "ivo://ivoa.net/vospace/core#"

enum { TEXT_MAX = 64 * 1024 * 1024 };

static void
reply(struct op_call *call, const char *root, const char *item,
    const struct lists_part *parts, size_t n)
{
	struct str text;

	str_init(&text, TEXT_MAX);
	lists_xml_write(&text, root, item, parts, n);
	op_finish_str(call, 200, "text/xml", &text);
}

/* Served on our doors; used as a client where the operator listed hosts for it. */
static void
run_protocols(struct op_call *call)
{
	static const struct lists_item used[] = {
	    {.uri = {CORE "httpsget", sizeof(CORE "httpsget") - 1}},
	    {.uri = {CORE "httpsput", sizeof(CORE "httpsput") - 1}}};
	const struct settings *settings = call->env->settings;
	struct lists_item served[4] = {{.derived = false}};
	struct lists_part parts[] = {
	    {"accepts", used, remote_is_on(settings) ? 2 : 0}, {"provides", served, 0}};

	if (settings->listen_tls.n > 0) {
		served[parts[1].n++].uri = BYTES(CORE "httpsget");
		served[parts[1].n++].uri = BYTES(CORE "httpsput");
	}
	if (settings->listen_plain.n > 0) {
		served[parts[1].n++].uri = BYTES(CORE "httpget");
		served[parts[1].n++].uri = BYTES(CORE "httpput");
	}
	reply(call, "protocols", "protocol", parts, 2);
}

const struct op op_protocols = {.name = "protocols", .run = run_protocols};

static void
run_views(struct op_call *call)
{
	struct lists_item accepts[VIEWS_MAX], provides[VIEWS_MAX];
	struct lists_part parts[] = {
	    {"accepts", accepts, views_marked(VIEW_ACCEPTS | VIEW_UNPACK, accepts)},
	    {"provides", provides,
		views_marked(VIEW_PROVIDES | VIEW_FITS | VIEW_PACKAGE, provides)},
	};

	reply(call, "views", "view", parts, 2);
}

const struct op op_views = {.name = "views", .run = run_views};

static bool
is_among(struct bytes uri, const struct lists_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes_eq(items[i].uri, uri))
			return true;
	return false;
}

/* The properties nodes have: those of the table, and those that users made up. */
static enum err
properties_in_use(struct op_call *call, struct lists_part *part)
{
	struct lists_item known[PROPS_MAX_ROWS], *all;
	size_t n_known = props_known(PROPS_SETTABLE | PROPS_COMPUTED, known), n;
	struct bytes *name;
	enum err e = nodes_property_names(call->env->reader, call->arena,
	    (size_t)call->env->settings->property_names_max, &name, &n, &call->why);

	if (e != ERR_OK)
		return e;
	all = arena_array(call->arena, struct lists_item, n_known + n);
	if (all == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "too many properties");
	(void)memcpy(all, known, n_known * sizeof *all);
	*part = (struct lists_part){"contains", all, n_known};
	for (size_t i = 0; i < n; i++)
		if (!is_among(name[i], known, n_known))
			all[part->n++].uri = name[i];
	return ERR_OK;
}

static void
run_properties(struct op_call *call)
{
	struct lists_item accepts[PROPS_MAX_ROWS], provides[PROPS_MAX_ROWS];
	struct lists_part parts[] = {
	    {"accepts", accepts, props_known(PROPS_SETTABLE, accepts)},
	    {"provides", provides, props_known(PROPS_COMPUTED, provides)},
	    {.name = NULL},
	};
	enum err e = properties_in_use(call, &parts[2]);

	if (e != ERR_OK)
		op_fail(call, e);
	else
		reply(call, "properties", "property", parts, 3);
}

const struct op op_properties = {.name = "properties", .run = run_properties};
