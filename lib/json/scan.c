#include "json/scan_private.h"

#include "base/memory.h"
#include "json/text.h"

#include <stdlib.h>

/* White space that is looked through before a decision; with more of it the decision is made without. */
#define SPACE_MAX ((size_t)64 << 10)

enum skip {
	SKIP_NOTHING,
	SKIP_LINE,    /* to the next line */
	SKIP_LINES,   /* to the next line that begins with { or [, in an array after space and a comma */
	SKIP_ELEMENT, /* to the comma or bracket behind an array's element */
};

struct scanner {
	struct scan_names names;
	size_t max_record;
	int inner_name;       /* of which wanted member to list the members; -1: none */

	const char *p;        /* the window */
	size_t n, at;         /* its length; what is not yet used up */
	bool at_end;

	struct scan_state state;
	bool begun;           /* a byte order mark can no longer come */
	bool comma;           /* in an array: an element must follow */
	uint64_t line, elements;
	ptrdiff_t line_begin; /* offset of the line of `at`; negative when it lies before the window */
	ptrdiff_t used;       /* offset behind the last byte used up that was no white space; may be negative, too */

	enum skip skip;       /* what to do before the next record, where the window ended in the midst of it */
	int skip_depth;
	bool skip_in_string, skip_escaped;

	struct scan_index index;
	const uint32_t *token; /* the next one, in index.tokens */
	const char *indexed;   /* where the index begins; NULL: there is none */
	size_t plain_until;    /* offset in the window below which the exact scanner does the work */
};

static scan_indexer *indexer;
static bool indexer_chosen;

static scan_indexer *
best_indexer(void)
{
	const char *off = getenv("ACC_SIMD");

	if (off && strcmp(off, "off") == 0)
		return NULL;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("bmi"))
		return scan_index_avx2;
#elif defined(__aarch64__)
	return scan_index_neon;
#endif
	return NULL;
}

__attribute__((constructor)) static void
choose_indexer(void)
{
	if (!indexer_chosen)
		indexer = best_indexer();
	indexer_chosen = true;
}

void
scan_level(enum scan_level level)
{
	indexer = level == SCAN_PLAIN ? NULL : best_indexer();
	indexer_chosen = true;
}

const char *
scan_level_name(void)
{
	if (!indexer)
		return "plain";
#if defined(__x86_64__)
	return "avx2";
#else
	return "neon";
#endif
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
	scanner_restart(s);
	return s;
}

void
scanner_free(struct scanner *s)
{
	if (!s)
		return;
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
	indexer(x, s->indexed, end, left);
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

static inline const char *
scalar_end(const char *p, const char *limit)
{
	const char *end;

	switch (*p) {
	case 't':
		end = limit - p > 4 && memcmp(p, "true", 4) == 0 ? p + 4 : NULL;
		break;
	case 'f':
		end = limit - p > 5 && memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
		break;
	case 'n':
		end = limit - p > 4 && memcmp(p, "null", 4) == 0 ? p + 4 : NULL;
		break;
	default:
		end = plain_number(p, limit);
		break;
	}
	if (!end || end == limit || !(scan_is_space(*end) || *end == ',' || *end == '}' || *end == ']'))
		return NULL;
	return end;
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

/* Check the record whose '{' is the next token. The end behind its '}', or NULL at a fault or where the tokens end;
 * *stopped_at is the token then. */
static const char *
walk_tokens(struct scanner *s, struct scan_record *r, const uint32_t **stopped_at)
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
		listing = wanted == s->inner_name && wanted >= 0;
		n_inner = listing ? 0 : n_inner;
	} else if (listing && depth == 2) {
		/* the name's closing quote stands right before the colon, the value right behind it, the name itself
		   behind a brace or comma, where there is no white space */
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
	case '"':
		t++;
		break;
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

/* The record at s->at by its tokens: its end, or NULL when the exact scanner has to look. */
static const char *
fast_record(struct scanner *s, struct scan_record *r)
{
	const uint32_t *stopped_at;
	const char *end;

	if (s->at < s->plain_until || !indexer)
		return NULL;
	if (!index_find(s))
		index_begin(s);
	while (!(end = walk_tokens(s, r, &stopped_at)) && stopped_at + 3 >= s->index.tokens + s->index.n) {
		if (s->index.bytes - (size_t)(s->p + s->at - s->indexed) > s->max_record || !index_extend(s))
			return NULL;
		memset(r->members, 0, sizeof(r->members));
	}
	if (end && (size_t)(end - s->indexed) <= s->index.bad_from) {
		s->token = stopped_at;
		return end;
	}
	index_drop(s);
	memset(r->members, 0, sizeof(r->members));
	r->n_inner = -1;
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
	r->layout = 0;
	if (!s->begun && !skip_byte_order_mark(s))
		return SCAN_MORE;
	if (!finish_skip(s) && !s->at_end)
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
