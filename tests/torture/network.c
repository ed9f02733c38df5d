/* network - preloaded into the commands: a resolver by a seed, and less patience with who does not answer.
 *
 *     LD_PRELOAD=network.so NETWORK_HOST=endpoint.test NETWORK_SEED=7 acc-fetch ...
 *
 * NETWORK_HOST is the loopback, where it can be found: the seed decides whether every lookup works, the first ones of
 * each process fail, some fail, or all do. A stall ends a transfer after two seconds instead of thirty. */
#define _GNU_SOURCE
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STALL_SECONDS = 2, TOTAL_MS = 8000 };

static uint32_t
mix(uint32_t x)
{
	x = (x ^ (x >> 16)) * 0x45d9f3b;
	x = (x ^ (x >> 16)) * 0x45d9f3b;
	return x ^ (x >> 16);
}

static int
lookup_fails(uint32_t seed)
{
	static _Atomic uint32_t lookups;
	uint32_t n = atomic_fetch_add(&lookups, 1), random = mix(seed ^ n);

	for (const char *c = program_invocation_short_name; *c; c++)
		random = mix(random ^ (unsigned char)*c);
	switch (seed % 8) {
	case 0:
		return 1;
	case 1:
	case 2:
		return n < 2;
	case 3:
	case 4:
		return random % 3 == 0;
	default:
		return 0;
	}
}

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	static __typeof__(getaddrinfo) *real;
	const char *host = getenv("NETWORK_HOST"), *seed = getenv("NETWORK_SEED");

	if (!real)
		real = (__typeof__(getaddrinfo) *)dlsym(RTLD_NEXT, "getaddrinfo");
	if (!node || !host || !seed || strcmp(node, host) != 0)
		return real(node, service, hints, found);
	if (lookup_fails((uint32_t)strtoul(seed, NULL, 10)))
		return strtoul(seed, NULL, 10) % 16 < 8 ? EAI_NONAME : EAI_AGAIN;
	return real("127.0.0.1", service, hints, found);
}

CURLcode
curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
	static CURLcode (*real)(CURL *, CURLoption, ...);
	va_list list;
	void *value; /* of whatever type: a long, a pointer and a curl_off_t are passed alike */

	if (!real)
		real = (CURLcode (*)(CURL *, CURLoption, ...))dlsym(RTLD_NEXT, "curl_easy_setopt");
	va_start(list, option);
	value = va_arg(list, void *);
	va_end(list);
	if (option == CURLOPT_LOW_SPEED_TIME)
		value = (void *)(intptr_t)STALL_SECONDS;
	if (option == CURLOPT_TIMEOUT_MS && (intptr_t)value > TOTAL_MS)
		value = (void *)(intptr_t)TOTAL_MS;
	return real(easy, option, value);
}
