/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quartet init - the first thing ever done with a configuration: an empty metadata store
 * with the first administrator's account, and a marker in each location. What is there
 * already is never touched: then it says so and changes nothing.
 */
#include <stdio.h>
#include <string.h>

#include "replication/meta_first.h"
#include "service/tool/tool.h"
#include "storage/location.h"
#include "storage/store.h"

static int
fail(const char *what, const struct errinfo *why)
{
	(void)fprintf(stderr, "quartet: %s: %s\n", what, errinfo_text(why));
	return 1;
}

static enum err
read_uuid(
    const struct store_config *config, uint8_t uuid[STORE_UUID_SIZE], struct errinfo *why)
{
	struct store *store;
	struct store_reader *reader;
	struct store_facts facts;
	enum err e = store_open(config, &store, why);

	if (e != ERR_OK)
		return e;
	e = store_reader_new(store, &reader, why);
	if (e == ERR_OK) {
		e = store_facts(reader, &facts, why);
		store_reader_free(reader);
	}
	store_close(store);
	if (e == ERR_OK)
		(void)memcpy(uuid, facts.uuid, STORE_UUID_SIZE);
	return e;
}

static enum err
put_first_copies(
    const struct store_config *config, const struct settings *s, struct errinfo *why)
{
	struct store *store;
	enum err e = store_open(config, &store, why);

	if (e != ERR_OK)
		return e;
	for (unsigned i = 0; i < s->locations.n && e == ERR_OK; i++)
		e = meta_first_copy(store, s->locations.items[i], 0, why);
	store_close(store);
	return e;
}

int
cmd_init(const struct tool_call *call)
{
	const struct settings *s = call->settings;
	struct store_config config = {
	    .dir = s->meta_dir,
	    .map_bytes = s->meta_map_size,
	    .readers_max = (unsigned)s->meta_readers,
	    .batch_max = 1,
	};
	uint8_t uuid[STORE_UUID_SIZE];
	struct errinfo why = {.code = ERR_OK};

	if (call->n != 0)
		return tool_wrong_usage("init");
	if (s->administrators.n == 0)
		return fail(
		    "administrators", &(struct errinfo){.text = "nobody is named"});
	if (store_format(&config, s->administrators.items[0], &why) != ERR_OK)
		return fail(s->meta_dir, &why);
	if (read_uuid(&config, uuid, &why) != ERR_OK)
		return fail(s->meta_dir, &why);
	(void)printf("metadata store in %s, administrator '%s'\n", s->meta_dir,
	    s->administrators.items[0]);
	for (unsigned i = 0; i < s->locations.n; i++) {
		if (location_dir_format(s->locations.items[i], i, uuid, &why) != ERR_OK)
			return fail(s->locations.items[i], &why);
		(void)printf("location %u in %s\n", i + 1, s->locations.items[i]);
	}
	if (put_first_copies(&config, s, &why) != ERR_OK)
		return fail("the first copy of the metadata", &why);
	return 0;
}
