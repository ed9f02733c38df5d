#include "aws/client.h"
#include "aws/credentials_private.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- small HTTP requests to neighbours ---- */

struct ask {
	const char *method, *url, *header;
	struct slice value;
	uint64_t timeout_ms;
	int tries;
};

static int
ask_once(const struct ask *ask, struct buffer *body, enum retry_transport *transport, struct error *error)
{
	struct sigv4_header header = {slice_of(ask->header), ask->value};
	struct http_request request = {.method = ask->method,
		.url = ask->url,
		.headers = &header,
		.n_headers = ask->header ? 1 : 0,
		.has_body = strcmp(ask->method, "PUT") == 0,
		.body_fd = -1,
		.connect_ms = ask->timeout_ms,
		.total_ms = ask->timeout_ms,
		.direct = true};
	struct http_stream *s = http_open(&request);
	const struct http_reply *reply = NULL;
	int status = 0;

	body->n = 0;
	*transport = http_head(s, &reply, error);
	if (*transport == RETRY_ANSWERED) {
		status = reply->status;
		*transport = http_read_all(s, body, CREDENTIALS_TEXT_MAX, error);
	}
	http_close(s);
	return *transport == RETRY_ANSWERED ? status : 0;
}

/* The HTTP status, or 0 with *error when no reply came. */
static int
ask_for(const struct ask *ask, struct buffer *body, struct error *error)
{
	enum retry_transport transport;
	int status = 0;

	for (int i = 0; i < ask->tries; i++) {
		if (i)
			clock_sleep_ms(500);
		status = ask_once(ask, body, &transport, error);
		if (status && status < 500 && status != 429)
			break;
	}
	return status;
}

/* Keys from what a neighbour replied, or why it did not. */
static int
take_keys(const char *who, int status, const struct error *cause, struct slice json, struct aws_keys *keys,
	struct error *error)
{
	struct error fault;

	if (status == 0)
		return error_set(
			error, STATUS_FAILED, "credentials", "cannot get keys from %s: %.900s", who, cause->text);
	if (status != 200)
		return error_set(error, STATUS_FAILED, "credentials", "%s gives no keys (HTTP %d)", who, status);
	if (credentials_parse(json, false, keys, &fault) < 0)
		return error_set(error, STATUS_FAILED, "credentials", "%s: %.900s", who, fault.text);
	return 1;
}

/* ---- instance metadata, version 2 ---- */

static bool
imds_is_off(const struct aws_config *c)
{
	return aws_config_flag(c, "AWS_EC2_METADATA_DISABLED", NULL);
}

static char *
imds_base(const struct aws_config *c)
{
	struct slice set = aws_config_value(c, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint");
	struct slice mode =
		aws_config_value(c, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");

	while (set.n && set.p[set.n - 1] == '/')
		set.n--;
	if (set.n)
		return memory_copy(set.p, set.n);
	if (slice_equal(mode, SLICE("IPv6")) || slice_equal(mode, SLICE("ipv6")))
		return memory_copy_string("http://[fd00:ec2::254]");
	return memory_copy_string("http://169.254.169.254");
}

static uint64_t
imds_timeout_ms(const struct aws_config *c)
{
	struct slice set = aws_config_value(c, "AWS_METADATA_SERVICE_TIMEOUT", NULL);
	long seconds = set.n ? strtol(set.p, NULL, 10) : 1;

	return seconds > 0 && seconds < 3600 ? (uint64_t)seconds * 1000 : 1000;
}

static int
imds_tries(const struct aws_config *c)
{
	struct slice set = aws_config_value(c, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", NULL);
	long tries = set.n ? strtol(set.p, NULL, 10) : 1;

	return tries > 0 && tries < 100 ? (int)tries : 1;
}

struct imds {
	char *base;
	struct buffer token;
	uint64_t timeout_ms;
	int tries;
};

static int
imds_open(struct imds *m, const struct aws_config *c, struct error *error)
{
	char *url;
	int status;

	*m = (struct imds){.base = imds_base(c), .timeout_ms = imds_timeout_ms(c), .tries = imds_tries(c)};
	url = memory_format("%s/latest/api/token", m->base);
	status = ask_for(&(struct ask){"PUT", url, "x-aws-ec2-metadata-token-ttl-seconds", SLICE("21600"),
				 m->timeout_ms, m->tries},
		&m->token, error);
	free(url);
	if (status == 0)
		message(MESSAGE_DETAIL,
			"the instance's metadata service does not answer: %s (in a container its hop "
			"limit must be 2)",
			error->text);
	else if (status != 200)
		message(MESSAGE_DETAIL, "the instance's metadata service gives no token (HTTP %d)", status);
	m->token.n = credentials_trimmed(buffer_slice(&m->token)).n;
	return status == 200 && credentials_is_key(buffer_slice(&m->token)) ? 1 : 0;
}

static void
imds_close(struct imds *m)
{
	free(m->base);
	buffer_wipe(&m->token);
}

static int
imds_get(struct imds *m, const char *path, const char *more, struct buffer *body, struct error *error)
{
	char *url = memory_format("%s/latest/meta-data/%s%s", m->base, path, more);
	int status = ask_for(
		&(struct ask){"GET", url, "x-aws-ec2-metadata-token", buffer_slice(&m->token), m->timeout_ms, m->tries},
		body, error);

	free(url);
	return status;
}

static int
imds_keys(struct imds *m, struct aws_keys *keys, struct error *error)
{
	static const char path[] = "iam/security-credentials/";
	struct buffer role = {0}, json = {0};
	struct error cause;
	int status = imds_get(m, path, "", &role, &cause), result = 0;
	bool has_role = status != 404;

	if (status == 200) {
		role.n = strcspn(buffer_string(&role), "\r\n");
		status = imds_get(m, path, buffer_string(&role), &json, &cause);
		snprintf(keys->source, sizeof(keys->source), "the instance's role '%.100s'", role.p);
	}
	if (has_role)
		result = take_keys("the instance's metadata service", status, &cause, buffer_slice(&json), keys, error);
	buffer_free(&role);
	buffer_wipe(&json);
	return result;
}

int
credentials_from_instance(const struct aws_config *c, struct aws_keys *keys, struct error *error)
{
	struct imds m;
	int result = 0;

	if (imds_is_off(c))
		return 0;
	if (imds_open(&m, c, error))
		result = imds_keys(&m, keys, error);
	imds_close(&m);
	return result;
}

char *
credentials_instance_region(const struct aws_config *c)
{
	struct imds m;
	struct buffer text = {0};
	struct error unused;
	char *region = NULL;

	if (imds_is_off(c))
		return NULL;
	if (imds_open(&m, c, &unused) && imds_get(&m, "placement/region", "", &text, &unused) == 200) {
		struct slice t = credentials_trimmed(buffer_slice(&text));

		if (credentials_is_key(t))
			region = memory_copy(t.p, t.n);
	}
	imds_close(&m);
	buffer_free(&text);
	return region;
}

/* ---- containers ---- */

bool
credentials_uri_is_allowed(struct slice uri)
{
	static const char *const hosts[] = {
		"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost", "[::1]", NULL};
	struct slice host;
	const char *port;
	bool allowed = false;

	if (slice_begins(uri, SLICE("https://")))
		return true;
	if (!slice_begins(uri, SLICE("http://")))
		return false;
	for (host = (struct slice){uri.p + 7, 0}; 7 + host.n < uri.n && !strchr("/?#", host.p[host.n]); host.n++)
		;
	if (memchr(host.p, '@', host.n))
		return false;
	port = memrchr(host.p, ':', host.n);
	if (port && !memchr(port, ']', host.n - (size_t)(port - host.p)))
		host.n = (size_t)(port - host.p);
	for (int i = 0; hosts[i]; i++)
		allowed |= slice_equal(host, slice_of(hosts[i]));
	/* 127.0.0.0/8, as a literal: a name could point anywhere */
	if (!allowed && slice_begins(host, SLICE("127."))) {
		allowed = true;
		for (size_t i = 0; i < host.n; i++)
			allowed &= host.p[i] == '.' || (host.p[i] >= '0' && host.p[i] <= '9');
	}
	return allowed;
}

static int
container_token(const struct aws_config *c, struct buffer *token, struct error *error)
{
	const char *file = c->environment->variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *set = c->environment->variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");

	if (file && aws_read_file(file, CREDENTIALS_TEXT_MAX, token, error) < 0)
		return -1;
	if (!file && set)
		buffer_add_string(token, set);
	token->n = credentials_trimmed(buffer_slice(token)).n;
	for (size_t i = 0; token->p && i < token->n; i++)
		if ((unsigned char)token->p[i] < ' ')
			return credentials_bad(error, "credentials",
				"the container's authorization token has control characters in it");
	return 0;
}

static int
container_keys(const char *url, struct slice token, struct aws_keys *keys, struct error *error)
{
	struct buffer json = {0};
	struct error cause;
	int status, result;

	status = ask_for(&(struct ask){"GET", url, token.n ? "Authorization" : NULL, token, 2000, 3}, &json, &cause);
	snprintf(keys->source, sizeof(keys->source), "the container's role");
	result = take_keys("the container's endpoint", status, &cause, buffer_slice(&json), keys, error);
	buffer_wipe(&json);
	return result;
}

int
credentials_from_container(const struct aws_config *c, struct aws_keys *keys, struct error *error)
{
	const char *relative = c->environment->variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = c->environment->variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	struct buffer token = {0};
	char *url;
	int result;

	if (!relative && !full)
		return 0;
	if (!relative && !credentials_uri_is_allowed(slice_of(full)))
		return credentials_bad(error, "credentials",
			"AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an agent on this host");
	url = relative ? memory_format("http://169.254.170.2%s", relative) : memory_copy_string(full);
	result = container_token(c, &token, error);
	if (result == 0)
		result = container_keys(url, buffer_slice(&token), keys, error);
	free(url);
	buffer_wipe(&token);
	return result;
}
