#include "base/arena.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>

#define CHUNK_MIN (64 * 1024)
#define CHUNK_MAX (1024 * 1024)

struct arena_chunk {
	struct arena_chunk *older;
	size_t bytes; /* of room */
	_Alignas(8) char room[];
};

static struct arena_chunk *
new_chunk(struct arena *a, size_t bytes)
{
	struct arena_chunk *chunk = memory_get_bulk(sizeof(*chunk) + bytes);

	chunk->bytes = bytes;
	a->bytes += bytes;
	return chunk;
}

static void
use_chunk(struct arena *a, struct arena_chunk *chunk)
{
	a->chunks = chunk;
	a->next = chunk->room;
	a->end = chunk->room + chunk->bytes;
}

/* Chunks grow with the arena, so that their number stays small. */
static size_t
next_chunk_bytes(const struct arena *a)
{
	if (a->bytes < CHUNK_MIN)
		return CHUNK_MIN;
	return a->bytes < CHUNK_MAX ? a->bytes : CHUNK_MAX;
}

void *
arena_get(struct arena *a, size_t bytes)
{
	size_t chunk_bytes = next_chunk_bytes(a);
	struct arena_chunk *chunk;
	char *p;

	if (bytes > SIZE_MAX / 2)
		return memory_get(bytes); /* ends the command */
	bytes = (bytes + 7) & ~(size_t)7;
	if (a->next && bytes <= (size_t)(a->end - a->next)) {
		p = a->next;
		a->next += bytes;
		return p;
	}
	if (a->chunks && bytes > chunk_bytes / 4) {
		/* A chunk of its own, behind the newest, whose room is still of use. */
		chunk = new_chunk(a, bytes);
		chunk->older = a->chunks->older;
		a->chunks->older = chunk;
		return chunk->room;
	}
	chunk = new_chunk(a, bytes > chunk_bytes ? bytes : chunk_bytes);
	chunk->older = a->chunks;
	use_chunk(a, chunk);
	a->next += bytes;
	return chunk->room;
}

struct slice
arena_copy(struct arena *a, struct slice s)
{
	char *p = arena_get(a, s.n);

	if (s.n)
		memcpy(p, s.p, s.n);
	return (struct slice){p, s.n};
}

struct slice
arena_copy_string(struct arena *a, struct slice s)
{
	char *p = arena_get(a, s.n + 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = 0;
	return (struct slice){p, s.n};
}

static void
free_chunks(struct arena_chunk *chunk)
{
	while (chunk) {
		struct arena_chunk *older = chunk->older;

		memory_free_bulk(chunk, sizeof(*chunk) + chunk->bytes);
		chunk = older;
	}
}

void
arena_reset(struct arena *a)
{
	if (!a->chunks)
		return;
	free_chunks(a->chunks->older);
	a->chunks->older = NULL;
	a->bytes = a->chunks->bytes;
	use_chunk(a, a->chunks);
}

void
arena_free(struct arena *a)
{
	free_chunks(a->chunks);
	*a = (struct arena){0};
}

void
arena_wipe(struct arena *a)
{
	for (struct arena_chunk *chunk = a->chunks; chunk; chunk = chunk->older)
		explicit_bzero(chunk->room, chunk->bytes);
	arena_free(a);
}
