/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/transfer.h"

#include "service/op/file.h"
#include "service/op/unpack.h"

enum { DOCUMENT_MAX = 16 * 1024 * 1024 };

enum err
transfer_input(struct op_call *call, const struct transfer_doc *doc, struct bytes *out)
{
	struct str text;

	str_init(&text, DOCUMENT_MAX);
	transfer_xml_element(&text, doc);
	*out = str_failed(&text) ? (struct bytes){NULL, 0}
				 : arena_copy(call->arena, str_bytes(&text));
	str_release(&text);
	return out->p == NULL
		   ? errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a transfer")
		   : ERR_OK;
}

enum err
transfer_results(struct op_call *call, const struct transfer_doc *doc,
    const struct negotiation *n, struct job *job)
{
	struct job_pair *results = arena_array(call->arena, struct job_pair, 4);

	if (results == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a transfer");
	results[job->n_results++] =
	    (struct job_pair){BYTES("transferDetails"), BYTES("")};
	results[job->n_results++] =
	    (struct job_pair){BYTES("dataNode"), op_uri(call, n->target.path)};
	if (n->target.links_followed > 0)
		results[job->n_results++] =
		    (struct job_pair){BYTES("linkNode"), doc->targets[0]};
	if (bytes_ends(doc->targets[0], BYTES("/" NAME_AUTO)))
		results[job->n_results++] =
		    (struct job_pair){BYTES("target"), op_uri(call, n->target.path)};
	job->results = results;
	job->awaits = n->unpack ? unpack_awaited(call, n->target.path)
				: file_awaited(call, n->target.path, n->push);
	return ERR_OK;
}

void
transfer_name_target(const struct job *job, struct transfer_doc *doc)
{
	for (size_t i = 0; i < job->n_results; i++)
		if (bytes_is(job->results[i].name, "target"))
			doc->targets = &job->results[i].value;
}
