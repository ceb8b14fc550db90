/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a job's record: what is accepted is written again and means the same. */
#include <stddef.h>
#include <stdint.h>

#include "service/core/check.h"
#include "service/job/job_record.h"

enum { ROOM = 16 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = {(const char *)data, size};
	struct str first, second;
	struct arena a;
	struct job job;

	arena_init(&a, ROOM);
	str_init(&first, ROOM);
	str_init(&second, ROOM);
	if (job_record_decode(&a, 1, input, &job, NULL) == ERR_OK) {
		job_record_encode(&job, &first);
		CHECK(!str_failed(&first));
		CHECK(job_record_decode(&a, 1, str_bytes(&first), &job, NULL) == ERR_OK);
		job_record_encode(&job, &second);
		CHECK(bytes_eq(str_bytes(&first), str_bytes(&second)));
	}
	str_release(&first);
	str_release(&second);
	arena_release(&a);
	return 0;
}
