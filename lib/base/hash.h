/* hash - 64-bit XXH3 for tables in memory. Not for anything that leaves the process. */
#ifndef ACC_BASE_HASH_H
#define ACC_BASE_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/slice.h"

#include <stdint.h>

static inline uint64_t
hash_slice(struct slice s)
{
	return XXH3_64bits(s.p, s.n);
}

#endif
