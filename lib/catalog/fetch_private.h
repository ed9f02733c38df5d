/* What the parts of fetch share: fetch.c moves objects and output, fetch_object.c reads one object, fetch_record.c
 * writes its records, fetch_batch.c has jq programs at them first. */
#ifndef ACC_CATALOG_FETCH_PRIVATE_H
#define ACC_CATALOG_FETCH_PRIVATE_H

#include "base/buffer.h"
#include "catalog/fetch.h"
#include "json/jq.h"
#include "json/scan_pieces.h"

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
	/* the worker's that began it, and read its end */
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

/* Hand w->piece over to the writer and have an empty one; waits until the pieces of text before this one are through,
 * and while the object has enough waiting. */
void fetch_emit(struct fetch_worker *w);
/* The same at the end of a piece of text. */
void fetch_emit_last(struct fetch_worker *w);
/* There is more of w->job than one worker has at a time. */
void fetch_share(struct fetch_worker *w);

#endif
