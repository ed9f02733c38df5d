/* Where a bad element of an array ends, or the next one begins. */
#include "json/scan_private.h"

#define BEGINNING_MAX 256
#define LEVELS_MAX 1024
/* How far is looked, behind what seems to be the next element, for the end of a list within the bad one that it may
 * belong to. */
#define DOUBT_MAX ((size_t)16 << 10)

struct look {
	const struct scanner *s;
	size_t from, limit;     /* the fault; how far there is text */
	struct slice beginning; /* of the bad element: its first member's name is the end of it. n 0: unknown */
	bool by_lines;          /* the line of the next element begins as that of this one */
	bool is_flush;          /* and so do those of objects within it */
	size_t indent, outer;   /* how far; and the '[' before it */

	bool in_string, is_broken;       /* a bracket or quote was seen that does not fit */
	uint64_t lists[LEVELS_MAX / 64]; /* a bit for each open bracket: is it a '['? */
	size_t depth;
	char before;     /* the last byte that is no white space */
	size_t doubtful; /* where one begins alike, but within a list; 0: nowhere */
};

/* Does the element at s->at begin right behind an '[' that begins its line? */
static bool
is_behind_opening(const struct scanner *s)
{
	return s->state.used == s->state.opened + 1 && s->state.opened >= s->state.line_begin;
}

static bool
begins_line(const struct scanner *s)
{
	return s->p[s->at] == '{' && (is_behind_opening(s) || s->state.line_begin >= s->state.used);
}

static size_t
indent_of(const struct scanner *s)
{
	return (size_t)((ptrdiff_t)s->at - s->state.line_begin);
}

size_t
scan_element_indent(const struct scanner *s)
{
	return begins_line(s) ? indent_of(s) : SIZE_MAX;
}

/* The first character behind the element's brace and white space; limit where there is none. */
static const char *
first_member(const struct scanner *s, const char *limit)
{
	const char *p = s->p + s->at + 1;

	while (p < limit && scan_is_space(*p))
		p++;
	return p < limit ? p : limit;
}

static struct slice
beginning_of(const struct scanner *s, size_t fault)
{
	const char *begin = s->p + s->at, *limit = s->p + fault, *name = first_member(s, limit), *quote;

	if (*begin != '{' || name >= limit || *name != '"')
		return (struct slice){begin, 0};
	quote = memchr(name + 1, '"', (size_t)(limit - name) - 1);
	return (struct slice){begin, quote && quote - begin < BEGINNING_MAX ? (size_t)(quote - begin) + 1 : 0};
}

/* Are the members of the element indented no more than the element? */
static bool
is_flush(const struct scanner *s, size_t fault)
{
	const char *begin = s->p + s->at, *limit = s->p + fault, *name = first_member(s, limit), *newline;

	newline = name < limit ? memrchr(begin, '\n', (size_t)(name - begin)) : NULL;
	return newline && begins_line(s) && (size_t)(name - newline) - 1 <= indent_of(s);
}

/* Is the bracket that was opened as the last but n a '['? Of too many at a time that is not known, and in doubt. */
static bool
is_list(const struct look *l, size_t n)
{
	size_t level = l->depth - 1 - n;

	return l->depth > n && (level >= LEVELS_MAX || l->lists[level / 64] >> level % 64 & 1);
}

static void
open_bracket(struct look *l, bool list)
{
	uint64_t bit = (uint64_t)1 << l->depth % 64;

	if (l->depth < LEVELS_MAX)
		l->lists[l->depth / 64] = list ? l->lists[l->depth / 64] | bit : l->lists[l->depth / 64] & ~bit;
	l->depth++;
}

/* One that does not fit closes the bracket before the last one, if it fits that: the last one's is missing. */
static void
close_bracket(struct look *l, bool list)
{
	if (l->depth == 0) {
		l->is_broken = true;
	} else if (is_list(l, 0) == list) {
		l->depth--;
	} else {
		l->is_broken = true;
		l->depth -= l->depth > 1 && is_list(l, 1) == list ? 2 : 1;
	}
}

/* Does the line behind this newline begin as that of the next element does? */
static bool
next_line_begins(const struct look *l, size_t newline)
{
	const char *p = l->s->p;
	size_t next = newline + 1, indent;

	while (next < l->limit && (p[next] == ' ' || p[next] == '\t'))
		next++;
	indent = next - newline - 1;
	return next < l->limit && p[next] == '{' && (indent == l->indent || indent == l->outer);
}

/* Does an element begin here with the same member as this one? false with *cut: the text ends too early to tell. */
static bool
begins_alike(const struct look *l, size_t at, bool *cut)
{
	size_t n = l->beginning.n, have = l->limit - at < n ? l->limit - at : n;

	*cut = false;
	if (!n || at + n < l->from || (l->before != ',' && l->before != '}') ||
		memcmp(l->s->p + at, l->beginning.p, have) != 0)
		return false;
	*cut = have < n;
	return !*cut;
}

/* At a line's end: true where it is for lines to tell what comes next. */
static bool
end_line(struct look *l, size_t at)
{
	if (!l->is_flush && (l->in_string || (l->by_lines && next_line_begins(l, at))))
		return true;
	l->is_broken = l->is_broken || l->in_string;
	l->in_string = false;
	return false;
}

/* At a comma or bracket outside of all others: is it behind the element? */
static bool
ends_element(const struct look *l, size_t at)
{
	size_t next = at + 1;

	if (!l->is_broken || l->s->p[at] == ']')
		return true;
	while (next < l->limit && scan_is_space(l->s->p[next]))
		next++;
	return next < l->limit && l->s->p[next] == '{';
}

/* What a byte does to strings and brackets; an escaped one goes with its backslash. */
static void
take(struct look *l, size_t *at)
{
	char c = l->s->p[*at];

	if (l->in_string) {
		if (c == '\\' && *at + 1 < l->limit && l->s->p[*at + 1] != '\n')
			++*at;
		else if (c == '"')
			l->in_string = false;
	} else if (c == '"') {
		l->in_string = true;
	} else if (c == '{' || c == '[') {
		open_bracket(l, c == '[');
	} else if (c == '}' || c == ']') {
		close_bracket(l, c == ']');
	}
	if (!scan_is_space(c))
		l->before = c;
}

/* The text ends, or enough of it was seen, before the element's end. */
static enum element_end
give_up(const struct look *l, bool no_more, size_t *end)
{
	if (!no_more && !(l->doubtful && l->limit - l->doubtful > DOUBT_MAX))
		return ELEMENT_UNSEEN;
	*end = l->doubtful;
	return l->doubtful ? ELEMENT_NEXT : ELEMENT_UNTOLD;
}

static enum element_end
look(struct look *l, bool no_more, size_t *end)
{
	bool cut = false;

	for (size_t at = l->s->at; at < l->limit; at++) {
		char c = l->s->p[at];

		*end = at;
		if (c == '\n' && end_line(l, at))
			return ELEMENT_UNTOLD;
		if (c == '{' && begins_alike(l, at, &cut)) {
			if (l->is_broken || !is_list(l, 0))
				return ELEMENT_NEXT;
			l->doubtful = l->doubtful ? l->doubtful : at;
		}
		if (cut || (l->doubtful && at - l->doubtful > DOUBT_MAX))
			break;
		if ((c == ',' || c == ']') && !l->in_string && l->depth == 0 && ends_element(l, at))
			return ELEMENT_ENDS;
		take(l, &at);
	}
	return give_up(l, no_more, end);
}

enum element_end
scan_element_end(const struct scanner *s, const struct scan_fault *fault, size_t limit, bool no_more, size_t *end)
{
	size_t indent = indent_of(s);
	struct look l = {.s = s,
		.from = fault->at,
		.limit = limit,
		.beginning = beginning_of(s, fault->at),
		.by_lines = begins_line(s),
		.is_flush = is_flush(s, fault->at),
		.indent = indent,
		.outer = is_behind_opening(s) ? (size_t)(s->state.opened - s->state.line_begin) : indent};

	return look(&l, no_more, end);
}
