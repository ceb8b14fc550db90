/* SPDX-License-Identifier: Apache-2.0 */
/* An empty disk in the place of a location's. */
#include "tests/unit/storage/place.h"

#include "storage/location_marker.h"

/* A directory beside the root. */
static void
make_disk(const struct place *p, const char *name, char path[160])
{
	(void)snprintf(path, 160, "%s/%s", p->dir, name);
	assert_int_equal(mkdir(path, 0750), 0);
}

static void
make_entry(const char *disk, const char *name)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", disk, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	(void)close(fd);
}

static enum err
format(struct place *p, const char *root, uint8_t uuid[STORE_UUID_SIZE])
{
	struct location_format f = {.call = {.verb = LOCATION_FORMAT}, .root = root};
	enum err e = run(p, &f.call);

	if (e == ERR_OK)
		(void)memcpy(uuid, f.uuid, STORE_UUID_SIZE);
	return e;
}

static enum err
probe_for(struct place *p, const uint8_t uuid[STORE_UUID_SIZE])
{
	struct location_probe r = some_probe(p);

	r.is_expected = true;
	(void)memcpy(r.expected, uuid, sizeof r.expected);
	return run(p, &r.call);
}

static void
an_empty_disk_is_made_the_location(void **state)
{
	struct place *p = *state;
	struct location_probe r = some_probe(p);
	uint8_t uuid[STORE_UUID_SIZE];
	char disk[160], found[200];

	assert_ok(run(p, &r.call), &r.call.why);
	store_file(p, ID);
	make_disk(p, "new", disk);
	(void)snprintf(found, sizeof found, "%s/lost+found", disk);
	assert_int_equal(mkdir(found, 0700), 0);
	assert_ok(format(p, disk, uuid), &p->why);
	assert_memory_not_equal(uuid, r.uuid, sizeof uuid);
	assert_string_equal(p->location->name, disk);
	/* Not before a probe has seen it. */
	assert_err(probe_for(p, r.uuid), ERR_LOCATION_DOWN);
	assert_non_null(strstr(errinfo_text(&p->why), "another disk"));
	assert_ok(probe_for(p, uuid), &p->why);
	store_file(p, ID); /* it has none of that name */
}

static void
the_place_of_the_old_disk_will_do(void **state)
{
	struct place *p = *state;
	uint8_t uuid[STORE_UUID_SIZE], again[STORE_UUID_SIZE];
	char away[160];

	assert_ok(probe(p), &p->why);
	(void)snprintf(away, sizeof away, "%s/away", p->dir);
	assert_int_equal(rename(p->root, away), 0);
	assert_err(format(p, NULL, uuid), ERR_CONFIG);
	assert_int_equal(mkdir(p->root, 0750), 0);
	assert_ok(format(p, NULL, uuid), &p->why);
	/* Once more, as after a command that was interrupted: it is the same disk. */
	assert_ok(format(p, NULL, again), &p->why);
	assert_memory_equal(uuid, again, sizeof uuid);
	assert_ok(probe_for(p, uuid), &p->why);
	store_file(p, ID);
}

static void
what_is_not_empty_is_left_alone(void **state)
{
	struct place *p = *state;
	uint8_t uuid[STORE_UUID_SIZE];
	struct location_marker m = {.index = INDEX};
	char disk[160];
	int fd;

	assert_ok(probe(p), &p->why);
	store_file(p, ID);
	assert_err(format(p, NULL, uuid), ERR_CONFLICT); /* the old disk itself */
	make_disk(p, "full", disk);
	make_entry(disk, "thesis.tex");
	assert_err(format(p, disk, uuid), ERR_CONFLICT);
	assert_non_null(strstr(errinfo_text(&p->why), "thesis.tex"));
	make_disk(p, "strange", disk);
	fd = open(disk, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_ok(location_marker_write(fd, &m, &p->why), &p->why);
	(void)close(fd);
	assert_err(format(p, disk, uuid), ERR_CONFLICT);
	assert_non_null(strstr(errinfo_text(&p->why), "another store"));
	make_disk(p, "other", disk);
	assert_ok(location_dir_format(disk, INDEX + 1, p->store, &p->why), &p->why);
	assert_err(format(p, disk, uuid), ERR_CONFLICT);
	make_disk(p, "used", disk);
	assert_ok(location_dir_format(disk, INDEX, p->store, &p->why), &p->why);
	make_entry(disk, "bad/something");
	assert_err(format(p, disk, uuid), ERR_CONFLICT);
	/* It is where it was, and works. */
	assert_string_equal(p->location->name, p->root);
	assert_ok(probe(p), &p->why);
	store_file(p, ID + 1);
}

static unsigned
n_open_below(const char *root)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char target[256];
		ssize_t len =
		    readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);

		target[len < 0 ? 0 : len] = '\0';
		n += strncmp(target, root, strlen(root)) == 0;
	}
	(void)closedir(dir);
	return n;
}

static void
one_that_is_taken_out_has_nothing_open(void **state)
{
	struct place *p = *state;
	struct location_probe r = some_probe(p);
	uint64_t until = clock_mono_ms() + PATIENCE_MS;

	assert_ok(probe(p), &p->why);
	store_file(p, ID);
	assert_true(n_open_below(p->root) > 0);
	r.detach = true;
	assert_err(run(p, &r.call), ERR_LOCATION_DOWN);
	while (n_open_below(p->root) > 0)
		assert_true(clock_mono_ms() < until);
	assert_ok(probe(p), &p->why);
}

static void
a_probe_that_only_looks_writes_nothing(void **state)
{
	struct place *p = *state;
	struct location_probe r = some_probe(p);

	fake_io_rule(0,
	    (struct fake_io_rule){.kinds = FAKE_IO_ALL, .act = FAKE_IO_FAIL, .sys = EIO});
	r.look_only = true;
	assert_ok(run(p, &r.call), &r.call.why);
	assert_true(r.attached);
	fake_io_reset();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PLACE(an_empty_disk_is_made_the_location),
	    PLACE(the_place_of_the_old_disk_will_do),
	    PLACE(what_is_not_empty_is_left_alone),
	    PLACE(one_that_is_taken_out_has_nothing_open),
	    PLACE(a_probe_that_only_looks_writes_nothing),
	};

	return run_with_both_engines(tests);
}
