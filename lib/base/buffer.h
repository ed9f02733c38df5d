/* buffer - bytes that grow at the end. Zero-initialised is empty and ready:
 *
 *     struct buffer b = {0};
 *     buffer_add_string(&b, "uri=");
 *     buffer_add_json_string(&b, name);
 *     ...
 *     buffer_free(&b);
 *
 * Growing never fails in the caller's sight (see memory.h). Not thread safe. */
#ifndef ACC_BASE_BUFFER_H
#define ACC_BASE_BUFFER_H

#include "base/slice.h"

#include <stdarg.h>
#include <stdint.h>

struct buffer {
	char *p;         /* owned; not NUL-terminated unless buffer_string was called */
	size_t n;        /* bytes in use */
	size_t capacity; /* bytes owned */
};

void buffer_free(struct buffer *b);              /* releases the bytes; b is empty and usable */
void buffer_wipe(struct buffer *b);              /* the same, after overwriting them: it held a secret */
void buffer_grow(struct buffer *b, size_t more); /* see buffer_reserve */
void buffer_add(struct buffer *b, const void *p, size_t n);
void buffer_add_slice(struct buffer *b, struct slice s);
void buffer_add_string(struct buffer *b, const char *s);
void buffer_add_number(struct buffer *b, uint64_t number); /* decimal */
void buffer_format(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_format_list(struct buffer *b, const char *format, va_list list) __attribute__((format(printf, 2, 0)));
const char *buffer_string(struct buffer *b); /* borrows: NUL-terminated until the next call */
char *buffer_give(struct buffer *b);         /* gives a NUL-terminated string to free(3); b is empty */

/* Have room for more bytes, so that they are added without moving. */
static inline void
buffer_reserve(struct buffer *b, size_t more)
{
	if (more > b->capacity - b->n)
		buffer_grow(b, more);
}

static inline struct slice
buffer_slice(const struct buffer *b)
{
	return (struct slice){b->p, b->n};
}

static inline void
buffer_add_byte(struct buffer *b, char c)
{
	if (b->n == b->capacity)
		buffer_reserve(b, 1);
	b->p[b->n++] = c;
}

/* Add text as a JSON string with its quotes (RFC 8259, section 7). What is not UTF-8 becomes U+FFFD,
 * so that the line stays valid JSON whatever a file or a server sent. */
void buffer_add_json_string(struct buffer *b, struct slice text);

/* Add a member of a JSON object, "name":"text", behind a comma unless the object was just opened. */
void buffer_add_json_member(struct buffer *b, const char *name, const char *text);

/* Add text for a person's terminal: control characters (C0, DEL, C1) and bytes that are not UTF-8
 * appear as \xNN, so that no input can drive the terminal. */
void buffer_add_printable(struct buffer *b, struct slice text);

void buffer_add_base64(struct buffer *b, struct slice bytes); /* RFC 4648, section 4, padded */
void buffer_add_hex(struct buffer *b, const unsigned char *bytes, size_t n);

#endif
