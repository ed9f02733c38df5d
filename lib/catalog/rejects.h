/* rejects - the file that --rejects names: refused records as they came, one JSON line each:
 *
 *   {"tool":"acc-fetch","code":"invalid-json","error":"...","source":{...},"record":"<the text as it came>"}
 *
 * Where the text is not UTF-8, "record" shows it with U+FFFD and "record_base64" has the bytes. Lines are appended,
 * each in one go, so that the commands of a chain can share the file. */
#ifndef ACC_CATALOG_REJECTS_H
#define ACC_CATALOG_REJECTS_H

#include "base/buffer.h"
#include "base/error.h"

struct rejects; /* NULL stands for no --rejects everywhere: nothing is kept */

/* Open path for appending; made if need be, not standard output's, and not read as an input (see file_is_output). Gives
 * rejects to rejects_close, or NULL with *error. */
struct rejects *rejects_open(const char *path, struct error *error);

/* Append one line that rejects_format made. Ends the command when it cannot be written. Thread safe. */
void rejects_add(struct rejects *rejects, struct slice line);
void rejects_close(struct rejects *rejects); /* takes rejects; ends the command when the file cannot be completed */

/* Append a line, with its newline, to *line. source: JSON text; empty is left out. */
void rejects_format(struct buffer *line, const char *code, const char *text, struct slice source, struct slice record);

#endif
