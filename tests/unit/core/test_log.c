/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "service/core/log.h"

static int saved_stderr;
static char dir[] = "/tmp/quartet-test-log.XXXXXX";
static char access_path[64], rotated_path[64];

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(access_path, sizeof access_path, "%s/access.log", dir);
	(void)snprintf(rotated_path, sizeof rotated_path, "%s/access.log.1", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static int
remove_files(void **state)
{
	(void)state;
	(void)unlink(access_path);
	(void)unlink(rotated_path);
	return 0;
}

/* From here on stderr is `fd`. */
static void
divert_stderr(int fd)
{
	assert_true(fd >= 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(saved_stderr >= 0);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static void
restore_stderr(void)
{
	assert_int_equal(dup2(saved_stderr, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved_stderr);
}

static int
catch_stderr(void)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC);

	divert_stderr(fd);
	return fd;
}

/* The text of `fd` from its beginning; the caller frees it. */
static char *
text_of(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text;

	assert_true(size >= 0);
	text = malloc((size_t)size + 1);
	assert_non_null(text);
	assert_int_equal(pread(fd, text, (size_t)size, 0), size);
	text[size] = '\0';
	(void)close(fd);
	return text;
}

static char *
caught_stderr(int fd)
{
	restore_stderr();
	return text_of(fd);
}

static char *
text_of_file(const char *path)
{
	FILE *f = fopen(path, "re");
	int fd;

	assert_non_null(f);
	fd = dup(fileno(f));
	(void)fclose(f);
	return text_of(fd);
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static void
a_message_has_time_level_and_text(void **state)
{
	int fd = catch_stderr();
	char *text;

	(void)state;
	log_warning("%d copies of %s", 3, "/a");
	text = caught_stderr(fd);
	/* "2026-01-02T03:04:05.678Z warning: " */
	assert_int_equal(strlen(text), 24 + 10 + 14 + 1);
	assert_int_equal(text[4], '-');
	assert_int_equal(text[23], 'Z');
	assert_string_equal(text + 24, " warning: 3 copies of /a\n");
	free(text);
}

static void
before_it_is_open_messages_go_straight_out(void **state)
{
	int fd = catch_stderr();
	char *text;

	(void)state;
	log_error("one");
	log_access(BYTES("two"));
	log_close();
	text = caught_stderr(fd);
	assert_int_equal(count(text, " error: one\n"), 1);
	assert_int_equal(count(text, "Z two\n"), 1);
	free(text);
}

static void
what_is_less_important_than_the_level_is_left_out(void **state)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};

	(void)state;
	for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		int fd = catch_stderr();
		enum err e = log_open(level, NULL, NULL, NULL);
		char *text;

		log_error("m");
		log_warning("m");
		log_info("m");
		log_debug("m");
		log_close();
		text = caught_stderr(fd);
		assert_err(e, ERR_OK);
		assert_int_equal(count(text, "\n"), level + 1);
		assert_non_null(strstr(text, names[level]));
		free(text);
	}
}

static void
what_was_logged_is_written_when_the_log_closes(void **state)
{
	int fd = catch_stderr();
	bool all_opened = true;
	char *text;

	(void)state;
	for (int i = 0; i < 200; i++) {
		all_opened &= log_open(LOG_LEVEL_INFO, NULL, NULL, NULL) == ERR_OK;
		log_info("message");
		log_access(BYTES("access"));
		log_close();
	}
	text = caught_stderr(fd);
	assert_true(all_opened);
	assert_int_equal(count(text, "message\n"), 200);
	assert_int_equal(count(text, "access\n"), 200);
	free(text);
}

static void
a_message_is_one_line_whatever_it_contains(void **state)
{
	int fd = catch_stderr();
	char *text, big[4000];

	(void)state;
	(void)memset(big, 'x', sizeof big);
	big[sizeof big - 1] = '\0';
	log_error("a\nb\rc\td\033[0m");
	log_error("%s", big);
	text = caught_stderr(fd);
	assert_non_null(strstr(text, " error: a b c d [0m\n"));
	assert_int_equal(count(text, "\n"), 2);
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_true(count(text, "x") > 900);
	free(text);
}

static void
client_text_is_quoted_and_escaped(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 1000);
	log_quote(&s, "path", BYTES("/a \"b\"\\c\n\r\t\0\x1b\x7f\xc3\xa9"));
	assert_bytes(str_bytes(&s),
	    " path=\"/a \\\"b\\\"\\\\c\\x0a\\x0d\\x09\\x00\\x1b\\x7f\xc3\xa9\"");
	str_clear(&s);
	log_quote(&s, "dn", (struct bytes){NULL, 0});
	assert_bytes(str_bytes(&s), " dn=\"\"");
	str_release(&s);
}

static void
access_lines_go_to_their_file_and_messages_do_not(void **state)
{
	int fd = catch_stderr();
	enum err e = log_open(LOG_LEVEL_INFO, access_path, NULL, NULL);
	char *messages, *lines;

	(void)state;
	log_access(BYTES("method=GET status=200"));
	log_info("hello");
	log_close();
	messages = caught_stderr(fd);
	assert_err(e, ERR_OK);
	lines = text_of_file(access_path);
	assert_int_equal(strlen(lines), 24 + 1 + 21 + 1);
	assert_string_equal(lines + 23, "Z method=GET status=200\n");
	assert_int_equal(count(messages, "\n"), 1);
	assert_int_equal(count(messages, "hello"), 1);
	free(messages);
	free(lines);
}

static void
lines_are_added_to_a_file_that_exists(void **state)
{
	struct errinfo why;
	char *lines;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_ok(log_open(LOG_LEVEL_INFO, access_path, NULL, &why), &why);
		log_access(BYTES("line"));
		log_close();
	}
	lines = text_of_file(access_path);
	assert_int_equal(count(lines, "line\n"), 2);
	free(lines);
}

static void
a_file_that_cannot_be_opened_is_named(void **state)
{
	struct errinfo why;

	(void)state;
	assert_err(
	    log_open(LOG_LEVEL_INFO, "/nonexistent/access.log", NULL, &why), ERR_CONFIG);
	assert_non_null(strstr(errinfo_text(&why), "/nonexistent/access.log"));
	log_close();
}

static void
a_long_access_line_is_written_whole(void **state)
{
	static char path[60 * 1024];
	struct errinfo why;
	struct str line;
	char *lines;

	(void)state;
	(void)memset(path, 'p', sizeof path);
	str_init(&line, 1u << 20);
	log_quote(&line, "path", (struct bytes){path, sizeof path});
	assert_ok(log_open(LOG_LEVEL_INFO, access_path, NULL, &why), &why);
	log_access(str_bytes(&line));
	log_close();
	lines = text_of_file(access_path);
	assert_int_equal(count(lines, "p"), sizeof path + 1);
	free(lines);
	str_release(&line);
}

static void
after_rotation_lines_go_to_the_new_file(void **state)
{
	struct errinfo why;
	char *old, *new;

	(void)state;
	assert_ok(log_open(LOG_LEVEL_INFO, access_path, NULL, &why), &why);
	log_access(BYTES("before"));
	assert_int_equal(rename(access_path, rotated_path), 0);
	log_reopen();
	log_access(BYTES("after"));
	log_close();
	old = text_of_file(rotated_path);
	new = text_of_file(access_path);
	assert_int_equal(count(old, "\n"), 1);
	assert_int_equal(count(old, "before"), 1);
	assert_int_equal(count(new, "\n"), 1);
	assert_int_equal(count(new, "after"), 1);
	free(old);
	free(new);
}

static void
when_reopening_fails_lines_still_go_to_the_old_file(void **state)
{
	int fd = catch_stderr();
	char *messages, *lines;
	enum err e = log_open(LOG_LEVEL_INFO, access_path, NULL, NULL);
	bool renamed;

	(void)state;
	(void)unlink(rotated_path);
	renamed = rename(access_path, rotated_path) == 0 &&
		  symlink("/nonexistent/access.log", access_path) == 0;
	log_reopen();
	log_access(BYTES("after"));
	log_close();
	messages = caught_stderr(fd);
	assert_err(e, ERR_OK);
	assert_true(renamed);
	assert_int_equal(count(messages, "error: cannot reopen the access log"), 1);
	lines = text_of_file(rotated_path);
	assert_int_equal(count(lines, "after"), 1);
	free(messages);
	free(lines);
}

enum { WRITERS = 4, LINES = 3000 };

static void *
log_lines(void *arg)
{
	(void)arg;
	for (int i = 0; i < LINES; i++)
		log_access(BYTES("line"));
	return NULL;
}

static void
rotation_while_others_write_loses_nothing(void **state)
{
	pthread_t threads[WRITERS];
	struct errinfo why;
	size_t lines = 0;
	char *text;

	(void)state;
	assert_ok(log_open(LOG_LEVEL_INFO, access_path, NULL, &why), &why);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_lines, NULL), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(rename(access_path, rotated_path), 0);
		log_reopen();
		text = text_of_file(rotated_path);
		lines += count(text, "Z line\n");
		free(text);
	}
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	log_close();
	text = text_of_file(access_path);
	lines += count(text, "Z line\n");
	free(text);
	assert_int_equal(lines, WRITERS * LINES);
}

/* Reads the other end of a pipe to its end, counting lines and drop notes. */
struct drain {
	int fd;
	unsigned lines;
	unsigned long dropped;
};

static void *
drain(void *arg)
{
	struct drain *me = arg;
	FILE *f = fdopen(me->fd, "r");
	char line[2048];

	while (fgets(line, sizeof line, f) != NULL) {
		if (strncmp(line, "log: ", 5) == 0)
			me->dropped += strtoul(line + 5, NULL, 10);
		else
			me->lines++;
	}
	(void)fclose(f);
	return NULL;
}

static void
lines_the_disk_is_too_slow_for_are_dropped_and_counted(void **state)
{
	enum { N = 5000 };
	struct drain d = {0};
	pthread_t thread;
	char text[900];
	int fds[2], failed;
	enum err e;

	(void)state;
	(void)memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_int_equal(pipe(fds), 0);
	divert_stderr(fds[1]);
	(void)close(fds[1]);
	e = log_open(LOG_LEVEL_INFO, NULL, NULL, NULL);
	for (int i = 0; i < N; i++)
		log_info("%s", text); /* nobody reads: this must not wait */
	d.fd = fds[0];
	failed = pthread_create(&thread, NULL, drain, &d);
	log_close();
	restore_stderr();
	assert_err(e, ERR_OK);
	assert_int_equal(failed, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(d.dropped > 0);
	assert_true(d.lines > 1000);
	assert_int_equal(d.lines + d.dropped, N);
}

#define with_files(test) cmocka_unit_test_teardown(test, remove_files)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_has_time_level_and_text),
	    cmocka_unit_test(before_it_is_open_messages_go_straight_out),
	    cmocka_unit_test(what_is_less_important_than_the_level_is_left_out),
	    cmocka_unit_test(what_was_logged_is_written_when_the_log_closes),
	    cmocka_unit_test(a_message_is_one_line_whatever_it_contains),
	    cmocka_unit_test(client_text_is_quoted_and_escaped),
	    with_files(access_lines_go_to_their_file_and_messages_do_not),
	    with_files(lines_are_added_to_a_file_that_exists),
	    cmocka_unit_test(a_file_that_cannot_be_opened_is_named),
	    with_files(a_long_access_line_is_written_whole),
	    with_files(after_rotation_lines_go_to_the_new_file),
	    with_files(when_reopening_fails_lines_still_go_to_the_old_file),
	    with_files(rotation_while_others_write_loses_nothing),
	    cmocka_unit_test(lines_the_disk_is_too_slow_for_are_dropped_and_counted),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
