#include "io/digest.h"

#include "base/command.h"
#include "base/memory.h"
#include "base/output.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)256 << 10)

struct digest {
	EVP_MD_CTX *context;
};

static void
check(int done)
{
	struct error error;

	if (done)
		return;
	error_set(&error, STATUS_FAILED, "digest", "cannot compute a digest: libcrypto refuses");
	command_die(&error);
}

/* ---- memory for libcrypto: the library may crash where it gets none while it starts */

static void *
crypto_get(size_t bytes, const char *file, int line)
{
	(void)file;
	(void)line;
	return memory_get(bytes);
}

static void *
crypto_resize(void *p, size_t bytes, const char *file, int line)
{
	(void)file;
	(void)line;
	return memory_resize(p, bytes, 1);
}

static void
crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static void
prepare(void)
{
	/* Refused where libcurl has used the library before: then it has started already. */
	CRYPTO_set_mem_functions(crypto_get, crypto_resize, crypto_free);
	/* Its configuration file has nothing to say about a digest, and costs a millisecond. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
}

static struct digest *
new_of(const EVP_MD *kind)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct digest *d = memory_get(sizeof(*d));

	pthread_once(&once, prepare);
	d->context = EVP_MD_CTX_new();
	check(d->context != NULL);
	check(EVP_DigestInit_ex(d->context, kind, NULL));
	return d;
}

struct digest *
digest_new(void)
{
	return new_of(EVP_sha256());
}

struct digest *
digest_new_sha1(void)
{
	return new_of(EVP_sha1());
}

void
digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->context);
	free(d);
}

void
digest_add(struct digest *d, const void *p, size_t n)
{
	check(EVP_DigestUpdate(d->context, p, n));
}

size_t
digest_finish_bytes(struct digest *d, unsigned char bytes[DIGEST_BYTES])
{
	unsigned n = 0;

	check(EVP_DigestFinal_ex(d->context, bytes, &n));
	check(EVP_DigestInit_ex(d->context, NULL, NULL));
	return n;
}

void
digest_finish(struct digest *d, char hex[DIGEST_HEX_SIZE])
{
	unsigned char bytes[DIGEST_BYTES];
	size_t n = digest_finish_bytes(d, bytes);

	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
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
	struct digest *d = digest_new();
	char *block = memory_get(COPY_BYTES);
	int copied = copy(d, from, to, block, error);

	digest_finish(d, hex);
	digest_free(d);
	free(block);
	return copied;
}
