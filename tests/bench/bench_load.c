/* SPDX-License-Identifier: Apache-2.0 */
/* bench-load - the load generator: options in, one JSON object out (see load.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/core/str.h"
#include "tests/bench/load.h"

enum { HEADERS_MAX = 64 * 1024, BODY_MAX = 512 * 1024, CONNECTIONS_MAX = 4096 };

static const char usage[] =
    "bench-load [options] URL\n"
    "\n"
    "Sends requests over kept-alive connections and prints one JSON object. Every {n} "
    "in\n"
    "URL and body becomes the number of the request.\n"
    "\n"
    "  -m METHOD   GET (default), HEAD, PUT, POST, DELETE\n"
    "  -c N        connections, each with one request under way (1)\n"
    "  -n N        requests (no limit)\n"
    "  -d SECONDS  begin no request after that time (10, or no limit with -n)\n"
    "  -f N        number of the first request (0)\n"
    "  -H 'A: b'   a header; may be repeated\n"
    "  -b FILE     the body's text\n"
    "  -s SIZE     pad the body with fixed random bytes to SIZE (K, M, G: powers of "
    "1024)\n"
    "  -e LIST     statuses that are no error, as 200,201 (200)\n"
    "  -E FILE     PEM with the client's key and certificate\n"
    "  -A FILE     PEM with the authority of the server's certificate (not checked)\n"
    "  -t SECONDS  end when nothing is answered for so long (30)\n"
    "  -h          this text\n"
    "\n"
    "Exit code: 0; 1 if an answer was wrong or missing (the first is told on stderr);\n"
    "2 if nothing could be measured.\n";

struct options {
	struct load_plan plan;
	struct str headers, body;
	const char *certificate, *ca;
	bool has_duration;
};

/* "200,201" */
static void
parse_statuses(const char *text, unsigned out[LOAD_STATUSES])
{
	struct bytes rest = bytes_of(text), token;
	size_t n = 0;

	memset(out, 0, LOAD_STATUSES * sizeof out[0]);
	while (bytes_token(&rest, ",", &token)) {
		uint64_t status;

		if (n == LOAD_STATUSES || !bytes_u64(token, &status) || status < 100 ||
		    status > 599)
			tool_die("-e: '%s' is no list of statuses", text);
		out[n++] = (unsigned)status;
	}
}

static void
read_body(const char *path, struct str *to)
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL)
		tool_die_sys("%s", path);
	do {
		char *at = str_reserve(to, 4096);

		if (at == NULL)
			tool_die("%s: larger than %d bytes", path, BODY_MAX);
		n = fread(at, 1, 4096, f);
		str_grow(to, n);
	} while (n > 0);
	if (ferror(f))
		tool_die_sys("%s", path);
	(void)fclose(f); /* read only: nothing to lose */
}

static void
take_option(struct options *o, int option, const char *value)
{
	struct load_plan *p = &o->plan;

	switch (option) {
	case 'm':
		p->method = value;
		break;
	case 'c':
		p->connections = tool_count("-c", value, 1, CONNECTIONS_MAX);
		break;
	case 'n':
		p->requests = tool_size("-n", value);
		break;
	case 'd':
		p->duration_s = tool_duration("-d", value);
		o->has_duration = true;
		break;
	case 'f':
		p->first = tool_size("-f", value);
		break;
	case 'H':
		str_addf(&o->headers, "%s\r\n", value);
		break;
	case 'b':
		read_body(value, &o->body);
		break;
	case 's':
		p->size = tool_size("-s", value);
		break;
	case 'e':
		parse_statuses(value, p->expect);
		break;
	case 'E':
		o->certificate = value;
		break;
	case 'A':
		o->ca = value;
		break;
	case 't':
		p->stall_s = tool_count("-t", value, 1, 3600);
		break;
	}
}

static void
finish_plan(struct options *o)
{
	struct load_plan *p = &o->plan;

	if (str_failed(&o->headers))
		tool_die("headers are larger than %d bytes", HEADERS_MAX);
	p->headers = str_bytes(&o->headers);
	p->has_body = strcmp(p->method, "PUT") == 0 || strcmp(p->method, "POST") == 0;
	if (!p->has_body && (o->body.n > 0 || p->size > 0))
		tool_die("%s has no body", p->method);
	if (!template_parse(str_bytes(&o->body), &p->body) ||
	    !template_parse(p->server->target, &p->target))
		tool_die("more than %d numbers in one text", TEMPLATE_PARTS - 1);
	if (p->requests == 0)
		p->requests = UINT64_MAX;
	else if (!o->has_duration)
		p->duration_s = 86400;
}

static void
print_result(const struct load_result *r)
{
	uint64_t done = r->requests > 0 ? r->requests : 1;
	unsigned seconds = (unsigned)r->seconds;

	printf("{\"requests\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"reconnects\":%" PRIu64
	       ",\"seconds\":%.6f,\"rate\":%.1f,",
	    r->requests, r->errors, r->reconnects, r->seconds,
	    r->seconds > 0 ? (double)r->requests / r->seconds : 0.0);
	latency_print(&r->latency);
	printf(",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
	       ",\"client_cpu_us\":%.2f,\"connection\":\"%s\",\"per_second\":[",
	    r->bytes_in, r->bytes_out, r->cpu_s * 1e6 / (double)done, r->kind);
	/* Whole seconds only: the last, broken one would look like a drop. */
	for (unsigned i = 0; i < seconds && i < LOAD_SECONDS; i++)
		printf("%s%" PRIu32, i > 0 ? "," : "", r->per_second[i]);
	printf("]}\n");
}

int
main(int argc, char **argv)
{
	static struct load_result result;
	struct wire_server server;
	struct options o = {.plan = {.server = &server,
				.method = "GET",
				.connections = 1,
				.duration_s = 10,
				.stall_s = 30,
				.expect = {200}}};
	int option;

	str_init(&o.headers, HEADERS_MAX);
	str_init(&o.body, BODY_MAX);
	while (
	    (option = tool_option(argc, argv, "m:c:n:d:f:H:b:s:e:E:A:t:h", usage)) != -1)
		take_option(&o, option, optarg);
	if (argc - optind != 1)
		tool_die("one URL is needed; see bench-load -h");
	wire_server_init(&server, argv[optind], o.certificate, o.ca);
	finish_plan(&o);
	load_run(&o.plan, &result);
	print_result(&result);
	if (result.errors > 0)
		(void)fprintf(stderr, "bench-load: %" PRIu64 " errors, the first: %s\n",
		    result.errors, result.first_error);
	wire_server_release(&server);
	str_release(&o.headers);
	str_release(&o.body);
	return result.errors > 0 || fflush(stdout) != 0 ? 1 : 0;
}
