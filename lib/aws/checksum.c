#include "aws/checksum.h"

#include <pthread.h>
#include <zlib.h>

/* Both reflected, initial value and final xor all ones. */
#define CRC32C_POLYNOMIAL 0x82F63B78u
#define CRC64NVME_POLYNOMIAL UINT64_C(0x9A6C9329AC4BC9B5)

static uint64_t crc64_table[8][256];
static uint32_t crc32c_table[8][256];
static pthread_once_t tables = PTHREAD_ONCE_INIT;

static void
make_tables(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t a = i;
		uint32_t b = i;

		for (int bit = 0; bit < 8; bit++) {
			a = (a >> 1) ^ (a & 1 ? CRC64NVME_POLYNOMIAL : 0);
			b = (b >> 1) ^ (b & 1 ? CRC32C_POLYNOMIAL : 0);
		}
		crc64_table[0][i] = a;
		crc32c_table[0][i] = b;
	}
	for (unsigned i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++) {
			uint64_t a = crc64_table[k - 1][i];
			uint32_t b = crc32c_table[k - 1][i];

			crc64_table[k][i] = (a >> 8) ^ crc64_table[0][a & 255];
			crc32c_table[k][i] = (b >> 8) ^ crc32c_table[0][b & 255];
		}
}

static uint64_t
load_little(const unsigned char *p)
{
	uint64_t word = 0;

	for (int i = 7; i >= 0; i--)
		word = word << 8 | p[i];
	return word;
}

uint64_t
checksum_crc64nvme(uint64_t crc, const void *data, size_t n)
{
	const unsigned char *p = data;

	pthread_once(&tables, make_tables);
	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word = crc ^ load_little(p);

		crc = 0;
		for (int k = 0; k < 8; k++)
			crc ^= crc64_table[7 - k][word >> (8 * k) & 255];
	}
	while (n--)
		crc = (crc >> 8) ^ crc64_table[0][(crc ^ *p++) & 255];
	return ~crc;
}

static uint32_t
crc32c_plain(uint32_t crc, const unsigned char *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word = crc ^ load_little(p);

		crc = 0;
		for (int k = 0; k < 8; k++)
			crc ^= crc32c_table[7 - k][word >> (8 * k) & 255];
	}
	while (n--)
		crc = (crc >> 8) ^ crc32c_table[0][(crc ^ *p++) & 255];
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse42(uint32_t crc, const unsigned char *p, size_t n)
{
	uint64_t wide = crc;

	for (; n >= 8; n -= 8, p += 8)
		wide = __builtin_ia32_crc32di(wide, load_little(p));
	crc = (uint32_t)wide;
	while (n--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}
#endif

uint32_t
checksum_crc32c(uint32_t crc, const void *p, size_t n)
{
	pthread_once(&tables, make_tables);
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc32c_sse42(~crc, p, n);
#endif
	return ~crc32c_plain(~crc, p, n);
}

static const struct {
	const char *header, *algorithm;
	int bytes;
} kinds[] = {
	[CHECKSUM_NONE] = {NULL, NULL, 0},
	[CHECKSUM_CRC32C] = {"x-amz-checksum-crc32c", "CRC32C", 4},
	[CHECKSUM_CRC64NVME] = {"x-amz-checksum-crc64nvme", "CRC64NVME", 8},
	[CHECKSUM_CRC32] = {"x-amz-checksum-crc32", "CRC32", 4},
	[CHECKSUM_SHA1] = {"x-amz-checksum-sha1", "SHA1", 20},
	[CHECKSUM_SHA256] = {"x-amz-checksum-sha256", "SHA256", 32},
};

const char *
checksum_header(enum checksum_kind kind)
{
	return kinds[kind].header;
}

const char *
checksum_algorithm(enum checksum_kind kind)
{
	return kinds[kind].algorithm;
}

void
checksum_start(struct checksum *c, enum checksum_kind kind)
{
	*c = (struct checksum){.kind = kind};
	if (kind == CHECKSUM_SHA1 || kind == CHECKSUM_SHA256)
		c->digest = digest_new(kind == CHECKSUM_SHA1 ? DIGEST_SHA1 : DIGEST_SHA256);
}

void
checksum_add(struct checksum *c, const void *p, size_t n)
{
	switch (c->kind) {
	case CHECKSUM_NONE: break;
	case CHECKSUM_CRC32C: c->crc = checksum_crc32c((uint32_t)c->crc, p, n); break;
	case CHECKSUM_CRC64NVME: c->crc = checksum_crc64nvme(c->crc, p, n); break;
	case CHECKSUM_CRC32: c->crc = crc32_z((uLong)c->crc, p, n); break;
	case CHECKSUM_SHA1:
	case CHECKSUM_SHA256: digest_add(c->digest, p, n); break;
	}
}

void
checksum_value(struct checksum *c, struct buffer *base64)
{
	unsigned char bytes[DIGEST_BYTES];
	int n = kinds[c->kind].bytes;

	if (c->digest)
		digest_finish_bytes(c->digest, bytes);
	else
		for (int i = 0; i < n; i++)
			bytes[i] = (unsigned char)(c->crc >> (8 * (n - 1 - i)));
	buffer_add_base64(base64, (struct slice){(const char *)bytes, (size_t)n});
}

void
checksum_end(struct checksum *c)
{
	digest_free(c->digest);
	c->digest = NULL;
}
