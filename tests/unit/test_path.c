#include "io/path.h"

#include "unit.h"

#include <limits.h>
#include <sys/stat.h>

static void
resolves_to(const char *path, const char *base, const char *rest)
{
	char *resolved = path_resolve(path), expected[PATH_MAX + 64];

	snprintf(expected, sizeof(expected), "%s%s", base, rest);
	assert_string_equal(resolved, expected);
	free(resolved);
}

static void
what_does_not_exist_is_resolved_as_it_would_be_made(void **state)
{
	char cwd[PATH_MAX];

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	resolves_to("/", "", "/");
	resolves_to("//", "", "/");
	resolves_to(".", cwd, "");
	resolves_to("", cwd, "");
	resolves_to("no/such//dir/", cwd, "/no/such/dir");
	resolves_to("./no/./such", cwd, "/no/such");
	resolves_to("no/such/../other", cwd, "/no/other");
	resolves_to("/no/such", "", "/no/such");
	resolves_to("/no/../..", "", "/");
}

static void
links_are_followed(void **state)
{
	char link_path[64], below[80];

	(void)state;
	assert_int_equal(symlink("/", unit_path(link_path)), 0);
	resolves_to(link_path, "", "/");
	snprintf(below, sizeof(below), "%s/no/such", link_path);
	resolves_to(below, "", "/no/such");
	unlink(link_path);
}

static void
inside_is_by_segments(void **state)
{
	(void)state;
	assert_true(path_is_inside("/a/b", "/a/b"));
	assert_true(path_is_inside("/a/b/c", "/a/b"));
	assert_true(path_is_inside("/a", "/"));
	assert_false(path_is_inside("/a/bc", "/a/b"));
	assert_false(path_is_inside("/a", "/a/b"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_exist_is_resolved_as_it_would_be_made),
		cmocka_unit_test(links_are_followed),
		cmocka_unit_test(inside_is_by_segments),
	};

	return TESTS(tests);
}
