/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_dir - a location that is a directory: what its parts share. Internal to
 * storage; everything here runs on the location's own thread.
 *
 *   location_dir.c    the thread, dispatch, removal, leaves, listing
 *   location_put.c    writing a file
 *   location_read.c   reading, and the descriptors kept open for it
 *   location_sync.c   fsync of directories, one for all that wait
 *   location_probe.c  attaching and trying out
 *   location_meta.c   the files of the catalogue
 *   location_format.c making an empty directory one
 */
#ifndef QUARTET_STORAGE_LOCATION_DIR_H
#define QUARTET_STORAGE_LOCATION_DIR_H

#include <pthread.h>

#include "storage/io.h"
#include "storage/location.h"

enum { LOCATION_PATH_SIZE = sizeof("blob/xx/yy/") + BLOB_NAME_SIZE };

/* More changes of its root than this need a restart. */
enum { LOCATION_ROOTS = 16 };

struct dir_sync;
struct open_file;

struct location_dir {
	struct location location;
	char *root;
	char *old_roots[LOCATION_ROOTS]; /* whose names others may still have */
	unsigned n_old_roots;
	uint8_t store[STORE_UUID_SIZE];
	struct queue queue;
	struct io *io;
	pthread_t thread;
	pthread_mutex_t lock; /* of the two below */
	pthread_cond_t changed;
	bool stopping, ended;

	int root_fd; /* -1: not attached */
	int retired_fd; /* of an attachment that is over, while calls may still use it */
	unsigned calls; /* under way */
	struct dir_sync *syncs;
	struct open_file *files; /* most recently used first */
	unsigned n_files;
};

/* Answer a call: ERR_OK, or a code with the text already in call->why. */
void location_reply(struct location_dir *d, struct location_call *call, enum err err);

/* The same for a failed system call of operation `what`. */
void location_reply_errno(
    struct location_dir *d, struct location_call *call, int sys, const char *what);

/* Close what only idles, of the attachment that is or was. */
void location_let_go(struct location_dir *d);

/* close(2) through the engine, without waiting. */
void location_close_fd(struct location_dir *d, int fd);

/* "tmp/0123456789abcdef" and "blob/xx/yy/name". */
void location_tmp_path(uint64_t id, char out[LOCATION_PATH_SIZE]);
void location_blob_path(
    uint64_t id, const uint8_t md5[MD5_SIZE], char out[LOCATION_PATH_SIZE]);

/* location_put.c */
void location_put_start(struct location_dir *d, struct location_put *put);
/* Not attached, so nothing is done; but who gives a file up is rid of it. */
void location_put_detached(struct location_dir *d, struct location_put *put);

/* location_read.c */
void location_read_start(struct location_dir *d, struct location_read *read);
/* Close what is kept open of one file, or of all (id 0). */
void location_forget_files(struct location_dir *d, uint64_t id);

/* location_probe.c */
void location_probe_start(struct location_dir *d, struct location_probe *probe);

/* The attachment is over; what is under way ends with the old descriptors. */
void location_detach(struct location_dir *d);

/* location_format.c */
void location_format_start(struct location_dir *d, struct location_format *format);

/* location_meta.c */
void location_meta_write_start(struct location_dir *d, struct location_meta_write *write);
void location_meta_read_start(struct location_dir *d, struct location_meta_read *read);
void location_meta_list_start(struct location_dir *d, struct location_meta_list *list);
void location_meta_remove_start(
    struct location_dir *d, struct location_meta_remove *remove);

/*
 * location_sync.c: call `synced` after an fsync of directory `path` (below the root, at
 * most LOCATION_PATH_SIZE) that began after this request. result: 0 or -errno.
 */
struct dir_waiter {
	void (*synced)(struct dir_waiter *w, int result);
	struct dir_waiter *next;
};

void location_sync_dir(struct location_dir *d, const char *path, struct dir_waiter *w);
/* Close the directories nobody waits for. */
void location_forget_dirs(struct location_dir *d);

/* Make the leaf directory of `leaf` durable; result as above. */
struct leaf_maker {
	void (*made)(struct leaf_maker *m, int result);
	struct location_dir *d;
	char path[LOCATION_PATH_SIZE];
	struct io_op op;
	struct dir_waiter waiter;
};

void location_make_leaf(struct location_dir *d, unsigned leaf, struct leaf_maker *m);

#endif
