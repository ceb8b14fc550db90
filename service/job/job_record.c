/* SPDX-License-Identifier: Apache-2.0 */
#include "service/job/job_record.h"

#include "storage/pack.h"

enum { VERSION = 1 };

/* The numbers are stored; a retired one is never used again. */
enum tag {
	TAG_OWNER_KEY = 1,
	TAG_OWNER_NAME = 2,
	TAG_RUN_ID = 3,
	TAG_PARAMETER = 4, /* name as text, then the value; repeated */
	TAG_RESULT = 5, /* the same */
	TAG_ERROR = 6, /* fault as text, then the message */
	TAG_INPUT = 7,
	TAG_AWAITS = 8,
};

static void
put_part(struct str *out, enum tag tag, struct bytes text)
{
	if (text.p == NULL)
		return;
	pack_u8(out, tag);
	pack_text(out, text);
}

static void
put_pair(struct str *out, enum tag tag, struct bytes first, struct bytes second)
{
	pack_u8(out, tag);
	pack_u32(out, 4 + first.n + second.n);
	pack_text(out, first);
	str_add(out, second);
}

void
job_record_encode(const struct job *job, struct str *out)
{
	pack_u8(out, VERSION);
	pack_u8(out, job->list);
	pack_u8(out, job->phase);
	pack_u64(out, job->owner);
	pack_u64(out, (uint64_t)job->created_ms);
	pack_u64(out, (uint64_t)job->started_ms);
	pack_u64(out, (uint64_t)job->ended_ms);
	pack_u64(out, (uint64_t)job->destruction_ms);
	pack_u64(out, job->execution_s);
	pack_u64(out, job->done);
	pack_u64(out, job->failed);
	str_add(out, (struct bytes){job->id, JOB_ID_SIZE - 1});
	put_part(out, TAG_OWNER_KEY, job->owner_key);
	put_part(out, TAG_OWNER_NAME, job->owner_name);
	put_part(out, TAG_RUN_ID, job->run_id);
	for (size_t i = 0; i < job->n_parameters; i++)
		put_pair(out, TAG_PARAMETER, job->parameters[i].name,
		    job->parameters[i].value);
	for (size_t i = 0; i < job->n_results; i++)
		put_pair(out, TAG_RESULT, job->results[i].name, job->results[i].value);
	if (job->fault.p != NULL)
		put_pair(out, TAG_ERROR, job->fault, job->message);
	put_part(out, TAG_INPUT, job->input);
	put_part(out, TAG_AWAITS, job->awaits);
}

static struct bytes
take_pair(struct bytes part, struct bytes *second, bool *failed)
{
	struct pack_in in = pack_open(part);
	struct bytes first = unpack_text(&in);

	*second = unpack_bytes(&in, pack_left(&in));
	*failed |= in.failed;
	return first;
}

/* How many parts with that tag there are. */
static size_t
count_parts(struct pack_in in, enum tag tag)
{
	size_t n = 0;

	while (pack_left(&in) > 0 && !in.failed) {
		n += unpack_u8(&in) == tag;
		(void)unpack_text(&in);
	}
	return n;
}

struct lists {
	struct job_pair *parameters, *results;
};

static void
take_part(
    struct job *job, struct lists *lists, unsigned tag, struct bytes part, bool *failed)
{
	struct job_pair *pair;

	switch (tag) {
	case TAG_OWNER_KEY:
		job->owner_key = part;
		break;
	case TAG_OWNER_NAME:
		job->owner_name = part;
		break;
	case TAG_RUN_ID:
		job->run_id = part;
		break;
	case TAG_PARAMETER:
		pair = &lists->parameters[job->n_parameters++];
		pair->name = take_pair(part, &pair->value, failed);
		break;
	case TAG_RESULT:
		pair = &lists->results[job->n_results++];
		pair->name = take_pair(part, &pair->value, failed);
		break;
	case TAG_ERROR:
		job->fault = take_pair(part, &job->message, failed);
		break;
	case TAG_INPUT:
		job->input = part;
		break;
	case TAG_AWAITS:
		job->awaits = part;
		break;
	default:
		break;
	}
}

static bool
take_fixed(struct pack_in *in, struct job *job)
{
	struct bytes id;
	uint64_t number;

	if (unpack_u8(in) != VERSION)
		return false;
	job->list = (enum job_list)unpack_u8(in);
	job->phase = (enum job_phase)unpack_u8(in);
	job->owner = unpack_u64(in);
	job->created_ms = (int64_t)unpack_u64(in);
	job->started_ms = (int64_t)unpack_u64(in);
	job->ended_ms = (int64_t)unpack_u64(in);
	job->destruction_ms = (int64_t)unpack_u64(in);
	job->execution_s = unpack_u64(in);
	job->done = unpack_u64(in);
	job->failed = unpack_u64(in);
	id = unpack_bytes(in, JOB_ID_SIZE - 1);
	if (in->failed || !job_id_number(id, &number))
		return false;
	(void)memcpy(job->id, id.p, id.n);
	job->id[JOB_ID_SIZE - 1] = '\0';
	return job->list >= JOB_LIST_TRANSFERS && job->list < JOB_LISTS &&
	       job->phase >= JOB_PENDING && job->phase < JOB_PHASES;
}

enum err
job_record_decode(struct arena *a, uint64_t number, struct bytes record, struct job *out,
    struct errinfo *why)
{
	struct pack_in in = pack_open(record);
	struct job job = {.number = number};
	struct lists lists;
	bool failed = false;

	if (!take_fixed(&in, &job))
		return errinfo_set(why, ERR_DAMAGED, "record of job %llu is damaged",
		    (unsigned long long)number);
	lists.parameters =
	    arena_array(a, struct job_pair, count_parts(in, TAG_PARAMETER) + 1);
	lists.results = arena_array(a, struct job_pair, count_parts(in, TAG_RESULT) + 1);
	if (lists.parameters == NULL || lists.results == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a job");
	job.parameters = lists.parameters;
	job.results = lists.results;
	while (pack_left(&in) > 0 && !in.failed) {
		unsigned tag = unpack_u8(&in);
		struct bytes part = unpack_text(&in);

		if (!in.failed)
			take_part(&job, &lists, tag, part, &failed);
	}
	if (in.failed || failed)
		return errinfo_set(why, ERR_DAMAGED, "record of job %llu is damaged",
		    (unsigned long long)number);
	*out = job;
	return ERR_OK;
}
