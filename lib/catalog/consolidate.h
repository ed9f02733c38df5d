/* consolidate - all of the inputs' records into consolidated records, sorted by id, in bounded memory.
 *
 *     c = consolidation_new(&options);
 *     for each input: consolidation_read(c, name, &error)
 *     consolidation_write(c, &output_stdout, &counts);
 *     consolidation_free(c);
 *
 * What does not fit in options.memory goes to sorted runs in options.directory; the result is the same bytes, as it is
 * for any number of threads. */
#ifndef ACC_CATALOG_CONSOLIDATE_H
#define ACC_CATALOG_CONSOLIDATE_H

#include "base/error.h"
#include "base/output.h"
#include "catalog/merge.h"
#include "catalog/rejects.h"

struct consolidation_options {
	struct merge_options merge;     /* but for the tables */
	struct partner_table *partners; /* borrowed; those met are added */
	bool replace;                   /* --updates replace */
	uint64_t memory;                /* bytes, for text and records together */
	uint64_t max_record;            /* bytes without _source */
	unsigned threads;
	const char *directory;   /* for runs */
	struct rejects *rejects; /* or NULL */
	const char *prefix;      /* of key, partner and data as options, in messages */
};

struct consolidation_counts {
	uint64_t read;        /* = represented + left_out + refused */
	uint64_t represented; /* there is output for their accommodation */
	uint64_t superseded;  /* of those, by a newer delivery of the same partner, or an equal record */
	uint64_t left_out;    /* of partners denied or not listed */
	uint64_t refused;
	uint64_t written; /* lines */
	uint64_t bytes_in;
	uint64_t bad_times, fallbacks, runs;
};

struct consolidation;

/* options is borrowed until consolidation_free. */
struct consolidation *consolidation_new(const struct consolidation_options *options);
void consolidation_free(struct consolidation *c);

/* Read all of an input: a path, file:///path or "-". Refused records are reported on the way. -1 with *error when it
 * could not be opened or read to its end; what was read till then counts. name is borrowed until consolidation_free. */
int consolidation_read(struct consolidation *c, const char *name, struct error *error);

/* Write the result. Once. */
void consolidation_write(struct consolidation *c, struct output *out, struct consolidation_counts *counts);

#endif
