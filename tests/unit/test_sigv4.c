#include "unit.h"

#include "aws/signing_key.h"

#include <sodium.h>

/* "Signature Version 4 test suite" (AWS): one date, one key pair, service "service". */
struct vector {
	const char *name, *method, *path, *query;
	struct sigv4_header more[4];
	const char *body, *signature;
};

#define H(n, v) {{n, sizeof(n) - 1}, {v, sizeof(v) - 1}}

static const struct vector suite[] = {
	{"get-vanilla", "GET", "/", "", {{{NULL, 0}, {NULL, 0}}}, "",
		"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"post-vanilla", "POST", "/", "", {{{NULL, 0}, {NULL, 0}}}, "",
		"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
	{"get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1", {{{NULL, 0}, {NULL, 0}}}, "",
		"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
	{"get-utf8", "GET", "/\xe1\x88\xb4", "", {{{NULL, 0}, {NULL, 0}}}, "",
		"8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
	{"get-header-value-trim", "GET", "/", "", {H("My-Header1", " value1"), H("My-Header2", " \"a   b   c\"")}, "",
		"acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
	{"get-header-key-duplicate", "GET", "/", "",
		{H("My-Header1", "value2"), H("My-Header1", "value2"), H("My-Header1", "value1")}, "",
		"c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
	{"get-header-value-order", "GET", "/", "",
		{H("My-Header1", "value4"), H("My-Header1", "value1"), H("My-Header1", "value3"),
			H("My-Header1", "value2")}, "",
		"08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
	{"post-header-key-sort", "POST", "/", "", {H("My-Header1", "value1")}, "",
		"c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
	{"get-relative", "GET", "/example/..", "", {{{NULL, 0}, {NULL, 0}}}, "",
		"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-slash-dot-slash", "GET", "/./", "", {{{NULL, 0}, {NULL, 0}}}, "",
		"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-slash", "GET", "//", "", {{{NULL, 0}, {NULL, 0}}}, "",
		"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-slashes", "GET", "//example//", "", {{{NULL, 0}, {NULL, 0}}}, "",
		"9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
	{"get-slash-pointless-dot", "GET", "/./example", "", {{{NULL, 0}, {NULL, 0}}}, "",
		"ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
	{"get-space", "GET", "/example space/", "", {{{NULL, 0}, {NULL, 0}}}, "",
		"652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
	{"post-vanilla-query", "POST", "/", "Param1=value1", {{{NULL, 0}, {NULL, 0}}}, "",
		"28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
	{"post-x-www-form-urlencoded", "POST", "/", "", {H("Content-Type", "application/x-www-form-urlencoded")},
		"Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
};

static void
check_vector(const struct vector *v)
{
	struct sigv4_header headers[8];
	struct sigv4_request r = {slice_of(v->method), slice_of(v->path), slice_of(v->query), headers, 0,
		{NULL, 0}, false};
	struct sigv4_scope scope = {"", "us-east-1", "service"};
	struct buffer out = {0};
	unsigned char key[32];
	char hash[65];

	headers[r.n_headers++] = (struct sigv4_header){SLICE("Host"), SLICE("example.amazonaws.com")};
	headers[r.n_headers++] = (struct sigv4_header){SLICE("X-Amz-Date"), SLICE("20150830T123600Z")};
	for (int i = 0; i < 4 && v->more[i].name.p; i++)
		headers[r.n_headers++] = v->more[i];
	sigv4_hash(hash, slice_of(v->body));
	r.payload_hash = slice_of(hash);
	sigv4_time(&scope, 1440938160);
	assert_string_equal(scope.time, "20150830T123600Z");
	signing_key_get(key, SLICE("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), &scope);
	sigv4_authorization(&out, &r, &scope, SLICE("AKIDEXAMPLE"), key);
	if (!strstr(buffer_string(&out), v->signature))
		fail_msg("%s: %s", v->name, buffer_string(&out));
	buffer_free(&out);
}

static void
agrees_with_the_published_suite(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(suite) / sizeof(*suite); i++)
		check_vector(&suite[i]);
}

/* The worked example of the IAM User Guide, "Create a signed AWS API request", step by step. */
static void
each_step_is_as_documented(void **state)
{
	static const struct sigv4_header headers[] = {H("Host", "iam.amazonaws.com"),
		H("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
		H("X-Amz-Date", "20150830T123600Z")};
	static const unsigned char documented_key[32] =
		"\xc4\xaf\xb1\xcc\x57\x71\xd8\x71\x76\x3a\x39\x3e\x44\xb7\x03\x57"
		"\x1b\x55\xcc\x28\x42\x4d\x1a\x5e\x86\xda\x6e\xd3\xc1\x54\xa4\xb9";
	struct sigv4_scope scope = {"20150830T123600Z", "us-east-1", "iam"};
	struct buffer canonical = {0}, names = {0}, to_sign = {0};
	char hash[65], signature[65];
	unsigned char key[32];
	struct sigv4_request r = {SLICE("GET"), SLICE("/"), SLICE("Action=ListUsers&Version=2010-05-08"), headers, 3,
		{NULL, 0}, false};

	(void)state;
	sigv4_hash(hash, SLICE(""));
	r.payload_hash = slice_of(hash);
	sigv4_canonical_request(&canonical, &r);
	sigv4_signed_headers(&names, &r);
	assert_string_equal(buffer_string(&names), "content-type;host;x-amz-date");
	sigv4_string_to_sign(&to_sign, &scope, buffer_slice(&canonical));
	assert_string_equal(buffer_string(&to_sign), "AWS4-HMAC-SHA256\n20150830T123600Z\n"
		"20150830/us-east-1/iam/aws4_request\n"
		"f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
	sigv4_key(key, SLICE("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), &scope);
	assert_memory_equal(key, documented_key, sizeof(key));
	sigv4_signature(signature, key, buffer_slice(&to_sign));
	assert_string_equal(signature, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
	buffer_free(&canonical);
	buffer_free(&names);
	buffer_free(&to_sign);
}

/* The worked examples of the S3 API Reference. */
static void
signs_s3_requests_as_documented(void **state)
{
	static const struct {
		const char *method, *path, *query;
		struct sigv4_header more[2];
		const char *body, *signature;
	} examples[] = {
		{"GET", "/test.txt", "", {H("Range", "bytes=0-9")}, "",
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"PUT", "/test%24file.text", "",
			{H("Date", "Fri, 24 May 2013 00:00:00 GMT"), H("x-amz-storage-class", "REDUCED_REDUNDANCY")},
			"Welcome to Amazon S3.", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"GET", "/", "lifecycle", {{{NULL, 0}, {NULL, 0}}}, "",
			"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"GET", "/", "max-keys=2&prefix=J", {{{NULL, 0}, {NULL, 0}}}, "",
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct sigv4_header headers[8];
		struct sigv4_request r = {slice_of(examples[i].method), slice_of(examples[i].path),
			slice_of(examples[i].query), headers, 0, {NULL, 0}, true};
		struct sigv4_scope scope = {"20130524T000000Z", "us-east-1", "s3"};
		struct buffer out = {0};
		unsigned char key[32];
		char hash[65];

		sigv4_hash(hash, slice_of(examples[i].body));
		r.payload_hash = slice_of(hash);
		headers[r.n_headers++] =
			(struct sigv4_header){SLICE("Host"), SLICE("examplebucket.s3.amazonaws.com")};
		headers[r.n_headers++] = (struct sigv4_header){SLICE("x-amz-content-sha256"), slice_of(hash)};
		headers[r.n_headers++] = (struct sigv4_header){SLICE("x-amz-date"), slice_of(scope.time)};
		for (int k = 0; k < 2 && examples[i].more[k].name.p; k++)
			headers[r.n_headers++] = examples[i].more[k];
		signing_key_get(key, SLICE("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), &scope);
		sigv4_authorization(&out, &r, &scope, SLICE("AKIAIOSFODNN7EXAMPLE"), key);
		if (!strstr(buffer_string(&out), examples[i].signature))
			fail_msg("%zu: %s", i, buffer_string(&out));
		buffer_free(&out);
	}
}

static void
leaves_an_s3_path_alone(void **state)
{
	struct sigv4_request r = {SLICE("GET"), SLICE("/b//a/../b%25"), SLICE("uploads"), NULL, 0, SLICE("x"), true};
	struct buffer out = {0};

	(void)state;
	sigv4_canonical_request(&out, &r);
	assert_string_equal(buffer_string(&out), "GET\n/b//a/../b%25\nuploads=\n\n\n\nx");
	buffer_free(&out);
}

static void
orders_and_encodes_the_query(void **state)
{
	struct sigv4_request r = {SLICE("GET"), SLICE(""), SLICE("b=%2f&a-3=1&a=2&a=1&c=x/y z&%41=+"), NULL, 0,
		SLICE("x"), true};
	struct buffer out = {0};

	(void)state;
	sigv4_canonical_request(&out, &r);
	assert_string_equal(buffer_string(&out),
		"GET\n/\nA=%2B&a=1&a=2&a-3=1&b=%2F&c=x%2Fy%20z\n\n\n\nx");
	buffer_free(&out);
}

static void
encodes_an_encoded_path_once_more_elsewhere(void **state)
{
	struct sigv4_request r = {SLICE("GET"), SLICE("/a%3Ab/"), SLICE(""), NULL, 0, SLICE("x"), false};
	struct buffer out = {0};

	(void)state;
	sigv4_canonical_request(&out, &r);
	assert_string_equal(buffer_string(&out), "GET\n/a%253Ab/\n\n\n\n\nx");
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_published_suite),
		cmocka_unit_test(each_step_is_as_documented),
		cmocka_unit_test(signs_s3_requests_as_documented),
		cmocka_unit_test(leaves_an_s3_path_alone),
		cmocka_unit_test(orders_and_encodes_the_query),
		cmocka_unit_test(encodes_an_encoded_path_once_more_elsewhere),
	};

	return sodium_init() < 0 ? 1 : TESTS(tests);
}
