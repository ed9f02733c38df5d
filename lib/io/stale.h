/* stale - what killed processes left in a temporary directory, and the proof that nobody needs it any more.
 *
 * Who makes a directory for several processes there holds a flock(2) on it as long as it lives, and so do the processes
 * that inherit the descriptor: the system drops the lock with the last of them, however they end. What has no lock is
 * nobody's. One thread. */
#ifndef ACC_IO_STALE_H
#define ACC_IO_STALE_H

#include <stdbool.h>
#include <stddef.h>

/* Lock the directory that was just made by mkdtemp(3) or mktemp(1) and is open as fd. False: somebody removed it in the
 * moment before, make another one. Where the file system knows no locks it is true: there nothing is ever taken for
 * stale. */
bool stale_claim(int fd);

/* Remove the directories in directory that are named prefix and six letters or digits, belong to this user with mode
 * 700, hold a file named mark, which is the first that is made there, and are locked by nobody; an empty one when it is
 * some seconds old, as it may be about to be locked. What only has such a name is somebody else's.
 * Symbolic links are not followed, and what cannot be removed is left without a word. Returns how many were removed. */
size_t stale_remove(const char *directory, const char *prefix, const char *mark);

#endif
