/* Reading: a mapped file or a stream is scanned in pieces, by several threads at once. */
#include "base/parallel.h"
#include "base/progress.h"
#include "catalog/consolidate_private.h"
#include "io/input.h"

#include <sys/mman.h>
#include <unistd.h>

#define MAPPED_MAX ((size_t)4 << 20) /* bytes of a piece */
#define MAPPED_MIN ((size_t)64 << 10)
#define READ_MAX ((size_t)1 << 20)
#define READ_MIN ((size_t)16 << 10)
#define READ_FIRST ((size_t)256 << 10)

struct intake {
	struct consolidation *c;
	struct input *input;
	const char *name;
	bool is_mapped;
	struct scan_pieces pieces;
	uint64_t shown; /* of the bytes as stored, as progress */
	struct error *error;
	bool failed;
};

static ssize_t
read_some(void *context, char *p, size_t n)
{
	struct intake *intake = context;
	ssize_t got = input_read(intake->input, p, n, intake->error);

	if (got < 0)
		intake->failed = true;
	else
		intake->c->counts.bytes_in += (uint64_t)got;
	progress_done(input_consumed(intake->input) - intake->shown);
	intake->shown = input_consumed(intake->input);
	return got;
}

static void
scan_piece(struct intake *intake, struct worker *w, struct chunk *chunk)
{
	struct scan_record scanned;
	enum scan_result got;

	chunk_open(w, chunk, intake->name, !intake->is_mapped);
	scan_piece_begin(&intake->pieces, &w->piece, w->scanner);
	while ((got = scanner_next(w->scanner, &scanned)) == SCAN_RECORD || got == SCAN_REFUSED)
		if (got == SCAN_RECORD || !w->piece.is_cut)
			chunk_take(intake->c, w, chunk, got, &scanned);
}

static void
scan_pieces(void *context, unsigned thread)
{
	struct intake *intake = context;
	struct worker *w = &intake->c->workers[thread];
	struct chunk chunk;

	while (scan_pieces_take(&intake->pieces, &w->piece)) {
		scan_piece(intake, w, &chunk);
		if (!scan_pieces_settle(&intake->pieces, &w->piece)) {
			chunk.stretch->void_ = true;
			scan_piece(intake, w, &chunk);
		}
		chunk.stretch->lines = w->piece.lines;
		chunk.stretch->elements = w->piece.elements;
		chunk_close(intake->c, &chunk);
		scan_pieces_pass(&intake->pieces, &w->piece, w->scanner);
		if (intake->is_mapped)
			progress_done(w->piece.taken);
	}
}

/* Afterwards nothing points to what was scanned of the mapping. */
static void
release_mapped(const struct scan_pieces *pieces)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct slice scanned = scan_pieces_scanned(pieces);

	madvise((char *)scanned.p, scanned.n / page * page, MADV_DONTNEED);
}

/* Let as much be taken at a time as there surely is memory for, and flush what is held where there is no more. */
static void
scan_all(struct intake *intake, uint64_t allowed, unsigned threads)
{
	struct consolidation *c = intake->c;
	uint64_t memory = c->options->memory;

	while (!scan_pieces_ended(&intake->pieces)) {
		scan_pieces_allow(&intake->pieces, allowed);
		parallel_run(threads, scan_pieces, intake);
		if (intake->is_mapped)
			c->held += scan_pieces_taken(&intake->pieces);
		if (consolidation_used(c) > memory * 2 / 3 && !scan_pieces_ended(&intake->pieces)) {
			consolidation_flush(c);
			if (intake->is_mapped)
				release_mapped(&intake->pieces);
		}
		allowed = memory / 6 + 1;
		threads = c->options->threads;
	}
}

static size_t
within(uint64_t bytes, size_t least, size_t most)
{
	return bytes < least ? least : bytes > most ? most : (size_t)bytes;
}

static void
scan_mapped(struct intake *intake, struct slice whole)
{
	const struct consolidation_options *o = intake->c->options;
	size_t bytes = within(o->memory / 12 / o->threads, MAPPED_MIN, MAPPED_MAX), pieces = whole.n / bytes + 1;

	intake->is_mapped = true;
	scan_pieces_begin(&intake->pieces, &(struct scan_source){.whole = whole, .first = bytes, .most = bytes});
	scan_all(intake, o->memory / 6 + 1, pieces < o->threads ? (unsigned)pieces : o->threads);
	intake->c->counts.bytes_in += whole.n;
}

/* A first piece tells whether there is work for more than one thread. */
static void
scan_stream(struct intake *intake)
{
	const struct consolidation_options *o = intake->c->options;
	size_t most = within(o->memory / 16 / o->threads, READ_MIN, READ_MAX);
	size_t first = most < READ_FIRST ? most : READ_FIRST;

	scan_pieces_begin(&intake->pieces,
		&(struct scan_source){.read = read_some, .context = intake, .first = first, .most = most});
	scan_all(intake, 1, 1);
}

int
consolidation_read(struct consolidation *c, const char *name, struct error *error)
{
	struct intake intake = {.c = c, .input = input_open(name, error), .name = name, .error = error};
	struct slice whole;

	if (!intake.input)
		return -1;
	c->unclosed = false;
	if (input_map(intake.input, &whole)) {
		scan_mapped(&intake, whole);
		consolidation_keep_input(
			c, intake.input); /* the records point into the mapping; it goes when they do */
	} else {
		scan_stream(&intake);
		input_close(intake.input);
	}
	scan_pieces_end(&intake.pieces);
	if (!intake.failed && c->unclosed)
		return error_set(error, STATUS_REFUSED, "truncated",
			"%s: the array is not closed; the records before its end count", name);
	return intake.failed ? -1 : 0;
}
