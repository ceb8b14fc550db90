/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree - the same change for a node and everything below it, node by node
 * (server-contract 7.1, architecture D47, D48).
 *
 * Children come before their container. Links are changed themselves, never followed.
 * Each node is judged by what it and its owner are when its turn comes. What may not be
 * changed counts as one failure. A few changes are under way at a time and a little is
 * done in one go, so that requests hardly notice; memory grows with the depth only.
 * After a restart the walk begins again; what is done already costs little. What was
 * removed in the last half second before a kill is missing from the count then.
 *
 *   everything changed     COMPLETED  successcount
 *   some failed            ABORTED    successcount, errorcount
 *   nothing changed        ERROR, with the first failure
 */
#ifndef QUARTET_OP_TREE_H
#define QUARTET_OP_TREE_H

#include "service/op/job_call.h"
#include "service/op/target.h"

enum { TREE_WINDOW = 128 };

struct tree;

/* A change under way. */
struct tree_item {
	struct tree_item *next;
	struct tree *tree;
	union {
		struct change change;
		struct nodes_delete remove;
		struct nodes_update update;
	} request;
};

struct tree_work {
	/* May that node be changed? The text is for whoever gets a refusal. */
	enum err (*judge)(struct tree *t, struct op_call *call, const struct node *node,
	    const struct acl_facts *facts);
	/* Is a container entered that the verdict is about? */
	bool (*enters)(const struct node *container, enum err verdict);
	/* Submit the change of a node, by item->request with its change set. */
	void (*submit)(
	    struct tree *t, struct tree_item *item, uint64_t id, enum node_type type);
	/* Nodes are gone afterwards: a container only when all in it is, none twice. */
	bool removes;
};

struct tree_frame;

struct tree {
	struct job_run *run;
	const struct tree_work *work;
	void *state; /* the work's */
	struct op_env *env;
	struct arena page; /* for one page of children */
	uint64_t target_id;
	struct tree_frame *top, *spare; /* containers entered, innermost first */
	struct tree_item items[TREE_WINDOW];
	struct tree_item *free;
	unsigned under_way;
	uint64_t done, failed, stayed;
	struct errinfo first; /* failure */
	bool aborting;
	bool posted; /* `again`, or the answer about groups, is on its way */
	struct loop_job again;
	struct job_groups groups; /* asked for anew, when they are old */
	struct arena groups_arena;
	uint64_t saved_ms;
};

/*
 * Begin with the node a URI names; ends the run sooner or later. `t` is in the run's
 * arena, zeroed.
 */
void tree_start(
    struct tree *t, struct job_run *run, const struct tree_work *work, struct bytes uri);
/* End soon. */
void tree_abort(struct tree *t);

#endif
