/* reference_read - references as they stand on standard input: a JSON object or a bare name a line. */
#ifndef ACC_IO_REFERENCE_READ_H
#define ACC_IO_REFERENCE_READ_H

#include "io/input.h"
#include "io/reference.h"

/* What is done with a line (counted from 1) that is none; text is borrowed. */
typedef void reference_refused(void *context, uint64_t line, struct slice text, const struct error *error);

/* Read all that input holds into list, and give the bad lines to refused. A byte order mark, '\r' at the end and blank
 * lines are passed over; blanks are part of a bare name, but may stand before a '{'. -1 with *error (STATUS_FAILED)
 * where input cannot be read to its end, or a line is longer than LINES_MAX. */
int reference_list_read(struct reference_list *list, struct input *input, reference_refused *refused, void *context,
	struct error *error);

#endif
