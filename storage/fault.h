/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault - what tests let go wrong below a location's files and the metadata store.
 *
 * A rule says on which operations it acts and what it does to them. Who is about to do
 * something asks fault_match and obeys: storage/io_fault.c for both I/O engines,
 * storage/db_lmdb.c for commits. In builds without QUARTET_KILL_POINTS (the release
 * preset) there is nothing of it; elsewhere nothing is asked unless QUARTET_FAULTS names
 * a file or a test has set rules.
 *
 * The file is read again whenever another is put in its place. Its first line is "generation N", every
 * other one a rule:
 *
 *   location=2 op=write,fsync path=tmp/0 nth=3 times=1 errno=EIO
 *
 *   location  from 1; left out: any         op    names below, parted by commas; "any"
 *   path      a part of the file's path     nth   from this one on; counted from 1
 *   times     on so many; left out: on all  at    for flip: the byte of the file
 *
 *   errno=NAME   fails so, and is not done
 *   act=short    half of it is done
 *   act=flip     one bit is another one, written or read
 *   delay=MS     takes so long, one operation after the other
 *   act=hang     is done when the rule is gone
 *   act=unsynced is done when the file, for a rename the directory, is synced; who ends
 *                the process before has cut the power
 *
 * FILE.state then says "generation N" and for each rule how many operations it saw and on
 * how many it acted. A rule whose line stays where it is keeps its counts. A line that cannot be read ends the process: a
 * test in which nothing goes wrong would prove nothing.
 *
 * Thread: any; fault_watch and fault_unwatch not two at a time.
 */
#ifndef QUARTET_STORAGE_FAULT_H
#define QUARTET_STORAGE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
	FAULT_OPEN,
	FAULT_CREATE, /* an open that makes the file */
	FAULT_CLOSE,
	FAULT_READ,
	FAULT_WRITE,
	FAULT_FSYNC, /* of a file, or fdatasync */
	FAULT_FSYNCDIR,
	FAULT_RENAME,
	FAULT_UNLINK,
	FAULT_MKDIR,
	FAULT_COMMIT, /* of the metadata store */
	FAULT_KINDS
};

enum fault_act {
	FAULT_ERRNO,
	FAULT_SHORT,
	FAULT_FLIP,
	FAULT_DELAY,
	FAULT_HANG,
	FAULT_UNSYNCED,
};

enum { FAULT_PATH_SIZE = 64, FAULT_RULES_MAX = 32 };

struct fault_rule {
	unsigned location; /* from 1; 0: any */
	unsigned kinds; /* bits: 1 << enum fault_kind */
	char path[FAULT_PATH_SIZE]; /* "": any */
	unsigned nth; /* 0 is 1 */
	unsigned times; /* 0: all that come */
	enum fault_act act;
	int sys;
	unsigned delay_ms;
	uint64_t at;
};

/* What to do to one operation. */
struct fault_hit {
	enum fault_act act;
	int sys;
	uint64_t at;
	uint64_t until_ms; /* of FAULT_DELAY, as clock_mono_ms */
	uint64_t rule; /* never 0 */
};

struct queue;

#ifdef QUARTET_KILL_POINTS

/* Is there a file, or has a test set rules? */
bool fault_wanted(void);

/* True: the first rule that acts on this operation says *out. */
bool fault_match(
    unsigned location, enum fault_kind kind, const char *path, struct fault_hit *out);

/* Is the delay or the hanging over? Until then the operation is held by who asks. */
bool fault_over(const struct fault_hit *hit);

/*
 * One that holds operations: it is woken every now and then while it does, and the file
 * is read as long as there is anyone.
 */
struct fault_watch {
	struct fault_watch *next;
	struct queue *wake;
	_Atomic unsigned held;
};

void fault_watch(struct fault_watch *watch);
void fault_unwatch(struct fault_watch *watch);

/* A commit that is to fail: its errno; 0: it may be done, now that this returns. */
int fault_commit(void);

/* For tests in C: one more rule, its number; no rule any more; what became of one. */
unsigned fault_add(const struct fault_rule *rule);
void fault_clear(void);
unsigned fault_seen(unsigned rule);
unsigned fault_acted(unsigned rule);

/* The rule a line of the file says; false: it cannot be read. */
bool fault_parse(const char *line, struct fault_rule *out);

#else

static inline int
fault_commit(void)
{
	return 0;
}

#endif

#endif
