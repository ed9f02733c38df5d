/* jq - programs of the jq language run by libjq; the only file that knows jv.
 *
 * A program is compiled once. It sees $source (the record's _source, or null). It may not read the
 * environment, files or further inputs, and one run may take at most time_limit_ms.
 * A program is used by one thread at a time. */
#ifndef ACC_JSON_JQ_H
#define ACC_JSON_JQ_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct jq_program;

/* text: the program; name: where it is from, for messages ("--select", "map.jq"). NULL with *error (STATUS_USAGE,
 * code "jq-compile", the text shows the place). Gives a program to jq_program_free. */
struct jq_program *jq_program_compile(const char *text, const char *name, uint64_t time_limit_ms, struct error *error);
void jq_program_free(struct jq_program *program);

/* Run on one JSON text; emit borrows each output's compact text during the call and returns false to stop. source
 * is JSON text or empty. 0, or -1 with *error (code "jq-error" or "jq-timeout"): outputs before the error have
 * been emitted. */
int jq_program_run(struct jq_program *program, struct slice input, struct slice source,
	bool (*emit)(void *context, struct slice output), void *context, struct error *error);

/* 1 when the first output is neither false nor null, 0 when it is or there is none, -1 as above. */
int jq_program_test(struct jq_program *program, struct slice input, struct slice source, struct error *error);

#endif
