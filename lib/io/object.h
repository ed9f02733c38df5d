/* object - what can be listed and read, whatever its scheme: files here, other schemes (s3) by registration.
 *
 * A scheme is a table of functions. Commands that want it register it before anything else; after that all calls
 * are thread safe as far as the scheme's own functions are. */
#ifndef ACC_IO_OBJECT_H
#define ACC_IO_OBJECT_H

#include "base/error.h"
#include "io/glob.h"
#include "io/period.h"
#include "io/reference.h"
#include "io/stream.h"

#include <stdbool.h>
#include <stddef.h>

/* What to leave out of a listing. Used by one thread at a time. */
struct selection {
	struct glob **includes, **excludes; /* owned */
	size_t n_includes, n_excludes;
	struct period period;
	bool raw;  /* take a source literally, without globbing */
	bool look; /* ask about a single object, too: nobody will open what is listed */
};
void selection_free(struct selection *s);

/* Whether an object is wanted. name: the whole key, or the path below the source directory, which the globs must
 * match whole; path: everything that may tell a date; time: the object's, may be missing. */
bool selection_admits(const struct selection *s, struct slice name, struct slice path, struct instant time);

/* Whether anything below a directory or prefix can be wanted, going by the dates in its path. */
bool selection_may_hold(const struct selection *s, struct slice path);

/* Called for each object found. Takes r. problem: NULL, or why this object (or directory) cannot be read, while the
 * listing goes on. Returns false to stop the listing. */
typedef bool object_found(void *context, struct reference *r, const struct error *problem);

/* What opening an object told about it. */
struct object_facts {
	struct instant time; /* last modified; may be missing */
	uint64_t size;       /* bytes as stored; meaningful with has_size */
	bool has_size;
	struct slice whole; /* all of it, when it is in memory already: reading gives the same. Borrowed from the
	                        stream until that is read from or closed; else p is NULL */
};

struct object_scheme {
	const char *name; /* "s3" */

	/* Call found for every object that source names and s admits, in the order of their uris as bytes: a single
	 * object, all below a prefix (source ends in '/'), or what a glob matches (unless s->raw). size and time of
	 * a reference are filled in where known. A single object that is not there is found with a problem of the
	 * code "missing", unless only opening it will tell. -1 with *error when the listing could not be finished. */
	int (*list)(
		const char *source, const struct selection *s, object_found *found, void *context, struct error *error);

	/* Open one object for reading its bytes as stored; compression is not the scheme's matter. Where the object
	 * can be verified and is not larger than memory bytes, it is before the first byte is handed out.
	 * NULL with *error: STATUS_REFUSED when this object alone is at fault, with the code "missing" when it is not
	 * there; STATUS_FAILED when the others would fare no better (no credentials), with the code "denied",
	 * "no-bucket" or "service" when a service refused this object, and perhaps others. Borrows r until
	 * stream_close. */
	struct stream *(*open)(
		const struct reference *r, size_t memory, struct object_facts *facts, struct error *error);

	/* How many bytes opening and reading r will hold at most, given that it may hold `most`; NULL: next to none. */
	size_t (*memory)(const struct reference *r, size_t most);
};

void object_register(const struct object_scheme *scheme); /* borrowed for ever; not thread safe */

/* The scheme that a uri or source belongs to (files: the one in walk.c), or NULL with *error (STATUS_REFUSED, code
 * "bad-uri"). */
const struct object_scheme *object_scheme_of(const char *uri, struct error *error);

extern const struct object_scheme object_scheme_file;

#endif
