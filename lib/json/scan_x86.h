/* What scan_avx2.c and scan_avx512.c share: UTF-8 in AVX2 registers, and the bits within strings. */
#ifndef ACC_JSON_SCAN_X86_H
#define ACC_JSON_SCAN_X86_H

#include <immintrin.h>

#include "json/scan_private.h"

static inline uint64_t
prefix_xor(uint64_t bits)
{
	__m128i ones = _mm_set1_epi8((char)0xff);

	return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), ones, 0));
}

#define TWICE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

/* The kinds of fault that two neighbouring bytes can show; a fault is one when all three look-ups agree. */
enum {
	TOO_SHORT = 1 << 0,  /* a leading byte, then no continuation */
	TOO_LONG = 1 << 1,   /* ASCII, then a continuation */
	OVERLONG_3 = 1 << 2, /* e0 then below a0 */
	TOO_LARGE = 1 << 3,  /* f4 then above 8f; or f5 and more */
	SURROGATE = 1 << 4,  /* ed then a0 and more */
	OVERLONG_2 = 1 << 5, /* c0 or c1 */
	TOO_LARGE_1000 = 1 << 6,
	OVERLONG_4 = 1 << 6, /* f0 then below 90 */
	TWO_CONTINUATIONS = 1 << 7,
	CARRY = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS, /* whatever the low bits of the first byte */
};

static inline __m256i
shifted(__m256i now, __m256i previous, int n)
{
	__m256i across = _mm256_permute2x128_si256(previous, now, 0x21);

	switch (n) {
	case 1: return _mm256_alignr_epi8(now, across, 15);
	case 2: return _mm256_alignr_epi8(now, across, 14);
	default: return _mm256_alignr_epi8(now, across, 13);
	}
}

static inline __m256i
utf8_faults(__m256i now, __m256i previous)
{
	const __m256i low4 = _mm256_set1_epi8(0x0f);
	const __m256i by_first_high = TWICE(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
		TOO_LONG, (char)TWO_CONTINUATIONS, (char)TWO_CONTINUATIONS, (char)TWO_CONTINUATIONS,
		(char)TWO_CONTINUATIONS, TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
		TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4);
	const __m256i by_first_low = TWICE((char)(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4),
		(char)(CARRY | OVERLONG_2), (char)CARRY, (char)CARRY, (char)(CARRY | TOO_LARGE),
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
		(char)(CARRY | TOO_LARGE | TOO_LARGE_1000));
	const __m256i by_second_high =
		TWICE(TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
			(char)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4),
			(char)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE),
			(char)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE),
			(char)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE), TOO_SHORT, TOO_SHORT,
			TOO_SHORT, TOO_SHORT);
	__m256i first = shifted(now, previous, 1);
	__m256i pair = _mm256_and_si256(_mm256_and_si256(_mm256_shuffle_epi8(by_first_high,
								 _mm256_and_si256(_mm256_srli_epi16(first, 4), low4)),
						_mm256_shuffle_epi8(by_first_low, _mm256_and_si256(first, low4))),
		_mm256_shuffle_epi8(by_second_high, _mm256_and_si256(_mm256_srli_epi16(now, 4), low4)));
	/* the third and fourth bytes of a sequence must be continuations; no others may follow a continuation */
	__m256i third = _mm256_subs_epu8(shifted(now, previous, 2), _mm256_set1_epi8((char)(0xe0 - 0x80)));
	__m256i fourth = _mm256_subs_epu8(shifted(now, previous, 3), _mm256_set1_epi8((char)(0xf0 - 0x80)));
	__m256i must = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));

	return _mm256_xor_si256(must, pair);
}

/* Not zero where the last bytes begin a sequence that is not complete. */
static inline __m256i
unfinished(__m256i b)
{
	const __m256i most = _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
		-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, (char)(0xf0 - 1), (char)(0xe0 - 1), (char)(0xc0 - 1));

	return _mm256_subs_epu8(b, most);
}

struct utf8_check {
	__m256i previous;   /* the 32 bytes before */
	__m256i incomplete; /* not zero where the block before ended within a sequence */
};

static inline struct utf8_check
utf8_start(const struct scan_index *index, bool first)
{
	struct utf8_check check = {_mm256_setzero_si256(), _mm256_setzero_si256()};

	if (!first) {
		check.previous = _mm256_loadu_si256((const __m256i *)index->utf8_state);
		check.incomplete = _mm256_loadu_si256((const __m256i *)(index->utf8_state + 32));
	}
	return check;
}

static inline void
utf8_keep(const struct utf8_check *check, struct scan_index *index)
{
	_mm256_storeu_si256((__m256i *)index->utf8_state, check->previous);
	_mm256_storeu_si256((__m256i *)(index->utf8_state + 32), check->incomplete);
}

/* true: something up to this block is not UTF-8. */
static inline bool
utf8_halves(struct utf8_check *check, __m256i low, __m256i high, bool ascii)
{
	__m256i faults;

	if (ascii) {
		faults = check->incomplete;
		check->incomplete = _mm256_setzero_si256();
	} else {
		faults = _mm256_or_si256(utf8_faults(low, check->previous), utf8_faults(high, low));
		check->incomplete = unfinished(high);
	}
	check->previous = high;
	return !_mm256_testz_si256(faults, faults);
}

#endif
