/* The exact scanner, byte by byte: the fallback where there is no SIMD, and the judge of every fault. */
#include "json/scan_private.h"

#include "base/utf8.h"

struct plain {
	const char *p, *limit;
	struct plain_fault *fault;
};

static enum plain_result
refuse(struct plain *s, const char *code, const char *reason)
{
	s->fault->code = code;
	s->fault->reason = reason;
	return PLAIN_FAULT;
}

/* Does the text end within what may be a character of several bytes? */
static bool
is_cut_character(const struct plain *s)
{
	unsigned char lead = (unsigned char)*s->p;
	ptrdiff_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1, left = s->limit - s->p;

	for (ptrdiff_t i = 1; i < left && i < n; i++)
		if (((unsigned char)s->p[i] & 0xc0) != 0x80)
			return false;
	return left < n;
}

static enum plain_result
unexpected(struct plain *s, const char *reason)
{
	if (is_cut_character(s))
		return PLAIN_INCOMPLETE;
	if ((unsigned char)*s->p >= 0x80 && !utf8_sequence(s->p, (size_t)(s->limit - s->p)))
		return refuse(s, "invalid-utf8", "bytes that are not UTF-8");
	return refuse(s, "invalid-json", reason);
}

static enum plain_result
escape(struct plain *s)
{
	if (s->p + 1 >= s->limit)
		return PLAIN_INCOMPLETE;
	switch (s->p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't': s->p += 2; return PLAIN_VALUE;
	case 'u':
		for (int i = 2; i < 6; i++) {
			if (s->p + i >= s->limit)
				return PLAIN_INCOMPLETE;
			char c = s->p[i];
			if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
				return refuse(s, "invalid-json", "bad \\u escape in a string");
		}
		s->p += 6;
		return PLAIN_VALUE;
	default: return refuse(s, "invalid-json", "bad escape in a string");
	}
}

/* At the opening quote; leaves s->p behind the closing one. */
static enum plain_result
string(struct plain *s)
{
	s->p++;
	while (s->p < s->limit) {
		unsigned char c = (unsigned char)*s->p;

		if (c == '"') {
			s->p++;
			return PLAIN_VALUE;
		}
		if (c == '\\') {
			enum plain_result got = escape(s);
			if (got != PLAIN_VALUE)
				return got;
		} else if (c < 0x20) {
			return refuse(s, "invalid-json",
				c == '\n' ? "the line ends within a string" : "control character in a string");
		} else if (c < 0x80) {
			s->p++;
		} else {
			size_t left = (size_t)(s->limit - s->p), n = utf8_sequence(s->p, left);
			if (n == 0 && left < 4 && !memchr(s->p, '"', left) && !memchr(s->p, '\n', left))
				return PLAIN_INCOMPLETE;
			if (n == 0)
				return refuse(s, "invalid-utf8", "bytes that are not UTF-8");
			s->p += n;
		}
	}
	return PLAIN_INCOMPLETE;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

const char *
plain_number(const char *p, const char *limit)
{
	if (p < limit && *p == '-')
		p++;
	if (p == limit)
		return limit;
	if (!is_digit(*p))
		return NULL;
	if (*p == '0')
		p++;
	else
		while (p < limit && is_digit(*p))
			p++;
	if (p < limit && *p == '.') {
		if (++p < limit && !is_digit(*p))
			return NULL;
		while (p < limit && is_digit(*p))
			p++;
	}
	if (p < limit && (*p == 'e' || *p == 'E')) {
		if (++p < limit && (*p == '+' || *p == '-'))
			p++;
		if (p < limit && !is_digit(*p))
			return NULL;
		while (p < limit && is_digit(*p))
			p++;
	}
	return p;
}

static bool
ends_scalar(char c)
{
	return scan_is_space(c) || c == ',' || c == ']' || c == '}';
}

/* A number, true, false or null. Where the text ends behind it, a top-level one is complete for plain_value to say. */
static enum plain_result
scalar(struct plain *s)
{
	static const struct slice words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
	const char *p = s->p;

	if (*p == '-' || is_digit(*p)) {
		const char *end = plain_number(p, s->limit);
		if (!end || (end < s->limit && !ends_scalar(*end)))
			return refuse(s, "invalid-json", "bad number");
		if (end == s->limit && !is_digit(end[-1]))
			return PLAIN_INCOMPLETE;
		s->p = end;
		return PLAIN_VALUE;
	}
	for (int i = 0; i < 3; i++) {
		size_t left = (size_t)(s->limit - p), n = words[i].n < left ? words[i].n : left;
		if (memcmp(p, words[i].p, n) != 0)
			continue;
		if (n < words[i].n)
			return PLAIN_INCOMPLETE;
		if (n < left && !ends_scalar(p[n]))
			break;
		s->p += n;
		return PLAIN_VALUE;
	}
	return unexpected(s, "unexpected character where a value should be");
}

static bool
skip_space(struct plain *s)
{
	while (s->p < s->limit && scan_is_space(*s->p))
		s->p++;
	return s->p < s->limit;
}

/* The name, the colon and the space around them; leaves s->p at the value. */
static enum plain_result
member_name(struct plain *s, struct slice *name)
{
	const char *begin = s->p;
	enum plain_result got;

	if (*s->p != '"')
		return unexpected(s, "a member name should be here");
	if ((got = string(s)) != PLAIN_VALUE)
		return got;
	*name = (struct slice){begin, (size_t)(s->p - begin)};
	if (!skip_space(s))
		return PLAIN_INCOMPLETE;
	if (*s->p != ':')
		return unexpected(s, "':' should be here");
	s->p++;
	return skip_space(s) ? PLAIN_VALUE : PLAIN_INCOMPLETE;
}

static enum plain_result
value(struct plain *s, const struct scan_names *names, struct slice *members)
{
	uint64_t objects[SCAN_DEPTH_MAX / 64 + 1] = {0}; /* bit depth: this level is an object */
	int depth = 0, wanted = -1;
	const char *wanted_at = NULL;
	struct slice name;
	enum plain_result got;

value:
	if (*s->p != '{' && *s->p != '[') {
		if ((got = *s->p == '"' ? string(s) : scalar(s)) != PLAIN_VALUE)
			return got;
		goto after;
	}
	if (depth == SCAN_DEPTH_MAX)
		return refuse(s, "too-deep", "nested deeper than 512 levels");
	depth++;
	if (*s->p == '{')
		objects[depth / 64] |= 1ull << depth % 64;
	else
		objects[depth / 64] &= ~(1ull << depth % 64);
	char close = *s->p == '{' ? '}' : ']';
	s->p++;
	if (!skip_space(s))
		return PLAIN_INCOMPLETE;
	if (*s->p == close) {
		s->p++;
		depth--;
		goto after;
	}
	if (close == ']')
		goto value;
name:
	if ((got = member_name(s, &name)) != PLAIN_VALUE)
		return got;
	if (depth == 1 && names && (wanted = scan_name_of(names, name)) >= 0)
		wanted_at = s->p;
	goto value;
after:
	if (depth == 1 && wanted >= 0) {
		members[wanted] = (struct slice){wanted_at, (size_t)(s->p - wanted_at)};
		wanted = -1;
	}
	if (depth == 0)
		return PLAIN_VALUE;
	if (!skip_space(s))
		return PLAIN_INCOMPLETE;
	bool in_object = objects[depth / 64] >> depth % 64 & 1;
	if (*s->p == ',') {
		s->p++;
		if (!skip_space(s))
			return PLAIN_INCOMPLETE;
		if (in_object)
			goto name;
		goto value;
	}
	if (*s->p != (in_object ? '}' : ']'))
		return unexpected(s, in_object ? "',' or '}' should be here" : "',' or ']' should be here");
	s->p++;
	depth--;
	goto after;
}

enum plain_result
plain_value(const char *p, const char *limit, const struct scan_names *names, struct slice *members, const char **end,
	struct plain_fault *fault)
{
	struct plain s = {p, limit, fault};
	enum plain_result got = value(&s, members ? names : NULL, members);

	*end = s.p;
	return got;
}
