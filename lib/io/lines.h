/* lines - read a descriptor in runs of whole lines, without looking at more than their ends.
 *
 *     struct lines lines;
 *     lines_open(&lines, fd, "catalog.jsonl");
 *     while ((got = lines_next(&lines, &run, &error)) > 0)
 *             run holds one or more lines, each with its '\n'
 *     lines_close(&lines);
 *
 * A last line without '\n' gets one. From a pipe a run comes as soon as a line is whole. One
 * thread. */
#ifndef ACC_IO_LINES_H
#define ACC_IO_LINES_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>

#define LINES_MAX ((size_t)1 << 30) /* the longest line, in bytes */

struct lines {
	int fd;
	const char *name; /* for messages; borrowed */
	struct buffer buffer;
	size_t given; /* bytes of buffer that the last run took */
	bool at_end;
};

void lines_open(struct lines *l, int fd, const char *name); /* borrows fd */
/* 1 with *run, borrowed until the next call; 0 at the end; -1 with *error (STATUS_FAILED). */
int lines_next(struct lines *l, struct slice *run, struct error *error);
void lines_close(struct lines *l); /* releases the buffer; the descriptor stays open */

/* Take the first line off a run: 1 with *line without its '\n', 0 when the run is used up. */
bool lines_cut(struct slice *run, struct slice *line);

/* Whether a line holds white space only. */
bool line_is_blank(struct slice line);

#endif
