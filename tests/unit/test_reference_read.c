#include "io/reference_read.h"

#include "unit.h"

struct seen {
	uint64_t lines[8];
	char text[8][64], code[8][32];
	size_t n;
};

static void
note(void *context, uint64_t line, struct slice text, const struct error *error)
{
	struct seen *seen = context;

	assert_true(seen->n < 8);
	seen->lines[seen->n] = line;
	snprintf(seen->text[seen->n], sizeof(seen->text[0]), "%.*s", (int)text.n, text.p);
	snprintf(seen->code[seen->n++], sizeof(seen->code[0]), "%s", error->code);
}

static struct reference_list
read_all(const void *text, size_t n, struct seen *seen)
{
	char path[] = "/tmp/acc-unit.XXXXXX";
	struct reference_list list = {0};
	struct input *input;
	struct error error;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	close(fd);
	input = input_open(path, &error);
	assert_non_null(input);
	*seen = (struct seen){.n = 0};
	assert_int_equal(reference_list_read(&list, input, note, seen, &error), 0);
	input_close(input);
	unlink(path);
	return list;
}

static void
names_and_objects_stand_a_line_each(void **state)
{
	static const char text[] = "\xef\xbb\xbf" "s3://b/k\r\n\n \t\r\n  {\"uri\":\"s3://b/o\"}\n"
		" name with blanks \nlast";
	static const char *const uris[] = {"s3://b/k", "s3://b/o", " name with blanks ", "last"};
	struct seen seen;
	struct reference_list list = read_all(text, sizeof(text) - 1, &seen);

	(void)state;
	assert_int_equal(seen.n, 0);
	assert_int_equal(list.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(list.items[i].uri, uris[i]);
	reference_list_free(&list);
}

static void
bad_lines_are_handed_over_with_their_number(void **state)
{
	static const char text[] = "a\n{\"uri\":\n\n-\n{\"no\":1}\nb\n";
	struct seen seen;
	struct reference_list list = read_all(text, sizeof(text) - 1, &seen);

	(void)state;
	assert_int_equal(list.n, 2);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.lines[0], 2);
	assert_string_equal(seen.text[0], "{\"uri\":");
	assert_string_equal(seen.code[0], "invalid-json");
	assert_int_equal(seen.lines[1], 4);
	assert_string_equal(seen.text[1], "-");
	assert_string_equal(seen.code[1], "invalid-reference");
	assert_int_equal(seen.lines[2], 5);
	reference_list_free(&list);
}

/* Lines that the blocks of reading cut anywhere. */
static void
long_lines_and_many_are_read_whole(void **state)
{
	enum { LINES = 40, LONGEST = 70000 };
	char *text = malloc(LINES * LONGEST), *end = text;
	struct reference_list list;
	struct seen seen;

	(void)state;
	for (int i = 0; i < LINES; i++) {
		int n = sprintf(end, "s3://b/%d", i);

		memset(end + n, 'x', (size_t)(i * 1700));
		end += n + i * 1700;
		*end++ = '\n';
	}
	list = read_all(text, (size_t)(end - text), &seen);
	assert_int_equal(seen.n, 0);
	assert_int_equal(list.n, LINES);
	for (size_t i = 0; i < LINES; i++)
		assert_int_equal(strlen(list.items[i].uri), 8 + (i > 9) + i * 1700);
	reference_list_free(&list);
	free(text);
}

static void
a_digest_tells_sets_apart_whatever_their_order(void **state)
{
	struct seen seen;
	struct reference_list ab = read_all("a\nb\n", 4, &seen), ba = read_all("b\na\n", 4, &seen);
	struct reference_list ac = read_all("a\nc\n", 4, &seen), a = read_all("a", 1, &seen);
	struct reference_list b = read_all("b", 1, &seen), none = {0};

	(void)state;
	assert_int_equal(reference_list_digest(&ab), reference_list_digest(&ba));
	assert_int_not_equal(reference_list_digest(&ab), reference_list_digest(&ac));
	assert_int_equal(reference_list_digest(&ab),
		(reference_list_digest(&a) + reference_list_digest(&b)) & REFERENCE_DIGEST_MASK);
	/* XXH64 of "a" is d24ec4f1a98c6e5b, of which 53 bits count */
	assert_int_equal(reference_list_digest(&a), UINT64_C(0xd24ec4f1a98c6e5b) & REFERENCE_DIGEST_MASK);
	assert_int_equal(reference_list_digest(&none), 0);
	reference_list_free(&ab);
	reference_list_free(&ba);
	reference_list_free(&ac);
	reference_list_free(&a);
	reference_list_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_objects_stand_a_line_each),
		cmocka_unit_test(bad_lines_are_handed_over_with_their_number),
		cmocka_unit_test(long_lines_and_many_are_read_whole),
		cmocka_unit_test(a_digest_tells_sets_apart_whatever_their_order),
	};

	return TESTS(tests);
}
