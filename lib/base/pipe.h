/* pipe - what the two ends of a pipe can do for one another.
 *
 * A writer may let the pipe refer to its own memory instead of copying to it (vmsplice(2)), and change that memory as
 * soon as the bytes are read. It must not when the reader passes on what it gets without copying, by splice(2) or
 * tee(2) as pv(1) does: what is on its way there would change, too. So a reader that only reads promises that it does,
 * by a shared lock (fcntl(2)) that the writer can see, and that goes with the reader's process. One process at a time
 * is to read a pipe: of two, the promise of one would be taken for the other's. Thread safe. */
#ifndef ACC_BASE_PIPE_H
#define ACC_BASE_PIPE_H

#include <stdbool.h>
#include <stddef.h>

/* Ask for the largest buffer that users may have, 1 MiB. A wish: they have a quota, and fd may be no pipe. */
void pipe_widen(int fd);

/* The reader's promise: this process copies what comes from fd. It holds until pipe_end_promise, or the process ends or
 * closes any descriptor of this pipe. */
void pipe_promise_to_copy(int fd);
void pipe_end_promise(int fd); /* others may read next */

/* Whether such a promise holds for the pipe that fd writes to. */
bool pipe_is_copied(int fd);

/* Bytes in the pipe that nobody has read; SIZE_MAX when that cannot be told. */
size_t pipe_unread(int fd);

#endif
