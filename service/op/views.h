/* SPDX-License-Identifier: Apache-2.0 */
/* views - the forms that bytes can come and go in; the table is view.def. */
#ifndef QUARTET_OP_VIEWS_H
#define QUARTET_OP_VIEWS_H

#include <stdbool.h>
#include <stddef.h>

#include "service/core/bytes.h"
#include "service/xml/lists_xml.h"
#include "storage/node.h"

enum {
	VIEW_ACCEPTS = 1,
	VIEW_PROVIDES = 2,
	VIEW_FITS = 4, /* provided, of FITS files */
	VIEW_PACKAGE = 8, /* provided, of several nodes */
	VIEW_UNPACK = 16, /* accepted, for containers */
	VIEW_DERIVED = VIEW_FITS | VIEW_PACKAGE, /* not the bytes as they are */
	VIEWS_MAX = 16,
};

/* Those with any of these marks, in the table's order; how many there are. */
size_t views_marked(unsigned marks, struct lists_item out[VIEWS_MAX]);

/* May a transfer ask for it? `in`: bytes come in. */
bool views_allowed(struct bytes uri, bool in);

/* Is it a FITS file, by its type, or by its name where that says nothing? */
bool views_is_fits(const struct node *node);

#endif
