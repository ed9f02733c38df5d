/* Blocks of 64 bytes in one AVX-512 register. Compiled for AVX-512 (F, BW, VBMI2), called only
 * where the CPU has it. */
#if defined(__x86_64__)
#include "json/scan_x86.h"

struct block {
	__m512i v;
};

static inline struct block
block_load(const char *p)
{
	return (struct block){_mm512_loadu_si512(p)};
}

static inline struct classes
classify(const struct block *b)
{
	/* by the low four bits, as in scan_avx2.c */
	const __m512i spaces = _mm512_broadcast_i32x4(
		_mm_setr_epi8(' ', 100, 100, 100, 17, 100, 113, 2, 100, '\t', '\n', 112, 100, '\r', 100, 100));
	const __m512i operators =
		_mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
	const __m512i bit5 = _mm512_set1_epi8(0x20);

	return (struct classes){
		.quotes = _mm512_cmpeq_epi8_mask(b->v, _mm512_set1_epi8('"')),
		.backslashes = _mm512_cmpeq_epi8_mask(b->v, _mm512_set1_epi8('\\')),
		.spaces = _mm512_cmpeq_epi8_mask(b->v, _mm512_shuffle_epi8(spaces, b->v)),
		.operators = _mm512_cmpeq_epi8_mask(_mm512_or_si512(b->v, bit5), _mm512_shuffle_epi8(operators, b->v)),
		.controls = _mm512_cmplt_epu8_mask(b->v, bit5),
		.ascii = _mm512_movepi8_mask(b->v) == 0,
	};
}

static inline bool
utf8_block(struct utf8_check *check, const struct block *b, bool ascii)
{
	return utf8_halves(check, _mm512_castsi512_si256(b->v), _mm512_extracti64x4_epi64(b->v, 1), ascii);
}

/* Sixteen at a time; few blocks have more tokens. What follows the last one is overwritten by the
 * next block. */
static inline uint32_t *
write_tokens(uint32_t *out, uint64_t bits, uint32_t at)
{
	const __m512i numbers = _mm512_set_epi64(0x3f3e3d3c3b3a3938, 0x3736353433323130, 0x2f2e2d2c2b2a2928,
		0x2726252423222120, 0x1f1e1d1c1b1a1918, 0x1716151413121110, 0x0f0e0d0c0b0a0908, 0x0706050403020100);
	__m512i base = _mm512_set1_epi32((int)at), places = _mm512_maskz_compress_epi8(bits, numbers);
	unsigned n = (unsigned)_mm_popcnt_u64(bits);

	_mm512_storeu_si512(out, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(places)), base));
	for (unsigned i = 16; __builtin_expect(i < n, 0); i += 16) {
		places = _mm512_alignr_epi64(places, places, 2);
		_mm512_storeu_si512(
			out + i, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(places)), base));
	}
	return out + n;
}

#define SCAN_WRITES_TOKENS
#include "json/scan_index.h"

DEFINE_SCAN_INDEXER(scan_index_avx512)
#else
typedef int scan_avx512_is_for_x86;
#endif
