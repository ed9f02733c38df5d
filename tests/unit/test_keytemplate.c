#include "io/keytemplate.h"

#include "io/manifest.h"
#include "unit.h"

#define LEAP_DAY_US INT64_C(1709251199999999) /* 2024-02-29T23:59:59.999999Z */

static void
expands_to(const char *template, const char *name, uint32_t shard, const char *expected)
{
	struct key_values values = {LEAP_DAY_US, slice_of(name), shard};
	struct buffer key = {0};
	struct error e;

	assert_int_equal(key_check("--key", template, true, &e), 0);
	assert_int_equal(key_expand(template, &values, &key, &e), 0);
	assert_string_equal(buffer_string(&key), expected);
	buffer_free(&key);
}

static void
times_are_those_of_utc(void **state)
{
	(void)state;
	expands_to(KEY_DEFAULT, "a.jsonl", 0, "year=2024/month=02/day=29/a.jsonl");
	expands_to("%H.%M.%S %T %F", "", 0, "23.59.59 23:59:59 2024-02-29");
	expands_to("%j %y %s %f", "", 0, "060 24 1709251199 1709251199999999");
	expands_to("100%% %%Y", "", 0, "100% %Y");
}

static void
times_before_1970_are_cut_downwards(void **state)
{
	struct key_values values = {-1, SLICE("a"), 0};
	struct buffer key = {0};
	struct error e;

	(void)state;
	assert_int_equal(key_expand("%F %T %s", &values, &key, &e), 0);
	assert_string_equal(buffer_string(&key), "1969-12-31 23:59:59 -1");
	buffer_free(&key);
}

static void
names_come_apart_at_the_first_dot(void **state)
{
	(void)state;
	expands_to("{name}|{base}|{ext}", "a.tar.gz", 0, "a.tar.gz|a|.tar.gz");
	expands_to("{name}|{base}|{ext}.", "plain", 0, "plain|plain|.");
	expands_to("{base}|{ext}", ".hidden.gz", 0, ".hidden|.gz");
	expands_to("{{{name}}}", "n", 0, "{n}");
	expands_to("shard={shard}/x", "", 1023, "shard=1023/x");
}

static void
without_a_shard_the_key_is_refused(void **state)
{
	struct key_values values = {0, SLICE("a"), MANIFEST_NO_SHARD};
	struct buffer key = {0};
	struct error e;

	(void)state;
	assert_int_equal(key_expand("{shard}", &values, &key, &e), -1);
	assert_int_equal(e.status, STATUS_REFUSED);
	assert_string_equal(e.code, "no-shard");
	buffer_free(&key);
}

static void
what_stands_for_nothing_is_wrong_usage(void **state)
{
	static const char *const bad[] = {
		"", "dir/", "%", "a%", "%Q", "%-d", "{", "}", "{}", "{nam}", "{name", "a}b", NULL};
	struct error e;

	(void)state;
	for (int i = 0; bad[i]; i++) {
		assert_int_equal(key_check("--key", bad[i], true, &e), -1);
		assert_int_equal(e.status, STATUS_USAGE);
		assert_non_null(strstr(e.text, "--key '"));
	}
	assert_int_equal(key_check("--manifest", "{name}", false, &e), -1);
	assert_int_equal(key_check("--manifest", "{shard}", false, &e), -1);
	assert_int_equal(e.status, STATUS_USAGE);
	assert_int_equal(key_check("--manifest", "list-%F", false, &e), 0);
}

static void
advances_to(const char *key, uint64_t attempt, const char *expected)
{
	struct buffer out = {0};

	key_advance(slice_of(key), attempt, &out);
	assert_string_equal(buffer_string(&out), expected);
	buffer_free(&out);
}

static void
a_taken_name_advances_its_microsecond(void **state)
{
	(void)state;
	advances_to("d/output_object-1612137600000000.jsonl", 1,
		"d/output_object-1612137600000001.jsonl");
	advances_to("output_object-1612137600000999.jsonl.gz", 2,
		"output_object-1612137600001001.jsonl.gz");
	advances_to("0123456789012345", 1, "0123456789012346");
	advances_to("1111111111111111-2222222222222222", 1, "1111111111111111-2222222222222223");
}

static void
a_name_without_a_microsecond_is_numbered(void **state)
{
	(void)state;
	advances_to("d.d/a.tar.gz", 3, "d.d/a-3.tar.gz");
	advances_to("a", 1, "a-1");
	advances_to("", 1, "-1");
	advances_to(".hidden", 1, ".hidden-1");
	advances_to("1612137600000000/a.b", 1, "1612137600000000/a-1.b");
	advances_to("12345678901234567.x", 1, "12345678901234567-1.x");
	advances_to("123456789012345.x", 1, "123456789012345-1.x");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_those_of_utc),
		cmocka_unit_test(times_before_1970_are_cut_downwards),
		cmocka_unit_test(names_come_apart_at_the_first_dot),
		cmocka_unit_test(without_a_shard_the_key_is_refused),
		cmocka_unit_test(what_stands_for_nothing_is_wrong_usage),
		cmocka_unit_test(a_taken_name_advances_its_microsecond),
		cmocka_unit_test(a_name_without_a_microsecond_is_numbered),
	};

	return TESTS(tests);
}
