/* fetch - objects in, catalog records out: in the order of the input, several objects at a time.
 *
 * A lister names the objects, from a thread of its own; workers read them, each one object at a time, or a piece of a
 * large one that others read, too; the calling thread writes what they made to standard output, reports what was
 * refused and what failed, and keeps the journal, all in the order in which the objects were named. */
#ifndef ACC_CATALOG_FETCH_H
#define ACC_CATALOG_FETCH_H

#include "base/error.h"
#include "catalog/rejects.h"
#include "io/reference.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fetch_missing { FETCH_MISSING_FAIL, FETCH_MISSING_SKIP, FETCH_MISSING_REFUSE };

struct fetch_options {
	size_t buffer_bytes; /* held at most of objects (their scheme's business) and of finished output; besides,
	                          each worker has a window of a block or the longest record */
	size_t max_record;   /* bytes without _source */
	size_t in_flight;    /* objects at a time, at least 1: as many workers */
	enum fetch_missing missing;
	bool bare;               /* do not add _source */
	const char *map;         /* a jq program or NULL; borrowed */
	const char *map_name;    /* for messages */
	const char *select;      /* a jq program or NULL; borrowed */
	uint64_t jq_limit_ms;    /* for one record */
	struct rejects *rejects; /* borrowed; NULL: refused records are not kept */
};

struct fetch_counts {
	uint64_t references;        /* objects named */
	uint64_t references_digest; /* of those that standard input names, see reference_list_digest */
	uint64_t objects;           /* read to their end */
	uint64_t failed_objects;
	uint64_t skipped_objects; /* missing, and to be skipped */
	uint64_t refused_objects; /* missing, and to be refused */
	uint64_t read;            /* records */
	uint64_t refused;
	uint64_t left_out; /* by --select, or by --map giving nothing */
	uint64_t written;
	uint64_t bytes_in; /* as stored */
};

struct fetch;

/* Name one more object, from the lister. Takes r; problem, if not NULL, says why it cannot be read. Waits while enough
 * objects are waiting. Always true; fits object_found. */
bool fetch_add(void *fetch, struct reference *r, const struct error *problem);

/* Names the objects by fetch_add and returns. */
typedef void fetch_lister(void *context, struct fetch *fetch);

/* Do it all, and add it to counts. STATUS_OK, or STATUS_REFUSED when a record was refused or an object failed;
 * everything is reported. STATUS_FAILED when a service refused objects and none could be read. STATUS_USAGE with *error
 * when a jq program does not compile: then nothing was done. What makes the rest pointless ends the command. */
enum status fetch_run(const struct fetch_options *options, fetch_lister *lister, void *context,
	struct fetch_counts *counts, struct error *error);

#endif
