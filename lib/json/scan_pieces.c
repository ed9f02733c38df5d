#include "json/scan_pieces.h"

#define WRONG_MAX 8              /* guesses, and one in four: then pieces are scanned one by one */
#define LONG_RECORD (256u << 10) /* what has come of it is not scanned again at each read */

void
scan_pieces_begin(struct scan_pieces *p, const struct scan_source *source)
{
	*p = (struct scan_pieces){.source = *source,
		.size = source->first,
		.got = 1,
		.allowed = UINT64_MAX,
		.state = scan_state_at_line(false, false)};
	p->state.begun = false;
	pthread_mutex_init(&p->reading, NULL);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->turned, NULL);
}

void
scan_pieces_end(struct scan_pieces *p)
{
	buffer_free(&p->carry);
	buffer_free(&p->rest_text);
	pthread_mutex_destroy(&p->reading);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->turned);
}

void
scan_piece_free(struct scan_piece *piece)
{
	buffer_free(&piece->room);
}

void
scan_pieces_allow(struct scan_pieces *p, uint64_t bytes)
{
	p->taken = 0;
	p->allowed = bytes;
}

bool
scan_pieces_ended(const struct scan_pieces *p)
{
	return p->ended;
}

uint64_t
scan_pieces_taken(const struct scan_pieces *p)
{
	return p->taken;
}

struct slice
scan_pieces_scanned(const struct scan_pieces *p)
{
	return (struct slice){p->source.whole.p, p->at};
}

/* --- turns -------------------------------------------------------------------------------------------------------- */

static void
insert(struct buffer *b, struct slice text)
{
	buffer_reserve(b, text.n);
	memmove(b->p + text.n, b->p, b->n);
	memcpy(b->p, text.p, text.n);
	b->n += text.n;
}

/* The piece whose turn it is begins with what those before it left over. */
static void
begin_where_others_ended(const struct scan_pieces *p, struct scan_piece *piece)
{
	piece->settled = true;
	piece->begin = p->state;
	piece->lines = p->lines;
	piece->elements = p->elements;
	if (p->rest.n == 0)
		return;
	if (p->source.whole.p) {
		piece->text.p -= p->rest.n;
		piece->text.n += p->rest.n;
	} else {
		insert(&piece->room, p->rest);
		piece->text = buffer_slice(&piece->room);
	}
}

static bool
is_as_guessed(const struct scan_pieces *p, const struct scan_state *guess)
{
	const struct scan_state *state = &p->state;

	return p->rest.n == 0 && state->begun && state->in_array == guess->in_array && state->loose == guess->loose &&
		!state->after_value && state->skip == SKIP_NOTHING;
}

static void
await_turn(struct scan_pieces *p, uint64_t number)
{
	while (p->turn != number)
		pthread_cond_wait(&p->turned, &p->lock);
}

void
scan_piece_begin(struct scan_pieces *p, struct scan_piece *piece, struct scanner *scanner)
{
	if (!piece->settled) {
		pthread_mutex_lock(&p->lock);
		if (p->turn == piece->number)
			begin_where_others_ended(p, piece);
		else
			piece->begin = p->guess;
		pthread_mutex_unlock(&p->lock);
	}
	scanner_resume(scanner, &piece->begin);
	scanner_window(scanner, piece->text.p, piece->text.n, piece->at_end);
}

bool
scan_pieces_settle(struct scan_pieces *p, struct scan_piece *piece)
{
	bool holds;

	if (piece->settled)
		return true;
	pthread_mutex_lock(&p->lock);
	await_turn(p, piece->number);
	holds = is_as_guessed(p, &piece->begin);
	p->n_wrong += !holds;
	begin_where_others_ended(p, piece);
	pthread_mutex_unlock(&p->lock);
	return holds;
}

static struct slice
keep_rest(struct scan_pieces *p, struct slice rest)
{
	if (p->source.whole.p || rest.n == 0)
		return rest;
	p->rest_text.n = 0;
	buffer_add_slice(&p->rest_text, rest);
	return buffer_slice(&p->rest_text);
}

void
scan_pieces_pass(struct scan_pieces *p, struct scan_piece *piece, const struct scanner *scanner)
{
	struct scan_state state = scanner_state(scanner);

	pthread_mutex_lock(&p->lock);
	p->lines += state.line - 1;
	p->elements += state.elements;
	state.line = 1;
	state.elements = 0;
	p->state = state;
	p->guess = scan_state_at_line(state.in_array, state.loose);
	p->rest = keep_rest(p, scanner_rest(scanner));
	p->turn = piece->number + 1;
	pthread_cond_broadcast(&p->turned);
	pthread_mutex_unlock(&p->lock);
}

/* --- taking ------------------------------------------------------------------------------------------------------- */

static bool
begins_with_array(struct slice text)
{
	size_t at = text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (at < text.n && strchr(" \t\r\n", text.p[at]))
		at++;
	return at < text.n && text.p[at] == '[';
}

/* The first line from `at` on that begins with '{', or NULL where limit comes before it. */
static const char *
likely_begin(const char *at, const char *limit)
{
	while (at < limit && (at = memchr(at, '\n', (size_t)(limit - at))) && ++at < limit)
		if (*at == '{')
			return at;
	return NULL;
}

/* The last one behind `from`. */
static const char *
last_likely_begin(const char *from, const char *limit)
{
	const char *newline;

	while ((newline = memrchr(from, '\n', (size_t)(limit - from)))) {
		if (newline + 1 < limit && newline[1] == '{')
			return newline + 1;
		limit = newline;
	}
	return NULL;
}

static void
cut_whole(struct scan_pieces *p, struct scan_piece *piece, size_t size, bool may_guess)
{
	const char *from = p->source.whole.p + p->at, *cut;
	size_t left = p->source.whole.n - p->at, n = left < size ? left : size;

	cut = may_guess && n < left ? likely_begin(from + n, from + (left - n < n ? left : 2 * n)) : NULL;
	p->is_likely = cut != NULL;
	n = cut ? (size_t)(cut - from) : n;
	p->at += n;
	piece->taken = n;
	piece->text = (struct slice){from, n};
	piece->at_end = n == left;
}

/* Whether records may have come to their end with the n bytes read last. A long one is taken to end with a line: where
 * it does not, it is seen with the next newline, and where it spans lines each read scans it again. */
static bool
is_worth_scanning(const struct scan_pieces *p, const struct scan_piece *piece, size_t n)
{
	const struct buffer *room = &piece->room;

	return !piece->settled || p->rest.n < LONG_RECORD || memchr(room->p + room->n - n, '\n', n);
}

/* At the end of what can be read one piece more comes: what is left over, with the text that did not come. */
static void
read_piece(struct scan_pieces *p, struct scan_piece *piece, size_t size, bool may_guess)
{
	struct buffer *room = &piece->room;
	bool enough = false;
	size_t n = 0;
	const char *cut;

	piece->is_cut = p->got < 0;
	room->n = 0;
	buffer_reserve(room, p->carry.n + size + size / 4);
	buffer_add_slice(room, buffer_slice(&p->carry));
	p->carry.n = 0;
	while (p->got > 0 && n < size && !enough) {
		p->got = p->source.read(p->source.context, room->p + room->n, size - n);
		n += p->got > 0 ? (size_t)p->got : 0;
		room->n += p->got > 0 ? (size_t)p->got : 0;
		enough = p->source.live && p->got > 0 && is_worth_scanning(p, piece, (size_t)p->got);
	}
	piece->taken = n;
	piece->at_end = p->got == 0 || piece->is_cut;
	cut = p->got > 0 && may_guess && room->n ? last_likely_begin(room->p, room->p + room->n) : NULL;
	p->is_likely = cut != NULL;
	if (cut) {
		buffer_add(&p->carry, cut, (size_t)(room->p + room->n - cut));
		room->n = (size_t)(cut - room->p);
	}
	piece->text = buffer_slice(room);
}

/* Where no record seems to begin, it is seen where the pieces before it end. may_guess: guessing pays. */
static void
settle_at_once(struct scan_pieces *p, struct scan_piece *piece, bool *may_guess)
{
	pthread_mutex_lock(&p->lock);
	if (!p->is_likely)
		await_turn(p, piece->number);
	piece->settled = p->turn == piece->number;
	*may_guess = !p->source.live && (p->n_wrong < WRONG_MAX || p->n_wrong < p->turn / 4);
	pthread_mutex_unlock(&p->lock);
}

bool
scan_pieces_take(struct scan_pieces *p, struct scan_piece *piece)
{
	bool may_guess;
	size_t size;

	pthread_mutex_lock(&p->reading);
	if (p->ended || p->taken >= p->allowed) {
		pthread_mutex_unlock(&p->reading);
		return false;
	}
	*piece = (struct scan_piece){.number = p->n_taken++, .room = piece->room};
	settle_at_once(p, piece, &may_guess);
	/* a record longer than a piece is scanned anew with each: let there be few of them */
	size = piece->settled && p->rest.n > p->size ? p->rest.n : p->size;
	if (p->source.whole.p)
		cut_whole(p, piece, size, may_guess);
	else
		read_piece(p, piece, size, may_guess);
	if (piece->number == 0)
		p->guess = scan_state_at_line(begins_with_array(piece->text), false);
	if (piece->settled)
		begin_where_others_ended(p, piece);
	p->size = p->size < p->source.most / 2 ? p->size * 2 : p->source.most;
	p->ended = piece->at_end;
	p->taken += piece->taken;
	pthread_mutex_unlock(&p->reading);
	return true;
}
