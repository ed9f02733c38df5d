#include "base/memory.h"
#include "base/progress.h"
#include "catalog/fetch_private.h"
#include "io/codec.h"
#include "io/object.h"
#include "json/text.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- where a record is from */

static void
prepare_source(struct fetch_worker *w, struct instant modified)
{
	struct reference *r = &w->job->reference;

	if (!r->time)
		reference_set_time(r, modified);
	w->source.n = w->time.n = 0;
	buffer_add_string(&w->source, "{\"uri\":");
	buffer_add_json_string(&w->source, slice_of(r->uri));
	buffer_add_string(&w->source, ",\"record\":");
	if (r->time) {
		buffer_add_string(&w->time, ",\"time\":");
		buffer_add_json_string(&w->time, slice_of(r->time));
	}
	buffer_add_byte(&w->time, '}');
	w->number = 0;
	w->n_digits = 0;
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

static void
add_source(struct fetch_worker *w, struct buffer *out, uint64_t number)
{
	buffer_add_slice(out, buffer_slice(&w->source));
	buffer_add_slice(out, number_text(w, number));
	buffer_add_slice(out, buffer_slice(&w->time));
}

/* ---- what is refused */

static void
refuse_text(struct fetch_worker *w, const struct scan_record *r, const char *code, char *text)
{
	struct refusal *refusal = memory_get_zeroed(1, sizeof(*refusal));

	refusal->record = r->element;
	refusal->line = r->line;
	refusal->code = code;
	refusal->text = text;
	if (w->options->rejects) {
		w->scratch.n = 0;
		add_source(w, &w->scratch, r->element);
		rejects_format(&refusal->rejected, code, text, buffer_slice(&w->scratch), r->text);
	}
	*w->chunk->last_refusal = refusal;
	w->chunk->last_refusal = &refusal->next;
	w->chunk->refusal_bytes += sizeof(*refusal) + refusal->rejected.n + 128;
	w->job->counts.refused++;
	if (w->chunk->refusal_bytes >= FETCH_BLOCK)
		fetch_emit(w);
}

static void
refuse(struct fetch_worker *w, const struct scan_record *r)
{
	char *text;

	if (r->fault_line && r->fault_line != r->line)
		text = memory_format("%s at line %" PRIu64 ", byte %" PRIu64, r->reason, r->fault_line,
			r->column);
	else
		text = memory_format("%s at byte %" PRIu64, r->reason, r->column);
	refuse_text(w, r, r->code, text);
}

static void
fail(struct fetch_worker *w, const struct error *error)
{
	w->job->failed = true;
	w->job->failure = *error;
}

/* ---- what goes out */

static bool
is_empty_object(struct slice text)
{
	size_t i = 1;

	while (i < text.n && strchr(" \t\r\n", text.p[i]))
		i++;
	return i < text.n && text.p[i] == '}';
}

/* One line of output: text is a compact JSON object; source is the text to add as _source, or empty. */
static void
add_line(struct fetch_worker *w, struct slice text, struct slice source)
{
	struct buffer *out = &w->chunk->data;

	buffer_add(out, text.p, text.n - 1);
	if (source.n > 0) {
		buffer_add_string(out, is_empty_object(text) ? "\"_source\":" : ",\"_source\":");
		buffer_add_slice(out, source);
	}
	buffer_add_string(out, "}\n");
	w->job->counts.written++;
}

/* As add_line with the record's own place for source: the way of nearly all records. */
static void
add_record(struct fetch_worker *w, struct slice text, uint64_t number)
{
	static const char member[] = ",\"_source\":";
	struct buffer *out = &w->chunk->data;
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
	w->job->counts.written++;
}

static void
write_record(struct fetch_worker *w, const struct scan_record *r)
{
	struct slice text = r->text;

	if (r->spans_lines) {
		w->scratch.n = 0;
		json_compact(&w->scratch, text);
		text = buffer_slice(&w->scratch);
	}
	if (w->options->bare || r->members[0].p)
		add_line(w, text, (struct slice){0});
	else
		add_record(w, text, r->element);
}

/* ---- --map and --select */

struct mapping {
	struct fetch_worker *w;
	const char *wrong; /* what an output is that is no object */
};

static bool
collect_output(void *context, struct slice output)
{
	static const char *const kinds[] = {"null", "false", "true", "a number", "a string", "an array"};
	struct mapping *m = context;

	if (json_kind(output) != JSON_OBJECT) {
		m->wrong = kinds[json_kind(output)];
		return false;
	}
	buffer_add_slice(&m->w->mapped, output);
	buffer_add_byte(&m->w->mapped, '\n');
	return true;
}

/* Fill w->mapped; false when the record was refused. */
static bool
map_record(struct fetch_worker *w, const struct scan_record *r, struct slice source)
{
	struct mapping m = {.w = w};
	struct error error;

	w->mapped.n = 0;
	if (!w->map) {
		if (r->spans_lines)
			json_compact(&w->mapped, r->text);
		else
			buffer_add_slice(&w->mapped, r->text);
		buffer_add_byte(&w->mapped, '\n');
		return true;
	}
	if (jq_program_run(w->map, r->text, source, collect_output, &m, &error) < 0) {
		refuse_text(w, r, error.code, memory_copy_string(error.text));
		return false;
	}
	if (!m.wrong)
		return true;
	refuse_text(w, r, "not-an-object",
		memory_format("%s: the program gave %s, not an object", w->options->map_name, m.wrong));
	return false;
}

/* Take out of w->mapped what is not selected; false when the record was refused. */
static bool
select_lines(struct fetch_worker *w, const struct scan_record *r, struct slice source)
{
	size_t kept = 0, next = 0;
	struct error error;

	while (w->select && next < w->mapped.n) {
		char *line = w->mapped.p + next;
		size_t n = (size_t)((char *)memchr(line, '\n', w->mapped.n - next) - line);
		int holds = jq_program_test(w->select, (struct slice){line, n}, source, &error);

		if (holds < 0) {
			refuse_text(w, r, error.code, memory_copy_string(error.text));
			return false;
		}
		if (holds)
			memmove(w->mapped.p + kept, line, n + 1);
		kept += holds ? n + 1 : 0;
		next += n + 1;
	}
	w->mapped.n = w->select ? kept : w->mapped.n;
	return true;
}

static void
transform_record(struct fetch_worker *w, const struct scan_record *r)
{
	struct buffer own = {0};
	struct slice source = r->members[0], rest;

	/* one line, whatever it was */
	if (source.p)
		json_compact(&own, source);
	else
		add_source(w, &own, r->element);
	source = buffer_slice(&own);
	if (map_record(w, r, source) && select_lines(w, r, source)) {
		rest = buffer_slice(&w->mapped);
		w->job->counts.left_out += rest.n == 0;
		while (rest.n > 0) {
			size_t n = (size_t)((const char *)memchr(rest.p, '\n', rest.n) - rest.p);
			struct slice text = {rest.p, n};
			bool has_source = json_member(text, SLICE("_source")).p != NULL;

			add_line(w, text, w->options->bare || has_source ? (struct slice){0} : source);
			rest.p += n + 1;
			rest.n -= n + 1;
		}
	}
	buffer_free(&own);
}

/* ---- reading */

/* What the window holds; false at the end. broken: reading failed, so that what is cut at the end was good. */
static bool
scan_window(struct fetch_worker *w, bool at_end, bool broken)
{
	struct scan_record r;
	enum scan_result result;
	struct error error;

	scanner_window(w->scanner, w->window.p, w->window.n, at_end);
	while ((result = scanner_next(w->scanner, &r)) == SCAN_RECORD || result == SCAN_REFUSED) {
		if (result == SCAN_REFUSED && broken)
			continue;
		if (result == SCAN_REFUSED && r.text.n == 0) {
			error_set(&error, STATUS_REFUSED, "truncated", "cannot read all of '%s': %s",
				w->job->reference.uri, r.reason);
			fail(w, &error);
			continue;
		}
		w->job->counts.read++;
		if (result == SCAN_REFUSED)
			refuse(w, &r);
		else if (w->map || w->select)
			transform_record(w, &r);
		else
			write_record(w, &r);
		if (w->chunk->data.n >= FETCH_BLOCK)
			fetch_emit(w);
	}
	return result == SCAN_MORE;
}

/* Keep what the scanner has not used up at the window's beginning. */
static void
keep_rest(struct fetch_worker *w)
{
	struct slice rest = scanner_rest(w->scanner);

	if (rest.n > 0)
		memmove(w->window.p, rest.p, rest.n);
	w->window.n = rest.n;
}

static void
read_stream(struct fetch_worker *w, struct stream *raw, struct stream *stream)
{
	struct error error;
	uint64_t shown = 0;
	bool more = true;

	scanner_restart(w->scanner);
	w->window.n = 0;
	while (more) {
		size_t n = w->window.n > FETCH_BLOCK ? w->window.n : FETCH_BLOCK;
		ssize_t got;

		buffer_reserve(&w->window, n);
		got = stream_read(stream, w->window.p + w->window.n, n, &error);
		if (got < 0)
			fail(w, &error);
		w->window.n += got > 0 ? (size_t)got : 0;
		more = scan_window(w, got <= 0, got < 0);
		keep_rest(w);
		progress_done(raw->bytes - shown);
		shown = raw->bytes;
		if (stream->live && w->chunk->data.n > 0)
			fetch_emit(w);
	}
	w->job->counts.bytes_in = raw->bytes;
}

void
fetch_object(struct fetch_worker *w)
{
	struct object_facts facts = {.time = INSTANT_MISSING};
	struct reference *r = &w->job->reference;
	const struct object_scheme *scheme;
	struct stream *raw, *stream;
	struct error error;

	scheme = object_scheme_of(r->uri, &error);
	raw = scheme ? scheme->open(r, w->options->buffer_bytes, &facts, &error) : NULL;
	if (!raw) {
		fail(w, &error);
		return;
	}
	prepare_source(w, facts.time);
	stream = codec_decode(raw, r->uri);
	read_stream(w, raw, stream);
	stream_close(stream);
}
