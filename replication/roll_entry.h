/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roll_entry - one location in the roll: what its parts share. Internal to roll.
 *
 *   roll.c         the records, and what follows from them
 *   roll_order.c   commands
 *   roll_record.c  a record as it is written down
 */
#ifndef QUARTET_REPLICATION_ROLL_ENTRY_H
#define QUARTET_REPLICATION_ROLL_ENTRY_H

#include "replication/roll.h"
#include "replication/roll_record.h"
#include "storage/blob_forget.h"

/* Of a command, what is waited for. */
enum roll_step {
	ROLL_NOTHING,
	ROLL_SCANNING, /* what would be lost? */
	ROLL_FORMATTING,
	ROLL_RESETTING, /* the cursor of an earlier replacement */
	ROLL_SAVING, /* the record */
	ROLL_SETTLING, /* the next probe */
};

struct roll_entry {
	struct roll *roll;
	unsigned index;
	struct roll_record now, saved; /* as it is to be, and as the catalogue has it */

	struct store_note note; /* the record, or the cursor that is taken away */
	char note_name[24], cursor_name[24];
	uint8_t value[ROLL_RECORD_SIZE];
	struct roll_record saving;
	bool busy; /* a change is out */
	uint64_t retry_ms; /* not before */

	uint64_t forgotten; /* blobs up to here */
	struct blob_forget forget;

	struct roll_command *command;
	enum roll_step step;
	uint64_t scan_after, scan_found;
	struct location_format format;
	bool formatting;
	uint64_t probes_then, settle_until_ms;
};

struct roll {
	struct mirror *m;
	struct loop *loop;
	struct store_reader *reader;
	struct loop_timer *timer, *scan;
	bool stopping;
	struct roll_entry entry[LOCATIONS_MAX];
};

/* The record is to be as `now` is: written, soon. */
void roll_look(struct roll_entry *e);

/* The record that a command waits for is durable, or could not be written. */
void roll_order_saved(struct roll_entry *e, enum err err, const struct errinfo *why);
/* Now and then. */
void roll_order_tick(struct roll_entry *e);
/* The roll ends. */
void roll_order_cancel(struct roll_entry *e);
/* A page of what would be lost. */
void roll_order_scan(void *roll);

#endif
