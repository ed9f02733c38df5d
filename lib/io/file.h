/* file - open what a local uri names. Thread safe, but for file_is_output. */
#ifndef ACC_IO_FILE_H
#define ACC_IO_FILE_H

#include "base/error.h"
#include "base/instant.h"

#include <stdbool.h>
#include <sys/stat.h>

/* A descriptor that reads name (a path, file:///path or "-") and what fstat(2) says about it. Pipes get a large
 * buffer, files are read ahead. -1 with *error: STATUS_REFUSED and the code "missing" (it is not there), "directory",
 * "bad-uri", "own-output" or "io" where the file alone is at fault, STATUS_FAILED where the next file would fare no
 * better (too many open files, out of memory), and for "-". Gives the descriptor to close(2) unless it is 0. */
int file_open(const char *name, struct stat *st, struct error *error);

/* This process writes to the file behind fd: from now on file_open refuses that file, which would grow as it is read.
 * What is no regular file does not count. Before any file_open; one thread. */
void file_is_output(int fd);

/* Whether errno of open(2) is no fault of the file: the next one would fare no better. */
bool file_is_not_at_fault(int cause);

/* Fill *error for errno as file_open would; returns -1. */
int file_error(const char *name, struct error *error);

struct instant file_time(const struct stat *st); /* of a regular file's last change; else missing */

#endif
