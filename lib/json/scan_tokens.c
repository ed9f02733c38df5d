/* Reading along the index: from token to token, without a look at what lies between. */
#include "json/scan_private.h"

#include "base/memory.h"

#include <stdlib.h>

static inline const char *
scalar_end(const char *p, const char *limit)
{
	const char *end;

	switch (*p) {
	case 't': end = limit - p > 4 && memcmp(p, "true", 4) == 0 ? p + 4 : NULL; break;
	case 'f': end = limit - p > 5 && memcmp(p, "false", 5) == 0 ? p + 5 : NULL; break;
	case 'n': end = limit - p > 4 && memcmp(p, "null", 4) == 0 ? p + 4 : NULL; break;
	default: end = plain_number(p, limit); break;
	}
	if (!end || end == limit || !(scan_is_space(*end) || *end == ',' || *end == '}' || *end == ']'))
		return NULL;
	return end;
}

/* Of a '{' or '[': the token of what closes it. Much nested ones are left to others. */
static const uint32_t *
skip_container(const char *text, const uint32_t *t, const char *limit)
{
	uint64_t objects = 0; /* the lowest bit: this level is an object; the next: the one around it */
	unsigned depth = 0;
	bool in_object;

open:
	if (++depth == 64)
		return NULL;
	in_object = text[*t++] == '{';
	objects = objects << 1 | in_object;
	if (text[*t] == (in_object ? '}' : ']'))
		goto close;
next:
	if (in_object) {
		if (text[*t] != '"' || text[t[1]] != ':')
			return NULL;
		t += 2;
	}
	if (text[*t] == '{' || text[*t] == '[')
		goto open;
	if (text[*t] != '"' && !scalar_end(text + *t, limit))
		return NULL;
	t++;
after:
	if (text[*t] == ',') {
		t++;
		goto next;
	}
	if (text[*t] != (in_object ? '}' : ']'))
		return NULL;
close:
	if (--depth == 0)
		return t;
	t++;
	objects >>= 1;
	in_object = objects & 1;
	goto after;
}

const uint32_t *
tokens_skip_value(const char *text, const uint32_t *t, const char *limit)
{
	const char *end;

	switch (text[*t]) {
	case '"': return tokens_is_string(text, t) ? t + 1 : NULL;
	case '{':
	case '[': t = skip_container(text, t, limit); return t && t[1] == *t + 1 ? t + 1 : NULL;
	default: end = scalar_end(text + *t, limit); return end && end == text + t[1] ? t + 1 : NULL;
	}
}

#define NAME_IN_DOUBT (-2)

static inline int
wanted_name(const struct scanner *s, const char *name, const char *colon)
{
	while (scan_is_space(colon[-1]))
		colon--;
	size_t n = (size_t)(colon - name) - 2;
	uint8_t left = s->names.of_length[n % 64];

	for (; left; left &= (uint8_t)(left - 1)) {
		int i = __builtin_ctz(left);
		if (s->names.names[i].n == n && memcmp(s->names.names[i].p, name + 1, n) == 0)
			return i;
	}
	if (!__builtin_expect(s->index.backslashes, 0) || !memchr(name, '\\', n))
		return -1;
	if ((size_t)(colon - s->indexed) > s->index.bad_from)
		return NAME_IN_DOUBT;
	return scan_name_of(&s->names, (struct slice){name, (size_t)(colon - name)});
}

/* Check the record whose '{' is s->token. The end behind its '}', or NULL at a fault or where the tokens end;
 * *stopped_at is the token there. */
static const char *
walk(struct scanner *s, struct scan_record *r, const uint32_t **stopped_at)
{
	const char *text = s->indexed, *limit = s->p + s->n;
	const uint32_t *t = s->token + 1;
	uint64_t objects[SCAN_DEPTH_MAX / 64 + 1]; /* bit depth: this level is an object */
	unsigned depth = 1;
	bool in_object = true;
	int wanted = -1, n_inner = -1;
	const char *wanted_at = NULL, *record = text + s->token[0];
	bool listing = false, compact = true;

	objects[0] = 2;
	r->n_inner = -1;
	if (text[*t] == '}') {
		*stopped_at = t + 1;
		return text + *t + 1;
	}
name:
	if (text[*t] != '"' || text[t[1]] != ':')
		goto stop;
	if (depth == 1) {
		wanted = wanted_name(s, text + *t, text + t[1]);
		wanted_at = text + t[2];
		if (__builtin_expect(wanted == NAME_IN_DOUBT, 0))
			goto stop;
		if (wanted >= 0 && wanted == s->inner_name) {
			listing = text[t[2]] == '{';
			n_inner = listing ? 0 : -1;
			compact = true;
		}
	} else if (listing && depth == 2) {
		/* the name's closing quote stands right before the colon, the value right behind
		   it, the name itself behind a brace or comma, where there is no white space */
		const char *colon = text + t[1], *name = text + *t;
		compact =
			compact && colon[-1] == '"' && text + t[2] == colon + 1 && (name[-1] == ',' || name[-1] == '{');
		if (n_inner < SCAN_INNER_MAX) {
			while (scan_is_space(colon[-1]))
				colon--;
			r->inner[n_inner++] = (struct scan_inner){(uint32_t)(name - record), (uint32_t)(colon - name),
				(uint32_t)(text + t[2] - record), 0};
		} else {
			listing = false;
			n_inner = -1;
		}
	}
	t += 2;
value:
	switch (text[*t]) {
	case '"': t++; break;
	case '{':
	case '[':
		if (depth == SCAN_DEPTH_MAX)
			goto stop;
		depth++;
		in_object = text[*t] == '{';
		if (in_object)
			objects[depth / 64] |= 1ull << depth % 64;
		else
			objects[depth / 64] &= ~(1ull << depth % 64);
		t++;
		if (text[*t] == (in_object ? '}' : ']'))
			goto close;
		if (in_object)
			goto name;
		goto value;
	default:
		if (!scalar_end(text + *t, limit))
			goto stop;
		t++;
	}
after:
	if (wanted >= 0 && depth == 1) {
		const char *end = text + *t;
		while (end > wanted_at && scan_is_space(end[-1]))
			end--;
		r->members[wanted] = (struct slice){wanted_at, (size_t)(end - wanted_at)};
		wanted = -1;
		listing = false;
	}
	if (listing && depth == 2 && in_object) {
		const char *end = text + *t;
		compact = compact && *t && !scan_is_space(end[-1]);
		while (*t && scan_is_space(end[-1]))
			end--;
		r->inner[n_inner - 1].value_n = (uint32_t)(end - record) - r->inner[n_inner - 1].value_at;
	}
	if (text[*t] == ',') {
		t++;
		if (in_object)
			goto name;
		goto value;
	}
	if (text[*t] != (in_object ? '}' : ']'))
		goto stop;
close:
	t++;
	if (--depth == 0) {
		r->n_inner = n_inner;
		r->inner_compact = compact;
		*stopped_at = t;
		return text + t[-1] + 1;
	}
	in_object = objects[depth / 64] >> depth % 64 & 1;
	goto after;
stop:
	*stopped_at = t;
	return NULL;
}

/* --- the index ---------------------------------------------------------------------------------------------------- */

void
tokens_drop(struct scanner *s)
{
	if (s->indexed)
		s->plain_until = (size_t)(s->indexed - s->p) + s->index.bytes;
	s->indexed = NULL;
}

static void
index_more(struct scanner *s)
{
	struct scan_index *x = &s->index;
	size_t text = (size_t)(s->indexed - s->p), left = s->n - text;
	size_t end = x->bytes + SCAN_INDEX_STEP < left ? x->bytes + SCAN_INDEX_STEP : left;
	size_t need = x->n + (end - x->bytes) + 64 + SCAN_SENTINELS + 8;

	if (need > x->capacity) {
		x->capacity = need + need / 2;
		x->tokens = memory_resize(x->tokens, x->capacity, sizeof(*x->tokens));
	}
	scan_means.index(x, s->indexed, end, left);
	/* offset 0 is a '{', which is wrong everywhere but where a value begins, and wrong there on the second look */
	for (int i = 0; i < SCAN_SENTINELS; i++)
		x->tokens[x->n + (size_t)i] = 0;
}

static void
index_begin(struct scanner *s)
{
	struct scan_index *x = &s->index;

	s->indexed = s->p + s->at;
	x->n = x->bytes = 0;
	x->bad_from = SIZE_MAX;
	x->backslashes = false;
	x->in_string = x->escaped = x->scalar = 0;
	index_more(s);
	s->token = x->tokens;
}

/* Make the record at s->at the begin of the index, or append to it; false at the window's end. */
static bool
index_extend(struct scanner *s)
{
	if (s->indexed + s->index.bytes == s->p + s->n)
		return false;
	if (s->indexed != s->p + s->at) {
		index_begin(s);
		return true;
	}
	index_more(s);
	s->token = s->index.tokens;
	return true;
}

/* Go to the token at s->at, passing over the commas between records; false when it is not in the index. */
static bool
index_find(struct scanner *s)
{
	const uint32_t *end;

	if (!s->indexed)
		return false;
	end = s->index.tokens + s->index.n;
	while (s->token < end && s->indexed + *s->token < s->p + s->at)
		s->token++;
	return s->token < end && s->indexed + *s->token == s->p + s->at;
}

/* By a layout that records had before, or else name by name. */
static inline const char *
fast_walk(struct scanner *s, struct scan_record *r, const uint32_t **stopped_at)
{
	const char *end = layouts_match(s, r, stopped_at);

	return end ? end : walk(s, r, stopped_at);
}

const char *
tokens_record(struct scanner *s, struct scan_record *r)
{
	const uint32_t *stopped_at;
	const char *end;
	size_t steps = 1; /* as each try begins anew, a long record is to have few of them */

	if (s->at < s->plain_until || !scan_means.index)
		return NULL;
	if (!index_find(s))
		index_begin(s);
	while (!(end = fast_walk(s, r, &stopped_at)) && stopped_at + 3 >= s->index.tokens + s->index.n) {
		if (s->index.bytes - (size_t)(s->p + s->at - s->indexed) > s->max_text || !index_extend(s))
			return NULL;
		for (size_t i = 1; i < steps && s->index.bytes <= s->max_text && index_extend(s);)
			i++;
		steps *= 2;
		memset(r->members, 0, sizeof(r->members));
	}
	if (end && (size_t)(end - s->indexed) <= s->index.bad_from) {
		if (!r->layout)
			layouts_learn(s, r);
		s->token = stopped_at;
		return end;
	}
	tokens_drop(s);
	memset(r->members, 0, sizeof(r->members));
	r->n_inner = -1;
	r->layout = 0;
	s->one_line = false;
	return NULL;
}
