#include "aws/config.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 4 << 20 };

int
aws_read_file(const char *path, size_t max, struct buffer *text, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0) {
		int cause = errno;

		error_system(error, "cannot open '%s'", path);
		if (cause == ENOENT || cause == ENOTDIR)
			error->code = "missing";
		return -1;
	}
	do {
		buffer_reserve(text, 4096);
		got = read(fd, text->p + text->n, 4096);
		text->n += got > 0 ? (size_t)got : 0;
	} while ((got > 0 || (got < 0 && errno == EINTR)) && text->n <= max);
	if (got < 0)
		error_system(error, "cannot read '%s'", path);
	else if (text->n > max)
		got = error_set(error, STATUS_USAGE, "config", "%s: larger than %zu bytes", path, max);
	close(fd);
	return got < 0 ? -1 : 0;
}

static char *
file_path(const struct aws_config *c, const char *variable, const char *in_home)
{
	const char *set = c->environment->variable(variable);
	const char *home = c->environment->variable("HOME");

	if (set && set[0] == '~' && set[1] == '/' && home)
		return memory_format("%s%s", home, set + 1);
	if (set)
		return memory_copy_string(set);
	return home ? memory_format("%s/%s", home, in_home) : NULL;
}

static int
load_file(struct aws_config *c, const char *path, enum ini_kind kind, struct error *error)
{
	struct buffer text = {0};
	int result = 0;

	if (path && (result = aws_read_file(path, FILE_MAX_BYTES, &text, error)) == 0)
		result = ini_parse(&c->ini, buffer_slice(&text), kind, path, error);
	else if (path && strcmp(error->code, "missing") == 0)
		result = 0;
	buffer_wipe(&text);
	return result;
}

int
aws_config_load(struct aws_config *c, const struct environment *environment, struct error *error)
{
	*c = (struct aws_config){.environment = environment};
	c->profile = environment->variable("AWS_PROFILE");
	if (!c->profile)
		c->profile = environment->variable("AWS_DEFAULT_PROFILE");
	c->profile_was_asked_for = c->profile != NULL;
	if (!c->profile)
		c->profile = "default";
	c->config_file = file_path(c, "AWS_CONFIG_FILE", ".aws/config");
	c->credentials_file = file_path(c, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
	if (load_file(c, c->config_file, INI_CONFIG, error) < 0 ||
		load_file(c, c->credentials_file, INI_CREDENTIALS, error) < 0) {
		aws_config_free(c);
		return -1;
	}
	return 0;
}

void
aws_config_free(struct aws_config *c)
{
	ini_free(&c->ini);
	free((char *)c->config_file);
	free((char *)c->credentials_file);
	c->config_file = c->credentials_file = NULL;
}

static struct slice
profile_value(const struct aws_config *c, const char *group, const char *property)
{
	return ini_get(&c->ini, INI_PROFILE, slice_of(c->profile), slice_of(group), slice_of(property));
}

struct slice
aws_config_value(const struct aws_config *c, const char *variable, const char *property)
{
	const char *set = variable ? c->environment->variable(variable) : NULL;

	if (set && *set)
		return slice_of(set);
	return property ? profile_value(c, NULL, property) : (struct slice){NULL, 0};
}

bool
aws_config_flag(const struct aws_config *c, const char *variable, const char *property)
{
	struct slice value = aws_config_value(c, variable, property);

	return value.n == 4 && strncasecmp(value.p, "true", 4) == 0;
}

struct slice
aws_config_region(const struct aws_config *c)
{
	struct slice region = aws_config_value(c, "AWS_REGION", NULL);

	return region.n ? region : aws_config_value(c, "AWS_DEFAULT_REGION", "region");
}

static const struct {
	const char *name; /* signed, and the host's first label */
	const char *variable;
	const char *group; /* in a services section */
} services[] = {
	[AWS_S3] = {"s3", "AWS_ENDPOINT_URL_S3", "s3"},
	[AWS_SQS] = {"sqs", "AWS_ENDPOINT_URL_SQS", "sqs"},
	[AWS_SNS] = {"sns", "AWS_ENDPOINT_URL_SNS", "sns"},
	[AWS_DYNAMODB] = {"dynamodb", "AWS_ENDPOINT_URL_DYNAMODB", "dynamodb"},
	[AWS_STS] = {"sts", "AWS_ENDPOINT_URL_STS", "sts"},
};

const char *
aws_service_name(enum aws_service service)
{
	return services[service].name;
}

bool
aws_endpoint_parse(struct slice url, struct aws_endpoint *endpoint)
{
	bool https = slice_begins(url, SLICE("https://"));
	size_t begin = https ? 8 : 7, end = begin, last;

	if (!https && !slice_begins(url, SLICE("http://")))
		return false;
	for (size_t i = 0; i < url.n; i++)
		if ((unsigned char)url.p[i] <= ' ' || url.p[i] == '@' || url.p[i] == '?' || url.p[i] == '#')
			return false;
	while (end < url.n && url.p[end] != '/')
		end++;
	for (last = url.n; last > end && url.p[last - 1] == '/'; last--)
		;
	if (end == begin)
		return false;
	memcpy(endpoint->scheme, https ? "https" : "http", https ? 6 : 5);
	endpoint->authority = memory_copy(url.p + begin, end - begin);
	endpoint->prefix = memory_copy(url.p + end, last - end);
	endpoint->custom = true;
	return true;
}

void
aws_endpoint_free(struct aws_endpoint *endpoint)
{
	free(endpoint->authority);
	free(endpoint->prefix);
	*endpoint = (struct aws_endpoint){0};
}

static struct slice
configured_endpoint(const struct aws_config *c, enum aws_service service)
{
	struct slice url, set;

	if (aws_config_flag(c, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"))
		return (struct slice){NULL, 0};
	url = aws_config_value(c, services[service].variable, NULL);
	if (!url.n)
		url = aws_config_value(c, "AWS_ENDPOINT_URL", NULL);
	set = profile_value(c, NULL, "services");
	if (!url.n && set.n)
		url = ini_get(&c->ini, INI_SERVICES, set, slice_of(services[service].group), SLICE("endpoint_url"));
	return url.n ? url : profile_value(c, NULL, "endpoint_url");
}

static bool
is_region(const char *region)
{
	size_t n = strlen(region);

	if (n == 0 || n > 63)
		return false;
	return strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static char *
computed_host(const struct aws_config *c, enum aws_service service, const char *region)
{
	bool dual = aws_config_flag(c, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
	const char *fips = aws_config_flag(c, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint") ? "-fips" : "";
	bool china = strncmp(region, "cn-", 3) == 0;
	const char *suffix = china ? "amazonaws.com.cn" : "amazonaws.com";

	if (service == AWS_S3)
		return memory_format("s3%s.%s%s.%s", fips, dual ? "dualstack." : "", region, suffix);
	if (dual)
		suffix = china ? "api.amazonwebservices.com.cn" : "api.aws";
	return memory_format("%s%s.%s.%s", services[service].name, fips, region, suffix);
}

int
aws_endpoint_resolve(const struct aws_config *c, enum aws_service service, const char *region,
	struct aws_endpoint *endpoint, struct error *error)
{
	struct slice url = configured_endpoint(c, service);

	*endpoint = (struct aws_endpoint){0};
	if (url.n && memchr(url.p, '@', url.n))
		return error_set(error, STATUS_USAGE, "config",
			"the endpoint URL has a user name or password (not shown): leave it out (see %s)",
			services[service].variable);
	if (url.n && !aws_endpoint_parse(url, endpoint))
		return error_set(error, STATUS_USAGE, "config",
			"'%.*s' is no endpoint URL (it should be like http://localhost:4566; see %s)", (int)url.n,
			url.p, services[service].variable);
	if (url.n)
		return 0;
	if (!is_region(region))
		return error_set(error, STATUS_USAGE, "config", "'%s' is no AWS region (see AWS_REGION)", region);
	memcpy(endpoint->scheme, "https", 6);
	endpoint->authority = computed_host(c, service, region);
	endpoint->prefix = memory_copy_string("");
	return 0;
}
