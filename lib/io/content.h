/* content - the whole text of something small that an option names: a priority list, rules, a jq program.
 *
 * The scheme decides who opens it: a path and file:// are opened here, "-" is standard input; other schemes
 * (s3, dynamodb) by whoever registered. Not thread safe. */
#ifndef ACC_IO_CONTENT_H
#define ACC_IO_CONTENT_H

#include "base/buffer.h"
#include "base/error.h"

#define CONTENT_MAX (64u << 20)

/* Append the text at uri to *out. -1 with *error (STATUS_USAGE when it is not there or longer than CONTENT_MAX,
 * else STATUS_FAILED). */
int content_read(const char *uri, struct buffer *out, struct error *error);

typedef int content_opener(const char *uri, struct buffer *out, struct error *error);
void content_register(const char *scheme, content_opener *opener); /* scheme borrowed, without "://" */

#endif
