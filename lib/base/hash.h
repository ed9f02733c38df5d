/* hash - of bytes to 64 bits. */
#ifndef ACC_BASE_HASH_H
#define ACC_BASE_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/slice.h"

#include <stdint.h>

/* For tables in memory: XXH3, which may differ between versions and machines. */
static inline uint64_t
hash_slice(struct slice s)
{
	return XXH3_64bits(s.p, s.n);
}

/* For what leaves the process: XXH64 with seed 0, the same everywhere. */
static inline uint64_t
hash_slice_for_all(struct slice s)
{
	return XXH64(s.p ? s.p : "", s.n, 0);
}

#endif
