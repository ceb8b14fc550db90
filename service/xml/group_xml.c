/* SPDX-License-Identifier: Apache-2.0 */
#include "service/xml/group_xml.h"

#include "service/core/isotime.h"
#include "service/xml/xml_in.h"
#include "service/xml/xml_out.h"

enum { DEPTH_MAX = 16, ELEMENTS_MAX = 200000, ATTRIBUTES_MAX = 16 };

static const char *const role_names[GROUP_ROLES] = {
    [GROUP_MEMBERS_OF] = "groupMembers",
    [USER_MEMBERS] = "userMembers",
    [GROUP_ADMINS] = "groupAdmins",
    [USER_ADMINS] = "userAdmins",
};

static bool
is_of_groups(enum group_role role)
{
	return role == GROUP_MEMBERS_OF || role == GROUP_ADMINS;
}

/* Writing */

static void
write_identity(struct str *s, const char *type, struct bytes value)
{
	str_adds(s, "<identity");
	xml_out_attr(s, "type", bytes_of(type));
	str_addc(s, '>');
	xml_out_text(s, value);
	str_adds(s, "</identity>");
}

/* Clients print both identities of each, and fail where one is missing. */
static void
write_user(struct str *s, const struct group_user *user)
{
	str_adds(s, "<user><internalID>");
	xml_out_leaf(s, "uri", user->uri);
	str_adds(s, "</internalID><identities>");
	write_identity(s, "HTTP", user->name.n > 0 ? user->name : user->dn);
	write_identity(s, "X500", user->dn.n > 0 ? user->dn : user->name);
	str_adds(s, "</identities></user>\n");
}

static void
begin_group(struct str *s, const struct group_document *group)
{
	str_adds(s, "<group");
	xml_out_attr(s, "uri", group->uri);
	str_adds(s, "><owner>");
	write_user(s, &group->owner);
	str_adds(s, "</owner>\n");
}

static void
write_role(struct str *s, const struct group_document *group, enum group_role role)
{
	/* What has no text of its own counts as empty with some clients: hence the line. */
	str_addf(s, "<%s>\n", role_names[role]);
	for (size_t i = 0; i < group->n_links; i++) {
		const struct group_link *link = &group->links[i];

		if (link->role != role)
			continue;
		if (!is_of_groups(role)) {
			write_user(s, &link->user);
			continue;
		}
		str_adds(s, "<group");
		xml_out_attr(s, "uri", link->group_uri);
		str_adds(s, "/>\n");
	}
	str_addf(s, "</%s>\n", role_names[role]);
}

/* Clients want fractions of a second, and no zone. */
static void
write_modified(struct str *s, int64_t ms)
{
	char text[ISOTIME_SIZE];

	isotime_format(ms, text);
	str_adds(s, "<lastModified>");
	str_add(s, (struct bytes){text, bytes_find(bytes_of(text), 'Z')});
	str_adds(s, "</lastModified>\n");
}

void
group_xml_write(struct str *s, const struct group_document *group)
{
	xml_out_declaration(s);
	begin_group(s, group);
	if (group->description.n > 0)
		xml_out_leaf(s, "description", group->description);
	write_modified(s, group->modified_ms);
	for (enum group_role role = 0; role < GROUP_ROLES; role++)
		write_role(s, group, role);
	str_adds(s, "</group>\n");
}

void
group_xml_write_list(struct str *s, const struct group_document *groups, size_t n)
{
	xml_out_declaration(s);
	str_adds(s, "<groups>\n");
	for (size_t i = 0; i < n; i++) {
		begin_group(s, &groups[i]);
		str_adds(s, "</group>\n");
	}
	str_adds(s, "</groups>\n");
}

/* Reading */

static void
read_user(const struct xml_elem *e, struct group_user *out)
{
	const struct xml_elem *id = xml_child(e, "", "internalID");
	const struct xml_elem *all = xml_child(e, "", "identities"), *i;

	if (id != NULL && xml_child(id, "", "uri") != NULL)
		out->uri = bytes_trim(xml_child(id, "", "uri")->text);
	for (i = all != NULL ? all->children : NULL; i != NULL; i = i->next) {
		struct bytes type = xml_attr(i, "", "type");

		if (bytes_is(type, "HTTP"))
			out->name = bytes_trim(i->text);
		else if (bytes_is(type, "X500"))
			out->dn = bytes_trim(i->text);
	}
}

static enum err
read_link(const struct xml_elem *e, enum group_role role, struct group_link *out,
    struct errinfo *why)
{
	*out = (struct group_link){.role = role};
	if (!is_of_groups(role)) {
		if (!xml_is(e, "", "user"))
			return errinfo_set(why, ERR_INVALID_ARGUMENT,
			    "%s holds something that is no user", role_names[role]);
		read_user(e, &out->user);
		if (out->user.uri.n + out->user.name.n + out->user.dn.n == 0)
			return errinfo_set(why, ERR_INVALID_ARGUMENT,
			    "a user in %s has no identity", role_names[role]);
		return ERR_OK;
	}
	out->group_uri = xml_attr(e, "", "uri");
	if (!xml_is(e, "", "group") || out->group_uri.n == 0)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "%s holds something that is no group with a uri", role_names[role]);
	return ERR_OK;
}

static enum err
read_links(struct arena *a, const struct xml_elem *root, struct group_document *out,
    struct errinfo *why)
{
	struct group_link *links;
	size_t room = 0;

	for (enum group_role role = 0; role < GROUP_ROLES; role++) {
		const struct xml_elem *list = xml_child(root, "", role_names[role]);
		const struct xml_elem *e;

		for (e = list != NULL ? list->children : NULL; e != NULL; e = e->next)
			room++;
	}
	links = arena_array(a, struct group_link, room + 1);
	if (links == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a group");
	for (enum group_role role = 0; role < GROUP_ROLES; role++) {
		const struct xml_elem *list = xml_child(root, "", role_names[role]);
		const struct xml_elem *e;

		for (e = list != NULL ? list->children : NULL; e != NULL; e = e->next) {
			enum err err = read_link(e, role, &links[out->n_links], why);

			if (err != ERR_OK)
				return err;
			out->n_links++;
		}
	}
	out->links = links;
	return ERR_OK;
}

enum err
group_xml_read(struct arena *a, struct bytes text, size_t bytes_max,
    struct group_document *out, struct errinfo *why)
{
	const struct xml_limits limits = {.bytes = bytes_max,
	    .depth = DEPTH_MAX,
	    .elements = ELEMENTS_MAX,
	    .attributes = ATTRIBUTES_MAX};
	const struct xml_elem *root, *description;
	enum err e = xml_parse(a, text, &limits, &root, why);

	if (e != ERR_OK)
		return e;
	if (!xml_is(root, "", "group"))
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "the document is not a group");
	*out = (struct group_document){.uri = xml_attr(root, "", "uri")};
	if (out->uri.n == 0)
		return errinfo_set(why, ERR_INVALID_ARGUMENT, "the group has no uri");
	description = xml_child(root, "", "description");
	if (description != NULL)
		out->description = bytes_trim(description->text);
	return read_links(a, root, out, why);
}
