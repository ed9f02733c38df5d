#include "io/feedback.h"

#include "base/arena.h"
#include "base/memory.h"
#include "io/lines.h"
#include "io/path.h"
#include "io/uri.h"
#include "json/text.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <unistd.h>

enum reach { REACH_ONE, REACH_BELOW, REACH_GLOB };

struct feedback_source {
	char *given;
	char *pattern; /* a resolved local path, or the address; of REACH_BELOW what must begin */
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
set_glob(struct feedback_source *s, const char *uri, size_t wildcard)
{
	char *head, *resolved;

	s->reach = strstr(uri + wildcard, "**") ? REACH_BELOW : REACH_GLOB;
	s->local = uri_is_local(uri);
	if (!s->local) {
		s->pattern = s->reach == REACH_BELOW ? memory_copy(uri, wildcard) : memory_copy_string(uri);
		return;
	}
	while (wildcard > 0 && uri[wildcard - 1] != '/')
		wildcard--;
	head = wildcard ? memory_copy(uri, wildcard) : memory_copy_string(".");
	resolved = canonical(head, &s->local);
	s->pattern = memory_format(
		"%s/%s", strcmp(resolved, "/") == 0 ? "" : resolved, s->reach == REACH_BELOW ? "" : uri + wildcard);
	free(resolved);
	free(head);
}

void
feedback_add(struct feedback *f, const char *source)
{
	struct feedback_source s = {.given = memory_copy_string(source)};
	size_t wildcard = strcspn(source, "*?[");
	size_t scheme = uri_scheme(source).n;

	if (source[wildcard]) {
		set_glob(&s, source, wildcard);
	} else {
		s.pattern = canonical(source, &s.local);
		if (s.local || ends_with_slash(source))
			s.reach = REACH_BELOW;
		else if (!strchr(source + scheme + 3, '/')) { /* a whole bucket */
			char *slashed = memory_format("%s/", s.pattern);

			free(s.pattern);
			s.pattern = slashed;
			s.reach = REACH_BELOW;
		}
	}
	f->sources = memory_resize(f->sources, f->n + 1, sizeof(*f->sources));
	f->sources[f->n++] = s;
}

static bool
reaches(const struct feedback_source *s, const char *address)
{
	switch (s->reach) {
	case REACH_ONE: return strcmp(address, s->pattern) == 0;
	case REACH_GLOB: return fnmatch(s->pattern, address, FNM_PATHNAME) == 0;
	case REACH_BELOW: break;
	}
	if (s->local && !ends_with_slash(s->pattern))
		return path_is_inside(address, s->pattern);
	return strncmp(address, s->pattern, strlen(s->pattern)) == 0;
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
	struct slice value, event, uri;
	struct error unused;
	char *source;

	if (!memmem(line.p, line.n, "\"source\"", 8) || json_parse(line, "the journal", &value, &unused) < 0 ||
		json_kind(value) != JSON_OBJECT)
		return;
	event = json_member(value, SLICE("event"));
	uri = json_member(value, SLICE("uri"));
	if (event.p && json_kind(event) == JSON_STRING && json_string_is(event, SLICE("source")) && uri.p &&
		json_kind(uri) == JSON_STRING) {
		uri = json_decode(uri, &arena);
		source = memory_copy(uri.p, uri.n);
		feedback_add(f, source);
		free(source);
	}
	arena_free(&arena);
}

int
feedback_read(struct feedback *f, const char *path, struct error *error)
{
	struct lines lines;
	struct slice run, line;
	int fd, got;

	feedback_free(f);
	if (!path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_system(error, "cannot read the journal '%s'", path);
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
		free(f->sources[i].pattern);
	}
	free(f->sources);
	*f = (struct feedback){0};
}
