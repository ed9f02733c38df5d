#include "io/store.h"

#include "io/uri.h"

#include <stdlib.h>

#define CLASSES_MAX 8

static const struct store_class *classes[CLASSES_MAX] = {&store_directory};
static int n_classes = 1;

void
store_register(const struct store_class *class)
{
	if (n_classes == CLASSES_MAX)
		abort();
	classes[n_classes++] = class;
}

/* Most often a slash is missing; what it names would be a directory below this one. */
static bool
lacks_slashes(const char *destination, const struct store_class *class)
{
	size_t n = strlen(class->scheme);

	return strncmp(destination, class->scheme, n) == 0 && destination[n] == ':';
}

struct store *
store_open(const char *destination, const struct store_options *options, struct error *error)
{
	struct slice scheme = uri_scheme(destination);

	if (strcmp(destination, "-") == 0 || !*destination) {
		error_set(error, STATUS_USAGE, "usage", "'%s' is no destination", destination);
		return NULL;
	}
	for (int i = 0; i < n_classes && !scheme.n; i++)
		if (lacks_slashes(destination, classes[i])) {
			error_set(error, STATUS_USAGE, "usage",
				"cannot store to '%s': an address begins with '%s://', a path of that name with './'",
				destination, classes[i]->scheme);
			return NULL;
		}
	if (!scheme.n)
		scheme = slice_of("file");
	for (int i = 0; i < n_classes; i++)
		if (slice_equal(scheme, slice_of(classes[i]->scheme)))
			return classes[i]->open(destination, options, error);
	error_set(error, STATUS_USAGE, "usage", "cannot store to '%s': '%.*s://' is not known", destination,
		(int)scheme.n, scheme.p);
	return NULL;
}
