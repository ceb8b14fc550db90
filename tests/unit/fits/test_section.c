/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <string.h>

#include "fits/section.h"

static struct arena arena;
static struct errinfo why;

static int
set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct section
parse(const char *text)
{
	struct section s;

	assert_ok(section_parse(&arena, bytes_of(text), &s, &why), &why);
	return s;
}

static void
every_form_has_one_spelling(void **state)
{
	static const struct {
		const char *text, *spelled;
	} cases[] = {
	    {"[1]", "[1]"},
	    {"[007]", "[7]"},
	    {"[ sci ]", "[SCI]"},
	    {"[SCI,2]", "[SCI,2]"},
	    {"[SCI , 0]", "[SCI,1]"},
	    {"[a b,3,i]", "[A B,3,IMAGE]"},
	    {"[x,1,BinTable]", "[X,1,BINTABLE]"},
	    {"[x,1,T]", "[X,1,TABLE]"},
	    {"[1,2]", "[1,2]"},
	    {"[1:10,1:10]", "[0][1:10,1:10]"},
	    {"[*,-*]", "[0][*,-*]"},
	    {"[*:3,-*:4]", "[0][*:3,-*:4]"},
	    {"[2][3,4]", "[2][3:3,4:4]"},
	    {"[*,4]", "[0][*,4:4]"},
	    {"[0][+1:+9,-5:-2:3]", "[0][1:9,-5:-2:3]"},
	    {"[0][:5,5:,:,::2]", "[0][:5,5:,*,*:2]"},
	    {" [ 0 ] [ 1 : 2 : 1 , * ] ", "[0][1:2,*]"},
	    {"[0][9223372036854775807:1]", "[0][9223372036854775807:1]"},
	    {"[0][-9223372036854775808:5]", "[0][-9223372036854775808:5]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct section s = parse(cases[i].text);
		struct str out;

		str_init(&out, 1000);
		section_write(&out, &s);
		assert_bytes(str_bytes(&out), cases[i].spelled);
		s = parse(out.p);
		str_clear(&out);
		section_write(&out, &s);
		assert_bytes(str_bytes(&out), cases[i].spelled);
		str_release(&out);
	}
}

static void
everything_else_is_refused(void **state)
{
	static const char *const cases[] = {"", " ", "[", "]", "[]", "[,]", "[,1]",
	    "[x,]", "[x,1,]", "[x,1,I,2]", "[x,-1]", "[x,y]", "[x,1,Z]", "[[1]]", "[1]]",
	    "[1] x", "x[1]", "[1][]", "[1][1:2", "[1][1:2][1:2]", "[1:2][1:2]", "[*][1]",
	    "[1][1;2]", "[1][a:b]", "[1][1:b]", "[1][1:2:0]", "[1][1:2:-1]", "[1][1:2:]",
	    "[1][1:2:3:4]", "[1][*:0]", "[1][*:1:1]", "[1][**]", "[1][- *]", "[1][+*]",
	    "[1][1:2,]", "[1][--1:2]", "[1][+]", "[1][1 2:3]",
	    "[1][9223372036854775808:1]", "[1][-9223372036854775809:1]",
	    "[1][1:2:9223372036854775808]", "[99999999999999999999,99999999999999999999]",
	    "[a(b)]", "[a#]", "[a;b]", "[!a]", "[@a]", "[a'b]", "[a\"b]", "[a%5D]",
	    "[a\tb]", "[\xc3\xa4]",
	    "[12345678901234567890123456789012345678901234567890123456789012345678901]"};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct section s;

		why.text[0] = '\0';
		if (section_parse(&arena, bytes_of(cases[i]), &s, &why) !=
		    ERR_INVALID_ARGUMENT)
			fail_msg("\"%s\" was not refused", cases[i]);
		assert_true(why.text[0] != '\0');
	}
}

static void
thirty_two_ranges_are_the_limit(void **state)
{
	struct section s;
	struct str text;

	(void)state;
	str_init(&text, 1000);
	str_adds(&text, "[1][");
	for (int i = 0; i < 31; i++)
		str_adds(&text, "1:1,");
	str_adds(&text, "1:1]");
	assert_ok(section_parse(&arena, str_bytes(&text), &s, &why), &why);
	assert_int_equal(s.n_ranges, 32);
	text.n--;
	str_adds(&text, ",1:1]");
	assert_err(
	    section_parse(&arena, str_bytes(&text), &s, &why), ERR_INVALID_ARGUMENT);
	str_release(&text);
}

static void
a_nul_and_a_megabyte_are_refused(void **state)
{
	static char big[1 << 20];
	struct section s;

	(void)state;
	(void)memset(big, '1', sizeof big);
	big[0] = '[';
	big[sizeof big - 1] = ']';
	assert_err(section_parse(&arena, (struct bytes){big, sizeof big}, &s, &why),
	    ERR_INVALID_ARGUMENT);
	assert_err(
	    section_parse(&arena, BYTES("[S\0I]"), &s, &why), ERR_INVALID_ARGUMENT);
	assert_err(
	    section_parse(&arena, BYTES("[0][1:2\0]"), &s, &why), ERR_INVALID_ARGUMENT);
}

static bool
selects(const char *text, const struct hdu *hdu)
{
	struct section s = parse(text);

	return section_selects(&s, hdu);
}

static void
an_hdu_is_found_by_number_name_version_and_type(void **state)
{
	struct hdu primary = {.index = 0, .version = 1};
	struct hdu hdu = {.index = 3,
	    .kind = HDU_IMAGE,
	    .version = 2,
	    .name = "Sci",
	    .hdu_name = "chip 1"};

	(void)state;
	assert_true(selects("[3]", &hdu));
	assert_false(selects("[2]", &hdu));
	assert_true(selects("[sci]", &hdu));
	assert_true(selects("[SCI,2]", &hdu));
	assert_false(selects("[SCI,1]", &hdu));
	assert_false(selects("[SCI,0]", &hdu));
	assert_true(selects("[Chip 1,2]", &hdu));
	assert_true(selects("[SCI,2,I]", &hdu));
	assert_false(selects("[SCI,2,B]", &hdu));
	assert_true(selects("[primary]", &primary));
	assert_false(selects("[primary]", &hdu));
	assert_true(selects("[1:2]", &primary));
	hdu.kind = HDU_COMPRESSED;
	assert_true(selects("[SCI,2,IMAGE]", &hdu));
	assert_true(selects("[SCI,2,B]", &hdu));
	assert_false(selects("[SCI,2,T]", &hdu));
}

static struct hdu image = {
    .kind = HDU_IMAGE, .element_bytes = 4, .naxis = 3, .axis = {30, 20, 5}};

static enum err
clip(const char *text, struct axis_cut *cut)
{
	struct section s = parse(text);

	return section_clip(&s, &image, cut, &why);
}

static void
assert_cut(const char *range, uint64_t first, int64_t step, uint64_t n)
{
	struct axis_cut cut[AXES_MAX];
	char text[100];

	(void)snprintf(text, sizeof text, "[0][%s]", range);
	assert_ok(clip(text, cut), &why);
	if (cut[0].first != first || cut[0].step != step || cut[0].n != n)
		fail_msg("%s: %llu %lld %llu", range, (unsigned long long)cut[0].first,
		    (long long)cut[0].step, (unsigned long long)cut[0].n);
	assert_true(cut[1].first == 1 && cut[1].step == 1 && cut[1].n == 20);
	assert_true(cut[2].first == 1 && cut[2].step == 1 && cut[2].n == 5);
}

static void
ranges_are_clipped_then_stepped(void **state)
{
	(void)state;
	assert_cut("3:12", 3, 1, 10);
	assert_cut("12:3", 12, -1, 10);
	assert_cut("*", 1, 1, 30);
	assert_cut("-*", 30, -1, 30);
	assert_cut("-*:4", 30, -4, 8);
	assert_cut("0:5", 1, 1, 5);
	assert_cut("-5:10:2", 1, 2, 5);
	assert_cut("99:25:2", 30, -2, 3);
	assert_cut("30:30", 30, 1, 1);
	assert_cut("5", 5, 1, 1);
	assert_cut("1:29:3", 1, 3, 10);
	assert_cut("1:30:9223372036854775807", 1, INT64_MAX, 1);
	assert_cut("-9223372036854775807:9223372036854775807", 1, 1, 30);
	assert_cut("9223372036854775807:-9223372036854775808", 30, -1, 30);
	assert_cut(":4", 1, 1, 4);
	assert_cut("28:", 28, 1, 3);
}

static void
ranges_outside_do_not_overlap(void **state)
{
	static const char *const cases[] = {"[31:40]", "[40:31]", "[-9:0]", "[0:0]",
	    "[31:]", "[:0]", "[*,21:22]", "[*,*,-3:-3]"};
	struct axis_cut cut[AXES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_err(clip(cases[i], cut), ERR_NO_OVERLAP);
		assert_string_equal(why.text, "No overlap found.");
	}
	image.axis[0] = 0;
	assert_err(clip("[*]", cut), ERR_NO_OVERLAP);
	image.axis[0] = 30;
}

static void
superfluous_ranges_must_not_ask_for_anything(void **state)
{
	struct axis_cut cut[AXES_MAX];

	(void)state;
	assert_ok(clip("[*,*,*,1:1,*]", cut), &why);
	assert_err(clip("[*,*,*,1:2]", cut), ERR_INVALID_ARGUMENT);
	assert_err(clip("[*,*,*,2:2]", cut), ERR_INVALID_ARGUMENT);
}

static void
only_images_have_pixels(void **state)
{
	struct axis_cut cut[AXES_MAX];

	(void)state;
	image.kind = HDU_BINTABLE;
	assert_err(clip("[*]", cut), ERR_INVALID_ARGUMENT);
	assert_string_equal(why.text, "HDU 0 is not an image");
	image.kind = HDU_COMPRESSED;
	assert_err(clip("[*]", cut), ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(why.text, "not supported"));
	image.kind = HDU_IMAGE;
	image.naxis = 0;
	assert_err(clip("[*]", cut), ERR_INVALID_ARGUMENT);
	image.naxis = 3;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_form_has_one_spelling),
	    cmocka_unit_test(everything_else_is_refused),
	    cmocka_unit_test(thirty_two_ranges_are_the_limit),
	    cmocka_unit_test(a_nul_and_a_megabyte_are_refused),
	    cmocka_unit_test(an_hdu_is_found_by_number_name_version_and_type),
	    cmocka_unit_test(ranges_are_clipped_then_stepped),
	    cmocka_unit_test(ranges_outside_do_not_overlap),
	    cmocka_unit_test(superfluous_ranges_must_not_ask_for_anything),
	    cmocka_unit_test(only_images_have_pixels),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
