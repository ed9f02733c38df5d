/* The index over one block of 64 bytes after another, on top of what a CPU's vectors can tell about a block.
 * Included by scan_avx2.c and scan_neon.c, which provide
 *
 *     struct block;                     the 64 bytes in registers
 *     static inline struct block block_load(const char *p);
 *     static inline struct classes classify(const struct block *b);
 *     static inline uint64_t prefix_xor(uint64_t bits);
 *     static inline uint32_t trailing_zeros(uint64_t bits);   anything for 0; or, with SCAN_WRITES_TOKENS defined,
 *     static inline uint32_t *write_tokens(uint32_t *out, uint64_t bits, uint32_t at);   may write 16 beyond them
 *     static inline void utf8_start/utf8_block/utf8_finish ...
 *
 * The method is that of Langdale and Lemire, "Parsing gigabytes of JSON per second" (VLDB Journal 28, 2019), and of
 * Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte" (Software: Practice and Experience 51,
 * 2021). */
#ifndef ACC_JSON_SCAN_INDEX_H
#define ACC_JSON_SCAN_INDEX_H

#include "json/scan_private.h"

/* Bits of the characters that a backslash escapes, given the bits of all backslashes; carries over blocks. */
static inline uint64_t
escaped_characters(uint64_t backslashes, uint64_t *carry)
{
	const uint64_t even = 0x5555555555555555ull;
	uint64_t follows, odd_starts, even_carries, invert;

	if (!backslashes) {
		uint64_t escaped = *carry;
		*carry = 0;
		return escaped;
	}
	backslashes &= ~*carry;
	follows = backslashes << 1 | *carry;
	odd_starts = backslashes & ~even & ~follows;
	*carry = __builtin_add_overflow(odd_starts, backslashes, &even_carries);
	invert = even_carries << 1;
	return (even ^ invert) & follows;
}

/* Is the escape whose backslash is at p one of RFC 8259? What lies beyond limit is taken for good: the string cannot
 * end within the text then. */
static inline bool
escape_is_good(const char *p, const char *limit)
{
	static const char ones[] = "\"\\/bfnrt";

	if (p + 1 >= limit)
		return true;
	if (p[1] != 'u')
		return memchr(ones, p[1], sizeof(ones) - 1) != NULL;
	for (int i = 2; i < 6 && p + i < limit; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'f')))
			return false;
	return true;
}

static inline void
note_bad(struct scan_index *index, size_t offset)
{
	if (offset < index->bad_from)
		index->bad_from = offset;
}

static inline void
check_escapes(struct scan_index *index, uint64_t escaped, const char *text, size_t at, size_t limit)
{
	for (; escaped; escaped &= escaped - 1) {
		size_t character = at + (size_t)__builtin_ctzll(escaped);
		if (!escape_is_good(text + character - 1, text + limit))
			note_bad(index, character - 1);
	}
}

#ifndef SCAN_WRITES_TOKENS
static inline uint32_t *
write_tokens(uint32_t *out, uint64_t bits, uint32_t at)
{
	int n = __builtin_popcountll(bits);

	for (int base = 0; base < n; base += 8)
		for (int i = 0; i < 8; i++) {
			out[base + i] = at + trailing_zeros(bits);
			bits &= bits - 1;
		}
	return out + n;
}
#endif

/* bits that lie outside of the text (the padding of the last block) are masked away by `inside`. */
static inline __attribute__((always_inline)) uint32_t *
index_block(struct scan_index *index, struct classes c, uint64_t inside, const char *text, size_t at, size_t limit,
	uint32_t *out)
{
	uint64_t escaped = escaped_characters(c.backslashes, &index->escaped);
	uint64_t quotes = c.quotes & ~escaped;
	uint64_t in_string = prefix_xor(quotes) ^ index->in_string; /* opening quote in, closing quote out */
	uint64_t scalars = ~(c.operators | c.spaces);
	uint64_t nonquote = scalars & ~quotes;
	uint64_t follows = nonquote << 1 | index->scalar;
	uint64_t starts = (c.operators | (scalars & ~follows)) & ~(in_string ^ quotes) & inside;
	uint64_t control = c.controls & in_string & inside;

	if (__builtin_expect(c.backslashes != 0 || escaped != 0, 0)) {
		index->backslashes = true;
		check_escapes(index, escaped & inside, text, at, limit);
	}
	if (__builtin_expect(control != 0, 0))
		note_bad(index, at + (size_t)__builtin_ctzll(control));
	index->in_string = 0 - (in_string >> 63);
	index->scalar = nonquote >> 63;
	return write_tokens(out, starts, (uint32_t)at);
}

#define PREFETCH_BYTES 4096 /* ahead: the tokens are walked before the next block is wanted */

/* One step of the loop. The state is kept in a local copy: stores to the tokens could alias the caller's. */
#define SCAN_INDEX_BLOCK(from, inside)                                        \
	do {                                                                  \
		__builtin_prefetch(text + at + PREFETCH_BYTES);               \
		struct block block = block_load(from);                        \
		struct classes c = classify(&block);                          \
		out = index_block(&index, c, inside, text, at, limit, out);   \
		if (__builtin_expect(utf8_block(&check, &block, c.ascii), 0)) \
			note_bad(&index, at < 3 ? 0 : at - 3);                \
	} while (0)

#define DEFINE_SCAN_INDEXER(name)                                                      \
	void name(struct scan_index *kept, const char *text, size_t end, size_t limit) \
	{                                                                              \
		struct scan_index index = *kept;                                       \
		uint32_t *out = index.tokens + index.n;                                \
		size_t at = index.bytes;                                               \
		struct utf8_check check = utf8_start(&index, at == 0);                 \
		for (; at + 64 <= end; at += 64)                                       \
			SCAN_INDEX_BLOCK(text + at, ~0ull);                            \
		if (at < end) {                                                        \
			char padded[64];                                               \
			memset(padded, ' ', sizeof(padded));                           \
			memcpy(padded, text + at, end - at);                           \
			SCAN_INDEX_BLOCK(padded, (1ull << (end - at)) - 1);            \
		}                                                                      \
		utf8_keep(&check, &index);                                             \
		index.n = (size_t)(out - index.tokens);                                \
		index.bytes = end;                                                     \
		*kept = index;                                                         \
	}

#endif
