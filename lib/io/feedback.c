#include "io/feedback.h"

#include "base/arena.h"
#include "base/memory.h"
#include "io/glob.h"
#include "io/lines.h"
#include "io/path.h"
#include "io/uri.h"
#include "json/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum reach { REACH_ONE, REACH_BELOW, REACH_GLOB };

struct feedback_source {
	char *given;
	char *address; /* a resolved local path, or the address; of REACH_BELOW and REACH_GLOB what must begin */
	char *pattern; /* of REACH_GLOB what must match behind that */
	enum reach reach;
	bool local;
};

/* An absolute path without links for what is local, else the address as it is. Gives. */
static char *
canonical(const char *uri, bool *local)
{
	struct error unused;
	char *path, *resolved;

	*local = uri_is_local(uri);
	if (!*local)
		return memory_copy_string(uri);
	path = uri_local_path(uri, &unused);
	if (!path)
		return memory_copy_string(uri);
	resolved = path_resolve(path);
	free(path);
	return resolved;
}

static bool
ends_with_slash(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && s[n - 1] == '/';
}

/* The directory before the first wildcard is resolved, what follows stands. */
static void
set_glob(struct feedback_source *s, const char *source)
{
	size_t fixed = glob_fixed_prefix(source);
	char *head = memory_copy(source, fixed), *resolved;

	s->reach = REACH_GLOB;
	s->pattern = memory_format("%s%s", source + fixed, ends_with_slash(source) ? "**" : "");
	if (!s->local) {
		s->address = head;
		return;
	}
	resolved = path_resolve(*head ? head : ".");
	s->address = memory_format("%s%s", resolved, ends_with_slash(resolved) ? "" : "/");
	free(resolved);
	free(head);
}

static void
set_literal(struct feedback_source *s, const char *source)
{
	bool whole_bucket = !s->local && !strchr(source + uri_scheme(source).n + 3, '/');

	if (s->local || whole_bucket || ends_with_slash(source))
		s->reach = REACH_BELOW;
	s->address = s->local ? path_resolve(source) : memory_format("%s%s", source, whole_bucket ? "/" : "");
}

void
feedback_add(struct feedback *f, const char *source, bool literal)
{
	struct feedback_source s = {.given = memory_copy_string(source), .local = uri_is_local(source)};
	struct error unused;
	char *path = s.local ? uri_local_path(source, &unused) : NULL;
	const char *name = path ? path : source;

	if (!literal && glob_is_pattern(name))
		set_glob(&s, name);
	else
		set_literal(&s, name);
	free(path);
	f->sources = memory_resize(f->sources, f->n + 1, sizeof(*f->sources));
	f->sources[f->n++] = s;
}

/* A compiled pattern serves one thread at a time, so each check has its own. */
static bool
matches(const char *pattern, const char *text)
{
	struct glob *glob = glob_compile(pattern);
	bool is = glob_matches(glob, slice_of(text));

	glob_free(glob);
	return is;
}

static bool
reaches(const struct feedback_source *s, const char *address)
{
	size_t n = strlen(s->address);

	if (s->reach == REACH_ONE)
		return strcmp(address, s->address) == 0;
	if (s->reach == REACH_BELOW && s->local)
		return path_is_inside(address, s->address);
	return strncmp(address, s->address, n) == 0 && (s->reach == REACH_BELOW || matches(s->pattern, address + n));
}

const char *
feedback_find(const struct feedback *f, const char *uri)
{
	const char *found = NULL;
	bool local;
	char *address;

	if (!f->n)
		return NULL;
	address = canonical(uri, &local);
	for (size_t i = 0; i < f->n && !found; i++)
		if (f->sources[i].local == local && reaches(&f->sources[i], address))
			found = f->sources[i].given;
	free(address);
	return found;
}

static void
read_line(struct feedback *f, struct slice line)
{
	struct arena arena = {0};
	struct slice value, uri;
	struct error unused;

	if (!memmem(line.p, line.n, "\"source\"", 8) || json_parse(line, "the journal", &value, &unused) < 0)
		return;
	uri = json_member_text(value, "uri", &arena);
	if (slice_equal(json_member_text(value, "event", &arena), SLICE("source")) && uri.n)
		feedback_add(f, uri.p, json_member_of(value, "literal", JSON_TRUE).p != NULL);
	arena_free(&arena);
}

int
feedback_read(struct feedback *f, const char *path, struct error *error)
{
	struct lines lines;
	struct slice run, line;
	struct stat st;
	int fd, got;

	feedback_free(f);
	if (!path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_system(error, "cannot read the journal '%s'", path);
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		close(fd); /* a pipe or terminal, which others read, and which has no end */
		return 0;
	}
	lines_open(&lines, fd, path);
	while ((got = lines_next(&lines, &run, error)) > 0)
		while (lines_cut(&run, &line))
			read_line(f, line);
	lines_close(&lines);
	close(fd);
	return got;
}

void
feedback_free(struct feedback *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->sources[i].given);
		free(f->sources[i].address);
		free(f->sources[i].pattern);
	}
	free(f->sources);
	*f = (struct feedback){0};
}
