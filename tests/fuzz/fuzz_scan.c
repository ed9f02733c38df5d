/* The scanner: plain C and vector code, and windows of any size, must see the same records. */
#include "base/buffer.h"
#include "base/utf8.h"
#include "json/scan.h"
#include "json/text.h"

#include "fuzz.h"

#include <stdio.h>

static const struct slice names[] = {{"id", 2}, {"data", 4}, {"_source", 7}};

/* The members that were listed are those that a walk through the text finds. */
static void
check_listed(const struct scan_record *r)
{
	struct json_walk walk = json_walk(r->members[1]);
	struct slice name, value;
	int n = 0;

	for (; json_next_member(&walk, &name, &value); n++) {
		require(n < r->n_inner);
		require(name.p == r->text.p + r->inner[n].name_at && name.n == r->inner[n].name_n);
		require(value.p == r->text.p + r->inner[n].value_at && value.n == r->inner[n].value_n);
	}
	require(n == r->n_inner);
}

static void
describe(struct buffer *out, enum scan_result got, const struct scan_record *r)
{
	buffer_format(out, "%d %s %llu %llu %d%d%d", (int)got, got == SCAN_REFUSED ? r->code : "good",
		(unsigned long long)r->line, (unsigned long long)r->element, r->in_array, r->spans_lines, r->cut);
	buffer_add_slice(out, r->text);
	if (got == SCAN_REFUSED) {
		buffer_format(out, " %s %llu:%llu", r->reason, (unsigned long long)r->fault_line,
			(unsigned long long)r->column);
		return;
	}
	require(utf8_valid_prefix(r->text) == r->text.n && r->text.p[0] == '{');
	if (r->n_inner >= 0)
		check_listed(r);
	for (int i = 0; i < 3; i++)
		if (r->members[i].p) {
			buffer_format(out, " %d=", i);
			buffer_add_slice(out, r->members[i]);
		}
}

/* All that is seen through windows that grow by step bytes; each is a copy of its own size, so that the
 * sanitizer sees any look beyond it. */
static void
scan(struct buffer *out, struct slice text, size_t step, size_t max_record)
{
	struct scanner *s = scanner_new(names, 3, max_record);
	size_t begin = 0, end = step < text.n ? step : text.n;
	enum scan_result got;
	struct scan_record r;

	scanner_list_inner(s, 1);
	if (max_record % 2)
		scanner_spare(s, 0);
	for (;;) {
		char *window = malloc(end - begin ? end - begin : 1);

		require(window);
		if (end > begin)
			memcpy(window, text.p + begin, end - begin);
		scanner_window(s, window, end - begin, end == text.n);
		while ((got = scanner_next(s, &r)) == SCAN_RECORD || got == SCAN_REFUSED)
			describe(out, got, &r);
		begin = end - scanner_rest(s).n;
		free(window);
		if (got == SCAN_END)
			break;
		require(end < text.n);
		end = text.n - end > step ? end + step : text.n;
	}
	scanner_free(s);
}

static void
compare(const struct buffer *expected, struct slice text, enum scan_level level, size_t step, size_t max_record)
{
	struct buffer seen = {0};

	scan_level(level);
	scan(&seen, text, step, max_record);
	if (!slice_equal(buffer_slice(expected), buffer_slice(&seen))) {
		fprintf(stderr, "expected: %.*s\nseen: %.*s\n", (int)expected->n, expected->p, (int)seen.n, seen.p);
		abort();
	}
	buffer_free(&seen);
}

/* The first byte chooses the windows, the second the longest record, and whether a member of it is spared. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buffer expected = {0};
	size_t step, max_record;
	struct slice text;

	if (n < 2)
		return 0;
	step = 1 + data[0];
	max_record = data[1] < 128 ? 1 << 20 : data[1];
	text = (struct slice){(const char *)data + 2, n - 2};
	scan_level(SCAN_PLAIN);
	scan(&expected, text, n, max_record);
	compare(&expected, text, SCAN_PLAIN, step, max_record);
	compare(&expected, text, SCAN_SIMD, n, max_record);
	compare(&expected, text, SCAN_SIMD_NARROW, n, max_record);
	compare(&expected, text, SCAN_SIMD, step, max_record);
	buffer_free(&expected);
	return 0;
}
