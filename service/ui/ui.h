/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ui - the files of the web page, as they are in this folder, inside the program.
 *
 * Thread: any. Memory: constants.
 */
#ifndef QUARTET_UI_UI_H
#define QUARTET_UI_UI_H

#include <stdbool.h>

#include "service/core/bytes.h"

struct ui_file {
	struct bytes name; /* "app.js" */
	const char *type; /* Content-Type */
	struct bytes text;
};

/* False: there is none of that name. */
bool ui_find(struct bytes name, struct ui_file *out);

/*
 * The page itself, in which "@STYLE@" stands for the style sheet and "@SESSION@" for a JSON
 * text about who is signed in.
 */
struct bytes ui_index(void);
struct bytes ui_style(void);

#endif
