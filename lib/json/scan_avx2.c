/* Blocks of 64 bytes in two AVX2 registers. Compiled for AVX2, called only where the CPU has it. */
#if defined(__x86_64__)
#include "json/scan_x86.h"

static inline uint32_t
trailing_zeros(uint64_t bits)
{
	return (uint32_t)_tzcnt_u64(bits);
}

struct block {
	__m256i low, high;
};

static inline struct block
block_load(const char *p)
{
	return (struct block){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 32))};
}

static inline uint64_t
mask(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

static inline uint64_t
equal(const struct block *b, char c)
{
	__m256i all = _mm256_set1_epi8(c);

	return mask(_mm256_cmpeq_epi8(b->low, all), _mm256_cmpeq_epi8(b->high, all));
}

static inline struct classes
classify(const struct block *b)
{
	/* by the low four bits: the only space, and the only operator (with bit 5 set), that ends in them */
	const __m256i spaces = TWICE(' ', 100, 100, 100, 17, 100, 113, 2, 100, '\t', '\n', 112, 100, '\r', 100, 100);
	const __m256i operators = TWICE(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0);
	const __m256i bit5 = _mm256_set1_epi8(0x20), last_control = _mm256_set1_epi8(0x1f);

	return (struct classes){
		.quotes = equal(b, '"'),
		.backslashes = equal(b, '\\'),
		.spaces = mask(_mm256_cmpeq_epi8(b->low, _mm256_shuffle_epi8(spaces, b->low)),
			_mm256_cmpeq_epi8(b->high, _mm256_shuffle_epi8(spaces, b->high))),
		.operators = mask(
			_mm256_cmpeq_epi8(_mm256_or_si256(b->low, bit5), _mm256_shuffle_epi8(operators, b->low)),
			_mm256_cmpeq_epi8(_mm256_or_si256(b->high, bit5), _mm256_shuffle_epi8(operators, b->high))),
		.controls = mask(_mm256_cmpeq_epi8(_mm256_min_epu8(b->low, last_control), b->low),
			_mm256_cmpeq_epi8(_mm256_min_epu8(b->high, last_control), b->high)),
		.ascii = _mm256_testz_si256(_mm256_or_si256(b->low, b->high), _mm256_set1_epi8((char)0x80)),
	};
}

static inline bool
utf8_block(struct utf8_check *check, const struct block *b, bool ascii)
{
	return utf8_halves(check, b->low, b->high, ascii);
}

#include "json/scan_index.h"

DEFINE_SCAN_INDEXER(scan_index_avx2)
#else
typedef int scan_avx2_is_for_x86;
#endif
