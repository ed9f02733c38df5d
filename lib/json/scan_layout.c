/* Layouts: a program writes its records all alike, but for the values. What stands between two values, a run, is kept
 * in a tree, and the next record is compared with it as text, with one look at the index for each value. What is the
 * same text, begun outside of a string, has the same tokens, so nothing in a run has to be looked at again. */
#include "json/scan_private.h"

#include "base/memory.h"

#include <stdlib.h>

#define RUNS_MAX 48
#define RUN_BYTES_MAX 1024
#define ALL_RUNS_MAX 1024
#define SIBLINGS_MAX 16
#define MISSES_MAX 64 /* more of them than hits by so many: it does not pay here */
#define REST 4096     /* records that are then read without */

/* `at` bytes behind the begin of a record's run number `run`. */
struct place {
	uint16_t run, at;
};

struct layout {
	uint32_t number;
	int n_members, n_inner;
	bool compact;
	bool one_line; /* there is no line break in its runs */
	struct {
		int name;
		struct place from, to;
	} members[SCAN_MEMBERS_MAX];
	struct {
		uint16_t run;
		struct scan_inner of_run; /* as from the begin of the run, and value_n as from its value's */
	} inner[];
};

struct run {
	struct run *sibling, *next;
	struct layout *layout;     /* a record that ends with this run has this one */
	uint32_t n;                /* bytes of text */
	uint32_t tokens, token_at; /* so many tokens on, this far behind the begin, is the value, or the last '}' */
	char text[];
};

struct layouts {
	struct run *first;
	uint32_t n_layouts, n_runs;
	int misses, rest;
};

struct layouts *
layouts_new(void)
{
	return memory_get_zeroed(1, sizeof(struct layouts));
}

static void
free_runs(struct run *run)
{
	while (run) {
		struct run *sibling = run->sibling;
		free_runs(run->next);
		free(run->layout);
		free(run);
		run = sibling;
	}
}

void
layouts_free(struct layouts *l)
{
	free_runs(l->first);
	free(l);
}

/* --- using them --------------------------------------------------------------------------------------------------- */

typedef uint64_t two_words __attribute__((vector_size(16)));
typedef uint32_t four_words __attribute__((vector_size(16)));
_Static_assert(sizeof(four_words) == sizeof(struct scan_inner), "the four numbers of it");

static inline two_words
words(const char *p)
{
	two_words w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline uint64_t
differ(const char *a, const char *b, size_t n)
{
	uint64_t x = 0, y = 0;

	memcpy(&x, a, n);
	memcpy(&y, b, n);
	return x ^ y;
}

/* Of 2 to 15 bytes, some of which are looked at twice. */
static inline bool
same_short_text(const char *a, const char *b, size_t n)
{
	if (n >= 8)
		return (differ(a, b, 8) | differ(a + n - 8, b + n - 8, 8)) == 0;
	if (n >= 4)
		return (differ(a, b, 4) | differ(a + n - 4, b + n - 4, 4)) == 0;
	return (differ(a, b, 2) | differ(a + n - 2, b + n - 2, 2)) == 0;
}

static inline bool
same_text(const char *a, const char *b, size_t n)
{
	if (n < 16)
		return n == 1 ? *a == *b : same_short_text(a, b, n);
	two_words differs = words(a + n - 16) ^ words(b + n - 16);
	for (size_t at = 0; at + 16 < n; at += 16)
		differs |= words(a + at) ^ words(b + at);
	return (differs[0] | differs[1]) == 0;
}

/* The token is looked at first: it tells that so much text is there. */
static inline bool
fits(const struct run *run, const char *text, const uint32_t *t, const uint32_t *tokens_end)
{
	const uint32_t *token = t + run->tokens;

	return token < tokens_end && *token == *t + run->token_at && same_text(text + *t, run->text, run->n);
}

static inline void
tell(const struct layout *layout, const char *text, const uint32_t *begins, struct scan_record *r)
{
	for (int i = 0; i < layout->n_members; i++) {
		struct place from = layout->members[i].from, to = layout->members[i].to;
		uint32_t begin = begins[from.run] + from.at;
		r->members[layout->members[i].name] = (struct slice){text + begin, begins[to.run] + to.at - begin};
	}
	for (int i = 0; i < layout->n_inner; i++) {
		const uint32_t *begin = &begins[layout->inner[i].run];
		four_words inner, at = {*begin - begins[0], 0, *begin - begins[0], begin[1] - *begin};
		memcpy(&inner, &layout->inner[i].of_run, sizeof(inner));
		inner += at;
		memcpy(&r->inner[i], &inner, sizeof(inner));
	}
	r->n_inner = layout->n_inner;
	r->inner_compact = layout->compact;
	r->layout = layout->number;
}

static const char *
match(struct scanner *s, struct scan_record *r, const uint32_t **behind)
{
	const char *text = s->indexed, *limit = s->p + s->n;
	const uint32_t *t = s->token, *tokens_end = s->index.tokens + s->index.n, *value;
	uint32_t begins[RUNS_MAX];
	size_t n = 0;
	bool one_line = true;

	for (const struct run *run = s->layouts->first; run; run = run->next) {
		while (!fits(run, text, t, tokens_end))
			if (!(run = run->sibling))
				return NULL;
		begins[n++] = *t;
		t += run->tokens;
		if (run->layout) {
			tell(run->layout, text, begins, r);
			s->one_line = run->layout->one_line && one_line;
			*behind = t + 1;
			return text + *t + 1;
		}
		if (tokens_is_string(text, t)) {
			t++;
			continue;
		}
		value = t;
		if (!(t = tokens_skip_value(text, t, limit)))
			return NULL;
		if (text[*value] == '{' || text[*value] == '[')
			one_line = one_line && !memchr(text + *value, '\n', *t - *value);
	}
	return NULL;
}

const char *
layouts_match(struct scanner *s, struct scan_record *r, const uint32_t **behind)
{
	const char *end;

	if (s->layouts->rest)
		return NULL;
	end = match(s, r, behind);
	s->layouts->misses += end ? -(s->layouts->misses > 0) : 2;
	return end;
}

/* --- learning them ------------------------------------------------------------------------------------------------ */

struct cut_run {
	uint32_t begin, n, tokens, token_at;
};

static bool
is_wanted_object(const struct scan_record *r, const char *value)
{
	for (int i = 0; *value == '{' && i < SCAN_MEMBERS_MAX; i++)
		if (r->members[i].p == value)
			return true;
	return false;
}

/* Cut a good record into its runs, wanted members that are objects with it; 0 when there are too many, too long, or
 * white space stands behind a value. */
static size_t
cut_runs(const char *text, const uint32_t *t, const char *limit, const struct scan_record *r, struct cut_run *runs)
{
	const uint32_t *begin = t++;
	size_t n = 0;

	for (int depth = 1;; t++) {
		if (text[*t] == '}' && --depth == 0)
			break;
		if (text[*t] != '"')
			continue;
		t += 2;
		if (depth == 1 && is_wanted_object(r, text + *t)) {
			depth++;
			continue;
		}
		if (n == RUNS_MAX - 1 || *t - *begin > RUN_BYTES_MAX)
			return 0;
		runs[n++] = (struct cut_run){*begin, *t - *begin, (uint32_t)(t - begin), *t - *begin};
		if (!(begin = tokens_skip_value(text, t, limit)))
			return 0;
		t = begin - 1;
	}
	if (*t - *begin >= RUN_BYTES_MAX)
		return 0;
	runs[n++] = (struct cut_run){*begin, *t + 1 - *begin, (uint32_t)(t - begin), *t - *begin};
	return n;
}

static struct place
place_of(const struct cut_run *runs, uint32_t offset)
{
	uint16_t run = 0;

	while (offset > runs[run].begin + runs[run].n)
		run++;
	return (struct place){run, (uint16_t)(offset - runs[run].begin)};
}

static bool
is_one_line(const char *text, const struct cut_run *runs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memchr(text + runs[i].begin, '\n', runs[i].n))
			return false;
	return true;
}

static struct layout *
layout_new(uint32_t number, const char *text, const struct cut_run *runs, size_t n_runs, const struct scan_record *r)
{
	int n_inner = r->n_inner > 0 ? r->n_inner : 0;
	struct layout *layout = memory_get_zeroed(1, sizeof(*layout) + (size_t)n_inner * sizeof(layout->inner[0]));

	layout->number = number;
	layout->n_inner = r->n_inner;
	layout->compact = r->inner_compact;
	layout->one_line = is_one_line(text, runs, n_runs);
	for (int i = 0; i < SCAN_MEMBERS_MAX; i++) {
		if (!r->members[i].p)
			continue;
		uint32_t from = (uint32_t)(r->members[i].p - text);
		layout->members[layout->n_members].name = i;
		layout->members[layout->n_members].from = place_of(runs, from);
		layout->members[layout->n_members++].to = place_of(runs, from + (uint32_t)r->members[i].n);
	}
	for (int i = 0; i < n_inner; i++) {
		struct place name = place_of(runs, runs[0].begin + r->inner[i].name_at);
		struct place value = place_of(runs, runs[0].begin + r->inner[i].value_at);
		layout->inner[i].run = name.run;
		layout->inner[i].of_run =
			(struct scan_inner){name.at, r->inner[i].name_n, value.at, 0 - (uint32_t)value.at};
	}
	return layout;
}

static struct run *
run_new(const char *text, const struct cut_run *cut)
{
	struct run *run = memory_get_zeroed(1, sizeof(*run) + cut->n);

	run->n = cut->n;
	run->tokens = cut->tokens;
	run->token_at = cut->token_at;
	memcpy(run->text, text + cut->begin, cut->n);
	return run;
}

/* The run among those that can follow, put there where it is new; NULL when there are too many. */
static struct run *
find_or_add(struct layouts *l, struct run **link, const char *text, const struct cut_run *cut)
{
	for (int siblings = 0; *link; link = &(*link)->sibling)
		if ((*link)->n == cut->n && (*link)->token_at == cut->token_at &&
			memcmp((*link)->text, text + cut->begin, cut->n) == 0)
			return *link;
		else if (++siblings == SIBLINGS_MAX)
			return NULL;
	if (l->n_runs == ALL_RUNS_MAX)
		return NULL;
	l->n_runs++;
	return *link = run_new(text, cut);
}

void
layouts_learn(struct scanner *s, const struct scan_record *r)
{
	struct layouts *l = s->layouts;
	struct cut_run cuts[RUNS_MAX];
	struct run **link = &l->first, *run = NULL;
	size_t n;

	if (l->rest) {
		l->rest--;
		return;
	}
	if (l->misses > MISSES_MAX) {
		l->misses = 0;
		l->rest = REST;
		return;
	}
	n = cut_runs(s->indexed, s->token, s->p + s->n, r, cuts);
	for (size_t i = 0; i < n; i++, link = &run->next)
		if (!(run = find_or_add(l, link, s->indexed, &cuts[i])))
			return;
	if (run && !run->layout)
		run->layout = layout_new(++l->n_layouts, s->indexed, cuts, n, r);
}
