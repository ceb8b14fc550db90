/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/acl.h"

#include "service/core/check.h"

static bool
owns_allocation(const struct acl_facts *f, size_t at)
{
	return f->allocation != 0 && at >= f->allocation &&
	       f->node[f->allocation].is_owner;
}

bool
acl_can_write(const struct acl_facts *f, size_t at)
{
	const struct acl_node *n = &f->node[at];

	return n->is_owner || owns_allocation(f, at) || n->in_write_group ||
	       (f->in_doubt && n->maybe_in_write_group);
}

bool
acl_can_read(const struct acl_facts *f, size_t at)
{
	const struct acl_node *n = &f->node[at];

	return n->is_public || n->in_read_group ||
	       (f->in_doubt && n->maybe_in_read_group) || acl_can_write(f, at);
}

static struct acl_facts
in_doubt(const struct acl_facts *f)
{
	struct acl_facts best = *f;

	best.in_doubt = true;
	return best;
}

bool
acl_may_read(const struct acl_facts *f, size_t at)
{
	struct acl_facts best = in_doubt(f);

	return !acl_can_read(f, at) && acl_can_read(&best, at);
}

bool
acl_may_change_allocation(const struct acl_facts *f)
{
	return f->node[f->n - 1].is_owner || owns_allocation(f, f->n - 1);
}

static enum err
refuse(const struct acl_facts *f, size_t at, size_t *at_out)
{
	if (at_out != NULL)
		*at_out = at;
	return f->is_anonymous ? ERR_NOT_AUTHENTICATED : ERR_DENIED;
}

static enum err
check_lock(const struct acl_facts *f, size_t at, enum err code, size_t *at_out)
{
	if (!f->node[at].is_locked)
		return ERR_OK;
	if (at_out != NULL)
		*at_out = at;
	return code;
}

/* Every container before the place `end`, the root excepted. */
static enum err
check_way(const struct acl_facts *f, size_t end, size_t *at_out)
{
	for (size_t i = 1; i < end; i++)
		if (!acl_can_read(f, i))
			return refuse(f, i, at_out);
	return ERR_OK;
}

/* What an action needs besides the way to the node. */
struct rule {
	bool read, write; /* of the node */
	bool write_parent; /* of the container it lies in */
	bool owner; /* only the owner, where so set */
	bool admin; /* the administrator always may */
	bool lock, lock_parent; /* a lock of the node, of its container, stops it */
	enum err lock_code;
};

static const struct rule rules[] = {
    [ACL_STAT] = {.admin = true},
    [ACL_LIST] = {.read = true, .admin = true},
    [ACL_READ] = {.read = true},
    [ACL_CREATE] = {.read = true,
	.write = true,
	.lock = true,
	.lock_code = ERR_PARENT_LOCKED},
    [ACL_SET] = {.write = true, .admin = true},
    [ACL_GRANT] = {.write = true, .owner = true, .admin = true},
    [ACL_WRITE] = {.write = true, .lock = true, .lock_code = ERR_NODE_LOCKED},
    [ACL_DELETE] = {.write_parent = true,
	.admin = true,
	.lock = true,
	.lock_parent = true,
	.lock_code = ERR_NODE_LOCKED},
    [ACL_LEAVE] = {.write_parent = true,
	.lock = true,
	.lock_parent = true,
	.lock_code = ERR_NODE_LOCKED},
    [ACL_ENTER] = {.read = true,
	.write = true,
	.lock = true,
	.lock_code = ERR_NODE_LOCKED},
};

static enum err
check_rights(const struct rule *rule, const struct acl_facts *f, size_t *at_out)
{
	size_t last = f->n - 1;
	enum err e;

	if (rule->admin && f->is_admin)
		return ERR_OK;
	e = check_way(f, last, at_out);
	if (e != ERR_OK)
		return e;
	if (rule->write_parent && (last == 0 || !acl_can_write(f, last - 1)))
		return refuse(f, last == 0 ? 0 : last - 1, at_out);
	if (rule->write && !acl_can_write(f, last))
		return refuse(f, last, at_out);
	if (rule->read && !acl_can_read(f, last))
		return refuse(f, last, at_out);
	if (rule->owner && f->grant_by_owner && !acl_may_change_allocation(f))
		return refuse(f, last, at_out);
	return ERR_OK;
}

/* Does the token, if it is one, reach that far? */
static bool
reaches(enum acl_action action, const struct acl_facts *f)
{
	if (f->drop_only)
		return action == ACL_CREATE && f->scope == f->n - 1;
	return f->scope < f->n && (!f->read_only || action < ACL_CREATE);
}

static enum err
decide(enum acl_action action, const struct acl_facts *f, size_t *at_out)
{
	const struct rule *rule = &rules[action];
	enum err e;

	if (!reaches(action, f))
		return refuse(f, f->n - 1, at_out);
	e = check_rights(rule, f, at_out);
	if (e == ERR_OK && rule->lock)
		e = check_lock(f, f->n - 1, rule->lock_code, at_out);
	if (e == ERR_OK && rule->lock_parent && f->n > 1)
		e = check_lock(f, f->n - 2, rule->lock_code, at_out);
	return e;
}

enum err
acl_decide(enum acl_action action, const struct acl_facts *f, size_t *at_out)
{
	struct acl_facts best = in_doubt(f);
	enum err e;

	CHECK(f->n >= 1 && f->allocation < f->n);
	e = decide(action, f, at_out);
	return e == ERR_OK || decide(action, &best, NULL) == e ? e : ERR_GROUPS;
}
