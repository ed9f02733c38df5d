/* Manifest lines: what is taken comes back the same when it is written and read again. */
#include "io/manifest.h"

#include "fuzz.h"

static bool
same(const struct manifest_line *a, const struct manifest_line *b)
{
	return strcmp(a->path, b->path) == 0 && strcmp(a->sha256, b->sha256) == 0 &&
	       a->shard == b->shard && a->records == b->records;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice text = {(const char *)data, n};
	struct manifest_line line, again;
	struct buffer out = {0}, twice = {0};
	struct error error = {0};

	if (manifest_parse(text, &line, &error) < 0) {
		require(error.status == STATUS_REFUSED && error.code && error.text[0]);
		return 0;
	}
	require(line.path[0] != '\0');
	manifest_format(&out, &line);
	require(manifest_parse(buffer_slice(&out), &again, &error) == 0);
	require(line.bare || same(&line, &again));
	manifest_format(&twice, &again);
	manifest_line_free(&again);
	require(line.bare || manifest_parse(buffer_slice(&twice), &again, &error) == 0);
	if (!line.bare)
		manifest_line_free(&again);
	manifest_line_free(&line);
	buffer_free(&out);
	buffer_free(&twice);
	return 0;
}
