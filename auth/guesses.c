/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/guesses.h"

#include <string.h>

enum { TEXT_MAX = 256 };

void
guesses_init(struct guesses *g)
{
	*g = (struct guesses){.place = {{0}}};
	random_bytes(g->secret, sizeof g->secret);
}

/* Who it is, as a number; names and addresses are parted by their first byte. */
static uint64_t
number_of(const struct guesses *g, char kind, struct bytes text)
{
	uint8_t mac[SHA256_SIZE];
	char room[1 + TEXT_MAX];
	uint64_t number = 0;

	if (text.n > TEXT_MAX)
		text.n = TEXT_MAX;
	room[0] = kind;
	if (text.n > 0)
		(void)memcpy(room + 1, text.p, text.n);
	if (hmac_sha256(g->secret, sizeof g->secret, room, 1 + text.n, mac))
		(void)memcpy(&number, mac, sizeof number);
	return number;
}

static uint32_t
count_at(const struct guesses *g, uint64_t who, uint64_t now_ms)
{
	const struct guesses_place *p = &g->place[who % GUESSES_PLACES];
	uint64_t halves = (now_ms - p->at_ms) / GUESSES_HALF_MS;

	return p->who != who || halves >= 32 ? 0 : p->count >> halves;
}

static uint64_t
wait_of(uint32_t count, uint32_t free)
{
	uint64_t ms = GUESSES_FIRST_MS;

	if (count < free)
		return 0;
	for (uint32_t i = free; i < count && ms < GUESSES_MOST_MS; i++)
		ms *= 2;
	return ms < GUESSES_MOST_MS ? ms : GUESSES_MOST_MS;
}

uint64_t
guesses_wait_ms(
    const struct guesses *g, struct bytes name, struct bytes peer, uint64_t now_ms)
{
	uint64_t by_name =
	    wait_of(count_at(g, number_of(g, 'n', name), now_ms), GUESSES_FREE_NAME);
	uint64_t by_address =
	    wait_of(count_at(g, number_of(g, 'a', peer), now_ms), GUESSES_FREE_ADDRESS);

	return by_name > by_address ? by_name : by_address;
}

static void
add(struct guesses *g, uint64_t who, uint64_t now_ms)
{
	struct guesses_place *p = &g->place[who % GUESSES_PLACES];
	uint32_t count = count_at(g, who, now_ms);

	*p = (struct guesses_place){
	    .who = who, .at_ms = now_ms, .count = count < UINT32_MAX ? count + 1 : count};
}

void
guesses_wrong(struct guesses *g, struct bytes name, struct bytes peer, uint64_t now_ms)
{
	add(g, number_of(g, 'n', name), now_ms);
	add(g, number_of(g, 'a', peer), now_ms);
}
