#include "io/content.h"

#include "base/memory.h"
#include "io/input.h"
#include "io/uri.h"

#define SCHEMES_MAX 8

static struct {
	const char *scheme;
	content_opener *opener;
} registered[SCHEMES_MAX];
static size_t n_registered;

void
content_register(const char *scheme, content_opener *opener)
{
	if (n_registered == SCHEMES_MAX)
		abort();
	registered[n_registered].scheme = scheme;
	registered[n_registered++].opener = opener;
}

static int
read_local(const char *uri, struct buffer *out, struct error *error)
{
	struct input *input = input_open(uri, error);
	size_t before = out->n;
	ssize_t got;

	if (!input) {
		if (error->status == STATUS_REFUSED)
			error->status = STATUS_USAGE;
		return -1;
	}
	do {
		buffer_reserve(out, 64u << 10);
		got = input_read(input, out->p + out->n, 64u << 10, error);
		out->n += got > 0 ? (size_t)got : 0;
	} while (got > 0 && out->n - before <= CONTENT_MAX);
	input_close(input);
	if (got < 0)
		error->status = strcmp(error->code, "io") == 0 ? STATUS_FAILED : STATUS_USAGE;
	else if (got > 0)
		return error_set(error, STATUS_USAGE, "too-long", "cannot read '%s': longer than %u MiB", uri,
			CONTENT_MAX >> 20);
	return got < 0 ? -1 : 0;
}

int
content_read(const char *uri, struct buffer *out, struct error *error)
{
	struct slice scheme = uri_scheme(uri);

	if (uri_is_local(uri))
		return read_local(uri, out, error);
	for (size_t i = 0; i < n_registered; i++)
		if (slice_equal(scheme, slice_of(registered[i].scheme)))
			return registered[i].opener(uri, out, error);
	return error_set(error, STATUS_USAGE, "bad-uri", "cannot open '%s': %.*s:// is not read here; name a file", uri,
		(int)scheme.n, scheme.p);
}
