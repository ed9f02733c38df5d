/* What names objects: references, URIs, patterns, dates in paths, and the sources that a journal tells of. The first
 * byte chooses; a NUL ends the first of two texts. */
#include "base/memory.h"
#include "base/utf8.h"
#include "io/feedback.h"
#include "io/glob.h"
#include "io/period.h"
#include "io/reference.h"
#include "io/uri.h"

#include "fuzz.h"

#include <fnmatch.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- references */

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* What is taken comes back the same when it is printed and parsed again. */
static void
try_reference(struct slice line)
{
	struct reference r = {.uri = NULL}, again = {.uri = NULL};
	struct reference_list list = {.items = NULL};
	struct error error = {.code = NULL};
	struct buffer text = {0};

	if (line.n == 0) /* nobody asks */
		return;
	if (reference_parse(line, &r, &error) < 0) {
		require(error.status == STATUS_REFUSED && error.code && error.text[0]);
		return;
	}
	require(r.uri && r.uri[0]);
	reference_print(&text, &r);
	require(reference_parse(buffer_slice(&text), &again, &error) == 0);
	if (utf8_valid_prefix(slice_of(r.uri)) != strlen(r.uri)) { /* a bare name that JSON cannot hold */
		reference_free(&again);
		reference_free(&r);
		buffer_free(&text);
		return;
	}
	require(same_text(r.uri, again.uri) && same_text(r.version_id, again.version_id));
	require(same_text(r.etag, again.etag) && same_text(r.sequencer, again.sequencer));
	require(same_text(r.message_ids, again.message_ids) && r.has_size == again.has_size && r.size == again.size);
	reference_list_add(&list, &r);
	reference_list_add(&list, &again);
	require(list.n == 1);
	text.n = 0;
	reference_print(&text, &list.items[0]);
	reference_list_free(&list);
	buffer_free(&text);
}

static void
try_sequencers(const char *a, const char *b)
{
	int order = sequencer_compare(a, b), reverse = sequencer_compare(b, a);

	require((order > 0) == (reverse < 0) && (order == 0) == (reverse == 0));
	require(sequencer_compare(a, a) == 0);
}

/* ---- URIs */

static void
try_uri(const char *text)
{
	struct error error = {.code = NULL};
	struct buffer uri = {0};
	struct slice scheme = uri_scheme(text);
	char *path, *again;

	require(scheme.n < strlen(text) || (scheme.n == 0 && !*text));
	if (!uri_is_local(text))
		return;
	path = uri_local_path(text, &error);
	if (!path) {
		require(error.status == STATUS_REFUSED && error.text[0]);
		return;
	}
	if (path[0] == '/') {
		uri_add_file(&uri, path);
		again = uri_local_path(buffer_string(&uri), &error);
		require(again && strcmp(again, path) == 0);
		free(again);
	}
	free(path);
	buffer_free(&uri);
}

/* ---- patterns */

static bool
is_plain_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* Without sets, escapes and `**` a pattern means what it means to the shell. */
static void
try_glob(const char *pattern, struct slice text)
{
	struct glob *glob = glob_compile(pattern);
	bool matches = glob_matches(glob, text);
	char *copy = memory_copy(text.p, text.n);

	require(glob_fixed_prefix(pattern) <= strlen(pattern));
	for (size_t n = 0; matches && n <= text.n; n++)
		require(glob_may_match_below(glob, (struct slice){text.p, n}));
	if (!strpbrk(pattern, "[\\") && !strstr(pattern, "**") && is_plain_ascii(pattern) && is_plain_ascii(copy) &&
		strlen(copy) == text.n)
		require(matches == (fnmatch(pattern, copy, FNM_PATHNAME) == 0));
	glob_free(glob);
	free(copy);
}

/* ---- dates */

static void
try_period(const char *text, struct slice path)
{
	struct period since = {INSTANT_MISSING, INSTANT_MISSING}, until = since;
	struct error error = {.code = NULL};

	require(period_of_path(&since, path) != PERIOD_OUTSIDE);
	if (period_set_since(&since, text, &error) < 0) {
		require(error.status == STATUS_USAGE && error.text[0]);
		require(period_set_until(&until, text, &error) < 0);
		return;
	}
	require(period_set_until(&until, text, &error) == 0);
	require((period_of_path(&since, path) == PERIOD_UNDATED) == (period_of_path(&until, path) == PERIOD_UNDATED));
	/* what was told of a time is before it, after it, or both */
	require(period_of_path(&since, path) != PERIOD_OUTSIDE || period_of_path(&until, path) != PERIOD_OUTSIDE);
}

/* ---- the journal's sources */

static void
try_feedback(struct slice journal, const char *uri)
{
	struct feedback f = {0};
	struct error error = {.code = NULL};
	char path[64];
	int fd = memfd_create("journal", 0);

	require(fd >= 0 && write(fd, journal.p, journal.n) == (ssize_t)journal.n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (feedback_read(&f, path, &error) < 0)
		require(error.text[0]);
	feedback_find(&f, uri);
	feedback_free(&f);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *first;
	struct slice whole, second;

	if (n == 0)
		return 0;
	whole = (struct slice){(const char *)data + 1, n - 1};
	first = memory_copy(whole.p, whole.n);
	second = (struct slice){first + strlen(first), 0};
	if (strlen(first) < whole.n)
		second = (struct slice){second.p + 1, whole.n - strlen(first) - 1};
	switch (data[0] % 6) {
	case 0:
		try_reference(whole);
		break;
	case 1:
		try_sequencers(first, second.p);
		break;
	case 2:
		try_uri(first);
		break;
	case 3:
		try_glob(first, second);
		break;
	case 4:
		try_period(first, second);
		break;
	default:
		try_feedback(whole, "s3://bucket/in/key");
	}
	free(first);
	return 0;
}
