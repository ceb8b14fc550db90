/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig - a metadata store and four locations in a scratch folder, with one loop that runs
 * on the test's own thread while the test waits. For tests of storage and replication.
 *
 * Order: rig_open -> ... -> rig_close. A callback that a test waits for calls
 * rig_wake(rig); rig_wait(rig) runs the loop until then. A test that wants other settings
 * than a configuration file allows, or to stand between the mirror and its locations,
 * sets `tune` and `interpose` before rig_open. QUARTET_TEST_IO names the I/O engine for
 * rigs that do not.
 */
#ifndef QUARTET_TESTS_RIG_H
#define QUARTET_TESTS_RIG_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/settings.h"
#include "replication/mirror.h"
#include "service/core/clock.h"
#include "storage/nodes.h"
#include "tests/support/check.h"

struct rig {
	char dir[64];
	struct settings settings;
	struct store_config store_config;
	struct store *store;
	struct store_reader *reader;
	struct loop *loop;
	struct pool *pool;
	struct worker_pool *workers;
	struct mirror *mirror;
	struct loop_timer *poll;
	struct errinfo why;
	bool (*until)(struct rig *rig);
	const bool *flag; /* what rig_wait_flag waits for */
	uint64_t run_until_ms;
	bool repairs; /* missing copies are made; else they stay missing */
	const char *io; /* NULL: as QUARTET_TEST_IO says, or "auto" */
	void (*tune)(struct rig *rig); /* changes settings that were just read */
	void (*interpose)(struct rig *rig); /* the mirror is there, but not started */
};

enum { RIG_PATIENCE_MS = 20000 };

/* A wake may come before the wait: wait in a loop, on a condition of your own. */
static inline void
rig_wake(struct rig *rig)
{
	loop_stop(rig->loop);
}

static inline void
rig_wait(struct rig *rig)
{
	loop_run(rig->loop);
}

static inline void
rig_poll(void *arg)
{
	struct rig *rig = arg;

	if (rig->until(rig))
		loop_stop(rig->loop);
	else
		loop_timer_set(rig->poll, 5);
}

/* Run the loop until a condition holds; a test that waits for ever has failed. */
static inline void
rig_wait_until(struct rig *rig, bool (*until)(struct rig *rig))
{
	uint64_t patience_ends = clock_mono_ms() + RIG_PATIENCE_MS;

	rig->until = until;
	while (!until(rig)) {
		if (clock_mono_ms() > patience_ends)
			fail_msg("what was waited for did not come");
		loop_timer_set(rig->poll, 5);
		loop_run(rig->loop);
	}
	loop_timer_clear(rig->poll);
}

static inline bool
rig_flag_is_up(struct rig *rig)
{
	return *rig->flag;
}

static inline void
rig_wait_flag(struct rig *rig, const bool *flag)
{
	rig->flag = flag;
	rig_wait_until(rig, rig_flag_is_up);
}

static inline bool
rig_time_is_up(struct rig *rig)
{
	return clock_mono_ms() >= rig->run_until_ms;
}

/* Run the loop for some time, whatever happens. */
static inline void
rig_run_for(struct rig *rig, uint64_t ms)
{
	rig->run_until_ms = clock_mono_ms() + ms;
	rig_wait_until(rig, rig_time_is_up);
}

static inline void
rig_change_done(struct change *change)
{
	struct loop *loop = change->loop;

	change->loop = NULL; /* what rig_wait_change looks at */
	loop_stop(loop);
}

/* Use as a change, submit it, then rig_wait_change. */
static inline struct change
rig_change(struct rig *rig)
{
	return (struct change){.loop = rig->loop, .done = rig_change_done};
}

static inline enum err
rig_wait_change(struct rig *rig, struct change *change)
{
	while (change->loop != NULL)
		loop_run(rig->loop);
	return change->err;
}

static inline bool
rig_all_online(struct rig *rig)
{
	for (unsigned i = 0; i < rig->mirror->n; i++)
		if (health_state(rig->mirror->health, i) != STATE_ONLINE)
			return false;
	return true;
}

static inline bool
rig_is_quiet(struct rig *rig)
{
	return mirror_quiet(rig->mirror);
}

static inline const char *
rig_io(const struct rig *rig)
{
	const char *from_outside = getenv("QUARTET_TEST_IO");

	if (rig->io != NULL)
		return rig->io;
	return from_outside == NULL ? "auto" : from_outside;
}

static inline void
rig_write_config(struct rig *rig, const char *more)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/quartet.conf", rig->dir);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fprintf(f,
	    "hosts = {\"localhost:1\"}\nlisten_tls = {}\n"
	    "listen_plain = {\"127.0.0.1:0\"}\nmeta_dir = \"%s/meta\"\n"
	    "meta_map_size = 256MiB\nreserve_percent = 0\nprobe_period = 200ms\n"
	    "repair_files = %d\n"
	    "locations = {\"%s/1\", \"%s/2\", \"%s/3\", \"%s/4\"}\n"
	    "io = \"%s\"\n%s\n",
	    rig->dir, rig->repairs ? 1000 : 0, rig->dir, rig->dir, rig->dir, rig->dir,
	    rig_io(rig), more);
	(void)fclose(f);
	assert_ok(settings_load(path, &rig->settings, &rig->why), &rig->why);
	rig->settings.small_file = 0; /* a test that wants them says so */
	if (rig->tune != NULL)
		rig->tune(rig);
}

/* The store alone; `more` are lines for the configuration. */
static inline void
rig_open_store(struct rig *rig, const char *more)
{
	const char *base = getenv("TMPDIR");

	(void)snprintf(rig->dir, sizeof rig->dir, "%.40s/quartet-XXXXXX",
	    base == NULL ? "/tmp" : base);
	assert_non_null(mkdtemp(rig->dir));
	rig_write_config(rig, more);
	rig->store_config = (struct store_config){
	    .dir = rig->settings.meta_dir,
	    .map_bytes = rig->settings.meta_map_size,
	    .readers_max = 64,
	    .batch_max = (unsigned)rig->settings.meta_batch,
	    .gc_delay_ms = rig->settings.gc_delay,
	};
	assert_ok(store_format(&rig->store_config, "admin", &rig->why), &rig->why);
	assert_ok(store_open(&rig->store_config, &rig->store, &rig->why), &rig->why);
	assert_ok(store_reader_new(rig->store, &rig->reader, &rig->why), &rig->why);
	assert_ok(loop_new("test", &rig->loop, &rig->why), &rig->why);
	rig->poll = loop_timer_new(rig->loop, rig_poll, rig);
	assert_non_null(rig->poll);
}

static inline void
rig_start_mirror(struct rig *rig)
{
	struct mirror_config config = {
	    .settings = &rig->settings,
	    .store = rig->store,
	    .pool = rig->pool,
	    .workers = rig->workers,
	    .loop = rig->loop,
	};

	assert_ok(mirror_new(&config, &rig->mirror, &rig->why), &rig->why);
	if (rig->interpose != NULL)
		rig->interpose(rig);
	mirror_start(rig->mirror);
}

static inline void
rig_open(struct rig *rig, const char *more)
{
	struct store_facts facts;

	rig_open_store(rig, more);
	assert_ok(store_facts(rig->reader, &facts, &rig->why), &rig->why);
	for (unsigned i = 0; i < rig->settings.locations.n; i++)
		assert_ok(location_dir_format(
			      rig->settings.locations.items[i], i, facts.uuid, &rig->why),
		    &rig->why);
	assert_ok(
	    pool_new(rig->settings.buffer_memory, &rig->pool, &rig->why), &rig->why);
	assert_ok(worker_pool_new(2, &rig->workers, &rig->why), &rig->why);
	rig_start_mirror(rig);
	rig_wait_until(rig, rig_all_online);
}

static inline void
rig_stop_mirror(struct rig *rig)
{
	mirror_stop(rig->mirror);
	rig_wait_until(rig, rig_is_quiet);
	assert_true(mirror_free(rig->mirror, 5000));
	rig->mirror = NULL;
}

/* Another life of the mirror over the same store and locations. */
static inline void
rig_restart_mirror(struct rig *rig)
{
	rig_stop_mirror(rig);
	rig_start_mirror(rig);
	rig_wait_until(rig, rig_all_online);
}

/* The end of what rig_open_store began; for tests below replication. */
static inline void
rig_close_store(struct rig *rig)
{
	pid_t pid;

	store_reader_free(rig->reader);
	store_close(rig->store);
	loop_timer_free(rig->poll);
	loop_free(rig->loop);
	settings_release(&rig->settings);
	pid = fork();
	if (pid == 0) {
		(void)execl("/bin/rm", "rm", "-rf", rig->dir, (char *)NULL);
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
}

static inline void
rig_close(struct rig *rig)
{
	if (rig->mirror != NULL)
		rig_stop_mirror(rig);
	worker_pool_free(rig->workers);
	pool_free(rig->pool);
	rig_close_store(rig);
}

/* Close the store and open it again, with rig->store_config as it is now. */
static inline void
rig_reopen_store(struct rig *rig)
{
	store_reader_free(rig->reader);
	store_close(rig->store);
	rig->reader = NULL;
	rig->store = NULL;
	assert_ok(store_open(&rig->store_config, &rig->store, &rig->why), &rig->why);
	assert_ok(store_reader_new(rig->store, &rig->reader, &rig->why), &rig->why);
}

/* How many files a location has below a folder such as "blob" or "tmp". */
static inline unsigned
rig_count_files(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned n = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		char below[512];
		struct stat st;

		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "probe") == 0)
			continue;
		(void)snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
		if (stat(below, &st) != 0)
			continue;
		n += S_ISDIR(st.st_mode) ? rig_count_files(below) : 1;
	}
	(void)closedir(dir);
	return n;
}

/* Where the copy of a blob lies at a location. */
static inline void
rig_copy_path(const struct rig *rig, unsigned location, uint64_t id,
    const uint8_t md5[MD5_SIZE], char out[160])
{
	char leaf[BLOB_LEAF_SIZE], name[BLOB_NAME_SIZE];

	blob_leaf_name(blob_leaf(id), leaf);
	blob_name(id, md5, name);
	(void)snprintf(out, 160, "%s/%u/blob/%s/%s", rig->dir, location + 1, leaf, name);
}

static inline bool
rig_has_copy(const struct rig *rig, unsigned location, const struct blob *blob)
{
	char path[160];

	rig_copy_path(rig, location, blob->id, blob->md5, path);
	return access(path, F_OK) == 0;
}

static inline unsigned
rig_files(const struct rig *rig, unsigned location, const char *folder)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%u/%s", rig->dir, location + 1, folder);
	return rig_count_files(path);
}

#endif
