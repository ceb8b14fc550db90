/* SPDX-License-Identifier: Apache-2.0 */
/* Letters: to addresses only, and not endlessly many. */
#include "service/letter/letter.h"

#include <signal.h>

#include "tests/support/check.h"

/* Settings are read from a file, and hold texts of their own. */
static char us[] = "us@example.org", nobody[] = "us", here[] = "/bin/true",
	    relative_name[] = "sendmail";

struct fixture {
	char program[64];
	char *command[2];
	struct settings settings;
	struct letters *letters;
	struct errinfo why;
};

static void
begin(struct fixture *f, const char *program, unsigned most)
{
	*f = (struct fixture){.letters = NULL};
	(void)snprintf(f->program, sizeof f->program, "%s", program);
	f->command[0] = f->program;
	f->settings.mail_command = (struct settings_list){f->command, 1};
	f->settings.mail_from = us;
	f->settings.mail_timeout = 20000;
	f->settings.letters_per_hour = most;
	assert_ok(letters_new(&f->settings, &f->letters, &f->why), &f->why);
}

static enum err
send_to(struct fixture *f, const char *to, const char *subject)
{
	return letter_send(
	    f->letters, bytes_of(to), bytes_of(subject), BYTES("hello\n"), &f->why);
}

static void
what_is_no_address_gets_none(void **state)
{
	static const char *const wrong[] = {"", "a", "@", "a@", "@b", "-a@b", "a b@c",
	    "a@b\nBcc: c@d", "a@b\r", "<a@b>", "a@b, c@d", "a@b;c@d", "\"a\"@b",
	    "\xc3\xa9@b"};
	struct fixture f;

	(void)state;
	begin(&f, "/bin/true", 100);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_err(send_to(&f, wrong[i], "hello"), ERR_INVALID_ARGUMENT);
	assert_err(send_to(&f, "a@b", "hello\nBcc: c@d"), ERR_INVALID_ARGUMENT);
	assert_ok(send_to(&f, "a.b+c@d-e.example", "hello"), &f.why);
	letters_free(f.letters);
	letters_free(NULL);
}

static void
an_hour_has_so_many(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "/bin/true", 2);
	assert_ok(send_to(&f, "a@b", "one"), &f.why);
	assert_ok(send_to(&f, "a@b", "two"), &f.why);
	assert_err(send_to(&f, "a@b", "three"), ERR_BUSY);
	letters_free(f.letters);
}

/* Nobody who sends learns of it: the log does. */
static void
a_program_that_is_not_there_or_does_not_read_is_survived(void **state)
{
	static const char *const programs[] = {"/nothing/is/here", "/bin/false"};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		begin(&f, programs[i], 100);
		assert_ok(send_to(&f, "a@b", "hello"), &f.why);
		letters_free(f.letters);
	}
}

static void
settings_that_do_not_fit_are_refused(void **state)
{
	char *relative[] = {relative_name, NULL};
	char *good[] = {here, NULL};
	struct settings s = {.mail_command = {relative, 1}, .mail_from = us};
	struct letters *letters;
	struct errinfo why;

	(void)state;
	assert_err(letters_new(&s, &letters, &why), ERR_CONFIG);
	s.mail_command.items = good;
	s.mail_from = nobody;
	assert_err(letters_new(&s, &letters, &why), ERR_CONFIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_no_address_gets_none),
	    cmocka_unit_test(an_hour_has_so_many),
	    cmocka_unit_test(a_program_that_is_not_there_or_does_not_read_is_survived),
	    cmocka_unit_test(settings_that_do_not_fit_are_refused),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as quartetd has it */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
