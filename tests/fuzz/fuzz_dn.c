/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text is refused or is a name whose canonical text and key are the same name, and
 * for which dn_equal and dn_key agree with it and with its reverse.
 */
#include <stddef.h>
#include <stdint.h>

#include "auth/dn.h"
#include "service/core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_same(struct arena *a, const struct dn *x, const struct dn *y)
{
	CHECK(dn_equal(x, y) && dn_equal(y, x));
	CHECK(bytes_eq(dn_key(a, x), dn_key(a, y)));
}

static void
check_text(struct arena *a, const struct dn *dn, struct bytes text)
{
	struct dn again;

	if (text.n > DN_TEXT_MAX || text.p[0] == '#')
		return; /* escapes made it too long; a hashed key */
	CHECK(dn_parse(a, text, &again, NULL) == ERR_OK);
	check_same(a, dn, &again);
}

static void
check_reverse(struct arena *a, const struct dn *dn)
{
	struct dn_rdn *rdn = arena_array(a, struct dn_rdn, dn->n);
	struct dn mirrored = {rdn, dn->n};
	struct bytes text;

	CHECK(rdn != NULL);
	for (size_t i = 0; i < dn->n; i++)
		rdn[i] = dn->rdn[dn->n - 1 - i];
	CHECK(dn_equal(dn, &mirrored));
	text = dn_canonical(a, &mirrored);
	CHECK(text.p != NULL);
	check_text(a, dn, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = {(const char *)data, size};
	struct arena arena;
	struct errinfo why;
	struct dn dn;

	arena_init(&arena, 4 << 20);
	if (dn_parse(&arena, text, &dn, &why) == ERR_OK) {
		struct bytes canonical = dn_canonical(&arena, &dn);

		CHECK(canonical.p != NULL && dn_key(&arena, &dn).n <= DN_KEY_MAX);
		check_text(&arena, &dn, canonical);
		check_text(&arena, &dn, dn_key(&arena, &dn));
		check_reverse(&arena, &dn);
		(void)dn_common_name(&dn);
	}
	arena_release(&arena);
	return 0;
}
