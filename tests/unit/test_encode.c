#include "io/encode.h"

#include "unit.h"

#include <zlib.h>
#include <zstd.h>

static uint64_t seed = 88172645463325252;

static void
fill(char *p, size_t n, int variety)
{
	for (size_t i = 0; i < n; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		p[i] = (char)(seed % (uint64_t)variety);
	}
}

static void
decode(enum encoding encoding, const struct buffer *encoded, char *out, size_t n)
{
	z_stream z = {0};

	if (encoding == ENCODING_NONE) {
		assert_int_equal(encoded->n, n);
		memcpy(out, encoded->p, n);
	} else if (encoding == ENCODING_ZSTD) {
		assert_int_equal(ZSTD_decompress(out, n, encoded->p, encoded->n), n);
	} else {
		assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
		z.next_in = (Bytef *)encoded->p;
		z.avail_in = (uInt)encoded->n;
		z.next_out = (Bytef *)out;
		z.avail_out = (uInt)n;
		assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
		assert_int_equal(z.avail_in, 0);
		assert_int_equal(z.total_out, n);
		inflateEnd(&z);
	}
}

/* Whatever is added while encoder_fits allows it, the end never exceeds the room. */
static void
keep_below(enum encoding encoding, size_t room, int variety)
{
	struct encoder *e = encoder_new(encoding);
	char *input = malloc(room * 300), *output = malloc(room * 300);
	struct buffer out = {0};
	size_t added = 0, n;

	for (int round = 0; round < 40 && added + room < room * 300; round++) {
		n = (size_t)encoder_fits(e, out.n < room ? room - out.n : 0);
		if (n == 0)
			break;
		fill(input + added, n, variety);
		for (size_t i = 0; i < n; i += 777) /* in small pieces */
			encoder_add(e, input + added + i, n - i < 777 ? n - i : 777, &out);
		added += n;
		encoder_flush(e, &out);
		assert_true(out.n <= room);
	}
	encoder_finish(e, &out);
	assert_true(out.n <= room);
	decode(encoding, &out, output, added);
	assert_memory_equal(input, output, added);
	buffer_free(&out);
	encoder_free(e);
	free(input);
	free(output);
}

static void
the_bound_holds_for_every_kind_of_input(void **state)
{
	static const size_t rooms[] = {65, 70, 100, 1000, 16383, 65536, 200000};
	static const int varieties[] = {1, 2, 16, 144, 256};

	(void)state;
	for (size_t i = 0; i < sizeof(rooms) / sizeof(*rooms); i++)
		for (size_t j = 0; j < sizeof(varieties) / sizeof(*varieties); j++) {
			keep_below(ENCODING_NONE, rooms[i], varieties[j]);
			keep_below(ENCODING_GZIP, rooms[i], varieties[j]);
			keep_below(ENCODING_ZSTD, rooms[i], varieties[j]);
		}
}

static void
an_encoder_is_used_again_after_finish(void **state)
{
	static const enum encoding encodings[] = {ENCODING_NONE, ENCODING_GZIP, ENCODING_ZSTD};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct encoder *e = encoder_new(encodings[i]);
		struct buffer one = {0}, two = {0};
		char text[5];

		encoder_add(e, "hello", 5, &one);
		encoder_finish(e, &one);
		encoder_add(e, "hello", 5, &two);
		encoder_finish(e, &two);
		assert_true(slice_equal(buffer_slice(&one), buffer_slice(&two)));
		decode(encodings[i], &two, text, 5);
		assert_memory_equal(text, "hello", 5);
		encoder_free(e);
		buffer_free(&one);
		buffer_free(&two);
	}
}

static void
too_little_room_fits_nothing(void **state)
{
	struct encoder *e = encoder_new(ENCODING_GZIP);

	(void)state;
	assert_int_equal(encoder_fits(e, 0), 0);
	assert_int_equal(encoder_fits(e, 64), 0);
	assert_int_equal(encoder_fits(e, 65), 1);
	encoder_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bound_holds_for_every_kind_of_input),
		cmocka_unit_test(an_encoder_is_used_again_after_finish),
		cmocka_unit_test(too_little_room_fits_nothing),
	};

	return TESTS(tests);
}
