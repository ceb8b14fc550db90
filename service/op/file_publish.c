/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/file_publish.h"

#include "service/core/check.h"

enum { TRIES = 5 };

static void choose_owner(struct file_publish *p);

static void
committed(struct change *change)
{
	struct nodes_put_file *file = container_of(change, struct nodes_put_file, change);
	struct file_publish *p = container_of(file, struct file_publish, file);
	enum err e = change->err;

	if (e == ERR_OK) {
		p->done(p, ERR_OK);
		return;
	}
	p->call->why = change->why;
	if (e == ERR_CHANGED && !change->outcome_open && ++p->tries < TRIES) {
		e = p->look_again(p);
		if (e == ERR_OK) {
			choose_owner(p);
			return;
		}
	}
	if (e == ERR_CONTAINER_NOT_FOUND)
		e = op_fail_uri(p->call, e, p->target.path);
	p->done(p, e == ERR_PARENT_LOCKED ? ERR_NODE_LOCKED : e);
}

static void
commit(struct file_publish *p)
{
	struct op_target parent = op_parent(&p->target);

	p->file.change = (struct change){.loop = p->call->env->loop, .done = committed};
	p->file.parent_id = op_leaf(&parent)->id;
	p->file.name = path_name(p->target.path);
	p->file.expect_id = p->target.exists ? op_leaf(&p->target)->id : 0;
	p->file.owner = p->owner.id_out;
	nodes_put_file(p->call->env->store, &p->file);
}

static void
owner_known(struct owner_ask *ask, enum err err)
{
	struct file_publish *p = container_of(ask, struct file_publish, owner);

	if (err != ERR_OK)
		p->done(p, err);
	else
		commit(p);
}

/* A PUT keeps the owner (architecture D45); a new file is the caller's. */
static void
choose_owner(struct file_publish *p)
{
	if (p->target.exists)
		commit(p);
	else
		owner_find(p->call, &p->owner, owner_known);
}

void
file_publish(struct file_publish *p)
{
	choose_owner(p);
}
