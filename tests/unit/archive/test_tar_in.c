/* SPDX-License-Identifier: Apache-2.0 */
#include "service/archive/tar_in.h"

#include <stdio.h>

#include "service/core/str.h"
#include "tests/support/check.h"

enum { BLOCK = 512, TEXT_MAX = 4096 };

static void
seal(char *block)
{
	unsigned sum = 0;

	(void)memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum & 0777777U);
}

static void
add_header(struct str *to, const char *name, char type, size_t size, const char *link)
{
	char block[BLOCK] = {0};

	(void)snprintf(block, 100, "%s", name);
	(void)snprintf(block + 124, 12, "%011zo", size);
	block[156] = type;
	(void)snprintf(block + 157, 100, "%s", link);
	(void)memcpy(block + 257,
	    "ustar\0"
	    "00",
	    8);
	seal(block);
	str_add(to, (struct bytes){block, BLOCK});
}

static void
add_data(struct str *to, const char *data, size_t n)
{
	static const char zeros[BLOCK];

	str_add(to, (struct bytes){data, n});
	str_add(to, (struct bytes){zeros, (BLOCK - n % BLOCK) % BLOCK});
}

static void
add_end(struct str *to)
{
	static const char zeros[2 * BLOCK];

	str_add(to, (struct bytes){zeros, sizeof zeros});
}

/* What is read of an archive that comes in portions of `portion` bytes, as a text. */
static struct str
read_all(const struct str *tar, size_t portion)
{
	struct tar_in *t = tar_in_new(TEXT_MAX);
	struct bytes rest = str_bytes(tar), data = {NULL, 0};
	enum tar_in_step step = TAR_IN_MORE;
	struct errinfo why;
	struct str out;

	assert_non_null(t);
	str_init(&out, 1 << 20);
	while (rest.n > 0 && step != TAR_IN_END && step != TAR_IN_BROKEN) {
		struct bytes in = {rest.p, rest.n < portion ? rest.n : portion};

		rest = bytes_skip(rest, in.n);
		while ((step = tar_in_next(t, &in, &data, &why)) != TAR_IN_MORE) {
			const struct tar_in_member *m = tar_in_member(t);

			if (step == TAR_IN_END || step == TAR_IN_BROKEN)
				break;
			if (step == TAR_IN_DATA)
				str_add(&out, data);
			else
				str_addf(&out, "[%d %.*s %d %.*s]", (int)m->kind,
				    BYTES_ARG(m->path), (int)m->length,
				    BYTES_ARG(m->target));
		}
	}
	str_adds(&out, step == TAR_IN_END      ? "END"
		       : step == TAR_IN_BROKEN ? errinfo_text(&why)
					       : "MORE");
	tar_in_free(t);
	return out;
}

/* The same, whatever the portions are. */
static void
assert_reads(const struct str *tar, const char *expected)
{
	static const size_t portions[] = {1, 7, 511, 512, 513, 4096, 1 << 20};

	assert_false(str_failed(tar));
	for (size_t i = 0; i < sizeof portions / sizeof portions[0]; i++) {
		struct str out = read_all(tar, portions[i]);

		assert_bytes(str_bytes(&out), expected);
		str_release(&out);
	}
}

static void
members_come_in_order_in_any_portions(void **state)
{
	struct str tar;

	(void)state;
	str_init(&tar, 1 << 20);
	add_header(&tar, "d/", '5', 0, "");
	add_header(&tar, "d/a", '0', 3, "");
	add_data(&tar, "abc", 3);
	add_header(&tar, "empty", '0', 0, "");
	add_header(&tar, "old/", '\0', 0, "");
	add_header(&tar, "l", '2', 77, "d/a"); /* a link has no data, whatever it says */
	add_header(&tar, "h", '1', 77, "d/a");
	add_header(&tar, "z", 'Z', 2, "");
	add_data(&tar, "zz", 2);
	add_end(&tar);
	assert_reads(&tar, "[1 d/ 0 ][0 d/a 3 ]abc[0 empty 0 ][1 old/ 0 ][2 l 0 d/a]"
			   "[3 h 0 ][3 z 2 ]zzEND");
	str_release(&tar);
}

static void
texts_before_a_member_are_its_own(void **state)
{
	struct str tar;

	(void)state;
	str_init(&tar, 1 << 20);
	add_header(&tar, "pax", 'x', 48, "");
	add_data(&tar, "15 path=p/\xc3\xa9/q\n16 linkpath=t/o\n8 a=b=c\n9 size=1\n", 48);
	add_header(&tar, "not this", '0', 5, "");
	add_data(&tar, "1", 1);
	add_header(&tar, "x", 'L', 4, "");
	add_data(&tar, "gnu", 4);
	add_header(&tar, "x", 'K', 3, "");
	add_data(&tar, "to", 3);
	add_header(&tar, "nor this", '2', 0, "nor that");
	add_header(&tar, "g", 'g', 9, "");
	add_data(&tar, "9 path=x\n", 9);
	add_header(&tar, "plain", '0', 0, "");
	add_end(&tar);
	assert_reads(&tar, "[0 p/\xc3\xa9/q 1 ]1[2 gnu 0 to][0 plain 0 ]END");
	str_release(&tar);
}

static void
a_prefix_counts_and_numbers_may_be_binary(void **state)
{
	struct str tar;

	(void)state;
	str_init(&tar, 1 << 20);
	add_header(&tar, "name", '0', 0, "");
	(void)memcpy(tar.p + 345, "some/where", 10);
	(void)memset(tar.p + 124, 0, 12);
	tar.p[124] = (char)0x80;
	tar.p[135] = 2;
	seal(tar.p);
	add_data(&tar, "ok", 2);
	add_end(&tar);
	assert_reads(&tar, "[0 some/where/name 2 ]okEND");
	str_release(&tar);
}

static void
what_is_no_tar_is_broken(void **state)
{
	static const char *const records[] = {"9 path=x", "99 path=x\n", "x path=y\n",
	    "9 pathxx\n", "0 path=x\n", "10 size=x\n", "23 GNU.sparse.major=1\n\n"};
	struct str tar, out;

	(void)state;
	str_init(&tar, 1 << 20);
	add_header(&tar, "a", '0', 0, "");
	tar.p[0] = 'b';
	assert_reads(&tar, "there is no tar header where one must be");
	seal(tar.p);
	assert_reads(&tar, "[0 b 0 ]MORE");
	tar.p[156] = 'S';
	seal(tar.p);
	assert_reads(&tar, "sparse files are not taken");
	str_clear(&tar);
	add_header(&tar, "a", 'x', TEXT_MAX + 1, "");
	assert_reads(&tar, "the headers of a member are too long");
	for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
		str_clear(&tar);
		add_header(&tar, "a", 'x', strlen(records[i]), "");
		add_data(&tar, records[i], strlen(records[i]));
		add_header(&tar, "a", '0', 0, "");
		add_end(&tar);
		out = read_all(&tar, BLOCK);
		assert_false(bytes_ends(str_bytes(&out), BYTES("END")));
		assert_false(bytes_ends(str_bytes(&out), BYTES("MORE")));
		str_release(&out);
	}
	str_release(&tar);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_come_in_order_in_any_portions),
	    cmocka_unit_test(texts_before_a_member_are_its_own),
	    cmocka_unit_test(a_prefix_counts_and_numbers_may_be_binary),
	    cmocka_unit_test(what_is_no_tar_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
