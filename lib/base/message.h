/* message - everything that goes to standard error, a line at a time, in one write(2).
 *
 * As text: `acc-NAME: message`; with --log-format json one object per line (time, level, tool,
 * message, and uri, record, code where they apply). What came from outside is shown printable only.
 * Thread safe. */
#ifndef ACC_BASE_MESSAGE_H
#define ACC_BASE_MESSAGE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum message_level {
	MESSAGE_ERROR,   /* always shown */
	MESSAGE_WARNING, /* not with -q */
	MESSAGE_NOTE,    /* with -v */
	MESSAGE_DETAIL,  /* with -v -v */
};

/* Who speaks. name is borrowed for ever. */
void message_tool(const char *name);
const char *message_tool_name(void);

/* verbosity: -1 quiet, 0 errors and warnings, 1 notes, 2 details. */
void message_configure(int verbosity, bool json);
bool message_shown(enum message_level level);

void message(enum message_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A message about a place in the input. uri may be NULL; record counts from 1, 0 is none;
 * as text the line reads `acc-NAME: uri:record: message`. */
struct message_place {
	const char *uri;
	uint64_t record;
	const char *code; /* static word for programs, or NULL */
	uint64_t line;    /* counts from 1; as text it stands where the record would; 0 is none */
	bool named;       /* the message names the place itself: as text it is not put before it */
};
void message_at(enum message_level level, struct message_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void message_error(const struct error *e); /* MESSAGE_ERROR with e's code and text */

/* Called before each line is written (progress clears its own line); NULL for none. The hook must
 * not call into this file. */
void message_before(void (*hook)(void));

/* Bytes as they are to standard error, never amid a message: for progress. */
void message_draw(const void *p, size_t n);

#endif
