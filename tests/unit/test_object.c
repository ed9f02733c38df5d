/* Objects: which scheme takes a source, what a listing of files finds and in which order, what is left out. */
#include "io/object.h"

#include "base/memory.h"

#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#define ALWAYS                                                                                                         \
	{                                                                                                              \
		{INSTANT_MISSING_SECONDS, 0},                                                                          \
		{                                                                                                      \
			INSTANT_MISSING_SECONDS, 0                                                                     \
		}                                                                                                      \
	}

static char directory[64];

static void
make_tree(const char *const *paths)
{
	unit_path(directory);
	assert_int_equal(mkdir(directory, 0777), 0);
	for (; *paths; paths++) {
		char *path = memory_format("%s/%s", directory, *paths);
		for (char *slash = path + strlen(directory) + 1; (slash = strchr(slash, '/')); slash++) {
			*slash = '\0';
			mkdir(path, 0777);
			*slash = '/';
		}
		if (path[strlen(path) - 1] != '/') {
			int fd = open(path, O_CREAT | O_WRONLY, 0666);
			assert_true(fd >= 0);
			assert_int_equal(write(fd, "x", 1), 1);
			close(fd);
		}
		free(path);
	}
}

static void
remove_tree(void)
{
	char *command = memory_format("rm -rf '%s'", directory);

	assert_int_equal(system(command), 0);
	free(command);
}

struct found {
	struct buffer text; /* the uris below the directory, a blank behind each, '!' before those with a problem */
	size_t most;        /* stop after so many */
};

static bool
take(void *context, struct reference *r, const struct error *problem)
{
	struct found *found = context;
	const char *at = strstr(r->uri, directory);

	assert_non_null(at);
	buffer_format(&found->text, "%s%s ", problem ? "!" : "", at + strlen(directory) + 1);
	assert_true(problem || !r->has_size || r->size == 1);
	reference_free(r);
	return --found->most > 0;
}

static void
check_most(const char *prefix, const char *source, const struct selection *s, size_t most, const char *expected)
{
	struct found found = {.most = most};
	struct error error;
	char *name = memory_format("%s%s%s", prefix, directory, source);

	assert_int_equal(object_scheme_file.list(name, s, take, &found, &error), 0);
	assert_string_equal(buffer_string(&found.text), expected);
	buffer_free(&found.text);
	free(name);
}

static void
check(const char *source, const struct selection *s, const char *expected)
{
	check_most("", source, s, SIZE_MAX, expected);
	check_most("file://", source, s, SIZE_MAX, expected);
}

static void
a_directory_is_all_below_it_in_the_order_of_paths(void **state)
{
	static const char *const tree[] = {"b/2", "b/1", "b.x", "a", "b/c/d/e", "empty/", "Z", NULL};
	static const struct selection all = {.period = ALWAYS};

	(void)state;
	make_tree(tree);
	check("", &all, "Z a b.x b/1 b/2 b/c/d/e ");
	check("/", &all, "Z a b.x b/1 b/2 b/c/d/e ");
	check("/b", &all, "b/1 b/2 b/c/d/e ");
	check("/b/1", &all, "b/1 ");
	check("/empty", &all, "");
	check("/none", &all, "!none ");
	check_most("", "", &all, 2, "Z a ");
	remove_tree();
}

static void
a_glob_matches_segments(void **state)
{
	static const char *const tree[] = {"a.json", "b.json", "c.txt", "d/a.json", "d/e/a.json", "[x]", NULL};
	static const struct selection all = {.period = ALWAYS}, raw = {.period = ALWAYS, .raw = true};

	(void)state;
	make_tree(tree);
	check("/*.json", &all, "a.json b.json ");
	check("/*/a.json", &all, "d/a.json ");
	check("/**/a.json", &all, "a.json d/a.json d/e/a.json ");
	check("/d/**", &all, "d/a.json d/e/a.json ");
	check_most("", "/[x]", &all, SIZE_MAX, "[x] "); /* a uri would read %5Bx%5D */
	check("/[y]", &all, "");
	check_most("", "/*.json", &raw, SIZE_MAX, "!*.json ");
	check("/none/*", &all, "");
	remove_tree();
}

static void
what_is_not_wanted_is_left_out(void **state)
{
	static const char *const tree[] = {"a.json", "b.txt", "year=2020/month=01/day=01/a.json",
		"year=2021/month=01/day=01/a.json", "year=2021/month=02/day=01/b.txt", NULL};
	struct glob *json = glob_compile("**/*.json"), *old = glob_compile("year=2020/**");
	struct selection s = {.includes = &json, .n_includes = 1, .period = ALWAYS};
	struct error error;

	(void)state;
	make_tree(tree);
	check("", &s, "a.json year=2020/month=01/day=01/a.json year=2021/month=01/day=01/a.json ");
	s.excludes = &old;
	s.n_excludes = 1;
	check("", &s, "a.json year=2021/month=01/day=01/a.json ");
	s.n_includes = s.n_excludes = 0;
	assert_int_equal(period_set_since(&s.period, "2020-06-01", &error), 0);
	assert_int_equal(period_set_until(&s.period, "2021-01-31", &error), 0);
	check("", &s, "year=2021/month=01/day=01/a.json ");
	glob_free(json);
	glob_free(old);
	remove_tree();
}

static void
links_are_followed_but_not_in_circles(void **state)
{
	static const char *const tree[] = {"d/a", "e/", NULL};
	static const struct selection all = {.period = ALWAYS};
	char *path;

	(void)state;
	make_tree(tree);
	path = memory_format("%s/d/back", directory);
	assert_int_equal(symlink("..", path), 0);
	free(path);
	path = memory_format("%s/e/gone", directory);
	assert_int_equal(symlink("nowhere", path), 0);
	free(path);
	path = memory_format("%s/e/link", directory);
	assert_int_equal(symlink("../d/a", path), 0);
	free(path);
	path = memory_format("%s/pipe", directory);
	assert_int_equal(mkfifo(path, 0666), 0);
	free(path);
	check("", &all, "d/a !d/back/ !e/gone e/link ");
	remove_tree();
}

static void
an_empty_name_is_no_source(void **state)
{
	static const struct selection all = {.period = ALWAYS};
	struct found found = {.most = 1};
	struct error error;

	(void)state;
	assert_int_equal(object_scheme_file.list("", &all, take, &found, &error), -1);
	assert_string_equal(error.code, "bad-uri");
	assert_int_equal(object_scheme_file.list("file://host/x", &all, take, &found, &error), -1);
	assert_int_equal(error.status, STATUS_REFUSED);
}

static void
opening_tells_size_and_time(void **state)
{
	static const char *const tree[] = {"a", NULL};
	struct object_facts facts;
	struct reference r = {0};
	struct error error;
	char byte;

	(void)state;
	make_tree(tree);
	r.uri = memory_format("%s/a", directory);
	struct stream *stream = object_scheme_file.open(&r, 0, &facts, &error);
	assert_non_null(stream);
	assert_true(facts.has_size && facts.size == 1);
	assert_false(instant_is_missing(facts.time));
	assert_int_equal(stream_read(stream, &byte, 1, &error), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(stream_read(stream, &byte, 1, &error), 0);
	assert_int_equal(stream->bytes, 1);
	stream_close(stream);
	remove_tree();
	assert_null(object_scheme_file.open(&r, 0, &facts, &error));
	assert_string_equal(error.code, "missing");
	assert_int_equal(error.status, STATUS_REFUSED);
	reference_free(&r);
}

static void
schemes_are_found_by_name_once_registered(void **state)
{
	static const struct object_scheme mine = {.name = "mine"};
	struct error error;

	(void)state;
	assert_ptr_equal(object_scheme_of("a/path", &error), &object_scheme_file);
	assert_ptr_equal(object_scheme_of("file:///a/path", &error), &object_scheme_file);
	assert_null(object_scheme_of("mine://x", &error));
	assert_string_equal(error.code, "bad-uri");
	assert_non_null(strstr(error.text, "mine:// is not known here"));
	object_register(&mine);
	assert_ptr_equal(object_scheme_of("mine://x", &error), &mine);
	assert_null(object_scheme_of("other://x", &error));
}

static void
a_selection_frees_its_globs(void **state)
{
	struct selection s = {.n_includes = 1, .n_excludes = 1, .period = ALWAYS};

	(void)state;
	s.includes = memory_get(sizeof(*s.includes));
	s.excludes = memory_get(sizeof(*s.excludes));
	s.includes[0] = glob_compile("*");
	s.excludes[0] = glob_compile("*.x");
	assert_true(selection_admits(&s, SLICE("a"), SLICE("a"), INSTANT_MISSING));
	assert_false(selection_admits(&s, SLICE("a.x"), SLICE("a.x"), INSTANT_MISSING));
	assert_false(selection_admits(&s, SLICE("a/b"), SLICE("a/b"), INSTANT_MISSING));
	selection_free(&s);
	assert_int_equal(s.n_includes + s.n_excludes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_is_all_below_it_in_the_order_of_paths),
		cmocka_unit_test(a_glob_matches_segments),
		cmocka_unit_test(what_is_not_wanted_is_left_out),
		cmocka_unit_test(links_are_followed_but_not_in_circles),
		cmocka_unit_test(an_empty_name_is_no_source),
		cmocka_unit_test(opening_tells_size_and_time),
		cmocka_unit_test(schemes_are_found_by_name_once_registered),
		cmocka_unit_test(a_selection_frees_its_globs),
	};

	return TESTS(tests);
}
