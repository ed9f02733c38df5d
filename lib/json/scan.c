#include "json/scan_private.h"

#include "base/memory.h"
#include "json/text.h"

#include <stdlib.h>

/* White space that is looked through before a decision; with more of it the decision is made without. */
#define SPACE_MAX ((size_t)64 << 10)

static struct scan_means {
	scan_indexer *index;
	const char *name;
} means = {NULL, "plain"};
static bool means_chosen;

static struct scan_means
best_means(enum scan_level level)
{
	if (level == SCAN_PLAIN)
		return (struct scan_means){NULL, "plain"};
#if defined(__x86_64__)
	if (level == SCAN_SIMD && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2"))
		return (struct scan_means){scan_index_avx512, "avx512"};
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("bmi"))
		return (struct scan_means){scan_index_avx2, "avx2"};
	return (struct scan_means){NULL, "plain"};
#elif defined(__aarch64__)
	return (struct scan_means){scan_index_neon, "neon"};
#endif
}

void
scan_level(enum scan_level level)
{
	const char *asked = getenv("ACC_SIMD");

	if (asked && strcmp(asked, "off") == 0)
		level = SCAN_PLAIN;
	else if (asked && strcmp(asked, "avx2") == 0 && level == SCAN_SIMD)
		level = SCAN_SIMD_NARROW;
	means = best_means(level);
	means_chosen = true;
}

__attribute__((constructor)) static void
choose_means(void)
{
	if (!means_chosen)
		scan_level(SCAN_SIMD);
}

const char *
scan_level_name(void)
{
	return means.name;
}

struct scanner *
scanner_new(const struct slice *names, int n_names, size_t max_record)
{
	struct scanner *s = memory_get_zeroed(1, sizeof(*s));

	for (int i = 0; i < n_names; i++) {
		s->names.names[i] = names[i];
		s->names.of_length[names[i].n % 64] |= (uint8_t)(1u << i);
	}
	s->names.n = n_names;
	s->max_record = max_record;
	s->inner_name = -1;
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
scanner_restart(struct scanner *s)
{
	struct scan_state top = {false, false};

	scanner_resume(s, top, 1, 0);
	s->begun = false;
}

void
scanner_resume(struct scanner *s, struct scan_state state, uint64_t line, uint64_t elements_before)
{
	s->state = state;
	s->line = line;
	s->elements = elements_before;
	s->begun = true;
	s->comma = false;
	s->skip = SKIP_NOTHING;
	s->p = NULL;
	s->n = s->at = 0;
	s->line_begin = s->used = 0;
	s->indexed = NULL;
	s->plain_until = 0;
}

struct scan_state
scanner_state(const struct scanner *s)
{
	return s->state;
}

uint64_t
scanner_lines(const struct scanner *s)
{
	return s->line;
}

uint64_t
scanner_elements(const struct scanner *s)
{
	return s->elements;
}

size_t
scanner_offset(const struct scanner *s)
{
	return s->at;
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
	s->line_begin -= (ptrdiff_t)s->at;
	s->used -= (ptrdiff_t)s->at;
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

/* --- moving on ---------------------------------------------------------------------------------------------------- */

static void
advance(struct scanner *s, size_t to)
{
	const char *p = s->p + s->at, *end = s->p + to;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		s->line++;
		s->line_begin = ++p - s->p;
	}
	s->at = to;
}

/* Skip white space; false when the window ends first. */
static inline bool
skip_space(struct scanner *s)
{
	const char *p = s->p;
	size_t at = s->at, n = s->n;

	for (; at < n && scan_is_space(p[at]); at++)
		if (p[at] == '\n') {
			s->line++;
			s->line_begin = (ptrdiff_t)at + 1;
		}
	s->at = at;
	return at < n;
}

static bool
skip_line(struct scanner *s)
{
	const char *end = memchr(s->p + s->at, '\n', s->n - s->at);

	advance(s, end ? (size_t)(end - s->p) + 1 : s->n);
	return end != NULL;
}

/* From a line's begin: does the next record begin here? 1 yes, 0 no, -1 limit comes before it can be told. */
static int
record_begins(const struct scanner *s, size_t at, size_t limit)
{
	size_t space_limit = limit - at > SPACE_MAX ? at + SPACE_MAX : limit;

	if (!s->state.in_array)
		return at == limit ? -1 : s->p[at] == '{' || s->p[at] == '[';
	while (at < space_limit && (s->p[at] == ' ' || s->p[at] == '\t' || s->p[at] == ','))
		at++;
	return at == limit ? -1 : s->p[at] == '{' || s->p[at] == ']';
}

static bool
skip_lines(struct scanner *s)
{
	while (skip_line(s)) {
		int begins = record_begins(s, s->at, s->n);
		if (begins < 0 && !s->at_end) {
			/* look at this line again with more of it; the newline before it is needed for that */
			s->at--;
			s->line--;
			return false;
		}
		if (begins > 0) {
			while (s->state.in_array && (scan_is_space(s->p[s->at]) || s->p[s->at] == ','))
				s->at++;
			s->state.after_value = s->state.in_array && s->p[s->at] == ']';
			s->comma = false;
			return true;
		}
	}
	return false;
}

/* Follow an element's brackets to the comma or bracket behind it; true there. Where that does not work out skip_lines
 * goes on from the line that follows. */
static bool
skip_element(struct scanner *s)
{
	size_t at;

	for (at = s->at; at < s->n; at++) {
		char c = s->p[at];
		if (s->skip_in_string) {
			if (s->skip_escaped)
				s->skip_escaped = false;
			else if (c == '\\')
				s->skip_escaped = true;
			else if (c == '"')
				s->skip_in_string = false;
			if (c != '\n')
				continue;
			s->skip = SKIP_LINES;
			break;
		}
		if (c == '"')
			s->skip_in_string = true;
		else if (c == '{' || c == '[')
			s->skip_depth++;
		else if (s->skip_depth == 0 && (c == ',' || c == ']' || c == '}'))
			break;
		else if (c == '}' || c == ']')
			s->skip_depth--;
	}
	advance(s, at);
	if (at == s->n)
		return false;
	if (s->skip == SKIP_LINES)
		return skip_lines(s);
	s->state.after_value = true;
	return true;
}

/* Go on with a skip that the last window could not finish; false when this one cannot either. */
static bool
finish_skip(struct scanner *s)
{
	bool done = true;

	switch (s->skip) {
	case SKIP_NOTHING: return true;
	case SKIP_LINE: done = skip_line(s); break;
	case SKIP_LINES: done = skip_lines(s); break;
	case SKIP_ELEMENT: done = skip_element(s); break;
	}
	if (done)
		s->skip = SKIP_NOTHING;
	return done;
}

/* Behind a fault the index may be out of step with the strings. Until its end the exact scanner does the work, so that
 * faults in every line do not have the same bytes indexed again and again. */
static void
index_drop(struct scanner *s)
{
	if (s->indexed)
		s->plain_until = (size_t)(s->indexed - s->p) + s->index.bytes;
	s->indexed = NULL;
}

/* --- what is refused ---------------------------------------------------------------------------------------------- */

/* The offset where the element at s->at ends by its brackets, or 0 when that cannot be told: a line break ends a
 * string, or a line begins as the element's own did. *more: limit came first. */
static size_t
element_end(const struct scanner *s, size_t limit, bool *more)
{
	size_t indent = (size_t)((ptrdiff_t)s->at - s->line_begin);
	bool in_string = false, own_line = s->p[s->at] == '{' && s->line_begin >= s->used;
	int depth = 0;

	*more = false;
	for (size_t at = s->at; at < limit; at++) {
		char c = s->p[at];
		if (c == '\n') {
			size_t next = at + 1;
			while (next < limit && (s->p[next] == ' ' || s->p[next] == '\t'))
				next++;
			if (in_string || (own_line && next < limit && s->p[next] == '{' && next - at - 1 == indent))
				return 0;
		} else if (in_string) {
			if (c == '\\')
				at++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (depth == 0 && (c == ',' || c == ']' || c == '}')) {
			return c == '}' ? 0 : at;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	*more = true;
	return 0;
}

struct fault {
	struct plain_fault why;
	size_t at; /* offset in the window */
};

/* Where scanning goes on behind the bad record at s->at, and how much of it is its text: looked for in as much text as
 * the longest record may have. false: it is not there. */
static bool
resume_offset(const struct scanner *s, const struct fault *fault, size_t *resume, size_t *text_end)
{
	size_t limit = s->n - s->at > s->max_record + 1 ? s->at + s->max_record + 1 : s->n;
	const char *newline = memchr(s->p + s->at, '\n', limit - s->at);
	bool more = false, all = limit == s->n && s->at_end;
	size_t end;

	if (s->state.in_array) {
		if ((end = element_end(s, limit, &more))) {
			*resume = *text_end = end;
			return true;
		}
		if (more && !all)
			return false;
	} else if (newline && fault->at <= (size_t)(newline - s->p)) {
		*text_end = (size_t)(newline - s->p);
		*resume = *text_end + 1;
		return true;
	}
	while (newline) {
		int begins = record_begins(s, (size_t)(newline - s->p) + 1, limit);
		if (begins < 0 && !all)
			return false;
		if (begins > 0) {
			*text_end = (size_t)(newline - s->p);
			*resume = *text_end + 1;
			return true;
		}
		newline = memchr(newline + 1, '\n', (size_t)(s->p + limit - newline) - 1);
	}
	*resume = *text_end = s->n;
	return all;
}

static void
describe_fault(struct scanner *s, struct scan_record *r, const struct fault *fault)
{
	r->code = fault->why.code;
	r->reason = fault->why.reason;
	r->line = r->fault_line = s->line;
	r->in_array = s->state.in_array;
	r->spans_lines = r->cut = false;
	ptrdiff_t line_begin = s->line_begin;
	for (const char *p = s->p + s->at; p < s->p + fault->at; p++)
		if (*p == '\n') {
			r->fault_line++;
			line_begin = p - s->p + 1;
		}
	r->column = (uint64_t)((ptrdiff_t)fault->at - line_begin + 1);
}

static struct slice
trimmed(const char *p, size_t n)
{
	while (n && scan_is_space(p[n - 1]))
		n--;
	return (struct slice){p, n};
}

/* Refuse a record whose end is not in sight, and pass over what follows of it. */
static enum scan_result
refuse_cut(struct scanner *s, struct scan_record *r)
{
	bool in_first_line = !memchr(s->p + s->at, '\n', s->max_record);

	r->text = (struct slice){s->p + s->at, s->max_record};
	r->cut = true;
	s->skip = s->state.in_array ? SKIP_ELEMENT : in_first_line ? SKIP_LINE : SKIP_LINES;
	s->skip_depth = 0;
	s->skip_in_string = s->skip_escaped = false;
	finish_skip(s);
	return SCAN_REFUSED;
}

/* Refuse what begins at s->at. */
static enum scan_result
refuse(struct scanner *s, struct scan_record *r, const struct fault *fault)
{
	size_t resume, text_end;
	bool found = resume_offset(s, fault, &resume, &text_end);

	if (!found && s->n - s->at <= s->max_record)
		return SCAN_MORE;
	index_drop(s);
	describe_fault(s, r, fault);
	r->element = ++s->elements;
	if (!found)
		return refuse_cut(s, r);
	r->text = trimmed(s->p + s->at, text_end - s->at);
	if (r->text.n > s->max_record) {
		r->text.n = s->max_record;
		r->cut = true;
	}
	s->used = (ptrdiff_t)text_end;
	advance(s, resume);
	if (!s->state.in_array)
		return SCAN_REFUSED;
	s->comma = false;
	if (resume == text_end) { /* at the comma or bracket behind the element, or at the end of all */
		s->state.after_value = resume < s->n;
		return SCAN_REFUSED;
	}
	/* at the next record's line */
	while (s->at < s->n && (scan_is_space(s->p[s->at]) || s->p[s->at] == ','))
		advance(s, s->at + 1);
	s->state.after_value = s->at < s->n && s->p[s->at] == ']';
	return SCAN_REFUSED;
}

static enum scan_result
refuse_at(struct scanner *s, struct scan_record *r, size_t at, const char *code, const char *reason)
{
	struct fault fault = {{code, reason}, at};

	return refuse(s, r, &fault);
}

/* --- the fast path ------------------------------------------------------------------------------------------------ */

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
	means.index(x, s->indexed, end, left);
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

	return end ? end : tokens_walk(s, r, stopped_at);
}

/* The record at s->at by its tokens: its end, or NULL when the exact scanner has to look. */
static const char *
fast_record(struct scanner *s, struct scan_record *r)
{
	const uint32_t *stopped_at;
	const char *end;

	if (s->at < s->plain_until || !means.index)
		return NULL;
	if (!index_find(s))
		index_begin(s);
	while (!(end = fast_walk(s, r, &stopped_at)) && stopped_at + 3 >= s->index.tokens + s->index.n) {
		if (s->index.bytes - (size_t)(s->p + s->at - s->indexed) > s->max_record || !index_extend(s))
			return NULL;
		memset(r->members, 0, sizeof(r->members));
	}
	if (end && (size_t)(end - s->indexed) <= s->index.bad_from) {
		if (!r->layout)
			layouts_learn(s, r);
		s->token = stopped_at;
		return end;
	}
	index_drop(s);
	memset(r->members, 0, sizeof(r->members));
	r->n_inner = -1;
	r->layout = 0;
	return NULL;
}

/* --- a record ----------------------------------------------------------------------------------------------------- */

/* What may stand behind a top-level value: white space, the end, or another value. */
static bool
may_follow(char c)
{
	return c == '{' || c == '[' || c == '"' || c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' ||
	       c == 'n';
}

static int
cannot_tell(const struct scanner *s, const char *looked_to)
{
	return looked_to < s->p + s->n || s->at_end ? 1 : -1;
}

/* Is what follows the value at s->at on its line fit to follow it? 1 yes, 0 no (*bad is where), -1 cannot tell yet. */
static inline int
follows_well(const struct scanner *s, const char *end, const char **bad)
{
	const char *limit = s->p + s->n, *p = end;

	if ((size_t)(limit - p) > SPACE_MAX)
		limit = p + SPACE_MAX;
	if (p < limit && *p == '\n' && !s->state.in_array)
		return 1;
	if (s->state.in_array) {
		while (p < limit && scan_is_space(*p))
			p++;
		*bad = p;
		return p == limit ? cannot_tell(s, p) : *p == ',' || *p == ']';
	}
	while (p < limit && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	*bad = p;
	if (p == limit)
		return cannot_tell(s, p);
	return *p == '\n' || may_follow(*p);
}

static enum scan_result
incomplete(struct scanner *s, struct scan_record *r)
{
	if (s->n - s->at > s->max_record)
		return refuse_at(s, r, s->at, "too-long", "longer than --max-record");
	if (!s->at_end)
		return SCAN_MORE;
	return refuse_at(s, r, s->n, "invalid-json", "the input ends within a record");
}

static enum scan_result
accept(struct scanner *s, struct scan_record *r, const char *end)
{
	const char *begin = s->p + s->at, *bad = NULL;
	size_t n = (size_t)(end - begin);
	int follows = follows_well(s, end, &bad);

	if (n > s->max_record)
		return refuse_at(s, r, s->at, "too-long", "longer than --max-record");
	if (follows < 0)
		return SCAN_MORE;
	if (follows == 0)
		return refuse_at(s, r, (size_t)(bad - s->p), "invalid-json",
			s->state.in_array ? "',' or ']' should follow the record"
					  : "unexpected text follows the record");
	r->text = (struct slice){begin, n};
	r->line = s->line;
	r->element = ++s->elements;
	r->in_array = s->state.in_array;
	r->spans_lines = memchr(begin, '\n', n) != NULL;
	r->cut = false;
	r->code = r->reason = NULL;
	if (r->spans_lines)
		advance(s, (size_t)(end - s->p));
	else
		s->at = (size_t)(end - s->p);
	s->used = (ptrdiff_t)s->at;
	s->state.after_value = s->state.in_array;
	return SCAN_RECORD;
}

/* The value at s->at, byte by byte. */
static enum scan_result
exact_record(struct scanner *s, struct scan_record *r)
{
	struct fault fault = {.at = 0};
	const char *begin = s->p + s->at, *limit = s->p + s->n, *end, *bad;
	enum plain_result got;

	if ((size_t)(limit - begin) > s->max_record + 1)
		limit = begin + s->max_record + 1;
	got = plain_value(begin, limit, &s->names, r->members, &end, &fault.why);
	fault.at = (size_t)(end - s->p);
	if (got == PLAIN_INCOMPLETE)
		return incomplete(s, r);
	if (got == PLAIN_FAULT)
		return refuse(s, r, &fault);
	if (*begin == '{')
		return accept(s, r, end);
	if (end == s->p + s->n && !s->at_end)
		return incomplete(s, r);
	if (follows_well(s, end, &bad) < 0)
		return SCAN_MORE;
	fault = (struct fault){{"not-an-object", "not a JSON object"}, s->at};
	struct slice text = {begin, (size_t)(end - begin)};
	if (text.n > s->max_record)
		return refuse_at(s, r, s->at, "too-long", "longer than --max-record");
	if (!follows_well(s, end, &bad))
		return refuse(s, r, &fault);
	/* a good value, but no record: scanning goes on right behind it */
	describe_fault(s, r, &fault);
	r->element = ++s->elements;
	r->text = text;
	advance(s, (size_t)(end - s->p));
	s->used = (ptrdiff_t)s->at;
	s->state.after_value = s->state.in_array;
	return SCAN_REFUSED;
}

/* The punctuation of an array before its next element. false: *result says what to return. */
static bool
next_element(struct scanner *s, struct scan_record *r, enum scan_result *result)
{
	char c = s->p[s->at];

	if (c == ']' && !s->comma) {
		s->used = (ptrdiff_t)++s->at;
		s->state = (struct scan_state){false, false};
		*result = SCAN_RECORD; /* go round again */
		return false;
	}
	if (s->state.after_value && c == ',') {
		s->used = (ptrdiff_t)++s->at;
		s->state.after_value = false;
		s->comma = true;
		*result = SCAN_RECORD;
		return false;
	}
	if (s->state.after_value || c == ',' || c == ']') {
		struct fault fault = {{"invalid-json", s->state.after_value ? "',' or ']' should be here"
									    : "an element should be here"}, s->at};
		describe_fault(s, r, &fault);
		r->element = ++s->elements;
		r->text = (struct slice){s->p + s->at, 1};
		s->comma = false;
		s->state.after_value = c == ']';
		if (c != ']')
			s->used = (ptrdiff_t)++s->at;
		*result = SCAN_REFUSED;
		return false;
	}
	s->comma = false;
	return true;
}

static enum scan_result
at_end_of_window(struct scanner *s, struct scan_record *r)
{
	struct fault fault = {{"invalid-json", "the array is not closed"}, s->at};

	if (!s->at_end)
		return SCAN_MORE;
	if (!s->state.in_array)
		return SCAN_END;
	describe_fault(s, r, &fault);
	r->element = 0;
	r->text = (struct slice){s->p + s->at, 0};
	s->state = (struct scan_state){false, false};
	return SCAN_REFUSED;
}

static bool
skip_byte_order_mark(struct scanner *s)
{
	if (s->n < 3 && !s->at_end && memcmp(s->p, "\xef\xbb\xbf", s->n) == 0)
		return false;
	if (s->n >= 3 && memcmp(s->p, "\xef\xbb\xbf", 3) == 0)
		s->at = 3;
	s->begun = true;
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
	if (!s->begun && !skip_byte_order_mark(s))
		return SCAN_MORE;
	if (s->skip != SKIP_NOTHING && !finish_skip(s) && !s->at_end)
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
			s->used = (ptrdiff_t)++s->at;
			s->state = (struct scan_state){true, false};
			continue;
		}
		break;
	}
	if (s->p[s->at] == '{' && (end = fast_record(s, r)))
		return accept(s, r, end);
	return exact_record(s, r);
}
