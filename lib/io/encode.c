#include "io/encode.h"

#include "base/command.h"
#include "base/memory.h"

#include <zlib.h>
#include <zstd.h>

#define GZIP_LEVEL 6
#define ZSTD_LEVEL 3
#define OUT_STEP (64u << 10)
/* Header, flush marker, last block and trailer of either format stay well below this. */
#define FRAME_BYTES 64

struct encoder {
	enum encoding encoding;
	z_stream gzip;
	ZSTD_CCtx *zstd;
};

const char *
encoding_extension(enum encoding encoding)
{
	static const char *const extensions[] = {"", ".gz", ".zst"};

	return extensions[encoding];
}

static void __attribute__((noreturn)) fail(const char *why)
{
	struct error error;

	error_set(&error, STATUS_FAILED, "compress", "cannot compress: %s", why);
	command_die(&error);
}

struct encoder *
encoder_new(enum encoding encoding)
{
	struct encoder *e = memory_get_zeroed(1, sizeof(*e));

	e->encoding = encoding;
	if (encoding == ENCODING_GZIP &&
		deflateInit2(&e->gzip, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		fail("zlib cannot begin, probably for want of memory");
	if (encoding == ENCODING_ZSTD) {
		e->zstd = ZSTD_createCCtx();
		if (!e->zstd)
			fail("zstd cannot begin, probably for want of memory");
		ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
		ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_checksumFlag, 1);
	}
	return e;
}

void
encoder_free(struct encoder *e)
{
	if (!e)
		return;
	if (e->encoding == ENCODING_GZIP)
		deflateEnd(&e->gzip);
	ZSTD_freeCCtx(e->zstd);
	free(e);
}

static void
gzip_step(struct encoder *e, const void *p, size_t n, int flush, struct buffer *out)
{
	size_t step;
	int got = Z_OK;

	do {
		step = n < UINT32_MAX / 2 ? n : UINT32_MAX / 2;
		e->gzip.next_in = (Bytef *)(uintptr_t)p;
		e->gzip.avail_in = (uInt)step;
		do {
			buffer_reserve(out, OUT_STEP);
			e->gzip.next_out = (Bytef *)out->p + out->n;
			e->gzip.avail_out = OUT_STEP;
			got = deflate(&e->gzip, n > step ? Z_NO_FLUSH : flush);
			out->n += OUT_STEP - e->gzip.avail_out;
		} while (got == Z_OK && e->gzip.avail_out == 0);
		if (got != Z_OK && got != Z_STREAM_END && got != Z_BUF_ERROR)
			fail(e->gzip.msg ? e->gzip.msg : "zlib fails");
		p = (const char *)p + step;
		n -= step;
	} while (n > 0);
}

static void
zstd_step(struct encoder *e, const void *p, size_t n, ZSTD_EndDirective end, struct buffer *out)
{
	ZSTD_inBuffer in = {p, n, 0};
	size_t left;

	do {
		ZSTD_outBuffer room;

		buffer_reserve(out, OUT_STEP);
		room = (ZSTD_outBuffer){out->p + out->n, OUT_STEP, 0};
		left = ZSTD_compressStream2(e->zstd, &room, &in, end);
		if (ZSTD_isError(left))
			fail(ZSTD_getErrorName(left));
		out->n += room.pos;
	} while (end == ZSTD_e_continue ? in.pos < in.size : left > 0);
}

void
encoder_add(struct encoder *e, const void *p, size_t n, struct buffer *out)
{
	switch (e->encoding) {
	case ENCODING_NONE: buffer_add(out, p, n); break;
	case ENCODING_GZIP: gzip_step(e, p, n, Z_NO_FLUSH, out); break;
	case ENCODING_ZSTD: zstd_step(e, p, n, ZSTD_e_continue, out); break;
	}
}

void
encoder_flush(struct encoder *e, struct buffer *out)
{
	if (e->encoding == ENCODING_GZIP)
		gzip_step(e, "", 0, Z_SYNC_FLUSH, out);
	if (e->encoding == ENCODING_ZSTD)
		zstd_step(e, "", 0, ZSTD_e_flush, out);
}

void
encoder_finish(struct encoder *e, struct buffer *out)
{
	if (e->encoding == ENCODING_GZIP) {
		gzip_step(e, "", 0, Z_FINISH, out);
		deflateReset(&e->gzip);
	}
	if (e->encoding == ENCODING_ZSTD)
		zstd_step(e, "", 0, ZSTD_e_end, out);
}

/* What does not compress is stored: deflate spends 5 bytes on a block of at least 16383 of input
 * (see deflateBound in zlib.h), zstd 3 on one of up to 128 KiB. n + n/256 is beyond both. */
uint64_t
encoder_fits(const struct encoder *e, uint64_t room)
{
	if (e->encoding == ENCODING_NONE)
		return room;
	if (room <= FRAME_BYTES)
		return 0;
	room -= FRAME_BYTES;
	return room - room / 256;
}
