/* keytemplate - the key of an object from a template such as 'year=%Y/month=%m/day=%d/{name}'. Pure
 * functions.
 *
 *   %Y %m %d %H %M %S   year, month, day, hour, minute, second (UTC)
 *   %j %y %F %T         day of the year, two-digit year, %Y-%m-%d, %H:%M:%S
 *   %s %f               seconds, microseconds since the epoch
 *   {name}              the file's name
 *   {base} {ext}        that before its first dot, and from that dot on ("" without one)
 *   {shard}             the manifest's shard number, from 0
 *   %% {{ }}            a percent sign, a brace */
#ifndef ACC_IO_KEYTEMPLATE_H
#define ACC_IO_KEYTEMPLATE_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdint.h>

#define KEY_DEFAULT "year=%Y/month=%m/day=%d/{name}"

struct key_values {
	int64_t at_us;     /* microseconds since the epoch */
	struct slice name; /* without directories; p NULL: {name}, {base} and {ext} are not allowed */
	uint32_t shard;    /* or MANIFEST_NO_SHARD: then {shard} is refused */
};

/* 0, or -1 with *error (STATUS_USAGE) when the template holds anything else, or words in braces without names_allowed.
 */
int key_check(const char *option, const char *template, bool names_allowed, struct error *error);

/* Append the key to *out. template has passed key_check. -1 with *error (STATUS_REFUSED, code
 * "no-shard"). */
int key_expand(const char *template, const struct key_values *values, struct buffer *out, struct error *error);

/* Append the attempt-th other name (from 1) for a key that is taken: a number of 16 digits in the
 * last segment, the microsecond, advances by attempt; without one "-ATTEMPT" stands before the
 * first dot of that segment. */
void key_advance(struct slice key, uint64_t attempt, struct buffer *out);

#endif
