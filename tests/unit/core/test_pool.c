/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/pool.h"

/* 3 large pieces at most; 64 small ones, 16 of them for as many transfers. */
enum { LIMIT = 4 * 1024 * 1024, LARGE_MAX = 3, SMALL_MAX = 64, TRANSFERS_MAX = 16 };

static struct pool *pool;
static struct loop *loop;

static int
make_pool(void **state)
{
	(void)state;
	return pool_new(LIMIT, &pool, NULL) == ERR_OK &&
		       loop_new("pool", &loop, NULL) == ERR_OK
		   ? 0
		   : -1;
}

static int
free_pool(void **state)
{
	(void)state;
	pool_free(pool);
	loop_free(loop);
	return 0;
}

/* As many pieces as there are, at most `room`. */
static size_t
take_all(enum piece_class which, struct piece **pieces, size_t room)
{
	size_t n = 0;

	while (n < room && (pieces[n] = pool_take(pool, which)) != NULL)
		n++;
	return n;
}

static void
give_back(struct piece **pieces, size_t n)
{
	for (size_t i = 0; i < n; i++)
		piece_unref(pieces[i]);
}

static void
a_piece_is_aligned_and_of_its_size(void **state)
{
	struct piece *small = pool_take(pool, PIECE_SMALL);
	struct piece *large = pool_take(pool, PIECE_LARGE);

	(void)state;
	assert_non_null(small);
	assert_non_null(large);
	assert_int_equal((uintptr_t)small->data % PIECE_ALIGN, 0);
	assert_int_equal((uintptr_t)large->data % PIECE_ALIGN, 0);
	assert_int_equal(small->size, PIECE_SMALL_SIZE);
	assert_int_equal(large->size, PIECE_LARGE_SIZE);
	(void)memset(small->data, 1, small->size);
	(void)memset(large->data, 2, large->size);
	piece_unref(small);
	piece_unref(large);
	piece_unref(NULL);
}

static void
large_pieces_leave_a_quarter_to_the_small_ones(void **state)
{
	struct piece *large[LARGE_MAX + 1] = {0}, *small[SMALL_MAX + 1] = {0};
	size_t n_small;

	(void)state;
	assert_int_equal(take_all(PIECE_LARGE, large, LARGE_MAX + 1), LARGE_MAX);
	n_small = take_all(PIECE_SMALL, small, SMALL_MAX + 1);
	assert_int_equal(n_small, TRANSFERS_MAX);
	assert_int_equal(pool_stats(pool).used_bytes, LIMIT);
	assert_int_equal(pool_stats(pool).limit_bytes, LIMIT);
	give_back(large, LARGE_MAX);
	give_back(small, n_small);
	assert_int_equal(pool_stats(pool).used_bytes, 0);
}

static void
pieces_of_one_size_make_room_for_the_other(void **state)
{
	struct piece *large[LARGE_MAX + 1] = {0}, *small[SMALL_MAX + 1] = {0};

	(void)state;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(take_all(PIECE_LARGE, large, LARGE_MAX + 1), LARGE_MAX);
		give_back(large, LARGE_MAX);
		assert_int_equal(take_all(PIECE_SMALL, small, SMALL_MAX + 1), SMALL_MAX);
		assert_null(pool_take(pool, PIECE_LARGE));
		give_back(small, SMALL_MAX);
	}
}

static void
a_piece_comes_back_with_its_last_reference(void **state)
{
	struct piece *piece = pool_take(pool, PIECE_SMALL);

	(void)state;
	assert_non_null(piece);
	piece_ref(piece);
	piece_ref(piece);
	piece_unref(piece);
	piece_unref(piece);
	assert_int_equal(pool_stats(pool).used_bytes, PIECE_SMALL_SIZE);
	piece_unref(piece);
	assert_int_equal(pool_stats(pool).used_bytes, 0);
	assert_ptr_equal(pool_take(pool, PIECE_SMALL), piece);
	piece_unref(piece);
}

static void
transfers_are_admitted_while_there_is_a_small_piece_for_each(void **state)
{
	(void)state;
	for (int i = 0; i < TRANSFERS_MAX; i++)
		assert_true(pool_admit(pool));
	assert_false(pool_admit(pool));
	assert_int_equal(pool_stats(pool).transfers, TRANSFERS_MAX);
	pool_dismiss(pool);
	assert_true(pool_admit(pool));
	for (int i = 0; i < TRANSFERS_MAX; i++)
		pool_dismiss(pool);
	assert_int_equal(pool_stats(pool).transfers, 0);
}

/* A waiter that notes when its turn came. */
struct noting {
	struct pool_waiter waiter;
	int number;
};

static int order[16];
static size_t n_order;

static void
note(struct loop_job *job)
{
	struct noting *me = container_of(job, struct noting, waiter.job);

	order[n_order++] = me->number;
}

static void
make_waiters(struct noting *w, int n)
{
	n_order = 0;
	for (int i = 0; i < n; i++)
		w[i] = (struct noting){{.job = {.run = note}, .loop = loop}, i};
}

static void
stop_loop(struct loop_job *job)
{
	(void)job;
	loop_stop(loop);
}

static void
run_what_was_posted(void)
{
	struct loop_job last = {.run = stop_loop};

	loop_post(loop, &last);
	loop_run(loop);
}

static void
each_piece_that_comes_back_wakes_the_oldest_waiter_once(void **state)
{
	struct piece *small[SMALL_MAX] = {0};
	struct noting w[3];

	(void)state;
	assert_int_equal(take_all(PIECE_SMALL, small, SMALL_MAX), SMALL_MAX);
	make_waiters(w, 3);
	for (int i = 0; i < 3; i++)
		pool_wait(pool, &w[i].waiter);
	run_what_was_posted();
	assert_int_equal(n_order, 0);
	piece_unref(small[0]);
	run_what_was_posted();
	assert_int_equal(n_order, 1);
	small[0] = pool_take(pool, PIECE_SMALL);
	pool_wait(pool, &w[0].waiter); /* behind the others now */
	give_back(small, SMALL_MAX);
	run_what_was_posted();
	assert_int_equal(n_order, 4);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[2], 2);
	assert_int_equal(order[3], 0);
}

static void
a_large_piece_wakes_as_many_as_it_has_room_for(void **state)
{
	struct piece *large[LARGE_MAX] = {0}, *small[TRANSFERS_MAX] = {0};
	struct noting w[3];

	(void)state;
	assert_int_equal(take_all(PIECE_LARGE, large, LARGE_MAX), LARGE_MAX);
	assert_int_equal(take_all(PIECE_SMALL, small, TRANSFERS_MAX), TRANSFERS_MAX);
	make_waiters(w, 3);
	for (int i = 0; i < 3; i++)
		pool_wait(pool, &w[i].waiter);
	piece_unref(large[0]);
	run_what_was_posted();
	assert_int_equal(n_order, 3);
	give_back(large + 1, LARGE_MAX - 1);
	give_back(small, TRANSFERS_MAX);
}

static void
who_wants_a_large_piece_does_not_hold_up_who_wants_a_small_one(void **state)
{
	struct piece *small[SMALL_MAX] = {0};
	struct noting w[2];

	(void)state;
	assert_int_equal(take_all(PIECE_SMALL, small, SMALL_MAX), SMALL_MAX);
	make_waiters(w, 2);
	w[0].waiter.wants = PIECE_LARGE;
	pool_wait(pool, &w[0].waiter);
	pool_wait(pool, &w[1].waiter);
	piece_unref(small[0]);
	run_what_was_posted();
	assert_int_equal(n_order, 1);
	assert_int_equal(order[0], 1);
	give_back(small + 1, SMALL_MAX / 2 - 2); /* a quarter is for small ones */
	run_what_was_posted();
	assert_int_equal(n_order, 1);
	piece_unref(small[SMALL_MAX / 2 - 1]);
	run_what_was_posted();
	assert_int_equal(n_order, 2);
	assert_int_equal(order[1], 0);
	give_back(small + SMALL_MAX / 2, SMALL_MAX / 2);
}

static void
who_waits_when_a_piece_is_already_back_is_woken_at_once(void **state)
{
	struct piece *small[SMALL_MAX] = {0};
	struct noting w[1];

	(void)state;
	assert_int_equal(take_all(PIECE_SMALL, small, SMALL_MAX), SMALL_MAX);
	assert_null(pool_take(pool, PIECE_SMALL));
	give_back(small, SMALL_MAX);
	make_waiters(w, 1);
	pool_wait(pool, &w[0].waiter);
	run_what_was_posted();
	assert_int_equal(n_order, 1);
	assert_false(pool_unwait(pool, &w[0].waiter));
}

static void
a_turn_that_is_not_used_goes_to_the_next(void **state)
{
	struct piece *small[SMALL_MAX] = {0};
	struct noting w[2];

	(void)state;
	assert_true(pool_admit(pool));
	assert_int_equal(take_all(PIECE_SMALL, small, SMALL_MAX), SMALL_MAX);
	make_waiters(w, 2);
	pool_wait(pool, &w[0].waiter);
	pool_wait(pool, &w[1].waiter);
	piece_unref(small[0]);
	run_what_was_posted();
	assert_int_equal(n_order, 1);
	pool_dismiss(pool); /* the first one's client has gone */
	run_what_was_posted();
	assert_int_equal(n_order, 2);
	assert_int_equal(order[1], 1);
	give_back(small + 1, SMALL_MAX - 1);
}

static void
a_waiter_that_gave_up_is_not_woken(void **state)
{
	struct piece *small[SMALL_MAX] = {0};
	struct noting w[4];

	(void)state;
	assert_int_equal(take_all(PIECE_SMALL, small, SMALL_MAX), SMALL_MAX);
	make_waiters(w, 4);
	for (int i = 0; i < 3; i++)
		pool_wait(pool, &w[i].waiter);
	assert_true(pool_unwait(pool, &w[1].waiter));
	assert_true(pool_unwait(pool, &w[2].waiter));
	assert_false(pool_unwait(pool, &w[2].waiter));
	pool_wait(pool, &w[3].waiter);
	give_back(small, SMALL_MAX);
	assert_false(pool_unwait(pool, &w[0].waiter));
	run_what_was_posted();
	assert_int_equal(n_order, 2);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 3);
}

static void
a_disowned_piece_leaves_the_account_at_once(void **state)
{
	struct piece *small[SMALL_MAX] = {0};
	struct noting w[1];

	(void)state;
	assert_int_equal(take_all(PIECE_SMALL, small, SMALL_MAX), SMALL_MAX);
	make_waiters(w, 1);
	pool_wait(pool, &w[0].waiter);
	piece_disown(small[0]);
	piece_disown(small[0]);
	assert_int_equal(pool_stats(pool).used_bytes, LIMIT - PIECE_SMALL_SIZE);
	assert_int_equal(pool_stats(pool).disowned_bytes, PIECE_SMALL_SIZE);
	run_what_was_posted();
	assert_int_equal(n_order, 1);
	small[0]->data[PIECE_SMALL_SIZE - 1] = 1;
	piece_unref(small[0]);
	assert_int_equal(pool_stats(pool).disowned_bytes, 0);
	assert_int_equal(pool_stats(pool).used_bytes, LIMIT - PIECE_SMALL_SIZE);
	small[0] = pool_take(pool, PIECE_SMALL);
	assert_non_null(small[0]);
	give_back(small, SMALL_MAX);
}

static void
a_disowned_piece_may_outlive_the_pool(void **state)
{
	static struct pool *old; /* reachable, as the piece reaches it */
	struct piece *piece;
	struct errinfo why;

	(void)state;
	assert_ok(pool_new(LIMIT, &old, &why), &why);
	piece = pool_take(old, PIECE_LARGE);
	assert_non_null(piece);
	piece_disown(piece);
	pool_free(old);
	piece->data[0] = 1;
	piece_unref(piece);
	pool_free(NULL);
}

enum { SHARERS = 4, ROUNDS = 20000 };

static void *
share(void *arg)
{
	struct piece *piece = arg;

	for (int i = 0; i < ROUNDS; i++) {
		piece_ref(piece);
		piece_unref(piece);
	}
	piece_unref(piece);
	return NULL;
}

static void
references_are_counted_right_across_threads(void **state)
{
	struct piece *piece = pool_take(pool, PIECE_LARGE);
	pthread_t threads[SHARERS];

	(void)state;
	assert_non_null(piece);
	for (int i = 0; i < SHARERS; i++) {
		piece_ref(piece);
		assert_int_equal(pthread_create(&threads[i], NULL, share, piece), 0);
	}
	piece_unref(piece);
	for (int i = 0; i < SHARERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(pool_stats(pool).used_bytes, 0);
}

/* A transfer that takes a piece, gives it back in a later job, and so on. */
enum { LOOPS = 4, TRANSFERS_PER_LOOP = 32, TURNS = 300 };

struct rival {
	struct pool_waiter waiter;
	struct loop_job turn;
	struct crowd *crowd;
	struct piece *piece;
	int turns;
};

struct crowd {
	pthread_t thread;
	struct loop *loop;
	struct rival rivals[TRANSFERS_PER_LOOP];
	int busy;
};

static void
rival_take(struct rival *me)
{
	me->piece = pool_take(pool, PIECE_SMALL);
	if (me->piece == NULL)
		pool_wait(pool, &me->waiter);
	else
		loop_post(me->crowd->loop, &me->turn);
}

static void
rival_woken(struct loop_job *job)
{
	rival_take(container_of(job, struct rival, waiter.job));
}

static void
rival_turn(struct loop_job *job)
{
	struct rival *me = container_of(job, struct rival, turn);

	piece_unref(me->piece);
	if (++me->turns < TURNS)
		rival_take(me);
	else if (--me->crowd->busy == 0)
		loop_stop(me->crowd->loop);
}

static void *
run_crowd(void *arg)
{
	struct crowd *me = arg;

	for (int i = 0; i < TRANSFERS_PER_LOOP; i++)
		rival_take(&me->rivals[i]);
	loop_run(me->loop);
	return NULL;
}

static void
twice_as_many_transfers_as_pieces_all_come_to_an_end(void **state)
{
	struct crowd *crowds = calloc(LOOPS, sizeof *crowds);
	struct errinfo why;

	(void)state;
	assert_non_null(crowds);
	for (int i = 0; i < LOOPS; i++) {
		struct crowd *c = &crowds[i];

		assert_ok(loop_new("crowd", &c->loop, &why), &why);
		c->busy = TRANSFERS_PER_LOOP;
		for (int k = 0; k < TRANSFERS_PER_LOOP; k++)
			c->rivals[k] = (struct rival){
			    .waiter = {.job = {.run = rival_woken}, .loop = c->loop},
			    .turn = {.run = rival_turn},
			    .crowd = c,
			};
	}
	for (int i = 0; i < LOOPS; i++)
		assert_int_equal(
		    pthread_create(&crowds[i].thread, NULL, run_crowd, &crowds[i]), 0);
	for (int i = 0; i < LOOPS; i++)
		assert_int_equal(pthread_join(crowds[i].thread, NULL), 0);
	for (int i = 0; i < LOOPS; i++)
		loop_free(crowds[i].loop);
	free(crowds);
	assert_int_equal(pool_stats(pool).used_bytes, 0);
}

#define on_a_pool(test) cmocka_unit_test_setup_teardown(test, make_pool, free_pool)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    on_a_pool(a_piece_is_aligned_and_of_its_size),
	    on_a_pool(large_pieces_leave_a_quarter_to_the_small_ones),
	    on_a_pool(pieces_of_one_size_make_room_for_the_other),
	    on_a_pool(a_piece_comes_back_with_its_last_reference),
	    on_a_pool(transfers_are_admitted_while_there_is_a_small_piece_for_each),
	    on_a_pool(each_piece_that_comes_back_wakes_the_oldest_waiter_once),
	    on_a_pool(a_large_piece_wakes_as_many_as_it_has_room_for),
	    on_a_pool(who_wants_a_large_piece_does_not_hold_up_who_wants_a_small_one),
	    on_a_pool(who_waits_when_a_piece_is_already_back_is_woken_at_once),
	    on_a_pool(a_turn_that_is_not_used_goes_to_the_next),
	    on_a_pool(a_waiter_that_gave_up_is_not_woken),
	    on_a_pool(a_disowned_piece_leaves_the_account_at_once),
	    cmocka_unit_test(a_disowned_piece_may_outlive_the_pool),
	    on_a_pool(references_are_counted_right_across_threads),
	    on_a_pool(twice_as_many_transfers_as_pieces_all_come_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
