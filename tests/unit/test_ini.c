#include "unit.h"

#include "aws/ini.h"

static struct ini ini;

static int
parse(const char *text, enum ini_kind kind, struct error *error)
{
	return ini_parse(&ini, slice_of(text), kind, "config", error);
}

static void
assert_value(const char *profile, const char *group, const char *name, const char *expected)
{
	struct slice value = ini_get(&ini, INI_PROFILE, slice_of(profile), slice_of(group), slice_of(name));

	if (!expected)
		assert_null(value.p);
	else if (!slice_equal(value, slice_of(expected)))
		fail_msg("%s: '%.*s', not '%s'", name, (int)value.n, value.p, expected);
}

static int
start(void **state)
{
	(void)state;
	ini = (struct ini){.n = 0};
	return 0;
}

static int
end(void **state)
{
	(void)state;
	ini_free(&ini);
	return 0;
}

static void
properties_comments_and_white_space(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(parse("; c\n\n[default] # c\r\nREGION = eu-west-1 # c\nempty =\nurl=http://h/#x\n# c = d\n"
			       "[profile  a-b/c@d]\nx = a=b ; c\ny = a;b\n[other]\nx = 1\n[profile]\n"
			       "[profile 'my one']\nx = 1\n[profile \"my two\"]\nx = 2\n",
				 INI_CONFIG, &error),
		0);
	assert_value("default", NULL, "region", "eu-west-1");
	assert_value("default", NULL, "empty", "");
	assert_value("default", NULL, "url", "http://h/#x");
	assert_value("a-b/c@d", NULL, "x", "a=b");
	assert_value("a-b/c@d", NULL, "y", "a;b");
	assert_value("other", NULL, "x", NULL);
	assert_value("my one", NULL, "x", "1");
	assert_value("my two", NULL, "x", "2");
}

static void
continuations_and_groups(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(parse("[default]\nlong = a\n  b # not a comment\ns3 =\n  endpoint_url = http://h\n"
			       "  addressing_style = path\nx = 1\n[services dev]\nsqs =\n\tendpoint_url = http://q\n",
				 INI_CONFIG, &error),
		0);
	assert_value("default", NULL, "long", "a\nb # not a comment");
	assert_value("default", "s3", "endpoint_url", "http://h");
	assert_value("default", "s3", "addressing_style", "path");
	assert_value("default", NULL, "endpoint_url", NULL);
	assert_value("default", NULL, "x", "1");
	assert_true(slice_equal(ini_get(&ini, INI_SERVICES, SLICE("dev"), SLICE("sqs"), SLICE("endpoint_url")),
		SLICE("http://q")));
}

static void
what_wins(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(parse("[profile default]\na = prefixed\n[default]\na = plain\n[profile p]\nk = 1\nk = "
			       "2\n[profile p]\nk = 3\n",
				 INI_CONFIG, &error),
		0);
	assert_value("default", NULL, "a", "prefixed");
	assert_value("p", NULL, "k", "3");
	assert_int_equal(parse("[p]\nk = credentials\n", INI_CREDENTIALS, &error), 0);
	assert_value("p", NULL, "k", "credentials");
	assert_true(ini_has(&ini, INI_PROFILE, SLICE("p")));
	assert_false(ini_has(&ini, INI_PROFILE, SLICE("q")));
}

static void
faults_are_named_with_their_line(void **state)
{
	static const char *const bad[] = {"x = 1\n", "[default\n", "[default] x\n", "[default]\nxyz\n",
		"[default]\n= 1\n", "[default]\n  x = 1\n", "  x\n"};
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(parse(bad[i], INI_CONFIG, &error), -1);
		assert_int_equal(error.status, STATUS_USAGE);
		assert_non_null(strstr(error.text, i < 3 || i == 6 ? "config:1: " : "config:2: "));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(properties_comments_and_white_space, start, end),
		cmocka_unit_test_setup_teardown(continuations_and_groups, start, end),
		cmocka_unit_test_setup_teardown(what_wins, start, end),
		cmocka_unit_test_setup_teardown(faults_are_named_with_their_line, start, end),
	};

	return TESTS(tests);
}
