/* The scheme of local files: a file, a directory with all below it, or a glob. */
#include "base/memory.h"
#include "base/utf8.h"
#include "io/file.h"
#include "io/object.h"
#include "io/publish.h"
#include "io/uri.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define DEPTH_MAX 256 /* directories within directories, each of which is open while it is read */

struct walk {
	const struct selection *selection;
	object_found *found;
	void *context;
	struct glob *glob; /* the path must match; NULL: all below */
	size_t base;       /* bytes of path that come before the names which --include matches */
	bool as_uri;       /* the source was file:///: so are the references */
	bool stopped;
	struct buffer path; /* of the directory being read, with its '/', or of one entry */
	struct ancestor {
		dev_t device;
		ino_t inode;
	} ancestors[DEPTH_MAX];
	size_t depth;
};

/* The path as it is; where it is not UTF-8, which no JSON can hold, as an address. */
static void
add_name(struct buffer *out, struct slice path)
{
	char *directory = NULL, *absolute;

	if (utf8_valid_prefix(path) == path.n || (path.p[0] != '/' && !(directory = getcwd(NULL, 0)))) {
		buffer_add_slice(out, path);
		return;
	}
	absolute = memory_format("%s%s%.*s", directory ? directory : "", directory ? "/" : "", (int)path.n, path.p);
	uri_add_file(out, absolute);
	free(absolute);
	free(directory);
}

static void
emit(struct walk *w, const struct stat *st, const struct error *problem)
{
	struct reference r = {0};
	struct buffer uri = {0};

	if (w->as_uri)
		uri_add_file(&uri, buffer_string(&w->path));
	else
		add_name(&uri, buffer_slice(&w->path));
	r.uri = buffer_give(&uri);
	if (st && S_ISREG(st->st_mode)) {
		r.size = (uint64_t)st->st_size;
		r.has_size = true;
		reference_set_time(&r, file_time(st));
	}
	if (!w->found(w->context, &r, problem))
		w->stopped = true;
}

static void
emit_problem(struct walk *w)
{
	struct error problem;

	file_error(buffer_string(&w->path), &problem);
	emit(w, NULL, &problem);
}

static void
consider_file(struct walk *w, const struct stat *st)
{
	struct slice path = buffer_slice(&w->path);
	struct slice below = {path.p + w->base, path.n - w->base};

	if (w->glob && !glob_matches(w->glob, path))
		return;
	if (selection_admits(w->selection, below, path, file_time(st)))
		emit(w, st, NULL);
}

struct entry {
	char *name;
	bool is_directory; /* then name ends in '/', so that the order is that of whole paths */
	struct stat st;
	int fault; /* errno of stat(2), or 0 */
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* The entries of a directory that are files or directories; errno is not 0 when reading it failed. */
static struct entry *
read_entries(int fd, DIR *directory, size_t *n)
{
	struct entry *entries = NULL;
	size_t capacity = 0;
	struct dirent *d;

	*n = 0;
	while (errno = 0, (d = readdir(directory))) {
		struct entry e = {0};

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || publish_is_temporary(d->d_name))
			continue;
		if (fstatat(fd, d->d_name, &e.st, 0) < 0)
			e.fault = errno;
		e.is_directory = !e.fault && S_ISDIR(e.st.st_mode);
		if (!e.fault && !e.is_directory && !S_ISREG(e.st.st_mode))
			continue;
		e.name = memory_format("%s%s", d->d_name, e.is_directory ? "/" : "");
		if (*n == capacity) {
			capacity = capacity ? capacity * 2 : 32;
			entries = memory_resize(entries, capacity, sizeof(*entries));
		}
		entries[(*n)++] = e;
	}
	return entries;
}

static void walk_directory(struct walk *w);

static void
walk_entry(struct walk *w, const struct entry *e)
{
	size_t before = w->path.n;

	buffer_add_string(&w->path, e->name);
	if (e->fault) {
		errno = e->fault;
		if (!w->glob || glob_matches(w->glob, buffer_slice(&w->path)))
			emit_problem(w);
	} else if (!e->is_directory)
		consider_file(w, &e->st);
	else if ((!w->glob || glob_may_match_below(w->glob, buffer_slice(&w->path))) &&
		selection_may_hold(w->selection, buffer_slice(&w->path)))
		walk_directory(w);
	w->path.n = before;
}

/* A symbolic link may lead back to a directory that is being read. */
static bool
enter(struct walk *w, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < w->depth; i++)
		if (w->ancestors[i].device == st.st_dev && w->ancestors[i].inode == st.st_ino) {
			errno = ELOOP;
			return false;
		}
	if (w->depth == DEPTH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	w->ancestors[w->depth++] = (struct ancestor){st.st_dev, st.st_ino};
	return true;
}

/* path ends in '/', or is empty for the working directory. */
static void
walk_directory(struct walk *w)
{
	const char *path = w->path.n > 0 ? buffer_string(&w->path) : ".";
	DIR *directory = opendir(path);
	struct entry *entries;
	size_t n;

	if (!directory || !enter(w, dirfd(directory))) {
		emit_problem(w);
		if (directory)
			closedir(directory);
		return;
	}
	entries = read_entries(dirfd(directory), directory, &n);
	if (errno)
		emit_problem(w);
	closedir(directory);
	if (entries)
		qsort(entries, n, sizeof(*entries), by_name);
	for (size_t i = 0; entries && i < n; i++) {
		if (!w->stopped)
			walk_entry(w, &entries[i]);
		free(entries[i].name);
	}
	free(entries);
	w->depth--;
}

static size_t
directory_part(struct slice path)
{
	while (path.n > 0 && path.p[path.n - 1] != '/')
		path.n--;
	return path.n;
}

/* pattern: the same path with wildcards, or NULL. */
static void
walk_path(struct walk *w, const char *path, const char *pattern)
{
	struct stat st;
	int fault = stat(path, &st) < 0 ? errno : 0;

	if (!fault && S_ISDIR(st.st_mode)) {
		buffer_add_string(&w->path, path);
		if (path[strlen(path) - 1] != '/')
			buffer_add_byte(&w->path, '/');
		w->base = w->path.n;
		if (selection_may_hold(w->selection, buffer_slice(&w->path)))
			walk_directory(w);
	} else if (fault == ENOENT && pattern) {
		/* what ends in '/' stands for all below */
		char *all_below = memory_format("%s%s", pattern, path[strlen(path) - 1] == '/' ? "**" : "");

		w->glob = glob_compile(all_below);
		free(all_below);
		buffer_add(&w->path, pattern, glob_fixed_prefix(pattern));
		w->base = w->path.n;
		if (access(w->path.n ? buffer_string(&w->path) : ".", F_OK) == 0)
			walk_directory(w);
		glob_free(w->glob);
	} else {
		buffer_add_string(&w->path, path);
		w->base = directory_part(buffer_slice(&w->path));
		errno = fault;
		if (fault)
			emit_problem(w);
		else
			consider_file(w, &st);
	}
}

static int
file_list(
	const char *source, const struct selection *selection, object_found *found, void *context, struct error *error)
{
	struct walk *w;
	char *path = uri_local_path(source, error), *pattern;
	int listed = 0;

	if (!path)
		return -1;
	pattern = !selection->raw && glob_is_pattern(source) ? uri_local_pattern(source, error) : NULL;
	w = memory_get_zeroed(1, sizeof(*w));
	w->selection = selection;
	w->found = found;
	w->context = context;
	w->as_uri = uri_scheme(source).n > 0;
	if (path[0])
		walk_path(w, path, pattern);
	else
		listed = error_set(error, STATUS_REFUSED, "bad-uri", "an empty file name");
	buffer_free(&w->path);
	free(w);
	free(pattern);
	free(path);
	return listed;
}

static struct stream *
file_scheme_open(const struct reference *r, size_t memory, struct object_facts *facts, struct error *error)
{
	struct stat st;
	int fd;

	(void)memory;
	fd = file_open(r->uri, &st, error);
	if (fd < 0)
		return NULL;
	facts->time = file_time(&st);
	facts->size = (uint64_t)st.st_size;
	facts->has_size = S_ISREG(st.st_mode);
	return stream_of_descriptor(fd, r->uri);
}

const struct object_scheme object_scheme_file = {
	.name = "file",
	.list = file_list,
	.open = file_scheme_open,
};
