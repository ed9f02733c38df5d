#include "base/cleanup.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

/* A registration that is ACTIVE is only touched by who claimed it, by moving it to another state: the
 * handler may interrupt any other thread at any point and must not wait for it. One that is READY belongs
 * to who made it. Registrations are
 * never freed, only used again, so that the list can be walked at any time. */
enum state { UNUSED, READY, ACTIVE, CLAIMED };

struct cleanup {
	struct cleanup *next;        /* in registrations, fixed */
	struct cleanup *next_unused; /* under unused_lock */
	_Atomic int state;
	char *path;
};

static struct cleanup *_Atomic registrations;
static struct cleanup *unused;
static pthread_mutex_t unused_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic pid_t owner; /* a forked child must not remove its parent's files */
static atomic_bool dying;   /* of a signal */
static atomic_bool closing; /* what is made now is made in vain */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool held;     /* by a thread that has the mutex */
static sigset_t before_hold; /* the signals that this thread had blocked; with the mutex */
static _Thread_local bool holding;

enum { HOLD_WAIT_MS = 1000, HOLD_WAITS = 200 };

static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGXCPU, SIGXFSZ};
#define DEADLY (sizeof(deadly) / sizeof(deadly[0]))
static struct sigaction before[DEADLY], before_pipe;
static bool installed;

static bool
claim(struct cleanup *c)
{
	int active = ACTIVE;

	return atomic_compare_exchange_strong(&c->state, &active, CLAIMED);
}

/* False: it is a directory, and has to wait for what is in it. */
static bool
remove_file(const struct cleanup *c)
{
	return unlink(c->path) == 0 || errno != EISDIR;
}

static void
remove_path(const struct cleanup *c)
{
	if (!remove_file(c))
		rmdir(c->path);
}

struct cleanup *
cleanup_prepare(const char *path)
{
	char *copy = memory_copy_string(path);
	struct cleanup *c;

	atomic_store(&owner, getpid());
	pthread_mutex_lock(&unused_lock);
	c = unused;
	if (c)
		unused = c->next_unused;
	pthread_mutex_unlock(&unused_lock);
	if (!c) {
		c = memory_get_zeroed(1, sizeof(*c));
		c->next = atomic_load(&registrations);
		while (!atomic_compare_exchange_weak(&registrations, &c->next, c))
			;
	}
	c->path = copy;
	atomic_store(&c->state, READY);
	return c;
}

void
cleanup_arm(struct cleanup *c)
{
	atomic_store(&c->state, ACTIVE);
	if (atomic_load(&closing) && claim(c))
		remove_path(c);
}

struct cleanup *
cleanup_add(const char *path)
{
	struct cleanup *c = cleanup_prepare(path);

	cleanup_arm(c);
	return c;
}

static void
release(struct cleanup *c)
{
	free(c->path);
	c->path = NULL;
	atomic_store(&c->state, UNUSED);
	pthread_mutex_lock(&unused_lock);
	c->next_unused = unused;
	unused = c;
	pthread_mutex_unlock(&unused_lock);
}

void
cleanup_cancel(struct cleanup *c)
{
	if (c && (atomic_load(&c->state) == READY || claim(c)))
		release(c);
}

void
cleanup_unlink(struct cleanup *c)
{
	if (c && claim(c)) {
		remove_path(c);
		release(c);
	}
}

void
cleanup_run(void)
{
	int saved = errno;
	struct cleanup *c;

	if (atomic_load(&owner) != getpid())
		return;
	atomic_store(&closing, true);
	for (c = atomic_load(&registrations); c; c = c->next)
		if (claim(c) && !remove_file(c))
			atomic_store(&c->state, ACTIVE);
	for (c = atomic_load(&registrations); c; c = c->next)
		if (claim(c))
			remove_path(c);
	errno = saved;
}

void
cleanup_hold(void)
{
	sigset_t set, before_it;

	sigemptyset(&set);
	for (size_t i = 0; i < DEADLY; i++)
		sigaddset(&set, deadly[i]);
	pthread_sigmask(SIG_BLOCK, &set, &before_it);
	pthread_mutex_lock(&making);
	before_hold = before_it;
	holding = true;
	atomic_store(&held, true);
	while (atomic_load(&dying)) {
		atomic_store(&held, false);
		pause();
	}
}

void
cleanup_release(void)
{
	sigset_t set = before_hold;

	holding = false;
	atomic_store(&held, false);
	pthread_mutex_unlock(&making);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
}

void
cleanup_close(void)
{
	if (!holding)
		pthread_mutex_lock(&making); /* for ever */
	cleanup_run();
}

void
cleanup_die_of(int signal_number)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t set;

	cleanup_run();
	sigaction(signal_number, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	raise(signal_number);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + signal_number); /* the first process of a container survives its signals */
}

/* Between hold and release the signals are blocked, so it is another thread that we wait for; but not for ever, as
 * the file system may hang. */
static void
on_signal(int signal_number)
{
	struct timespec nap = {0, HOLD_WAIT_MS * 1000000L / HOLD_WAITS};

	if (atomic_exchange(&dying, true))
		return;
	for (int i = 0; i < HOLD_WAITS && atomic_load(&held); i++)
		nanosleep(&nap, NULL);
	cleanup_die_of(signal_number);
}

void
cleanup_install(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, keep = {.sa_handler = SIG_DFL};

	if (installed)
		return;
	installed = true;
	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < DEADLY; i++) {
		sigaction(deadly[i], NULL, &before[i]);
		if (before[i].sa_handler != SIG_IGN)
			sigaction(deadly[i], &action, NULL);
	}
	sigaction(SIGPIPE, &ignore, &before_pipe);
	sigaction(SIGCHLD, &keep, NULL);
	atexit(cleanup_run);
}

void
cleanup_add_signals(sigset_t *set)
{
	struct sigaction now;

	for (size_t i = 0; i < DEADLY; i++)
		if (sigaction(deadly[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(set, deadly[i]);
}

void
cleanup_restore_signals(void)
{
	if (!installed)
		return;
	for (size_t i = 0; i < DEADLY; i++)
		sigaction(deadly[i], &before[i], NULL);
	sigaction(SIGPIPE, &before_pipe, NULL);
}

void
cleanup_restore_spawned_signals(posix_spawnattr_t *attributes)
{
	sigset_t set;

	/* those that have a handler get back their default by exec */
	sigemptyset(&set);
	posix_spawnattr_setsigmask(attributes, &set);
	if (installed && before_pipe.sa_handler != SIG_IGN)
		sigaddset(&set, SIGPIPE);
	posix_spawnattr_setsigdefault(attributes, &set);
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}
