/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive change of properties: the posted node document names the target and says what
 * to change, on every node as POST nodes/PATH would. A node that may not be changed is
 * not entered. Locks do not matter.
 */
#include "service/op/props.h"
#include "service/op/runners.h"
#include "service/op/tree.h"

enum { TYPES = NODE_UNSTRUCTURED_DATA + 1 };

struct state {
	struct tree tree;
	struct nodes_patch patch[TYPES];
	bool grants[TYPES];
};

static enum err
judge(struct tree *t, struct op_call *call, const struct node *node,
    const struct acl_facts *facts)
{
	const struct state *s = t->state;
	enum err e = acl_decide(ACL_SET, facts, NULL);

	if (e == ERR_OK && s->grants[node->type] &&
	    props_change_permissions(&s->patch[node->type], node))
		e = acl_decide(ACL_GRANT, facts, NULL);
	return e == ERR_OK ? ERR_OK
			   : errinfo_set(&call->why, e, "'%.*s' may not be changed: %s",
				 BYTES_ARG(node->name), err_text(e));
}

static bool
enters(const struct node *container, enum err verdict)
{
	(void)container;
	return verdict == ERR_OK;
}

static void
submit(struct tree *t, struct tree_item *item, uint64_t id, enum node_type type)
{
	const struct state *s = t->state;
	struct nodes_update *update = &item->request.update;

	update->id = id;
	update->patch = s->patch[type];
	update->properties_max = t->env->settings->properties_max;
	nodes_update(t->env->store, update);
}

static const struct tree_work work = {.judge = judge, .enters = enters, .submit = submit};

/* What the document means for each type of node. */
static enum err
make_patches(struct state *s, struct op_call *call, const struct node_doc *doc)
{
	enum err e = ERR_OK;

	for (unsigned i = NODE_CONTAINER; i < TYPES && e == ERR_OK; i++)
		e = props_to_patch(
		    call, doc, (enum node_type)i, &s->patch[i], &s->grants[i]);
	if (e == ERR_OK && s->patch[NODE_CONTAINER].set_quota)
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "Cannot recursively change admin props");
	return e;
}

static void
begin(struct job_run *run)
{
	struct state *s = arena_new(&run->arena, struct state);
	struct op_env *env = run->env;
	const struct node_xml_limits limits = {
	    .bytes = run->job.input.n,
	    .properties = env->settings->properties_max,
	    .value_bytes = env->settings->property_max,
	};
	struct node_doc doc;
	struct job_call jc;
	enum err e;

	run->state = s;
	e = job_call_init(&jc, run, &run->arena);
	if (s == NULL)
		e = ERR_NO_MEMORY;
	if (e == ERR_OK)
		e = node_xml_parse(
		    &run->arena, run->job.input, &limits, &doc, &jc.call.why);
	if (e == ERR_OK)
		e = make_patches(s, &jc.call, &doc);
	if (e != ERR_OK) {
		job_call_fail(run, &jc, e);
		return;
	}
	s->tree.state = s;
	tree_start(&s->tree, run, &work, doc.uri);
}

static void
start(struct job_run *run)
{
	job_groups_begin(run, begin);
}

static void
abort_it(struct job_run *run)
{
	struct state *s = run->state;

	if (s != NULL)
		tree_abort(&s->tree);
}

const struct job_runner run_setprops = {
    .start = start, .abort = abort_it, .is_long = true};
