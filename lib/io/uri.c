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

/* Decode in place; false when an escape is broken or gives NUL. */
static bool
percent_decode(char *s)
{
	struct slice text = slice_of(s);
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		int byte = percent_byte(text, i);

		if (byte == 0 || (byte < 0 && text.p[i] == '%'))
			return false;
		if (byte > 0)
			i += 2;
		s[n++] = byte > 0 ? (char)byte : text.p[i];
	}
	s[n] = '\0';
	return true;
}

char *
uri_local_path(const char *uri, struct error *error)
{
	const char *rest;
	char *path;

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
	path = memory_copy_string(rest);
	if (!percent_decode(path)) {
		error_set(error, STATUS_REFUSED, "bad-uri",
			"cannot open '%s': '%%' needs two hexadecimal digits, not 00 (write '%%25' for "
			"'%%')",
			uri);
		free(path);
		return NULL;
	}
	return path;
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
