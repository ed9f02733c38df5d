/* glob - the patterns of sources and of --include and --exclude.
 *
 * `*` matches any run of characters within one path segment, `?` one character of it, `[a-z]` one of a set
 * (`[!a-z]` or `[^a-z]`: one outside of it, never '/'), `**` any run across segments; a whole segment `**`
 * matches any number of segments, none too. `\` takes the next character literally; a '[' without its ']' is
 * literal. A leading dot is like any other character. Characters are those of UTF-8; a byte that is none counts
 * as one. Matching takes time in proportion to the length of the text times that of the pattern, whatever the
 * pattern. */
#ifndef ACC_IO_GLOB_H
#define ACC_IO_GLOB_H

#include "base/slice.h"

struct glob;

bool glob_is_pattern(const char *text);        /* has one of * ? [ */
size_t glob_fixed_prefix(const char *pattern); /* bytes up to and with the last '/' before the first of * ? [ \ */

struct glob *glob_compile(const char *pattern); /* gives a pattern to glob_free; used by one thread at a time */
void glob_free(struct glob *glob);              /* NULL is fine */
bool glob_matches(struct glob *glob, struct slice text);
/* Whether some text that begins with prefix could match: for leaving out whole directories. */
bool glob_may_match_below(struct glob *glob, struct slice prefix);

#endif
