/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/settings.h"

/* What a file must have; four lines. */
#define BASE                                                                             \
	"hosts = {vault.example.org:8443}\n"                                             \
	"tls_certificate = /etc/quartet/cert.pem\n"                                      \
	"tls_key = /etc/quartet/key.pem\n"                                               \
	"locations = {/srv/1, /srv/2, /srv/3, /srv/4}\n"

#define GMS "gms_url = \"https://h/search\"\n"

static char file[] = "/tmp/quartet-test-settings.XXXXXX";

static int
make_file(void **state)
{
	int fd = mkstemp(file);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(file);
}

static void
write_file(struct bytes text)
{
	FILE *f = fopen(file, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
	assert_int_equal(fclose(f), 0);
}

static enum err
load(const char *text, struct settings *s, struct errinfo *why)
{
	write_file(bytes_of(text));
	return settings_load(file, s, why);
}

static void
load_good(const char *text, struct settings *s)
{
	struct errinfo why;

	assert_ok(load(text, s, &why), &why);
}

/* `begin` is the beginning of the reason, behind the file's name. */
static void
assert_refused(const char *text, const char *begin)
{
	struct settings s;
	struct errinfo why;
	char expected[600];

	assert_err(load(text, &s, &why), ERR_CONFIG);
	(void)snprintf(expected, sizeof expected, "%s:%s", file, begin);
	if (strncmp(errinfo_text(&why), expected, strlen(expected)) != 0)
		fail_msg("\"%s\" is refused with \"%s\", not \"%s\"", text,
		    errinfo_text(&why), expected);
}

static void
assert_list(const struct settings_list *list, const char *words)
{
	struct bytes rest = bytes_of(words), word;
	size_t i = 0;

	while (bytes_token(&rest, " ", &word)) {
		assert_true(i < list->n);
		assert_bytes(word, list->items[i]);
		i++;
	}
	assert_int_equal(list->n, i);
}

static void
what_the_file_does_not_set_has_its_default(void **state)
{
	struct settings s;

	(void)state;
	load_good(BASE, &s);
	assert_list(&s.hosts, "vault.example.org:8443");
	assert_string_equal(s.tls_certificate, "/etc/quartet/cert.pem");
	assert_string_equal(s.tls_key, "/etc/quartet/key.pem");
	assert_list(&s.locations, "/srv/1 /srv/2 /srv/3 /srv/4");
	assert_string_equal(s.resource_id, "ivo://vault.example.org/vault");
#define NUMBER(name, value, low, high, unit, help) assert_true(s.name == (value));
#define FLAG(name, value, help)                    assert_true(s.name == (value));
#define CHOICE(name, value, choices, help)         assert_string_equal(s.name, value);
#define TEXT(name, value, help)                                                          \
	if (strcmp(#name, "tls_certificate") != 0 && strcmp(#name, "tls_key") != 0 &&    \
	    strcmp(#name, "resource_id") != 0)                                           \
		assert_string_equal(s.name, value);
#define LIST(name, value, help)                                                          \
	if (strcmp(#name, "hosts") != 0 && strcmp(#name, "locations") != 0)              \
		assert_list(&s.name, value);
#include "conf/settings.def"
#undef NUMBER
#undef FLAG
#undef CHOICE
#undef TEXT
#undef LIST
	settings_release(&s);
}

static void
assert_number(const char *name, uint64_t value, bool is_good)
{
	struct settings s;
	struct errinfo why;
	char text[512];
	enum err e;

	(void)snprintf(
	    text, sizeof text, BASE "%s = %llu\n", name, (unsigned long long)value);
	e = load(text, &s, &why);
	if (e == ERR_OK)
		settings_release(&s);
	if ((e == ERR_OK) != is_good)
		fail_msg("%s = %llu is %s", name, (unsigned long long)value,
		    is_good ? errinfo_text(&why) : "accepted");
}

static void
both_limits_of_every_number_are_accepted_and_nothing_beyond(void **state)
{
	static const struct {
		const char *name;
		uint64_t low, high;
	} numbers[] = {
#define NUMBER(name, value, low, high, unit, help) {#name, low, high},
#define FLAG(name, value, help)
#define CHOICE(name, value, choices, help)
#define TEXT(name, value, help)
#define LIST(name, value, help)
#include "conf/settings.def"
#undef NUMBER
#undef FLAG
#undef CHOICE
#undef TEXT
#undef LIST
	};

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		assert_number(numbers[i].name, numbers[i].low, true);
		assert_number(numbers[i].name, numbers[i].high, true);
		assert_number(numbers[i].name, numbers[i].high + 1, false);
		if (numbers[i].low > 0)
			assert_number(numbers[i].name, numbers[i].low - 1, false);
	}
}

static void
sizes_and_times_may_have_a_unit(void **state)
{
	static const struct {
		const char *text;
		uint64_t slow_backlog, gc_delay;
	} rows[] = {
	    {"slow_backlog = 1048577\ngc_delay = 7\n", 1048577, 7},
	    {"slow_backlog = 2048KiB\ngc_delay = 7ms\n", 2u << 20, 7},
	    {"slow_backlog = 3MiB\ngc_delay = 7s\n", 3u << 20, 7000},
	    {"slow_backlog = 1GiB\ngc_delay = 7min\n", 1u << 30, 420000},
	    {"slow_backlog = \"4 MiB\"\ngc_delay = '7 h'\n", 4u << 20, 25200000},
	    {"slow_backlog = 4MiB\ngc_delay = 1d\n", 4u << 20, 86400000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct settings s;
		char text[512];

		(void)snprintf(text, sizeof text, BASE "%s", rows[i].text);
		load_good(text, &s);
		assert_true(s.slow_backlog == rows[i].slow_backlog);
		assert_true(s.gc_delay == rows[i].gc_delay);
		settings_release(&s);
	}
}

static void
a_bad_value_is_refused_with_its_line_and_reason(void **state)
{
	/* Behind BASE; the reason begins with the line. */
	static const struct {
		const char *text, *reason;
	} rows[] = {
	    {"loops = 300\n", "5: loops: \"300\" is out of range"},
	    {"\n\nmeta_readers = 15\n", "7: meta_readers: \"15\" is out of range"},
	    {"loops = -1\n", "5: loops: \"-1\" is not a number"},
	    {"loops = many\n", "5: loops: \"many\" is not a number"},
	    {"loops = \"\"\n", "5: loops: \"\" is not a number"},
	    {"loops = ' 4'\n", "5: loops: \" 4\" is not a number"},
	    {"loops = 4k\n", "5: loops: \"4k\" must be a plain number"},
	    {"loops = 4s\n", "5: loops: \"4s\" must be a plain number"},
	    {"loops = 0x4\n", "5: loops: \"0x4\" must be a plain number"},
	    {"loops = 18446744073709551616\n",
		"5: loops: \"18446744073709551616\" is too large"},
	    {"drain_max = 64MB\n",
		"5: drain_max: \"64MB\" must be bytes, or end in KiB, MiB, GiB or TiB"},
	    {"drain_max = 64mib\n", "5: drain_max: \"64mib\" must be bytes"},
	    {"drain_max = 64s\n", "5: drain_max: \"64s\" must be bytes"},
	    {"drain_max = 16777216TiB\n", "5: drain_max: \"16777216TiB\" is too large"},
	    {"gc_delay = 5m\n",
		"5: gc_delay: \"5m\" must be milliseconds, or end in ms, s, min, h or d"},
	    {"gc_delay = 5KiB\n", "5: gc_delay: \"5KiB\" must be milliseconds"},
	    {"gc_delay = 2d\n", "5: gc_delay: \"2d\" is out of range"},
	    {"inherit_homes = true\n", "5: inherit_homes: \"true\" must be yes or no"},
	    {"inherit_homes = YES\n", "5: inherit_homes: \"YES\" must be yes or no"},
	    {"io = fast\n",
		"5: io: \"fast\" is none of the choices (auto|uring|threads)"},
	    {"io = \"\"\n", "5: io: \"\" is none of the choices"},
	    {"io = 'auto|uring'\n", "5: io: \"auto|uring\" is none of the choices"},
	    {"administrators = {a,\n\n\"\"}\n",
		"7: administrators: \"\" is an empty item"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[512];

		(void)snprintf(text, sizeof text, BASE "%s", rows[i].text);
		assert_refused(text, rows[i].reason);
	}
}

static void
what_cannot_be_read_is_refused_with_its_line(void **state)
{
	/* The words behind the line are libconfuse's. */
	static const struct {
		const char *text, *reason;
	} rows[] = {
	    {"loops\n", "6: "},
	    {"loops =\n", "6: "},
	    {"loops = {4}\n", "5: "},
	    {"loops = 4 }\n", "5: "},
	    {"loops += 4\n", "5: "},
	    {"administrators = {a\n", "6: "},
	    {"administrators = {a b}\n", "5: "},
	    {"administrators = {,}\n", "5: "},
	    {"\nmeta_dir = 'a\n\n", "8: "},
	    {"quota { }\n", "5: "},
	    {"include('other.conf')\n", "5: "},
	    {"'' = 4\n", "5: "},
	    {"\n/* no end\n", "6: the comment has no end"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[512];

		(void)snprintf(text, sizeof text, BASE "%s", rows[i].text);
		assert_refused(text, rows[i].reason);
	}
}

static void
an_unknown_key_is_refused(void **state)
{
	(void)state;
	assert_refused(BASE "\nwrite_quorom = 3\n", "6: no such option 'write_quorom'");
	assert_refused("Loops = 4\n" BASE, "1: no such option 'Loops'");
}

static void
a_key_set_twice_is_refused(void **state)
{
	(void)state;
	assert_refused(BASE "loops = 4\n\nloops = 4\n", "7: loops is set a second time");
	assert_refused(BASE "tls_key = /other\n", "5: tls_key is set a second time");
	assert_refused(
	    BASE "locations = {/srv/5}\n", "5: locations is set a second time");
	assert_refused(BASE "administrators += {eve}\nadministrators = {eve}\n",
	    "6: administrators is set a second time");
}

static void
lists_of_every_length_are_read(void **state)
{
	struct settings s;

	(void)state;
	load_good(BASE
	    "administrators = {}\n"
	    "allocation_parents = {/home}\n"
	    "resource_aliases = {\n\t'ivo://a/vault',\n\t\"ivo://b/vault\",\n}\n"
	    "listen_plain = 127.0.0.1:8080\n",
	    &s);
	assert_list(&s.administrators, "");
	assert_list(&s.allocation_parents, "/home");
	assert_list(&s.resource_aliases, "ivo://a/vault ivo://b/vault");
	assert_list(&s.listen_plain, "127.0.0.1:8080");
	assert_list(&s.locations, "/srv/1 /srv/2 /srv/3 /srv/4");
	settings_release(&s);
}

static void
a_list_may_be_added_to(void **state)
{
	struct settings s;

	(void)state;
	load_good(BASE "administrators += {eve, mallory}\n"
		       "listen_plain += {a:1}\nlisten_plain += {b:2}\n"
		       "locations += {}\n",
	    &s);
	assert_list(&s.administrators, "admin eve mallory");
	assert_list(&s.listen_plain, "a:1 b:2");
	assert_list(&s.locations, "/srv/1 /srv/2 /srv/3 /srv/4");
	settings_release(&s);
}

static void
comments_are_skipped_and_their_lines_counted(void **state)
{
	struct settings s;

	(void)state;
	load_good("# it's a \"comment\n// and another {\n/* and\none * more */" BASE
		  "#\nloops/**/=# here\n4 //and here\n",
	    &s);
	assert_int_equal(s.loops, 4);
	settings_release(&s);
	assert_refused("#\n# a\n\n/* b\n */ /**/\n//\n" BASE "loops = 300 # c\n",
	    "11: loops: \"300\"");
}

static void
quoted_text_and_words_keep_what_looks_like_a_comment(void **state)
{
	struct settings s;

	(void)state;
	load_good(BASE "meta_dir = \"/a#b//c/*d*/\\\"#\"\n"
		       "access_log = '/a#b//c'\n"
		       "resource_id = ivo://h//vault//\n",
	    &s);
	assert_string_equal(s.meta_dir, "/a#b//c/*d*/\"#");
	assert_string_equal(s.access_log, "/a#b//c");
	assert_string_equal(s.resource_id, "ivo://h//vault//");
	settings_release(&s);
}

static void
the_environment_is_seen_in_words_and_double_quotes(void **state)
{
	struct settings s;
	char expected[4096];

	(void)state;
	load_good(BASE "meta_dir = \"${PATH}/meta\"\n"
		       "access_log = '${PATH}'\n"
		       "client_ca = ${PATH}\n"
		       "admin_socket = \"${QUARTET_TEST_NONE:-/run/s}\"\n",
	    &s);
	assert_non_null(strchr(s.client_ca, '/'));
	assert_null(strchr(s.client_ca, '$'));
	(void)snprintf(expected, sizeof expected, "%s/meta", s.client_ca);
	assert_string_equal(s.meta_dir, expected);
	assert_string_equal(s.access_log, "${PATH}");
	assert_string_equal(s.admin_socket, "/run/s");
	settings_release(&s);
}

static void
who_we_are_follows_from_the_first_host(void **state)
{
	struct settings s;

	(void)state;
	load_good("locations = /srv/1\nwrite_quorum = 1\nlisten_tls = {}\n"
		  "listen_plain = {'127.0.0.1:80'}\nhosts = {a.org, b.org:1}\n",
	    &s);
	assert_string_equal(s.resource_id, "ivo://a.org/vault");
	settings_release(&s);
	load_good("locations = /srv/1\nwrite_quorum = 1\nlisten_tls = {}\n"
		  "listen_plain = {'127.0.0.1:80'}\n",
	    &s);
	assert_int_equal(s.hosts.n, 1);
	assert_true(bytes_ends(bytes_of(s.hosts.items[0]), BYTES(":8443")));
	assert_true(bytes_starts(bytes_of(s.resource_id), BYTES("ivo://")));
	assert_true(bytes_ends(bytes_of(s.resource_id), BYTES("/vault")));
	settings_release(&s);
}

static void
the_outside_groups_are_those_of_the_authorities(void **state)
{
	struct settings s;

	(void)state;
	load_good(BASE "gms_authorities = {ivo://a/gms}\n", &s);
	assert_false(settings_is_outside_group(&s, BYTES("a/gms"))); /* no gms_url */
	settings_release(&s);
	load_good(BASE GMS "gms_certificate = c\ngms_authorities = {ivo://a/gms, "
			   "\"ivo://b.c/g/h\"}\n",
	    &s);
	assert_true(settings_is_outside_group(&s, BYTES("A/gms")));
	assert_true(settings_is_outside_group(&s, BYTES("b.c/g/H")));
	assert_false(settings_is_outside_group(&s, BYTES("b.c/g")));
	assert_false(settings_is_outside_group(&s, BYTES("")));
	settings_release(&s);
}

static void
settings_that_do_not_fit_together_are_refused(void **state)
{
	(void)state;
	assert_refused(BASE "resource_id = ivo://h/space\n", " resource_id: ");
	assert_refused(BASE "resource_id = https://h/vault\n", " resource_id: ");
	assert_refused(BASE "gms_url = \"http://h/search\"\n", " gms_url: 'http://h/");
	assert_refused(
	    BASE "gms_url = \"https://h/search\"\n", " gms_url needs gms_auth");
	assert_refused(
	    BASE GMS "gms_authorities = {ivo://a/gms}\n", " gms_url needs gms_cert");
	assert_refused(BASE GMS "gms_token = t\ngms_authorities = {ivo://a/gms, a/gms}\n",
	    " gms_authorities: 'a/gms'");
	assert_refused(BASE GMS "gms_token = t\ngms_authorities = {ivo://a}\n",
	    " gms_authorities: 'ivo://a'");
	assert_refused(BASE GMS "gms_token = t\ngms_authorities = {ivo://a/}\n",
	    " gms_authorities: 'ivo://a/'");
	assert_refused(BASE GMS "gms_token = t\ngms_authorities = {\"ivo://a/gms?\"}\n",
	    " gms_authorities: 'ivo://a/gms?'");
	assert_refused("", " locations: 1 to 4 directories are needed, not 0");
	assert_refused("locations = {a, b, c, d, e}\n",
	    " locations: 1 to 4 directories are needed, not 5");
	assert_refused(
	    "locations = {a, b}\n", " write_quorum: 3 copies cannot lie on 2 locations");
	assert_refused("locations = {a, b, c}\ntls_key = /k\n",
	    " listen_tls needs tls_certificate and tls_key");
	assert_refused("locations = {a, b, c}\ntls_certificate = /c\n",
	    " listen_tls needs tls_certificate and tls_key");
	assert_refused("locations = {a, b, c}\nlisten_tls = {}\n",
	    " neither listen_tls nor listen_plain is set");
}

static void
a_refusal_leaves_the_callers_settings_alone(void **state)
{
	struct settings s, before;
	struct errinfo why;

	(void)state;
	(void)memset(&s, 0x5a, sizeof s);
	before = s;
	assert_err(load(BASE "loops = 300\n", &s, &why), ERR_CONFIG);
	assert_memory_equal(&s, &before, sizeof s);
	assert_err(load("locations = {}\n", &s, NULL), ERR_CONFIG);
	assert_memory_equal(&s, &before, sizeof s);
}

static void
a_file_that_cannot_be_read_is_named(void **state)
{
	struct settings s;
	struct errinfo why;

	(void)state;
	assert_err(settings_load("/nonexistent/q.conf", &s, &why), ERR_CONFIG);
	assert_string_equal(errinfo_text(&why),
	    "cannot read /nonexistent/q.conf: No such file or directory");
	assert_err(settings_load("/tmp", &s, &why), ERR_CONFIG);
	assert_string_equal(errinfo_text(&why), "cannot read /tmp: Is a directory");
	assert_err(settings_load("/dev/zero", &s, &why), ERR_CONFIG);
	assert_string_equal(
	    errinfo_text(&why), "/dev/zero: is larger than 1048576 bytes");
	write_file(BYTES(BASE "loops = \0 4\n"));
	assert_err(settings_load(file, &s, &why), ERR_CONFIG);
	assert_non_null(strstr(errinfo_text(&why), ": is not a text file"));
}

/* Print `s`, read that again, and compare. */
static void
assert_round_trip(const struct settings *s)
{
	struct settings again;
	struct str first, second;

	str_init(&first, 1u << 20);
	str_init(&second, 1u << 20);
	settings_print(s, &first);
	assert_false(str_failed(&first));
	load_good(first.p, &again);
	settings_print(&again, &second);
	assert_string_equal(first.p, second.p);
	assert_string_equal(again.meta_dir, s->meta_dir);
	assert_int_equal(again.administrators.n, s->administrators.n);
	settings_release(&again);
	str_release(&first);
	str_release(&second);
}

static void
what_is_printed_is_read_again_as_the_same(void **state)
{
	struct settings s;

	(void)state;
	load_good(BASE, &s);
	assert_round_trip(&s);
	settings_release(&s);
	load_good(BASE "administrators = {}\nlisten_plain = {a:1, b:2}\nloops = 7\n"
		       "drain_max = 1TiB\ninherit_homes = no\nio = threads\n"
		       "meta_dir = 'x \"y\" \\\\ ${HOME} # // /* \xc3\xa9\ttab\nline'\n",
	    &s);
	assert_string_equal(s.meta_dir, "x \"y\" \\ ${HOME} # // /* \xc3\xa9\ttab\nline");
	assert_round_trip(&s);
	settings_release(&s);
}

static void
every_byte_of_a_text_survives_printing(void **state)
{
	struct settings s;
	char *all = malloc(256);

	(void)state;
	assert_non_null(all);
	for (size_t i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	load_good(BASE, &s);
	free(s.meta_dir);
	s.meta_dir = all;
	assert_round_trip(&s);
	settings_release(&s);
}

static void
every_row_is_printed_under_its_name(void **state)
{
	struct settings s;
	struct bytes rest, line;
	struct str text;
	size_t n = 0;

	(void)state;
	load_good(BASE, &s);
	str_init(&text, 1u << 20);
	settings_print(&s, &text);
	rest = str_bytes(&text);
	for (; bytes_token(&rest, "\n", &line); n++) {
		struct bytes name = bytes_of(settings_name(n));

		assert_true(bytes_starts(line, name));
		assert_true(bytes_starts(bytes_skip(line, name.n), BYTES(" = ")));
	}
	assert_null(settings_name(n));
	assert_null(settings_name(n + 1000));
	str_release(&text);
	settings_release(&s);
}

static void
released_settings_can_be_released_again(void **state)
{
	struct settings s;

	(void)state;
	load_good(BASE, &s);
	settings_release(&s);
	assert_null(s.meta_dir);
	assert_int_equal(s.locations.n, 0);
	settings_release(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_the_file_does_not_set_has_its_default),
	    cmocka_unit_test(both_limits_of_every_number_are_accepted_and_nothing_beyond),
	    cmocka_unit_test(sizes_and_times_may_have_a_unit),
	    cmocka_unit_test(a_bad_value_is_refused_with_its_line_and_reason),
	    cmocka_unit_test(what_cannot_be_read_is_refused_with_its_line),
	    cmocka_unit_test(an_unknown_key_is_refused),
	    cmocka_unit_test(a_key_set_twice_is_refused),
	    cmocka_unit_test(lists_of_every_length_are_read),
	    cmocka_unit_test(a_list_may_be_added_to),
	    cmocka_unit_test(comments_are_skipped_and_their_lines_counted),
	    cmocka_unit_test(quoted_text_and_words_keep_what_looks_like_a_comment),
	    cmocka_unit_test(the_environment_is_seen_in_words_and_double_quotes),
	    cmocka_unit_test(who_we_are_follows_from_the_first_host),
	    cmocka_unit_test(the_outside_groups_are_those_of_the_authorities),
	    cmocka_unit_test(settings_that_do_not_fit_together_are_refused),
	    cmocka_unit_test(a_refusal_leaves_the_callers_settings_alone),
	    cmocka_unit_test(a_file_that_cannot_be_read_is_named),
	    cmocka_unit_test(what_is_printed_is_read_again_as_the_same),
	    cmocka_unit_test(every_byte_of_a_text_survives_printing),
	    cmocka_unit_test(every_row_is_printed_under_its_name),
	    cmocka_unit_test(released_settings_can_be_released_again),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
