/* percent - bytes as "%XX": percent-encoding (RFC 3986, 2.1) and the encoding of forms, where '+' is a space (WHATWG
 * URL, application/x-www-form-urlencoded). */
#ifndef ACC_BASE_PERCENT_H
#define ACC_BASE_PERCENT_H

#include "base/arena.h"
#include "base/buffer.h"

#include <stdbool.h>

/* Append text encoded but for A-Z a-z 0-9 - . _ ~ and, when asked, '/'. */
void percent_encode(struct buffer *out, struct slice text, bool keep_slash);

/* The byte that is encoded at place i of text, or -1 where no '%' with two digits stands. */
int percent_byte(struct slice text, size_t i);

/* Append a field of a form or a query, both encoded: name=value, with '&' between it and what is there. */
void form_add(struct buffer *form, struct slice name, struct slice value);

/* Decode what a form has. A '%' that no two digits follow stands for itself. NUL-terminated, borrowed from arena. */
struct slice form_decode(struct slice text, struct arena *arena);

#endif
