/* utf8 - well-formedness as The Unicode Standard, table 3-7, has it: no overlong forms, no
 * surrogates, nothing above U+10FFFF. */
#ifndef ACC_BASE_UTF8_H
#define ACC_BASE_UTF8_H

#include "base/slice.h"

#include <stdint.h>

/* Length in bytes (1 to 4) of the well-formed sequence at p[0..n), or 0 when there is none. */
size_t utf8_sequence(const char *p, size_t n);

/* The first byte offset at which text is not UTF-8, or text.n when all of it is. */
size_t utf8_valid_prefix(struct slice text);

/* At most max bytes of text, cut between characters. */
struct slice utf8_cut(struct slice text, size_t max);

/* Write code point c at out (room for 4 bytes); the number of bytes written. A lone surrogate is
 * written as its three-byte generalised form, so that texts which differ stay different. */
size_t utf8_encode(uint32_t c, char *out);

#endif
