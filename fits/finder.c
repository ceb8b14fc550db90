/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As many threads as processes: a thread has one for the time of a job, and may wait for it.
 */
#include "fits/finder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "fits/coordinates.h"
#include "fits/worker.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/core/worker.h"

enum {
	JOB_MAGIC = 0x4a464e44,
	JOB_MEMORY = 64 * 1024 * 1024,
	TRIES = 2, /* a process may have been ended for no fault of the image */
	LOOK_MS = 50, /* whether the server stops */
	SIZE_TEXT = 24,
	FIRST_OTHER_FD = 3,
	MS_PER_S = 1000,
};

struct process {
	struct process *next; /* in the list of those that nobody uses */
	pid_t pid; /* 0: not started */
	int fd;
};

struct finder {
	struct finder_config config;
	char *program;
	struct worker_pool *threads;
	pthread_mutex_t lock;
	struct process *idle;
	_Atomic bool stopping;
	struct process process[];
};

struct image {
	struct image *next;
	unsigned hdu;
	struct worker_request request;
	struct bytes cards;
	bool found;
	struct finder_box box;
};

struct finder_job {
	uint32_t magic;
	struct arena arena;
	struct shape shape;
	struct image *first, **last;
	struct finder *finder;
	struct worker_job work;
	uint64_t asked_ms;
	finder_done_fn *done;
	void *arg;
	bool under_way;
	_Atomic bool closed;
	enum err err;
	struct errinfo why;
};

/* --- one process ------------------------------------------------------------------- */

/* Its signals as a program expects them, the socket as its input, and nothing else. */
static int
spawn(const struct finder *f, int input, pid_t *pid_out)
{
	char memory[SIZE_TEXT];
	char *argv[] = {f->program, memory, NULL};
	char *environment[] = {NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, standard;
	int failed;

	(void)snprintf(
	    memory, sizeof memory, "%llu", (unsigned long long)f->config.memory_bytes);
	(void)sigemptyset(&none);
	(void)sigfillset(&standard);
	CHECK(posix_spawn_file_actions_init(&files) == 0 &&
	      posix_spawnattr_init(&how) == 0);
	(void)posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
	(void)posix_spawn_file_actions_addopen(
	    &files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addclosefrom_np(&files, FIRST_OTHER_FD);
	(void)posix_spawnattr_setsigmask(&how, &none);
	(void)posix_spawnattr_setsigdefault(&how, &standard);
	(void)posix_spawnattr_setflags(
	    &how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	failed = posix_spawn(pid_out, argv[0], &files, &how, argv, environment);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&how);
	return failed;
}

static enum err
start(const struct finder *f, struct process *p, struct errinfo *why)
{
	int ends[2], failed;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return errinfo_sys(
		    why, ERR_INTERNAL, errno, "no socket for quartet-fits");
	CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
	failed = spawn(f, ends[1], &p->pid);
	(void)close(ends[1]);
	if (failed == 0) {
		p->fd = ends[0];
		return ERR_OK;
	}
	p->pid = 0;
	(void)close(ends[0]);
	log_error("cannot start %s: %s", f->program, strerror(failed));
	return errinfo_set(
	    why, ERR_INTERNAL, "the program that finds shapes does not start");
}

/* Its status as of waitpid. */
static int
end(struct process *p)
{
	int status = 0;

	if (p->pid == 0)
		return 0;
	(void)close(p->fd);
	(void)kill(p->pid, SIGKILL);
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	p->pid = 0;
	return status;
}

enum talk { TALK_OK, TALK_DIED, TALK_LATE, TALK_STOP };

static enum talk
wait_for(
    const struct finder_job *job, const struct process *p, short events, uint64_t until)
{
	struct pollfd fd = {.fd = p->fd, .events = events};

	for (;;) {
		if (job->closed || job->finder->stopping)
			return TALK_STOP;
		if (clock_mono_ms() >= until)
			return TALK_LATE;
		if (poll(&fd, 1, LOOK_MS) > 0)
			return TALK_OK;
	}
}

static enum talk
say(const struct finder_job *job, const struct process *p, const void *from, size_t n,
    uint64_t until)
{
	const char *at = from;

	while (n > 0) {
		ssize_t put = send(p->fd, at, n, MSG_NOSIGNAL);

		if (put > 0) {
			at += put;
			n -= (size_t)put;
		} else if (errno == EAGAIN) {
			enum talk t = wait_for(job, p, POLLOUT, until);

			if (t != TALK_OK)
				return t;
		} else if (errno != EINTR) {
			return TALK_DIED;
		}
	}
	return TALK_OK;
}

static enum talk
hear(const struct finder_job *job, const struct process *p, void *to, size_t n,
    uint64_t until)
{
	char *at = to;

	while (n > 0) {
		ssize_t got = recv(p->fd, at, n, 0);

		if (got > 0) {
			at += got;
			n -= (size_t)got;
		} else if (got < 0 && errno == EAGAIN) {
			enum talk t = wait_for(job, p, POLLIN, until);

			if (t != TALK_OK)
				return t;
		} else if (got == 0 || errno != EINTR) {
			return TALK_DIED;
		}
	}
	return TALK_OK;
}

static enum talk
ask(const struct finder_job *job, const struct process *p, const struct image *image,
    struct worker_reply *reply, uint64_t until)
{
	enum talk t = say(job, p, &image->request, sizeof image->request, until);

	if (t == TALK_OK)
		t = say(job, p, job->shape.value, job->shape.n * sizeof(double), until);
	if (t == TALK_OK)
		t = say(job, p, image->cards.p, image->cards.n, until);
	if (t == TALK_OK)
		t = hear(job, p, reply, sizeof *reply, until);
	return t;
}

/* --- one job, on a thread ---------------------------------------------------------- */

/* The process may have become anything: what it says is held against the image. */
static bool
is_box(const struct image *image, const struct worker_reply *r)
{
	if (r->axis[0] == r->axis[1])
		return false;
	for (int i = 0; i < 2; i++)
		if (r->axis[i] >= image->request.naxis || r->first[i] < 1 ||
		    r->first[i] > r->last[i] ||
		    r->last[i] > image->request.axis[r->axis[i]])
			return false;
	return true;
}

static enum err
nonsense(struct finder_job *job, const struct image *image)
{
	return errinfo_set(&job->why, ERR_FITS_DAMAGED,
	    "damaged FITS file: the coordinates of HDU %u cannot be read", image->hdu);
}

static enum err
take(struct finder_job *job, struct image *image, const struct worker_reply *r)
{
	if (r->magic != WORKER_REPLY_MAGIC)
		return nonsense(job, image);
	switch (r->answer) {
	case WORKER_FOUND:
		if (!is_box(image, r))
			return nonsense(job, image);
		image->found = true;
		for (int i = 0; i < 2; i++) {
			image->box.axis[i] = r->axis[i];
			image->box.first[i] = r->first[i];
			image->box.last[i] = r->last[i];
		}
		return ERR_OK;
	case WORKER_NO_OVERLAP:
	case WORKER_NO_SKY:
		return ERR_OK;
	case WORKER_UNSUPPORTED:
		return errinfo_set(&job->why, ERR_INVALID_ARGUMENT, "HDU %u: %.*s",
		    image->hdu, (int)strnlen(r->text, sizeof r->text), r->text);
	case WORKER_NO_MEMORY:
		return errinfo_set(&job->why, ERR_TOO_LARGE,
		    "the coordinates of HDU %u need too much memory", image->hdu);
	default:
		return nonsense(job, image);
	}
}

/* By itself it ends well, now and then. */
static void
note_death(const struct image *image, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	log_warning("quartet-fits ended with %s %d over the coordinates of HDU %u",
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), image->hdu);
}

static enum err
find(struct finder_job *job, struct process *p, struct image *image, uint64_t until)
{
	struct worker_reply reply;

	for (int i = 0; i < TRIES; i++) {
		if (p->pid == 0) {
			enum err e = start(job->finder, p, &job->why);

			if (e != ERR_OK)
				return e;
		}
		switch (ask(job, p, image, &reply, until)) {
		case TALK_OK:
			return take(job, image, &reply);
		case TALK_DIED:
			note_death(image, end(p));
			break;
		case TALK_LATE:
			(void)end(p);
			log_warning(
			    "quartet-fits is ended: no answer in %llu ms over the "
			    "coordinates of HDU %u",
			    (unsigned long long)job->finder->config.time_ms, image->hdu);
			return errinfo_set(&job->why, ERR_FITS_DAMAGED,
			    "the coordinates of HDU %u take too long to read",
			    image->hdu);
		case TALK_STOP:
			(void)end(p);
			return errinfo_set(&job->why, ERR_CANCELLED, "given up");
		}
	}
	return nonsense(job, image);
}

static struct process *
take_process(struct finder *f)
{
	struct process *p;

	(void)pthread_mutex_lock(&f->lock);
	p = f->idle;
	CHECK(p != NULL);
	f->idle = p->next;
	(void)pthread_mutex_unlock(&f->lock);
	return p;
}

static void
give_back(struct finder *f, struct process *p)
{
	(void)pthread_mutex_lock(&f->lock);
	p->next = f->idle;
	f->idle = p;
	(void)pthread_mutex_unlock(&f->lock);
}

static void
work(struct worker_job *w)
{
	struct finder_job *job = container_of(w, struct finder_job, work);
	struct finder *f = job->finder;
	uint64_t now = clock_mono_ms(), until = now + f->config.time_ms;
	struct process *p;

	if (now - job->asked_ms >= f->config.time_ms) {
		job->err = errinfo_set(
		    &job->why, ERR_BUSY, "too many shapes are looked for, try again");
		return;
	}
	p = take_process(f);
	for (struct image *i = job->first; i != NULL && job->err == ERR_OK; i = i->next)
		job->err = find(job, p, i, until);
	give_back(f, p);
}

/* --- from outside ------------------------------------------------------------------ */

struct finder_job *
finder_job_new(const struct shape *shape)
{
	struct finder_job *job = calloc(1, sizeof *job);
	double *value;

	if (job == NULL)
		return NULL;
	job->magic = JOB_MAGIC;
	job->last = &job->first;
	arena_init(&job->arena, JOB_MEMORY);
	value = arena_array(&job->arena, double, shape->n);
	if (value == NULL) {
		finder_job_close(job);
		return NULL;
	}
	memcpy(value, shape->value, shape->n * sizeof *value);
	job->shape = (struct shape){shape->kind, value, shape->n};
	return job;
}

/* NULL: no memory. */
static struct image *
make_image(struct finder_job *job, const struct hdu *hdu, struct bytes cards)
{
	struct image *image = arena_new(&job->arena, struct image);
	struct worker_request *r;
	struct str text;

	if (image == NULL)
		return NULL;
	r = &image->request;
	image->hdu = hdu->index;
	*r = (struct worker_request){.magic = WORKER_REQUEST_MAGIC,
	    .shape = job->shape.kind,
	    .n_values = (uint32_t)job->shape.n};
	r->naxis = coordinates_axes(hdu, cards, r->axis);
	str_init(&text, cards.n + 1);
	r->n_cards = (uint32_t)coordinates_pick(&text, cards);
	image->cards = arena_copy(&job->arena, str_bytes(&text));
	str_release(&text);
	return image->cards.p != NULL ? image : NULL;
}

enum err
finder_job_add(struct finder_job *job, const struct hdu *hdu, struct bytes cards,
    struct errinfo *why)
{
	const char *fault = coordinates_fault(cards);
	struct image *image;

	MAGIC_CHECK(job, JOB_MAGIC);
	if (fault != NULL)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "HDU %u: %s; for shapes on the sky that is not supported, pixels can "
		    "be had",
		    hdu->index, fault);
	image = make_image(job, hdu, cards);
	if (image == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for coordinates");
	if (image->request.n_cards > WORKER_CARDS_MAX)
		return errinfo_set(why, ERR_TOO_LARGE,
		    "HDU %u has more than %d cards about coordinates", hdu->index,
		    WORKER_CARDS_MAX);
	*job->last = image;
	job->last = &image->next;
	return ERR_OK;
}

static void
free_job(struct finder_job *job)
{
	job->magic = 0;
	arena_release(&job->arena);
	free(job);
}

static void
worked(struct loop_job *loop_job)
{
	struct finder_job *job = container_of(loop_job, struct finder_job, work.done);

	MAGIC_CHECK(job, JOB_MAGIC);
	job->under_way = false;
	if (job->closed)
		free_job(job);
	else
		job->done(job->arg, job->err);
}

void
finder_start(struct finder *f, struct finder_job *job, struct loop *loop,
    finder_done_fn *done, void *arg)
{
	MAGIC_CHECK(job, JOB_MAGIC);
	for (struct image *i = job->first; i != NULL; i = i->next)
		i->request.seconds = (uint32_t)(f->config.time_ms / MS_PER_S + 1);
	job->finder = f;
	job->done = done;
	job->arg = arg;
	job->asked_ms = clock_mono_ms();
	job->under_way = true;
	job->work =
	    (struct worker_job){.work = work, .loop = loop, .done = {.run = worked}};
	worker_submit(f->threads, &job->work);
}

const struct errinfo *
finder_job_why(const struct finder_job *job)
{
	MAGIC_CHECK(job, JOB_MAGIC);
	return &job->why;
}

bool
finder_job_box(const struct finder_job *job, size_t i, struct finder_box *out)
{
	const struct image *image = job->first;

	MAGIC_CHECK(job, JOB_MAGIC);
	for (; i > 0 && image != NULL; i--)
		image = image->next;
	if (image == NULL || !image->found)
		return false;
	*out = image->box;
	return true;
}

void
finder_job_close(struct finder_job *job)
{
	if (job == NULL)
		return;
	MAGIC_CHECK(job, JOB_MAGIC);
	job->closed = true;
	if (!job->under_way)
		free_job(job);
}

enum err
finder_new(const struct finder_config *config, struct finder **out, struct errinfo *why)
{
	struct finder *f = calloc(1, sizeof *f + config->workers * sizeof *f->process);
	enum err e;

	if (f != NULL)
		f->program = strdup(config->program);
	if (f == NULL || f->program == NULL) {
		free(f);
		return errinfo_set(why, ERR_NO_MEMORY, "no memory to find shapes");
	}
	f->config = *config;
	CHECK(pthread_mutex_init(&f->lock, NULL) == 0);
	for (unsigned i = 0; i < config->workers; i++)
		give_back(f, &f->process[i]);
	e = worker_pool_new(config->workers, &f->threads, why);
	if (e != ERR_OK) {
		finder_free(f);
		return e;
	}
	*out = f;
	return ERR_OK;
}

void
finder_free(struct finder *f)
{
	if (f == NULL)
		return;
	f->stopping = true;
	worker_pool_free(f->threads);
	for (unsigned i = 0; i < f->config.workers; i++)
		(void)end(&f->process[i]);
	(void)pthread_mutex_destroy(&f->lock);
	free(f->program);
	free(f);
}
