#include "io/glob.h"

#include "unit.h"

#include <fnmatch.h>

static bool
matches(const char *pattern, const char *text)
{
	struct glob *glob = glob_compile(pattern);
	bool result = glob_matches(glob, slice_of(text));

	glob_free(glob);
	return result;
}

static bool
may_match_below(const char *pattern, const char *prefix)
{
	struct glob *glob = glob_compile(pattern);
	bool result = glob_may_match_below(glob, slice_of(prefix));

	glob_free(glob);
	return result;
}

static void
patterns_match_whole_texts(void **state)
{
	static const struct {
		const char *pattern, *yes[5], *no[5];
	} cases[] = {
		{"a/*.json", {"a/b.json", "a/.json"}, {"a/b/c.json", "a/b.jsonl", "xa/b.json", "a/"}},
		{"a?c", {"abc", "a\xc3\xa9" "c", "a\xff" "c"}, {"a/c", "ac", "abbc"}},
		{"[a-c]", {"a", "b", "c"}, {"d", "", "ab", "-"}},
		{"[!a-c]", {"d", "-", "\xc3\xa9"}, {"a", "/", ""}},
		{"[^a]", {"b"}, {"a", "/"}},
		{"[]a]", {"]", "a"}, {"b"}},
		{"[a-]", {"a", "-"}, {"b"}},
		{"[\\]x]", {"]", "x"}, {"\\"}},
		{"[\xc3\xa0-\xc3\xaf]", {"\xc3\xa9"}, {"\xc3", "e"}},
		{"[/]", {NULL}, {"/"}},
		{"[ab", {"[ab"}, {"a"}},
		{"\\*", {"*"}, {"a", "\\*"}},
		{"a\\", {"a\\"}, {"a"}},
		{"**", {"", "a", "a/b", "/"}, {NULL}},
		{"**/b", {"b", "a/b", "a/a/b"}, {"ab", "a/bb", "b/"}},
		{"a/**/b", {"a/b", "a/x/b", "a/x/y/b"}, {"ab", "a/xb", "a/b/c"}},
		{"a/**", {"a/", "a/b", "a/b/c"}, {"a", "b/a"}},
		{"a**b", {"ab", "a/x/b", "axb"}, {"a/x", "xb"}},
		{"**.json", {"a.json", "x/y/a.json", ".json"}, {"a.jsonl"}},
		{"***", {"a/b"}, {NULL}},
		{"year=*/month=0[1-3]/**", {"year=2021/month=02/day=01/x"}, {"year=2021/month=04/x"}},
		{"", {""}, {"a"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t k = 0; k < 5 && cases[i].yes[k]; k++)
			if (!matches(cases[i].pattern, cases[i].yes[k]))
				fail_msg("'%s' should match '%s'", cases[i].pattern, cases[i].yes[k]);
		for (size_t k = 0; k < 5 && cases[i].no[k]; k++)
			if (matches(cases[i].pattern, cases[i].no[k]))
				fail_msg("'%s' should not match '%s'", cases[i].pattern, cases[i].no[k]);
	}
}

static void
prefixes_that_cannot_match_are_told(void **state)
{
	(void)state;
	assert_true(may_match_below("a/*/c", "a/b/"));
	assert_false(may_match_below("a/*/c", "b/"));
	assert_false(may_match_below("a/*/c", "a/b/d/"));
	assert_true(may_match_below("a/**", "a/b/c/d/"));
	assert_true(may_match_below("**/x", "a/b/"));
	assert_false(may_match_below("year=2021/**", "year=2020/"));
	assert_true(may_match_below("x", ""));
}

/* Where both know a construct, fnmatch(3) is the judge. */
static void
random_patterns_agree_with_fnmatch(void **state)
{
	static const char *const pieces[] = {"a", "b", "/", "?", "*", "[ab]", "[!a]", "c", ".", "[b-c]"};
	static const char letters[] = "abc/.";
	unsigned seed = 12345;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		char pattern[64] = "", text[16] = "";
		const char *last = "";

		for (int i = 0, n = rand_r(&seed) % 6; i < n; i++) {
			const char *piece = pieces[rand_r(&seed) % 10];

			if (*piece == '*' && *last == '*')
				continue;
			strcat(pattern, piece);
			last = piece;
		}
		for (int i = 0, n = rand_r(&seed) % 7; i < n; i++)
			text[i] = letters[rand_r(&seed) % 5];
		if (matches(pattern, text) != (fnmatch(pattern, text, FNM_PATHNAME) == 0))
			fail_msg("'%s' and '%s'", pattern, text);
	}
}

static void
no_pattern_makes_matching_slow(void **state)
{
	char pattern[401] = "", text[5001];

	(void)state;
	for (int i = 0; i < 100; i++)
		strcat(pattern, i % 2 ? "*a" : "**a");
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 2] = 'b';
	text[sizeof(text) - 1] = '\0';
	alarm(20);
	assert_false(matches(pattern, text));
	alarm(0);
}

static void
the_fixed_part_ends_before_the_first_wildcard(void **state)
{
	(void)state;
	assert_int_equal(glob_fixed_prefix("a/b/c*"), 4);
	assert_int_equal(glob_fixed_prefix("a*"), 0);
	assert_int_equal(glob_fixed_prefix("/x/[a]/y"), 3);
	assert_int_equal(glob_fixed_prefix("a/\\*/b"), 2);
	assert_true(glob_is_pattern("a?"));
	assert_false(glob_is_pattern("a]b/c"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_whole_texts),
		cmocka_unit_test(prefixes_that_cannot_match_are_told),
		cmocka_unit_test(random_patterns_agree_with_fnmatch),
		cmocka_unit_test(no_pattern_makes_matching_slow),
		cmocka_unit_test(the_fixed_part_ends_before_the_first_wildcard),
	};

	return TESTS(tests);
}
