/* known_source - what the _source of the records before says, remembered.
 *
 * acc-fetch writes the same _source for all records of an object, but for the record's number. Of one that differs in
 * nothing else all is known without parsing. Not thread safe; give each thread its own. Zero-initialised is empty and
 * ready. */
#ifndef ACC_CATALOG_KNOWN_SOURCE_H
#define ACC_CATALOG_KNOWN_SOURCE_H

#include "base/buffer.h"
#include "base/instant.h"

#include <stdbool.h>

struct known_source {
	struct instant time;
	struct slice uri;   /* a string with its quotes, borrowed until another source is remembered; p NULL: none */
	unsigned serial;    /* of what is remembered, from 1 */
	struct buffer text; /* what stands before the number, and behind it */
	size_t before;      /* bytes */
	unsigned missed;    /* calls of known_source_recall since the last that was answered */
};

/* Remember a _source (an object's text) and its time. Where they differ all the time that is left out mostly. */
void known_source_remember(struct known_source *known, struct slice source, struct instant time);
/* Is source the remembered one but for its number? That is *number then, UINT64_MAX where it has more digits. */
bool known_source_recall(struct known_source *known, struct slice source, uint64_t *number);
void known_source_free(struct known_source *known);

#endif
