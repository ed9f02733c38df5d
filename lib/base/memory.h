/* memory - allocation that succeeds or ends the command, and how much there is to use.
 *
 * None of the allocators returns NULL: when the system refuses, the command says so, removes its
 * temporary files and ends with status 3 (see command_die). All are thread safe. */
#ifndef ACC_BASE_MEMORY_H
#define ACC_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

void *memory_get(size_t bytes);                           /* gives memory to free(3) */
void *memory_get_zeroed(size_t count, size_t bytes);      /* gives count * bytes to free(3) */
void *memory_resize(void *p, size_t count, size_t bytes); /* takes p, gives count * bytes */

/* The same for what may be much and will all be used: its pages are had at once, as a fault for each of them can cost
 * more than what is done with it (in some virtual machines ten times). Gives memory to memory_free_bulk. */
void *memory_get_bulk(size_t bytes);
void memory_free_bulk(void *p, size_t bytes); /* bytes as it was got with; p may be NULL */

char *memory_copy_string(const char *s);        /* gives a string to free(3) */
char *memory_copy(const void *p, size_t bytes); /* gives the bytes and a NUL, to free(3) */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2))); /* gives, to free(3) */

/* Bytes this process may use: the least of physical memory, the control group's limit (v2
 * memory.max of this group and its parents, v1 memory.limit_in_bytes) and RLIMIT_AS/RLIMIT_DATA. */
uint64_t memory_limit(void);

/* The control group's part of it: groups is written as /proc/self/cgroup, mount laid out as
 * /sys/fs/cgroup. UINT64_MAX when there is no limit. */
uint64_t memory_group_limit(const char *groups, const char *mount);

#endif
