/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/small.h"

#include <stdlib.h>
#include <string.h>

#include "replication/small_inside.h"
#include "replication/sweep.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "storage/blob_small.h"

enum {
	PACKS_AT_ONCE = 2,
	RATE_WINDOW_MS = 100,
	TICK_MS = 20,
	IDS_AT_ONCE = 256,
	LOOKS = 64,
	FIRST_PAUSE_MS = 500,
	LONGEST_PAUSE_MS = 60000,
};

/* Called with the lock held: see that the timer runs. */
static void
wake(struct small *s)
{
	if (s->awake)
		return;
	s->awake = true;
	loop_post(s->loop, &s->wake_job);
}

/* Uploads */

static struct small_file *
new_file(const struct blob *blob, struct pool *pool, size_t row_n)
{
	struct small_file *file = calloc(1, sizeof *file);
	size_t room = (row_n + PIECE_ALIGN - 1) / PIECE_ALIGN * PIECE_ALIGN;

	if (file == NULL)
		return NULL;
	file->id = blob->id;
	file->n = (size_t)blob->length;
	file->row_n = row_n;
	(void)memcpy(file->md5, blob->md5, MD5_SIZE);
	file->piece = pool_take_loose(pool, room);
	if (file->piece != NULL)
		return file;
	free(file);
	return NULL;
}

static void
roll_rate(struct small_rate *rate, uint64_t now_ms)
{
	uint64_t past_ms = now_ms - rate->since_ms;

	if (past_ms < RATE_WINDOW_MS)
		return;
	rate->n_before = past_ms < 2 * RATE_WINDOW_MS ? rate->n : 0;
	rate->n = 0;
	rate->since_ms = now_ms;
}

/* Room in the backlog, taken at once. */
static bool
take_room(struct small *s, uint64_t n)
{
	bool fits;

	small_lock(s);
	fits = s->bytes + n <= s->backlog_bytes;
	if (fits)
		s->bytes += n;
	roll_rate(&s->rate, clock_mono_ms());
	s->rate.n++;
	small_unlock(s);
	return fits;
}

struct small_file *
small_hold(struct small *s, struct blob *blob, const void *bytes, uint64_t node_id,
    struct bytes path)
{
	struct small_file *file;

	if (blob->length == 0 || blob->length > s->file_max ||
	    !take_room(s, blob->length))
		return NULL;
	file = new_file(blob, s->m->pool, blob_small_size((size_t)blob->length, path.n));
	small_lock(s);
	if (file == NULL)
		s->bytes -= blob->length;
	else
		small_table_add(&s->table, file);
	small_unlock(s);
	if (file == NULL)
		return NULL;
	(void)memcpy(file->piece->data, bytes, file->n);
	blob_small_finish(file->piece->data, file->n, blob->id, node_id, path);
	blob->small = true;
	blob->small_row = (struct bytes){(const char *)file->piece->data, file->row_n};
	blob->have = 0;
	blob->want = (location_map)((1u << s->m->n) - 1);
	return file;
}

void
small_committed(struct small *s, struct small_file *file)
{
	small_lock(s);
	file->since_ms = clock_mono_ms();
	small_table_queue(&s->table, file);
	wake(s);
	small_unlock(s);
}

void
small_dropped(struct small *s, struct small_file *file)
{
	small_lock(s);
	small_forget(s, file);
	small_unlock(s);
}

/* Reads */

struct piece *
small_find(struct small *s, uint64_t id)
{
	struct small_file *file;
	struct piece *piece = NULL;

	small_lock(s);
	file = small_table_find(&s->table, id);
	if (file != NULL) {
		piece = file->piece;
		piece_ref(piece);
	}
	small_unlock(s);
	return piece;
}

enum err
small_record(struct small *s, uint64_t id, struct blob *out, struct errinfo *why)
{
	enum err e;

	small_lock(s);
	e = blob_get(s->reader, id, out, why);
	small_unlock(s);
	return e;
}

enum err
small_look_again(struct small *s, uint64_t id, struct blob *out, struct errinfo *why)
{
	enum err e = small_record(s, id, out, why);

	if (e == ERR_OK && out->small)
		e = errinfo_set(why, ERR_DAMAGED, "the bytes of the file cannot be read");
	return e;
}

bool
small_is_moving(struct small *s, uint64_t id)
{
	const struct small_file *file;
	bool is;

	small_lock(s);
	file = small_table_find(&s->table, id);
	is = file != NULL && file->was_tried;
	small_unlock(s);
	return is;
}

void
small_facts(struct small *s, struct small_facts *out)
{
	small_lock(s);
	*out = (struct small_facts){s->table.n, s->bytes, s->moved, s->failed};
	small_unlock(s);
}

/* Moving */

static uint64_t
pause_ms(unsigned failures)
{
	uint64_t ms = FIRST_PAUSE_MS;

	while (failures-- > 1 && ms < LONGEST_PAUSE_MS)
		ms *= 2;
	return ms < LONGEST_PAUSE_MS ? ms : LONGEST_PAUSE_MS;
}

void
small_requeue(struct small *s, struct small_file *file)
{
	s->failed++;
	file->failures++;
	file->not_before_ms = clock_mono_ms() + pause_ms(file->failures);
	small_table_queue(&s->table, file);
	if (!s->stopping)
		wake(s);
}

/* Called with the lock held: may it be moved at all now? */
static bool
is_due(const struct small *s, const struct small_file *file, uint64_t now_ms)
{
	return file->not_before_ms <= now_ms &&
	       (!file->is_left || sweep_rests(s->m->sweep));
}

/* One that was tried before may have left a file somewhere, and is moved for itself. */
static bool
may_be_packed(const struct small_file *file)
{
	return !file->was_tried && !file->is_left;
}

/*
 * Called with the lock held: the next one that is due, among the oldest; in a flood only
 * one that no pack will take.
 */
static struct small_file *
take_one(struct small *s, uint64_t now_ms, bool flood)
{
	struct small_file *file = small_table_first(&s->table);

	for (unsigned looks = 0; file != NULL && looks < LOOKS; looks++) {
		if (is_due(s, file, now_ms) && !(flood && may_be_packed(file))) {
			small_table_unqueue(&s->table, file);
			file->was_tried = true;
			return file;
		}
		file = file->next;
	}
	return NULL;
}

/* Called with the lock held: those for a pack, in a list by `next`. */
static struct small_file *
take_pack(struct small *s, uint64_t now_ms)
{
	struct small_file *first = NULL, **last = &first, *file, *next;
	size_t bytes = 0, n = 0;

	for (file = small_table_first(&s->table);
	     file != NULL && n < SMALL_PACK_FILES && bytes < SMALL_PACK_BYTES;
	     file = next) {
		next = file->next;
		if (!may_be_packed(file) || file->not_before_ms > now_ms)
			continue;
		small_table_unqueue(&s->table, file);
		file->next = NULL;
		*last = file;
		last = &file->next;
		bytes += file->n;
		n++;
	}
	return first;
}

/*
 * Called with the lock held: more come than it pays to move one by one, or than was
 * possible.
 */
static bool
is_flood(struct small *s, uint64_t now_ms)
{
	uint64_t n = s->flood_rate * RATE_WINDOW_MS / 1000;

	roll_rate(&s->rate, now_ms);
	return s->table.n_queued >= s->pack_min || s->rate.n >= n ||
	       s->rate.n_before >= n;
}

/* Called with the lock held, in a flood: is there enough for a pack, or for too long? */
static bool
is_pack_due(const struct small *s, uint64_t now_ms)
{
	const struct small_file *oldest = small_table_first(&s->table);

	return s->packing < PACKS_AT_ONCE && oldest != NULL &&
	       (s->table.n_queued >= s->pack_min || s->bytes >= SMALL_PACK_BYTES ||
		   now_ms - oldest->since_ms >= s->delay_ms);
}

void
small_pump(struct small *s)
{
	struct small_file *file = NULL, *pack = NULL;
	bool flood;

	do {
		uint64_t now_ms = clock_mono_ms();

		if (s->stopping || s->moves_max == 0)
			return;
		small_lock(s);
		flood = is_flood(s, now_ms);
		file = pack = NULL;
		if (flood && is_pack_due(s, now_ms))
			pack = take_pack(s, now_ms);
		if (pack == NULL && s->moving < s->moves_max)
			file = take_one(s, now_ms, flood);
		small_unlock(s);
		if (pack != NULL)
			small_pack_start(s, pack);
		else if (file != NULL)
			small_move_start(s, file);
	} while (file != NULL || pack != NULL);
}

static void
tick(void *arg)
{
	struct small *s = arg;

	if (s->stopping)
		return;
	small_pump(s);
	small_lock(s);
	s->awake = small_table_first(&s->table) != NULL;
	if (s->awake)
		loop_timer_set(s->timer, TICK_MS);
	small_unlock(s);
}

static void
woken(struct loop_job *job)
{
	struct small *s = container_of(job, struct small, wake_job);

	if (!s->stopping)
		loop_timer_set(s->timer, TICK_MS);
}

/* What earlier processes left */

static enum err
load_file(struct small *s, uint64_t id, struct errinfo *why)
{
	static uint8_t row[BLOB_SMALL_MAX + 8192];
	struct blob blob;
	struct blob_small small;
	struct small_file *file;
	size_t n = 0;
	enum err e = blob_get(s->reader, id, &blob, why);

	if (e == ERR_OK)
		e = blob_small_get(s->reader, id, row, sizeof row, &n, why);
	if (e == ERR_OK && n > sizeof row)
		e = errinfo_set(
		    why, ERR_DAMAGED, "blob %llu is not small", (unsigned long long)id);
	if (e == ERR_OK)
		e = blob_small_decode(
		    id, (struct bytes){(const char *)row, n}, &small, why);
	if (e != ERR_OK)
		return e;
	file = new_file(&blob, s->m->pool, n);
	if (file == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for small files");
	(void)memcpy(file->piece->data, row, n);
	file->is_left = true;
	s->bytes += file->n;
	small_table_add(&s->table, file);
	small_table_queue(&s->table, file);
	return blob_ids_reopen(s->m->ids, id)
		   ? ERR_OK
		   : errinfo_set(why, ERR_NO_MEMORY, "no memory for small files");
}

static enum err
load(struct small *s, struct errinfo *why)
{
	uint64_t ids[IDS_AT_ONCE], after = 0;
	size_t n = IDS_AT_ONCE;
	enum err e = ERR_OK;

	while (e == ERR_OK && n == IDS_AT_ONCE) {
		e = blob_small_list(s->reader, after, ids, IDS_AT_ONCE, &n, why);
		for (size_t i = 0; i < n && e == ERR_OK; i++) {
			e = load_file(s, ids[i], why);
			if (e == ERR_DAMAGED || e == ERR_NOT_FOUND) {
				log_error("%s", errinfo_text(why));
				e = ERR_OK;
			}
			after = ids[i];
		}
	}
	return e;
}

enum err
small_new(struct mirror *m, struct loop *loop, const struct settings *settings,
    struct small **out, struct errinfo *why)
{
	struct small *s = calloc(1, sizeof *s);
	enum err e;

	if (s == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for small files");
	CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
	s->m = m;
	s->loop = loop;
	s->file_max = settings->small_file;
	s->backlog_bytes = settings->small_backlog;
	s->delay_ms = settings->small_delay;
	s->flood_rate = settings->small_flood;
	s->moves_max = (unsigned)settings->small_moves;
	s->pack_min = (unsigned)settings->small_pack;
	s->wake_job.run = woken;
	s->timer = loop_timer_new(loop, tick, s);
	e = s->timer == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for a timer")
			     : store_reader_new(m->store, &s->reader, why);
	if (e == ERR_OK)
		e = load(s, why);
	if (e != ERR_OK) {
		small_free(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void
small_start(struct small *s)
{
	small_lock(s);
	if (s->table.n > 0)
		wake(s);
	small_unlock(s);
}

void
small_stop(struct small *s)
{
	s->stopping = true;
	loop_timer_clear(s->timer);
}

bool
small_quiet(const struct small *s)
{
	return s->moving == 0 && s->packing == 0;
}

void
small_free(struct small *s)
{
	if (s == NULL)
		return;
	CHECK(small_quiet(s));
	small_table_release(&s->table);
	store_reader_free(s->reader);
	loop_timer_free(s->timer);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
