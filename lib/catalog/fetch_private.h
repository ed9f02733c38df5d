/* What the two halves of fetch share: fetch.c moves objects and output, fetch_object.c reads one object. */
#ifndef ACC_CATALOG_FETCH_PRIVATE_H
#define ACC_CATALOG_FETCH_PRIVATE_H

#include "base/buffer.h"
#include "catalog/fetch.h"
#include "json/jq.h"
#include "json/scan.h"

#define FETCH_BLOCK ((size_t)256 << 10)

struct refusal {
	struct refusal *next;
	uint64_t record, line;
	const char *code;        /* static */
	char *text;              /* owned */
	struct buffer rejected;  /* the line for --rejects */
};

/* Finished output, with what was refused on the way. */
struct chunk {
	struct chunk *next;
	struct buffer data;
	struct refusal *refusals, **last_refusal; /* in order */
	size_t refusal_bytes;
};

/* One object on its way. */
struct job {
	struct job *next;
	struct reference reference;
	bool failed;
	struct error failure;
	/* guarded by the lock */
	struct chunk *chunks, **last_chunk;
	size_t pending_bytes;
	bool finished;
	/* the worker's until finished */
	struct fetch_counts counts;
};

struct fetch_worker {
	struct fetch *fetch;
	const struct fetch_options *options;
	struct scanner *scanner;
	struct buffer window;
	struct jq_program *map, *select;
	/* the object in work */
	struct job *job;
	struct chunk *chunk;
	struct buffer source;  /* {"uri":"...","record": */
	struct buffer time;    /* ,"time":"..."} or } */
	char digits[24];       /* the last record number as text, at the end */
	unsigned n_digits;
	uint64_t number;       /* which it is */
	struct buffer scratch;
	struct fetch_batch *batch; /* records on their way through --map and --select */
};

/* Set up and release what fetch_object needs besides. */
void fetch_worker_begin(struct fetch_worker *w);
void fetch_worker_end(struct fetch_worker *w);

/* Read w->job to its end, output to w->chunk. */
void fetch_object(struct fetch_worker *w);

/* Hand w->chunk over to the writer and have an empty one; waits while the object has enough waiting. */
void fetch_emit(struct fetch_worker *w);

#endif
