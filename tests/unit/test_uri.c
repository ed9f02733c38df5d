#include "io/uri.h"

#include "unit.h"

static void
schemes_are_told_from_paths(void **state)
{
	(void)state;
	assert_int_equal(uri_scheme("s3://bucket/key").n, 2);
	assert_int_equal(uri_scheme("a+b-c.1://x").n, 7);
	assert_int_equal(uri_scheme("a:b://x").n, 0);
	assert_int_equal(uri_scheme("dir/s3://x").n, 0);
	assert_int_equal(uri_scheme("1a://x").n, 0);
	assert_int_equal(uri_scheme("").n, 0);
	assert_true(uri_is_local("s3:/bucket"));
	assert_true(uri_is_local("-"));
	assert_true(uri_is_local("FILE:///x"));
	assert_false(uri_is_local("dynamodb://table"));
}

static void
check_path(const char *uri, const char *expected)
{
	struct error error;
	char *path = uri_local_path(uri, &error);

	assert_non_null(path);
	assert_string_equal(path, expected);
	free(path);
}

static void
file_uris_are_decoded_and_paths_are_not(void **state)
{
	(void)state;
	check_path("file:///a%20b%25/%c3%A9", "/a b%/\xc3\xa9");
	check_path("file://localhost/x", "/x");
	check_path("a%20b", "a%20b");
	check_path("./-", "./-");
}

static void
broken_file_uris_are_refused(void **state)
{
	static const char *const bad[] = {
		"file://host/x", "file://x", "file:///a%2", "file:///a%zz", "file:///a%00b", "file://", NULL};

	(void)state;
	for (size_t i = 0; bad[i]; i++) {
		struct error error = {0};

		assert_null(uri_local_path(bad[i], &error));
		assert_int_equal(error.status, STATUS_REFUSED);
		assert_string_equal(error.code, "bad-uri");
		assert_non_null(strstr(error.text, bad[i]));
	}
}

static void
any_path_survives_the_way_to_a_uri_and_back(void **state)
{
	char path[257] = "/";
	struct buffer uri = {0};

	(void)state;
	for (int i = 1; i < 256; i++)
		path[i] = (char)i;
	uri_add_file(&uri, path);
	for (size_t i = 0; i < uri.n; i++)
		assert_true(uri.p[i] > ' ' && uri.p[i] < 127);
	check_path(buffer_string(&uri), path);
	buffer_free(&uri);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schemes_are_told_from_paths),
		cmocka_unit_test(file_uris_are_decoded_and_paths_are_not),
		cmocka_unit_test(broken_file_uris_are_refused),
		cmocka_unit_test(any_path_survives_the_way_to_a_uri_and_back),
	};

	return TESTS(tests);
}
