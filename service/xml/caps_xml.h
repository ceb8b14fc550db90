/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caps_xml - what the service says about itself: VOSI capabilities, VOSI availability,
 * and the registry's list of capabilities URLs.
 *
 * The capabilities come in the one layout every known client can use: the prefix xsi is
 * declared on the root, children are in no namespace, and each capability has a first
 * interface for the anonymous only and a second one with the security methods. Which
 * rows and methods there are is the caller's table.
 *
 * Memory: everything given is borrowed for the call. Thread: any. Writing fails as
 * core/str does, in str_failed.
 */
#ifndef QUARTET_XML_CAPS_XML_H
#define QUARTET_XML_CAPS_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/str.h"

/* The `use` attribute of an accessURL; NONE leaves it out. */
enum caps_use { CAPS_USE_NONE, CAPS_USE_BASE, CAPS_USE_FULL };

struct caps_row {
	const char *standard_id; /* scheme, authority and path, or clients refuse all */
	const char *path; /* behind the base URL, with its '/' */
	enum caps_use use;
	const char *description; /* for people; NULL: none */
};

/*
 * `base_url` without final '/'. `methods` are the URIs of the second interface; with
 * none there is no second interface.
 */
void caps_xml_capabilities(struct str *s, const struct caps_row *rows, size_t n_rows,
    struct bytes base_url, const struct bytes *methods, size_t n_methods);

struct caps_availability {
	bool available;
	int64_t up_since_ms; /* 0: not said */
	const struct bytes *notes; /* shown to users */
	size_t n_notes;
	struct bytes client_ip; /* .p NULL: not said */
};

void caps_xml_availability(struct str *s, const struct caps_availability *a);

struct caps_registry_entry {
	struct bytes id, url; /* neither may contain '=' or a blank */
};

/* Plain text, a line for each service: "id = url". */
void caps_registry(struct str *s, const struct caps_registry_entry *entries, size_t n);

#endif
