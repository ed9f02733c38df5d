/* gzip and zstd, and what pretends to be: whatever the block size of the reader, the same bytes come out and the
 * same error ends them. */
#include "base/buffer.h"
#include "io/codec.h"

#include "fuzz.h"

#define OUTPUT_MAX (1u << 20) /* bombs are read as far as this */

static const char *
decode(struct slice bytes, size_t block, struct buffer *out)
{
	struct stream *stream = codec_decode(stream_of_memory(bytes), "input");
	struct error error = {.code = "none"};
	ssize_t got = 1;

	while (out->n < OUTPUT_MAX && got > 0) {
		buffer_reserve(out, block);
		got = stream_read(stream, out->p + out->n, block, &error);
		require(got <= (ssize_t)block);
		out->n += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		require(error.status == STATUS_REFUSED && error.text[0]);
	stream_close(stream);
	return got < 0 ? error.code : got == 0 ? "end" : "more";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice bytes = {(const char *)data, n};
	struct buffer once = {0}, bit = {0};
	const char *first = decode(bytes, 64 << 10, &once);
	const char *second = decode(bytes, 61, &bit);
	size_t same = once.n < bit.n ? once.n : bit.n;

	require(same == 0 || memcmp(once.p, bit.p, same) == 0);
	if (once.n < OUTPUT_MAX && bit.n < OUTPUT_MAX)
		require(once.n == bit.n && strcmp(first, second) == 0);
	if (codec_recognise(bytes) == CODEC_NONE && once.n < OUTPUT_MAX)
		require(slice_equal(buffer_slice(&once), bytes));
	buffer_free(&once);
	buffer_free(&bit);
	return 0;
}
