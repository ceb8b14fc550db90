/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The man page and the example configuration against the table of settings: each row is
 * there, and its default and limits are the ones the server uses.
 */
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/settings.h"

static const char man_page[] = QUARTET_SOURCE_DIR "/conf/quartet.conf.5";
static const char example[] = QUARTET_SOURCE_DIR "/conf/quartet.conf.example";

enum unit { COUNT, SIZE, MS };

static void
read_all(const char *path, struct str *to)
{
	FILE *f = fopen(path, "re");
	size_t n;

	assert_non_null(f);
	do {
		char *at = str_reserve(to, 4096);

		assert_non_null(at);
		n = fread(at, 1, 4096, f);
		str_grow(to, n);
	} while (n > 0);
	assert_false(ferror(f));
	(void)fclose(f);
}

/* Line breaks are no difference in running text. */
static void
join_lines(struct str *text)
{
	for (size_t i = 0; i < text->n; i++)
		if (text->p[i] == '\n')
			text->p[i] = ' ';
}

/* The largest unit that divides it, as the man page writes numbers. */
static void
write_number(struct str *to, uint64_t value, enum unit unit)
{
	static const struct {
		enum unit unit;
		uint64_t factor;
		const char *name;
	} units[] = {
	    {SIZE, 1ULL << 40, "TiB"},
	    {SIZE, 1ULL << 30, "GiB"},
	    {SIZE, 1ULL << 20, "MiB"},
	    {SIZE, 1ULL << 10, "KiB"},
	    {SIZE, 1, "bytes"},
	    {MS, 86400000, "d"},
	    {MS, 3600000, "h"},
	    {MS, 60000, "min"},
	    {MS, 1000, "s"},
	    {MS, 1, "ms"},
	};

	if (unit == COUNT || value == 0) {
		str_addu(to, value);
		return;
	}
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (units[i].unit == unit && value % units[i].factor == 0) {
			uint64_t n = value / units[i].factor;

			str_addf(to, "%llu %s", (unsigned long long)n,
			    n == 1 && units[i].factor == 1 ? "byte" : units[i].name);
			return;
		}
}

static void
expect_number(struct str *to, uint64_t value, uint64_t low, uint64_t high, enum unit unit)
{
	str_adds(to, " Default: ");
	write_number(to, value, unit);
	str_adds(to, ", from ");
	write_number(to, low, unit);
	str_adds(to, " to ");
	write_number(to, high, unit);
	str_addc(to, '.');
}

static void
expect_text(struct str *to, const char *value)
{
	str_adds(to, " Default: ");
	if (value[0] != '\0')
		str_addf(to, "%s.", value);
}

static void
expect_list(struct str *to, const char *words)
{
	struct bytes rest = bytes_of(words), word;
	const char *before = "";

	str_adds(to, " Default: ");
	while (bytes_token(&rest, " ", &word)) {
		str_addf(to, "%s%.*s", before, BYTES_ARG(word));
		before = ", ";
	}
	if (words[0] != '\0')
		str_addc(to, '.');
}

/* What the man page has between one setting's name and the next. */
static struct bytes
item_of(const struct str *page, const char *name)
{
	char heading[128];
	const char *begin, *end, *list_end;

	(void)snprintf(heading, sizeof heading, " .It Cm %s No = ", name);
	begin = strstr(page->p, heading);
	if (begin == NULL) {
		fail_msg("quartet.conf.5 has no \".It Cm %s No = \"", name);
		return BYTES("");
	}
	begin++;
	end = strstr(begin, " .It Cm ");
	list_end = strstr(begin, " .El ");
	if (end == NULL || (list_end != NULL && list_end < end))
		end = list_end;
	assert_non_null(end);
	return (struct bytes){begin, (size_t)(end - begin)};
}

static void
assert_explained(const struct str *page, const char *name, struct str *expected)
{
	struct bytes item = item_of(page, name);

	assert_false(str_failed(expected));
	if (!bytes_contains(item, str_bytes(expected)))
		fail_msg("quartet.conf.5 does not say \"%s\" in \"%.*s\"", expected->p,
		    BYTES_ARG(item));
	str_clear(expected);
}

static void
the_man_page_tells_default_and_limits_of_every_setting(void **state)
{
	struct str page, expected;

	(void)state;
	str_init(&page, 1u << 20);
	str_init(&expected, 1u << 16);
	read_all(man_page, &page);
	join_lines(&page);
#define EXPLAINED(name, ...)                                                             \
	__VA_ARGS__;                                                                     \
	assert_explained(&page, #name, &expected);
#define NUMBER(name, value, low, high, unit, help)                                       \
	EXPLAINED(name, expect_number(&expected, value, low, high, unit))
#define FLAG(name, value, help)                                                          \
	EXPLAINED(name, expect_text(&expected, (value) ? "yes" : "no"))
#define CHOICE(name, value, choices, help) EXPLAINED(name, expect_text(&expected, value))
#define TEXT(name, value, help)            EXPLAINED(name, expect_text(&expected, value))
#define LIST(name, value, help)            EXPLAINED(name, expect_list(&expected, value))
#include "conf/settings.def"
#undef NUMBER
#undef FLAG
#undef CHOICE
#undef TEXT
#undef LIST
#undef EXPLAINED
	str_release(&page);
	str_release(&expected);
}

static void
the_man_page_names_every_choice(void **state)
{
	static const struct {
		const char *name, *choices;
	} rows[] = {
#define NUMBER(name, value, low, high, unit, help)
#define FLAG(name, value, help)            {#name, "yes|no"},
#define CHOICE(name, value, choices, help) {#name, choices},
#define TEXT(name, value, help)
#define LIST(name, value, help)
#include "conf/settings.def"
#undef NUMBER
#undef FLAG
#undef CHOICE
#undef TEXT
#undef LIST
	};
	struct str page, heading;

	(void)state;
	str_init(&page, 1u << 20);
	str_init(&heading, 1024);
	read_all(man_page, &page);
	join_lines(&page);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes rest = bytes_of(rows[i].choices), choice;
		const char *before = "Cm";

		str_clear(&heading);
		str_addf(&heading, ".It Cm %s No =", rows[i].name);
		for (; bytes_token(&rest, "|", &choice); before = "|")
			str_addf(&heading, " %s %.*s", before, BYTES_ARG(choice));
		str_addc(&heading, ' ');
		assert_explained(&page, rows[i].name, &heading);
	}
	str_release(&page);
	str_release(&heading);
}

static void
the_man_page_has_no_setting_that_is_none(void **state)
{
	struct str page;
	size_t n = 0, rows = 0;

	(void)state;
	str_init(&page, 1u << 20);
	read_all(man_page, &page);
	for (const char *at = page.p; (at = strstr(at, ".It Cm ")) != NULL; at++)
		n++;
	while (settings_name(rows) != NULL)
		rows++;
	assert_int_equal(n, rows);
	str_release(&page);
}

/* Takes the "#" of the lines that begin with "#name =" away. */
static void
uncomment(struct str *text)
{
	for (size_t i = 0; i < text->n; i++)
		if (text->p[i] == '#' && (i == 0 || text->p[i - 1] == '\n') &&
		    text->p[i + 1] >= 'a' && text->p[i + 1] <= 'z')
			text->p[i] = ' ';
}

static void
the_example_names_every_setting_once(void **state)
{
	struct str text;

	(void)state;
	str_init(&text, 1u << 20);
	str_addc(&text, '\n');
	read_all(example, &text);
	for (size_t i = 0; settings_name(i) != NULL; i++) {
		const char *name = settings_name(i);
		char set[128], shown[128];
		const char *at;

		(void)snprintf(set, sizeof set, "\n%s = ", name);
		(void)snprintf(shown, sizeof shown, "\n#%s = ", name);
		at = strstr(text.p, set);
		if (at == NULL)
			at = strstr(text.p, shown);
		if (at == NULL) {
			fail_msg("quartet.conf.example does not name %s", name);
			return;
		}
		assert_null(strstr(at + 1, set));
		assert_null(strstr(at + 1, shown));
	}
	str_release(&text);
}

static void
the_example_is_valid_and_shows_the_defaults(void **state)
{
	char path[] = "/tmp/quartet-test-example.XXXXXX";
	struct settings as_it_is, with_all_lines;
	struct str text, first, second;
	struct errinfo why;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	str_init(&text, 1u << 20);
	str_init(&first, 1u << 20);
	str_init(&second, 1u << 20);
	read_all(example, &text);
	uncomment(&text);
	assert_int_equal(write(fd, text.p, text.n), text.n);
	(void)close(fd);
	assert_ok(settings_load(example, &as_it_is, &why), &why);
	assert_ok(settings_load(path, &with_all_lines, &why), &why);
	(void)unlink(path);
	settings_print(&as_it_is, &first);
	settings_print(&with_all_lines, &second);
	assert_string_equal(first.p, second.p);
	settings_release(&as_it_is);
	settings_release(&with_all_lines);
	str_release(&text);
	str_release(&first);
	str_release(&second);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_man_page_tells_default_and_limits_of_every_setting),
	    cmocka_unit_test(the_man_page_names_every_choice),
	    cmocka_unit_test(the_man_page_has_no_setting_that_is_none),
	    cmocka_unit_test(the_example_names_every_setting_once),
	    cmocka_unit_test(the_example_is_valid_and_shows_the_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
