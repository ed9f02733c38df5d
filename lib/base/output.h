/* output - standard output (or another descriptor) in large blocks, checked.
 *
 * Writing never fails in the caller's sight: EPIPE ends the command quietly as SIGPIPE would, any other
 * failure says so and ends it with status 3 (command_die). Not thread safe: one thread at a time. */
#ifndef ACC_BASE_OUTPUT_H
#define ACC_BASE_OUTPUT_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

struct output_lent;

struct output {
	int fd;
	const char *name;   /* for messages; borrowed */
	bool line_buffered; /* flush at output_end_line: a terminal, or when a reader waits */
	struct buffer pending;
	uint64_t bytes; /* written and pending */
	bool is_pipe;
	struct output_lent *lent; /* buffers that the pipe refers to, oldest first */
	uint64_t sent;            /* bytes that the descriptor has taken */
};

extern struct output output_stdout;

/* fd and name are borrowed. A pipe gets the largest buffer the kernel allows (F_SETPIPE_SZ, 1 MiB). */
void output_open(struct output *o, int fd, const char *name);
void output_add(struct output *o, const void *p, size_t n);
void output_end_line(struct output *o); /* adds '\n'; flushes when line buffered */
void output_flush(struct output *o);
void output_wait(const struct output *o);                     /* until a line could be written without delay */
void output_write(struct output *o, const void *p, size_t n); /* flush, then p directly */

/* The same with all of b, which is empty afterwards, and may have other memory than before. A pipe whose reader allows
 * it refers to that memory instead of having a copy (see pipe.h): so n should be large. */
void output_give(struct output *o, struct buffer *b);

static inline void
output_add_slice(struct output *o, struct slice s)
{
	output_add(o, s.p, s.n);
}

/* Flush, and close the descriptor with its result checked. Called for standard output by command_finish. */
void output_close(struct output *o);

/* write(2) all of it, going on after EINTR and short writes; -1 with errno. */
int write_all(int fd, const void *p, size_t n);

#endif
