/* input - the decoded bytes of a file: gzip and zstd are recognised by content (see codec.h).
 *
 * An input is used by one thread at a time. */
#ifndef ACC_IO_INPUT_H
#define ACC_IO_INPUT_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct input;

/* Open a path, file:///path (percent-decoded) or "-" (standard input). name is copied. Gives an input to
 * input_close, or NULL with *error: STATUS_REFUSED and the code "missing" (it is not there), "directory",
 * "bad-uri" or "io" where the file alone is at fault, STATUS_FAILED where the next file would fare no better (too
 * many open files, out of memory). */
struct input *input_open(const char *name, struct error *error);
/* Takes input; NULL is fine. Ends the command with STATUS_FAILED when a file that was mapped has become shorter. */
void input_close(struct input *input);

/* Read at most n (>0) decoded bytes: how many came, 0 at the end, or -1 with *error once all good bytes were
 * delivered (codes "truncated", "corrupt", "io"). */
ssize_t input_read(struct input *input, void *p, size_t n, struct error *error);

/* True when the input is an uncompressed regular file that is not empty and nothing was read yet: then *whole
 * borrows all of it, mapped, until input_close. When somebody cuts the file short meanwhile, reading what is gone
 * ends the command as command_die does, with STATUS_FAILED, by a handler of SIGBUS: to be read while no lock is held
 * that command_die would need. */
bool input_map(struct input *input, struct slice *whole);

/* Bytes as stored of all these together, for progress; 0 when that is unknown: one is no file, or not there. */
uint64_t input_bytes(const char *const *names, size_t n);

/* Bytes as stored that input_read has used so far. */
uint64_t input_consumed(const struct input *input);

#endif
