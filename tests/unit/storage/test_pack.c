/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "storage/pack.h"

static void
numbers_of_every_width_come_back(void **state)
{
	static const uint64_t samples[] = {0, 1, 0x7f, 0x80, 0xff, 0x0102, 0xfffe,
	    0x01020304, 0x0102030405060708, UINT64_MAX};
	struct str s;
	struct pack_in in;

	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		uint64_t v = samples[i];

		str_init(&s, 100);
		pack_u8(&s, (uint8_t)v);
		pack_u16(&s, (uint16_t)v);
		pack_u32(&s, (uint32_t)v);
		pack_u64(&s, v);
		assert_int_equal(s.n, 15);
		in = pack_open(str_bytes(&s));
		assert_int_equal(unpack_u8(&in), (uint8_t)v);
		assert_int_equal(unpack_u16(&in), (uint16_t)v);
		assert_int_equal(unpack_u32(&in), (uint32_t)v);
		assert_true(unpack_u64(&in) == v);
		assert_false(in.failed);
		assert_int_equal(pack_left(&in), 0);
		str_release(&s);
	}
}

static void
the_lowest_byte_comes_first(void **state)
{
	uint8_t p[4];

	(void)state;
	pack_store(p, 0x01020304, sizeof p);
	assert_memory_equal(p, "\004\003\002\001", sizeof p);
	assert_int_equal(pack_load(p, sizeof p), 0x01020304);
	assert_int_equal(pack_load(p, 2), 0x0304);
}

static void
texts_come_back_also_when_they_are_empty(void **state)
{
	struct str s;
	struct pack_in in;

	(void)state;
	str_init(&s, 100);
	pack_text(&s, BYTES("a\0b"));
	pack_text(&s, BYTES(""));
	pack_text(&s, BYTES("end"));
	in = pack_open(str_bytes(&s));
	assert_true(bytes_eq(unpack_text(&in), BYTES("a\0b")));
	assert_bytes(unpack_text(&in), "");
	assert_bytes(unpack_text(&in), "end");
	assert_false(in.failed);
	str_release(&s);
}

static void
a_read_beyond_the_end_fails_for_good_and_yields_nothing(void **state)
{
	struct pack_in in = pack_open(BYTES("\001\002\003"));

	(void)state;
	assert_int_equal(unpack_u32(&in), 0);
	assert_true(in.failed);
	assert_int_equal(pack_left(&in), 0);
	assert_int_equal(unpack_u8(&in), 0);
	assert_int_equal(unpack_text(&in).n, 0);
	assert_non_null(unpack_text(&in).p);
	assert_true(in.failed);
}

static void
a_length_larger_than_what_follows_is_refused(void **state)
{
	struct pack_in in = pack_open(BYTES("\377\377\377\377abc"));

	(void)state;
	assert_int_equal(unpack_text(&in).n, 0);
	assert_true(in.failed);
}

static void
nothing_at_all_can_be_read(void **state)
{
	struct pack_in in = pack_open(BYTES(""));

	(void)state;
	assert_int_equal(pack_left(&in), 0);
	assert_int_equal(unpack_bytes(&in, 0).n, 0);
	assert_false(in.failed);
	assert_int_equal(unpack_u8(&in), 0);
	assert_true(in.failed);
}

static void
a_full_string_stays_failed(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 6);
	pack_u32(&s, 1);
	assert_false(str_failed(&s));
	pack_u32(&s, 2);
	assert_true(str_failed(&s));
	pack_u8(&s, 3);
	assert_true(str_failed(&s));
	str_release(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_of_every_width_come_back),
	    cmocka_unit_test(the_lowest_byte_comes_first),
	    cmocka_unit_test(texts_come_back_also_when_they_are_empty),
	    cmocka_unit_test(a_read_beyond_the_end_fails_for_good_and_yields_nothing),
	    cmocka_unit_test(a_length_larger_than_what_follows_is_refused),
	    cmocka_unit_test(nothing_at_all_can_be_read),
	    cmocka_unit_test(a_full_string_stays_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
