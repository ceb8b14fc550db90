/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor-put-large - the least a durable upload to four places can cost on this machine.
 *
 * One thread sends over a loopback TCP connection, one receives into aligned pieces of
 * 1 MiB, one adds them to an MD5, and each piece is written with O_DIRECT to one file in
 * each directory through one io_uring. At the end all files are fsynced and the sender
 * gets an answer; the clock runs from connect to answer. No HTTP, no metadata, no checks.
 *
 * Pieces are used in turn: piece i serves again when its writes are back and its bytes
 * are hashed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <liburing.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/core/digest.h"
#include "service/core/encode.h"
#include "tests/bench/tool.h"

enum {
	PIECE = 1024 * 1024,
	PIECES = 16,
	DIRS_MAX = 4,
	RING_SIZE = 2 * PIECES * DIRS_MAX,
};

static const char usage[] =
    "floor-put-large [-s SIZE] DIRECTORY...\n"
    "\n"
    "Receives SIZE bytes (1G) over loopback TCP, computes their MD5 and writes them to "
    "a\n"
    "file in each of up to four directories, O_DIRECT, fsync. Prints one JSON object.\n"
    "\n"
    "  -s SIZE  a multiple of 1M (K, M, G: powers of 1024)\n"
    "  -h       this text\n";

struct piece {
	uint8_t *data;
	unsigned writes_left;
};

struct upload {
	uint64_t size;
	const char *dir[DIRS_MAX];
	unsigned dirs;
	int file[DIRS_MAX];
	char path[DIRS_MAX][512];
	struct io_uring ring;
	struct piece pieces[PIECES];
	sem_t filled, hashed; /* pieces on their way to and from the hashing thread */
	struct md5 *md5;
	struct sockaddr_in address;
};

static void *
send_run(void *arg)
{
	struct upload *u = arg;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *block = tool_buffer(PIECE), answer;

	tool_fill(block, PIECE);
	if (fd < 0 || connect(fd, (struct sockaddr *)&u->address, sizeof u->address) != 0)
		tool_die_sys("connect");
	for (uint64_t left = u->size; left > 0;) {
		size_t want = left < PIECE ? (size_t)left : PIECE;
		ssize_t n = send(fd, block, want, 0);

		if (n < 0)
			tool_die_sys("send");
		left -= (uint64_t)n;
	}
	if (recv(fd, &answer, 1, 0) != 1)
		tool_die("no answer");
	(void)close(fd);
	free(block);
	return NULL;
}

static void
wait_for(sem_t *s)
{
	while (sem_wait(s) != 0)
		if (errno != EINTR)
			tool_die_sys("sem_wait");
}

static void *
hash_run(void *arg)
{
	struct upload *u = arg;

	for (uint64_t done = 0; done < u->size; done += PIECE) {
		wait_for(&u->filled);
		md5_add(u->md5, u->pieces[done / PIECE % PIECES].data, PIECE);
		(void)sem_post(&u->hashed);
	}
	return NULL;
}

static void
take_completion(struct upload *u, struct io_uring_cqe *cqe)
{
	struct piece *p = io_uring_cqe_get_data(cqe);

	if (cqe->res < 0) {
		errno = -cqe->res;
		tool_die_sys("write");
	}
	/* An fsync's piece has no data. */
	if (p->data != NULL && cqe->res != PIECE)
		tool_die("a write was short");
	p->writes_left--;
	io_uring_cqe_seen(&u->ring, cqe);
}

/* The result of a call of liburing: a count, or a negated errno. */
static void
check_ring(int result)
{
	if (result >= 0 || result == -EINTR)
		return;
	errno = -result;
	tool_die_sys("io_uring");
}

static void
wait_completion(struct upload *u)
{
	struct io_uring_cqe *cqe;

	check_ring(io_uring_submit_and_wait(&u->ring, 1));
	while (io_uring_peek_cqe(&u->ring, &cqe) == 0)
		take_completion(u, cqe);
}

static void
write_everywhere(struct upload *u, struct piece *p, uint64_t offset)
{
	for (unsigned i = 0; i < u->dirs; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

		if (sqe == NULL)
			tool_die("the ring is full");
		io_uring_prep_write(sqe, u->file[i], p->data, PIECE, offset);
		io_uring_sqe_set_data(sqe, p);
	}
	p->writes_left = u->dirs;
	check_ring(io_uring_submit(&u->ring));
}

/* A whole piece; the kernel interrupts a receive to deliver completions of the ring. */
static void
receive_piece(int fd, uint8_t *to)
{
	for (size_t have = 0; have < PIECE;) {
		ssize_t n = recv(fd, to + have, PIECE - have, MSG_WAITALL);

		if (n == 0 || (n < 0 && errno != EINTR))
			tool_die_sys("recv");
		if (n > 0)
			have += (size_t)n;
	}
}

static void
receive_all(struct upload *u, int fd)
{
	for (uint64_t done = 0; done < u->size; done += PIECE) {
		struct piece *p = &u->pieces[done / PIECE % PIECES];

		while (p->writes_left > 0)
			wait_completion(u);
		if (done >= (uint64_t)PIECES * PIECE)
			wait_for(&u->hashed);
		receive_piece(fd, p->data);
		(void)sem_post(&u->filled);
		write_everywhere(u, p, done);
	}
	for (unsigned i = 0; i < PIECES; i++)
		while (u->pieces[i].writes_left > 0)
			wait_completion(u);
}

/* All files at once, as four disks would do it. */
static void
sync_all(struct upload *u)
{
	struct piece waiting = {.writes_left = u->dirs};

	for (unsigned i = 0; i < u->dirs; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

		if (sqe == NULL)
			tool_die("the ring is full");
		io_uring_prep_fsync(sqe, u->file[i], 0);
		io_uring_sqe_set_data(sqe, &waiting);
	}
	while (waiting.writes_left > 0)
		wait_completion(u);
}

static void
open_files(struct upload *u)
{
	for (unsigned i = 0; i < u->dirs; i++) {
		(void)snprintf(
		    u->path[i], sizeof u->path[i], "%s/floor-put-large.tmp", u->dir[i]);
		(void)unlink(u->path[i]); /* what a run that failed left behind */
		u->file[i] = open(
		    u->path[i], O_WRONLY | O_CREAT | O_EXCL | O_DIRECT | O_CLOEXEC, 0600);
		if (u->file[i] < 0)
			tool_die_sys("%s", u->path[i]);
	}
}

static void
remove_files(struct upload *u)
{
	for (unsigned i = 0; i < u->dirs; i++) {
		(void)close(u->file[i]);
		if (unlink(u->path[i]) != 0)
			tool_die_sys("%s", u->path[i]);
	}
}

static int
listen_here(struct upload *u)
{
	socklen_t n = sizeof u->address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	u->address = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)&u->address, sizeof u->address) != 0 ||
	    listen(fd, 1) != 0 ||
	    getsockname(fd, (struct sockaddr *)&u->address, &n) != 0)
		tool_die_sys("listen");
	return fd;
}

static void
prepare(struct upload *u)
{
	for (unsigned i = 0; i < PIECES; i++) {
		u->pieces[i].data = tool_buffer(PIECE);
		memset(u->pieces[i].data, 0, PIECE);
	}
	u->md5 = md5_new();
	if (u->md5 == NULL || sem_init(&u->filled, 0, 0) != 0 ||
	    sem_init(&u->hashed, 0, 0) != 0)
		tool_die("no memory");
	check_ring(io_uring_queue_init(RING_SIZE, &u->ring, 0));
}

static void
release(struct upload *u)
{
	io_uring_queue_exit(&u->ring);
	for (unsigned i = 0; i < PIECES; i++)
		free(u->pieces[i].data);
	md5_free(u->md5);
	(void)sem_destroy(&u->filled);
	(void)sem_destroy(&u->hashed);
}

static void
run(struct upload *u)
{
	int listener = listen_here(u), fd;
	double began_s = tool_now_s(), cpu_s = tool_cpu_s(), took_s;
	pthread_t sender = tool_thread(send_run, u), hasher;
	uint8_t sum[MD5_SIZE];
	char hex[2 * MD5_SIZE + 1];

	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		tool_die_sys("accept");
	open_files(u);
	hasher = tool_thread(hash_run, u);
	receive_all(u, fd);
	tool_join(hasher);
	sync_all(u);
	if (send(fd, "", 1, 0) != 1)
		tool_die_sys("send");
	tool_join(sender);
	took_s = tool_now_s() - began_s;
	cpu_s = tool_cpu_s() - cpu_s;
	md5_end(u->md5, sum);
	hex_encode(sum, sizeof sum, hex);
	printf("{\"value\":%.1f,\"unit\":\"MB/s\",\"seconds\":%.4f,\"cpu_s\":%.3f,"
	       "\"bytes\":%" PRIu64 ",\"md5\":\"%s\"}\n",
	    (double)u->size / took_s / 1e6, took_s, cpu_s, u->size, hex);
	(void)close(fd);
	(void)close(listener);
}

int
main(int argc, char **argv)
{
	struct upload u = {.size = 1024 * (uint64_t)PIECE};
	int option;

	while ((option = tool_option(argc, argv, "s:h", usage)) != -1) {
		switch (option) {
		case 's':
			u.size = tool_size("-s", optarg);
			break;
		}
	}
	if (u.size == 0 || u.size % PIECE != 0)
		tool_die("-s must be a multiple of 1M");
	for (; optind < argc && u.dirs < DIRS_MAX; optind++)
		u.dir[u.dirs++] = argv[optind];
	if (u.dirs == 0 || optind < argc)
		tool_die("one to %d directories are needed", DIRS_MAX);
	prepare(&u);
	run(&u);
	remove_files(&u);
	release(&u);
	return fflush(stdout) == 0 ? 0 : 2;
}
