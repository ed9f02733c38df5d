#include "io/codec.h"

#include "base/buffer.h"

#include "unit.h"

#include <zlib.h>
#include <zstd.h>

static void
add_gzip(struct buffer *out, const char *text)
{
	z_stream z = {0};
	unsigned char block[4096];

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)text;
	z.avail_in = (uInt)strlen(text);
	z.next_out = block;
	z.avail_out = sizeof(block);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buffer_add(out, block, sizeof(block) - z.avail_out);
	deflateEnd(&z);
}

static void
add_zstd(struct buffer *out, const char *text)
{
	char block[4096];
	size_t n = ZSTD_compress(block, sizeof(block), text, strlen(text), 3);

	assert_false(ZSTD_isError(n));
	buffer_add(out, block, n);
}

/* All that comes out, read n bytes at a time; code is that of the error at the end, or NULL. */
static void
decode(struct slice bytes, size_t n, struct buffer *out, const char **code)
{
	static struct error error;
	struct stream *stream = codec_decode(stream_of_memory(bytes), "x");
	char block[4096];
	ssize_t got;

	out->n = 0;
	while ((got = stream_read(stream, block, n, &error)) > 0)
		buffer_add(out, block, (size_t)got);
	*code = got < 0 ? error.code : NULL;
	if (got < 0)
		assert_int_equal(error.status, STATUS_REFUSED);
	/* an error stays one */
	assert_int_equal(stream_read(stream, block, n, &error), got);
	stream_close(stream);
}

static void
check(const struct buffer *bytes, const char *expected, const char *expected_code)
{
	static const size_t sizes[] = {1, 7, 4096};

	for (size_t i = 0; i < 3; i++) {
		struct buffer out = {0};
		const char *code;

		decode(buffer_slice(bytes), sizes[i], &out, &code);
		assert_string_equal(buffer_string(&out), expected);
		if (expected_code)
			assert_string_equal(code, expected_code);
		else
			assert_null(code);
		buffer_free(&out);
	}
}

static void
what_is_not_compressed_passes_through(void **state)
{
	static const char *const texts[] = {"", "{", "{}\n", "\x1f", "(\xb5/", "plain", NULL};

	(void)state;
	for (size_t i = 0; texts[i]; i++) {
		struct buffer b = {0};

		buffer_add_string(&b, texts[i]);
		check(&b, texts[i], NULL);
		buffer_free(&b);
	}
}

static void
members_and_frames_follow_one_another(void **state)
{
	struct buffer b = {0};

	(void)state;
	add_gzip(&b, "one ");
	add_gzip(&b, "");
	add_gzip(&b, "two");
	check(&b, "one two", NULL);
	buffer_add(&b, "\0\0\0\0\0", 5);
	check(&b, "one two", NULL);
	b.n = 0;
	buffer_add(&b, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
	add_zstd(&b, "three ");
	add_zstd(&b, "");
	add_zstd(&b, "four");
	check(&b, "three four", NULL);
	buffer_free(&b);
}

static void
garbage_behind_the_end_is_told_after_the_good_bytes(void **state)
{
	struct buffer b = {0};

	(void)state;
	add_gzip(&b, "good");
	buffer_add_string(&b, "garbage");
	check(&b, "good", "corrupt");
	b.n = 0;
	add_gzip(&b, "good");
	buffer_add(&b, "\0\0x", 3);
	check(&b, "good", "corrupt");
	b.n = 0;
	add_zstd(&b, "good");
	buffer_add_string(&b, "garbage");
	check(&b, "good", "corrupt");
	buffer_free(&b);
}

/* Cut anywhere, what comes out is a beginning of the text, and the cut is told. */
static void
every_cut_is_told(void **state)
{
	static void (*const add[])(struct buffer *, const char *) = {add_gzip, add_zstd};
	static const char text[] = "some text, some more text, and a little more of it";

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct buffer b = {0}, out = {0};

		add[k](&b, text);
		for (size_t n = k == 0 ? 2 : 4; n < b.n; n++) {
			const char *code;

			decode((struct slice){b.p, n}, 16, &out, &code);
			assert_string_equal(code, "truncated");
			assert_true(out.n <= strlen(text));
			assert_memory_equal(out.p ? out.p : "", text, out.n);
		}
		buffer_free(&b);
		buffer_free(&out);
	}
}

/* One block that repeats a byte, and a wrong checksum behind it. */
static void
a_false_checksum_is_told_after_the_bytes(void **state)
{
	static const char frame[] = "\x28\xb5\x2f\xfd\x04\x58\x3b\x22\0\0\0\x40\0\0\0\0";
	struct buffer b = {0};
	char expected[1095 + 1] = {0};

	(void)state;
	memset(expected, 'x', sizeof(expected) - 1);
	buffer_add(&b, frame, sizeof(frame) - 1);
	b.p[9] = 'x';
	check(&b, expected, "corrupt");
	buffer_free(&b);
}

static void
no_flipped_bit_changes_the_text_unseen(void **state)
{
	static const char text[] = "some text, some more text, and a little more of it";
	struct buffer b = {0}, out = {0};

	(void)state;
	add_gzip(&b, text);
	/* bits that decide nothing, of the header's time and the padding, may pass */
	for (size_t bit = 16; bit < b.n * 8; bit++) {
		const char *code;

		b.p[bit / 8] ^= (char)(1 << bit % 8);
		decode(buffer_slice(&b), 4096, &out, &code);
		assert_true(code || slice_equal(buffer_slice(&out), slice_of(text)));
		b.p[bit / 8] ^= (char)(1 << bit % 8);
	}
	buffer_free(&b);
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_compressed_passes_through),
		cmocka_unit_test(members_and_frames_follow_one_another),
		cmocka_unit_test(garbage_behind_the_end_is_told_after_the_good_bytes),
		cmocka_unit_test(every_cut_is_told),
		cmocka_unit_test(a_false_checksum_is_told_after_the_bytes),
		cmocka_unit_test(no_flipped_bit_changes_the_text_unseen),
	};

	return TESTS(tests);
}
