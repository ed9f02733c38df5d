#include "base/progress.h"
#include "catalog/fetch_private.h"
#include "io/codec.h"
#include "io/object.h"

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
	buffer_free(&w->window);
	buffer_free(&w->source);
	buffer_free(&w->time);
	buffer_free(&w->scratch);
}

static void
fail(struct fetch_worker *w, const struct error *error)
{
	w->job->failed = true;
	w->job->failure = *error;
}

static void
scan_refused(struct fetch_worker *w, const struct scan_record *r)
{
	if (w->batch)
		fetch_batch_flush(w->batch); /* what is refused is told in its order */
	fetch_refuse(w, r);
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
			fetch_batch_add(w->batch, &r);
		else if (result == SCAN_RECORD)
			fetch_add_record(w, &r);
		else
			scan_refused(w, &r);
		if (w->piece->data.n >= FETCH_BLOCK)
			fetch_emit(w);
	}
	if (w->batch)
		fetch_batch_flush(w->batch);
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
		if (stream->live && w->piece->data.n > 0)
			fetch_emit(w);
	}
	w->job->counts.bytes_in = raw->bytes;
}

/* What is in memory, uncompressed, needs no window. */
static void
scan_whole(struct fetch_worker *w, struct slice whole)
{
	/* _source makes records about half as long again */
	buffer_reserve(&w->piece->data, whole.n < FETCH_BLOCK / 2 ? 2 * whole.n : FETCH_BLOCK + FETCH_BLOCK / 8);
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
	fetch_prepare_source(w, facts.time);
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
