/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor-cutout - how long it takes to read the bytes of a rectangle out of an image file,
 * one pread for each row into one buffer. No header, no checks, no socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/tool.h"

enum { REPEAT_MAX = 10000 };

static const char usage[] = "floor-cutout [options] FILE\n"
			    "\n"
			    "Reads a rectangle of bytes from FILE and prints one JSON "
			    "object with the median time.\n"
			    "\n"
			    "  -o BYTES  where the image begins (0)\n"
			    "  -l BYTES  length of an image row\n"
			    "  -x BYTES  first byte of a row wanted (0)\n"
			    "  -w BYTES  bytes of a row wanted\n"
			    "  -y N      first row (0)\n"
			    "  -n N      rows\n"
			    "  -r N      how often (1)\n"
			    "  -c        cold: drop the file from the page cache each "
			    "time, read with a random hint\n"
			    "  -h        this text\n";

struct rectangle {
	uint64_t offset, row_bytes, x, width, y;
	unsigned rows;
};

static void
drop_cache(int fd)
{
	/* Only clean pages can be dropped. */
	if (fsync(fd) != 0)
		tool_die_sys("fsync");
	errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (errno == 0)
		errno = posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	if (errno != 0)
		tool_die_sys("posix_fadvise");
}

static double
read_once(int fd, const struct rectangle *r, char *to)
{
	double began_s = tool_now_s();

	for (unsigned i = 0; i < r->rows; i++) {
		uint64_t at = r->offset + (r->y + i) * r->row_bytes + r->x;

		if (pread(fd, to, r->width, (off_t)at) != (ssize_t)r->width)
			tool_die_sys("pread");
		to += r->width;
	}
	return tool_now_s() - began_s;
}

static int
compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
measure(const char *path, const struct rectangle *r, unsigned repeat, bool cold)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *to = tool_buffer(r->width * r->rows);
	double *took_s = calloc(repeat, sizeof *took_s);

	if (fd < 0)
		tool_die_sys("%s", path);
	if (took_s == NULL)
		tool_die("no memory");
	/* The first pass brings the buffer, and for a warm run the file, into memory. */
	(void)read_once(fd, r, to);
	for (unsigned i = 0; i < repeat; i++) {
		if (cold)
			drop_cache(fd);
		took_s[i] = read_once(fd, r, to);
	}
	qsort(took_s, repeat, sizeof *took_s, compare_double);
	printf("{\"value\":%.4f,\"unit\":\"ms\",\"bytes\":%" PRIu64 "}\n",
	    took_s[repeat / 2] * 1e3, r->width * r->rows);
	free(took_s);
	free(to);
	(void)close(fd); /* read only: nothing to lose */
}

int
main(int argc, char **argv)
{
	struct rectangle r = {0};
	unsigned repeat = 1;
	bool cold = false;
	int option;

	while ((option = tool_option(argc, argv, "o:l:x:w:y:n:r:ch", usage)) != -1) {
		switch (option) {
		case 'o':
			r.offset = tool_size("-o", optarg);
			break;
		case 'l':
			r.row_bytes = tool_size("-l", optarg);
			break;
		case 'x':
			r.x = tool_size("-x", optarg);
			break;
		case 'w':
			r.width = tool_size("-w", optarg);
			break;
		case 'y':
			r.y = tool_size("-y", optarg);
			break;
		case 'n':
			r.rows = tool_count("-n", optarg, 1, 1u << 30);
			break;
		case 'r':
			repeat = tool_count("-r", optarg, 1, REPEAT_MAX);
			break;
		case 'c':
			cold = true;
			break;
		}
	}
	if (argc - optind != 1 || r.rows == 0 || r.width == 0 || r.row_bytes < r.width)
		tool_die("a file, -l, -w and -n are needed");
	measure(argv[optind], &r, repeat, cold);
	return fflush(stdout) == 0 ? 0 : 2;
}
