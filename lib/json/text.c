#include "json/text.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "json/scan_private.h"

#include <stdlib.h>

/* --- walking ------------------------------------------------------------------------------------------------------ */

static inline const char *
skip_space(const char *p, const char *end)
{
	while (p < end && scan_is_space(*p))
		p++;
	return p;
}

#if defined(__SSE2__)
#include <emmintrin.h>

/* The first byte from p that is a quote or a backslash; there is one before end. */
static inline const char *
quote_or_backslash(const char *p, const char *end)
{
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');

	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		int found = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
		if (found)
			return p + __builtin_ctz((unsigned)found);
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}
#else
static inline const char *
quote_or_backslash(const char *p, const char *end)
{
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}
#endif

/* p is at the opening quote; behind the closing one. */
static inline const char *
string_end(const char *p, const char *end)
{
	for (p = quote_or_backslash(p + 1, end); p < end && *p == '\\'; p = quote_or_backslash(p + 2, end))
		;
	return p < end ? p + 1 : end;
}

static const char *
container_end(const char *p, const char *end)
{
	int depth = 0;

	while (p < end)
		switch (*p) {
		case '"': p = string_end(p, end); break;
		case '{':
		case '[':
			depth++;
			p++;
			break;
		case '}':
		case ']':
			p++;
			if (--depth == 0)
				return p;
			break;
		default: p++;
		}
	return end;
}

static inline const char *
value_end(const char *p, const char *end)
{
	if (*p == '"')
		return string_end(p, end);
	if (*p == '{' || *p == '[')
		return container_end(p, end);
	while (p < end && *p != ',' && *p != '}' && *p != ']' && !scan_is_space(*p))
		p++;
	return p;
}

struct json_walk
json_walk(struct slice container)
{
	if (!container.n)
		return (struct json_walk){NULL, NULL};
	return (struct json_walk){container.p + 1, container.p + container.n - 1};
}

static inline bool
next_value(struct json_walk *w, struct slice *value)
{
	const char *p = skip_space(w->p, w->end), *end;

	if (p >= w->end)
		return false;
	end = value_end(p, w->end);
	*value = (struct slice){p, (size_t)(end - p)};
	p = end < w->end && *end == ',' ? end : skip_space(end, w->end);
	w->p = p < w->end ? p + 1 : p; /* the comma, or a member's colon */
	return true;
}

bool
json_next_element(struct json_walk *w, struct slice *value)
{
	return next_value(w, value);
}

bool
json_next_member(struct json_walk *w, struct slice *name, struct slice *value)
{
	return next_value(w, name) && next_value(w, value);
}

/* --- strings ------------------------------------------------------------------------------------------------------ */

static uint32_t
hex4(const char *p)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++)
		code = code << 4 | (uint32_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
	return code;
}

/* Decode the escape at *p (a backslash) to out; moves *p behind it. */
static size_t
decode_escape(const char **p, const char *end, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = (*p)[1];

	if (c != 'u') {
		*out = to[strchr(from, c) - from];
		*p += 2;
		return 1;
	}
	uint32_t code = hex4(*p + 2);
	*p += 6;
	if (code >= 0xd800 && code < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
		uint32_t low = hex4(*p + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			*p += 6;
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return utf8_encode(code, out);
}

struct slice
json_decode(struct slice string, struct arena *arena)
{
	const char *p = string.p + 1, *end = string.p + string.n - 1;
	char *out, *next;

	if (!memchr(p, '\\', (size_t)(end - p)))
		return (struct slice){p, (size_t)(end - p)};
	out = next = arena_get(arena, string.n); /* an escape is longer than what it stands for */
	while (p < end)
		if (*p == '\\')
			next += decode_escape(&p, end, next);
		else
			*next++ = *p++;
	return (struct slice){out, (size_t)(next - out)};
}

bool
json_string_is(struct slice string, struct slice text)
{
	const char *p = string.p + 1, *end = string.p + string.n - 1;
	const char *t = text.p, *text_end = text.p + text.n;
	char decoded[4];

	while (p < end) {
		size_t n = 1;
		const char *piece = p;
		if (*p == '\\') {
			n = decode_escape(&p, end, decoded);
			piece = decoded;
		} else {
			p++;
		}
		if ((size_t)(text_end - t) < n || memcmp(t, piece, n) != 0)
			return false;
		t += n;
	}
	return t == text_end;
}

size_t
json_characters(struct slice string)
{
	const char *p = string.p + 1, *end = string.p + string.n - 1;
	char decoded[4];
	size_t characters = 0;

	for (; p < end; characters++)
		if (*p == '\\')
			decode_escape(&p, end, decoded);
		else
			do
				p++;
			while (p < end && ((unsigned char)*p & 0xc0) == 0x80);
	return characters;
}

/* --- paths -------------------------------------------------------------------------------------------------------- */

static int
bad_path(const char *text, struct json_path *path, struct error *error)
{
	json_path_free(path);
	return error_set(error, STATUS_USAGE, "usage",
		"'%s' is no path: names with a dot before each, such as .accommodation_id or .data.\"hotel id\"", text);
}

static const char *
quoted_name(const char *p, struct slice *name)
{
	const char *end;
	struct plain_fault fault = {NULL, NULL};
	struct arena arena = {0};

	if (plain_value(p, p + strlen(p), NULL, NULL, &end, &fault) != PLAIN_VALUE)
		return NULL;
	struct slice decoded = json_decode((struct slice){p, (size_t)(end - p)}, &arena);
	*name = (struct slice){memory_copy(decoded.p, decoded.n), decoded.n};
	arena_free(&arena);
	return end;
}

int
json_path_parse(const char *text, struct json_path *path, struct error *error)
{
	const char *p = text;

	*path = (struct json_path){NULL, 0};
	do {
		struct slice name;
		if (*p++ != '.')
			return bad_path(text, path, error);
		if (*p == '"') {
			if (!(p = quoted_name(p, &name)))
				return bad_path(text, path, error);
		} else {
			name.n = strcspn(p, ".\"[]");
			if (name.n == 0)
				return bad_path(text, path, error);
			name.p = memory_copy(p, name.n);
			p += name.n;
		}
		path->names = memory_resize(path->names, path->n + 1, sizeof(*path->names));
		path->names[path->n++] = name;
	} while (*p);
	return 0;
}

void
json_path_free(struct json_path *path)
{
	for (size_t i = 0; i < path->n; i++)
		free((char *)path->names[i].p);
	free(path->names);
	*path = (struct json_path){NULL, 0};
}

struct slice
json_member(struct slice object, struct slice decoded_name)
{
	struct json_walk walk = json_walk(object);
	struct slice name, value, found = {NULL, 0};

	while (json_next_member(&walk, &name, &value))
		if ((name.n == decoded_name.n + 2 && memcmp(name.p + 1, decoded_name.p, decoded_name.n) == 0) ||
			(name.n > decoded_name.n + 2 && memchr(name.p, '\\', name.n) &&
				json_string_is(name, decoded_name)))
			found = value;
	return found;
}

struct slice
json_member_of(struct slice object, const char *name, enum json_kind kind)
{
	struct slice value = {NULL, 0};

	if (object.n && json_kind(object) == JSON_OBJECT)
		value = json_member(object, slice_of(name));
	return value.p && json_kind(value) == kind ? value : (struct slice){NULL, 0};
}

struct slice
json_member_text(struct slice object, const char *name, struct arena *arena)
{
	struct slice value = json_member_of(object, name, JSON_STRING);

	return value.p ? arena_copy_string(arena, json_decode(value, arena)) : SLICE("");
}

/* --- whole texts -------------------------------------------------------------------------------------------------- */

void
json_compact(struct buffer *out, struct slice value)
{
	const char *p = value.p, *end = value.p + value.n;

	while (p < end) {
		const char *begin = p;
		while (p < end && !scan_is_space(*p))
			p = *p == '"' ? string_end(p, end) : p + 1;
		buffer_add(out, begin, (size_t)(p - begin));
		p = skip_space(p, end);
	}
}

static int
fault_at(const char *name, struct slice text, const char *at, const char *code, const char *reason, struct error *error)
{
	uint64_t line = 1;
	const char *line_begin = text.p;

	for (const char *p = text.p; p < at; p++)
		if (*p == '\n') {
			line++;
			line_begin = p + 1;
		}
	return error_set(error, STATUS_USAGE, code, "%s:%llu:%llu: %s", name, (unsigned long long)line,
		(unsigned long long)(at - line_begin) + 1, reason);
}

int
json_parse(struct slice text, const char *name, struct slice *value, struct error *error)
{
	const char *end, *limit, *p;
	struct plain_fault fault = {"invalid-json", "unexpected end"};

	if (!text.p)
		text = SLICE("");
	limit = text.p + text.n;
	p = text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0 ? text.p + 3 : text.p;
	p = skip_space(p, limit);
	if (p == limit)
		return fault_at(name, text, p, "invalid-json", "empty", error);
	switch (plain_value(p, limit, NULL, NULL, &end, &fault)) {
	case PLAIN_INCOMPLETE: return fault_at(name, text, limit, "invalid-json", "the text ends too early", error);
	case PLAIN_FAULT: return fault_at(name, text, end, fault.code, fault.reason, error);
	case PLAIN_VALUE: break;
	}
	*value = (struct slice){p, (size_t)(end - p)};
	p = skip_space(end, limit);
	if (p < limit)
		return fault_at(name, text, p, "invalid-json", "unexpected text behind the value", error);
	return 0;
}
