/* checksum - the checksums S3 keeps with an object: base64 of big-endian bytes.
 *
 * Source: S3 User Guide, "Checking object integrity". CRC-32 (zlib), CRC-32C (the CPU's instruction where it has one),
 * CRC-64/NVME, SHA-1 and SHA-256; one that is not known is passed over. A checksum is used by one thread at a time. */
#ifndef ACC_AWS_CHECKSUM_H
#define ACC_AWS_CHECKSUM_H

#include "base/buffer.h"
#include "io/digest.h"

#include <stdbool.h>
#include <stdint.h>

enum checksum_kind {
	CHECKSUM_NONE,
	CHECKSUM_CRC32C,
	CHECKSUM_CRC64NVME,
	CHECKSUM_CRC32,
	CHECKSUM_SHA1,
	CHECKSUM_SHA256,
};

struct checksum {
	enum checksum_kind kind;
	uint64_t crc;
	struct digest *digest; /* of SHA-1 and SHA-256; owned */
};

void checksum_start(struct checksum *c, enum checksum_kind kind); /* to checksum_end */
void checksum_add(struct checksum *c, const void *p, size_t n);
void checksum_value(struct checksum *c, struct buffer *base64); /* appends; nothing may be added after */
void checksum_end(struct checksum *c);

/* The header that carries it ("x-amz-checksum-crc32c"), and the algorithm's name in requests ("CRC32C"). */
const char *checksum_header(enum checksum_kind kind);
const char *checksum_algorithm(enum checksum_kind kind);

uint32_t checksum_crc32c(uint32_t crc, const void *p, size_t n); /* 0 begins */
uint64_t checksum_crc64nvme(uint64_t crc, const void *p, size_t n);

#endif
