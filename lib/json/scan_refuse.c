/* What is refused, how much of it, and where scanning goes on. */
#include "json/scan_private.h"

/* --- moving on ---------------------------------------------------------------------------------------------------- */

void
scan_advance(struct scanner *s, size_t to)
{
	const char *p = s->p + s->at, *end = s->p + to;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		s->state.line++;
		s->state.line_begin = ++p - s->p;
	}
	s->at = to;
}

static bool
skip_line(struct scanner *s)
{
	const char *end = memchr(s->p + s->at, '\n', s->n - s->at);

	scan_advance(s, end ? (size_t)(end - s->p) + 1 : s->n);
	return end != NULL;
}

/* From a line's begin: does the next record begin here? 1 yes, 0 no, -1 limit comes before it can be told. In an array,
 * a line that is indented more than the bad element belongs to it. */
static int
record_begins(const struct scanner *s, size_t at, size_t limit)
{
	size_t space_limit = limit - at > SPACE_MAX ? at + SPACE_MAX : limit, begin = at;

	if (!s->state.in_array)
		return at == limit ? -1 : s->p[at] == '{' || s->p[at] == '[';
	while (at < space_limit && (s->p[at] == ' ' || s->p[at] == '\t' || s->p[at] == ','))
		at++;
	if (at == limit)
		return -1;
	return (s->p[at] == '{' || s->p[at] == ']') && at - begin <= s->state.bad_indent;
}

static bool
skip_lines(struct scanner *s)
{
	while (skip_line(s)) {
		int begins = record_begins(s, s->at, s->n);
		if (begins < 0 && !s->at_end) {
			/* look at this line again with more of it; the newline before it is needed for that */
			s->at--;
			s->state.line--;
			return false;
		}
		if (begins > 0) {
			while (s->state.in_array && (scan_is_space(s->p[s->at]) || s->p[s->at] == ','))
				s->at++;
			s->state.after_value = s->state.in_array && s->p[s->at] == ']';
			s->state.loose = s->state.in_array;
			s->state.comma = false;
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
		if (s->state.skip_in_string) {
			if (s->state.skip_escaped)
				s->state.skip_escaped = false;
			else if (c == '\\')
				s->state.skip_escaped = true;
			else if (c == '"')
				s->state.skip_in_string = false;
			if (c != '\n')
				continue;
			s->state.skip = SKIP_LINES;
			break;
		}
		if (c == '"')
			s->state.skip_in_string = true;
		else if (c == '{' || c == '[')
			s->state.skip_depth++;
		else if (s->state.skip_depth == 0 && (c == ',' || c == ']' || c == '}'))
			break;
		else if (c == '}' || c == ']')
			s->state.skip_depth--;
	}
	scan_advance(s, at);
	if (at == s->n)
		return false;
	if (s->state.skip == SKIP_LINES)
		return skip_lines(s);
	s->state.after_value = true;
	return true;
}

bool
scan_finish_skip(struct scanner *s)
{
	bool done = true;

	switch (s->state.skip) {
	case SKIP_NOTHING: return true;
	case SKIP_LINE: done = skip_line(s); break;
	case SKIP_LINES: done = skip_lines(s); break;
	case SKIP_ELEMENT: done = skip_element(s); break;
	}
	if (done)
		s->state.skip = SKIP_NOTHING;
	return done;
}

/* --- what is refused ---------------------------------------------------------------------------------------------- */

/* Of the bad element that an other one follows: without the comma between them. */
static size_t
behind_text(const struct scanner *s, size_t next)
{
	size_t end = next;

	while (end > s->at && scan_is_space(s->p[end - 1]))
		end--;
	return end > s->at && s->p[end - 1] == ',' ? end - 1 : end;
}

/* Where scanning goes on behind the bad record at s->at, and how much of it is its text: looked for in as much text as
 * the longest record may have. false: it is not there. */
static bool
resume_offset(const struct scanner *s, const struct scan_fault *fault, size_t *resume, size_t *text_end)
{
	size_t limit = s->n - s->at > s->max_text + 1 ? s->at + s->max_text + 1 : s->n;
	const char *newline = memchr(s->p + s->at, '\n', limit - s->at);
	bool all = limit == s->n && s->at_end;

	if (s->state.in_array) {
		switch (scan_element_end(s, fault, limit, all, resume)) {
		case ELEMENT_ENDS: *text_end = *resume; return true;
		case ELEMENT_NEXT: *text_end = behind_text(s, *resume); return true;
		case ELEMENT_UNSEEN: return false;
		case ELEMENT_UNTOLD: break;
		}
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

void
scan_describe_fault(struct scanner *s, struct scan_record *r, const struct scan_fault *fault)
{
	r->code = fault->why.code;
	r->reason = fault->why.reason;
	r->line = r->fault_line = s->state.line;
	r->in_array = s->state.in_array;
	r->spans_lines = r->cut = false;
	ptrdiff_t line_begin = s->state.line_begin;
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
	bool in_first_line = !memchr(s->p + s->at, '\n', s->max_text);

	r->text = (struct slice){s->p + s->at, s->max_record};
	r->cut = true;
	s->state.skip = s->state.in_array ? SKIP_ELEMENT : in_first_line ? SKIP_LINE : SKIP_LINES;
	s->state.skip_depth = 0;
	s->state.skip_in_string = s->state.skip_escaped = false;
	scan_finish_skip(s);
	return SCAN_REFUSED;
}

enum scan_result
scan_refuse(struct scanner *s, struct scan_record *r, const struct scan_fault *fault)
{
	size_t resume, text_end;
	bool found;

	s->state.bad_indent = scan_element_indent(s);
	found = resume_offset(s, fault, &resume, &text_end);

	if (!found && s->n - s->at <= s->max_text + 1)
		return SCAN_MORE; /* as much as resume_offset looks at, and perhaps the end of all */
	tokens_drop(s);
	scan_describe_fault(s, r, fault);
	r->element = ++s->state.elements;
	if (!found)
		return refuse_cut(s, r);
	r->text = trimmed(s->p + s->at, text_end - s->at);
	if (r->text.n > s->max_record) {
		r->text.n = s->max_record;
		r->cut = true;
	}
	s->state.used = (ptrdiff_t)text_end;
	scan_advance(s, resume);
	if (!s->state.in_array)
		return SCAN_REFUSED;
	s->state.comma = false;
	/* at the comma or bracket behind the element, or at the end of all */
	if (resume == text_end && (resume == s->n || s->p[resume] != '{')) {
		s->state.after_value = resume < s->n;
		return SCAN_REFUSED;
	}
	/* at the next record, or its line */
	while (s->at < s->n && (scan_is_space(s->p[s->at]) || s->p[s->at] == ','))
		scan_advance(s, s->at + 1);
	s->state.after_value = s->at < s->n && s->p[s->at] == ']';
	s->state.loose = true;
	return SCAN_REFUSED;
}

enum scan_result
scan_refuse_at(struct scanner *s, struct scan_record *r, size_t at, const char *code, const char *reason)
{
	struct scan_fault fault = {{code, reason}, at};

	return scan_refuse(s, r, &fault);
}
