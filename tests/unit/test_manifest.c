#include "io/manifest.h"

#include "unit.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
a_line_comes_back_as_it_was_written(void **state)
{
	static const char *const lines[] = {
		"{\"path\":\"a/"
		"b\",\"bytes\":18446744073709551615,\"records\":2,\"sha256\":\"" DIGEST "\"}",
		"{\"path\":\"\\\"\\u0001\xc3\xa9\",\"bytes\":0,\"records\":0,\"sha256\":\"" DIGEST
		"\",\"shard\":0}",
		"{\"path\":\"x\",\"bytes\":1}", NULL};

	(void)state;
	for (int i = 0; lines[i]; i++) {
		struct manifest_line line;
		struct buffer out = {0};
		struct error e;

		assert_int_equal(manifest_parse(slice_of(lines[i]), &line, &e), 0);
		assert_false(line.bare);
		manifest_format(&out, &line);
		assert_string_equal(buffer_string(&out), lines[i]);
		manifest_line_free(&line);
		buffer_free(&out);
	}
}

static void
members_may_be_missing_null_unknown_and_in_any_order(void **state)
{
	struct manifest_line line;
	struct error e;

	(void)state;
	assert_int_equal(
		manifest_parse(SLICE(" {\"x\":[1],\"sha256\":null, \"path\" : \"p\" }"), &line, &e),
		0);
	assert_true(line.bare); /* it does not begin with '{' */
	manifest_line_free(&line);
	assert_int_equal(
		manifest_parse(
			SLICE("{\"x\":[1],\"sha256\":null, \"path\" : \"\\u0070\" }\r"), &line, &e),
		0);
	assert_string_equal(line.path, "p");
	assert_false(line.has_bytes || line.has_records);
	assert_int_equal(line.shard, MANIFEST_NO_SHARD);
	assert_string_equal(line.sha256, "");
	manifest_line_free(&line);
}

static void
digests_are_lower_case(void **state)
{
	struct manifest_line line;
	struct error e;

	(void)state;
	assert_int_equal(manifest_parse(SLICE("{\"path\":\"p\",\"sha256\":"
					      "\"0123456789ABCDEF0123456789ABCDEF0123456789"
					      "ABCDEF0123456789ABCDEF\"}"),
				 &line, &e),
		0);
	assert_string_equal(line.sha256, DIGEST);
	manifest_line_free(&line);
}

static void
what_does_not_begin_with_a_brace_is_a_name(void **state)
{
	struct manifest_line line;
	struct error e;

	(void)state;
	assert_int_equal(manifest_parse(SLICE("a {b}.jsonl\r"), &line, &e), 0);
	assert_true(line.bare);
	assert_string_equal(line.path, "a {b}.jsonl");
	manifest_line_free(&line);
}

static void
bad_lines_are_refused(void **state)
{
	static const struct slice bad[] = {SLICE(""), SLICE("\r"), SLICE("a\0b"), SLICE("{"),
		SLICE("{}"), SLICE("{\"path\":\"\"}"), SLICE("{\"path\":null}"),
		SLICE("{\"path\":\"a\\u0000b\"}"), SLICE("{\"path\":\"a\",\"bytes\":-1}"),
		SLICE("{\"path\":\"a\",\"bytes\":1.5}"),
		SLICE("{\"path\":\"a\",\"records\":\"1\"}"),
		SLICE("{\"path\":\"a\",\"bytes\":18446744073709551616}"),
		SLICE("{\"path\":\"a\",\"shard\":4294967296}"),
		SLICE("{\"path\":\"a\",\"sha256\":\"abc\"}"),
		SLICE("{\"path\":\"a\",\"sha256\":7}"),
		SLICE("{\"path\":\"a\",\"sha256\":"
		      "\"g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}"),
		SLICE("{\"path\":\"a\"} {}"), SLICE("{\"path\":\"\xff\"}")};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct manifest_line line;
		struct error e = {0};

		assert_int_equal(manifest_parse(bad[i], &line, &e), -1);
		assert_int_equal(e.status, STATUS_REFUSED);
		assert_true(e.text[0]);
	}
}

static void
receipts_leave_out_what_there_is_not(void **state)
{
	struct receipt r = {.uri = strdup("s3://b/k\""), .bytes = 7};
	struct buffer out = {0};

	(void)state;
	receipt_format(&out, &r);
	assert_string_equal(buffer_string(&out), "{\"uri\":\"s3://b/k\\\"\",\"bytes\":7}");
	out.n = 0;
	r.records = 3;
	r.has_records = true;
	strcpy(r.sha256, DIGEST);
	r.etag = strdup("\"e\"");
	r.version_id = strdup("v");
	receipt_format(&out, &r);
	assert_string_equal(buffer_string(&out),
		"{\"uri\":\"s3://b/k\\\"\",\"bytes\":7,\"records\":3,\"sha256\":\"" DIGEST
		"\",\"etag\":\"\\\"e\\\"\",\"version_id\":\"v\"}");
	receipt_free(&r);
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_comes_back_as_it_was_written),
		cmocka_unit_test(members_may_be_missing_null_unknown_and_in_any_order),
		cmocka_unit_test(digests_are_lower_case),
		cmocka_unit_test(what_does_not_begin_with_a_brace_is_a_name),
		cmocka_unit_test(bad_lines_are_refused),
		cmocka_unit_test(receipts_leave_out_what_there_is_not),
	};

	return TESTS(tests);
}
