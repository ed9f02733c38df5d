/* network - preloaded into the commands: a resolver by a seed, and a clock that hurries.
 *
 *     LD_PRELOAD=network.so NETWORK_HOST=endpoint.test NETWORK_SEED=7 acc-fetch ...
 *
 * NETWORK_HOST is the loopback, where it can be found: the seed decides whether every lookup works, the first ones of
 * each process fail, some fail, or all do. The monotonic clock runs ten times too fast, so that the patience with who
 * does not answer is soon at its end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { HURRY = 10 };
#define SECOND INT64_C(1000000000)

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

/* ---- time */

static int64_t
real_now(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static int64_t
begun(void)
{
	static _Atomic int64_t first;
	int64_t none = 0;

	if (atomic_load(&first) == 0)
		atomic_compare_exchange_strong(&first, &none, real_now());
	return atomic_load(&first);
}

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	int64_t now;

	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, t);
	now = begun() + (real_now() - begun()) * HURRY;
	*t = (struct timespec){now / SECOND, now % SECOND};
	return 0;
}

/* A deadline on the clock that hurries, as it is on the one that does not. */
int
pthread_cond_timedwait(pthread_cond_t *changed, pthread_mutex_t *lock, const struct timespec *deadline)
{
	static __typeof__(pthread_cond_timedwait) *real;
	int64_t at = begun() + (deadline->tv_sec * SECOND + deadline->tv_nsec - begun()) / HURRY;

	if (!real)
		real = (__typeof__(pthread_cond_timedwait) *)dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	return real(changed, lock, &(struct timespec){at / SECOND, at % SECOND});
}
