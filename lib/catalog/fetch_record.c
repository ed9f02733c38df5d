/* Records on their way out, and those that are refused. */
#include "base/memory.h"
#include "catalog/fetch_private.h"
#include "json/text.h"

#include <inttypes.h>

/* ---- where a record is from */

void
fetch_prepare_source(struct fetch_worker *w)
{
	const struct reference *r = &w->job->reference;

	w->source.n = w->time.n = 0;
	buffer_add_string(&w->source, "{\"uri\":");
	buffer_add_json_string(&w->source, slice_of(r->uri));
	buffer_add_string(&w->source, ",\"record\":");
	if (r->time) {
		buffer_add_string(&w->time, ",\"time\":");
		buffer_add_json_string(&w->time, slice_of(r->time));
	}
	buffer_add_byte(&w->time, '}');
}

/* The record's number as text; mostly the last one plus one. */
static struct slice
number_text(struct fetch_worker *w, uint64_t number)
{
	char *end = w->digits + sizeof(w->digits), *p = end;

	if (number == w->number + 1 && w->n_digits > 0) {
		while (p > end - w->n_digits && p[-1] == '9')
			*--p = '0';
		if (p == end - w->n_digits) {
			*--p = '1';
			w->n_digits++;
		} else
			p[-1]++;
	} else {
		uint64_t rest = number;

		do
			*--p = (char)('0' + rest % 10);
		while (rest /= 10);
		w->n_digits = (unsigned)(end - p);
	}
	w->number = number;
	return (struct slice){end - w->n_digits, w->n_digits};
}

void
fetch_add_source(struct fetch_worker *w, struct buffer *out, uint64_t number)
{
	buffer_add_slice(out, buffer_slice(&w->source));
	buffer_add_slice(out, number_text(w, number));
	buffer_add_slice(out, buffer_slice(&w->time));
}

/* ---- what is refused */

void
fetch_refuse_with(struct fetch_worker *w, const struct found *r, const char *code, char *text)
{
	struct refusal *refusal = memory_get_zeroed(1, sizeof(*refusal));

	refusal->record = r->element;
	refusal->line = r->line;
	refusal->code = code;
	refusal->text = text;
	if (w->options->rejects) {
		w->scratch.n = 0;
		fetch_add_source(w, &w->scratch, r->element);
		rejects_format(&refusal->rejected, code, text, buffer_slice(&w->scratch), r->text);
	}
	*w->piece->last_refusal = refusal;
	w->piece->last_refusal = &refusal->next;
	w->piece->refusal_bytes += sizeof(*refusal) + refusal->rejected.n + 128;
	w->counts.refused++;
	if (w->piece->refusal_bytes >= FETCH_OUTPUT)
		fetch_emit(w);
}

void
fetch_refuse(struct fetch_worker *w, const struct found *r)
{
	char *text;

	if (r->fault_line && r->fault_line != r->line)
		text = memory_format("%s (line %" PRIu64 ", column %" PRIu64 ")", r->reason, r->fault_line, r->column);
	else
		text = memory_format("%s (column %" PRIu64 ")", r->reason, r->column);
	fetch_refuse_with(w, r, r->code, text);
}

/* ---- what goes out */

static bool
is_empty_object(struct slice text)
{
	return text.p[1] != '"' && text.p[1 + strspn(text.p + 1, " \t\r\n")] == '}';
}

static void
add_as_it_is(struct fetch_worker *w, struct slice text)
{
	struct buffer *out = &w->piece->data;

	buffer_reserve(out, text.n + 1);
	*(char *)mempcpy(out->p + out->n, text.p, text.n) = '\n';
	out->n += text.n + 1;
	w->counts.written++;
}

void
fetch_add_line(struct fetch_worker *w, struct slice text, struct slice source)
{
	struct buffer *out = &w->piece->data;

	if (source.n == 0) {
		add_as_it_is(w, text);
		return;
	}
	buffer_add(out, text.p, text.n - 1);
	buffer_add_string(out, is_empty_object(text) ? "\"_source\":" : ",\"_source\":");
	buffer_add_slice(out, source);
	buffer_add(out, "}\n", 2);
	w->counts.written++;
}

/* With the record's own place as _source: the way of nearly all records. */
static void
add_with_source(struct fetch_worker *w, struct slice text, uint64_t number)
{
	static const char member[] = ",\"_source\":";
	struct buffer *out = &w->piece->data;
	struct slice digits = number_text(w, number);
	size_t comma = is_empty_object(text) ? 0 : 1;
	char *p;

	buffer_reserve(out, text.n + sizeof(member) + w->source.n + digits.n + w->time.n + 2);
	p = mempcpy(out->p + out->n, text.p, text.n - 1);
	p = mempcpy(p, member + 1 - comma, sizeof(member) - 2 + comma);
	p = mempcpy(p, w->source.p, w->source.n);
	p = mempcpy(p, digits.p, digits.n);
	p = mempcpy(p, w->time.p, w->time.n);
	*p++ = '}';
	*p++ = '\n';
	out->n = (size_t)(p - out->p);
	w->counts.written++;
}

void
fetch_add_record(struct fetch_worker *w, const struct found *r)
{
	struct slice text = r->text;

	if (r->spans_lines) {
		w->scratch.n = 0;
		json_compact(&w->scratch, text);
		text = buffer_slice(&w->scratch);
	}
	if (w->options->bare || r->source.p)
		add_as_it_is(w, text);
	else
		add_with_source(w, text, r->element);
}
