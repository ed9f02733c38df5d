#include "io/object.h"

#include "base/memory.h"
#include "io/uri.h"

#define SCHEMES_MAX 8

static const struct object_scheme *registered[SCHEMES_MAX];
static size_t n_registered;

void
selection_free(struct selection *s)
{
	for (size_t i = 0; i < s->n_includes; i++)
		glob_free(s->includes[i]);
	for (size_t i = 0; i < s->n_excludes; i++)
		glob_free(s->excludes[i]);
	free(s->includes);
	free(s->excludes);
	*s = (struct selection){0};
}

static bool
any_matches(struct glob *const *globs, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (glob_matches(globs[i], name))
			return true;
	return false;
}

bool
selection_admits(const struct selection *s, struct slice name, struct slice path, struct instant time)
{
	enum period_verdict verdict;

	if (s->n_includes > 0 && !any_matches(s->includes, s->n_includes, name))
		return false;
	if (any_matches(s->excludes, s->n_excludes, name))
		return false;
	if (period_is_all(&s->period))
		return true;
	verdict = period_of_path(&s->period, path);
	return verdict == PERIOD_UNDATED ? period_holds(&s->period, time) : verdict == PERIOD_INSIDE;
}

bool
selection_may_hold(const struct selection *s, struct slice path)
{
	return period_is_all(&s->period) || period_of_path(&s->period, path) != PERIOD_OUTSIDE;
}

void
object_register(const struct object_scheme *scheme)
{
	if (n_registered == SCHEMES_MAX)
		abort();
	registered[n_registered++] = scheme;
}

const struct object_scheme *
object_scheme_of(const char *uri, struct error *error)
{
	struct slice scheme = uri_scheme(uri);

	if (uri_is_local(uri))
		return &object_scheme_file;
	for (size_t i = 0; i < n_registered; i++)
		if (slice_equal(scheme, slice_of(registered[i]->name)))
			return registered[i];
	error_set(error, STATUS_REFUSED, "bad-uri", "cannot open '%s': %.*s:// is not known here", uri, (int)scheme.n,
		scheme.p);
	return NULL;
}
