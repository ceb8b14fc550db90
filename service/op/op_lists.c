/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET protocols, views, properties: what this space speaks (VOSpace 2.1 6.1), from the
 * tables the operations use.
 */
#include "service/op/ops.h"
#include "service/op/props.h"
#include "service/op/views.h"
#include "service/remote/remote.h"
#include "service/xml/lists_xml.h"

#define CORE "ivo://ivoa.net/vospace/core#"

enum { TEXT_MAX = 256 * 1024 };

static void
reply(struct op_call *call, const char *root, const char *item,
    const struct lists_part *parts, size_t n)
{
	struct str text;
	enum err e;

	str_init(&text, TEXT_MAX);
	lists_xml_write(&text, root, item, parts, n);
	e = op_reply_str(call, 200, "text/xml", &text);
	if (e == ERR_OK)
		op_finish(call);
	else
		op_fail(call, e);
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
	    {"accepts", accepts, views_marked(VIEW_ACCEPTS, accepts)},
	    {"provides", provides,
		views_marked(VIEW_PROVIDES | VIEW_FITS | VIEW_PACKAGE, provides)},
	};

	reply(call, "views", "view", parts, 2);
}

const struct op op_views = {.name = "views", .run = run_views};

static void
run_properties(struct op_call *call)
{
	struct lists_item accepts[PROPS_MAX_ROWS], provides[PROPS_MAX_ROWS],
	    all[PROPS_MAX_ROWS];
	struct lists_part parts[] = {
	    {"accepts", accepts, props_known(PROPS_SETTABLE, accepts)},
	    {"provides", provides, props_known(PROPS_COMPUTED, provides)},
	    {"contains", all, props_known(PROPS_SETTABLE | PROPS_COMPUTED, all)},
	};

	reply(call, "properties", "property", parts, 3);
}

const struct op op_properties = {.name = "properties", .run = run_properties};
