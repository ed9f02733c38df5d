#include "io/glob.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdint.h>

/* A pattern is a list of tokens; the state of a match is the set of tokens that may come next, so that no
 * pattern makes it go back. */
enum token_kind {
	TOKEN_CHARACTER,
	TOKEN_ANY,   /* ? */
	TOKEN_SET,   /* [...] */
	TOKEN_STAR,  /* * */
	TOKEN_STARS, /* ** */
	TOKEN_DEEP,  /* a segment that is ** with its '/': may be left out; goes with the TOKEN_SEGMENTS behind it */
	TOKEN_SEGMENTS,
};

struct range {
	uint32_t first, last;
};

struct token {
	enum token_kind kind;
	uint32_t character;
	bool negated;
	struct range *ranges; /* owned */
	size_t n_ranges;
};

struct glob {
	struct token *tokens;
	size_t n;
	bool *now, *next; /* n + 1 each: token i may come next; the last: all are used up */
};

bool
glob_is_pattern(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

size_t
glob_fixed_prefix(const char *pattern)
{
	size_t n = strcspn(pattern, "*?[\\");

	while (n > 0 && pattern[n - 1] != '/')
		n--;
	return n;
}

/* Take one character off s. A byte that is not UTF-8 gets a number behind all characters. */
static uint32_t
take_character(struct slice *s)
{
	const unsigned char *p = (const unsigned char *)s->p;
	size_t n = utf8_sequence(s->p, s->n);
	uint32_t c;

	if (n == 0)
		c = 0x110000u + p[0];
	else if (n == 1)
		c = p[0];
	else
		c = p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	n = n ? n : 1;
	s->p += n;
	s->n -= n;
	return c;
}

static struct token *
add_token(struct glob *glob, enum token_kind kind, uint32_t character)
{
	struct token *token = &glob->tokens[glob->n++];

	*token = (struct token){.kind = kind, .character = character};
	return token;
}

/* [...]: false, and nothing taken, when it is not closed. */
static bool
add_set(struct glob *glob, struct slice *rest)
{
	struct slice s = *rest;
	struct token set = {.kind = TOKEN_SET};
	bool first = true;

	if (s.n > 0 && (*s.p == '!' || *s.p == '^')) {
		set.negated = true;
		s.p++, s.n--;
	}
	set.ranges = memory_get((s.n + 1) * sizeof(*set.ranges));
	while (s.n > 0 && (*s.p != ']' || first)) {
		struct range *range = &set.ranges[set.n_ranges++];

		first = false;
		if (*s.p == '\\' && s.n > 1)
			s.p++, s.n--;
		range->first = range->last = take_character(&s);
		if (s.n > 1 && s.p[0] == '-' && s.p[1] != ']') {
			s.p++, s.n--;
			range->last = take_character(&s);
		}
	}
	if (s.n == 0) {
		free(set.ranges);
		return false;
	}
	s.p++, s.n--;
	*rest = s;
	glob->tokens[glob->n++] = set;
	return true;
}

static void
add_stars(struct glob *glob, struct slice *rest, bool segment_begins)
{
	if (rest->n == 0 || *rest->p != '*') {
		add_token(glob, TOKEN_STAR, 0);
		return;
	}
	while (rest->n > 0 && *rest->p == '*')
		rest->p++, rest->n--;
	if (segment_begins && rest->n > 0 && *rest->p == '/') {
		rest->p++, rest->n--;
		add_token(glob, TOKEN_DEEP, 0);
		add_token(glob, TOKEN_SEGMENTS, 0);
	} else
		add_token(glob, TOKEN_STARS, 0);
}

struct glob *
glob_compile(const char *pattern)
{
	struct glob *glob = memory_get_zeroed(1, sizeof(*glob));
	struct slice rest = slice_of(pattern);

	glob->tokens = memory_get((rest.n + 1) * sizeof(*glob->tokens));
	while (rest.n > 0) {
		bool segment_begins = rest.p == pattern || rest.p[-1] == '/';
		uint32_t c = take_character(&rest);

		if (c == '*')
			add_stars(glob, &rest, segment_begins);
		else if (c == '?')
			add_token(glob, TOKEN_ANY, 0);
		else if (c == '[' && add_set(glob, &rest))
			continue;
		else if (c == '\\' && rest.n > 0)
			add_token(glob, TOKEN_CHARACTER, take_character(&rest));
		else
			add_token(glob, TOKEN_CHARACTER, c);
	}
	glob->now = memory_get(glob->n + 2);
	glob->next = memory_get(glob->n + 2);
	return glob;
}

void
glob_free(struct glob *glob)
{
	if (!glob)
		return;
	for (size_t i = 0; i < glob->n; i++)
		free(glob->tokens[i].ranges);
	free(glob->tokens);
	free(glob->now);
	free(glob->next);
	free(glob);
}

static bool
set_holds(const struct token *set, uint32_t c)
{
	if (c == '/')
		return false;
	for (size_t i = 0; i < set->n_ranges; i++)
		if (c >= set->ranges[i].first && c <= set->ranges[i].last)
			return !set->negated;
	return set->negated;
}

/* Follow what may match nothing, from each state that is on. Tokens only lead forward. */
static void
spread(const struct glob *glob, bool *states)
{
	for (size_t i = 0; i < glob->n; i++) {
		enum token_kind kind = glob->tokens[i].kind;

		if (!states[i])
			continue;
		if (kind == TOKEN_STAR || kind == TOKEN_STARS || kind == TOKEN_DEEP)
			states[i + 1] = true;
		if (kind == TOKEN_DEEP)
			states[i + 2] = true;
	}
}

/* What the states become by one character; false when none is left. */
static bool
step(struct glob *glob, uint32_t c)
{
	bool *next = glob->next, any = false;

	memset(next, 0, glob->n + 2);
	for (size_t i = 0; i < glob->n; i++) {
		const struct token *token = &glob->tokens[i];

		if (!glob->now[i])
			continue;
		switch (token->kind) {
		case TOKEN_CHARACTER: next[i + 1] |= token->character == c; break;
		case TOKEN_ANY: next[i + 1] |= c != '/'; break;
		case TOKEN_SET: next[i + 1] |= set_holds(token, c); break;
		case TOKEN_STAR: next[i] |= c != '/'; break;
		case TOKEN_STARS: next[i] = true; break;
		case TOKEN_DEEP: break;
		case TOKEN_SEGMENTS:
			next[i] = true;
			next[i + 1] |= c == '/';
			break;
		}
		any |= next[i] || next[i + 1];
	}
	spread(glob, next);
	glob->next = glob->now;
	glob->now = next;
	return any;
}

bool
glob_may_match_below(struct glob *glob, struct slice prefix)
{
	memset(glob->now, 0, glob->n + 2);
	glob->now[0] = true;
	spread(glob, glob->now);
	while (prefix.n > 0)
		if (!step(glob, take_character(&prefix)))
			return false;
	return true;
}

bool
glob_matches(struct glob *glob, struct slice text)
{
	return glob_may_match_below(glob, text) && glob->now[glob->n];
}
