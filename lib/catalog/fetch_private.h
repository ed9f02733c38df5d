/* What the parts of fetch share: fetch.c moves objects and output, fetch_object.c reads one object, fetch_record.c
 * writes its records, fetch_batch.c has jq programs at them first. */
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

/* One object on its way. */
struct job {
	struct job *next;
	struct reference reference;
	bool failed;
	struct error failure;
	/* guarded by the lock */
	struct output_piece *pieces, **last_piece;
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
	struct output_piece *piece;
	struct buffer source; /* {"uri":"...","record": */
	struct buffer time;   /* ,"time":"..."} or } */
	char digits[24];      /* the last record number as text, at the end */
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

/* Read w->job to its end, output to w->piece. */
void fetch_object(struct fetch_worker *w);

/* Tell what the object's records have as _source; modified counts where the reference has no time. */
void fetch_prepare_source(struct fetch_worker *w, struct instant modified);
/* Append the _source of record number `number`. */
void fetch_add_source(struct fetch_worker *w, struct buffer *out, uint64_t number);
/* Write a record as a line, with its _source. */
void fetch_add_record(struct fetch_worker *w, const struct scan_record *r);
/* Write a compact JSON object as a line, with the text source added as its _source, where it is not empty. */
void fetch_add_line(struct fetch_worker *w, struct slice text, struct slice source);
/* Refuse a record for what the scanner says of it. */
void fetch_refuse(struct fetch_worker *w, const struct scan_record *r);
/* Refuse a good record; takes text. */
void fetch_refuse_with(struct fetch_worker *w, const struct scan_record *r, const char *code, char *text);

/* Records on their way through --map and --select; those added come out at the next flush at the latest, and must be
 * there till then. */
struct fetch_batch *fetch_batch_new(struct fetch_worker *w);
void fetch_batch_free(struct fetch_batch *b);
void fetch_batch_add(struct fetch_batch *b, const struct scan_record *r);
void fetch_batch_flush(struct fetch_batch *b);

/* Hand w->piece over to the writer and have an empty one; waits while the object has enough waiting. */
void fetch_emit(struct fetch_worker *w);

#endif
