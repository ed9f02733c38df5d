/* error - what went wrong, as a value that travels up to the command, which alone prints and exits.
 *
 *     if (priority_parse(&list, text, &error) < 0)
 *             return command_fail(&error);
 *
 * Functions that can fail take a struct error last and return -1 (or NULL) after filling it. */
#ifndef ACC_BASE_ERROR_H
#define ACC_BASE_ERROR_H

#include "base/status.h"

struct error {
	enum status status; /* how the command should end if it cannot go on */
	const char *code;   /* a static word for programs, such as "invalid-json"; never NULL once set */
	char text[2048];    /* thing, place, cause and the way out; no newline; cut with "..." */
};

/* Fill *e; always returns -1, so that callers can return error_set(...). */
int error_set(struct error *e, enum status status, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* As error_set with STATUS_FAILED and ": " strerror(errno) after the text; code "io". */
int error_system(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
