#include "aws/http_private.h"

#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX = 256 << 10 };

static void
reset_reply(struct http_reply *reply)
{
	reply->status = 0;
	reply->length = -1;
	reply->headers.n = 0;
}

static void
add_header(struct http_stream *s, const char *line, size_t n)
{
	struct buffer *headers = &s->reply.headers;
	const char *colon = memchr(line, ':', n);
	const char *value, *end = line + n;
	size_t name;

	if (!colon)
		return;
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (memchr(line, 0, n) || headers->n + n > HEADERS_MAX) {
		s->headers_too_long = true;
		return;
	}
	name = headers->n;
	buffer_add(headers, line, (size_t)(colon - line));
	for (size_t i = name; i < headers->n; i++)
		if (headers->p[i] >= 'A' && headers->p[i] <= 'Z')
			headers->p[i] += 32;
	buffer_add_byte(headers, 0);
	buffer_add(headers, value, (size_t)(end - value));
	buffer_add_byte(headers, 0);
}

static void
finish_head(struct http_stream *s)
{
	struct slice length = http_header(&s->reply, "content-length");
	bool good = s->reply.status >= 200 && s->reply.status < 300;

	if (length.n)
		s->reply.length = strtoll(length.p, NULL, 10);
	if (!good)
		s->into = NULL, s->room = 0;
	if (s->reply.length > (int64_t)s->room)
		buffer_reserve(&s->data, (size_t)s->reply.length < s->window ? (size_t)s->reply.length : s->window);
	s->head_done = true;
}

/* Each block of headers (100 Continue, a proxy's reply) begins anew at its status line. */
size_t
http_on_header(char *line, size_t size, size_t n, void *data)
{
	struct http_stream *s = data;
	size_t all = size * n;

	s->moved = true;
	n = all;
	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	if (s->head_done) {
		; /* trailers */
	} else if (n > 5 && memcmp(line, "HTTP/", 5) == 0) {
		const char *space = memchr(line, ' ', n);

		reset_reply(&s->reply);
		s->reply.status = space ? (int)strtol(space, NULL, 10) : 0;
	} else if (n > 0) {
		add_header(s, line, n);
	} else if (s->reply.status >= 200) {
		finish_head(s);
	}
	return s->headers_too_long ? 0 : all;
}

int64_t
http_date(const struct http_reply *reply)
{
	struct slice date = http_header(reply, "date");

	return date.n ? (int64_t)curl_getdate(date.p, NULL) : -1;
}

struct slice
http_header(const struct http_reply *reply, const char *name)
{
	struct slice header, value;

	for (size_t at = 0; http_next_header(reply, &at, &header, &value);)
		if (slice_equal(header, slice_of(name)))
			return value;
	return (struct slice){NULL, 0};
}

bool
http_next_header(const struct http_reply *reply, size_t *at, struct slice *name, struct slice *value)
{
	if (*at >= reply->headers.n)
		return false;
	*name = slice_of(reply->headers.p + *at);
	*at += name->n + 1;
	*value = slice_of(reply->headers.p + *at);
	*at += value->n + 1;
	return true;
}
