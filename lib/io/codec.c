#include "io/codec.h"

#include "base/memory.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define CODEC_BLOCK (128u << 10)
#define ZSTD_PREFIX 5 /* bytes: less than any frame's header */
#define ZSTD_BLOCK_HEADER 3

struct decoder {
	struct stream stream;
	struct stream *source;
	const char *name;
	enum codec codec;
	bool recognised;
	bool source_ended;
	bool between; /* no member or frame is open: here the data may end */
	bool started; /* a member or frame was begun */
	bool padding; /* zero bytes were seen behind a gzip member */
	bool failed;
	struct error error; /* to be told when the good bytes are out */
	z_stream gzip;
	ZSTD_DStream *zstd;
	size_t wanted;    /* bytes zstd would like to see next */
	char *block;      /* owned; CODEC_BLOCK bytes of the source */
	size_t next, end; /* what is unread in block */
};

/* What these four bytes begin, of files that people keep catalogs in; NULL: nothing that is known. */
static const char *
foreign_format(const unsigned char *b)
{
	static const struct {
		char begins[5];
		const char *name;
	} formats[] = {{"\xfd\x37\x7a\x58", "xz data"}, {"\x04\x22\x4d\x18", "lz4 data"},
		{"PK\x03\x04", "a zip archive"}, {"PAR1", "Parquet"}};

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (memcmp(b, formats[i].begins, 4) == 0)
			return formats[i].name;
	if (memcmp(b, "BZh", 3) == 0 && b[3] >= '1' && b[3] <= '9')
		return "bzip2 data";
	if ((b[0] == 0xff && b[1] == 0xfe && b[2] && !b[3]) || (b[0] == 0xfe && b[1] == 0xff && !b[2] && b[3]))
		return "text in UTF-16";
	return NULL;
}

enum codec
codec_recognise(struct slice beginning)
{
	const unsigned char *b = (const unsigned char *)beginning.p;

	if (beginning.n >= 2 && b[0] == 0x1f && b[1] == 0x8b)
		return CODEC_GZIP;
	if (beginning.n < 4)
		return CODEC_NONE;
	if (memcmp(b, "\x28\xb5\x2f\xfd", 4) == 0)
		return CODEC_ZSTD;
	/* a skippable frame may come first (RFC 8878, section 3.1.2) */
	if ((b[0] & 0xf0) == 0x50 && memcmp(b + 1, "\x2a\x4d\x18", 3) == 0)
		return CODEC_ZSTD;
	return foreign_format(b) ? CODEC_FOREIGN : CODEC_NONE;
}

/* Remember the fault, to be told when what was decoded before it is out. */
static void
fault(struct decoder *d, const char *code, const char *what)
{
	const char *kind = d->codec == CODEC_GZIP ? "gzip" : "zstd";

	d->failed = true;
	error_set(&d->error, STATUS_REFUSED, code, "cannot read all of '%s': %s data: %s", d->name, kind, what);
}

/* That is no fault of the data. */
static void
fail_of_memory(struct decoder *d)
{
	d->failed = true;
	error_set(&d->error, STATUS_FAILED, "memory", "cannot decode '%s': not enough memory", d->name);
}

/* Have at least `want` bytes in the block, or as many as there are. 0, or -1 with d->failed. */
static int
fill(struct decoder *d, size_t want)
{
	if (d->end - d->next >= want)
		return 0;
	memmove(d->block, d->block + d->next, d->end - d->next);
	d->end -= d->next;
	d->next = 0;
	while (d->end < want && !d->source_ended) {
		ssize_t got = stream_read(d->source, d->block + d->end, CODEC_BLOCK - d->end, &d->error);

		if (got < 0) {
			d->failed = true;
			return -1;
		}
		d->source_ended = got == 0;
		d->end += (size_t)got;
	}
	return 0;
}

static int
start(struct decoder *d)
{
	d->block = memory_get(CODEC_BLOCK);
	d->recognised = true;
	d->between = true;
	if (fill(d, 4) < 0 && d->end == 0)
		return -1;
	d->codec = codec_recognise((struct slice){d->block, d->end});
	if (d->codec == CODEC_FOREIGN)
		return error_set(&d->error, STATUS_REFUSED, "format",
			"cannot read '%s': it is %s; decode it into JSON in UTF-8 first", d->name,
			foreign_format((unsigned char *)d->block));
	if (d->codec == CODEC_GZIP && inflateInit2(&d->gzip, 15 + 16) != Z_OK)
		return error_set(&d->error, STATUS_FAILED, "memory", "cannot start zlib: %s",
			d->gzip.msg ? d->gzip.msg : "out of memory");
	if (d->codec == CODEC_ZSTD && !(d->zstd = ZSTD_createDStream()))
		return error_set(&d->error, STATUS_FAILED, "memory", "cannot start zstd: out of memory");
	return 0;
}

static ssize_t
pass_through(struct decoder *d, void *p, size_t n)
{
	ssize_t got;

	if (d->next < d->end) {
		size_t take = n < d->end - d->next ? n : d->end - d->next;

		memcpy(p, d->block + d->next, take);
		d->next += take;
		return (ssize_t)take;
	}
	if (d->failed)
		return -1;
	if (d->source_ended)
		return 0;
	got = stream_read(d->source, p, n, &d->error);
	d->failed = got < 0;
	d->source_ended = got == 0;
	return got;
}

/* Between gzip members: true when another one begins, false at the end or on a fault. */
static bool
gzip_next_member(struct decoder *d)
{
	for (;;) {
		if (fill(d, 2) < 0 || d->next == d->end)
			return false;
		if (!d->padding && codec_recognise((struct slice){d->block + d->next, d->end - d->next}) == CODEC_GZIP)
			return true;
		if (d->block[d->next] != 0) {
			fault(d, "corrupt", "garbage follows");
			return false;
		}
		d->padding = true;
		d->next++;
	}
}

static size_t
gzip_decode(struct decoder *d, char *p, size_t n)
{
	size_t room = n < (1u << 30) ? n : 1u << 30;
	int result;

	d->gzip.next_out = (Bytef *)p;
	d->gzip.avail_out = (uInt)room;
	while (d->gzip.avail_out > 0 && !d->failed) {
		if (d->between) {
			if (!gzip_next_member(d))
				break;
			inflateReset(&d->gzip);
			d->between = false;
		}
		if (fill(d, 1) < 0)
			break;
		d->gzip.next_in = (Bytef *)d->block + d->next;
		d->gzip.avail_in = (uInt)(d->end - d->next);
		result = inflate(&d->gzip, Z_NO_FLUSH);
		d->next = d->end - d->gzip.avail_in;
		if (result == Z_STREAM_END)
			d->between = true;
		else if (result == Z_MEM_ERROR)
			fail_of_memory(d);
		else if (result == Z_BUF_ERROR || result == Z_OK) {
			if (d->gzip.avail_out > 0 && d->next == d->end && d->source_ended)
				fault(d, "truncated", "unexpected end");
		} else
			fault(d, "corrupt", d->gzip.msg ? d->gzip.msg : "does not decode");
		/* A slow source: hand out what is there. */
		if (d->stream.live && d->gzip.avail_out < room)
			break;
	}
	return room - d->gzip.avail_out;
}

/* Decode from at most n bytes of the block; false on a fault. */
static bool
zstd_step(struct decoder *d, ZSTD_outBuffer *out, size_t n)
{
	ZSTD_inBuffer in = {d->block, d->next + n, d->next};
	size_t result = ZSTD_decompressStream(d->zstd, out, &in);

	if (ZSTD_isError(result) && ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) {
		fail_of_memory(d);
		return false;
	}
	if (ZSTD_isError(result)) {
		fault(d, "corrupt", d->between && d->started ? "garbage follows" : ZSTD_getErrorName(result));
		return false;
	}
	d->started = true;
	d->between = result == 0;
	d->wanted = result;
	d->next = in.pos;
	return true;
}

/* A call in which zstd meets a fault does not tell what it put out before. So it is given no more than a block at a
 * time, without the header of the next one, and nothing before all that is decoded is out. */
static size_t
zstd_decode(struct decoder *d, char *p, size_t n)
{
	ZSTD_outBuffer out = {p, n, 0};

	while (out.pos < out.size && !d->failed) {
		size_t before = out.pos, take;

		if (!d->between && (!zstd_step(d, &out, 0) || out.pos > before))
			continue;
		if (d->stream.live && out.pos > 0)
			break;
		if (fill(d, 1) < 0 || (d->next == d->end && d->between))
			break;
		if (d->next == d->end) {
			fault(d, "truncated", "unexpected end");
			break;
		}
		take = d->between ? ZSTD_PREFIX : d->wanted;
		take -= take > ZSTD_BLOCK_HEADER ? ZSTD_BLOCK_HEADER : 0;
		zstd_step(d, &out, take < d->end - d->next ? take : d->end - d->next);
	}
	return out.pos;
}

static ssize_t
decoder_read(struct stream *stream, void *p, size_t n, struct error *error)
{
	struct decoder *d = (struct decoder *)stream;
	ssize_t got = 0;

	if (!d->recognised && start(d) < 0)
		d->failed = true;
	if (d->codec == CODEC_NONE)
		got = pass_through(d, p, n);
	else if (!d->failed)
		got = (ssize_t)(d->codec == CODEC_GZIP ? gzip_decode(d, p, n) : zstd_decode(d, p, n));
	if (got > 0)
		return got;
	if (!d->failed)
		return 0;
	*error = d->error;
	return -1;
}

static void
decoder_close(struct stream *stream)
{
	struct decoder *d = (struct decoder *)stream;

	if (d->codec == CODEC_GZIP)
		inflateEnd(&d->gzip);
	ZSTD_freeDStream(d->zstd);
	stream_close(d->source);
	free(d->block);
	free(d);
}

struct stream *
codec_decode(struct stream *source, const char *name)
{
	static const struct stream_kind kind = {decoder_read, decoder_close};
	struct decoder *d = memory_get_zeroed(1, sizeof(*d));

	d->stream.kind = &kind;
	d->stream.live = source->live;
	d->source = source;
	d->name = name;
	return &d->stream;
}
