#include "json/scan_private.h"

#include "base/memory.h"
#include "json/text.h"

#include <stdlib.h>

struct scanner *
scanner_new(const struct slice *names, int n_names, size_t max_record)
{
	struct scanner *s = memory_get_zeroed(1, sizeof(*s));

	for (int i = 0; i < n_names; i++) {
		s->names.names[i] = names[i];
		s->names.of_length[names[i].n % 64] |= (uint8_t)(1u << i);
	}
	s->names.n = n_names;
	s->max_record = s->max_text = max_record;
	s->spared_name = s->inner_name = -1;
	s->layouts = layouts_new();
	scanner_restart(s);
	return s;
}

void
scanner_free(struct scanner *s)
{
	if (!s)
		return;
	layouts_free(s->layouts);
	free(s->index.tokens);
	free(s);
}

void
scanner_list_inner(struct scanner *s, int name)
{
	s->inner_name = name;
}

void
scanner_spare(struct scanner *s, int name)
{
	s->spared_name = name;
	s->max_text = s->max_record + SCAN_SPARED_MAX;
}

struct scan_state
scan_state_at_line(bool in_array, bool loose)
{
	return (struct scan_state){.begun = true, .in_array = in_array, .loose = loose, .line = 1, .opened = -1};
}

struct scan_state
scanner_state(const struct scanner *s)
{
	struct scan_state state = s->state;

	state.line_begin -= (ptrdiff_t)s->at;
	state.used -= (ptrdiff_t)s->at;
	state.opened -= (ptrdiff_t)s->at;
	return state;
}

void
scanner_resume(struct scanner *s, const struct scan_state *state)
{
	s->state = *state;
	s->p = NULL;
	s->n = s->at = 0;
	s->indexed = NULL;
	s->plain_until = 0;
}

void
scanner_restart(struct scanner *s)
{
	struct scan_state state = scan_state_at_line(false, false);

	state.begun = false;
	scanner_resume(s, &state);
}

struct slice
scanner_rest(const struct scanner *s)
{
	return (struct slice){s->p + s->at, s->n - s->at};
}

void
scanner_window(struct scanner *s, const char *p, size_t n, bool at_end)
{
	/* columns are told from the line's begin, which may lie in a window that is gone */
	s->state = scanner_state(s);
	s->p = p;
	s->n = n;
	s->at = 0;
	s->at_end = at_end;
	s->indexed = NULL;
	s->plain_until = 0;
}

int
scan_name_of(const struct scan_names *names, struct slice raw)
{
	struct slice inner = {raw.p + 1, raw.n - 2};

	for (uint8_t left = names->of_length[inner.n % 64]; left; left &= (uint8_t)(left - 1)) {
		int i = __builtin_ctz(left);
		if (slice_equal(names->names[i], inner))
			return i;
	}
	if (inner.n && memchr(inner.p, '\\', inner.n))
		for (int i = 0; i < names->n; i++)
			if (json_string_is(raw, names->names[i]))
				return i;
	return -1;
}

/* --- a record ----------------------------------------------------------------------------------------------------- */

/* Skip white space; false when the window ends first. */
static inline bool
skip_space(struct scanner *s)
{
	const char *p = s->p;
	size_t at = s->at, n = s->n;

	for (; at < n && scan_is_space(p[at]); at++)
		if (p[at] == '\n') {
			s->state.line++;
			s->state.line_begin = (ptrdiff_t)at + 1;
		}
	s->at = at;
	return at < n;
}

/* What may stand behind a top-level value: white space, the end, or another value. */
static bool
may_follow(char c)
{
	return c == '{' || c == '[' || c == '"' || c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' ||
		c == 'n';
}

enum following {
	FOLLOWS_WELL,
	FOLLOWS_LOOSELY, /* with a comma too few or too many at the end of its line */
	FOLLOWS_BADLY,
	FOLLOWS_UNSEEN, /* the window ends first */
};

/* Only white space as far as limit: enough, or not all there is. */
static enum following
looked_to(const struct scanner *s, const char *limit)
{
	return limit < s->p + s->n || s->at_end ? FOLLOWS_WELL : FOLLOWS_UNSEEN;
}

static enum following
may_follow_loosely(const struct scanner *s, const char *end, const char *bad)
{
	const char *limit = s->p + s->n, *p = bad + 1;

	if (s->state.in_array)
		return *bad == '{' && memchr(end, '\n', (size_t)(bad - end)) ? FOLLOWS_LOOSELY : FOLLOWS_BADLY;
	if (*bad != ',' || !memchr(s->p + s->at, '\n', (size_t)(end - s->p) - s->at))
		return FOLLOWS_BADLY;
	if ((size_t)(limit - p) > SPACE_MAX)
		limit = p + SPACE_MAX;
	while (p < limit && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	if (p < limit)
		return *p == '\n' ? FOLLOWS_LOOSELY : FOLLOWS_BADLY;
	return looked_to(s, p) == FOLLOWS_UNSEEN ? FOLLOWS_UNSEEN : FOLLOWS_LOOSELY;
}

/* How does what follows the value at s->at fit behind it? *bad is where it does not. */
static inline enum following
following(const struct scanner *s, const char *end, const char **bad)
{
	const char *limit = s->p + s->n, *p = end;

	if ((size_t)(limit - p) > SPACE_MAX)
		limit = p + SPACE_MAX;
	if (p < limit && *p == '\n' && !s->state.in_array)
		return FOLLOWS_WELL;
	if (s->state.in_array) {
		while (p < limit && scan_is_space(*p))
			p++;
		*bad = p;
		if (p == limit)
			return looked_to(s, p);
		return *p == ',' || *p == ']' ? FOLLOWS_WELL : may_follow_loosely(s, end, p);
	}
	while (p < limit && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	*bad = p;
	if (p == limit)
		return looked_to(s, p);
	return *p == '\n' || may_follow(*p) ? FOLLOWS_WELL : may_follow_loosely(s, end, p);
}

static enum scan_result
incomplete(struct scanner *s, struct scan_record *r)
{
	if (s->n - s->at > s->max_text)
		return scan_refuse_at(s, r, s->at, "too-long", "longer than --max-record");
	if (!s->at_end)
		return SCAN_MORE;
	return scan_refuse_at(s, r, s->n, "invalid-json", "the input ends within a record");
}

/* Of n bytes, is the record too long without what is spared of it? */
static bool
is_too_long(const struct scanner *s, const struct scan_record *r, size_t n)
{
	struct slice spared = s->spared_name < 0 ? (struct slice){NULL, 0} : r->members[s->spared_name];

	if (spared.p && *spared.p == '{') {
		spared.n += strlen(",\"\":") + s->names.names[s->spared_name].n;
		n -= spared.n < SCAN_SPARED_MAX ? spared.n : SCAN_SPARED_MAX;
	}
	return n > s->max_record;
}

static enum scan_result
refuse_for_following(struct scanner *s, struct scan_record *r, const char *bad, enum following follows)
{
	const char *reason =
		s->state.in_array ? "',' or ']' should follow the record" : "unexpected text follows the record";
	enum scan_result result = scan_refuse_at(s, r, (size_t)(bad - s->p), "invalid-json", reason);

	if (result == SCAN_REFUSED && follows == FOLLOWS_LOOSELY)
		s->state.loose = true;
	return result;
}

static enum scan_result
accept(struct scanner *s, struct scan_record *r, const char *end)
{
	const char *begin = s->p + s->at, *bad = NULL;
	size_t n = (size_t)(end - begin);
	enum following follows = following(s, end, &bad);

	if (n > s->max_record && is_too_long(s, r, n))
		return scan_refuse_at(s, r, s->at, "too-long", "longer than --max-record");
	if (follows == FOLLOWS_UNSEEN)
		return SCAN_MORE;
	if (follows == FOLLOWS_BADLY || (follows == FOLLOWS_LOOSELY && !s->state.loose))
		return refuse_for_following(s, r, bad, follows);
	s->state.loose = follows == FOLLOWS_LOOSELY;
	r->text = (struct slice){begin, n};
	r->line = s->state.line;
	r->element = ++s->state.elements;
	r->in_array = s->state.in_array;
	r->spans_lines = !s->one_line && memchr(begin, '\n', n) != NULL;
	r->cut = false;
	r->code = r->reason = NULL;
	if (r->spans_lines)
		scan_advance(s, (size_t)(end - s->p));
	else
		s->at = (size_t)(end - s->p);
	if (s->state.loose && !s->state.in_array)
		s->at = (size_t)(bad - s->p) + 1; /* the comma is used up */
	s->state.used = (ptrdiff_t)s->at;
	s->state.after_value = s->state.in_array;
	return SCAN_RECORD;
}

/* The value at s->at, byte by byte. */
static enum scan_result
exact_record(struct scanner *s, struct scan_record *r)
{
	struct scan_fault fault = {.at = 0};
	const char *begin = s->p + s->at, *limit = s->p + s->n, *end, *bad;
	enum plain_result got;
	enum following follows;

	if ((size_t)(limit - begin) > s->max_text + 1)
		limit = begin + s->max_text + 1;
	got = plain_value(begin, limit, &s->names, r->members, &end, &fault.why);
	fault.at = (size_t)(end - s->p);
	if (got == PLAIN_INCOMPLETE)
		return incomplete(s, r);
	if (got == PLAIN_FAULT)
		return scan_refuse(s, r, &fault);
	if (*begin == '{')
		return accept(s, r, end);
	if (end == s->p + s->n && !s->at_end)
		return incomplete(s, r);
	follows = following(s, end, &bad);
	if (follows == FOLLOWS_UNSEEN)
		return SCAN_MORE;
	fault = (struct scan_fault){{"not-an-object", "not a JSON object"}, s->at};
	struct slice text = {begin, (size_t)(end - begin)};
	if (text.n > s->max_record)
		return scan_refuse_at(s, r, s->at, "too-long", "longer than --max-record");
	if (follows == FOLLOWS_BADLY || (follows == FOLLOWS_LOOSELY && !(s->state.in_array && s->state.loose)))
		return scan_refuse(s, r, &fault);
	/* a good value, but no record: scanning goes on right behind it */
	scan_describe_fault(s, r, &fault);
	r->element = ++s->state.elements;
	r->text = text;
	scan_advance(s, (size_t)(end - s->p));
	s->state.used = (ptrdiff_t)s->at;
	s->state.after_value = s->state.in_array;
	return SCAN_REFUSED;
}

static void
leave_or_enter_array(struct scanner *s, bool enter)
{
	s->state.in_array = enter;
	s->state.after_value = s->state.loose = false;
}

/* The punctuation of an array before its next element. false: *result says what to return. */
static bool
next_element(struct scanner *s, struct scan_record *r, enum scan_result *result)
{
	char c = s->p[s->at];

	if (c == ']' && !s->state.comma) {
		s->state.used = (ptrdiff_t)++s->at;
		leave_or_enter_array(s, false);
		*result = SCAN_RECORD; /* go round again */
		return false;
	}
	if (s->state.after_value && c == ',') {
		s->state.used = (ptrdiff_t)++s->at;
		s->state.after_value = false;
		s->state.comma = true;
		*result = SCAN_RECORD;
		return false;
	}
	if (s->state.after_value && s->state.loose && c == '{' && s->state.line_begin >= s->state.used)
		s->state.after_value = false;
	if (s->state.after_value || c == ',' || c == ']') {
		struct scan_fault fault = {
			{"invalid-json",
				s->state.after_value ? "',' or ']' should be here" : "an element should be here"},
			s->at};
		scan_describe_fault(s, r, &fault);
		r->element = ++s->state.elements;
		r->text = (struct slice){s->p + s->at, 1};
		s->state.comma = false;
		s->state.after_value = c == ']';
		if (c != ']')
			s->state.used = (ptrdiff_t)++s->at;
		*result = SCAN_REFUSED;
		return false;
	}
	s->state.comma = false;
	return true;
}

static enum scan_result
at_end_of_window(struct scanner *s, struct scan_record *r)
{
	struct scan_fault fault = {{"invalid-json", "the array is not closed"}, s->at};

	if (!s->at_end)
		return SCAN_MORE;
	if (!s->state.in_array)
		return SCAN_END;
	scan_describe_fault(s, r, &fault);
	r->element = 0;
	r->text = (struct slice){s->p + s->at, 0};
	leave_or_enter_array(s, false);
	return SCAN_REFUSED;
}

static bool
skip_byte_order_mark(struct scanner *s)
{
	if (s->n < 3 && !s->at_end && memcmp(s->p, "\xef\xbb\xbf", s->n) == 0)
		return false;
	if (s->n >= 3 && memcmp(s->p, "\xef\xbb\xbf", 3) == 0) {
		s->at = 3;
		s->state.line_begin = s->state.used = 3;
	}
	s->state.begun = true;
	return true;
}

enum scan_result
scanner_next(struct scanner *s, struct scan_record *r)
{
	enum scan_result result;
	const char *end;

	memset(r->members, 0, sizeof(r->members));
	r->n_inner = -1;
	r->inner_compact = false;
	r->layout = 0;
	s->one_line = false;
	if (!s->state.begun && !skip_byte_order_mark(s))
		return SCAN_MORE;
	if (s->state.skip != SKIP_NOTHING && !scan_finish_skip(s) && !s->at_end)
		return SCAN_MORE;
	for (;;) {
		if (!skip_space(s))
			return at_end_of_window(s, r);
		if (s->state.in_array) {
			if (!next_element(s, r, &result)) {
				if (result == SCAN_REFUSED)
					return result;
				continue;
			}
		} else if (s->p[s->at] == '[') {
			if (s->state.line_begin >= s->state.used)
				s->state.opened = (ptrdiff_t)s->at;
			s->state.used = (ptrdiff_t)++s->at;
			leave_or_enter_array(s, true);
			continue;
		}
		break;
	}
	if (s->p[s->at] == '{' && (end = tokens_record(s, r)))
		return accept(s, r, end);
	return exact_record(s, r);
}
