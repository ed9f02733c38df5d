/* codec - compressed bytes, recognised by what they begin with, not by a name: gzip (RFC 1952, any number
 * of members) and zstd (RFC 8878, any number of frames). */
#ifndef ACC_IO_CODEC_H
#define ACC_IO_CODEC_H

#include "io/stream.h"

enum codec {
	CODEC_NONE,
	CODEC_GZIP,
	CODEC_ZSTD,
	CODEC_FOREIGN, /* known by its first bytes, and neither decoded here nor JSON in UTF-8: xz, zip, UTF-16, ... */
};

/* What bytes that begin like this are; 4 of them suffice. */
enum codec codec_recognise(struct slice beginning);

/* Give a stream of the decoded bytes of source, which it takes. name is for messages; borrowed. What is not
 * compressed passes through.
 *
 * Reading fails, after every good byte was delivered, with STATUS_REFUSED and the code "truncated" (the data ends
 * inside of a member or frame) or "corrupt" (it does not decode, a checksum is wrong, or garbage follows; zero
 * bytes behind gzip members are padding, as gzip(1) has it); before any byte with "format", where it is
 * CODEC_FOREIGN. Memory does not grow with the data: gzip takes about 50 KB, zstd the window that the frame
 * names, at most 128 MiB. */
struct stream *codec_decode(struct stream *source, const char *name);

#endif
