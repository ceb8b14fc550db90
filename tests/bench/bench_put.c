/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-put - one large body in one direction over one connection, timed.
 *
 * A PUT sends SIZE fixed random bytes or a file; a GET reads the answer and drops it. The
 * clock runs from the first byte of the request to the last of the answer; connecting,
 * the TLS handshake and the digest that -k compares lie before it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/core/digest.h"
#include "service/core/encode.h"
#include "service/core/str.h"
#include "tests/bench/reply.h"
#include "tests/bench/tool.h"
#include "tests/bench/wire.h"

enum {
	BLOCK_SIZE = 1024 * 1024, /* sent at a time */
	READ_SIZE = 256 * 1024, /* stays in the processor's cache */
	HEADERS_MAX = 64 * 1024,
	REPEAT_MAX = 10000,
};

static const char usage[] =
    "bench-put [options] URL\n"
    "\n"
    "Sends or reads one large body and prints one JSON object.\n"
    "\n"
    "  -s SIZE     PUT so many fixed random bytes (K, M, G: powers of 1024)\n"
    "  -b FILE     PUT a file; with neither -s nor -b it is a GET\n"
    "  -r N        do it N times on the same connection (1)\n"
    "  -H 'A: b'   a header; may be repeated\n"
    "  -e STATUS   what must be answered (200 for GET, 201 for PUT)\n"
    "  -k          the answer must carry the MD5 of what was sent, as Digest\n"
    "  -E FILE     PEM with the client's key and certificate\n"
    "  -A FILE     PEM with the authority of the server's certificate (not checked)\n"
    "  -t SECONDS  end when nothing moves for so long (60)\n"
    "  -h          this text\n"
    "\n"
    "Exit code: 0; 1 if the answer was wrong; 2 if nothing could be measured.\n";

struct options {
	const char *url, *file, *certificate, *ca;
	uint64_t size;
	unsigned repeat, status, limit_s;
	bool is_put, check;
	struct str headers;
};

struct run {
	const struct options *o;
	struct wire_server server;
	struct wire wire;
	struct reply reply;
	int file; /* -1: the block again and again */
	char *block, *input;
	struct str head;
	char digest[64]; /* "md5=..." to be answered; "" when not checked */
	double first_byte_s; /* when it came; 0: not yet */
};

/* Since the first byte of the request went out. */
struct timing {
	double first_byte_s, all_s;
};

/* The next piece of the body; `left` bytes are still to come. */
static size_t
next_piece(const struct run *r, uint64_t left)
{
	size_t want = left < BLOCK_SIZE ? (size_t)left : BLOCK_SIZE;
	ssize_t n;

	if (r->file < 0)
		return want;
	n = read(r->file, r->block, want);
	if (n <= 0)
		tool_die_sys("%s: cannot read on", r->o->file);
	return (size_t)n;
}

static void
rewind_file(const struct run *r)
{
	if (r->file >= 0 && lseek(r->file, 0, SEEK_SET) != 0)
		tool_die_sys("%s", r->o->file);
}

/* What the server must have computed, in its spelling. */
static void
compute_digest(struct run *r)
{
	struct md5 *md5 = md5_new();
	uint8_t sum[MD5_SIZE];
	size_t n;

	if (md5 == NULL)
		tool_die("no memory");
	for (uint64_t left = r->o->size; left > 0; left -= n) {
		n = next_piece(r, left);
		md5_add(md5, r->block, n);
	}
	md5_end(md5, sum);
	md5_free(md5);
	rewind_file(r);
	memcpy(r->digest, "md5=", 4);
	base64_encode(sum, sizeof sum, r->digest + 4);
}

static bool
send_all(struct run *r, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = wire_write(&r->wire, p, n);

		if (sent < 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

/* A server that refuses closes; then the answer says more than the failed write. */
static void
send_request(struct run *r)
{
	uint64_t left = r->o->is_put ? r->o->size : 0;
	bool open = send_all(r, r->head.p, r->head.n);

	while (open && left > 0) {
		size_t n = next_piece(r, left);

		open = send_all(r, r->block, n);
		left -= n;
	}
}

static void
read_answer(struct run *r)
{
	while (!r->reply.done) {
		ssize_t n = wire_read(&r->wire, r->input, READ_SIZE);

		if (r->first_byte_s == 0)
			r->first_byte_s = tool_now_s();
		if (n < 0 || (n == WIRE_END && !reply_end(&r->reply)))
			tool_die("the connection broke after %" PRIu64
				 " bytes of the answer",
			    r->reply.body_n);
		if (n > 0 && !reply_feed(&r->reply, r->input, (size_t)n))
			tool_die("the answer is not HTTP");
	}
}

static void
check_answer(const struct run *r)
{
	if (r->reply.status != r->o->status) {
		(void)fprintf(
		    stderr, "bench-put: status %u: %s\n", r->reply.status, r->reply.text);
		_exit(1);
	}
	if (r->digest[0] != '\0' && strcmp(r->digest, r->reply.digest) != 0) {
		(void)fprintf(stderr, "bench-put: digest '%s' instead of '%s'\n",
		    r->reply.digest, r->digest);
		_exit(1);
	}
}

static struct timing
run_once(struct run *r)
{
	double began_s, ended_s;

	rewind_file(r);
	reply_begin(&r->reply, false, true);
	r->first_byte_s = 0;
	began_s = tool_now_s();
	send_request(r);
	read_answer(r);
	ended_s = tool_now_s();
	check_answer(r);
	return (struct timing){r->first_byte_s - began_s, ended_s - began_s};
}

static void
prepare(struct run *r, struct options *o)
{
	*r = (struct run){.o = o, .file = -1, .wire.fd = -1};
	r->block = tool_buffer(BLOCK_SIZE);
	r->input = tool_buffer(READ_SIZE);
	tool_fill(r->block, BLOCK_SIZE);
	if (o->file != NULL) {
		off_t end;

		r->file = open(o->file, O_RDONLY | O_CLOEXEC);
		end = r->file < 0 ? -1 : lseek(r->file, 0, SEEK_END);
		if (end < 0)
			tool_die_sys("%s", o->file);
		o->size = (uint64_t)end;
		rewind_file(r);
	}
	if (o->is_put && o->check)
		compute_digest(r);
	wire_server_init(&r->server, o->url, o->certificate, o->ca);
	str_init(&r->head, (size_t)2 * HEADERS_MAX);
	str_addf(&r->head, "%s %.*s HTTP/1.1\r\nHost: %s\r\n", o->is_put ? "PUT" : "GET",
	    BYTES_ARG(r->server.target), r->server.authority);
	str_add(&r->head, str_bytes(&o->headers));
	if (o->is_put)
		str_addf(&r->head, "Content-Length: %" PRIu64 "\r\n", o->size);
	str_adds(&r->head, "\r\n");
	if (str_failed(&r->head) || str_failed(&o->headers))
		tool_die("headers are larger than %d bytes", HEADERS_MAX);
}

static void
release(struct run *r)
{
	if (r->file >= 0)
		(void)close(r->file); /* read only: nothing to lose */
	str_release(&r->head);
	wire_server_release(&r->server);
	free(r->block);
	free(r->input);
}

static void
connect_again(struct run *r)
{
	if (r->wire.fd >= 0)
		wire_close(&r->wire);
	wire_open(&r->wire, &r->server, false);
	wire_limit(&r->wire, r->o->limit_s);
}

static void
print_result(const struct run *r, const struct timing *timings, double cpu_s)
{
	char kind[96];

	wire_kind(&r->wire, kind, sizeof kind);
	printf("{\"seconds\":[");
	for (unsigned i = 0; i < r->o->repeat; i++)
		printf("%s%.6f", i > 0 ? "," : "", timings[i].all_s);
	printf("],\"first_byte\":[");
	for (unsigned i = 0; i < r->o->repeat; i++)
		printf("%s%.6f", i > 0 ? "," : "", timings[i].first_byte_s);
	printf("],\"bytes\":%" PRIu64
	       ",\"status\":%u,\"client_cpu_s\":%.3f,\"connection\":\"%s\"}\n",
	    r->o->is_put ? r->o->size : r->reply.body_n, r->reply.status, cpu_s, kind);
}

static void
measure(struct run *r)
{
	struct timing *timings = calloc(r->o->repeat, sizeof *timings);
	double cpu_s;

	if (timings == NULL)
		tool_die("no memory");
	connect_again(r);
	cpu_s = tool_cpu_s();
	for (unsigned i = 0; i < r->o->repeat; i++) {
		if (i > 0 && !r->reply.keep_alive)
			connect_again(r);
		timings[i] = run_once(r);
	}
	print_result(r, timings, tool_cpu_s() - cpu_s);
	wire_close(&r->wire);
	free(timings);
}

static void
take_option(struct options *o, int option, const char *value)
{
	switch (option) {
	case 's':
		o->size = tool_size("-s", value);
		o->is_put = true;
		break;
	case 'b':
		o->file = value;
		o->is_put = true;
		break;
	case 'r':
		o->repeat = tool_count("-r", value, 1, REPEAT_MAX);
		break;
	case 'H':
		str_addf(&o->headers, "%s\r\n", value);
		break;
	case 'e':
		o->status = tool_count("-e", value, 100, 599);
		break;
	case 'k':
		o->check = true;
		break;
	case 'E':
		o->certificate = value;
		break;
	case 'A':
		o->ca = value;
		break;
	case 't':
		o->limit_s = tool_count("-t", value, 1, 3600);
		break;
	}
}

int
main(int argc, char **argv)
{
	struct options o = {.repeat = 1, .limit_s = 60};
	struct run r;
	int option;

	str_init(&o.headers, HEADERS_MAX);
	while ((option = tool_option(argc, argv, "s:b:r:H:e:kE:A:t:h", usage)) != -1)
		take_option(&o, option, optarg);
	if (argc - optind != 1)
		tool_die("one URL is needed; see bench-put -h");
	o.url = argv[optind];
	if (o.status == 0)
		o.status = o.is_put ? 201 : 200;
	prepare(&r, &o);
	measure(&r);
	release(&r);
	str_release(&o.headers);
	return fflush(stdout) == 0 ? 0 : 2;
}
