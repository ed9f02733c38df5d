/* jq - programs of the jq language run by libjq.
 *
 * Each program runs in a process of its own, forked by jq_program_compile and fed through a socket pair, because
 * libjq offers no way to stop a program that loops, and because a program is somebody's input: the process
 * has an empty environment, can open no file, has 1 GiB of memory and at most time_limit_ms of CPU time per run. When
 * it is ended by a limit (or by a fault of libjq) only that run fails, and the next one starts a new process.
 *
 * A program sees $source (the record's _source, or null). What reads the environment, files or further inputs
 * raises an error: env, $ENV, input, inputs, input_filename, input_line_number, modulemeta, get_search_list, import,
 * include; halt and halt_error do too, debug and stderr print nothing. Numbers are libjq's: 17 digits.
 *
 * A program is used by one thread at a time; every thread compiles its own. Compiling takes about 30 ms. */
#ifndef ACC_JSON_JQ_H
#define ACC_JSON_JQ_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct jq_program;

/* text: the program; name: where it is from, for messages ("--select", "map.jq"); both are copied. time_limit_ms 0 is
 * no limit. NULL with *error (STATUS_USAGE, code "jq-compile", the text shows the place; STATUS_FAILED when
 * no process can be started). Gives a program to jq_program_free. A run for
 * which no process can be started any more ends the command with status 3. */
struct jq_program *jq_program_compile(const char *text, const char *name, uint64_t time_limit_ms, struct error *error);
void jq_program_free(struct jq_program *program); /* takes program; NULL is fine */

/* Run on one JSON text; emit borrows each output's compact text during the call and returns false to stop. source
 * is JSON text or empty. 0, or -1 with *error (STATUS_REFUSED, code "jq-error" or "jq-timeout"): outputs before the
 * error have been emitted. */
int jq_program_run(struct jq_program *program, struct slice input, struct slice source,
	bool (*emit)(void *context, struct slice output), void *context, struct error *error);

/* The same, but the program is ended by its first output. */
int jq_program_run_to_first(struct jq_program *program, struct slice input, struct slice source,
	bool (*emit)(void *context, struct slice output), void *context, struct error *error);

/* As jq_program_run for many texts at once, which saves the way to the process and back for each: queue them, then run
 * them. result is called for each in the order of queueing, index from 0; it borrows the outputs, each ending in '\n'.
 * error is NULL, or why the program failed on this text; lines holds the outputs before it. Of jq_program_test_queued
 * lines holds the first output at most. */
typedef void jq_result(void *context, size_t index, struct slice lines, const struct error *error);
void jq_program_queue(struct jq_program *program, struct slice input, struct slice source);
void jq_program_run_queued(struct jq_program *program, jq_result *result, void *context);
void jq_program_test_queued(struct jq_program *program, jq_result *result, void *context);
bool jq_output_holds(struct slice line); /* neither false nor null nor nothing at all */

#endif
