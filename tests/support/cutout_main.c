/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fits-cutout FILE SUB... | FILE --meta | FILE --shape PROGRAM PARAMETER VALUE
 *
 * PROGRAM is quartet-fits, PARAMETER one of CIRCLE, POLYGON, POS.
 * Cuts a local file with the library and writes the result to the standard output; its
 * length, type, name and request, and then how many bytes of the file were read, go to
 * the standard error. Exit 1 with the error's text if it was refused, 2 if the program
 * was misused.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fits/cutout.h"
#include "tests/support/memory_reader.h"

struct run {
	struct loop *loop;
	struct finder *finder;
	struct cutout *cutout;
	struct source *source;
	uint64_t written;
	int status;
};

static const struct cutout_limits limits = {
    .header_max = 4 << 20,
    .hdus_max = 10000,
    .sections_max = 100,
    .output_max = UINT64_C(1) << 40,
    .points_max = 1000,
};

static const char *const parameters[] = {
    [CUTOUT_CIRCLE] = "CIRCLE", [CUTOUT_POLYGON] = "POLYGON", [CUTOUT_POS] = "POS"};

enum { SHAPE_ARGUMENTS = 6 };

static void
finish(struct run *run, int status)
{
	run->status = status;
	loop_stop(run->loop);
}

static int
complain(const struct errinfo *why)
{
	(void)fprintf(stderr, "%s: %s\n", err_fault(why->code), errinfo_text(why));
	return 1;
}

static void
pump(void *arg)
{
	struct run *run = arg;
	struct slice s;

	for (;;) {
		switch (source_next(run->source, &s)) {
		case NEXT_SLICE:
			run->written += fwrite(slice_data(&s), 1, s.n, stdout);
			piece_unref(s.piece);
			break;
		case NEXT_LATER:
			return;
		case NEXT_END:
			finish(
			    run, run->written != cutout_facts(run->cutout)->length_bytes);
			return;
		case NEXT_FAILED:
			finish(run, complain(&run->source->why));
			return;
		}
	}
}

static void
opened(void *arg, enum err err)
{
	struct run *run = arg;
	const struct cutout_facts *f;

	if (err != ERR_OK) {
		finish(run, complain(cutout_why(run->cutout)));
		return;
	}
	f = cutout_facts(run->cutout);
	(void)fprintf(stderr, "%llu %s %s %s\n", (unsigned long long)f->length_bytes,
	    f->content_type, f->file_name, f->canonical);
	run->source = cutout_source(run->cutout);
	run->source->ready = pump;
	run->source->arg = run;
	pump(run);
}

/* Empty files cannot be mapped and need not be. */
static void *
map_file(const char *path, uint64_t *size)
{
	static uint8_t empty[1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p = MAP_FAILED;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		*size = (uint64_t)st.st_size;
		if (*size == 0) {
			(void)close(fd);
			return empty;
		}
		p = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (p == MAP_FAILED)
		perror(path);
	if (fd >= 0)
		(void)close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static int
cut(struct run *run, struct pool *pool, const char *path, const struct cutout_ask *ask)
{
	struct memory_reads reads = {0};
	const char *slash = strrchr(path, '/');
	struct errinfo why = {0};
	uint64_t size = 0;
	void *data = map_file(path, &size);

	if (data == NULL)
		return 2;
	run->cutout = cutout_open(run->loop, pool, run->finder,
	    memory_reader_new(run->loop, data, size, &reads), ask,
	    bytes_of(slash != NULL ? slash + 1 : path), &limits, opened, run, &why);
	if (run->cutout == NULL)
		return complain(&why);
	loop_run(run->loop);
	cutout_close(run->cutout);
	if (run->status == 0)
		(void)fprintf(stderr, "%llu\n", (unsigned long long)reads.bytes);
	if (size > 0)
		(void)munmap(data, size);
	return run->status;
}

static enum err
parse_shape(struct run *run, struct arena *a, char **argv, struct cutout_ask **ask,
    struct errinfo *why)
{
	struct finder_config config = {.program = argv[3],
	    .workers = 1,
	    .time_ms = 60000,
	    .memory_bytes = 256 << 20};
	size_t i = 0;
	enum err e = finder_new(&config, &run->finder, why);

	if (e != ERR_OK)
		return e;
	while (i < CUTOUT_POS && strcmp(argv[4], parameters[i]) != 0)
		i++;
	return cutout_parse_shape(
	    a, (enum cutout_shape)i, bytes_of(argv[5]), &limits, ask, why);
}

int
main(int argc, char **argv)
{
	bool meta = argc == 3 && strcmp(argv[2], "--meta") == 0;
	bool shape = argc == SHAPE_ARGUMENTS && strcmp(argv[2], "--shape") == 0;
	size_t n = meta || argc < 2 ? 0 : (size_t)argc - 2;
	struct bytes *sub = calloc(n + 1, sizeof *sub);
	struct run run = {0};
	struct pool *pool = NULL;
	struct cutout_ask *ask;
	struct errinfo why = {0};
	struct arena arena;
	int status = 2;
	enum err e;

	arena_init(&arena, 16 << 20);
	if (argc < 2 || sub == NULL) {
		(void)fprintf(stderr, "usage: fits-cutout FILE SUB... | FILE --meta | "
				      "FILE --shape PROGRAM PARAMETER VALUE\n");
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		sub[i] = bytes_of(argv[i + 2]);
	e = pool_new(8 << 20, &pool, &why);
	if (e == ERR_OK)
		e = loop_new("cutout", &run.loop, &why);
	if (e == ERR_OK && shape)
		e = parse_shape(&run, &arena, argv, &ask, &why);
	else if (e == ERR_OK)
		e = cutout_parse(&arena, sub, n, meta, &limits, &ask, &why);
	status = e == ERR_OK ? cut(&run, pool, argv[1], ask) : complain(&why);
out:
	finder_free(run.finder);
	loop_free(run.loop);
	pool_free(pool);
	arena_release(&arena);
	free(sub);
	return status;
}
