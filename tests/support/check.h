/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - cmocka with what it needs before it, and a few asserts of ours.
 * Every unit test includes this first.
 */
#ifndef QUARTET_TESTS_CHECK_H
#define QUARTET_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "service/core/bytes.h"
#include "service/core/err.h"

/* A failed call shows its errinfo. */
#define assert_ok(call, why)                                                             \
	do {                                                                             \
		enum err assert_ok_e = (call);                                           \
		if (assert_ok_e != ERR_OK)                                               \
			fail_msg("%s: %s", #call, errinfo_text(why));                    \
	} while (0)

#define assert_err(call, code) assert_int_equal((call), (code))

#define assert_bytes(b, literal)                                                         \
	do {                                                                             \
		struct bytes assert_bytes_b = (b);                                       \
		if (!bytes_is(assert_bytes_b, literal))                                  \
			fail_msg("%s is \"%.*s\", not \"%s\"", #b,                       \
			    BYTES_ARG(assert_bytes_b), literal);                         \
	} while (0)

#endif
