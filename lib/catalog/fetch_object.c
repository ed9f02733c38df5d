#include "base/memory.h"
#include "base/progress.h"
#include "catalog/fetch_private.h"
#include "io/codec.h"
#include "io/object.h"

#define FOUND_MAX 8192             /* records that are remembered of a piece */
#define ROOM_MAX (4 * FETCH_BLOCK) /* of a worker that read a long record, and may not read another */

struct scanner *
fetch_scanner_new(const struct fetch_options *options)
{
	static const struct slice names[] = {{"_source", 7}};
	struct scanner *scanner = scanner_new(names, 1, options->max_record);

	scanner_spare(scanner, 0);
	return scanner;
}

void
fetch_worker_begin(struct fetch_worker *w)
{
	w->scanner = fetch_scanner_new(w->options);
	if (w->map || w->select)
		w->batch = fetch_batch_new(w);
}

void
fetch_worker_end(struct fetch_worker *w)
{
	scanner_free(w->scanner);
	fetch_batch_free(w->batch);
	scan_piece_free(&w->text);
	free(w->found);
	buffer_free(&w->source);
	buffer_free(&w->time);
	buffer_free(&w->scratch);
}

static void
fail(struct job *job, const struct error *error)
{
	job->failed = true;
	job->failure = *error;
}

/* ---- opening */

/* What is no time is not passed on, and what is longer than any is written anew. */
static void
complete_reference(struct reference *r, struct instant modified)
{
	struct instant time = reference_time(r);

	if (instant_is_missing(time))
		reference_set_time(r, modified);
	else if (strlen(r->time) > INSTANT_TEXT_MAX)
		reference_set_time(r, time);
}

static ssize_t
read_some(void *context, char *p, size_t n)
{
	struct job *job = context;
	struct error error;
	ssize_t got = stream_read(job->stream, p, n, &error);

	if (got < 0)
		fail(job, &error);
	progress_done(job->raw->bytes - job->shown);
	job->shown = job->raw->bytes;
	return got;
}

void
fetch_object_open(struct fetch_worker *w)
{
	struct job *job = w->job;
	struct object_facts facts = {.time = INSTANT_MISSING};
	struct scan_source source = {.read = read_some, .context = job, .first = FETCH_BLOCK, .most = FETCH_BLOCK};
	struct error error;
	const struct object_scheme *scheme = object_scheme_of(job->reference.uri, &error);

	job->raw = scheme ? scheme->open(&job->reference, w->options->buffer_bytes, &facts, &error) : NULL;
	if (!job->raw) {
		fail(job, &error);
		return;
	}
	complete_reference(&job->reference, facts.time);
	if (facts.whole.p && codec_recognise(facts.whole) == CODEC_NONE) {
		source.whole = job->whole = facts.whole;
		job->stream = job->raw;
	} else {
		job->stream = codec_decode(job->raw, job->reference.uri);
		source.live = job->stream->live;
	}
	scan_pieces_begin(&job->text, &source);
}

void
fetch_object_close(struct job *job)
{
	if (!job->stream)
		return;
	job->counts.bytes_in = job->whole.p ? job->whole.n : job->raw->bytes;
	stream_close(job->stream);
	scan_pieces_end(&job->text);
}

/* ---- reading */

/* element 0: the array that is not closed. */
static void
take(struct fetch_worker *w, struct found *r)
{
	struct error error;

	if (r->element == 0) {
		error_set(&error, STATUS_REFUSED, "truncated", "cannot read all of '%s': %s", w->job->reference.uri,
			r->reason);
		fail(w->job, &error);
		return;
	}
	r->line += w->text.lines;
	r->fault_line += r->fault_line ? w->text.lines : 0;
	r->element += w->text.elements;
	w->counts.read++;
	if (r->code && w->batch)
		fetch_batch_flush(w->batch); /* what is refused is told in its order */
	if (r->code)
		fetch_refuse(w, r);
	else if (w->batch)
		fetch_batch_add(w->batch, r);
	else
		fetch_add_record(w, r);
	if (w->piece->data.n >= FETCH_OUTPUT)
		fetch_emit(w);
}

/* false: there are too many, and the piece is to be scanned in its turn. */
static bool
remember(struct fetch_worker *w, const struct found *r)
{
	if (!w->found)
		w->found = memory_get(FOUND_MAX * sizeof(*w->found));
	if (w->n_found == FOUND_MAX)
		return false;
	w->found[w->n_found++] = *r;
	return true;
}

/* false: not to its end. */
static bool
scan(struct fetch_worker *w)
{
	struct scan_record r;
	enum scan_result got;

	w->n_found = 0;
	scan_piece_begin(&w->job->text, &w->text, w->scanner);
	while ((got = scanner_next(w->scanner, &r)) == SCAN_RECORD || got == SCAN_REFUSED) {
		struct found found = {.text = r.text,
			.source = r.members[0],
			.line = r.line,
			.element = r.element,
			.spans_lines = r.spans_lines};

		if (got == SCAN_REFUSED && w->text.is_cut)
			continue;
		if (got == SCAN_REFUSED) {
			found.code = r.code;
			found.reason = r.reason;
			found.column = r.column;
			found.fault_line = r.fault_line;
		}
		if (w->text.settled)
			take(w, &found);
		else if (!remember(w, &found))
			return false;
	}
	return true;
}

static void
read_piece(struct fetch_worker *w)
{
	struct job *job = w->job;
	bool done;

	buffer_reserve(&w->piece->data, w->text.text.n < FETCH_OUTPUT / 2 ? 2 * w->text.text.n : FETCH_OUTPUT);
	do
		done = scan(w);
	while (!scan_pieces_settle(&job->text, &w->text) || !done);
	scan_pieces_pass(&job->text, &w->text, w->scanner);
	for (size_t i = 0; i < w->n_found; i++)
		take(w, &w->found[i]);
	if (w->batch)
		fetch_batch_flush(w->batch);
	fetch_emit_last(w);
	if (w->text.room.capacity > ROOM_MAX && !job->stream->live)
		scan_piece_free(&w->text);
}

void
fetch_object_read(struct fetch_worker *w)
{
	struct job *job = w->job;

	if (!job->stream)
		return;
	fetch_prepare_source(w);
	while (scan_pieces_take(&job->text, &w->text)) {
		if (w->text.number == 1 && !w->text.at_end && !job->stream->live)
			fetch_share(w);
		if (job->whole.p)
			progress_done(w->text.taken);
		read_piece(w);
	}
}
