/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar, the first byte how it is cut into portions. Each member gives exactly the bytes it
 * announced; its name and its link, if they are taken, have parts that nodes can have.
 */
#include <stdint.h>

#include "service/archive/tar_in.h"
#include "service/core/check.h"
#include "service/op/unpack_name.h"

enum { TEXT_MAX = 4096, DEPTH = 32, ARENA_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_inside(struct path path)
{
	struct errinfo why;

	CHECK(path.n <= DEPTH);
	for (size_t i = 0; i < path.n; i++)
		CHECK(path_check_name(path.part[i], &why) == ERR_OK);
}

static void
check_member(const struct tar_in_member *m)
{
	struct path path, to;
	struct errinfo why;
	struct arena a;

	arena_init(&a, ARENA_MAX);
	if (unpack_path(&a, m->path, DEPTH, &path, &why) == ERR_OK) {
		check_inside(path);
		if (unpack_link(&a, path, m->target, DEPTH, &to, &why) == ERR_OK)
			check_inside(to);
	}
	arena_release(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tar_in *t = tar_in_new(TEXT_MAX);
	enum tar_in_step step = TAR_IN_MORE;
	struct bytes rest, got;
	struct errinfo why;
	uint64_t due = 0;
	size_t portion;

	if (t == NULL || size < 1) {
		tar_in_free(t);
		return 0;
	}
	portion = 1 + (size_t)data[0] * 3;
	rest = (struct bytes){(const char *)data + 1, size - 1};
	while (rest.n > 0 && step == TAR_IN_MORE) {
		struct bytes in = {rest.p, rest.n < portion ? rest.n : portion};

		rest = bytes_skip(rest, in.n);
		do {
			step = tar_in_next(t, &in, &got, &why);
			if (step == TAR_IN_MEMBER) {
				CHECK(due == 0);
				due = tar_in_member(t)->length;
				check_member(tar_in_member(t));
			} else if (step == TAR_IN_DATA) {
				CHECK(got.n > 0 && got.n <= due);
				due -= got.n;
			}
		} while (step == TAR_IN_MEMBER || step == TAR_IN_DATA);
		CHECK(step != TAR_IN_MORE || in.n == 0);
	}
	CHECK(step != TAR_IN_END || due == 0);
	tar_in_free(t);
	return 0;
}
