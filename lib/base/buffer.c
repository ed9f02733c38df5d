#include "base/buffer.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

void
buffer_free(struct buffer *b)
{
	free(b->p);
	*b = (struct buffer){0};
}

void
buffer_wipe(struct buffer *b)
{
	if (b->p)
		explicit_bzero(b->p, b->capacity);
	buffer_free(b);
}

void
buffer_grow(struct buffer *b, size_t more)
{
	size_t capacity = b->capacity ? b->capacity : 64;
	size_t need;

	if (__builtin_add_overflow(b->n, more, &need))
		need = SIZE_MAX;
	while (capacity < need)
		if (__builtin_mul_overflow(capacity, (size_t)2, &capacity))
			capacity = SIZE_MAX;
	b->p = memory_resize(b->p, capacity, 1);
	b->capacity = capacity;
}

void
buffer_add(struct buffer *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	buffer_reserve(b, n);
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void
buffer_add_slice(struct buffer *b, struct slice s)
{
	buffer_add(b, s.p, s.n);
}

void
buffer_add_string(struct buffer *b, const char *s)
{
	buffer_add(b, s, strlen(s));
}

void
buffer_add_number(struct buffer *b, uint64_t number)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + number % 10);
	while (number /= 10);
	buffer_add(b, digits + i, sizeof(digits) - i);
}

void
buffer_format(struct buffer *b, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	buffer_format_list(b, format, list);
	va_end(list);
}

void
buffer_format_list(struct buffer *b, const char *format, va_list list)
{
	va_list again;
	int n;

	va_copy(again, list);
	buffer_reserve(b, 64);
	n = vsnprintf(b->p + b->n, b->capacity - b->n, format, list);
	if (n >= 0 && (size_t)n >= b->capacity - b->n) {
		buffer_reserve(b, (size_t)n + 1);
		n = vsnprintf(b->p + b->n, b->capacity - b->n, format, again);
	}
	va_end(again);
	if (n > 0)
		b->n += (size_t)n;
}

const char *
buffer_string(struct buffer *b)
{
	buffer_reserve(b, 1);
	b->p[b->n] = '\0';
	return b->p;
}

char *
buffer_give(struct buffer *b)
{
	char *p;

	buffer_string(b);
	p = b->p;
	*b = (struct buffer){0};
	return p;
}

/* How many bytes at p need no escape in a JSON string. */
static size_t
plain_bytes(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c < 0x20 || c == '"' || c == '\\' || c >= 0x80)
			break;
	}
	return i;
}

static void
add_json_escape(struct buffer *b, char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = memchr(from, c, sizeof(from) - 1);

	if ((unsigned char)c >= 0x80) {
		buffer_add_string(b, "\xEF\xBF\xBD");
	} else if (at) {
		buffer_add_byte(b, '\\');
		buffer_add_byte(b, to[at - from]);
	} else {
		buffer_format(b, "\\u%04x", (unsigned)c);
	}
}

void
buffer_add_json_string(struct buffer *b, struct slice text)
{
	const char *p = text.p;
	size_t n = text.n, step;

	buffer_reserve(b, n < SIZE_MAX - 2 ? n + 2 : n);
	buffer_add_byte(b, '"');
	while (n > 0) {
		step = plain_bytes(p, n);
		if (step == 0 && (unsigned char)*p >= 0x80)
			step = utf8_sequence(p, n);
		if (step > 0) {
			buffer_add(b, p, step);
		} else {
			add_json_escape(b, *p);
			step = 1;
		}
		p += step;
		n -= step;
	}
	buffer_add_byte(b, '"');
}

void
buffer_add_json_member(struct buffer *b, const char *name, const char *text)
{
	buffer_format(b, "%s\"%s\":", b->n && b->p[b->n - 1] == '{' ? "" : ",", name);
	buffer_add_json_string(b, slice_of(text));
}

void
buffer_add_printable(struct buffer *b, struct slice text)
{
	const char *p = text.p;
	size_t n = text.n, step;

	while (n > 0) {
		unsigned char c = (unsigned char)*p;

		step = utf8_sequence(p, n);
		if (step == 0 || c < 0x20 || c == 0x7F) {
			buffer_format(b, "\\x%02x", c);
			step = 1;
		} else if (step == 2 && c == 0xC2 && (unsigned char)p[1] < 0xA0) {
			buffer_format(b, "\\x%02x\\x%02x", c, (unsigned char)p[1]);
		} else {
			buffer_add(b, p, step);
		}
		p += step;
		n -= step;
	}
}

void
buffer_add_base64(struct buffer *b, struct slice bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)bytes.p;
	size_t n = bytes.n;

	for (; n > 0; p += 3) {
		size_t take = n < 3 ? n : 3;
		uint32_t three = (uint32_t)p[0] << 16;

		if (take > 1)
			three |= (uint32_t)p[1] << 8;
		if (take > 2)
			three |= p[2];
		buffer_add_byte(b, digits[three >> 18]);
		buffer_add_byte(b, digits[three >> 12 & 63]);
		buffer_add_byte(b, take > 1 ? digits[three >> 6 & 63] : '=');
		buffer_add_byte(b, take > 2 ? digits[three & 63] : '=');
		n -= take;
	}
}

void
buffer_add_hex(struct buffer *b, const unsigned char *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		buffer_add_byte(b, digits[bytes[i] >> 4]);
		buffer_add_byte(b, digits[bytes[i] & 15]);
	}
}
