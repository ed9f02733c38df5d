/* path - where a path leads, although all of it need not exist yet. */
#ifndef ACC_IO_PATH_H
#define ACC_IO_PATH_H

#include <stdbool.h>

/* The absolute path without symbolic links, `.`, `..` and doubled slashes; what does not exist
 * (yet) is appended as it would be made. Gives a string to free(3). */
char *path_resolve(const char *path);

/* Whether a resolved path is a resolved directory or lies inside it. */
bool path_is_inside(const char *path, const char *directory);

#endif
