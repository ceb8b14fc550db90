/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive deletion: the parameter `target` is the node. A container that may not be
 * deleted is entered nevertheless, unless it is locked; one in which something stays
 * stays too, and is not counted.
 */
#include "service/op/runners.h"
#include "service/op/tree.h"

static enum err
judge(struct tree *t, struct op_call *call, const struct node *node,
    const struct acl_facts *facts)
{
	enum err e =
	    node->parent_id == 0 ? ERR_DENIED : acl_decide(ACL_DELETE, facts, NULL);

	(void)t;
	return e == ERR_OK ? ERR_OK
			   : errinfo_set(&call->why, e, "'%.*s' may not be deleted: %s",
				 BYTES_ARG(node->name), err_text(e));
}

static bool
enters(const struct node *container, enum err verdict)
{
	(void)verdict;
	return container->is_locked != NODE_TRUE;
}

static void
submit(struct tree *t, struct tree_item *item, uint64_t id, enum node_type type)
{
	(void)type;
	item->request.remove.id = id;
	nodes_delete(t->env->store, &item->request.remove);
}

static const struct tree_work work = {
    .judge = judge, .enters = enters, .submit = submit, .removes = true};

static void
refuse(struct job_run *run, enum err err, const char *text)
{
	job_run_end(
	    run, &(struct job_outcome){
		     .phase = JOB_ERROR, .fault = err_fault(err), .message = text});
}

static void
begin(struct job_run *run)
{
	struct tree *t = arena_new(&run->arena, struct tree);
	const struct job_pair *target = NULL;

	run->state = t;
	for (size_t i = 0; i < run->job.n_parameters; i++)
		if (bytes_caseeq(run->job.parameters[i].name, BYTES("target")))
			target = &run->job.parameters[i];
	if (t == NULL)
		refuse(run, ERR_NO_MEMORY, err_text(ERR_NO_MEMORY));
	else if (target == NULL)
		refuse(run, ERR_INVALID_ARGUMENT, "target argument required");
	else
		tree_start(t, run, &work, target->value);
}

static void
start(struct job_run *run)
{
	job_groups_begin(run, begin);
}

static void
abort_it(struct job_run *run)
{
	if (run->state != NULL)
		tree_abort(run->state);
}

const struct job_runner run_delete = {.start = start, .abort = abort_it, .is_long = true};
