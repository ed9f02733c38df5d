#include "catalog/fetch.h"

#include "base/command.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "catalog/fetch_private.h"
#include "io/object.h"

#include <malloc.h>
#include <pthread.h>

#define WAITING_MAX 1024                /* objects named and not yet begun */
#define HELPER_BYTES (4 * FETCH_OUTPUT) /* what a worker has in hand of an object with others */
#define MMAP_BYTES (1 << 20)            /* from this size on memory is the system's again once it is freed, */
#define TRIM_BYTES (1 << 20)            /* and from this size at the end of what each thread has */

/* ---- workers */

static size_t
memory_needed(const struct fetch *f, const struct job *job)
{
	struct error error;
	const struct object_scheme *scheme = object_scheme_of(job->reference.uri, &error);

	return scheme && scheme->memory ? scheme->memory(&job->reference, f->options->buffer_bytes) : 0;
}

/* What is finished behind a slow object, or for a slow reader, counts, too: as half of the memory at most. */
static bool
may_begin(const struct fetch *f, size_t memory)
{
	size_t most = f->options->buffer_bytes;

	return f->reserved + f->held == 0 || (f->held <= most / 2 && f->reserved + f->held + memory <= most);
}

/* While there are processors, and memory. */
static bool
may_help(const struct fetch *f)
{
	size_t helpers = (f->n_busy + 1) * HELPER_BYTES;

	return f->n_busy < f->processors && f->reserved + f->held + helpers <= f->options->buffer_bytes;
}

/* The first object that more workers could help with. */
static struct job *
find_shared(const struct fetch *f)
{
	if (!may_help(f))
		return NULL;
	for (struct job *job = f->jobs; job != f->next_job; job = job->next)
		if (job->shared)
			return job;
	return NULL;
}

static void
begin_job(struct fetch *f, struct job *job)
{
	f->next_job = job->next;
	f->reserved += job->memory;
	while (f->spare && f->reserved + f->held + f->spare_bytes > f->options->buffer_bytes)
		fetch_free_spare(f);
	/* the lister is not woken for every one */
	if (--f->n_waiting == WAITING_MAX / 2)
		pthread_cond_signal(&f->named);
}

/* The next object, as soon as there is memory for it, or one to help with. NULL when there will be no more. */
static struct job *
await_job(struct fetch *f)
{
	struct job *job, *shared;

	for (;;) {
		job = f->next_job;
		if (job) {
			job->memory = memory_needed(f, job);
			if (may_begin(f, job->memory))
				return job;
		}
		if ((shared = find_shared(f)))
			return shared;
		if (!job && f->listed && f->n_busy == 0)
			return NULL;
		f->n_idle += !job;
		pthread_cond_wait(job ? &f->memory : &f->work, &f->lock);
		f->n_idle -= !job;
	}
}

/* *helps: others have begun it. */
static struct job *
take_job(struct fetch_worker *w, bool *helps)
{
	struct fetch *f = w->fetch;
	struct job *job;

	pthread_mutex_lock(&f->lock);
	job = await_job(f);
	*helps = job && job != f->next_job;
	if (job && !*helps)
		begin_job(f, job);
	if (job) {
		job->n_workers++;
		f->n_busy++;
		w->piece = fetch_piece_get(f);
	}
	/* All who wait for memory wait for the same job: the next may have room, too; and, when all is over, each who
	 * leaves wakes the next. */
	pthread_cond_signal(&f->memory);
	pthread_mutex_unlock(&f->lock);
	return job;
}

/* With the lock held. Afterwards nobody comes to help any more, and the job is that of the last one to leave. */
static bool
is_last_to_leave(struct job *job)
{
	job->shared = false;
	return --job->n_workers == 0;
}

/* The same. The writer has the job from now on; true where it waits for it. */
static bool
finish_job(struct fetch *f, struct job *job)
{
	job->finished = true;
	f->reserved -= job->memory;
	if (job->memory > 0)
		pthread_cond_signal(&f->memory);
	return job == f->jobs;
}

static void
leave_job(struct fetch_worker *w)
{
	struct fetch *f = w->fetch;
	bool awaited = false;

	pthread_mutex_lock(&f->lock);
	fetch_piece_put(f, w->piece);
	if (is_last_to_leave(w->job)) {
		pthread_mutex_unlock(&f->lock);
		fetch_object_close(w->job);
		pthread_mutex_lock(&f->lock);
		awaited = finish_job(f, w->job);
	}
	if (--f->n_busy == 0 && f->listed && !f->next_job)
		pthread_cond_broadcast(&f->work); /* that was all */
	pthread_mutex_unlock(&f->lock);
	if (awaited)
		pthread_cond_signal(&f->ready);
}

static int
compile_programs(struct fetch_worker *w, struct error *error)
{
	const struct fetch_options *o = w->options;

	if (o->map && !w->map) {
		w->map = jq_program_compile(o->map, o->map_name, o->jq_limit_ms, error);
		if (!w->map)
			return -1;
	}
	if (o->select && !w->select) {
		w->select = jq_program_compile(o->select, "--select", o->jq_limit_ms, error);
		if (!w->select)
			return -1;
	}
	return 0;
}

static void *
work(void *context)
{
	struct fetch_worker *w = context;
	struct error error;
	bool helps;

	if (compile_programs(w, &error) < 0)
		command_die(&error);
	fetch_worker_begin(w);
	while ((w->job = take_job(w, &helps))) {
		if (!helps && !w->job->failed)
			fetch_object_open(w);
		fetch_object_read(w);
		leave_job(w);
	}
	fetch_worker_end(w);
	return NULL;
}

/* The first is needed, others are of use. */
static bool
start_worker(struct fetch *f)
{
	size_t i = f->n_workers;

	if (i == 0)
		parallel_start(&f->threads[i], work, &f->workers[i]);
	else if (!parallel_try_start(&f->threads[i], work, &f->workers[i]))
		return false;
	f->n_workers++;
	return true;
}

void
fetch_share(struct fetch_worker *w)
{
	struct fetch *f = w->fetch;

	pthread_mutex_lock(&f->lock);
	w->job->shared = true;
	for (size_t n = f->n_busy + f->n_idle; n < f->processors && f->n_workers < f->workers_max; n++)
		if (!may_help(f) || !start_worker(f))
			break;
	pthread_cond_broadcast(&f->work);
	pthread_cond_broadcast(&f->memory);
	pthread_mutex_unlock(&f->lock);
}

/* ---- the lister */

bool
fetch_add(void *fetch, struct reference *r, const struct error *problem)
{
	struct fetch *f = fetch;
	struct job *job = memory_get_zeroed(1, sizeof(*job));

	job->reference = *r;
	*r = (struct reference){0};
	job->last_piece = &job->pieces;
	if (problem) {
		job->failed = true;
		job->failure = *problem;
	}
	if (job->reference.has_size)
		progress_total(job->reference.size);
	pthread_mutex_lock(&f->lock);
	while (f->n_waiting >= WAITING_MAX)
		pthread_cond_wait(&f->named, &f->lock);
	*f->last_job = job;
	f->last_job = &job->next;
	f->n_waiting++;
	if (!f->next_job)
		f->next_job = job;
	if (f->n_idle < f->n_waiting && f->n_workers < f->workers_max)
		start_worker(f);
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	return true;
}

struct listing {
	struct fetch *fetch;
	fetch_lister *lister;
	void *context;
};

static void *
list(void *context)
{
	struct listing *l = context;
	struct fetch *f = l->fetch;

	l->lister(l->context, f);
	pthread_mutex_lock(&f->lock);
	f->listed = true;
	pthread_cond_broadcast(&f->work);
	pthread_cond_signal(&f->ready);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* ---- all of it */

static void
configure(struct fetch *f, const struct fetch_options *options)
{
	/* else each thread keeps what its largest objects needed */
	mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
	f->options = options;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->work, NULL);
	pthread_cond_init(&f->ready, NULL);
	pthread_cond_init(&f->memory, NULL);
	pthread_cond_init(&f->drained, NULL);
	pthread_cond_init(&f->turned, NULL);
	pthread_cond_init(&f->named, NULL);
	f->last_job = &f->jobs;
	f->processors = parallel_processors();
	f->workers_max = options->in_flight;
	/* jq programs are processes with 40 ms of start-up: no more than can run */
	if ((options->map || options->select) && f->workers_max > f->processors)
		f->workers_max = f->processors;
	f->pending_max = options->buffer_bytes / 2 / f->workers_max;
	if (f->pending_max < FETCH_OUTPUT)
		f->pending_max = FETCH_OUTPUT;
	f->threads = memory_get_zeroed(f->workers_max, sizeof(*f->threads));
	f->workers = memory_get_zeroed(f->workers_max, sizeof(*f->workers));
	for (size_t i = 0; i < f->workers_max; i++) {
		f->workers[i].fetch = f;
		f->workers[i].options = options;
	}
}

static void
release(struct fetch *f)
{
	for (size_t i = 0; i < f->workers_max; i++) {
		jq_program_free(f->workers[i].map);
		jq_program_free(f->workers[i].select);
	}
	while (f->spare)
		fetch_free_spare(f);
	free(f->threads);
	free(f->workers);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->work);
	pthread_cond_destroy(&f->ready);
	pthread_cond_destroy(&f->memory);
	pthread_cond_destroy(&f->drained);
	pthread_cond_destroy(&f->turned);
	pthread_cond_destroy(&f->named);
}

enum status
fetch_run(const struct fetch_options *options, fetch_lister *lister, void *context, struct fetch_counts *counts,
	struct error *error)
{
	struct fetch f = {0};
	struct listing listing = {&f, lister, context};
	pthread_t thread;

	configure(&f, options);
	if (compile_programs(&f.workers[0], error) < 0) {
		release(&f);
		return STATUS_USAGE;
	}
	parallel_start(&thread, list, &listing);
	fetch_write_all(&f, counts);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < f.n_workers; i++)
		pthread_join(f.threads[i], NULL);
	release(&f);
	if (f.n_denied && counts->objects == 0)
		return STATUS_FAILED;
	return counts->refused + counts->failed_objects + counts->refused_objects ? STATUS_REFUSED : STATUS_OK;
}
