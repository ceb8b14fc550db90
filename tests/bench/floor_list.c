/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor-list - how fast LMDB gives the records of one container in order of name: a
 * cursor over the names, a get for each record. No XML, no HTTP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/bench/floor_tree.h"
#include "tests/bench/tool.h"

enum { ROOT = 1, NAME_SIZE = 32, BATCH = 10000, REPEAT_MAX = 10000 };

static const char usage[] = "floor-list [options] DIRECTORY\n"
			    "\n"
			    "Fills a new LMDB environment in DIRECTORY (which must be "
			    "empty), lists it, and prints\n"
			    "one JSON object with the best rate.\n"
			    "\n"
			    "  -n N  nodes in the container (100000)\n"
			    "  -r N  how often it is listed (5)\n"
			    "  -h    this text\n";

/* In the order of their numbers, which is not the order of their names. */
static void
fill(struct tree *t, uint64_t nodes)
{
	char name[NAME_SIZE];

	for (uint64_t i = 0; i < nodes; i++) {
		if (i % BATCH == 0)
			tree_begin(t);
		(void)snprintf(name, sizeof name, "n-%" PRIu64, i);
		tree_put(t, ROOT, ROOT + 1 + i, name);
		if (i % BATCH == BATCH - 1 || i == nodes - 1)
			tree_commit(t);
	}
}

int
main(int argc, char **argv)
{
	unsigned nodes = 100000, repeat = 5;
	double best_s = 0;
	struct tree t;
	int option;

	while ((option = tool_option(argc, argv, "n:r:h", usage)) != -1) {
		switch (option) {
		case 'n':
			nodes = tool_count("-n", optarg, 1, 100 * 1000 * 1000);
			break;
		case 'r':
			repeat = tool_count("-r", optarg, 1, REPEAT_MAX);
			break;
		}
	}
	if (argc - optind != 1)
		tool_die("one directory is needed");
	tree_open(&t, argv[optind], false);
	fill(&t, nodes);
	for (unsigned i = 0; i < repeat; i++) {
		double began_s = tool_now_s(), took_s;

		if (tree_scan(&t, ROOT) != nodes)
			tool_die("the listing is not complete");
		took_s = tool_now_s() - began_s;
		if (i == 0 || took_s < best_s)
			best_s = took_s;
	}
	printf("{\"value\":%.0f,\"unit\":\"nodes/s\",\"nodes\":%u,\"seconds\":%.6f}\n",
	    nodes / best_s, nodes, best_s);
	tree_close(&t);
	return fflush(stdout) == 0 ? 0 : 2;
}
