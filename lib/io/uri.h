/* uri - how objects are named: a path, file:///path (percent-encoded, RFC 8089), "-" for standard
 * input, or scheme://rest, where the rest is raw (s3://bucket/key). Thread safe: no state. */
#ifndef ACC_IO_URI_H
#define ACC_IO_URI_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>

/* The scheme before "://" (RFC 3986, section 3.1), borrowed from uri; empty when uri is a path. */
struct slice uri_scheme(const char *uri);

/* Whether uri names something in the file system: a path, "-" or file://. */
bool uri_is_local(const char *uri);

/* The path that a local uri names: a path as it stands, file:///path decoded. NULL with *error (STATUS_REFUSED,
 * code "bad-uri") for another host, a broken escape or an encoded NUL. Gives a string to free(3). */
char *uri_local_path(const char *uri, struct error *error);

/* The same for glob_compile: a wildcard that is encoded stands for itself. */
char *uri_local_pattern(const char *uri, struct error *error);

/* Append file:///path for an absolute path: encoded is what RFC 3986 does not allow in a path, and '*', which would
 * be a wildcard. `year=2021` stays as it is. */
void uri_add_file(struct buffer *out, const char *absolute_path);

#endif
