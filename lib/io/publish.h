/* publish - a file that appears under its final name complete or not at all.
 *
 *     struct publication p;
 *     if (publish_open(&p, directory_fd, "out", &error) < 0) ...
 *     write to p.fd
 *     while ((linked = publish_link(&p, name, &error)) == 0)
 *             name = another one
 *
 * The file is written in the directory it will appear in: without any name where the file system
 * can do that (O_TMPFILE), so that not even SIGKILL leaves it behind; else as
 * .acc-XXXXXXXXXXXXXXXX.tmp, which cleanup.h removes. What takes the place of another file has such a name
 * for the moment in between. Publications share nothing; each is used by
 * one thread at a time. */
#ifndef ACC_IO_PUBLISH_H
#define ACC_IO_PUBLISH_H

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>

struct publication {
	int fd;                  /* open for reading and writing; owned, -1 once published or abandoned */
	int directory_fd;        /* borrowed */
	const char *directory;   /* its name for messages and cleanup; borrowed */
	char *temporary;         /* name in directory, NULL when nameless; owned */
	int lock_fd;             /* keeps the lock on what has a temporary name; owned, -1 for none */
	struct cleanup *cleanup; /* of temporary */
};

/* Make a directory and its missing parents (mode 777 less the umask), and open it; with synced a power cut
 * does not take away what was made. Gives a descriptor to close(2), or -1. */
int publish_directory(const char *path, bool synced, struct error *error);
/* The same, synced, below directory_fd for a relative path, without following symbolic links: what somebody
 * planted there leads nowhere. Empty path: directory_fd duplicated. */
int publish_directory_at(int directory_fd, const char *path, struct error *error);

int publish_open(struct publication *p, int directory_fd, const char *directory, struct error *error);

/* Onto the disk: for what must survive a power cut, before publish_link. */
int publish_sync(struct publication *p, struct error *error);

/* 1: the file has this name and is closed. 0: the name is taken, nothing was changed, try another.
 * -1: *error; publish_abandon is still due. */
int publish_link(struct publication *p, const char *name, struct error *error);
/* As publish_link, but takes the place of what has the name; never 0. */
int publish_replace(struct publication *p, const char *name, struct error *error);

/* The names in a directory onto the disk, for what must survive a power cut; -1 with errno. Nothing where the file
 * system cannot do it for a directory. */
int publish_sync_names(int directory_fd);

/* Remove the temporary files that killed processes have left in a directory: those of this user that nobody has locked
 * (see stale.h) and nobody has written to for an hour. */
void publish_sweep(int directory_fd);
/* Is it the name of such a file? */
bool publish_is_temporary(const char *name);

void publish_abandon(struct publication *p); /* removes what there is; fine after publish_link */

#endif
