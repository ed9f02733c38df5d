/* parallel - a step of work done by several threads at once. */
#ifndef ACC_BASE_PARALLEL_H
#define ACC_BASE_PARALLEL_H

#include "base/buffer.h"

#include <pthread.h>
#include <stdbool.h>

/* Start a thread that works beside the caller's, with the caller's signal mask; ends the command where the system gives
 * none. */
void parallel_start(pthread_t *thread, void *(*work)(void *context), void *context);
/* The same for one that could be done without: false with errno where the system gives none. */
bool parallel_try_start(pthread_t *thread, void *(*work)(void *context), void *context);

#define PARALLEL_MAX 256 /* threads */

/* How many processors this process may run on, from 1 to PARALLEL_MAX. */
unsigned parallel_processors(void);

/* Call work(context, thread) on n_threads threads (numbered from 0; the caller's own is one of them) and wait for all.
 * Where the system gives fewer threads, fewer do the work: work must share it out by itself. */
void parallel_run(unsigned n_threads, void (*work)(void *context, unsigned thread), void *context);

/* Produce the parts 0..n_parts-1 on n_threads threads and consume them in order, one at a time. produce fills an empty
 * buffer of the thread's own. */
struct parallel_line {
	void (*produce)(void *context, unsigned thread, size_t part, struct buffer *out);
	void (*consume)(void *context, size_t part, struct buffer *made);
	void *context;
};
void parallel_in_order(unsigned n_threads, size_t n_parts, const struct parallel_line *line);

#endif
