/* Reading. What is at hand, a mapped file or a block of a stream, is cut into pieces, which several threads scan at
 * once. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "catalog/consolidate_private.h"
#include "io/input.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE_MAX ((size_t)4 << 20)
#define PIECE_MIN ((size_t)64 << 10)
#define BLOCK_MAX ((size_t)4 << 20)
#define BLOCK_MIN ((size_t)16 << 10)
#define BLOCK_FIRST ((size_t)256 << 10)

/* --- pieces ------------------------------------------------------------------------------------------------------- */

/* Text of an input, and how far it is read. */
struct passage {
	struct slice text;
	const char *name;         /* of the input */
	bool at_end;              /* no text of the input follows */
	bool is_cut;              /* it could not be read further: what is refused in it may be good */
	struct scan_state guess;  /* of where records begin */
	bool goes_on;             /* the next piece begins where the first worker's scanner stands */
	bool passes;              /* the text goes when it has been scanned */
	size_t at;                /* where the next record begins */
	struct scan_state state;  /* there */
	uint64_t column;          /* bytes of the text's first line that came before it */
	uint64_t lines, elements; /* before it */
};

/* From a record's begin up to the begin of the first record at or behind limit. */
struct piece {
	size_t from, limit;
	struct scan_state state;
	bool goes_on;
	struct chunk chunk;
	/* found out by scanning */
	struct worker *worker; /* NULL: not scanned */
	size_t to;
	struct scan_state to_state;
	bool to_be_continued; /* the text ended first; worker's scanner is the one to go on with */
	uint64_t lines, elements;
};

struct round {
	struct consolidation *c;
	const struct passage *passage;
	struct piece *pieces;
	size_t n;
	bool is_mapped; /* progress is told here; of a stream, as it is read */
	atomic_size_t next;
};

/* Where a record seems to begin at or behind `at`: at the begin of a line with '{'. */
static size_t
likely_begin(struct slice text, size_t at, size_t limit)
{
	const char *p = text.p + at, *end = text.p + (limit < text.n ? limit : text.n);

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) && ++p < text.p + text.n)
		if (*p == '{')
			return (size_t)(p - text.p);
	return limit;
}

static bool
begins_with_array(struct slice text)
{
	size_t at = text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (at < text.n && strchr(" \t\r\n", text.p[at]))
		at++;
	return at < text.n && text.p[at] == '[';
}

/* The scanner's state where the next record begins. */
static struct scan_state
state_at_hand(const struct passage *passage)
{
	const char *newline = memrchr(passage->text.p, '\n', passage->at);
	struct scan_state state = passage->state;

	state.column =
		newline ? (uint64_t)(passage->text.p + passage->at - newline) - 1 : passage->column + passage->at;
	return state;
}

/* At most n pieces, and one at least, of about so many bytes. */
static size_t
cut_pieces(struct consolidation *c, const struct passage *passage, struct piece *pieces, size_t n, size_t bytes)
{
	struct slice text = passage->text;
	size_t filled = 0, from = passage->at, end = text.n - from > n * bytes ? from + n * bytes : text.n, to;

	do {
		to = end - from > bytes ? likely_begin(text, from + bytes, end) : end;
		if (to == end && end < text.n)
			to = likely_begin(text, end, text.n);
		pieces[filled] = (struct piece){.from = from,
			.limit = to < text.n ? to : SIZE_MAX,
			.state = filled ? passage->guess : state_at_hand(passage),
			.goes_on = filled == 0 && passage->goes_on};
		chunk_open(c, &pieces[filled++].chunk, passage->name, passage->passes);
		from = to;
	} while (from < end && filled < n);
	return filled;
}

static void
scan_piece(struct consolidation *c, struct worker *w, const struct passage *passage, struct piece *piece)
{
	struct scan_record scanned;
	uint64_t lines, elements;
	enum scan_result got;

	if (!piece->goes_on)
		scanner_resume(w->scanner, piece->state, 1, 0);
	lines = scanner_lines(w->scanner) - 1;
	elements = scanner_elements(w->scanner);
	scanner_window(w->scanner, passage->text.p + piece->from, passage->text.n - piece->from, passage->at_end);
	piece->worker = w;
	piece->to_be_continued = false;
	w->scanned = piece;
	while ((got = scanner_next(w->scanner, &scanned)) == SCAN_RECORD || got == SCAN_REFUSED) {
		scanned.line -= lines;
		scanned.fault_line -= lines;
		scanned.element -= scanned.element ? elements : 0;
		piece->to = (size_t)(scanned.text.p - passage->text.p);
		if (piece->to >= piece->limit && scanned.element) {
			piece->to_state = (struct scan_state){.in_array = scanned.in_array, .loose = scanned.loose};
			piece->lines = scanned.line - 1;
			piece->elements = scanned.element - 1;
			return;
		}
		if (got == SCAN_RECORD || !passage->is_cut)
			chunk_take(c, w, &piece->chunk, got, &scanned);
	}
	piece->to = passage->text.n;
	piece->to_be_continued = got == SCAN_MORE;
	piece->lines = scanner_lines(w->scanner) - 1 - lines;
	piece->elements = scanner_elements(w->scanner) - elements;
}

/* The first piece belongs to the first worker, whose scanner it may go on with. */
static void
scan_pieces(struct round *round, unsigned thread)
{
	struct worker *w = &round->c->workers[thread];
	struct slice text = round->passage->text;

	for (size_t i = thread ? atomic_fetch_add(&round->next, 1) : 0; i < round->n;
		i = atomic_fetch_add(&round->next, 1)) {
		struct piece *piece = &round->pieces[i];
		scan_piece(round->c, w, round->passage, piece);
		if (round->is_mapped)
			progress_done((piece->limit < text.n ? piece->limit : text.n) - piece->from);
		if (piece->to_be_continued)
			return;
	}
}

static bool
is_same(struct scan_state a, struct scan_state b)
{
	return a.in_array == b.in_array && a.loose == b.loose;
}

/* Each piece began on a guess. Where the one before it ended elsewhere, or in another state, read it again from there.
 * Returns the worker whose scanner goes on behind the text, or NULL at the input's end or in the midst of the text. */
static struct worker *
join_pieces(struct consolidation *c, struct passage *passage, struct piece *pieces, size_t n)
{
	struct worker *last = NULL;

	for (size_t i = 0; i < n; i++) {
		struct piece *piece = &pieces[i];
		bool fits = piece->worker && piece->from == passage->at && is_same(piece->state, passage->state) &&
			(!piece->to_be_continued || piece->worker->scanned == piece);
		if (i > 0 && !fits) {
			piece->chunk.stretch->void_ = true;
			if (passage->at >= piece->limit || passage->at == passage->text.n)
				continue;
			chunk_open(c, &piece->chunk, passage->name, passage->passes);
			piece->from = passage->at;
			piece->state = state_at_hand(passage);
			scan_piece(c, &c->workers[0], passage, piece);
		}
		piece->chunk.stretch->lines = passage->lines;
		piece->chunk.stretch->elements = passage->elements;
		chunk_close(c, &piece->chunk);
		passage->at = piece->to;
		passage->state = piece->to_state;
		if (piece->to < passage->text.n)
			passage->guess = piece->to_state;
		passage->lines += piece->lines;
		passage->elements += piece->elements;
		last = piece->to_be_continued ? piece->worker : NULL;
	}
	passage->goes_on = false;
	return last;
}

/* --- streams ------------------------------------------------------------------------------------------------------ */

/* An input that is read a block ahead of the scanners, into two blocks by turns: what has been in the cache before is
 * had sooner than memory that was not. */
struct block_reader {
	struct consolidation *c;
	struct input *input;
	struct passage passage; /* the block at hand, and before it what was left of the one before */
	struct round round;
	struct block *at_hand;
	size_t size, most;   /* of a block, without the room before it for what is left of the one before; it grows
	                            up to most, so that little text costs little memory */
	struct block *ahead; /* being filled, or NULL */
	atomic_bool is_filling;
	size_t n;       /* bytes read into it */
	ssize_t got;    /* as input_read says; 0: it is the last block; below: so is an empty one */
	uint64_t shown; /* of the bytes as stored, as progress */
	struct error *error;
};

static size_t
block_size(const struct consolidation *c)
{
	uint64_t size = c->options->memory / 16;

	return size < BLOCK_MIN ? BLOCK_MIN : size > BLOCK_MAX ? BLOCK_MAX : (size_t)size;
}

static size_t
room_before(const struct block_reader *r)
{
	return r->size / 4;
}

static void
begin_block(struct block_reader *r, struct block *spare, size_t rest)
{
	r->size = r->size * 2 < r->most ? r->size * 2 : r->most;
	/* a record longer than a block is scanned anew with each: let there be few of them */
	if (r->size < rest)
		r->size = rest;
	r->ahead = spare && spare->bytes >= room_before(r) + r->size ? spare : block_new(room_before(r) + r->size);
	if (spare != r->ahead)
		block_free(spare);
	r->n = 0;
	atomic_store(&r->is_filling, false);
}

static void
fill_block(struct block_reader *r)
{
	char *text = r->ahead->text + room_before(r);

	while (r->got > 0 && r->n < r->size &&
		(r->got = input_read(r->input, text + r->n, r->size - r->n, r->error)) > 0)
		r->n += (size_t)r->got;
	progress_done(input_consumed(r->input) - r->shown);
	r->shown = input_consumed(r->input);
}

/* The second thread reads first and then helps. */
static void
scan_and_fill(void *context, unsigned thread)
{
	struct block_reader *r = context;

	if (thread != 1)
		scan_pieces(&r->round, thread);
	if (r->ahead && !atomic_exchange(&r->is_filling, true))
		fill_block(r);
	if (thread == 1)
		scan_pieces(&r->round, thread);
}

/* Let the block that was filled be at hand, with the rest before its text: in its own room, or in a new block where
 * that is too small. */
static struct slice
join_rest(struct block_reader *r, struct slice rest)
{
	struct slice text = {r->ahead->text + room_before(r), r->n};
	struct block *block = r->ahead, *joined;

	if (rest.n > room_before(r)) {
		joined = block_new(rest.n + text.n);
		memcpy(joined->text + rest.n, text.p, text.n);
		block_free(block);
		block = joined;
		text.p = block->text + rest.n;
	}
	if (rest.n)
		memcpy((char *)text.p - rest.n, rest.p, rest.n);
	r->ahead = r->at_hand;
	r->at_hand = block;
	return (struct slice){text.p - rest.n, text.n + rest.n};
}

/* Let the first worker have the scanner that goes on, and what belongs to it. */
static void
pass_on(struct consolidation *c, struct worker *last)
{
	struct worker first = c->workers[0];

	if (!last || last == &c->workers[0])
		return;
	c->workers[0].scanner = last->scanner;
	c->workers[0].reader = last->reader;
	last->scanner = first.scanner;
	last->reader = first.reader;
}

/* Scan the block that was filled, while the next one is. Returns what is left of it. */
static struct slice
next_block(struct block_reader *r, struct slice rest)
{
	struct consolidation *c = r->c;
	struct passage *p = &r->passage;
	unsigned threads = c->options->threads;
	size_t n = threads == 1 ? 1 : (size_t)threads * 2, bytes;
	struct piece *pieces = memory_get(n * sizeof(*pieces));

	p->text = join_rest(r, rest);
	/* where reading fails, what the block leaves over comes once more by itself: the record that was cut */
	p->is_cut = r->got < 0 && r->n == 0;
	p->at_end = r->got == 0 || p->is_cut;
	p->at = 0;
	p->goes_on = true;
	p->column = scanner_column(c->workers[0].scanner);
	c->counts.bytes_in += r->n;
	if (!p->at_end) {
		begin_block(r, r->ahead, rest.n);
	} else {
		block_free(r->ahead);
		r->ahead = NULL;
	}
	bytes = p->text.n / n + 1;
	r->round = (struct round){.c = c, .passage = p, .pieces = pieces, .next = 1};
	r->round.n = cut_pieces(c, p, pieces, n, bytes < PIECE_MIN ? PIECE_MIN : bytes);
	parallel_run(r->round.n < threads ? (unsigned)r->round.n + 1 : threads, scan_and_fill, r);
	pass_on(c, join_pieces(c, p, pieces, r->round.n));
	free(pieces);
	return scanner_rest(c->workers[0].scanner);
}

static int
read_stream(struct consolidation *c, struct input *input, const char *name, struct error *error)
{
	struct block_reader r = {.c = c,
		.input = input,
		.passage = {.name = name, .passes = true},
		.size = BLOCK_FIRST / 2,
		.most = block_size(c),
		.got = 1,
		.error = error};
	struct slice rest = {NULL, 0};

	scanner_restart(c->workers[0].scanner);
	begin_block(&r, NULL, 0);
	fill_block(&r);
	r.passage.guess.in_array = begins_with_array((struct slice){r.ahead->text + room_before(&r), r.n});
	while (r.ahead) {
		rest = next_block(&r, rest);
		if (r.ahead && consolidation_used(c) > c->options->memory * 2 / 3)
			consolidation_flush(c);
	}
	block_free(r.at_hand);
	return r.got < 0 ? -1 : 0;
}

/* --- mapped files ------------------------------------------------------------------------------------------------- */

static void
scan_mapped(void *context, unsigned thread)
{
	scan_pieces(context, thread);
}

static void
read_mapped(struct consolidation *c, struct slice text, const char *name)
{
	struct passage p = {
		.text = text, .name = name, .at_end = true, .goes_on = true, .guess.in_array = begins_with_array(text)};
	unsigned threads = c->options->threads;
	uint64_t per_round = c->options->memory / 6; /* so that a round does not go far beyond what was allowed */
	size_t bytes = per_round / (threads * 2);
	bytes = bytes < PIECE_MIN ? PIECE_MIN : bytes > PIECE_MAX ? PIECE_MAX : bytes;
	size_t n = per_round / bytes > threads ? (size_t)(per_round / bytes) : threads, released = 0;
	if (n > text.n / bytes + 2)
		n = text.n / bytes + 2;
	struct piece *pieces = memory_get(n * sizeof(*pieces));

	scanner_restart(c->workers[0].scanner);
	while (p.at < text.n) {
		struct round round = {.c = c, .passage = &p, .pieces = pieces, .is_mapped = true, .next = 1};
		size_t before = p.at;
		round.n = cut_pieces(c, &p, pieces, n, bytes);
		parallel_run(round.n < threads ? (unsigned)round.n : threads, scan_mapped, &round);
		join_pieces(c, &p, pieces, round.n);
		c->held += p.at - before;
		if (consolidation_used(c) > c->options->memory * 2 / 3 && p.at < text.n) {
			size_t page = (size_t)sysconf(_SC_PAGESIZE), to = p.at / page * page;
			consolidation_flush(c);
			madvise((char *)text.p + released, to - released, MADV_DONTNEED);
			released = to;
		}
	}
	free(pieces);
	c->counts.bytes_in += text.n;
}

int
consolidation_read(struct consolidation *c, const char *name, struct error *error)
{
	struct input *input = input_open(name, error);
	struct slice whole;
	int status = 0;

	if (!input)
		return -1;
	c->unclosed = false;
	if (input_map(input, &whole)) {
		read_mapped(c, whole, name);
		consolidation_keep_input(c, input); /* the records point into the mapping; it goes when they do */
	} else {
		status = read_stream(c, input, name, error);
		input_close(input);
	}
	if (status == 0 && c->unclosed)
		status = error_set(error, STATUS_REFUSED, "truncated",
			"%s: the array is not closed; the records before its end count", name);
	return status;
}
