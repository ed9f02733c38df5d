#include "unit.h"

#include "aws/checksum.h"
#include "aws/config.h"
#include "aws/credentials.h"
#include "aws/hold.h"
#include "aws/metrics.h"
#include "aws/sqs.h"
#include "aws/xml.h"
#include "base/memory.h"
#include "json/text.h"

#include <pthread.h>
#include <sys/stat.h>

/* ---- configuration */

static const char *variables[16][2];

static const char *
variable(const char *name)
{
	for (size_t i = 0; variables[i][0]; i++)
		if (strcmp(variables[i][0], name) == 0)
			return variables[i][1];
	return NULL;
}

static int64_t now_seconds = 1600000000;

static int64_t
now_us(void)
{
	return now_seconds * 1000000;
}

static void
zeroes(void *bytes, size_t n)
{
	memset(bytes, 0, n);
}

static const struct environment environment = {variable, now_us, zeroes};

/* A configuration from texts of the two files and variables. */
static void
load(struct aws_config *c, const char *config, const char *credentials, const char *const (*set)[2])
{
	static char paths[2][64];
	const char *texts[] = {config, credentials};
	struct error error;
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		FILE *file = fopen(unit_path(paths[i]), "w");

		assert_non_null(file);
		fputs(texts[i] ? texts[i] : "", file);
		fclose(file);
	}
	memset(variables, 0, sizeof(variables));
	for (; set && set[n][0]; n++)
		variables[n][0] = set[n][0], variables[n][1] = set[n][1];
	variables[n][0] = "AWS_CONFIG_FILE", variables[n++][1] = paths[0];
	variables[n][0] = "AWS_SHARED_CREDENTIALS_FILE", variables[n++][1] = paths[1];
	variables[n][0] = "AWS_EC2_METADATA_DISABLED", variables[n++][1] = "true";
	if (aws_config_load(c, &environment, &error) < 0)
		fail_msg("%s", error.text);
	unlink(paths[0]);
	unlink(paths[1]);
	credentials_forget();
}

static void
assert_endpoint(const char *config, const char *const (*set)[2], enum aws_service service, const char *region,
	const char *expected)
{
	struct aws_endpoint e;
	struct aws_config c;
	struct error error;
	char *text;

	load(&c, config, NULL, set);
	if (aws_endpoint_resolve(&c, service, region, &e, &error) < 0)
		fail_msg("%s", error.text);
	text = memory_format("%s://%s%s", e.scheme, e.authority, e.prefix);
	assert_string_equal(text, expected);
	free(text);
	aws_endpoint_free(&e);
	aws_config_free(&c);
}

#define SET(...) ((const char *const[][2]){__VA_ARGS__, {NULL, NULL}})

static void
endpoints_are_computed(void **state)
{
	(void)state;
	assert_endpoint(NULL, NULL, AWS_S3, "eu-west-1", "https://s3.eu-west-1.amazonaws.com");
	assert_endpoint(NULL, NULL, AWS_SQS, "us-east-1", "https://sqs.us-east-1.amazonaws.com");
	assert_endpoint(NULL, NULL, AWS_DYNAMODB, "cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn");
	assert_endpoint(NULL, SET({"AWS_USE_DUALSTACK_ENDPOINT", "true"}), AWS_S3, "eu-west-1",
		"https://s3.dualstack.eu-west-1.amazonaws.com");
	assert_endpoint(NULL, SET({"AWS_USE_FIPS_ENDPOINT", "true"}), AWS_S3, "us-east-1",
		"https://s3-fips.us-east-1.amazonaws.com");
	assert_endpoint(NULL, SET({"AWS_USE_FIPS_ENDPOINT", "true"}, {"AWS_USE_DUALSTACK_ENDPOINT", "true"}), AWS_SQS,
		"us-east-1", "https://sqs-fips.us-east-1.api.aws");
}

static void
endpoints_are_configured(void **state)
{
	static const char config[] = "[default]\nservices = dev\nendpoint_url = http://all:1/\n"
				     "[services dev]\nsqs =\n  endpoint_url = http://queue:2/prefix/\n";

	(void)state;
	assert_endpoint(config, NULL, AWS_SQS, "r", "http://queue:2/prefix");
	assert_endpoint(config, NULL, AWS_S3, "r", "http://all:1");
	assert_endpoint(config, SET({"AWS_ENDPOINT_URL", "http://env:3"}), AWS_SQS, "r", "http://env:3");
	assert_endpoint(config, SET({"AWS_ENDPOINT_URL", "http://env:3"}, {"AWS_ENDPOINT_URL_SQS", "https://own"}),
		AWS_SQS, "r", "https://own");
	assert_endpoint(config, SET({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}), AWS_SQS, "eu-west-1",
		"https://sqs.eu-west-1.amazonaws.com");
}

static void
bad_endpoints_and_regions_are_refused(void **state)
{
	struct aws_endpoint e;
	struct aws_config c;
	struct error error;

	(void)state;
	load(&c, NULL, NULL, SET({"AWS_ENDPOINT_URL", "localhost:4566"}));
	assert_int_equal(aws_endpoint_resolve(&c, AWS_S3, "r", &e, &error), -1);
	assert_int_equal(error.status, STATUS_USAGE);
	aws_config_free(&c);
	load(&c, NULL, NULL, SET({"AWS_ENDPOINT_URL", "http://me:secret@localhost:4566"}));
	assert_int_equal(aws_endpoint_resolve(&c, AWS_S3, "r", &e, &error), -1);
	assert_int_equal(error.status, STATUS_USAGE);
	assert_non_null(strstr(error.text, "user name or password"));
	assert_null(strstr(error.text, "secret"));
	aws_config_free(&c);
	load(&c, NULL, NULL, NULL);
	assert_int_equal(aws_endpoint_resolve(&c, AWS_S3, "evil.com/", &e, &error), -1);
	assert_int_equal(aws_endpoint_resolve(&c, AWS_S3, "", &e, &error), -1);
	aws_config_free(&c);
}

static void
the_region_is_found(void **state)
{
	struct aws_config c;

	(void)state;
	load(&c, "[default]\nregion = a\n[profile p]\nregion = b\n", NULL, NULL);
	assert_true(slice_equal(aws_config_region(&c), SLICE("a")));
	aws_config_free(&c);
	load(&c, "[default]\nregion = a\n[profile p]\nregion = b\n", NULL, SET({"AWS_PROFILE", "p"}));
	assert_true(slice_equal(aws_config_region(&c), SLICE("b")));
	aws_config_free(&c);
	load(&c, "[default]\nregion = a\n", NULL, SET({"AWS_REGION", "c"}, {"AWS_DEFAULT_REGION", "d"}));
	assert_true(slice_equal(aws_config_region(&c), SLICE("c")));
	aws_config_free(&c);
}

/* ---- credentials */

static void
assert_keys(const char *config, const char *credentials, const char *const (*set)[2], const char *id,
	const char *secret, const char *token)
{
	struct aws_config c;
	struct aws_keys keys;
	struct error error;

	load(&c, config, credentials, set);
	if (credentials_get(&c, 0, &keys, &error) < 0)
		fail_msg("%s", error.text);
	assert_string_equal(keys.id, id);
	assert_string_equal(keys.secret, secret);
	if (token)
		assert_string_equal(keys.token, token);
	else
		assert_null(keys.token);
	aws_keys_free(&keys);
	aws_config_free(&c);
	credentials_forget();
}

static void
assert_no_keys(const char *config, const char *credentials, const char *const (*set)[2], const char *why)
{
	struct aws_config c;
	struct aws_keys keys;
	struct error error;

	load(&c, config, credentials, set);
	assert_int_equal(credentials_get(&c, 0, &keys, &error), -1);
	if (!strstr(error.text, why))
		fail_msg("'%s' does not say '%s'", error.text, why);
	assert_null(strstr(error.text, "HUSH"));
	aws_config_free(&c);
	credentials_forget();
}

static void
keys_come_from_the_environment_first(void **state)
{
	(void)state;
	assert_keys("[default]\naws_access_key_id=C\naws_secret_access_key=D\n", NULL,
		SET({"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "B"}, {"AWS_SESSION_TOKEN", "T"}), "A", "B",
		"T");
	assert_no_keys(NULL, NULL, SET({"AWS_ACCESS_KEY_ID", "A"}), "AWS_SECRET_ACCESS_KEY is not");
	assert_no_keys(
		NULL, NULL, SET({"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "HUSH\nx"}), "white space");
	assert_no_keys(NULL, NULL, NULL, "no AWS credentials found");
}

static void
profiles_give_keys(void **state)
{
	(void)state;
	assert_keys("[default]\naws_access_key_id=C\naws_secret_access_key=D\n", NULL, NULL, "C", "D", NULL);
	assert_keys("[default]\naws_access_key_id=C\naws_secret_access_key=D\n",
		"[p]\naws_access_key_id = E\naws_secret_access_key = F\naws_session_token = G\n",
		SET({"AWS_PROFILE", "p"}), "E", "F", "G");
	assert_no_keys(NULL, NULL, SET({"AWS_PROFILE", "nope"}), "profile 'nope' is neither in");
	assert_no_keys(
		"[profile p]\naws_access_key_id=C\n", NULL, SET({"AWS_PROFILE", "p"}), "aws_secret_access_key is not");
}

static void
a_process_gives_keys(void **state)
{
	(void)state;
	assert_keys("[default]\ncredential_process = sh -c 'printf \"%s\" "
		    "\"{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"P\\\","
		    "\\\"SecretAccessKey\\\":\\\"Q\\\",\\\"SessionToken\\\":\\\"R\\\"}\"'\n",
		NULL, NULL, "P", "Q", "R");
	assert_no_keys("[default]\ncredential_process = false\n", NULL, NULL, "failed with status 1");
	assert_no_keys("[default]\ncredential_process = /no/such/file\n", NULL, NULL, "/no/such/file");
	assert_no_keys("[default]\ncredential_process = echo HUSH\n", NULL, NULL, "not a JSON object");
	assert_no_keys("[default]\ncredential_process = echo {\\\"Version\\\":2}\n", NULL, NULL, "Version");
}

static void
roles_are_checked_before_anything_is_asked(void **state)
{
	(void)state;
	assert_no_keys("[default]\nrole_arn = r\n", NULL, NULL, "exactly one of");
	assert_no_keys("[default]\nrole_arn = r\nsource_profile = a\ncredential_source = Environment\n", NULL, NULL,
		"exactly one of");
	assert_no_keys("[default]\nrole_arn = r\nsource_profile = a\n", NULL, NULL, "does not exist");
	assert_no_keys("[default]\nrole_arn = r\nsource_profile = a\n[profile a]\nrole_arn = s\nsource_profile = b\n"
		       "[profile b]\nrole_arn = t\nsource_profile = a\n", NULL, NULL, "leads back to itself");
	assert_no_keys("[default]\nrole_arn = r\nsource_profile = default\n", NULL, NULL, "without keys");
	assert_no_keys(
		"[default]\nrole_arn = r\ncredential_source = Elsewhere\n", NULL, NULL, "credential_source must be");
	assert_no_keys("[default]\nrole_arn = r\ncredential_source = Environment\n", NULL, NULL, "has no keys");
	assert_no_keys("[default]\nrole_arn = r\nmfa_serial = m\nsource_profile = a\n", NULL, NULL, "mfa_serial");
}

static void
sso_is_refused_with_the_way_out(void **state)
{
	(void)state;
	assert_no_keys(
		"[default]\nsso_session = s\nsso_account_id = 1\n", NULL, NULL, "aws configure export-credentials");
	assert_no_keys("[profile x]\nsso_start_url = u\n", NULL, SET({"AWS_PROFILE", "x"}), "--profile x");
}

static void
a_containers_address_is_checked(void **state)
{
	(void)state;
	assert_true(credentials_uri_is_allowed(SLICE("https://anywhere.example/x")));
	assert_true(credentials_uri_is_allowed(SLICE("http://169.254.170.2/x")));
	assert_true(credentials_uri_is_allowed(SLICE("http://169.254.170.23:80/v1/credentials")));
	assert_true(credentials_uri_is_allowed(SLICE("http://[fd00:ec2::23]/x")));
	assert_true(credentials_uri_is_allowed(SLICE("http://127.0.0.1:8080/x")));
	assert_true(credentials_uri_is_allowed(SLICE("http://localhost:1/x")));
	assert_false(credentials_uri_is_allowed(SLICE("http://169.254.169.254/x")));
	assert_false(credentials_uri_is_allowed(SLICE("http://127.evil.com/x")));
	assert_false(credentials_uri_is_allowed(SLICE("http://localhost@evil.com/x")));
	assert_false(credentials_uri_is_allowed(SLICE("http://example.com/x")));
	assert_false(credentials_uri_is_allowed(SLICE("ftp://127.0.0.1/x")));
	assert_no_keys(
		NULL, NULL, SET({"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/"}), "neither https nor");
}

static void
keys_are_renewed_in_time(void **state)
{
	(void)state;
	assert_int_equal(credentials_due(AWS_NEVER_EXPIRES, 0), 0);
	assert_int_equal(credentials_due(10000, 10000 - 16 * 60), 0);
	assert_int_equal(credentials_due(10000, 10000 - 12 * 60), 1);
	assert_int_equal(credentials_due(10000, 10000 - 9 * 60), 2);
	assert_int_equal(credentials_due(10000, 20000), 2);
}

static void
expiring_keys_are_fetched_again_and_survive_a_failing_source(void **state)
{
	static const char config[] = "[default]\ncredential_process = sh -c 'test ! -e /tmp/acc-unit-broken && printf "
				     "%s \"{\\\"Version\\\":1,"
				     "\\\"AccessKeyId\\\":\\\"P\\\",\\\"SecretAccessKey\\\":\\\"Q\\\","
				     "\\\"Expiration\\\":\\\"2020-09-13T13:26:40Z\\\"}\"'\n";
	struct aws_config c;
	struct aws_keys keys;
	struct error error;
	FILE *file;

	(void)state;
	unlink("/tmp/acc-unit-broken");
	now_seconds = 1600000000; /* 12:26:40, an hour before */
	load(&c, config, NULL, NULL);
	assert_int_equal(credentials_get(&c, 0, &keys, &error), 0);
	assert_int_equal(keys.expires, 1600003600);
	aws_keys_free(&keys);
	file = fopen("/tmp/acc-unit-broken", "w");
	assert_non_null(file);
	fclose(file);
	now_seconds += 3600 - 12 * 60;
	assert_int_equal(credentials_get(&c, 0, &keys, &error), 0);
	aws_keys_free(&keys);
	now_seconds += 5 * 60;
	assert_int_equal(credentials_get(&c, 0, &keys, &error), 0);
	aws_keys_free(&keys);
	now_seconds += 3600;
	assert_int_equal(credentials_get(&c, 0, &keys, &error), -1);
	unlink("/tmp/acc-unit-broken");
	aws_config_free(&c);
	credentials_forget();
	now_seconds = 1600000000;
}

static void *
get_keys(void *config)
{
	struct aws_keys keys;
	struct error error;

	if (credentials_get(config, 0, &keys, &error) == 0)
		aws_keys_free(&keys);
	return NULL;
}

/* The process is asked again 12 minutes before its keys expire, and does not answer until it is told to. */
static void
others_go_on_while_keys_are_renewed(void **state)
{
	char directory[64], config[200], script[100], command[600];
	struct aws_config c;
	struct aws_keys keys;
	struct error error;
	pthread_t renewer;
	FILE *file;

	(void)state;
	assert_int_equal(mkdir(unit_path(directory), 0700), 0);
	snprintf(script, sizeof(script), "%s/script", directory);
	file = fopen(script, "w");
	assert_non_null(file);
	fputs("cd \"$1\"; id=OLD\n"
	      "if [ -e asked ]; then id=NEW; : >again; until [ -e go ]; do sleep 0.02; done; fi; : >asked\n"
	      "echo '{\"Version\":1,\"AccessKeyId\":\"'$id'\",\"SecretAccessKey\":\"S\",'"
	      "'\"Expiration\":\"2020-09-13T12:38:40Z\"}'\n",
		file);
	fclose(file);
	snprintf(config, sizeof(config), "[default]\ncredential_process=sh %s %s\n", script, directory);
	load(&c, config, NULL, NULL);
	assert_int_equal(credentials_get(&c, 0, &keys, &error), 0);
	aws_keys_free(&keys);
	now_seconds += 31;
	assert_int_equal(pthread_create(&renewer, NULL, get_keys, &c), 0);
	snprintf(command, sizeof(command), "until [ -e %s/again ]; do sleep 0.02; done", directory);
	assert_int_equal(system(command), 0);
	/* would wait for ever */
	assert_int_equal(credentials_get(&c, 0, &keys, &error), 0);
	assert_string_equal(keys.id, "OLD");
	aws_keys_free(&keys);
	snprintf(command, sizeof(command), ": >%s/go", directory);
	assert_int_equal(system(command), 0);
	pthread_join(renewer, NULL);
	assert_int_equal(credentials_get(&c, 0, &keys, &error), 0);
	assert_string_equal(keys.id, "NEW");
	aws_keys_free(&keys);
	aws_config_free(&c);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0);
	credentials_forget();
	now_seconds = 1600000000;
}

/* ---- XML */

static void
xml_is_walked_by_local_names(void **state)
{
	struct arena arena = {0};
	struct error error;
	struct xml_node *root = xml_parse(
		SLICE("<?xml version=\"1.0\"?>\n<L xmlns=\"http://s3/\"> <K>a&amp;b&#13;&#x1F600;</K><E/><n:K "
		      "xmlns:n=\"u\">2</n:K></L>"),
		&arena, &error);

	(void)state;
	assert_non_null(root);
	assert_true(slice_equal(root->name, SLICE("L")));
	assert_true(slice_equal(xml_text(root, "K"), SLICE("a&b\r\xf0\x9f\x98\x80")));
	assert_int_equal(xml_text(root, "E").n, 0);
	assert_non_null(xml_child(root, "E"));
	assert_null(xml_child(root, "X"));
	assert_true(slice_equal(root->first->next->next->text, SLICE("2")));
	assert_ptr_equal(xml_find(root, "E"), xml_child(root, "E"));
	arena_free(&arena);
}

static void
xml_that_is_dangerous_or_broken_is_refused(void **state)
{
	static const char *const bad[] = {"", "<a>", "text", "<a></b>", "<a>&nope;</a>",
		"<!DOCTYPE a><a/>",
		"<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><l>&b;</l>",
		"<!DOCTYPE l [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><l>&x;</l>"};
	struct arena arena = {0};
	struct buffer deep = {0};
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (xml_parse(slice_of(bad[i]), &arena, &error))
			fail_msg("%s", bad[i]);
	for (int i = 0; i < 1000; i++)
		buffer_add_string(&deep, "<a>");
	assert_null(xml_parse(buffer_slice(&deep), &arena, &error));
	assert_non_null(strstr(error.text, "too deep"));
	buffer_free(&deep);
	arena_free(&arena);
}

/* ---- checksums: values of the S3 User Guide's and the algorithms' check inputs */

static void
assert_checksum(enum checksum_kind kind, const char *text, const char *expected)
{
	struct buffer value = {0};
	struct checksum c;
	size_t n = strlen(text);

	for (size_t cut = 0; cut <= n; cut++) {
		value.n = 0;
		checksum_start(&c, kind);
		checksum_add(&c, text, cut);
		checksum_add(&c, text + cut, n - cut);
		checksum_value(&c, &value);
		assert_string_equal(buffer_string(&value), expected);
		checksum_end(&c);
	}
	buffer_free(&value);
}

static void
checksums_are_as_published(void **state)
{
	(void)state;
	assert_checksum(CHECKSUM_CRC32, "Hello world", "i9aeUg==");
	assert_checksum(CHECKSUM_CRC32C, "Hello world", "crUfeA==");
	assert_checksum(CHECKSUM_CRC64NVME, "Hello world", "OOJZ0D8xKts=");
	assert_checksum(CHECKSUM_SHA256, "Hello world", "ZOyIygCyaOW6GjVnihtTFtIS9PNmskdyMlNKiuyjfzw=");
	assert_int_equal(checksum_crc32c(0, "123456789", 9), 0xe3069283);
	assert_true(checksum_crc64nvme(0, "123456789", 9) == UINT64_C(0xae8b14860a799888));
}

/* ---- queues */

static void
queues_are_named_in_three_ways(void **state)
{
	struct sqs_address a;

	(void)state;
	assert_true(sqs_parse(SLICE("https://sqs.eu-west-1.amazonaws.com/123456789012/q"), &a));
	assert_true(slice_equal(a.region, SLICE("eu-west-1")));
	assert_true(slice_equal(a.name, SLICE("q")));
	assert_true(sqs_parse(SLICE("https://eu-west-1.queue.amazonaws.com/123456789012/q"), &a));
	assert_true(slice_equal(a.region, SLICE("eu-west-1")));
	assert_true(sqs_parse(SLICE("http://localhost:4566/000000000000/q"), &a));
	assert_int_equal(a.region.n, 0);
	assert_true(sqs_parse(SLICE("sqs://name"), &a));
	assert_true(slice_equal(a.name, SLICE("name")));
	assert_int_equal(a.url.n, 0);
	assert_true(sqs_parse(SLICE("arn:aws:sqs:us-east-2:123456789012:q.fifo"), &a));
	assert_true(slice_equal(a.region, SLICE("us-east-2")));
	assert_true(slice_equal(a.account, SLICE("123456789012")));
	assert_true(slice_equal(a.name, SLICE("q.fifo")));
	assert_false(sqs_parse(SLICE("name"), &a));
	assert_false(sqs_parse(SLICE("sqs://"), &a));
	assert_false(sqs_parse(SLICE("arn:aws:sns:us-east-2:1:t"), &a));
	assert_false(sqs_parse(SLICE("https://host"), &a));
}

static void
extensions_end_twelve_hours_after_the_receipt(void **state)
{
	(void)state;
	assert_int_equal(hold_extension(450, 0), 450);
	assert_int_equal(hold_extension(450, 42000), 450);
	assert_int_equal(hold_extension(450, 43000), 170);
	assert_int_equal(hold_extension(450, 43180), 0);
	assert_int_equal(hold_extension(450, 99999), 0);
}

static void
metrics_are_embedded_metric_format(void **state)
{
	struct verdict verdict = {.batch_failed = false};
	struct metrics m = {5, 4, 1, 77, &verdict, "fn\"x", 1700000000000};
	struct buffer out = {0};
	struct slice value, embedded, list, metric, name, element;
	struct json_walk walk;
	struct error error;
	size_t n = 0;

	(void)state;
	verdict.tools[VERDICT_FETCH].read = 10;
	metrics_format(&out, &m);
	assert_int_equal(json_parse(buffer_slice(&out), "metrics", &value, &error), 0);
	assert_true(slice_equal(json_member(value, SLICE("RecordsRead")), SLICE("10")));
	assert_true(slice_equal(json_member(value, SLICE("Function")), SLICE("\"fn\\\"x\"")));
	embedded = json_member(value, SLICE("_aws"));
	assert_true(slice_equal(json_member(embedded, SLICE("Timestamp")), SLICE("1700000000000")));
	walk = json_walk(json_member(embedded, SLICE("CloudWatchMetrics")));
	assert_true(json_next_element(&walk, &element));
	list = json_member(element, SLICE("Metrics"));
	for (walk = json_walk(list); json_next_element(&walk, &metric); n++) {
		name = json_member(metric, SLICE("Name"));
		/* each named metric stands at the root */
		assert_non_null(json_member(value, (struct slice){name.p + 1, name.n - 2}).p);
	}
	assert_int_equal(n, 17);
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_are_computed),
		cmocka_unit_test(endpoints_are_configured),
		cmocka_unit_test(bad_endpoints_and_regions_are_refused),
		cmocka_unit_test(the_region_is_found),
		cmocka_unit_test(keys_come_from_the_environment_first),
		cmocka_unit_test(profiles_give_keys),
		cmocka_unit_test(a_process_gives_keys),
		cmocka_unit_test(roles_are_checked_before_anything_is_asked),
		cmocka_unit_test(sso_is_refused_with_the_way_out),
		cmocka_unit_test(a_containers_address_is_checked),
		cmocka_unit_test(keys_are_renewed_in_time),
		cmocka_unit_test(expiring_keys_are_fetched_again_and_survive_a_failing_source),
		cmocka_unit_test(others_go_on_while_keys_are_renewed),
		cmocka_unit_test(xml_is_walked_by_local_names),
		cmocka_unit_test(xml_that_is_dangerous_or_broken_is_refused),
		cmocka_unit_test(checksums_are_as_published),
		cmocka_unit_test(queues_are_named_in_three_ways),
		cmocka_unit_test(extensions_end_twelve_hours_after_the_receipt),
		cmocka_unit_test(metrics_are_embedded_metric_format),
	};

	return TESTS(tests);
}
