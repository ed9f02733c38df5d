/* journal - what happened, for the command that has to know whether all of a chain finished.
 *
 * A file to which every command of a chain appends JSON lines, each in a single write(2) on an
 * O_APPEND descriptor, so that lines of several processes never mix:
 *
 *   {"event":"start","tool":"acc-fetch","pid":7,"time":"...","stdout_pipe":N}
 *   {"event":"source","tool":..,"pid":..,"uri":"s3://src/year=2026/","literal":true}
 *   {"event":"failed","tool":..,"pid":..,"uri":"s3://...","messages":["id",...],"code":..,"error":..}
 *   {"event":"refused","tool":..,"pid":..,"uri":..,"record":N,"code":..,"error":..,"kept":true}
 *   {"event":"done","tool":..,"pid":..,"status":0,"duration_ms":N,"counts":{"NAME":N,...}}
 *
 * kept tells that --rejects took the record; stdout_pipe is there when standard output is a pipe (journal_pipe), so
 * that it can be told whether somebody unknown was to read it. Without a journal every call does nothing.
 * Thread safe. A journal that cannot be written ends the command with status 3: what is not in the
 * journal did not happen. */
#ifndef ACC_BASE_JOURNAL_H
#define ACC_BASE_JOURNAL_H

#include "base/error.h"
#include "base/slice.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct journal_count {
	const char *name; /* plain characters; NULL ends a list */
	uint64_t value;
};

/* Open path, or $ACC_JOURNAL when path is NULL, for appending and write `start`. */
int journal_open(const char *path, struct error *error);
bool journal_is_open(void);
const char *journal_path(void); /* borrows the name it was opened by; NULL without a journal */

/* The number of the pipe that a descriptor is an end of, the same for both ends and in all processes; 0: it is none. */
uint64_t journal_pipe(int fd);

/* A source as the user gave it, for acc-put, which must not store where acc-fetch reads. literal: it is no glob. */
void journal_source(const char *uri, bool literal);
/* messages_json: the text of a JSON array of message ids, or empty. */
void journal_failed(const char *uri, struct slice messages_json, const char *code, const char *text);
void journal_refused(const char *uri, uint64_t record, const char *code, const char *text, bool kept);
/* counts ends with a NULL name; may be NULL. */
void journal_done(enum status status, const struct journal_count *counts);

#endif
