/* SPDX-License-Identifier: Apache-2.0 */
#include "service/server_private.h"

#include <limits.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "replication/journal_mirror.h"
#include "replication/meta_copy.h"
#include "replication/meta_restore.h"
#include "replication/quorum.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/crash_mark.h"
#include "service/op/runners.h"
#include "service/remote/remote.h"
#include "service/space.h"

static void
state_changed(void *arg, unsigned location, enum location_state state, const char *reason)
{
	const struct server *s = arg;
	const char *name = s->settings->locations.items[location];

	if (state == STATE_ONLINE)
		log_info("location %u (%s) is online", location + 1, name);
	else
		log_warning("location %u (%s) is %s: %s", location + 1, name,
		    location_state_name(state), reason);
}

/* This program, to look through a copy of the store in a process of its own. */
static const char *const checker[] = {"/proc/self/exe", "--check-store", NULL};

static enum err
look_through_after_a_crash(struct server *s, struct errinfo *why)
{
	const char *dir = s->settings->meta_dir;

	if (!crash_mark_is_there(dir))
		return ERR_OK;
	log_warning("the last process crashed: the metadata are looked through first");
	return meta_copy_check(checker, dir, why);
}

static void
tell_restore(void *arg, const char *text)
{
	(void)arg;
	log_warning("restore: %s", text);
}

/* What was lost comes from the locations, unless somebody is to look first. */
static enum err
restore(struct server *s, struct errinfo *why)
{
	struct meta_restore_config config = {
	    .settings = s->settings, .checker = checker, .tell = tell_restore};
	struct errinfo reason;
	enum err e;

	log_error("%s", errinfo_text(why));
	e = meta_restore(&config, &s->recovered, &reason);
	if (e == ERR_NOT_FOUND)
		return ERR_NOT_FOUND; /* nothing to restore: it was never there */
	if (e != ERR_OK)
		*why = reason;
	return e;
}

/*
 * The quartet-fits that came with this program: installed beside it, or built with it.
 * False: none of them is there.
 */
static bool
find_fits_program(char *out, size_t size)
{
	static const char *const places[] = {
	    "../libexec/quartet/quartet-fits", "../fits/quartet-fits"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self);
	const char *slash = n > 0 ? memrchr(self, '/', (size_t)n) : NULL;

	for (size_t i = 0; slash != NULL && i < sizeof places / sizeof *places; i++) {
		int length =
		    snprintf(out, size, "%.*s/%s", (int)(slash - self), self, places[i]);

		if (length > 0 && (size_t)length < size && access(out, X_OK) == 0)
			return true;
	}
	return false;
}

enum err
server_open_finder(struct server *s, struct errinfo *why)
{
	const struct settings *settings = s->settings;
	char found[PATH_MAX];
	struct finder_config config = {.program = settings->cutout_program,
	    .workers = (unsigned)settings->cutout_workers,
	    .time_ms = settings->cutout_time,
	    .memory_bytes = settings->cutout_memory};
	bool is_there;

	if (config.program[0] == '\0') {
		is_there = find_fits_program(found, sizeof found);
		config.program = is_there ? found : "/usr/libexec/quartet/quartet-fits";
	} else if (config.program[0] != '/') {
		return errinfo_set(why, ERR_CONFIG,
		    "cutout_program: '%s' is no absolute path", config.program);
	} else {
		is_there = access(config.program, X_OK) == 0;
	}
	if (!is_there)
		log_warning(
		    "%s is not there: cutouts by shapes on the sky fail", config.program);
	return finder_new(&config, &s->finder, why);
}

static unsigned
n_journals(const struct settings *s)
{
	return quorum_journal((unsigned)s->journal_copies, (unsigned)s->write_quorum,
	    (unsigned)s->locations.n);
}

/* What the journals have and the store has not. */
static enum err
recover(struct server *s, const struct store_config *store, struct errinfo *why)
{
	struct journal_recover_config config = {
	    .store = store,
	    .root = (const char *const *)s->settings->locations.items,
	    .n = (unsigned)s->settings->locations.n,
	    .copies = n_journals(s->settings),
	    .deadline_ms = s->settings->io_deadline,
	};
	enum err e = look_through_after_a_crash(s, why);

	if (e == ERR_OK)
		e = journal_recover(&config, &s->recovered, why);
	if ((e == ERR_NOT_FOUND || e == ERR_DAMAGED) &&
	    strcmp(s->settings->restore, "auto") == 0)
		e = restore(s, why);

	if (e == ERR_OK)
		crash_mark_remove(s->settings->meta_dir);
	if (e == ERR_OK && s->recovered.applied > 0)
		log_info("%llu changes were taken from the journals, up to number %llu",
		    (unsigned long long)s->recovered.applied,
		    (unsigned long long)s->recovered.at.seq);
	return e;
}

enum err
server_open_store(struct server *s, struct errinfo *why)
{
	const struct settings *settings = s->settings;
	struct store_config config = {
	    .dir = settings->meta_dir,
	    .map_bytes = settings->meta_map_size,
	    .readers_max = (unsigned)settings->meta_readers,
	    .batch_max = (unsigned)settings->meta_batch,
	    .gc_delay_ms = settings->gc_delay,
	};
	enum err e = recover(s, &config, why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(why, ERR_CONFIG,
		    "there is no metadata store in %s: make one with quartet init, or "
		    "bring a lost one back with quartet restore",
		    settings->meta_dir);
	if (e == ERR_OK)
		e = store_open(&config, &s->store, why);
	if (e == ERR_OK) {
		arena_init(&s->space_arena, SPACE_ARENA);
		e = space_init(&s->space, &s->space_arena, settings, s->store, why);
	}
	return e;
}

/* The next start finds out. */
static void
end_with_outcome_open(const struct errinfo *why)
{
	log_error("%s", errinfo_text(why));
	_exit(EX_IOERR);
}

static enum err
open_journal(struct server *s, struct errinfo *why)
{
	const struct settings *settings = s->settings;
	struct journal_mirror_config config = {
	    .mirror = s->mirror,
	    .loop = s->background,
	    .at = s->recovered.at,
	    .term = s->recovered.terms,
	    .copies = n_journals(settings),
	    .bytes_copies = (unsigned)settings->write_quorum,
	    .file_bytes = settings->journal_file,
	    .backlog_bytes = settings->journal_backlog,
	    .deadline_ms = settings->io_deadline,
	    .settle_ms = SETTLE_MS,
	    .give_up = end_with_outcome_open,
	};
	struct meta_copy_config copies;
	enum err e;

	(void)memcpy(config.has, s->recovered.has, sizeof config.has);
	e = journal_mirror_new(&config, &s->journal, why);
	if (e != ERR_OK)
		return e;
	store_set_journal(s->store, journal_mirror_sink(s->journal));
	copies = (struct meta_copy_config){.mirror = s->mirror,
	    .journal = s->journal,
	    .settings = settings,
	    .checker = checker};
	e = meta_copy_new(&copies, &s->meta_copy, why);
	s->mirror->journal = s->journal;
	s->mirror->meta_copy = s->meta_copy;
	return e;
}

static enum err
open_mirror(struct server *s, struct errinfo *why)
{
	struct mirror_config config = {
	    .settings = s->settings,
	    .store = s->store,
	    .pool = s->pool,
	    .workers = s->workers,
	    .loop = s->background,
	    .state_changed = state_changed,
	    .arg = s,
	};
	enum err e = mirror_new(&config, &s->mirror, why);

	if (e != ERR_OK)
		return e;
	for (unsigned i = 0; i < s->mirror->n; i++)
		log_info("location %u: %s, I/O by %s", i + 1,
		    s->mirror->location[i]->name, mirror_engine(s->mirror, i));
	if (mirror_engine_note(s->mirror)[0] != '\0')
		log_warning(
		    "%s: threads are used instead", mirror_engine_note(s->mirror));
	e = open_journal(s, why);
	if (e != ERR_OK)
		return e;
	mirror_start(s->mirror);
	journal_mirror_start(s->journal);
	return meta_copy_start(s->meta_copy, why);
}

static enum err
open_remote(struct server *s, struct errinfo *why)
{
	struct remote_config config = {
	    .settings = s->settings, .loop = s->background, .pool = s->pool};

	if (!remote_is_on(s->settings))
		return ERR_OK;
	return remote_new(&config, &s->remote, why);
}

/* Jobs run on the background loop, as requests do on theirs. */
static enum err
open_jobs(struct server *s, struct errinfo *why)
{
	struct jobs_config config = {
	    .loop = s->background,
	    .store = s->store,
	    .settings = s->settings,
	    .runner = {[JOB_LIST_TRANSFERS] = run_transfer,
		[JOB_LIST_DELETE] = run_delete,
		[JOB_LIST_SETPROPS] = run_setprops,
		[JOB_LIST_HAND_OVER] = run_hand_over},
	    .env = &s->background_env,
	};
	enum err e;

	s->background_env = (struct op_env){
	    .settings = s->settings,
	    .space = &s->space,
	    .loop = s->background,
	    .store = s->store,
	    .mirror = s->mirror,
	    .pool = s->pool,
	    .workers = s->workers,
	    .remote = s->remote,
	    .gms = s->gms,
	};
	e = store_reader_new(s->store, &s->background_env.reader, why);
	return e == ERR_OK ? jobs_open(&config, &s->jobs, why) : e;
}

static void *
run_background(void *arg)
{
	loop_run(((struct server *)arg)->background);
	return NULL;
}

enum err
server_start_background(struct server *s, struct errinfo *why)
{
	enum err e = loop_new("background", &s->background, why);
	int failed;

	if (e == ERR_OK)
		e = open_mirror(s, why);
	if (e == ERR_OK)
		e = open_remote(s, why);
	if (e == ERR_OK)
		e = open_jobs(s, why);
	if (e != ERR_OK)
		return e;
	failed = pthread_create(&s->background_thread, NULL, run_background, s);
	if (failed != 0)
		return errinfo_sys(why, ERR_INTERNAL, failed, "cannot start a thread");
	s->background_running = true;
	return ERR_OK;
}

/* Changes are refused while locations have not answered: wait a little for that. */
void
server_wait_for_locations(struct server *s)
{
	uint64_t until = clock_mono_ms() + SETTLE_MS;

	while (!(health_settled(s->mirror->health) && jobs_ready(s->jobs)) &&
	       clock_mono_ms() < until)
		(void)usleep(POLL_MS * 1000);
}

static void
look_if_quiet(struct loop_job *job)
{
	struct server *s = container_of(job, struct server, background_job);

	jobs_stop(s->jobs);
	mirror_stop(s->mirror);
	s->quiet = jobs_quiet(s->jobs) && mirror_quiet(s->mirror);
	s->acknowledged = 1;
}

/* So that nobody waits for a job any more, nor we for ourselves. */
static void
stop_own_work(struct loop_job *job)
{
	struct server *s = container_of(job, struct server, background_job);

	jobs_stop(s->jobs);
	mirror_stop_repairs(s->mirror);
	s->acknowledged = 1;
}

static void
on_background(struct server *s, void (*run)(struct loop_job *job))
{
	s->acknowledged = 0;
	s->background_job.run = run;
	loop_post(s->background, &s->background_job);
	while (s->acknowledged == 0)
		(void)usleep(1000);
}

void
server_stop_own_work(struct server *s)
{
	on_background(s, stop_own_work);
}

static bool
quiet_background(struct server *s)
{
	uint64_t until = clock_mono_ms() + ABORT_MS;

	do {
		on_background(s, look_if_quiet);
		if (s->quiet)
			return true;
		(void)usleep(POLL_MS * 1000);
	} while (clock_mono_ms() < until);
	return false;
}

/* After the last change; the locations are still there. */
static bool
end_journal(struct server *s)
{
	uint64_t until = clock_mono_ms() + ABORT_MS;

	if (s->meta_copy != NULL && !meta_copy_stop(s->meta_copy, ABORT_MS))
		return false;
	meta_copy_free(s->meta_copy);
	s->meta_copy = NULL;
	if (s->store != NULL)
		store_finish(s->store);
	if (s->journal == NULL)
		return true;
	journal_mirror_stop(s->journal);
	while (!journal_mirror_quiet(s->journal) && clock_mono_ms() < until)
		(void)usleep(POLL_MS * 1000);
	return journal_mirror_quiet(s->journal);
}

bool
server_end_background(struct server *s)
{
	bool clean = true;

	if (s->background_running) {
		clean = quiet_background(s);
		loop_stop(s->background);
		(void)pthread_join(s->background_thread, NULL);
	}
	clean = end_journal(s) && clean;
	if (s->mirror != NULL)
		clean = mirror_free(s->mirror, clean ? ABORT_MS : 0) && clean;
	if (clean)
		journal_mirror_free(s->journal);
	return clean;
}
