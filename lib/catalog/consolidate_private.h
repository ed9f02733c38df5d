/* What intake.c (reading), chunk.c (taking records) and consolidate.c (settling, spilling, writing) share. */
#ifndef ACC_CATALOG_CONSOLIDATE_PRIVATE_H
#define ACC_CATALOG_CONSOLIDATE_PRIVATE_H

#include "catalog/consolidate.h"
#include "catalog/run.h"
#include "json/scan_pieces.h"

/* A record that was refused, kept until it can be told in order. */
struct refused {
	struct slice text, source;
	const char *code, *reason, *option;
	uint64_t line, fault_line, column, element;
	bool in_array;
	struct refused *next;
};

/* A stretch of input scanned in one go, by one thread. */
struct chunk {
	struct stretch *stretch;
	struct refused *refused, **refused_end;
	uint64_t read, left_out, superseded, bad_times;
	bool unclosed; /* the input ended within an array */
	bool passes;   /* its text does not stay: records need one of their own */
};

struct worker {
	struct scanner *scanner;
	struct record_reader reader;
	struct scan_piece piece;
	struct shelf shelf;
	struct arena texts;     /* of the shelf's records whose input's text does not stay */
	struct arena kept;      /* refusals and such, until the next flush */
	struct arena stretches; /* for good: records on disk point to them */
};

struct block {
	size_t bytes;
	char text[];
};

struct consolidation {
	const struct consolidation_options *options;
	struct worker *workers;
	struct shape_table *shapes;
	enum record_keep keep;      /* what merging takes from a record */
	struct merge_options merge; /* the options' own, with the tables */
	struct block *survivors;    /* of the last flush: their text */
	struct input **inputs;      /* mapped ones */
	size_t n_inputs;
	bool unclosed; /* the input that is being read ended within an array */
	uint64_t held; /* bytes of text that records point into, survivors and mapped */
	struct run **runs;
	size_t n_runs;
	struct consolidation_counts counts;
};

/* Take an input that is mapped: it is closed by the next flush, or at the end. */
struct input;
void consolidation_keep_input(struct consolidation *c, struct input *input);

/* Begin a chunk; its stretch is set by the caller, who knows where it stands, before chunk_close. */
void chunk_open(struct worker *w, struct chunk *chunk, const char *name, bool passes);
/* File, leave out or refuse what the worker's scanner found; lines and elements count from the chunk's begin. */
void chunk_take(struct consolidation *c, struct worker *w, struct chunk *chunk, enum scan_result got,
	const struct scan_record *scanned);
/* Of a chunk that was cut at the right places: tell its refusals and add up its counts. By one thread at a time. */
void chunk_close(struct consolidation *c, struct chunk *chunk);

/* Bytes in use against options->memory. */
uint64_t consolidation_used(const struct consolidation *c);
/* Settle what is held and put the survivors where they do not count: back into memory when they are few, else to a run.
 * Afterwards nothing points into text mapped or kept before. */
void consolidation_flush(struct consolidation *c);

#endif
