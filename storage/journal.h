/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal - what one location's journal of the catalogue is made of: entries, the files
 * they stand in, and how these are read again (architecture D60 to D62).
 *
 * An entry is one committed batch: the rows as they are after it, not the operations. It
 * is known by (term, seq): seq goes up by one with each batch, the term whenever a
 * process begins to write or gives up a batch. The first entry of a term, BEGIN, carries
 * no rows and names the seq after which the term goes on; what an older term has beyond
 * that seq was never acknowledged and counts for nothing.
 *
 *   entry   header of 64 bytes, then the rows
 *   row     table and kind (1), key length (2), value length (4), key, value
 *   file    BEGIN of its first entry's term, then entries one after the other; its name
 *           is the term, and the seq before the first entry with rows: TERM-SEQ, in hex
 *
 * Numbers are little-endian. Header and rows have a CRC32C each; a header also holds the
 * CRC of the header before, so that entries of different histories do not fit together.
 *
 * Everything here is for any thread; reading files blocks.
 */
#ifndef QUARTET_STORAGE_JOURNAL_H
#define QUARTET_STORAGE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"
#include "storage/db.h"
#include "storage/store.h"

struct journal_position {
	uint64_t term, seq; /* 0, 0: before the first entry */
	uint32_t crc; /* of the header of that entry */
};

/*
 * Where the writer's batches go before they are committed. Order, on the writer's thread:
 * term -> append -> commit, and after a commit that failed take_back or give_up.
 */
struct journal_sink {
	/* The term of the next append: it, and the one after it, are set aside before. */
	uint64_t (*term)(struct journal_sink *sink);
	/*
	 * Make the rows durable at as many places as the promise needs, which is more when
	 * they are `with_bytes` of files; blocks. Anything but ERR_OK: they are not, and no
	 * later start will find them.
	 */
	enum err (*append)(struct journal_sink *sink, struct bytes rows, bool with_bytes,
	    struct journal_position *out, struct errinfo *why);
	/* Their commit failed for certain: as if they had not been appended. */
	void (*take_back)(struct journal_sink *sink);
	/* Nobody can tell if it failed: the process has to end, the next one finds out. */
	void (*give_up)(struct journal_sink *sink, const struct errinfo *why);
};

/* As a row of `meta`. */
enum { JOURNAL_POSITION_SIZE = 20 };
void journal_position_encode(
    const struct journal_position *p, uint8_t to[JOURNAL_POSITION_SIZE]);
bool journal_position_decode(struct bytes from, struct journal_position *out);

enum journal_kind { JOURNAL_BEGIN = 1, JOURNAL_ROWS = 2 };

enum { JOURNAL_HEADER_SIZE = 64, JOURNAL_NAME_SIZE = 16 + 1 + 16 + 1 };

struct journal_header {
	enum journal_kind kind;
	uint8_t store[STORE_UUID_SIZE];
	uint64_t term, seq;
	uint32_t n; /* bytes of rows behind it */
	uint32_t rows_crc, crc_before;
	uint32_t crc; /* its own */
};

/* Fills in h->crc, too. */
void journal_header_encode(struct journal_header *h, uint8_t to[JOURNAL_HEADER_SIZE]);
/* False: it is none, or damaged. */
bool journal_header_decode(
    const uint8_t from[JOURNAL_HEADER_SIZE], struct journal_header *out);

void journal_name(uint64_t term, uint64_t seq, char out[JOURNAL_NAME_SIZE]);
bool journal_name_parse(struct bytes name, uint64_t *term_out, uint64_t *seq_out);

/* Rows */

struct journal_row {
	enum db_table table;
	bool is_delete;
	struct bytes key, value;
};

void journal_row_add(struct str *rows, const struct journal_row *row);
/* Take the next one off `rows`. False at their end; ERR_DAMAGED in *err then if they do
 * not end well. */
bool journal_row_next(struct bytes *rows, struct journal_row *out, enum err *err);

/* Reading a location's journal */

/* An entry, and where it stands. */
struct journal_found {
	struct journal_header header;
	unsigned file; /* index into the index's files */
	uint64_t offset; /* of the header */
};

struct journal_file {
	uint64_t term, seq; /* of its name */
	uint64_t size;
	char name[JOURNAL_NAME_SIZE];
};

/* What `dir` holds of entries behind `after`; files by name, entries in no order. */
struct journal_index {
	int dir_fd;
	struct journal_file *file;
	size_t n_files;
	struct journal_found *entry;
	size_t n_entries;
	uint64_t last_seq; /* of all that was read, left out or not */
	uint64_t damaged; /* files with something unreadable before their end */
};

/*
 * Entries of another store are left out. A file that ends in the middle of an entry is
 * as a power cut leaves it. ERR_IO; ERR_NOT_FOUND: no such directory.
 */
enum err journal_index_read(const char *dir, const uint8_t store[STORE_UUID_SIZE],
    uint64_t after_seq, struct journal_index *out, struct errinfo *why) ERR_CHECKED;
void journal_index_release(struct journal_index *index);

/* The rows of an entry, checked; `out` is cleared first. ERR_DAMAGED, ERR_IO. */
enum err journal_index_rows(const struct journal_index *index,
    const struct journal_found *entry, struct str *out, struct errinfo *why) ERR_CHECKED;

#endif
