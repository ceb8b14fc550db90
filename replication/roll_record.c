/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record, little-endian: version 1 (1) | order (1) | flags (1) | 0 (1) | disk (16) |
 * new from (8) | CRC32C (4).
 */
#include "replication/roll_record.h"

#include "service/core/digest.h"
#include "storage/pack.h"

enum {
	VERSION = 1,
	HAS_DISK = 1,
	IS_DOUBTFUL = 2,
	IS_NEW = 4,
	AT_DISK = 4,
	AT_FROM = AT_DISK + STORE_UUID_SIZE,
	AT_CRC = AT_FROM + 8,
};

void
roll_record_encode(const struct roll_record *r, uint8_t to[ROLL_RECORD_SIZE])
{
	to[0] = VERSION;
	to[1] = (uint8_t)r->order;
	to[2] = (uint8_t)((r->has_disk ? HAS_DISK : 0) |
			  (r->is_doubtful ? IS_DOUBTFUL : 0) | (r->is_new ? IS_NEW : 0));
	to[3] = 0;
	(void)memcpy(to + AT_DISK, r->disk, STORE_UUID_SIZE);
	pack_store(to + AT_FROM, r->new_from, 8);
	pack_store(to + AT_CRC, crc32c(0, to, AT_CRC), 4);
}

enum err
roll_record_decode(struct bytes record, struct roll_record *out, struct errinfo *why)
{
	const uint8_t *p = (const uint8_t *)record.p;

	if (record.n != ROLL_RECORD_SIZE || p[0] != VERSION || p[1] >= LOCATION_ORDERS ||
	    pack_load(p + AT_CRC, 4) != crc32c(0, p, AT_CRC))
		return errinfo_set(
		    why, ERR_DAMAGED, "the record of a location is damaged");
	*out = (struct roll_record){
	    .order = (enum location_order)p[1],
	    .has_disk = p[2] & HAS_DISK,
	    .is_doubtful = p[2] & IS_DOUBTFUL,
	    .is_new = p[2] & IS_NEW,
	    .new_from = pack_load(p + AT_FROM, 8),
	};
	(void)memcpy(out->disk, p + AT_DISK, STORE_UUID_SIZE);
	return ERR_OK;
}
