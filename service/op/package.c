/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/package.h"

#include "service/op/file.h"
#include "service/op/target.h"

#define VIEW   "vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0"
#define FORMAT "ivo://ivoa.net/vospace/core#format"

static const struct {
	struct bytes type;
	const char *ending;
} formats[] = {
    [ARCHIVE_TAR] = {{"application/x-tar", 17}, "tar"},
    [ARCHIVE_ZIP] = {{"application/zip", 15}, "zip"},
};

bool
package_is_pushed(const struct transfer_doc *doc)
{
	return bytes_is(doc->view.uri, VIEW) &&
	       bytes_caseeq(doc->direction, BYTES("pushToVoSpace"));
}

bool
package_asked(const struct transfer_doc *doc)
{
	return bytes_is(doc->view.uri, VIEW) && !package_is_pushed(doc);
}

/* A tar where the view does not say. */
static enum err
read_format(
    struct op_call *call, const struct transfer_doc *doc, enum archive_format *out)
{
	const struct transfer_params *params = &doc->view.params;

	*out = ARCHIVE_TAR;
	for (size_t i = 0; i < params->n; i++) {
		struct bytes value = bytes_trim(params->v[i].value);

		if (!bytes_is(params->v[i].uri, FORMAT))
			continue;
		if (bytes_caseeq(value, formats[ARCHIVE_ZIP].type))
			*out = ARCHIVE_ZIP;
		else if (!bytes_caseeq(value, formats[ARCHIVE_TAR].type))
			return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			    "RESPONSEFORMAT not supported: %.*s", BYTES_ARG(value));
	}
	return ERR_OK;
}

enum err
package_check_pushed(struct op_call *call, const struct transfer_doc *doc)
{
	enum archive_format format;
	enum err e = read_format(call, doc, &format);

	if (e == ERR_INVALID_ARGUMENT || (e == ERR_OK && format != ARCHIVE_TAR))
		return errinfo_set(&call->why, ERR_VIEW_NOT_SUPPORTED,
		    "only a tar can be unpacked: %s is to be %.*s", FORMAT,
		    BYTES_ARG(formats[ARCHIVE_TAR].type));
	return e;
}

static enum err
read_targets(
    struct op_call *call, const struct transfer_doc *doc, struct package_spec *out)
{
	uint64_t most = call->env->settings->package_targets;
	struct path *paths;
	enum err e = ERR_OK;

	if (doc->n_targets > most)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "%zu targets in one package, the limit is %llu", doc->n_targets,
		    (unsigned long long)most);
	paths = arena_array(call->arena, struct path, doc->n_targets);
	if (paths == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "too many targets");
	for (size_t i = 0; i < doc->n_targets && e == ERR_OK; i++)
		e = op_parse_uri(call, doc->targets[i], &paths[i]);
	out->paths = paths;
	out->n = doc->n_targets;
	return e;
}

enum err
package_read(struct op_call *call, const struct transfer_doc *doc, const char *job_id,
    struct package_spec *out)
{
	struct bytes name;
	enum err e;

	*out = (struct package_spec){.n = 0};
	if (!bytes_caseeq(doc->direction, BYTES("pullFromVoSpace")))
		return errinfo_set(&call->why, ERR_VIEW_NOT_SUPPORTED,
		    "a package can only be pulled from here");
	e = read_format(call, doc, &out->format);
	if (e == ERR_OK)
		e = read_targets(call, doc, out);
	if (e != ERR_OK)
		return e;
	name = out->n == 1 && out->paths[0].n > 0 ? path_name(out->paths[0])
						  : bytes_of(job_id);
	out->file_name = arena_format(call->arena, "quartet-download-%.*s.%s",
	    BYTES_ARG(name), formats[out->format].ending);
	return out->file_name.p == NULL
		   ? errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a name")
		   : ERR_OK;
}

struct bytes
package_url(struct op_call *call, const char *job_id)
{
	return arena_format(
	    call->arena, "%.*s/pkg/%s/run", BYTES_ARG(call->base_url), job_id);
}

void
package_reply_fields(struct op_call *call, const struct package_spec *spec)
{
	op_reply_status(call, 200);
	op_reply_field(call, "Content-Type", formats[spec->format].type);
	file_reply_name(call, spec->file_name);
	file_reply_sandbox(call);
}
