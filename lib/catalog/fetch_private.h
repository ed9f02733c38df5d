/* What the parts of fetch share: fetch.c has workers take objects, fetch_object.c reads one, fetch_record.c writes its
 * records, fetch_batch.c has jq programs at them first, fetch_output.c brings all of it to standard output in order. */
#ifndef ACC_CATALOG_FETCH_PRIVATE_H
#define ACC_CATALOG_FETCH_PRIVATE_H

#include "base/buffer.h"
#include "catalog/fetch.h"
#include "json/jq.h"
#include "json/scan_pieces.h"

#include <pthread.h>

#define FETCH_BLOCK ((size_t)256 << 10)  /* of an object */
#define FETCH_OUTPUT ((size_t)512 << 10) /* made of it: _source makes records about half as long again */

struct refusal {
	struct refusal *next;
	uint64_t record, line;
	const char *code;       /* static */
	char *text;             /* owned */
	struct buffer rejected; /* the line for --rejects */
};

/* Finished output, with what was refused on the way. */
struct output_piece {
	struct output_piece *next;
	struct buffer data;
	struct refusal *refusals, **last_refusal; /* in order */
	size_t refusal_bytes;
	size_t bytes; /* held by it when it was handed over */
};

/* One object on its way. A large one is read by several workers, each a piece of its text at a time; what they make of
 * it is handed over in the pieces' order. */
struct job {
	struct job *next;
	struct reference reference;
	/* guarded by the lock */
	struct output_piece *pieces, **last_piece;
	size_t pending_bytes, memory; /* memory: what was reserved for it */
	struct fetch_counts counts;
	uint64_t turn; /* the piece of text whose output comes next */
	unsigned n_workers;
	bool shared; /* more workers could help */
	bool finished;
	/* of the worker that began it till others help; then of the one who reads (text.reading), and in the end of the
	 * last to leave, who closes it and writes counts.bytes_in */
	bool failed;
	struct error failure;
	struct stream *raw, *stream; /* NULL: it was not opened */
	struct slice whole;          /* of it, where that is in memory; else p is NULL */
	struct scan_pieces text;
	uint64_t shown; /* of the bytes as stored, as progress */
};

/* A record, or what is refused, found in a piece of text; borrows from that. As in struct scan_record. */
struct found {
	struct slice text, source; /* source: the value of its _source, or NULL */
	uint64_t line, element, fault_line, column;
	const char *code, *reason; /* code: NULL where it is good */
	bool spans_lines;
};

struct fetch {
	const struct fetch_options *options;
	pthread_mutex_t lock;
	pthread_cond_t work;    /* a job to begin, or no more to come: workers wait */
	pthread_cond_t ready;   /* output, a finished job or the end: the writer waits */
	pthread_cond_t memory;  /* a worker waits to begin the next job: there may be memory for it */
	pthread_cond_t drained; /* workers wait whose jobs have too much output */
	pthread_cond_t turned;  /* workers wait whose text comes behind that of others */
	pthread_cond_t named;   /* the lister waits: enough jobs are named */
	/* guarded by lock */
	struct job *jobs, **last_job; /* from the one being written to the last one named */
	struct job *next_job;         /* the first that no worker has taken */
	size_t n_waiting;
	bool listed;                      /* all are named */
	size_t reserved;                  /* bytes that objects in flight may hold */
	size_t held;                      /* bytes of memory with output that waits to be written */
	size_t n_workers, n_idle, n_busy; /* idle: without a job to begin; busy: with one */
	struct output_piece *spare;       /* for later output, as long as there is memory for all that is asked for */
	size_t spare_bytes;
	/* the writer's */
	size_t n_denied; /* objects that a service refused */
	/* set before there are threads */
	size_t workers_max, pending_max, processors;
	pthread_t *threads;
	struct fetch_worker *workers;
};

struct fetch_worker {
	struct fetch *fetch;
	const struct fetch_options *options;
	struct scanner *scanner;
	struct jq_program *map, *select;
	struct job *job; /* the object in work */
	struct scan_piece text;
	struct found *found; /* in a piece whose place in the object is not known yet */
	size_t n_found;
	struct output_piece *piece;
	struct fetch_counts counts; /* since the last piece was handed over */
	struct buffer source;       /* {"uri":"...","record": */
	struct buffer time;         /* ,"time":"..."} or } */
	char digits[24];            /* the last record number as text, at the end */
	unsigned n_digits;
	uint64_t number; /* which it is */
	struct buffer scratch;
	struct fetch_batch *batch; /* records on their way through --map and --select */
};

/* A scanner for records, their _source the one wanted member; gives it to scanner_free. */
struct scanner *fetch_scanner_new(const struct fetch_options *options);

/* Set up and release what fetch_object needs besides. */
void fetch_worker_begin(struct fetch_worker *w);
void fetch_worker_end(struct fetch_worker *w);

/* Open w->job, or note why that fails. */
void fetch_object_open(struct fetch_worker *w);
/* Read of w->job what no other worker does, to its end. */
void fetch_object_read(struct fetch_worker *w);
void fetch_object_close(struct job *job);

/* Tell what the object's records have as _source. */
void fetch_prepare_source(struct fetch_worker *w);
/* Append the _source of record number `number`. */
void fetch_add_source(struct fetch_worker *w, struct buffer *out, uint64_t number);
/* Write a record as a line, with its _source. */
void fetch_add_record(struct fetch_worker *w, const struct found *r);
/* Write a compact JSON object as a line, with the text source added as its _source, where it is not empty. */
void fetch_add_line(struct fetch_worker *w, struct slice text, struct slice source);
/* Refuse a record for what the scanner says of it. */
void fetch_refuse(struct fetch_worker *w, const struct found *r);
/* Refuse a good record; takes text. */
void fetch_refuse_with(struct fetch_worker *w, const struct found *r, const char *code, char *text);

/* Records on their way through --map and --select; those added come out at the next flush at the latest, and must be
 * there till then. */
struct fetch_batch *fetch_batch_new(struct fetch_worker *w);
void fetch_batch_free(struct fetch_batch *b);
void fetch_batch_add(struct fetch_batch *b, const struct found *r);
void fetch_batch_flush(struct fetch_batch *b);

/* Memory for output, with the lock held; what is given back is kept, to be used again, until fetch_free_spare frees one
 * of those. */
struct output_piece *fetch_piece_get(struct fetch *f);
void fetch_piece_put(struct fetch *f, struct output_piece *piece);
void fetch_free_spare(struct fetch *f);

/* Hand w->piece over to the writer and have an empty one; waits until the pieces of text before this one are through,
 * and while the object has enough waiting. */
void fetch_emit(struct fetch_worker *w);
/* The same at the end of a piece of text. */
void fetch_emit_last(struct fetch_worker *w);
/* The writer's life: write and report what is handed over, until all objects are through. */
void fetch_write_all(struct fetch *f, struct fetch_counts *counts);

/* There is more of w->job than one worker has at a time. */
void fetch_share(struct fetch_worker *w);

#endif
