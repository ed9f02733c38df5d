#include "io/uri.h"

#include "base/memory.h"
#include "base/percent.h"

#include <ctype.h>
#include <string.h>

struct slice
uri_scheme(const char *uri)
{
	size_t n = 0;

	if (!isalpha((unsigned char)uri[0]))
		return (struct slice){uri, 0};
	while (isalnum((unsigned char)uri[n]) || (uri[n] && strchr("+-.", uri[n])))
		n++;
	return (struct slice){uri, strncmp(uri + n, "://", 3) == 0 ? n : 0};
}

static bool
is_file_uri(const char *uri)
{
	struct slice scheme = uri_scheme(uri);

	return scheme.n == 4 && strncasecmp(scheme.p, "file", 4) == 0;
}

bool
uri_is_local(const char *uri)
{
	return uri_scheme(uri).n == 0 || is_file_uri(uri);
}

/* What was encoded gets a backslash before it where that makes a wildcard stand for itself. false when an escape is
 * broken or gives NUL. */
static bool
percent_decode(const char *s, bool to_pattern, struct buffer *out)
{
	struct slice text = slice_of(s);

	for (size_t i = 0; i < text.n; i++) {
		int byte = percent_byte(text, i);

		if (byte == 0 || (byte < 0 && text.p[i] == '%'))
			return false;
		if (byte > 0 && to_pattern && strchr("*?[\\", byte))
			buffer_add_byte(out, '\\');
		buffer_add_byte(out, byte > 0 ? (char)byte : text.p[i]);
		i += byte > 0 ? 2 : 0;
	}
	return true;
}

static char *
local_path(const char *uri, bool to_pattern, struct error *error)
{
	const char *rest;
	struct buffer path = {0};

	if (!is_file_uri(uri))
		return memory_copy_string(uri);
	rest = uri + strlen("file://");
	if (strncasecmp(rest, "localhost/", 10) == 0)
		rest += strlen("localhost");
	if (*rest != '/') {
		error_set(error, STATUS_REFUSED, "bad-uri",
			"cannot open '%s': a file URI has three slashes and an absolute path", uri);
		return NULL;
	}
	if (!percent_decode(rest, to_pattern, &path)) {
		error_set(error, STATUS_REFUSED, "bad-uri",
			"cannot open '%s': '%%' needs two hexadecimal digits, other than 00 (write '%%25' for '%%')",
			uri);
		buffer_free(&path);
		return NULL;
	}
	return buffer_give(&path);
}

char *
uri_local_path(const char *uri, struct error *error)
{
	return local_path(uri, false, error);
}

char *
uri_local_pattern(const char *uri, struct error *error)
{
	return local_path(uri, true, error);
}

void
uri_add_file(struct buffer *out, const char *absolute_path)
{
	buffer_add_string(out, "file://");
	for (const char *c = absolute_path; *c; c++)
		if (isalnum((unsigned char)*c) || strchr("/-._~!$&'()+,;=:@", *c))
			buffer_add_byte(out, *c);
		else
			buffer_format(out, "%%%02X", (unsigned char)*c);
}
