/* SPDX-License-Identifier: Apache-2.0 */
#include "service/space.h"

#include <semaphore.h>

#include "auth/issuer.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/digest.h"
#include "service/op/service_mode.h"
#include "storage/quota_hold.h"

#define KEYS_NOTE "preauth-keys"

/*
 * The keys in the store: for each, newest first, id (1), creation (8, little-endian),
 * secret. A key signs for KEY_LIFE_MS and is believed for as long again.
 */
enum { KEY_ROW = 1 + 8 + PREAUTH_SECRET_SIZE, KEYS_MAX = 2 };

static const int64_t key_life_ms = 30LL * 24 * 3600 * 1000;

struct stored_keys {
	uint8_t row[KEYS_MAX][KEY_ROW];
	size_t n;
};

static int64_t
key_created_ms(const uint8_t row[KEY_ROW])
{
	uint64_t ms = 0;

	for (size_t i = 0; i < 8; i++)
		ms |= (uint64_t)row[1 + i] << 8 * i;
	return (int64_t)ms;
}

static void
make_key(uint8_t row[KEY_ROW], uint8_t id)
{
	uint64_t now = (uint64_t)clock_wall_ms();

	row[0] = id;
	for (size_t i = 0; i < 8; i++)
		row[1 + i] = (uint8_t)(now >> 8 * i);
	random_bytes(row + 9, PREAUTH_SECRET_SIZE);
}

struct saving {
	struct store_note note;
	sem_t saved;
};

static void
note_saved(struct change *change)
{
	struct store_note *note = container_of(change, struct store_note, change);

	CHECK(sem_post(&container_of(note, struct saving, note)->saved) == 0);
}

static enum err
save_keys(struct store *store, const struct stored_keys *keys, struct errinfo *why)
{
	struct saving s = {.note = {
			       .change = {.done = note_saved},
			       .name = KEYS_NOTE,
			       .value = {(const char *)keys->row, keys->n * KEY_ROW},
			   }};
	enum err e;

	CHECK(sem_init(&s.saved, 0, 0) == 0);
	store_note(store, &s.note);
	while (sem_wait(&s.saved) != 0)
		continue;
	e = s.note.change.err;
	if (e != ERR_OK && why != NULL)
		*why = s.note.change.why;
	(void)sem_destroy(&s.saved);
	return e;
}

static enum err
load_keys(struct store *store, struct stored_keys *keys, struct errinfo *why)
{
	struct store_reader *reader;
	size_t n = 0;
	enum err e = store_reader_new(store, &reader, why);

	if (e != ERR_OK)
		return e;
	e = store_get_note(reader, KEYS_NOTE, keys->row, sizeof keys->row, &n, why);
	store_reader_free(reader);
	keys->n = n / KEY_ROW;
	if (e == ERR_NOT_FOUND)
		return ERR_OK;
	if (e == ERR_OK && (n % KEY_ROW != 0 || keys->n > KEYS_MAX))
		return errinfo_set(
		    why, ERR_DAMAGED, "the keys of pre-authorised URLs are damaged");
	return e;
}

static enum err
init_keys(struct space *space, struct store *store, struct errinfo *why)
{
	struct stored_keys keys = {.n = 0};
	enum err e = load_keys(store, &keys, why);

	if (e != ERR_OK)
		return e;
	if (keys.n == 0 || clock_wall_ms() - key_created_ms(keys.row[0]) > key_life_ms) {
		if (keys.n > 0)
			(void)memcpy(keys.row[1], keys.row[0], KEY_ROW);
		keys.n = keys.n == 0 ? 1 : 2;
		make_key(keys.row[0], (uint8_t)(keys.n == 1 ? 1 : keys.row[1][0] + 1));
		e = save_keys(store, &keys, why);
	}
	for (size_t i = 0; i < keys.n; i++) {
		space->preauth_keys[i].id = keys.row[i][0];
		(void)memcpy(
		    space->preauth_keys[i].secret, keys.row[i] + 9, PREAUTH_SECRET_SIZE);
	}
	space->n_preauth_keys = keys.n;
	return e;
}

static enum err
init_names(
    struct space *space, struct arena *a, const struct settings *s, struct errinfo *why)
{
	struct bytes *aliases = arena_array(a, struct bytes, s->resource_aliases.n + 1);
	enum err e = vosuri_from_resource_id(
	    a, bytes_of(s->resource_id), &space->names.authority, why);

	if (e == ERR_OK && aliases == NULL)
		e = errinfo_set(why, ERR_NO_MEMORY, "no memory for names");
	for (size_t i = 0; e == ERR_OK && i < s->resource_aliases.n; i++)
		e = vosuri_from_resource_id(
		    a, bytes_of(s->resource_aliases.items[i]), &aliases[i], why);
	if (e != ERR_OK)
		return errinfo_set(
		    why, ERR_CONFIG, "resource_id or resource_aliases: not an ivo:// id");
	space->names.aliases = aliases;
	space->names.n_aliases = s->resource_aliases.n;
	/* "example.org~vault" -> "example.org/gms": the group service beside us. */
	space->authority = space->names.authority;
	space->authority.n = bytes_find(space->authority, '~');
	space->group_authority = arena_format(a, "%.*s/gms", BYTES_ARG(space->authority));
	return space->group_authority.p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err
init_allocations(
    struct space *space, struct arena *a, const struct settings *s, struct errinfo *why)
{
	struct path *paths = arena_array(a, struct path, s->allocation_parents.n + 1);

	if (paths == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for names");
	for (size_t i = 0; i < s->allocation_parents.n; i++) {
		enum err e = path_parse(a, bytes_of(s->allocation_parents.items[i]),
		    (size_t)s->path_depth, &paths[i], why);

		if (e != ERR_OK)
			return errinfo_set(why, ERR_CONFIG,
			    "allocation_parents: '%s' is no path",
			    s->allocation_parents.items[i]);
	}
	space->allocation_parents = paths;
	space->n_allocation_parents = s->allocation_parents.n;
	return ERR_OK;
}

/* An item is an account, or else must be an address or a range of them. */
static bool
is_account(struct bytes item)
{
	return item.n > 0 && item.p[0] >= 'a' && item.p[0] <= 'z' &&
	       bytes_find(item, ':') == item.n && bytes_find(item, '/') == item.n;
}

static enum err
init_metrics(
    struct space *space, struct arena *a, const struct settings *s, struct errinfo *why)
{
	struct address_range *ranges =
	    arena_array(a, struct address_range, s->metrics_readers.n + 1);

	if (ranges == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for names");
	for (size_t i = 0; i < s->metrics_readers.n; i++) {
		struct bytes item = bytes_of(s->metrics_readers.items[i]);

		if (is_account(item))
			continue;
		if (!address_range_parse(item, &ranges[space->n_metrics_ranges]))
			return errinfo_set(why, ERR_CONFIG,
			    "metrics_readers: '%.*s' is no account and no address",
			    BYTES_ARG(item));
		space->n_metrics_ranges++;
	}
	space->metrics_ranges = ranges;
	return ERR_OK;
}

static enum err
init_mode(struct space *space, struct store *store, struct errinfo *why)
{
	struct store_reader *reader;
	enum err e = store_reader_new(store, &reader, why);

	if (e != ERR_OK)
		return e;
	e = service_mode_load(space, reader, why);
	store_reader_free(reader);
	return e;
}

enum err
space_load_issuer(const struct settings *s, struct issuer **out, struct errinfo *why)
{
	*out = NULL;
	return s->user_ca_certificate[0] == '\0'
		   ? ERR_OK
		   : issuer_load(s->user_ca_certificate, s->user_ca_key, out, why);
}

enum err
space_init(struct space *space, struct arena *a, const struct settings *settings,
    struct store *store, struct errinfo *why)
{
	struct issuer *issuer = NULL;
	enum err e = init_names(space, a, settings, why);

	if (e == ERR_OK)
		e = init_allocations(space, a, settings, why);
	if (e == ERR_OK)
		e = init_metrics(space, a, settings, why);
	if (e == ERR_OK)
		e = init_keys(space, store, why);
	if (e == ERR_OK)
		e = init_mode(space, store, why);
	if (e == ERR_OK)
		e = space_load_issuer(settings, &issuer, why);
	space->issuer = issuer;
	space->started_ms = clock_wall_ms();
	space->quota_holds = quota_holds_new();
	if (e == ERR_OK && space->quota_holds == NULL)
		e = errinfo_set(why, ERR_NO_MEMORY, "no memory for quotas");
	return e;
}

void
space_release(struct space *space)
{
	quota_holds_free(space->quota_holds);
	space->quota_holds = NULL;
	issuer_free(space->issuer);
	space->issuer = NULL;
}
