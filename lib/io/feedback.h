/* feedback - keep a chain from reading what it writes: an object that lies inside a source named by
 * the journal would come in again.
 *
 * acc-fetch appends one line per source:
 * {"event":"source","tool":"acc-fetch","uri":"s3://src/year=2021/"}. A source that ends in '/' (and
 * a local directory) is everything below it; one with * ? [ is a pattern (glob.h), unless the line has
 * "literal":true, and one that ends in '/' everything below what it matches; any other is one object.
 * Reading is done by one thread, checking by any. */
#ifndef ACC_IO_FEEDBACK_H
#define ACC_IO_FEEDBACK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct feedback_source;

struct feedback {
	struct feedback_source *sources; /* owned */
	size_t n;
};

/* Forget what was known and read the journal at path; NULL: there is none. */
int feedback_read(struct feedback *f, const char *path, struct error *error);
void feedback_add(struct feedback *f, const char *source, bool literal);
void feedback_free(struct feedback *f);

/* The source that the object's address lies in, as the journal names it (borrowed), or NULL. */
const char *feedback_find(const struct feedback *f, const char *uri);

#endif
