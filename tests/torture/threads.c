/* threads - preloaded into the commands: more processors than there are, and threads that are late.
 *
 *     LD_PRELOAD=threads.so THREADS_SEED=7 acc-fetch ...
 *
 * There are 16 processors, whose threads now and then wait before they lock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

enum { PROCESSORS = 16, LATE_ONE_IN = 16, LATE_MAX = 2000 /* us */ };

int
sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	(void)pid;
	CPU_ZERO_S(size, set);
	for (int i = 0; i < PROCESSORS; i++)
		CPU_SET_S(i, size, set);
	return 0;
}

static unsigned
next_random(void)
{
	static atomic_uint state;
	const char *seed = getenv("THREADS_SEED");
	unsigned x = atomic_fetch_add(&state, 0x9e3779b9) + (seed ? (unsigned)atoi(seed) : 0);

	x = (x ^ (x >> 16)) * 0x45d9f3b;
	x = (x ^ (x >> 16)) * 0x45d9f3b;
	return x ^ (x >> 16);
}

int
pthread_mutex_lock(pthread_mutex_t *mutex)
{
	static int (*_Atomic lock)(pthread_mutex_t *);
	unsigned x = next_random();

	if (!lock)
		lock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
	if (x % LATE_ONE_IN == 0)
		usleep(x / LATE_ONE_IN % LATE_MAX);
	return lock(mutex);
}
