/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings - what the operator can set, read from quartet.conf.
 *
 * settings.def is the table; each row is a field of `struct settings`. settings_load
 * reads the whole file, fills in defaults and checks every value and what must fit
 * together; it names file, line and reason of the first fault and then leaves *out
 * alone. Nothing changes afterwards: the struct is read by all threads without locks.
 * Memory: everything in the struct belongs to it until settings_release.
 */
#ifndef QUARTET_CONF_SETTINGS_H
#define QUARTET_CONF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"

struct settings_list {
	char **items;
	size_t n;
};

enum { SETTINGS_LOCATIONS_MAX = 4 };

struct settings {
#define NUMBER(name, value, low, high, unit, help) uint64_t name;
#define FLAG(name, value, help)                    bool name;
#define CHOICE(name, value, choices, help)         char *name;
#define TEXT(name, value, help)                    char *name;
#define LIST(name, value, help)                    struct settings_list name;
#include "conf/settings.def"
#undef NUMBER
#undef FLAG
#undef CHOICE
#undef TEXT
#undef LIST
};

enum err settings_load(
    const char *path, struct settings *out, struct errinfo *why) ERR_CHECKED;
void settings_release(struct settings *s);

/*
 * Does the outside group service have the groups "ivo://WHERE?..."? Case does not matter.
 */
bool settings_is_outside_group(const struct settings *s, struct bytes where);

/* Every setting with its value, one a line, in a form settings_load reads again. */
void settings_print(const struct settings *s, struct str *to);

/* The n-th row of the table, NULL behind the last; for the test of the man page. */
const char *settings_name(size_t n);

#endif
