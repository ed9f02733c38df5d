#include "json/text.h"

#include "base/hash.h"
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
		case '"':
			p = string_end(p, end);
			break;
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
		default:
			p++;
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

/* --- numbers ------------------------------------------------------------------------------------------------------ */

/* A number as sign, significant digits (no zeros at either end) and the power of ten of the first one. */
struct decimal {
	bool negative, zero;
	struct slice digits;    /* may hold the point */
	int64_t exponent;       /* the value is 0.DIGITS * 10^exponent; saturates */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int64_t
exponent_of(const char *p, const char *end)
{
	bool negative = p < end && *p == '-';
	int64_t exponent = 0;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end; p++)
		if (exponent < INT64_MAX / 100)
			exponent = exponent * 10 + (*p - '0');
	return negative ? -exponent : exponent;
}

static struct decimal
decimal_of(struct slice number)
{
	struct decimal d = {.negative = number.p[0] == '-'};
	const char *p = number.p + d.negative, *end = number.p + number.n, *mantissa_end = p, *point;

	while (mantissa_end < end && (is_digit(*mantissa_end) || *mantissa_end == '.'))
		mantissa_end++;
	if (mantissa_end < end)
		d.exponent = exponent_of(mantissa_end + 1, end);
	point = memchr(p, '.', (size_t)(mantissa_end - p));
	if (!point)
		point = mantissa_end;
	while (p < mantissa_end && (*p == '0' || *p == '.'))
		p++;
	while (mantissa_end > p && (mantissa_end[-1] == '0' || mantissa_end[-1] == '.'))
		mantissa_end--;
	d.zero = p == mantissa_end;
	d.negative = d.negative && !d.zero;
	d.digits = (struct slice){p, (size_t)(mantissa_end - p)};
	d.exponent += p < point ? point - p : point - p + 1;
	return d;
}

/* The next digit, or '0' behind the last one. */
static char
next_digit(struct slice *digits)
{
	if (digits->n && *digits->p == '.') {
		digits->p++;
		digits->n--;
	}
	if (!digits->n)
		return '0';
	digits->n--;
	return *digits->p++;
}

static int
compare_magnitudes(struct decimal a, struct decimal b)
{
	if (a.zero || b.zero)
		return b.zero - a.zero;
	if (a.exponent != b.exponent)
		return a.exponent < b.exponent ? -1 : 1;
	while (a.digits.n || b.digits.n) {
		char x = next_digit(&a.digits), y = next_digit(&b.digits);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

int
json_compare_numbers(struct slice a, struct slice b)
{
	struct decimal x = decimal_of(a), y = decimal_of(b);

	if (x.negative != y.negative)
		return x.negative ? -1 : 1;
	return x.negative ? compare_magnitudes(y, x) : compare_magnitudes(x, y);
}

bool
json_natural(struct slice number, uint64_t *n)
{
	uint64_t sum = 0;

	*n = 0;
	for (size_t i = 0; i < number.n; i++)
		if (!is_digit(number.p[i]) || __builtin_mul_overflow(sum, 10, &sum) ||
			__builtin_add_overflow(sum, (uint64_t)(number.p[i] - '0'), &sum))
			return false;
	*n = sum;
	return number.n > 0;
}

/* --- equality ----------------------------------------------------------------------------------------------------- */

static bool
equal_strings(struct slice a, struct slice b)
{
	if (slice_equal(a, b))
		return true;
	if (!memchr(a.p, '\\', a.n) && !memchr(b.p, '\\', b.n))
		return false;
	struct arena arena = {0};
	bool equal = json_string_is(a, json_decode(b, &arena));
	arena_free(&arena);
	return equal;
}

static bool
equal_arrays(struct slice a, struct slice b)
{
	struct json_walk walk_a = json_walk(a), walk_b = json_walk(b);
	struct slice x, y;

	for (;;) {
		bool more_a = json_next_element(&walk_a, &x), more_b = json_next_element(&walk_b, &y);
		if (!more_a || !more_b)
			return more_a == more_b;
		if (!json_equal(x, y))
			return false;
	}
}

/* An object's members by decoded name, of duplicates the last. */
struct member {
	struct slice name, value;
	size_t place;
};

static int
by_name_then_place(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = slice_compare(x->name, y->name);

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static struct member *
sorted_members(struct slice object, size_t *n, struct arena *arena)
{
	struct json_walk walk = json_walk(object);
	struct slice name, value;
	struct member *members = NULL;
	size_t count = 0, capacity = 0;

	while (json_next_member(&walk, &name, &value)) {
		if (count == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			members = memory_resize(members, capacity, sizeof(*members));
		}
		members[count] = (struct member){json_decode(name, arena), value, count};
		count++;
	}
	if (count)
		qsort(members, count, sizeof(*members), by_name_then_place);
	*n = 0;
	for (size_t i = 0; i < count; i++) {
		if (*n && slice_equal(members[*n - 1].name, members[i].name))
			--*n;
		members[(*n)++] = members[i];
	}
	return members;
}

static bool
equal_objects(struct slice a, struct slice b)
{
	struct arena arena = {0};
	size_t n_a, n_b;
	struct member *x = sorted_members(a, &n_a, &arena), *y = sorted_members(b, &n_b, &arena);
	bool equal = n_a == n_b;

	for (size_t i = 0; equal && i < n_a; i++)
		equal = slice_equal(x[i].name, y[i].name) && json_equal(x[i].value, y[i].value);
	free(x);
	free(y);
	arena_free(&arena);
	return equal;
}

bool
json_equal(struct slice a, struct slice b)
{
	enum json_kind kind = json_kind(a);

	if (kind != json_kind(b))
		return false;
	switch (kind) {
	case JSON_NUMBER: return json_compare_numbers(a, b) == 0;
	case JSON_STRING: return equal_strings(a, b);
	case JSON_ARRAY: return slice_equal(a, b) || equal_arrays(a, b);
	case JSON_OBJECT: return slice_equal(a, b) || equal_objects(a, b);
	default: return true;
	}
}

static uint64_t
hash_number(struct slice number)
{
	struct decimal d = decimal_of(number);
	uint64_t hash = d.zero ? 0 : (uint64_t)d.exponent * 2 + d.negative;

	while (d.digits.n)
		hash = hash * 31 + (uint64_t)next_digit(&d.digits);
	return XXH3_64bits(&hash, sizeof(hash));
}

static uint64_t
hash_object(struct slice object)
{
	struct arena arena = {0};
	size_t n;
	struct member *members = sorted_members(object, &n, &arena);
	uint64_t hash = JSON_OBJECT;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ hash_slice(members[i].name)) * 0x9e3779b97f4a7c15ull + json_hash(members[i].value);
	free(members);
	arena_free(&arena);
	return hash;
}

uint64_t
json_hash(struct slice value)
{
	struct json_walk walk;
	struct arena arena = {0};
	struct slice element;
	uint64_t hash = JSON_ARRAY;

	switch (json_kind(value)) {
	case JSON_NUMBER:
		return hash_number(value);
	case JSON_STRING:
		hash = hash_slice(json_decode(value, &arena));
		arena_free(&arena);
		return hash;
	case JSON_ARRAY:
		for (walk = json_walk(value); json_next_element(&walk, &element);)
			hash = hash * 0x9e3779b97f4a7c15ull + json_hash(element);
		return hash;
	case JSON_OBJECT:
		return hash_object(value);
	default:
		return json_kind(value);
	}
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
fault_at(const char *name, struct slice text, const char *at, const char *code, const char *reason,
	struct error *error)
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
