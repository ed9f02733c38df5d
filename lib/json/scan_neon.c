/* Blocks of 64 bytes in four NEON registers. */
#if defined(__aarch64__)
#include <arm_neon.h>

#include "json/scan_private.h"

static inline uint32_t
trailing_zeros(uint64_t bits)
{
	return (uint32_t)__builtin_ctzll(bits | 1ull << 63);
}

struct block {
	uint8x16_t v[4];
};

static inline struct block
block_load(const char *p)
{
	const uint8_t *u = (const uint8_t *)p;

	return (struct block){{vld1q_u8(u), vld1q_u8(u + 16), vld1q_u8(u + 32), vld1q_u8(u + 48)}};
}

static inline uint64_t
prefix_xor(uint64_t bits)
{
	for (int shift = 1; shift < 64; shift *= 2)
		bits ^= bits << shift;
	return bits;
}

/* A bit per byte of four registers whose bytes are 0 or 255. */
static inline uint64_t
mask(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
	const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	uint8x16_t ab = vpaddq_u8(vandq_u8(a, bit), vandq_u8(b, bit));
	uint8x16_t cd = vpaddq_u8(vandq_u8(c, bit), vandq_u8(d, bit));
	uint8x16_t all = vpaddq_u8(ab, cd);

	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
}

static inline uint64_t
equal(const struct block *b, char c)
{
	uint8x16_t all = vdupq_n_u8((uint8_t)c);

	return mask(vceqq_u8(b->v[0], all), vceqq_u8(b->v[1], all), vceqq_u8(b->v[2], all), vceqq_u8(b->v[3], all));
}

static inline uint8x16_t
is_space(uint8x16_t v)
{
	return vorrq_u8(vorrq_u8(vceqq_u8(v, vdupq_n_u8(' ')), vceqq_u8(v, vdupq_n_u8('\n'))),
		vorrq_u8(vceqq_u8(v, vdupq_n_u8('\r')), vceqq_u8(v, vdupq_n_u8('\t'))));
}

static inline uint8x16_t
is_operator(uint8x16_t v)
{
	uint8x16_t brace = vorrq_u8(v, vdupq_n_u8(0x20)); /* [ and ] differ from { and } in this bit */

	return vorrq_u8(vorrq_u8(vceqq_u8(brace, vdupq_n_u8('{')), vceqq_u8(brace, vdupq_n_u8('}'))),
		vorrq_u8(vceqq_u8(v, vdupq_n_u8(':')), vceqq_u8(v, vdupq_n_u8(','))));
}

static inline struct classes
classify(const struct block *b)
{
	const uint8x16_t *v = b->v, space = vdupq_n_u8(0x20);
	uint8x16_t any = vorrq_u8(vorrq_u8(v[0], v[1]), vorrq_u8(v[2], v[3]));

	return (struct classes){
		.quotes = equal(b, '"'),
		.backslashes = equal(b, '\\'),
		.spaces = mask(is_space(v[0]), is_space(v[1]), is_space(v[2]), is_space(v[3])),
		.operators = mask(is_operator(v[0]), is_operator(v[1]), is_operator(v[2]), is_operator(v[3])),
		.controls = mask(
			vcltq_u8(v[0], space), vcltq_u8(v[1], space), vcltq_u8(v[2], space), vcltq_u8(v[3], space)),
		.ascii = vmaxvq_u8(any) < 0x80,
	};
}

/* The kinds of fault that two neighbouring bytes can show; see scan_avx2.c for the same tables. */
enum {
	TOO_SHORT = 1 << 0,
	TOO_LONG = 1 << 1,
	OVERLONG_3 = 1 << 2,
	TOO_LARGE = 1 << 3,
	SURROGATE = 1 << 4,
	OVERLONG_2 = 1 << 5,
	TOO_LARGE_1000 = 1 << 6,
	OVERLONG_4 = 1 << 6,
	TWO_CONTINUATIONS = 1 << 7,
	CARRY = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS,
};

static inline uint8x16_t
utf8_faults(uint8x16_t now, uint8x16_t previous)
{
	const uint8x16_t by_first_high = {TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
		TOO_LONG, TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS,
		TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
		TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4};
	const uint8x16_t by_first_low = {CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, CARRY | OVERLONG_2, CARRY, CARRY,
		CARRY | TOO_LARGE, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
		CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
		CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
		CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
		CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE, CARRY | TOO_LARGE | TOO_LARGE_1000,
		CARRY | TOO_LARGE | TOO_LARGE_1000};
	const uint8x16_t by_second_high = {TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
		TOO_SHORT, TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,
		TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE,
		TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE,
		TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE, TOO_SHORT, TOO_SHORT, TOO_SHORT,
		TOO_SHORT};
	uint8x16_t first = vextq_u8(previous, now, 15);
	uint8x16_t pair = vandq_u8(vandq_u8(vqtbl1q_u8(by_first_high, vshrq_n_u8(first, 4)),
					   vqtbl1q_u8(by_first_low, vandq_u8(first, vdupq_n_u8(15)))),
		vqtbl1q_u8(by_second_high, vshrq_n_u8(now, 4)));
	uint8x16_t third = vqsubq_u8(vextq_u8(previous, now, 14), vdupq_n_u8(0xe0 - 0x80));
	uint8x16_t fourth = vqsubq_u8(vextq_u8(previous, now, 13), vdupq_n_u8(0xf0 - 0x80));

	return veorq_u8(vandq_u8(vorrq_u8(third, fourth), vdupq_n_u8(0x80)), pair);
}

struct utf8_check {
	uint8x16_t previous;   /* the 16 bytes before */
	uint8x16_t incomplete; /* not zero where the block before ended within a sequence */
};

static inline struct utf8_check
utf8_start(const struct scan_index *index, bool first)
{
	if (first)
		return (struct utf8_check){vdupq_n_u8(0), vdupq_n_u8(0)};
	return (struct utf8_check){vld1q_u8(index->utf8_state), vld1q_u8(index->utf8_state + 16)};
}

static inline void
utf8_keep(const struct utf8_check *check, struct scan_index *index)
{
	vst1q_u8(index->utf8_state, check->previous);
	vst1q_u8(index->utf8_state + 16, check->incomplete);
}

/* true: something up to this block is not UTF-8. */
static inline bool
utf8_block(struct utf8_check *check, const struct block *b, bool ascii)
{
	const uint8x16_t most = {
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0xf0 - 1, 0xe0 - 1, 0xc0 - 1};
	uint8x16_t faults = check->incomplete;

	if (ascii) {
		check->incomplete = vdupq_n_u8(0);
	} else {
		faults = vorrq_u8(vorrq_u8(utf8_faults(b->v[0], check->previous), utf8_faults(b->v[1], b->v[0])),
			vorrq_u8(utf8_faults(b->v[2], b->v[1]), utf8_faults(b->v[3], b->v[2])));
		check->incomplete = vqsubq_u8(b->v[3], most);
	}
	check->previous = b->v[3];
	return vmaxvq_u8(faults) != 0;
}

#include "json/scan_index.h"

DEFINE_SCAN_INDEXER(scan_index_neon)
#else
typedef int scan_neon_is_for_aarch64;
#endif
