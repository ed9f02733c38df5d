#include "io/digest.h"

#include "base/command.h"
#include "base/memory.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

struct digest {
	EVP_MD_CTX *context;
};

static void
check(int done)
{
	struct error error;

	if (done)
		return;
	error_set(&error, STATUS_FAILED, "sha256", "cannot compute a SHA-256 digest: libcrypto refuses");
	command_die(&error);
}

struct digest *
digest_new(void)
{
	struct digest *d = memory_get(sizeof(*d));

	/* Its configuration file has nothing to say about a digest, and costs a millisecond. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	d->context = EVP_MD_CTX_new();
	check(d->context != NULL);
	check(EVP_DigestInit_ex(d->context, EVP_sha256(), NULL));
	return d;
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

void
digest_finish(struct digest *d, char hex[DIGEST_HEX_SIZE])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];

	check(EVP_DigestFinal_ex(d->context, bytes, NULL));
	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	check(EVP_DigestInit_ex(d->context, EVP_sha256(), NULL));
}
