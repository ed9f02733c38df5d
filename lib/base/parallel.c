#include "base/parallel.h"

#include "base/command.h"
#include "base/memory.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

bool
parallel_try_start(pthread_t *thread, void *(*work)(void *context), void *context)
{
	errno = pthread_create(thread, NULL, work, context);
	return errno == 0;
}

void
parallel_start(pthread_t *thread, void *(*work)(void *context), void *context)
{
	struct error error;

	if (parallel_try_start(thread, work, context))
		return;
	error_system(&error, "cannot start a thread");
	command_die(&error);
}

struct worker {
	pthread_t thread;
	void (*work)(void *context, unsigned thread);
	void *context;
	unsigned number;
};

static void *
run(void *argument)
{
	struct worker *worker = argument;

	worker->work(worker->context, worker->number);
	return NULL;
}

unsigned
parallel_processors(void)
{
	cpu_set_t mine;
	long n = sched_getaffinity(0, sizeof(mine), &mine) == 0 ? CPU_COUNT(&mine) : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > PARALLEL_MAX ? PARALLEL_MAX : (unsigned)n;
}

void
parallel_run(unsigned n_threads, void (*work)(void *context, unsigned thread), void *context)
{
	struct worker *workers = memory_get_zeroed(n_threads, sizeof(*workers));
	unsigned started = 1;

	for (; started < n_threads; started++) {
		workers[started] = (struct worker){.work = work, .context = context, .number = started};
		if (!parallel_try_start(&workers[started].thread, run, &workers[started]))
			break;
	}
	work(context, 0);
	for (unsigned i = 1; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	free(workers);
}

struct ordered {
	const struct parallel_line *line;
	size_t n_parts;
	atomic_size_t next;
	pthread_mutex_t lock;
	pthread_cond_t turned;
	size_t turn;
};

static void
work_in_order(void *argument, unsigned thread)
{
	struct ordered *o = argument;
	struct buffer made = {0};

	for (size_t part; (part = atomic_fetch_add(&o->next, 1)) < o->n_parts;) {
		made.n = 0;
		o->line->produce(o->line->context, thread, part, &made);
		pthread_mutex_lock(&o->lock);
		while (o->turn != part)
			pthread_cond_wait(&o->turned, &o->lock);
		o->line->consume(o->line->context, part, &made);
		o->turn++;
		pthread_cond_broadcast(&o->turned);
		pthread_mutex_unlock(&o->lock);
	}
	buffer_free(&made);
}

void
parallel_in_order(unsigned n_threads, size_t n_parts, const struct parallel_line *line)
{
	struct ordered o = {.line = line, .n_parts = n_parts};

	pthread_mutex_init(&o.lock, NULL);
	pthread_cond_init(&o.turned, NULL);
	parallel_run(n_threads < n_parts ? n_threads : (n_parts ? (unsigned)n_parts : 1), work_in_order, &o);
	pthread_cond_destroy(&o.turned);
	pthread_mutex_destroy(&o.lock);
}
