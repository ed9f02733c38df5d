/* put_source - a file that is to be stored, and what its line of a manifest says of it. Thread safe. */
#ifndef ACC_IO_PUT_SOURCE_H
#define ACC_IO_PUT_SOURCE_H

#include "base/error.h"
#include "io/manifest.h"

#include <stdbool.h>

/* Gives a descriptor, and line->bytes; or -1 with *error: STATUS_REFUSED where the file is at fault, with the code
 * "missing" where it is not there, or not as large as the line says. */
int put_source_open(struct manifest_line *line, struct error *error);

/* See to it that the line says all there is to know: the records, unless the file is compressed, and the sha256. */
int put_source_complete(int fd, struct manifest_line *line, struct error *error);

/* -1 with *error where the file's sha256 is another. */
int put_source_check(int fd, const char *sha256, struct error *error);

/* Whether path names the file behind fd itself, and no symbolic link does: removing that would leave the file. */
bool put_source_is_named(const char *path, int fd);

/* Whether path lies where it is to be stored, and is the object itself: 1 or 0, or -1 with errno where that cannot be
 * told. */
int put_source_is_object(const char *path, const char *uri);

#endif
