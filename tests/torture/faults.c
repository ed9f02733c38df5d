/* faults - preloaded into a command: one call of one kind fails, the n-th. What a system would do once in a
 * thousand years happens on order.
 *
 *     LD_PRELOAD=faults.so FAULTS_TABLE=FILE FAULTS_TOOL=acc-put \
 *         [FAULTS_CALL=write FAULTS_AT=3 FAULTS_HOW=ENOSPC] acc-put ...
 *
 * FILE (made beforehand, zeroed) counts the calls of FAULTS_TOOL and its forked children: a uint32 for each kind in
 * the order of KINDS, then one that says how often the fault happened. HOW is a number of errno.h, or 0: the
 * call succeeds with the least it may do (one byte is transferred). Processes of another name are left alone. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KINDS(X) \
	X(read) X(pread) X(write) X(recv) X(send) X(open) X(openat) X(close) X(fsync) X(renameat) X(renameat2) \
	X(linkat) X(unlink) X(unlinkat) X(mkdirat) X(mkostemp) X(mmap) X(malloc) X(calloc) X(realloc) X(fstat) \
	X(fstatat) X(stat) X(lseek) X(fcntl) X(poll) X(pipe2) X(socketpair) X(fork) X(dup2) X(memfd_create) \
	X(opendir) X(readdir) X(fopen) X(pthread_create) X(posix_spawnp) X(waitpid) X(posix_fadvise) X(mkdtemp) \
	X(flock) X(rmdir) X(fdopendir) X(waitid) X(setenv) X(execvp) X(access) X(faccessat)

enum kind {
#define NUMBER(name) KIND_##name,
	KINDS(NUMBER)
#undef NUMBER
	N_KINDS
};

static const char *const names[] = {
#define NAME(name) #name,
	KINDS(NAME)
#undef NAME
};

static _Atomic uint32_t *table; /* NULL: not our process */
static uint32_t target = N_KINDS, at, how;

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

#define REAL(name) \
	static __typeof__(name) *real; \
	if (!real) \
		real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int
due(enum kind kind)
{
	if (!table || atomic_fetch_add(&table[kind], 1) + 1 != at || kind != target)
		return 0;
	atomic_fetch_add(&table[N_KINDS], 1);
	if (how)
		errno = (int)how;
	return 1;
}

static void __attribute__((constructor)) begin(void)
{
	const char *path = getenv("FAULTS_TABLE"), *tool = getenv("FAULTS_TOOL"), *call = getenv("FAULTS_CALL");
	void *map;
	int fd;

	if (!path || !tool || strcmp(tool, program_invocation_short_name) != 0)
		return;
	for (uint32_t i = 0; call && i < N_KINDS; i++)
		if (strcmp(call, names[i]) == 0)
			target = i;
	if (call) {
		at = (uint32_t)atoi(getenv("FAULTS_AT"));
		how = (uint32_t)atoi(getenv("FAULTS_HOW"));
	}
	fd = open(path, O_RDWR | O_CLOEXEC);
	map = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	close(fd);
	table = map;
}

/* ---- memory */

void *
malloc(size_t n)
{
	return due(KIND_malloc) ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return due(KIND_calloc) ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return due(KIND_realloc) ? NULL : __libc_realloc(p, n);
}

void *
mmap(void *address, size_t n, int protection, int flags, int fd, off_t offset)
{
	REAL(mmap);
	return due(KIND_mmap) ? MAP_FAILED : real(address, n, protection, flags, fd, offset);
}

/* ---- bytes; the shortest transfer is one byte */

#define TRANSFER(name, type, parameters, arguments, short_arguments) \
	ssize_t name parameters \
	{ \
		REAL(name); \
		if (!due(KIND_##name)) \
			return real arguments; \
		return how ? -1 : real short_arguments; \
	}
#define LEAST (n < 1 ? n : 1)

TRANSFER(read, ssize_t, (int fd, void *p, size_t n), (fd, p, n), (fd, p, LEAST))
TRANSFER(pread, ssize_t, (int fd, void *p, size_t n, off_t offset), (fd, p, n, offset), (fd, p, LEAST, offset))
TRANSFER(write, ssize_t, (int fd, const void *p, size_t n), (fd, p, n), (fd, p, LEAST))
TRANSFER(recv, ssize_t, (int fd, void *p, size_t n, int flags), (fd, p, n, flags), (fd, p, LEAST, flags))
TRANSFER(send, ssize_t, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags), (fd, p, LEAST, flags))

/* ---- calls that fail with -1; with how 0 they succeed */

#define CALL(name, parameters, arguments) \
	int name parameters \
	{ \
		REAL(name); \
		return due(KIND_##name) && how ? -1 : real arguments; \
	}

CALL(fsync, (int fd), (fd))
CALL(renameat, (int from, const char *a, int to, const char *b), (from, a, to, b))
CALL(renameat2, (int from, const char *a, int to, const char *b, unsigned flags), (from, a, to, b, flags))
CALL(linkat, (int from, const char *a, int to, const char *b, int flags), (from, a, to, b, flags))
CALL(unlink, (const char *path), (path))
CALL(unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
CALL(mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
CALL(mkostemp, (char *path, int flags), (path, flags))
CALL(fstat, (int fd, struct stat *st), (fd, st))
CALL(fstatat, (int fd, const char *path, struct stat *st, int flags), (fd, path, st, flags))
CALL(stat, (const char *path, struct stat *st), (path, st))
CALL(poll, (struct pollfd *fds, nfds_t n, int ms), (fds, n, ms))
CALL(pipe2, (int fds[2], int flags), (fds, flags))
CALL(socketpair, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds))
CALL(fork, (void), ())
CALL(dup2, (int from, int to), (from, to))
CALL(memfd_create, (const char *name, unsigned flags), (name, flags))
CALL(flock, (int fd, int operation), (fd, operation))
CALL(rmdir, (const char *path), (path))
CALL(setenv, (const char *name, const char *value, int overwrite), (name, value, overwrite))
CALL(execvp, (const char *file, char *const arguments[]), (file, arguments))
CALL(access, (const char *path, int mode), (path, mode))
CALL(faccessat, (int fd, const char *path, int mode, int flags), (fd, path, mode, flags))
CALL(waitid, (idtype_t type, id_t id, siginfo_t *info, int options), (type, id, info, options))
CALL(waitpid, (pid_t pid, int *status, int flags), (pid, status, flags))

/* The descriptor is closed in any case, as Linux does. */
int
close(int fd)
{
	int fault = due(KIND_close) && how, result, cause = errno;
	REAL(close);

	result = real(fd);
	if (!fault)
		return result;
	errno = cause;
	return -1;
}

off_t
lseek(int fd, off_t offset, int whence)
{
	REAL(lseek);
	return due(KIND_lseek) && how ? -1 : real(fd, offset, whence);
}

static mode_t
mode_of(int flags, va_list list)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

int
open(const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;
	REAL(open);

	va_start(list, flags);
	mode = mode_of(flags, list);
	va_end(list);
	return due(KIND_open) && how ? -1 : real(path, flags, mode);
}

int
openat(int fd, const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;
	REAL(openat);

	va_start(list, flags);
	mode = mode_of(flags, list);
	va_end(list);
	return due(KIND_openat) && how ? -1 : real(fd, path, flags, mode);
}

int __openat_2(int fd, const char *path, int flags);

int
__openat_2(int fd, const char *path, int flags)
{
	return openat(fd, path, flags);
}

int
fcntl(int fd, int command, ...)
{
	va_list list;
	void *argument;
	REAL(fcntl);

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	return due(KIND_fcntl) && how ? -1 : real(fd, command, argument);
}

/* ---- what tells of failure in another way */

DIR *
opendir(const char *path)
{
	REAL(opendir);
	return due(KIND_opendir) && how ? NULL : real(path);
}

DIR *
fdopendir(int fd)
{
	REAL(fdopendir);
	return due(KIND_fdopendir) && how ? NULL : real(fd);
}

char *
mkdtemp(char *path)
{
	REAL(mkdtemp);
	return due(KIND_mkdtemp) && how ? NULL : real(path);
}

struct dirent *
readdir(DIR *directory)
{
	REAL(readdir);
	return due(KIND_readdir) && how ? NULL : real(directory);
}

FILE *
fopen(const char *path, const char *mode)
{
	REAL(fopen);
	return due(KIND_fopen) && how ? NULL : real(path, mode);
}

int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
	REAL(pthread_create);
	return due(KIND_pthread_create) && how ? (int)how : real(thread, attributes, start, argument);
}

int
posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
	REAL(posix_spawnp);
	return due(KIND_posix_spawnp) && how ? (int)how : real(pid, file, actions, attributes, arguments, environment);
}

int
posix_fadvise(int fd, off_t offset, off_t n, int advice)
{
	REAL(posix_fadvise);
	return due(KIND_posix_fadvise) && how ? (int)how : real(fd, offset, n, advice);
}
