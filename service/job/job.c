/* SPDX-License-Identifier: Apache-2.0 */
#include "service/job/job.h"

#include "service/core/check.h"
#include "service/core/digest.h"

static const struct bytes phase_names[JOB_PHASES] = {
    [JOB_PENDING] = {"PENDING", 7},
    [JOB_QUEUED] = {"QUEUED", 6},
    [JOB_EXECUTING] = {"EXECUTING", 9},
    [JOB_COMPLETED] = {"COMPLETED", 9},
    [JOB_ERROR] = {"ERROR", 5},
    [JOB_ABORTED] = {"ABORTED", 7},
    [JOB_SUSPENDED] = {"SUSPENDED", 9},
    [JOB_HELD] = {"HELD", 4},
    [JOB_ARCHIVED] = {"ARCHIVED", 8},
    [JOB_UNKNOWN] = {"UNKNOWN", 7},
};

struct bytes
job_phase_name(enum job_phase phase)
{
	return phase_names[phase];
}

struct bytes
job_parameter_of(const struct job *job, const char *name)
{
	for (size_t i = 0; i < job->n_parameters; i++)
		if (bytes_is(job->parameters[i].name, name))
			return job->parameters[i].value;
	return BYTES("");
}

bool
job_phase_parse(struct bytes text, enum job_phase *out)
{
	for (unsigned i = JOB_PENDING; i < JOB_PHASES; i++)
		if (bytes_caseeq(text, phase_names[i])) {
			*out = (enum job_phase)i;
			return true;
		}
	return false;
}

int64_t
job_destruction(
    enum job_phase phase, int64_t created_ms, int64_t destruction_ms, uint64_t pending_ms)
{
	int64_t unused_ms = created_ms + (int64_t)pending_ms;

	return phase == JOB_PENDING && unused_ms < destruction_ms ? unused_ms
								  : destruction_ms;
}

int64_t
job_overrun(const struct job *job)
{
	if (job->phase != JOB_EXECUTING || job->execution_s == 0 ||
	    job->execution_s > UINT32_MAX)
		return INT64_MAX;
	return job->started_ms + (int64_t)job->execution_s * 1000;
}

uint64_t
job_clamp_execution(uint64_t asked_s, uint64_t max_s)
{
	return asked_s == 0 || asked_s > max_s ? max_s : asked_s;
}

struct bytes
job_error_word(struct bytes fault)
{
	static const struct {
		const char *fault;
		struct bytes word;
	} known[] = {
	    {"DuplicateNode", {"DuplicateNode.", 14}}, /* with the client's own dot */
	    {"ContainerNotFound", {"NodeNotFound", 12}},
	    {"NotAuthenticated", {"PermissionDenied", 16}},
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (bytes_is(fault, known[i].fault))
			return known[i].word;
	return fault;
}

/*
 * The first NUMBER_DIGITS characters are the number in base 36, where the first digit is
 * a letter; the others are random.
 */
enum { NUMBER_DIGITS = 7, LETTERS = 26, DIGITS = 36 };

static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";

static const uint64_t numbers_max = 26ULL * 36 * 36 * 36 * 36 * 36 * 36;

/* One random digit, each equally likely. */
static char
random_digit(void)
{
	uint8_t byte;

	do
		random_bytes(&byte, 1);
	while (byte >= 256 / DIGITS * DIGITS);
	return digits[byte % DIGITS];
}

void
job_id_make(uint64_t number, char out[JOB_ID_SIZE])
{
	CHECK(number < numbers_max);
	for (unsigned i = NUMBER_DIGITS - 1; i > 0; i--) {
		out[i] = digits[number % DIGITS];
		number /= DIGITS;
	}
	out[0] = digits[number];
	for (unsigned i = NUMBER_DIGITS; i < JOB_ID_SIZE - 1; i++)
		out[i] = random_digit();
	out[JOB_ID_SIZE - 1] = '\0';
}

static bool
digit_value(char c, uint64_t *out)
{
	if (c >= 'a' && c <= 'z')
		*out = (uint64_t)(c - 'a');
	else if (c >= '0' && c <= '9')
		*out = LETTERS + (uint64_t)(c - '0');
	else
		return false;
	return true;
}

bool
job_id_number(struct bytes id, uint64_t *out)
{
	uint64_t number = 0, digit;

	if (id.n != JOB_ID_SIZE - 1)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		if (!digit_value(id.p[i], &digit) || (i == 0 && digit >= LETTERS))
			return false;
		if (i < NUMBER_DIGITS)
			number = number * DIGITS + digit;
	}
	*out = number;
	return true;
}
