/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_file - the form of one file of bytes at a location, the same at all of them.
 *
 *   user bytes            exactly `length`, recoverable with ordinary tools
 *   zeros                 up to a multiple of 4096
 *   table                 pages of 4096: 1023 CRC32C of blocks, then the page's own
 *   trailer               4096: who this is, see struct blob_trailer
 *
 * A block is 4 KiB; in files too large for a table of 4 MiB it is 8 KiB, 16 KiB, ... up
 * to BLOB_BLOCK_MAX, what can be read in one piece; from there the table grows. The
 * layout follows from the length alone, so a reader finds every page without asking. A
 * block's CRC covers the user bytes in it. A page's own CRC also covers the blob id and
 * the page's number, so that a page of another file, or at another place, is noticed.
 *
 * Pure computation. Thread: any, one at a time per table.
 */
#ifndef QUARTET_STORAGE_BLOB_FILE_H
#define QUARTET_STORAGE_BLOB_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/digest.h"
#include "service/core/err.h"
#include "storage/store.h"

enum {
	BLOB_PAGE = 4096,
	BLOB_PAGE_ENTRIES = BLOB_PAGE / 4 - 1,
	BLOB_PAGES_MAX = 1024, /* unless blocks are as large as they get */
	BLOB_BLOCK_MAX = 1024 * 1024,
	BLOB_NAME_SIZE = 16 + 1 + 2 * MD5_SIZE + 1, /* with its NUL */
	BLOB_PATH_MAX = 3072,
};

struct blob_layout {
	uint64_t length;
	uint64_t block_size;
	uint64_t blocks;
	uint64_t data_size; /* length rounded up: where the table begins */
	uint64_t pages;
	uint64_t file_size;
};

struct blob_layout blob_layout(uint64_t length);

/* "0123456789abcdef-<md5 in hex>", a file's name, and back. */
void blob_name(uint64_t id, const uint8_t md5[MD5_SIZE], char out[BLOB_NAME_SIZE]);
bool blob_name_parse(struct bytes name, uint64_t *id_out, uint8_t md5_out[MD5_SIZE]);

/* Files lie in leaf directories "xx/yy" made with each block of ids. */
enum { BLOB_LEAF_SIZE = 6, BLOB_LEAVES = 1 << 16 };
unsigned blob_leaf(uint64_t id);
void blob_leaf_name(unsigned leaf, char out[BLOB_LEAF_SIZE]);

/*
 * blob_table - the CRCs of a file while its bytes pass by, in order, in any portions.
 * Order: blob_table_new -> blob_table_add* -> blob_table_write | free.
 */
struct blob_table;
struct blob_table *blob_table_new(void); /* NULL: no memory */
void blob_table_free(struct blob_table *t);
/* False: no memory. */
bool blob_table_add(struct blob_table *t, const void *p, size_t n);

struct blob_trailer {
	uint64_t id;
	uint64_t length;
	uint8_t md5[MD5_SIZE];
	uint8_t store[STORE_UUID_SIZE];
	uint64_t node_id; /* 0 when the upload made the node */
	int64_t created_ms;
	struct bytes path; /* at upload; of a long one the last BLOB_PATH_MAX bytes */
};

/* Table and trailer: pages * 4096 + 4096 bytes, to be written at data_size. */
void blob_table_write(
    struct blob_table *t, const struct blob_trailer *trailer, uint8_t *to);

/* Check a trailer and take it apart; `path` points into it. */
enum err blob_trailer_read(const uint8_t trailer[BLOB_PAGE], struct blob_trailer *out,
    struct errinfo *why) ERR_CHECKED;

/* Is this page number `page` of blob `id`? */
bool blob_page_ok(const uint8_t p[BLOB_PAGE], uint64_t id, uint64_t page);
/* The CRC of a block, from the page that holds it. */
uint32_t blob_page_entry(const uint8_t p[BLOB_PAGE], uint64_t block);

#endif
