/* Reading: a mapped file in chunks by several threads at once, anything else as a stream by one. */
#include "base/memory.h"
#include "base/message.h"
#include "base/journal.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "catalog/consolidate_private.h"
#include "io/input.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK_MAX ((size_t)4 << 20)
#define CHUNK_MIN ((size_t)64 << 10)
#define BLOCK_MAX ((size_t)4 << 20)
#define BLOCK_MIN ((size_t)16 << 10)

/* --- one record ----------------------------------------------------------------------------------------------- */

static const struct { const char *code, *reason, *option; } faults[] = {
	[RECORD_NO_ID] = {"no-id", "no \"%s\"", "--key"},
	[RECORD_BAD_ID] = {"bad-id", "\"%s\" is neither a string nor a number", "--key"},
	[RECORD_NO_PARTNER] = {"no-partner", "no \"%s\"", "--partner"},
	[RECORD_BAD_PARTNER] = {"bad-partner", "\"%s\" is no string", "--partner"},
	[RECORD_NO_DATA] = {"no-data", "no \"%s\"", "--data"},
	[RECORD_BAD_DATA] = {"bad-data", "\"%s\" is no object", "--data"},
};

static const struct json_path *
path_of_fault(const struct record_shape *shape, enum record_fault fault)
{
	if (fault <= RECORD_BAD_ID)
		return &shape->key;
	return fault <= RECORD_BAD_PARTNER ? &shape->partner : &shape->data;
}

static void
refuse(struct chunk *chunk, struct arena *kept, const struct scan_record *r, const char *code, const char *reason,
	const char *option, uint64_t column)
{
	struct refused *refused = arena_get(kept, sizeof(*refused));
	struct slice source = r->members[0];

	*refused = (struct refused){.text = r->text, .code = code, .reason = reason, .option = option,
		.line = r->line, .fault_line = r->fault_line, .column = column,
		.element = r->in_array ? r->element : r->line, .in_array = r->in_array, .cut = r->cut};
	if (option && source.p && json_kind(source) == JSON_OBJECT)
		refused->source = source;
	*chunk->refused_end = refused;
	chunk->refused_end = &refused->next;
}

static void
refuse_fault(struct consolidation *c, struct worker *w, struct chunk *chunk, const struct scan_record *r,
	enum record_fault fault)
{
	const struct json_path *path = path_of_fault(c->options->merge.shape, fault);
	struct buffer name = {0}, reason = {0};

	for (size_t i = 0; i < path->n; i++) {
		buffer_add_string(&name, i ? "." : "");
		buffer_add_slice(&name, path->names[i]);
	}
	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
	buffer_format(&reason, faults[fault].reason, buffer_string(&name));
	_Pragma("GCC diagnostic pop")
	buffer_add_byte(&reason, '\0');
	refuse(chunk, &w->kept, r, faults[fault].code, arena_copy(&w->kept, buffer_slice(&reason)).p,
		faults[fault].option, 0);
	buffer_free(&name);
	buffer_free(&reason);
}

/* lines and elements that the scanner counted before the stretch began. */
static void
take_record(struct consolidation *c, struct worker *w, struct chunk *chunk, struct scan_record *scanned)
{
	union record_room room;
	struct record *r = &room.record;
	enum record_fault fault;

	fault = record_read(&w->reader, scanned, r);
	if (fault != RECORD_GOOD) {
		refuse_fault(c, w, chunk, scanned, fault);
		return;
	}
	chunk->bad_times += (r->flags & RECORD_BAD_TIME) != 0;
	if (partner_at(c->partners, r->partner)->left_out) {
		chunk->left_out++;
		return;
	}
	r->stretch = chunk->stretch;
	if (!c->options->replace)
		shelf_add(&w->shelf, r);
	else if (!shelf_add_first(&w->shelf, r, c->partners))
		chunk->superseded++;
}

static void
take(struct consolidation *c, struct worker *w, struct chunk *chunk, enum scan_result got, struct scan_record *scanned)
{
	if (scanned->element == 0) {
		chunk->unclosed = true;
		return;
	}
	chunk->read++;
	if (got == SCAN_RECORD)
		take_record(c, w, chunk, scanned);
	else
		refuse(chunk, &w->kept, scanned, scanned->code, scanned->reason, NULL, scanned->column);
}

/* --- reporting ------------------------------------------------------------------------------------------------ */

static void
add_source(struct buffer *out, const struct refused *refused, const char *name, uint64_t record)
{
	if (refused->source.p) {
		json_compact(out, refused->source);
		return;
	}
	buffer_add_string(out, "{\"uri\":");
	buffer_add_json_string(out, slice_of(name));
	buffer_format(out, ",\"record\":%llu}", (unsigned long long)record);
}

/* The object that a record came from, where the record says so: its uri, to free(3), or NULL. */
static char *
origin_of(const struct refused *refused, uint64_t *record)
{
	struct slice uri = refused->source.p ? json_member(refused->source, SLICE("uri")) : (struct slice){NULL, 0};
	struct slice number =
		refused->source.p ? json_member(refused->source, SLICE("record")) : (struct slice){NULL, 0};
	struct arena arena = {0};
	char *named;

	if (!uri.p || json_kind(uri) != JSON_STRING)
		return NULL;
	if (!number.p || !json_natural(number, record))
		*record = 0;
	uri = json_decode(uri, &arena);
	named = memory_copy(uri.p, uri.n);
	arena_free(&arena);
	return named;
}

static void
explain_refusal(struct buffer *reason, const struct stretch *stretch, const struct refused *refused)
{
	uint64_t fault_line = stretch->lines + refused->fault_line;

	buffer_add_string(reason, refused->reason);
	if (refused->column && refused->fault_line == refused->line)
		buffer_format(reason, " (column %llu)", (unsigned long long)refused->column);
	else if (refused->column)
		buffer_format(reason, " (line %llu, column %llu)", (unsigned long long)fault_line,
			(unsigned long long)refused->column);
}

static void
report(struct consolidation *c, const struct stretch *stretch, const struct refused *refused)
{
	uint64_t record = (refused->in_array ? stretch->elements : stretch->lines) + refused->element;
	uint64_t origin_record = 0;
	char *origin = origin_of(refused, &origin_record);
	struct message_place place = {.uri = stretch->name, .record = record, .line = stretch->lines + refused->line,
		.code = refused->code};
	struct buffer reason = {0}, source = {0}, out = {0};

	if (origin)
		place = (struct message_place){.uri = origin, .record = origin_record, .code = refused->code};
	explain_refusal(&reason, stretch, refused);
	message_at(MESSAGE_ERROR, place, "%s; the record is refused%s%s%s", buffer_string(&reason),
		refused->option ? " (see " : "", refused->option ? refused->option : "", refused->option ? ")" : "");
	journal_refused(place.uri, place.record, refused->code, refused->reason, c->options->rejects != NULL);
	if (c->options->rejects) {
		add_source(&source, refused, stretch->name, record);
		rejects_format(&out, refused->code, buffer_string(&reason), buffer_slice(&source), refused->text);
		rejects_add(c->options->rejects, buffer_slice(&out));
	}
	free(origin);
	buffer_free(&reason);
	buffer_free(&source);
	buffer_free(&out);
}

/* A chunk that was cut at the right places: tell its refusals and add up its counts. */
static void
close_chunk(struct consolidation *c, struct chunk *chunk)
{
	for (const struct refused *r = chunk->refused; r; r = r->next) {
		report(c, chunk->stretch, r);
		c->counts.refused++;
	}
	c->unclosed |= chunk->unclosed;
	c->counts.read += chunk->read;
	c->counts.left_out += chunk->left_out;
	c->counts.superseded += chunk->superseded;
	c->counts.bad_times += chunk->bad_times;
}

static void
open_chunk(struct consolidation *c, struct chunk *chunk, const char *name, uint64_t lines, uint64_t elements)
{
	*chunk = (struct chunk){.stretch = arena_get(&c->stretches, sizeof(struct stretch))};
	*chunk->stretch = (struct stretch){name, lines, elements, false};
	chunk->refused_end = &chunk->refused;
}

/* --- streams -------------------------------------------------------------------------------------------------- */

static void
scan_window(struct consolidation *c, struct worker *w, const char *name)
{
	struct scan_record scanned;
	struct chunk chunk;
	enum scan_result got;

	open_chunk(c, &chunk, name, scanner_lines(w->scanner) - 1, scanner_elements(w->scanner));
	while ((got = scanner_next(w->scanner, &scanned)) == SCAN_RECORD || got == SCAN_REFUSED) {
		scanned.line -= chunk.stretch->lines;
		scanned.fault_line -= chunk.stretch->lines;
		if (scanned.element)
			scanned.element -= chunk.stretch->elements;
		take(c, w, &chunk, got, &scanned);
	}
	close_chunk(c, &chunk);
}

static size_t
block_size(const struct consolidation *c)
{
	uint64_t size = c->options->memory / 16;

	return size < BLOCK_MIN ? BLOCK_MIN : size > BLOCK_MAX ? BLOCK_MAX : (size_t)size;
}

/* An input that is read a block ahead of the scanner. */
struct stream {
	struct consolidation *c;
	const char *name;
	struct input *input;
	size_t size;           /* of a block, without the room before it for what is left of the one before */
	struct block *ahead;   /* being filled, or NULL */
	size_t n;              /* bytes read into it */
	ssize_t got;           /* as input_read says; below 1 it is the last block */
	uint64_t shown;        /* of the bytes as stored, as progress */
	struct error *error;
	atomic_uint next_task;
};

static size_t
room_before(const struct stream *s)
{
	return s->size / 4;
}

static void
fill_block(struct stream *s)
{
	char *text = s->ahead->text + room_before(s);

	while (s->n < s->size && (s->got = input_read(s->input, text + s->n, s->size - s->n, s->error)) > 0)
		s->n += (size_t)s->got;
	progress_done(input_consumed(s->input) - s->shown);
	s->shown = input_consumed(s->input);
}

static void
scan_and_fill(void *context, unsigned thread)
{
	struct stream *s = context;

	(void)thread;
	for (unsigned task; (task = atomic_fetch_add(&s->next_task, 1)) < 2;)
		if (task == 0)
			scan_window(s->c, &s->c->workers[0], s->name);
		else if (s->ahead)
			fill_block(s);
}

static void
begin_block(struct stream *s)
{
	s->ahead = block_new(room_before(s) + s->size);
	s->n = 0;
}

/* The text of the block that was filled, with the rest before it: in its own room, or in a new block where that is too
 * small. */
static struct slice
join_rest(struct stream *s, struct slice rest)
{
	struct slice text = {s->ahead->text + room_before(s), s->n};
	struct block *block = s->ahead, *joined;

	if (rest.n > room_before(s)) {
		joined = block_new(rest.n + text.n);
		memcpy(joined->text + rest.n, text.p, text.n);
		free(block);
		block = joined;
		text.p = block->text + rest.n;
	}
	if (rest.n)
		memcpy((char *)text.p - rest.n, rest.p, rest.n);
	consolidation_hold(s->c, block);
	return (struct slice){text.p - rest.n, text.n + rest.n};
}

/* Scan the block that was filled, while the next one is. Returns what is left of it. */
static struct slice
next_block(struct stream *s, struct slice rest)
{
	struct scanner *scanner = s->c->workers[0].scanner;
	struct slice text = join_rest(s, rest);
	bool more = s->got > 0;

	s->c->counts.bytes_in += s->n;
	scanner_window(scanner, text.p, text.n, !more);
	s->ahead = NULL;
	if (more)
		begin_block(s);
	atomic_store(&s->next_task, 0);
	parallel_run(more && s->c->options->threads > 1 ? 2 : 1, scan_and_fill, s);
	return scanner_rest(scanner);
}

static int
read_stream(struct consolidation *c, struct input *input, const char *name, struct error *error)
{
	struct stream s = {.c = c, .name = name, .input = input, .size = block_size(c), .got = 1, .error = error};
	struct slice rest = {NULL, 0};
	char *carried = NULL;

	scanner_restart(c->workers[0].scanner);
	begin_block(&s);
	fill_block(&s);
	while (s.ahead) {
		rest = next_block(&s, rest);
		free(carried);
		carried = NULL;
		if (s.ahead && consolidation_used(c) > c->options->memory * 2 / 3) {
			rest.p = carried = memory_copy(rest.p, rest.n);
			consolidation_flush(c);
		}
	}
	free(carried);
	return s.got < 0 ? -1 : 0;
}

/* --- mapped files --------------------------------------------------------------------------------------------- */

/* A piece of a mapped file, from a record's begin up to the begin of the first record at or behind limit. */
struct piece {
	size_t from, limit;
	struct scan_state state;
	bool is_first;        /* of the file: a byte order mark may come */
	struct chunk chunk;
	/* found out by scanning */
	size_t to;
	bool to_in_array;
	uint64_t lines, elements;
};

struct round {
	struct consolidation *c;
	struct slice whole;
	struct piece *pieces;
	size_t n;
	atomic_size_t next;
};

static void
scan_piece(struct consolidation *c, struct worker *w, struct slice whole, struct piece *piece)
{
	struct scan_record scanned;
	enum scan_result got;

	scanner_restart(w->scanner);
	if (!piece->is_first)
		scanner_resume(w->scanner, piece->state, 1, 0);
	scanner_window(w->scanner, whole.p + piece->from, whole.n - piece->from, true);
	while ((got = scanner_next(w->scanner, &scanned)) != SCAN_END) {
		size_t at = (size_t)(scanned.text.p - whole.p);
		if (at >= piece->limit) {
			piece->to = at;
			piece->to_in_array = scanned.in_array;
			piece->lines = scanned.line - 1;
			piece->elements = scanned.element - 1;
			return;
		}
		take(c, w, &piece->chunk, got, &scanned);
	}
	piece->to = whole.n;
	piece->to_in_array = false;
	piece->lines = scanner_lines(w->scanner) - 1;
	piece->elements = scanner_elements(w->scanner);
}

static void
scan_pieces(void *context, unsigned thread)
{
	struct round *round = context;

	for (size_t i; (i = atomic_fetch_add(&round->next, 1)) < round->n;) {
		struct piece *piece = &round->pieces[i];
		scan_piece(round->c, &round->c->workers[thread], round->whole, piece);
		progress_done((piece->limit < round->whole.n ? piece->limit : round->whole.n) - piece->from);
	}
}

/* Where a record seems to begin at or behind `at`: at the begin of a line with '{'. */
static size_t
likely_begin(struct slice whole, size_t at, size_t limit)
{
	const char *p = whole.p + at, *end = whole.p + (limit < whole.n ? limit : whole.n);

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) && ++p < whole.p + whole.n)
		if (*p == '{')
			return (size_t)(p - whole.p);
	return limit;
}

static bool
begins_with_array(struct slice whole)
{
	size_t at = whole.n >= 3 && memcmp(whole.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (at < whole.n && strchr(" \t\r\n", whole.p[at]))
		at++;
	return at < whole.n && whole.p[at] == '[';
}

struct mapped {
	struct slice whole;
	const char *name;
	bool array;
	size_t at;               /* the next record's begin */
	struct scan_state state; /* there */
	uint64_t lines, elements;
	bool begun;
};

static size_t
cut_pieces(struct consolidation *c, const struct mapped *m, struct piece *pieces, size_t n, size_t bytes)
{
	size_t filled = 0, from = m->at, end = m->whole.n - m->at > n * bytes ? m->at + n * bytes : m->whole.n;

	while (from < end && filled < n) {
		size_t to = end - from > bytes ? likely_begin(m->whole, from + bytes, end) : end;
		if (to == end && end < m->whole.n)
			to = likely_begin(m->whole, end, m->whole.n);
		struct piece *piece = &pieces[filled];
		*piece = (struct piece){.from = from, .limit = to < m->whole.n ? to : SIZE_MAX,
			.state = {m->array, false}, .is_first = false};
		if (filled == 0) {
			piece->state = m->state;
			piece->is_first = !m->begun;
		}
		open_chunk(c, &piece->chunk, m->name, 0, 0);
		filled++;
		from = to;
	}
	return filled;
}

/* Each piece began on a guess. Where the one before it ended elsewhere, or in another state, read it again from
 * there. */
static void
join_pieces(struct consolidation *c, struct mapped *m, struct piece *pieces, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct piece *piece = &pieces[i];
		bool fits = i == 0 || (piece->from == m->at && piece->state.in_array == m->state.in_array);
		if (!fits) {
			piece->chunk.stretch->void_ = true;
			if (m->at >= piece->limit || m->at == m->whole.n)
				continue;
			open_chunk(c, &piece->chunk, m->name, 0, 0);
			piece->from = m->at;
			piece->state = m->state;
			scan_piece(c, &c->workers[0], m->whole, piece);
		}
		piece->chunk.stretch->lines = m->lines;
		piece->chunk.stretch->elements = m->elements;
		close_chunk(c, &piece->chunk);
		m->at = piece->to;
		m->state = (struct scan_state){piece->to_in_array, false};
		m->lines += piece->lines;
		m->elements += piece->elements;
		m->begun = true;
	}
}

static void
read_mapped(struct consolidation *c, struct slice whole, const char *name)
{
	struct mapped m = {.whole = whole, .name = name, .array = begins_with_array(whole)};
	unsigned threads = c->options->threads;
	uint64_t per_round = c->options->memory / 6; /* so that a round does not go far beyond what was allowed */
	size_t bytes = per_round / (threads * 2);
	bytes = bytes < CHUNK_MIN ? CHUNK_MIN : bytes > CHUNK_MAX ? CHUNK_MAX : bytes;
	size_t n = per_round / bytes > threads ? (size_t)(per_round / bytes) : threads, released = 0;
	if (n > whole.n / bytes + 2)
		n = whole.n / bytes + 2;
	struct piece *pieces = memory_get(n * sizeof(*pieces));

	while (m.at < whole.n) {
		struct round round = {.c = c, .whole = whole, .pieces = pieces};
		size_t before = m.at;
		round.n = cut_pieces(c, &m, pieces, n, bytes);
		parallel_run(round.n < threads ? (unsigned)round.n : threads, scan_pieces, &round);
		join_pieces(c, &m, pieces, round.n);
		c->held += m.at - before;
		if (consolidation_used(c) > c->options->memory * 2 / 3 && m.at < whole.n) {
			size_t page = (size_t)sysconf(_SC_PAGESIZE), to = m.at / page * page;
			consolidation_flush(c);
			madvise((char *)whole.p + released, to - released, MADV_DONTNEED);
			released = to;
		}
	}
	free(pieces);
	c->counts.bytes_in += whole.n;
}

int
intake_read(struct consolidation *c, const char *name, struct error *error)
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
