/* An input scanned in pieces by several threads: what is found is what one scanner finds. */
#include "base/parallel.h"
#include "json/scan_pieces.h"
#include "unit.h"

#include <stdatomic.h>
#include <time.h>

#define THREADS 4

static const struct slice names[] = {{"id", 2}};

struct work {
	struct scan_pieces pieces;
	size_t max_record;
	bool slow;                                   /* now and then a thread is, so that the others have to guess */
	struct buffer found;                         /* by the threads in their turn */
	atomic_ullong n_guessed, n_wrong, n_scanned; /* scanned: bytes */
	atomic_int at_a_time;
	/* the source, where it is read */
	struct slice text;
	size_t at, step, fails_at;
};

struct finding {
	enum scan_result got;
	struct scan_record record;
};

static void
describe(struct buffer *out, const struct finding *f, uint64_t lines, uint64_t elements)
{
	const struct scan_record *r = &f->record;

	buffer_format(out, "%s %llu:%llu [%.*s]", f->got == SCAN_RECORD ? "good" : r->code,
		(unsigned long long)(r->line + lines), (unsigned long long)(r->element ? r->element + elements : 0),
		(int)r->text.n, r->text.p);
	if (f->got == SCAN_REFUSED)
		buffer_format(out, " at %llu:%llu %s", (unsigned long long)(r->fault_line + lines),
			(unsigned long long)r->column, r->reason);
	else if (r->members[0].p)
		buffer_format(out, " id=%.*s", (int)r->members[0].n, r->members[0].p);
	buffer_add_byte(out, '\n');
}

static char *
scan_alone(struct slice text, size_t max_record)
{
	struct scanner *s = scanner_new(names, 1, max_record);
	struct buffer out = {0};
	struct finding f;

	scanner_window(s, text.p, text.n, true);
	while ((f.got = scanner_next(s, &f.record)) == SCAN_RECORD || f.got == SCAN_REFUSED)
		describe(&out, &f, 0, 0);
	assert_int_equal(f.got, SCAN_END);
	scanner_free(s);
	return buffer_give(&out);
}

static void
scan_piece(struct work *w, struct scan_piece *piece, struct scanner *s, struct finding **findings, size_t *n)
{
	struct finding f;

	*n = 0;
	scan_piece_begin(&w->pieces, piece, s);
	w->n_scanned += piece->text.n;
	while ((f.got = scanner_next(s, &f.record)) == SCAN_RECORD || f.got == SCAN_REFUSED) {
		if (piece->is_cut && f.got == SCAN_REFUSED)
			continue;
		*findings = realloc(*findings, (*n + 1) * sizeof(f));
		(*findings)[(*n)++] = f;
	}
}

static void
work(void *context, unsigned thread)
{
	struct work *w = context;
	struct scanner *s = scanner_new(names, 1, w->max_record);
	struct scan_piece piece = {0};
	struct finding *findings = NULL;
	size_t n;

	(void)thread;
	while (scan_pieces_take(&w->pieces, &piece)) {
		if (w->slow && piece.number % THREADS == 0)
			usleep(200);
		scan_piece(w, &piece, s, &findings, &n);
		w->n_guessed += !piece.settled;
		if (!scan_pieces_settle(&w->pieces, &piece)) {
			w->n_wrong++;
			scan_piece(w, &piece, s, &findings, &n);
		}
		if (w->at_a_time++ || !piece.settled)
			buffer_add_string(&w->found, "not one at a time\n");
		for (size_t i = 0; i < n; i++)
			describe(&w->found, &findings[i], piece.lines, piece.elements);
		w->at_a_time--;
		scan_pieces_pass(&w->pieces, &piece, s);
	}
	free(findings);
	scan_piece_free(&piece);
	scanner_free(s);
}

static ssize_t
read_some(void *context, char *p, size_t n)
{
	struct work *w = context;
	size_t left = w->text.n - w->at;

	if (w->at >= w->fails_at)
		return -1;
	n = n < w->step ? n : w->step;
	n = n < left ? n : left;
	if (n > 0)
		memcpy(p, w->text.p + w->at, n);
	w->at += n;
	return (ssize_t)n;
}

static char *
scan_together(struct work *w, struct scan_source source, uint64_t allowed)
{
	scan_pieces_begin(&w->pieces, &source);
	while (!scan_pieces_ended(&w->pieces)) {
		scan_pieces_allow(&w->pieces, allowed);
		parallel_run(THREADS, work, w);
	}
	scan_pieces_end(&w->pieces);
	return buffer_give(&w->found);
}

/* In memory, read, and read as it comes. */
static void
expect_same(struct slice text, size_t first, size_t most, size_t max_record, struct work *sums)
{
	char *alone = scan_alone(text, max_record), *together;

	for (int way = 0; way < 3; way++) {
		struct work w = {.slow = sums->slow,
			.max_record = max_record,
			.text = text,
			.step = 1 + first / 3,
			.fails_at = SIZE_MAX};
		struct scan_source source = {.first = first, .most = most};

		if (way == 0 && text.n)
			source.whole = text;
		source.read = read_some;
		source.context = &w;
		source.live = way == 2;
		together = scan_together(&w, source, way == 1 ? text.n / 3 + 1 : UINT64_MAX);
		if (strcmp(alone, together) != 0) {
			size_t at = 0;
			while (alone[at] == together[at])
				at++;
			print_error("way %d, pieces of %zu to %zu: at %zu\n%.300s\nis not\n%.300s\n", way, first, most,
				at, together + (at > 100 ? at - 100 : 0), alone + (at > 100 ? at - 100 : 0));
		}
		assert_string_equal(alone, together);
		if (way == 2)
			assert_true(w.n_guessed == 0);
		sums->n_guessed += w.n_guessed;
		sums->n_wrong += w.n_wrong;
		free(together);
	}
	free(alone);
}

static void
lines_are_cut_where_they_begin(void **state)
{
	struct buffer text = {0};
	struct work sums = {.slow = true};

	(void)state;
	for (int i = 0; i < 3000; i++)
		buffer_format(&text, "{\"id\":%d,\"text\":\"%.*s\"}\n", i, i % 30, "..............................");
	for (size_t size = 50; size < 5000; size = size * 3)
		expect_same(buffer_slice(&text), size * 5, size * 8, 1 << 20, &sums);
	assert_true(sums.n_guessed > 0);
	assert_int_equal(sums.n_wrong, 0);
	buffer_free(&text);
}

static void
an_array_over_lines_is_guessed_to_go_on(void **state)
{
	struct buffer text = {0};
	struct work sums = {.slow = true};

	(void)state;
	buffer_add_string(&text, "\xef\xbb\xbf[\n");
	for (int i = 0; i < 3000; i++)
		buffer_format(&text, "%s{\"id\":%d}", i ? ",\n" : "", i);
	buffer_add_string(&text, "\n]\n");
	expect_same(buffer_slice(&text), 300, 1000, 1 << 20, &sums);
	assert_true(sums.n_guessed > 0);
	assert_int_equal(sums.n_wrong, 0);
	buffer_free(&text);
}

/* Every line begins with a brace, but most within a record. */
static void
wrong_guesses_cost_nothing_but_time(void **state)
{
	struct buffer text = {0};
	struct work sums = {.slow = true};

	(void)state;
	for (int i = 0; i < 300; i++)
		buffer_format(&text, "{\"id\":[\n{\"a\":\n{\"b\":\n{}}},\n{\"c\":1},\n{\"id\":%d}]}\n", i);
	expect_same(buffer_slice(&text), 64, 64, 1 << 20, &sums);
	assert_true(sums.n_wrong > 0);
	buffer_free(&text);
}

static void
a_record_of_many_pieces(void **state)
{
	struct buffer text = {0};
	struct work sums = {0};

	(void)state;
	for (int i = 0; i < 20; i++) {
		buffer_format(&text, "{\"id\":%d,\"text\":\"", i);
		for (int n = 0; n < i * 300; n++)
			buffer_add_string(&text, "\\n{");
		buffer_add_string(&text, "\"}\n");
	}
	expect_same(buffer_slice(&text), 16, 64, 1 << 20, &sums);
	expect_same(buffer_slice(&text), 16, 64, 5000, &sums);
	expect_same((struct slice){text.p, 0}, 16, 64, 5000, &sums);
	buffer_free(&text);
}

/* Each read gives so little of it that scanning all of it at each would take for ever. */
static void
a_long_line_as_it_comes_is_not_scanned_at_each_read(void **state)
{
	struct buffer text = {0};
	struct work w = {.max_record = 16 << 20, .step = 1000, .fails_at = SIZE_MAX};
	struct scan_source source = {.read = read_some, .context = &w, .first = 4096, .most = 4096, .live = true};
	char *found;

	(void)state;
	buffer_add_string(&text, "{\"id\":\"");
	for (int i = 0; i < 8 << 20; i += 8)
		buffer_add_string(&text, "12345678");
	buffer_add_string(&text, "\"}\n");
	w.text = buffer_slice(&text);
	found = scan_together(&w, source, UINT64_MAX);
	assert_int_equal(strncmp(found, "good 1:1 ", 9), 0);
	assert_true(w.n_scanned < 8 * text.n);
	free(found);
	buffer_free(&text);
}

static void
what_cannot_be_read_is_not_refused(void **state)
{
	static const char text[] = "{\"id\":1}\nbad\n{\"id\":2}\n{\"id\":3,\n";
	static const char all[] = "good 1:1 [{\"id\":1}] id=1\n"
				  "invalid-json 2:2 [bad] at 2:1 unexpected character where a value should be\n"
				  "good 3:3 [{\"id\":2}] id=2\n";

	(void)state;
	for (size_t fails_at = 0; fails_at < sizeof(text); fails_at++)
		for (size_t size = 1; size < 40; size += 3) {
			struct work w = {.max_record = 100,
				.text = {text, fails_at},
				.step = fails_at ? fails_at : 1,
				.fails_at = fails_at};
			struct scan_source source = {.read = read_some, .context = &w, .first = size, .most = size};
			char *found = scan_together(&w, source, UINT64_MAX);
			assert_true(strncmp(found, all, strlen(found)) == 0);
			assert_int_equal(strlen(found), fails_at >= 22 ? sizeof(all) - 1 : strlen(found));
			free(found);
		}
}

static void
any_text(void **state)
{
	static const char *const parts[] = {"{\"id\":1}\n", "{\"id\":\"x\\n{\"}\n", "{\n\"id\":\n{\"a\":2}\n}\n",
		"{\n  \"id\": 3\n}\n", "bad\n", "[\n", "]\n", ",\n", "[", "]", ",", "{", "}", "\n", "  ", "\r\n",
		"{\"id\":4},\n", "{\"id\":5}", "\"", "{\"id\":\"", "{\"id\":6} {\"id\":7}\n", "\xff\n", "7\n",
		"[{\"id\":8},\n{\"id\":9}]\n", "{\"id\":\"a long one that may not be as long as this\"},\n"};
	const char *given = getenv("ACC_SEED");
	unsigned seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);
	struct work sums = {0};

	(void)state;
	print_message("ACC_SEED=%u\n", seed);
	srand(seed);
	for (int run = 0; run < 1500; run++) {
		struct buffer text = {0};
		int n = rand() % 60, likely = rand() % 3;

		if (rand() % 3 == 0)
			buffer_add_string(&text, "[\n");
		for (int i = 0; i < n; i++) {
			int part = rand() % (int)(sizeof(parts) / sizeof(*parts));
			if (rand() % 3 < likely)
				part = rand() % 3 ? 0 : 16;
			buffer_add_string(&text, parts[part]);
		}
		expect_same(buffer_slice(&text), 1 + (size_t)rand() % 40, 1 + (size_t)rand() % 200,
			rand() % 3 ? 1 << 20 : 40, &sums);
		sums.slow = run % 100 == 0;
		buffer_free(&text);
	}
	assert_true(sums.n_guessed > 0);
	assert_true(sums.n_wrong > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_cut_where_they_begin),
		cmocka_unit_test(an_array_over_lines_is_guessed_to_go_on),
		cmocka_unit_test(wrong_guesses_cost_nothing_but_time),
		cmocka_unit_test(a_record_of_many_pieces),
		cmocka_unit_test(a_long_line_as_it_comes_is_not_scanned_at_each_read),
		cmocka_unit_test(what_cannot_be_read_is_not_refused),
		cmocka_unit_test(any_text),
	};

	return TESTS(tests);
}
