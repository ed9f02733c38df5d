/* source_time - the time in a record's _source, remembered.
 *
 * acc-fetch writes the same _source for all records of an object, but for the record's number. The time of one that
 * differs in nothing else is known without parsing. Not thread safe; give each thread its own. Zero-initialised is
 * empty and ready. */
#ifndef ACC_CATALOG_SOURCE_TIME_H
#define ACC_CATALOG_SOURCE_TIME_H

#include "base/buffer.h"
#include "base/instant.h"

struct source_time {
	struct buffer text;  /* what stands before the number, and behind it */
	size_t before;       /* bytes */
	struct instant time;
	unsigned missed;     /* calls of source_time_recall since the last that was answered */
};

/* Remember the time of a _source (an object's text). Where they differ all the time that is left out mostly. */
void source_time_remember(struct source_time *known, struct slice source, struct instant time);
/* The time of source where it is the remembered one but for its number; else false. */
bool source_time_recall(struct source_time *known, struct slice source, struct instant *time);
void source_time_free(struct source_time *known);

#endif
