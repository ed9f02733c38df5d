#include "base/memory.h"
#include "base/progress.h"
#include "catalog/fetch_private.h"
#include "io/codec.h"
#include "io/object.h"
#include "json/text.h"

#include <inttypes.h>

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
		text = memory_format("%s (line %" PRIu64 ", column %" PRIu64 ")", r->reason, r->fault_line,
			r->column);
	else
		text = memory_format("%s (column %" PRIu64 ")", r->reason, r->column);
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
	return text.p[1] != '"' && text.p[1 + strspn(text.p + 1, " \t\r\n")] == '}';
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

#define BATCH_RECORDS 256

/* A record on its way through the programs. */
struct item {
	struct scan_record record; /* borrows from the window */
	size_t source, source_end; /* its _source in sources */
	size_t lines, lines_end;   /* what became of it, in lines */
	const char *code;          /* why it is refused, or NULL */
	char *text;                /* owned, until it is reported */
};

struct fetch_batch {
	struct item items[BATCH_RECORDS];
	size_t n, bytes;
	struct buffer sources, lines, selected;
	size_t item, next; /* while selecting: whose line is next, and where it begins */
	struct fetch_worker *worker;
};

static struct slice
part(const struct buffer *b, size_t from, size_t end)
{
	return (struct slice){b->p + from, end - from};
}

/* The line of text that begins at `from`, without its newline. */
static struct slice
line_at(const struct buffer *b, size_t from)
{
	const char *end = memchr(b->p + from, '\n', b->n - from);

	return (struct slice){b->p + from, (size_t)(end - (b->p + from))};
}

static void
item_refuse(struct item *item, const char *code, char *text)
{
	if (item->code) {
		free(text);
		return;
	}
	item->code = code;
	item->text = text;
}

static void
take_mapped(void *context, size_t index, struct slice lines, const struct error *error)
{
	static const char *const kinds[] = {"null", "false", "true", "a number", "a string", "an array"};
	struct fetch_batch *b = context;
	struct item *item = &b->items[index];

	item->lines = b->lines.n;
	if (error)
		item_refuse(item, error->code, memory_copy_string(error->text));
	for (size_t next = 0; next < lines.n && !item->code;) {
		const char *end = memchr(lines.p + next, '\n', lines.n - next);
		struct slice line = {lines.p + next, (size_t)(end - (lines.p + next))};

		if (json_kind(line) != JSON_OBJECT)
			item_refuse(item, "not-an-object",
				memory_format("%s: the program gave %s, not an object",
					b->worker->options->map_name, kinds[json_kind(line)]));
		next += line.n + 1;
	}
	if (!item->code)
		buffer_add_slice(&b->lines, lines);
	item->lines_end = b->lines.n;
}

/* Fill the lines of all items. */
static void
batch_map(struct fetch_batch *b)
{
	struct fetch_worker *w = b->worker;

	b->lines.n = 0;
	for (size_t i = 0; i < b->n; i++) {
		struct item *item = &b->items[i];

		if (w->map) {
			jq_program_queue(w->map, item->record.text,
				part(&b->sources, item->source, item->source_end));
			continue;
		}
		item->lines = b->lines.n;
		if (item->record.spans_lines)
			json_compact(&b->lines, item->record.text);
		else
			buffer_add_slice(&b->lines, item->record.text);
		buffer_add_byte(&b->lines, '\n');
		item->lines_end = b->lines.n;
	}
	if (w->map)
		jq_program_run_queued(w->map, take_mapped, b);
}

static void
take_selected(void *context, size_t index, struct slice output, const struct error *error)
{
	struct fetch_batch *b = context;
	struct slice line;

	(void)index;
	while (b->next == b->items[b->item].lines_end) {
		b->items[b->item].lines_end = b->selected.n;
		b->next = b->items[++b->item].lines;
		b->items[b->item].lines = b->selected.n;
	}
	line = line_at(&b->lines, b->next);
	b->next += line.n + 1;
	if (error)
		item_refuse(&b->items[b->item], error->code, memory_copy_string(error->text));
	else if (jq_output_holds(output))
		buffer_add(&b->selected, line.p, line.n + 1);
}

/* Leave of the lines of all items those for which --select holds. */
static void
batch_select(struct fetch_batch *b)
{
	struct fetch_worker *w = b->worker;
	struct buffer swap;

	for (size_t i = 0; i < b->n; i++)
		for (size_t next = b->items[i].lines; next < b->items[i].lines_end;) {
			struct slice line = line_at(&b->lines, next);

			jq_program_queue(w->select, line,
				part(&b->sources, b->items[i].source, b->items[i].source_end));
			next += line.n + 1;
		}
	b->selected.n = 0;
	b->item = 0;
	b->next = b->items[0].lines;
	b->items[0].lines = 0;
	jq_program_test_queued(w->select, take_selected, b);
	for (; b->item < b->n; b->item++) {
		b->items[b->item].lines_end = b->selected.n;
		if (b->item + 1 < b->n)
			b->items[b->item + 1].lines = b->selected.n;
	}
	swap = b->lines;
	b->lines = b->selected;
	b->selected = swap;
}

static void
item_write(struct fetch_batch *b, const struct item *item)
{
	struct fetch_worker *w = b->worker;

	w->job->counts.left_out += item->lines == item->lines_end;
	for (size_t next = item->lines; next < item->lines_end;) {
		struct slice line = line_at(&b->lines, next);
		bool keep = w->options->bare || json_member(line, SLICE("_source")).p;

		add_line(w, line,
			keep ? (struct slice){0} : part(&b->sources, item->source, item->source_end));
		next += line.n + 1;
		if (w->chunk->data.n >= FETCH_BLOCK)
			fetch_emit(w);
	}
}

static void
batch_flush(struct fetch_batch *b)
{
	if (b->n == 0)
		return;
	batch_map(b);
	if (b->worker->select)
		batch_select(b);
	for (size_t i = 0; i < b->n; i++) {
		struct item *item = &b->items[i];

		if (item->code)
			refuse_text(b->worker, &item->record, item->code, item->text);
		else
			item_write(b, item);
	}
	b->n = b->bytes = b->sources.n = 0;
}

static void
batch_add(struct fetch_batch *b, const struct scan_record *r)
{
	struct item *item = &b->items[b->n++];

	*item = (struct item){.record = *r, .source = b->sources.n};
	if (r->members[0].p)
		json_compact(&b->sources, r->members[0]); /* on one line, whatever it was */
	else
		add_source(b->worker, &b->sources, r->element);
	item->source_end = b->sources.n;
	b->bytes += r->text.n;
	if (b->n == BATCH_RECORDS || b->bytes >= FETCH_BLOCK)
		batch_flush(b);
}

void
fetch_worker_begin(struct fetch_worker *w)
{
	static const struct slice names[] = {{"_source", 7}};

	w->scanner = scanner_new(names, 1, w->options->max_record);
	if (w->map || w->select) {
		w->batch = memory_get_zeroed(1, sizeof(*w->batch));
		w->batch->worker = w;
	}
}

void
fetch_worker_end(struct fetch_worker *w)
{
	scanner_free(w->scanner);
	if (w->batch) {
		buffer_free(&w->batch->sources);
		buffer_free(&w->batch->lines);
		buffer_free(&w->batch->selected);
		free(w->batch);
	}
	buffer_free(&w->window);
	buffer_free(&w->source);
	buffer_free(&w->time);
	buffer_free(&w->scratch);
}

/* ---- reading */

static void
scan_refused(struct fetch_worker *w, const struct scan_record *r)
{
	if (w->batch)
		batch_flush(w->batch); /* what is refused is told in its order */
	refuse(w, r);
}

/* The records in a window; false at the end. broken: reading failed, so that what is cut at the end was good. */
static bool
scan_window(struct fetch_worker *w, struct slice window, bool at_end, bool broken)
{
	struct scan_record r;
	enum scan_result result;
	struct error error;

	scanner_window(w->scanner, window.p, window.n, at_end);
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
		if (w->batch && result == SCAN_RECORD)
			batch_add(w->batch, &r);
		else if (result == SCAN_RECORD)
			write_record(w, &r);
		else
			scan_refused(w, &r);
		if (w->chunk->data.n >= FETCH_BLOCK)
			fetch_emit(w);
	}
	if (w->batch)
		batch_flush(w->batch);
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

	w->window.n = 0;
	while (more) {
		size_t n = w->window.n > FETCH_BLOCK ? w->window.n : FETCH_BLOCK;
		ssize_t got;

		buffer_reserve(&w->window, n);
		got = stream_read(stream, w->window.p + w->window.n, n, &error);
		if (got < 0)
			fail(w, &error);
		w->window.n += got > 0 ? (size_t)got : 0;
		more = scan_window(w, buffer_slice(&w->window), got <= 0, got < 0);
		keep_rest(w);
		progress_done(raw->bytes - shown);
		shown = raw->bytes;
		if (stream->live && w->chunk->data.n > 0)
			fetch_emit(w);
	}
	w->job->counts.bytes_in = raw->bytes;
}

/* What is in memory, uncompressed, needs no window. */
static void
scan_whole(struct fetch_worker *w, struct slice whole)
{
	/* _source makes records about half as long again */
	buffer_reserve(&w->chunk->data, whole.n < FETCH_BLOCK / 2 ? 2 * whole.n : FETCH_BLOCK + FETCH_BLOCK / 8);
	scan_window(w, whole, true, false);
	progress_done(whole.n);
	w->job->counts.bytes_in = whole.n;
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
	scanner_restart(w->scanner);
	if (facts.whole.p && codec_recognise(facts.whole) == CODEC_NONE) {
		scan_whole(w, facts.whole);
		stream_close(raw);
		return;
	}
	stream = codec_decode(raw, r->uri);
	read_stream(w, raw, stream);
	stream_close(stream);
}
