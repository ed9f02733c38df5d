/* supervise - run a command with a text on its standard input and a journal of its own, within a time.
 *
 * The command is a process group of its own: when time is up, or a signal ends us, all of it is ended (SIGTERM, then
 * SIGKILL). Its input is a file, so that one which never reads it cannot stop us. One thread at a time. */
#ifndef ACC_IO_SUPERVISE_H
#define ACC_IO_SUPERVISE_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct supervision {
	char *const *arguments; /* ends with NULL; the first is looked up in PATH */
	struct slice input;
	int output_fd;    /* its standard output; 1 leaves it ours */
	int64_t until_ms; /* on clock_ms; 0: no limit */
};

struct supervised {
	int status; /* exit status, or 128 + signal */
	bool timed_out;
	struct buffer journal; /* what it left; to be freed by the caller */
	uint64_t duration_ms;
};

/* -1 with *error when it could not be run at all (STATUS_USAGE when there is no such command). */
int supervise(const struct supervision *command, struct supervised *result, struct error *error);

#endif
