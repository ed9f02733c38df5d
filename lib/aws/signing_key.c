#include "aws/signing_key.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { KEYS = 8, SECRET_MAX = 128, DATE = 8 };

/* A process asks two or three services with one secret, or two around its renewal. */
static struct {
	pthread_mutex_t lock;
	struct {
		char secret[SECRET_MAX + 1], date[DATE], region[64], service[16];
		unsigned char key[32];
	} known[KEYS];
	unsigned next;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool
fits(struct slice secret, const struct sigv4_scope *scope)
{
	return secret.n > 0 && secret.n <= SECRET_MAX && strlen(scope->region) < sizeof(cache.known[0].region) &&
		strlen(scope->service) < sizeof(cache.known[0].service);
}

static bool
find(unsigned char key[32], struct slice secret, const struct sigv4_scope *scope)
{
	for (size_t i = 0; i < KEYS; i++)
		if (slice_equal(secret, slice_of(cache.known[i].secret)) &&
			memcmp(scope->time, cache.known[i].date, DATE) == 0 &&
			strcmp(scope->region, cache.known[i].region) == 0 &&
			strcmp(scope->service, cache.known[i].service) == 0) {
			memcpy(key, cache.known[i].key, 32);
			return true;
		}
	return false;
}

static void
keep(const unsigned char key[32], struct slice secret, const struct sigv4_scope *scope)
{
	unsigned i = cache.next++ % KEYS;

	sodium_memzero(&cache.known[i], sizeof(cache.known[i]));
	memcpy(cache.known[i].secret, secret.p, secret.n);
	memcpy(cache.known[i].date, scope->time, DATE);
	snprintf(cache.known[i].region, sizeof(cache.known[i].region), "%s", scope->region);
	snprintf(cache.known[i].service, sizeof(cache.known[i].service), "%s", scope->service);
	memcpy(cache.known[i].key, key, 32);
}

void
signing_key_get(unsigned char key[32], struct slice secret, const struct sigv4_scope *scope)
{
	bool cached = fits(secret, scope);

	pthread_mutex_lock(&cache.lock);
	if (!cached || !find(key, secret, scope)) {
		sigv4_key(key, secret, scope);
		if (cached)
			keep(key, secret, scope);
	}
	pthread_mutex_unlock(&cache.lock);
}
