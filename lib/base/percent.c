#include "base/percent.h"

static bool
is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
		c == '_' || c == '~';
}

void
percent_encode(struct buffer *out, struct slice text, bool keep_slash)
{
	static const char digits[] = "0123456789ABCDEF";

	buffer_reserve(out, text.n * 3);
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (is_unreserved(text.p[i]) || (keep_slash && c == '/')) {
			buffer_add_byte(out, text.p[i]);
		} else {
			buffer_add_byte(out, '%');
			buffer_add_byte(out, digits[c >> 4]);
			buffer_add_byte(out, digits[c & 15]);
		}
	}
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
percent_byte(struct slice text, size_t i)
{
	int high, low;

	if (i + 2 >= text.n || text.p[i] != '%')
		return -1;
	high = digit(text.p[i + 1]);
	low = digit(text.p[i + 2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

void
form_add(struct buffer *form, struct slice name, struct slice value)
{
	if (form->n)
		buffer_add_byte(form, '&');
	percent_encode(form, name, false);
	buffer_add_byte(form, '=');
	percent_encode(form, value, false);
}

struct slice
form_decode(struct slice text, struct arena *arena)
{
	char *out = arena_get(arena, text.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		int byte = percent_byte(text, i);

		if (byte >= 0)
			i += 2;
		out[n++] = byte >= 0 ? (char)byte : text.p[i] == '+' ? ' ' : text.p[i];
	}
	out[n] = 0;
	return (struct slice){out, n};
}
