#include "base/utf8.h"

#include <stdbool.h>

static bool
continues(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

size_t
utf8_sequence(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xC2 || p[0] > 0xF4 || n < 2 || !continues(p[1]))
		return 0;
	if (p[0] < 0xE0)
		return 2;
	if (n < 3 || !continues(p[2]))
		return 0;
	if (p[0] < 0xF0) {
		if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F))
			return 0;
		return 3;
	}
	if (n < 4 || !continues(p[3]))
		return 0;
	if ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
		return 0;
	return 4;
}

size_t
utf8_valid_prefix(struct slice text)
{
	size_t i = 0, step;
	uint64_t eight;

	while (i < text.n) {
		if (text.n - i >= sizeof(eight)) {
			memcpy(&eight, text.p + i, sizeof(eight));
			if (!(eight & UINT64_C(0x8080808080808080))) {
				i += sizeof(eight);
				continue;
			}
		}
		step = utf8_sequence(text.p + i, text.n - i);
		if (step == 0)
			break;
		i += step;
	}
	return i;
}

struct slice
utf8_cut(struct slice text, size_t max)
{
	if (text.n <= max)
		return text;
	for (int i = 0; i < 3 && max > 0 && (text.p[max] & 0xc0) == 0x80; i++)
		max--;
	return (struct slice){text.p, max};
}

size_t
utf8_encode(uint32_t c, char *out)
{
	if (c > 0x10FFFF)
		c = 0xFFFD;
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xE0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3F));
		out[2] = (char)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3F));
	out[2] = (char)(0x80 | (c >> 6 & 0x3F));
	out[3] = (char)(0x80 | (c & 0x3F));
	return 4;
}
