#include "io/feedback.h"

#include "unit.h"

#include <limits.h>

static bool
found_as(const char *source, bool literal, const char *uri)
{
	struct feedback f = {0};
	bool is;

	feedback_add(&f, source, literal);
	is = feedback_find(&f, uri) != NULL;
	feedback_free(&f);
	return is;
}

static bool
found(const char *source, const char *uri)
{
	return found_as(source, false, uri);
}

static void
a_prefix_is_everything_below_it(void **state)
{
	(void)state;
	assert_true(found("s3://b/in/", "s3://b/in/x"));
	assert_true(found("s3://b/in/", "s3://b/in/out/year=2021/x"));
	assert_true(found("s3://b/", "s3://b/x"));
	assert_true(found("s3://b", "s3://b/x"));
	assert_false(found("s3://b", "s3://bucket/x"));
	assert_false(found("s3://b/in/", "s3://b/inside"));
	assert_false(found("s3://b/in/", "s3://c/in/x"));
	assert_false(found("s3://b/in/", "file:///b/in/x"));
}

static void
any_other_source_is_one_object(void **state)
{
	(void)state;
	assert_true(found("s3://b/in", "s3://b/in"));
	assert_false(found("s3://b/in", "s3://b/in/x"));
}

static void
wildcards_stay_in_their_segment_unless_doubled(void **state)
{
	(void)state;
	assert_true(found("s3://b/*/x.jsonl", "s3://b/a/x.jsonl"));
	assert_false(found("s3://b/*/x.jsonl", "s3://b/a/b/x.jsonl"));
	assert_false(found("s3://b/*.json", "s3://b/out/a.json"));
	assert_true(found("s3://b/y=[12]?/a", "s3://b/y=20/a"));
	assert_true(found("s3://b/in/**", "s3://b/in/a/b/c"));
	assert_true(found("s3://b/in/**/x", "s3://b/in/out/x"));
	assert_true(found("s3://b/in/**/x", "s3://b/in/x"));
	assert_false(found("s3://b/**/*.json", "s3://b/out/y.jsonl"));
	assert_false(found("s3://b/in/**", "s3://b/out/a"));
}

static void
a_pattern_that_ends_in_a_slash_is_everything_below_what_it_matches(void **state)
{
	(void)state;
	assert_true(found("s3://b/year=*/", "s3://b/year=2021/month=02/x"));
	assert_true(found("s3://b/y=*/m=*/", "s3://b/y=1/m=2/x"));
	assert_false(found("s3://b/y=*/m=*/", "s3://b/y=1/d=2/m=3"));
	assert_false(found("s3://b/year=*/", "s3://b/out/year=2021/x"));
}

static void
what_is_literal_or_escaped_is_no_pattern(void **state)
{
	char cwd[PATH_MAX], uri[PATH_MAX + 64];

	(void)state;
	assert_true(found_as("s3://b/x[1]/", true, "s3://b/x[1]/out"));
	assert_false(found_as("s3://b/x[1]/", true, "s3://b/x1/out"));
	assert_true(found("s3://b/x[1]/", "s3://b/x1/out"));
	assert_true(found("s3://b/x\\[1\\]/", "s3://b/x[1]/out"));
	assert_true(found_as("s3://b/x*", true, "s3://b/x*"));
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	snprintf(uri, sizeof(uri), "file://%s/no%%5B1%%5D/in/x", cwd);
	assert_true(found_as("no[1]/", true, uri));
	assert_true(found("no\\[1\\]/", uri));
	assert_false(found("no[1]/", uri));
	assert_false(found("no[1]/in/*.gz", uri));
}

static void
local_names_are_compared_by_where_they_lead(void **state)
{
	char cwd[PATH_MAX], uri[PATH_MAX + 64];

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	snprintf(uri, sizeof(uri), "file://%s/nowhere/in/x", cwd);
	assert_true(found("nowhere/in", uri));
	assert_true(found("./nowhere/../nowhere/in/", uri));
	assert_true(found("nowhere/in/*", uri));
	assert_true(found("nowhere/i*/", uri));
	assert_true(found("no*/", uri));
	assert_true(found("**", uri));
	assert_true(found("/", uri));
	assert_false(found("nowhere/inn", uri));
	assert_false(found("nowhere/in/*.gz", uri));
	assert_false(found("nowhere/*", uri));
}

static void
the_journal_tells_the_sources_and_its_other_lines_do_not_matter(void **state)
{
	static const char journal[] =
		"{\"event\":\"start\",\"tool\":\"acc-fetch\"}\n"
		"{\"event\":\"source\",\"tool\":\"acc-fetch\",\"uri\":\"s3://b/in/\"}\n"
		"{\"event\":\"failed\",\"uri\":\"s3://c/\",\"error\":\"\\\"source\\\"\"}\n"
		"not json \"source\"\n[\"source\"]\n{\"event\":\"source\"}\n"
		"{\"event\":\"source\",\"uri\":\"s3:\\/\\/d\\/\"}\n"
		"{\"event\":\"source\",\"uri\":\"s3://e/x[1]/\",\"literal\":true}";
	char path[64];
	FILE *file = fopen(unit_path(path), "w");
	struct feedback f = {0};
	struct error e;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fwrite(journal, 1, sizeof(journal) - 1, file), sizeof(journal) - 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(feedback_read(&f, path, &e), 0);
	assert_int_equal(f.n, 3);
	assert_string_equal(feedback_find(&f, "s3://b/in/a"), "s3://b/in/");
	assert_string_equal(feedback_find(&f, "s3://d/a"), "s3://d/");
	assert_non_null(feedback_find(&f, "s3://e/x[1]/a"));
	assert_null(feedback_find(&f, "s3://c/a"));
	unlink(path);
	assert_int_equal(feedback_read(&f, NULL, &e), 0);
	assert_int_equal(f.n, 0);
	assert_int_equal(feedback_read(&f, path, &e), -1);
	assert_int_equal(e.status, STATUS_FAILED);
	feedback_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prefix_is_everything_below_it),
		cmocka_unit_test(any_other_source_is_one_object),
		cmocka_unit_test(wildcards_stay_in_their_segment_unless_doubled),
		cmocka_unit_test(a_pattern_that_ends_in_a_slash_is_everything_below_what_it_matches),
		cmocka_unit_test(what_is_literal_or_escaped_is_no_pattern),
		cmocka_unit_test(local_names_are_compared_by_where_they_lead),
		cmocka_unit_test(the_journal_tells_the_sources_and_its_other_lines_do_not_matter),
	};

	return TESTS(tests);
}
