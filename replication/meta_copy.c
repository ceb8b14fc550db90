/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/meta_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "replication/meta_call.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "storage/store_replay.h"

enum {
	PATH_SIZE = 4096,
	LOOK_MS = 500,
	PIECE = 1024 * 1024,
	RETRY_MS = 60000,
	CATCH_UP_MS = 60000, /* between copies for locations that missed entries */
	REACH = 3, /* the journal reaches back to so many copies */
};

struct meta_copy {
	struct meta_copy_config config;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	bool stopping, ended;
	struct meta_copy_facts facts;
	/* The thread's: */
	char dir[PATH_SIZE], path[PATH_SIZE + 16]; /* where it is made */
	uint64_t tried_ms; /* 0: never */
	uint64_t bytes_then; /* of the journal */
	unsigned turn;
};

static bool
is_stopping(struct meta_copy *m)
{
	bool stopping;

	(void)pthread_mutex_lock(&m->lock);
	stopping = m->stopping;
	(void)pthread_mutex_unlock(&m->lock);
	return stopping;
}

/* When */

static bool
is_due(struct meta_copy *m, const struct journal_facts *j)
{
	const struct settings *s = m->config.settings;
	uint64_t since = clock_mono_ms() - m->tried_ms;
	bool any_missed = false;

	for (unsigned i = 0; i < m->config.mirror->n; i++)
		any_missed |= j->is_live[i] && j->missed[i];
	if (m->tried_ms == 0)
		return true;
	if (m->facts.failed > 0 && m->facts.made_ms == 0)
		return since >= RETRY_MS;
	if (any_missed && since >= CATCH_UP_MS)
		return true;
	if (j->at.seq == m->facts.seq)
		return false;
	return since >= s->meta_copy_period ||
	       j->bytes - m->bytes_then >= s->meta_copy_journal;
}

/* Making it, beside the store */

static void
remove_scratch(struct meta_copy *m)
{
	static const char *const names[] = {"data.mdb", "lock.mdb"};
	char path[PATH_SIZE + 16];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", m->dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(m->dir);
}

static enum err
make(struct meta_copy *m, struct errinfo *why)
{
	enum err e;
	int fd;

	remove_scratch(m);
	if (mkdir(m->dir, 0700) != 0)
		return errinfo_sys(why, ERR_IO, errno, "cannot make %s", m->dir);
	fd = open(m->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errinfo_sys(why, ERR_IO, errno, "cannot make %s", m->path);
	e = store_copy(m->config.mirror->store, fd, why);
	if (e == ERR_OK && fsync(fd) != 0)
		e = errinfo_sys(why, ERR_IO, errno, "fsync of %s", m->path);
	(void)close(fd);
	return e;
}

/* The seq of the journal it is as of. */
static enum err
read_seq(struct meta_copy *m, uint64_t *out, struct errinfo *why)
{
	struct store_config config = {.dir = m->dir,
	    .map_bytes = m->config.settings->meta_map_size,
	    .readers_max = 16};
	struct store_replay_facts facts;
	struct store_replay *replay;
	enum err e = store_replay_open(&config, &replay, why);

	if (e != ERR_OK)
		return e;
	store_replay_facts(replay, &facts);
	*out = facts.at.seq;
	return store_replay_close(replay, false, why);
}

/* Sending it */

static enum err
send_pieces(struct meta_copy *m, struct location *location, int fd, const char *tmp,
    const char *name, struct errinfo *why)
{
	uint64_t deadline = m->config.settings->io_deadline, offset = 0;
	enum err e = ERR_OK;

	for (bool last = false; !last && e == ERR_OK && !is_stopping(m);) {
		struct meta_call *call = meta_call_new(location, PIECE);
		ssize_t n;

		if (call == NULL)
			return errinfo_set(why, ERR_NO_MEMORY, "no memory for a copy");
		n = pread(fd, meta_call_memory(call), PIECE, (off_t)offset);
		if (n < 0) {
			e = errinfo_sys(why, ERR_IO, errno, "%s", m->path);
			meta_call_free(call);
			return e;
		}
		last = n < PIECE;
		e = meta_call_write(
		    call, tmp, offset, (size_t)n, last ? name : NULL, deadline, why);
		offset += (uint64_t)n;
	}
	return e == ERR_OK && is_stopping(m)
		   ? errinfo_set(why, ERR_CANCELLED, "the server ends")
		   : e;
}

static enum err
send_to(struct meta_copy *m, unsigned i, const char *name, struct errinfo *why)
{
	char tmp[LOCATION_META_NAME_SIZE];
	int fd = open(m->path, O_RDONLY | O_CLOEXEC);
	enum err e;

	if (fd < 0)
		return errinfo_sys(why, ERR_IO, errno, "%s", m->path);
	(void)snprintf(tmp, sizeof tmp, "%s.tmp", name);
	e = send_pieces(m, m->config.mirror->location[i], fd, tmp, name, why);
	(void)close(fd);
	return e;
}

/* Those that missed entries, then the others in turn; a copy at two places is enough. */
static unsigned
send_around(struct meta_copy *m, uint64_t seq, const char *name)
{
	const struct mirror *mirror = m->config.mirror;
	struct journal_facts j;
	unsigned sent = 0;

	journal_mirror_facts(m->config.journal, &j);
	for (unsigned k = 0; k < 2 * mirror->n; k++) {
		unsigned i = (m->turn + k) % mirror->n;
		bool for_the_missing = k < mirror->n;
		struct errinfo why;

		if (j.missed[i] != for_the_missing ||
		    (!for_the_missing && sent >= META_COPY_PLACES) ||
		    !location_state_takes_files(health_state(mirror->health, i)))
			continue;
		if (send_to(m, i, name, &why) != ERR_OK) {
			log_warning("location %u: no copy of the catalogue: %s", i + 1,
			    errinfo_text(&why));
			continue;
		}
		journal_mirror_has_copy(m->config.journal, i, seq);
		sent++;
	}
	m->turn = (m->turn + META_COPY_PLACES) % mirror->n;
	return sent;
}

/* Removing what is old */

struct shelf {
	struct location_meta_found *found;
	size_t n;
};

static void
remove_file(struct meta_copy *m, unsigned i, const char *name)
{
	struct errinfo why;

	if (meta_call_remove(m->config.mirror->location[i], name,
		m->config.settings->io_deadline, &why) != ERR_OK)
		log_warning("location %u: %s stays: %s", i + 1, name, errinfo_text(&why));
}

static void
remove_old_copies(struct meta_copy *m, unsigned i, const struct shelf *shelf)
{
	const struct settings *s = m->config.settings;
	struct meta_copy_seen *seen = calloc(shelf->n + 1, sizeof *seen);
	char name[META_COPY_NAME_SIZE];
	size_t n = 0;

	if (seen == NULL)
		return;
	for (size_t k = 0; k < shelf->n; k++)
		n += meta_copy_name_parse(
		    bytes_of(shelf->found[k].name), &seen[n].seq, &seen[n].made_ms);
	meta_copy_choose(
	    seen, n, (unsigned)s->meta_copies_newest, (unsigned)s->meta_copies_days);
	for (size_t k = 0; k < n; k++) {
		if (!seen[k].remove)
			continue;
		meta_copy_name(seen[k].seq, seen[k].made_ms, name);
		remove_file(m, i, name);
	}
	free(seen);
}

static int
by_seq_down(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x > y ? -1 : x < y;
}

/* The seq of the third-newest copy at all locations together; 0: there are fewer. */
static uint64_t
reach(const struct shelf *shelf, unsigned n)
{
	uint64_t *seq, result = 0;
	size_t total = 0, found = 0, distinct = 0;
	int64_t time;

	for (unsigned i = 0; i < n; i++)
		total += shelf[i].n;
	seq = calloc(total + 1, sizeof *seq);
	if (seq == NULL)
		return 0;
	for (unsigned i = 0; i < n; i++)
		for (size_t k = 0; k < shelf[i].n; k++)
			found += meta_copy_name_parse(
			    bytes_of(shelf[i].found[k].name), &seq[found], &time);
	qsort(seq, found, sizeof *seq, by_seq_down);
	for (size_t k = 0; k < found; k++)
		if ((k == 0 || seq[k] != seq[k - 1]) && ++distinct == REACH)
			result = seq[k];
	free(seq);
	return result;
}

static int
by_file_name(const void *a, const void *b)
{
	return strcmp(((const struct location_meta_found *)a)->name,
	    ((const struct location_meta_found *)b)->name);
}

/* A file of the journal goes when the next one begins no later than is reached back to. */
static void
remove_old_journal(
    struct meta_copy *m, unsigned i, const struct shelf *shelf, uint64_t seq)
{
	const char *before = NULL;
	uint64_t term, first;

	if (shelf->n > 0) /* one that is away has shown nothing */
		qsort(shelf->found, shelf->n, sizeof *shelf->found, by_file_name);
	for (size_t k = 0; k < shelf->n; k++) {
		if (!journal_name_parse(bytes_of(shelf->found[k].name), &term, &first))
			continue;
		if (before != NULL && first <= seq)
			remove_file(m, i, before);
		before = shelf->found[k].name;
	}
}

static void
remove_what_is_old(struct meta_copy *m)
{
	const struct mirror *mirror = m->config.mirror;
	struct shelf shelf[LOCATIONS_MAX] = {{NULL, 0}};
	struct errinfo why;
	uint64_t seq;

	for (unsigned i = 0; i < mirror->n; i++)
		if (location_state_takes_files(health_state(mirror->health, i)) &&
		    meta_call_list(mirror->location[i], m->config.settings->io_deadline,
			&shelf[i].found, &shelf[i].n, &why) != ERR_OK)
			log_warning("location %u: %s", i + 1, errinfo_text(&why));
	seq = reach(shelf, mirror->n);
	for (unsigned i = 0; i < mirror->n && !is_stopping(m); i++) {
		remove_old_copies(m, i, &shelf[i]);
		if (seq > 0)
			remove_old_journal(m, i, &shelf[i], seq);
	}
	for (unsigned i = 0; i < mirror->n; i++)
		free(shelf[i].found);
}

static enum err
copy_once(struct meta_copy *m, struct errinfo *why)
{
	char name[META_COPY_NAME_SIZE];
	int64_t now = clock_wall_ms();
	uint64_t seq = 0;
	unsigned sent;
	enum err e = make(m, why);

	if (e == ERR_OK)
		e = meta_copy_check(m->config.checker, m->dir, why);
	if (e == ERR_OK)
		e = read_seq(m, &seq, why);
	if (e != ERR_OK)
		return e;
	meta_copy_name(seq, now, name);
	sent = send_around(m, seq, name);
	if (sent == 0)
		return errinfo_set(why, ERR_QUORUM, "no location took it");
	remove_what_is_old(m);
	(void)pthread_mutex_lock(&m->lock);
	m->facts.made_ms = m->facts.looked_ms = now;
	m->facts.seq = seq;
	m->facts.made++;
	(void)pthread_mutex_unlock(&m->lock);
	log_info("the catalogue as of change %llu was copied to %u locations",
	    (unsigned long long)seq, sent);
	return ERR_OK;
}

/* Those that earlier processes made. */
static bool
has_copies(struct meta_copy *m)
{
	const struct mirror *mirror = m->config.mirror;
	uint64_t seq, newest = 0;
	bool any = false;

	for (unsigned i = 0; i < mirror->n; i++) {
		struct shelf shelf = {NULL, 0};
		struct errinfo why;
		int64_t time;

		if (!location_state_takes_files(health_state(mirror->health, i)) ||
		    meta_call_list(mirror->location[i], m->config.settings->io_deadline,
			&shelf.found, &shelf.n, &why) != ERR_OK)
			continue;
		for (size_t k = 0; k < shelf.n; k++) {
			if (!meta_copy_name_parse(
				bytes_of(shelf.found[k].name), &seq, &time))
				continue;
			any = true;
			newest = seq > newest ? seq : newest;
		}
		free(shelf.found);
	}
	(void)pthread_mutex_lock(&m->lock);
	m->facts.seq = newest;
	(void)pthread_mutex_unlock(&m->lock);
	return any;
}

static void
copy_if_due(struct meta_copy *m)
{
	struct errinfo why = {.code = ERR_OK};
	struct journal_facts j;

	journal_mirror_facts(m->config.journal, &j);
	if (j.live == 0)
		return;
	if (m->tried_ms == 0 && has_copies(m)) {
		m->tried_ms = clock_mono_ms();
		return;
	}
	if (!is_due(m, &j))
		return;
	if (copy_once(m, &why) != ERR_OK) {
		log_error("no copy of the catalogue was made: %s", errinfo_text(&why));
		(void)pthread_mutex_lock(&m->lock);
		m->facts.failed++;
		(void)pthread_mutex_unlock(&m->lock);
	}
	remove_scratch(m);
	m->tried_ms = clock_mono_ms();
	m->bytes_then = j.bytes;
}

static void *
run(void *arg)
{
	struct meta_copy *m = arg;

	while (!is_stopping(m)) {
		copy_if_due(m);
		meta_call_sleep(&m->lock, &m->changed, &m->stopping, LOOK_MS);
	}
	(void)pthread_mutex_lock(&m->lock);
	m->ended = true;
	(void)pthread_cond_broadcast(&m->changed);
	(void)pthread_mutex_unlock(&m->lock);
	return NULL;
}

enum err
meta_copy_new(
    const struct meta_copy_config *config, struct meta_copy **out, struct errinfo *why)
{
	struct meta_copy *m = calloc(1, sizeof *m);

	if (m == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for copies");
	m->config = *config;
	m->facts.looked_ms = clock_wall_ms();
	(void)snprintf(m->dir, sizeof m->dir, "%s/copy.tmp", config->settings->meta_dir);
	(void)snprintf(m->path, sizeof m->path, "%s/data.mdb", m->dir);
	CHECK(pthread_mutex_init(&m->lock, NULL) == 0);
	meta_call_cond_init(&m->changed);
	*out = m;
	return ERR_OK;
}

enum err
meta_copy_start(struct meta_copy *m, struct errinfo *why)
{
	int failed = pthread_create(&m->thread, NULL, run, m);

	if (failed != 0) {
		m->ended = true;
		return errinfo_sys(why, ERR_INTERNAL, failed, "cannot start a thread");
	}
	(void)pthread_setname_np(m->thread, "meta-copy");
	return ERR_OK;
}

bool
meta_copy_stop(struct meta_copy *m, uint64_t wait_ms)
{
	uint64_t until = clock_mono_ms() + wait_ms;
	bool ended;

	(void)pthread_mutex_lock(&m->lock);
	m->stopping = true;
	(void)pthread_cond_broadcast(&m->changed);
	ended = m->ended;
	(void)pthread_mutex_unlock(&m->lock);
	while (!ended && clock_mono_ms() < until)
		ended = meta_call_sleep(&m->lock, &m->changed, &m->ended, 100);
	if (ended)
		(void)pthread_join(m->thread, NULL);
	else
		(void)pthread_detach(m->thread);
	return ended;
}

void
meta_copy_free(struct meta_copy *m)
{
	if (m == NULL)
		return;
	(void)pthread_cond_destroy(&m->changed);
	(void)pthread_mutex_destroy(&m->lock);
	free(m);
}

void
meta_copy_facts(struct meta_copy *m, struct meta_copy_facts *out)
{
	(void)pthread_mutex_lock(&m->lock);
	*out = m->facts;
	(void)pthread_mutex_unlock(&m->lock);
}
