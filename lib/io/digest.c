#include "io/digest.h"

#include "base/memory.h"
#include "base/output.h"

#include <errno.h>
#include <nettle/nettle-meta.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)256 << 10)

struct digest {
	const struct nettle_hash *hash;
	alignas(max_align_t) unsigned char context[];
};

struct digest *
digest_new(enum digest_kind kind)
{
	static const struct nettle_hash *const hashes[] = {
		[DIGEST_SHA256] = &nettle_sha256, [DIGEST_SHA1] = &nettle_sha1, [DIGEST_MD5] = &nettle_md5};
	struct digest *d = memory_get(sizeof(*d) + hashes[kind]->context_size);

	d->hash = hashes[kind];
	d->hash->init(d->context);
	return d;
}

void
digest_free(struct digest *d)
{
	free(d);
}

void
digest_add(struct digest *d, const void *p, size_t n)
{
	d->hash->update(d->context, n, p);
}

size_t
digest_finish_bytes(struct digest *d, unsigned char bytes[DIGEST_BYTES])
{
	size_t n = d->hash->digest_size;

	d->hash->digest(d->context, n, bytes);
	return n;
}

size_t
digest_finish(struct digest *d, char hex[DIGEST_HEX_SIZE])
{
	unsigned char bytes[DIGEST_BYTES];
	size_t n = digest_finish_bytes(d, bytes);

	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	return 2 * n;
}

static int
copy(struct digest *d, int from, int to, char *block, struct error *error)
{
	off_t offset = 0;
	ssize_t got;

	for (;;) {
		got = pread(from, block, COPY_BYTES, offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_system(error, "cannot read it");
		if (got == 0)
			return 0;
		digest_add(d, block, (size_t)got);
		if (to >= 0 && write_all(to, block, (size_t)got) < 0)
			return error_system(error, "cannot write");
		offset += got;
	}
}

int
digest_file(int from, int to, char hex[DIGEST_HEX_SIZE], struct error *error)
{
	struct digest *d = digest_new(DIGEST_SHA256);
	char *block = memory_get(COPY_BYTES);
	int copied = copy(d, from, to, block, error);

	digest_finish(d, hex);
	digest_free(d);
	free(block);
	return copied;
}
