#include "io/reference_read.h"

#include "base/buffer.h"
#include "io/lines.h"

#include <string.h>

#define BLOCK_BYTES ((size_t)256 << 10)

struct reader {
	struct reference_list *list;
	reference_refused *refused;
	void *context;
	uint64_t line;
};

static struct slice
trim(struct slice s)
{
	size_t blanks = 0;

	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	while (blanks < s.n && (s.p[blanks] == ' ' || s.p[blanks] == '\t' || s.p[blanks] == '\r'))
		blanks++;
	if (blanks == s.n || s.p[blanks] == '{')
		s.p += blanks, s.n -= blanks;
	return s;
}

static int
parse(struct slice text, struct reference *r, struct error *error)
{
	if (reference_parse(text, r, error) < 0)
		return -1;
	if (strcmp(r->uri, "-") != 0)
		return 0;
	reference_free(r);
	return error_set(error, STATUS_REFUSED, "invalid-reference", "'-' is no reference; give it as SOURCE");
}

static void
take_line(struct reader *reader, struct slice text)
{
	struct reference r;
	struct error error;

	if (++reader->line == 1 && slice_begins(text, SLICE("\xef\xbb\xbf")))
		text.p += 3, text.n -= 3;
	text = trim(text);
	if (text.n == 0)
		return;
	if (parse(text, &r, &error) == 0)
		reference_list_add(reader->list, &r);
	else
		reader->refused(reader->context, reader->line, text, &error);
}

/* All lines that are whole; the rest moves to the front. */
static void
take_lines(struct reader *reader, struct buffer *text, size_t looked_at)
{
	const char *end = memrchr(text->p + looked_at, '\n', text->n - looked_at);
	size_t whole = end ? (size_t)(end + 1 - text->p) : 0;
	struct slice run = {text->p, whole}, line;

	while (lines_cut(&run, &line))
		take_line(reader, line);
	memmove(text->p, text->p + whole, text->n - whole);
	text->n -= whole;
}

int
reference_list_read(struct reference_list *list, struct input *input, reference_refused *refused, void *context,
	struct error *error)
{
	struct reader reader = {list, refused, context, 0};
	struct buffer text = {0};
	ssize_t got;

	do {
		buffer_reserve(&text, BLOCK_BYTES);
		got = input_read(input, text.p + text.n, BLOCK_BYTES, error);
		if (got > 0) {
			text.n += (size_t)got;
			take_lines(&reader, &text, text.n - (size_t)got);
		}
		if (text.n > LINES_MAX)
			got = error_set(error, STATUS_FAILED, "too-long", "line %llu is longer than %zu bytes",
				(unsigned long long)reader.line + 1, LINES_MAX);
	} while (got > 0);
	if (text.n && got == 0)
		take_line(&reader, buffer_slice(&text));
	buffer_free(&text);
	if (got < 0)
		error->status = STATUS_FAILED;
	return got < 0 ? -1 : 0;
}
