/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "service/core/queue.h"

enum { PRODUCERS = 4, ITEMS = 20000, TURNS = 20000 };

struct parcel {
	struct queue_item item;
	unsigned producer, number;
};

struct producer {
	struct queue *queue;
	struct parcel *parcels;
	unsigned id;
};

static bool
is_readable(const struct queue *q, int wait_ms)
{
	struct pollfd p = {.fd = queue_fd(q), .events = POLLIN};

	return poll(&p, 1, wait_ms) == 1;
}

static void
items_come_out_in_the_order_they_went_in(void **state)
{
	struct parcel parcels[5];
	struct errinfo why;
	struct queue q;
	unsigned n = 0;

	(void)state;
	assert_ok(queue_init(&q, &why), &why);
	for (; n < 5; n++) {
		parcels[n].number = n;
		queue_push(&q, &parcels[n].item);
	}
	n = 0;
	for (struct queue_item *i = queue_take(&q); i != NULL; i = i->next)
		assert_int_equal(container_of(i, struct parcel, item)->number, n++);
	assert_int_equal(n, 5);
	assert_null(queue_take(&q));
	queue_release(&q);
}

static void
the_descriptor_is_readable_exactly_while_something_waits(void **state)
{
	struct errinfo why;
	struct parcel a, b;
	struct queue q;

	(void)state;
	assert_ok(queue_init(&q, &why), &why);
	assert_false(is_readable(&q, 0));
	for (int round = 0; round < 3; round++) {
		queue_push(&q, &a.item);
		queue_push(&q, &b.item);
		assert_true(is_readable(&q, 0));
		assert_ptr_equal(queue_take(&q), &a.item);
		assert_false(is_readable(&q, 0));
	}
	queue_release(&q);
}

static void
a_wake_makes_it_readable_without_an_item(void **state)
{
	struct errinfo why;
	struct parcel a;
	struct queue q;

	(void)state;
	assert_ok(queue_init(&q, &why), &why);
	queue_wake(&q);
	queue_wake(&q);
	assert_true(is_readable(&q, 0));
	assert_null(queue_take(&q));
	assert_false(is_readable(&q, 0));
	queue_wake(&q);
	queue_push(&q, &a.item);
	assert_ptr_equal(queue_take(&q), &a.item);
	assert_false(is_readable(&q, 0));
	queue_release(&q);
}

static void *
produce(void *arg)
{
	struct producer *p = arg;

	for (unsigned i = 0; i < ITEMS; i++) {
		p->parcels[i].producer = p->id;
		p->parcels[i].number = i;
		queue_push(p->queue, &p->parcels[i].item);
	}
	return NULL;
}

static void
four_producers_lose_nothing_and_keep_their_own_order(void **state)
{
	static struct parcel parcels[PRODUCERS][ITEMS];
	struct producer producers[PRODUCERS];
	pthread_t threads[PRODUCERS];
	unsigned next[PRODUCERS] = {0};
	unsigned got = 0;
	struct errinfo why;
	struct queue q;

	(void)state;
	assert_ok(queue_init(&q, &why), &why);
	for (unsigned i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){&q, parcels[i], i};
		assert_int_equal(
		    pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
	}
	while (got < PRODUCERS * ITEMS) {
		assert_true(is_readable(&q, 60000));
		for (struct queue_item *i = queue_take(&q); i != NULL; i = i->next) {
			struct parcel *p = container_of(i, struct parcel, item);

			assert_int_equal(p->number, next[p->producer]++);
			got++;
		}
	}
	for (unsigned i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_null(queue_take(&q));
	assert_false(is_readable(&q, 0));
	queue_release(&q);
}

/* One item a turn, so that each is the last one for a while. */
struct turns {
	struct queue queue;
	struct parcel parcel;
	_Atomic unsigned asked, pushed;
};

static void *
push_when_asked(void *arg)
{
	struct turns *t = arg;

	for (unsigned turn = 1; turn <= TURNS; turn++) {
		while (t->asked < turn)
			(void)sched_yield();
		queue_push(&t->queue, &t->parcel.item);
		t->pushed = turn;
	}
	return NULL;
}

/* A descriptor left readable with nothing behind it keeps its consumer spinning. */
static void
a_consumer_faster_than_the_signal_may_sleep_again(void **state)
{
	struct turns t = {.asked = 0};
	unsigned left_readable = 0;
	struct errinfo why;
	pthread_t thread;

	(void)state;
	assert_ok(queue_init(&t.queue, &why), &why);
	assert_int_equal(pthread_create(&thread, NULL, push_when_asked, &t), 0);
	for (unsigned turn = 1; turn <= TURNS; turn++) {
		t.asked = turn;
		while (queue_take(&t.queue) == NULL)
			(void)sched_yield();
		while (t.pushed < turn)
			(void)sched_yield();
		left_readable += is_readable(&t.queue, 0);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(left_readable, 0);
	queue_release(&t.queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(items_come_out_in_the_order_they_went_in),
	    cmocka_unit_test(the_descriptor_is_readable_exactly_while_something_waits),
	    cmocka_unit_test(a_wake_makes_it_readable_without_an_item),
	    cmocka_unit_test(a_consumer_faster_than_the_signal_may_sleep_again),
	    cmocka_unit_test(four_producers_lose_nothing_and_keep_their_own_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
