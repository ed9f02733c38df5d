/* arena - memory for what lives and dies together. Zero-initialised is empty and ready.
 * Not thread safe; give each thread its own. */
#ifndef ACC_BASE_ARENA_H
#define ACC_BASE_ARENA_H

#include "base/slice.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	char *next, *end;           /* free room in the newest chunk */
	size_t bytes;               /* owned, all chunks */
};

/* Borrow bytes aligned to 8, until arena_free or arena_reset. Ends the command when memory is out. */
void *arena_get(struct arena *a, size_t bytes);
struct slice arena_copy(struct arena *a, struct slice s);        /* borrows a copy of s */
struct slice arena_copy_string(struct arena *a, struct slice s); /* the same, with a NUL behind it */
void arena_reset(struct arena *a);                               /* forgets everything, keeps one chunk for reuse */
void arena_free(struct arena *a);                                /* releases everything; a is empty and usable */
void arena_wipe(struct arena *a); /* as arena_free, after overwriting everything: it held a secret */

#endif
