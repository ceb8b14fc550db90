/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/leaf_merge.h"

#include <stdlib.h>
#include <string.h>

static int
by_id(const void *a, const void *b)
{
	const struct location_found *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return memcmp(x->md5, y->md5, MD5_SIZE);
}

/* The file of a blob among those of its id, which lie side by side; NULL: none. */
static const struct location_found *
file_of(const struct blob *blob, const struct location_found *found, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(found[i].md5, blob->md5, MD5_SIZE) == 0)
			return &found[i];
	return NULL;
}

/* Is something doubtful about a blob, given its file? */
static bool
is_doubtful(const struct blob *blob, const struct location_found *file, unsigned location,
    enum leaf_doubt *out)
{
	if (blob->small)
		return false; /* its files are being made */
	if (!(blob->have >> location & 1)) {
		*out = DOUBT_UNCOUNTED;
		return file != NULL && (blob->want >> location & 1);
	}
	*out = file == NULL ? DOUBT_MISSING : DOUBT_SIZE;
	return file == NULL || file->size != blob_layout(blob->length).file_size;
}

/* How many files of this id come next. */
static size_t
files_of(uint64_t id, const struct location_found *found, size_t n)
{
	size_t same = 0;

	while (same < n && found[same].id == id)
		same++;
	return same;
}

size_t
leaf_merge(const struct blob *blob, size_t n, struct location_found *found,
    size_t n_found, unsigned location, struct leaf_suspect *out)
{
	size_t b = 0, f = 0, n_out = 0;

	if (n_found > 0)
		qsort(found, n_found, sizeof found[0], by_id);
	while (b < n || f < n_found) {
		bool is_known = b < n && (f == n_found || blob[b].id <= found[f].id);
		struct leaf_suspect s = {
		    is_known ? blob[b].id : found[f].id, DOUBT_UNKNOWN};
		size_t files = files_of(s.id, found + f, n_found - f);

		if (!is_known ||
		    is_doubtful(&blob[b], file_of(&blob[b], found + f, files), location,
			&s.doubt))
			out[n_out++] = s;
		f += files;
		b += is_known;
	}
	return n_out;
}
