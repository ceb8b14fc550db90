/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/location_marker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service/core/digest.h"
#include "service/core/encode.h"

#define MARKER "LOCATION"

enum { VERSION = 1, TEXT_MAX = 512 };

/* The text without its last line. */
static size_t
format_body(const struct location_marker *m, char text[TEXT_MAX])
{
	char store[2 * STORE_UUID_SIZE + 1], location[2 * STORE_UUID_SIZE + 1];

	hex_encode(m->store, sizeof m->store, store);
	hex_encode(m->location, sizeof m->location, location);
	return (size_t)snprintf(text, TEXT_MAX,
	    "quartet location %d\nstore %s\nlocation %s\nindex %u\n", VERSION, store,
	    location, m->index);
}

static size_t
format(const struct location_marker *m, char text[TEXT_MAX])
{
	size_t n = format_body(m, text);

	return n +
	       (size_t)snprintf(text + n, TEXT_MAX - n, "crc %08x\n", crc32c(0, text, n));
}

enum err
location_marker_write(
    int root_fd, const struct location_marker *marker, struct errinfo *why)
{
	char text[TEXT_MAX];
	size_t n = format(marker, text);
	int fd = openat(root_fd, MARKER, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0440);
	bool good;

	if (fd < 0)
		return errno == EEXIST
			   ? errinfo_set(why, ERR_CONFLICT, "there is a location already")
			   : errinfo_sys(
				 why, ERR_IO, errno, "cannot make the file " MARKER);
	good = write(fd, text, n) == (ssize_t)n && fsync(fd) == 0;
	good = close(fd) == 0 && good && fsync(root_fd) == 0;
	return good ? ERR_OK
		    : errinfo_sys(why, ERR_IO, errno, "cannot write the file " MARKER);
}

/* The value of the line that begins with `key`, as text up to the newline. */
static struct bytes
line_value(struct bytes text, const char *key)
{
	struct bytes line, want = bytes_of(key);

	while (bytes_token(&text, "\n", &line))
		if (bytes_starts(line, want))
			return bytes_skip(line, want.n);
	return BYTES("");
}

static bool
parse(struct bytes text, struct location_marker *out)
{
	uint64_t version, index;
	char again[TEXT_MAX];

	if (!bytes_u64(line_value(text, "quartet location "), &version) ||
	    version != VERSION || !bytes_u64(line_value(text, "index "), &index) ||
	    index > 255 ||
	    !hex_decode(line_value(text, "store "), out->store, sizeof out->store) ||
	    !hex_decode(
		line_value(text, "location "), out->location, sizeof out->location))
		return false;
	out->index = (unsigned)index;
	/* One marker has one spelling, its CRC included. */
	return bytes_eq(text, (struct bytes){again, format(out, again)});
}

enum err
location_marker_read(int root_fd, struct location_marker *out, struct errinfo *why)
{
	char text[TEXT_MAX];
	int fd = openat(root_fd, MARKER, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errinfo_sys(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno,
		    "cannot open the file " MARKER);
	n = read(fd, text, sizeof text);
	(void)close(fd);
	if (n < 0)
		return errinfo_sys(why, ERR_IO, errno, "cannot read the file " MARKER);
	if (!parse((struct bytes){text, (size_t)n}, out))
		return errinfo_set(why, ERR_DAMAGED, "the file " MARKER " is damaged");
	return ERR_OK;
}
