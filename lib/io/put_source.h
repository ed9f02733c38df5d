/* put_source - a file that is to be stored, and what its line of a manifest says of it. Thread safe. */
#ifndef ACC_IO_PUT_SOURCE_H
#define ACC_IO_PUT_SOURCE_H

#include "base/error.h"
#include "io/manifest.h"

#include <sys/stat.h>

/* Gives a descriptor, line->bytes, and in *opened what the file was like; or -1 with *error: STATUS_REFUSED where the
 * file is at fault, with the code "missing" where it is not there, or not as large as the line says. */
int put_source_open(struct manifest_line *line, struct stat *opened, struct error *error);

/* See to it that the line says all there is to know: the records, unless the file is compressed, and the sha256. */
int put_source_complete(int fd, struct manifest_line *line, struct error *error);

/* -1 with *error where the file's sha256 is another. */
int put_source_check(int fd, const char *sha256, struct error *error);

/* Remove what was opened by this path (NULL: could not be) and is stored at uri (NULL: elsewhere than it lies), unless
 * it lies there itself. NULL, or why it stays: it has changed since, or what the system says. */
const char *put_source_remove(const char *path, const struct stat *opened, const char *uri);

#endif
