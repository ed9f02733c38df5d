#include "io/path.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <string.h>

/* Append the segments of a path that does not exist. */
static void
append_missing(struct buffer *out, const char *tail)
{
	while (*tail) {
		size_t n = strcspn(tail, "/");

		if (n == 2 && memcmp(tail, "..", 2) == 0) {
			const char *slash = out->n ? memrchr(out->p, '/', out->n) : NULL;

			out->n = slash ? (size_t)(slash - out->p) : 0;
		} else if (n > 1 || (n == 1 && *tail != '.')) {
			buffer_add_byte(out, '/');
			buffer_add(out, tail, n);
		}
		tail += n + (tail[n] == '/');
	}
}

/* The longest beginning of head that exists, resolved; *tail is the rest. Cuts head. Gives, or
 * NULL. */
static char *
resolve_beginning(char *head, const char *path, const char **tail)
{
	char *found, *slash;

	*tail = "";
	while (!(found = realpath(*head ? head : ".", NULL)) && *head) {
		for (size_t n = strlen(head); n > 1 && head[n - 1] == '/'; n--)
			head[n - 1] = '\0';
		slash = strrchr(head, '/');
		*tail = path + (slash ? slash + 1 - head : 0);
		if (slash == head && head[1])
			head[1] = '\0';
		else
			*(slash ? slash : head) = '\0';
	}
	return found;
}

char *
path_resolve(const char *path)
{
	char *head = memory_copy_string(path), *found;
	struct buffer out = {0};
	const char *tail;

	found = resolve_beginning(head, path, &tail);
	if (found && strcmp(found, "/") != 0)
		buffer_add_string(&out, found);
	append_missing(&out, tail);
	if (!out.n)
		buffer_add_byte(&out, '/');
	free(found);
	free(head);
	return buffer_give(&out);
}

bool
path_is_inside(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	if (strcmp(directory, "/") == 0)
		return true;
	return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}
