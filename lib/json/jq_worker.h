/* jq_worker - the process that runs a jq program, and how it is spoken to over a stream socket; for jq.c alone. */
#ifndef ACC_JSON_JQ_WORKER_H
#define ACC_JSON_JQ_WORKER_H

#include <stddef.h>
#include <stdint.h>

#define JQ_MEMORY_MAX (UINT64_C(1) << 30)
#define JQ_REPLY_BLOCK (64u << 10) /* replies are sent in about so many bytes at once */

/* A request is a header and, for each text of a batch, a header (bytes) with the text, [source, input]. The answer to
 * each text, and first of all to the program itself, is a header with its bytes for each output or error, and one that
 * says JQ_REPLY_DONE. A process whose program does not compile ends after its answer. */
enum { JQ_RUN_ALL, JQ_RUN_ONE, JQ_RUN_TEST };            /* what a request asks for: a test whether one holds */
enum { JQ_REPLY_OUTPUT, JQ_REPLY_ERROR, JQ_REPLY_DONE }; /* what a reply holds */

struct jq_header {
	uint32_t kind;
	uint32_t bytes; /* that follow */
};

/* Send all of it, or -1: the other side is gone. */
int jq_send(int fd, const void *p, size_t n);

/* Before the fork(2): load what the process needs, as it cannot open anything. */
void jq_worker_prepare(void);

/* The life of the process, from fork(2) on: confine it, compile the program, answer requests until the other side of
 * fd is gone. SIGPROF ends a run that takes longer than time_limit_ms (0: no limit) of CPU time. */
void jq_worker_main(int fd, const char *text, uint64_t time_limit_ms) __attribute__((noreturn));

#endif
