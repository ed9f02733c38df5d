#include "aws/credentials.h"

#include "aws/client.h"
#include "aws/http.h"
#include "aws/xml.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/message.h"
#include "json/text.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	ADVISORY_SECONDS = 15 * 60,
	MANDATORY_SECONDS = 10 * 60,
	ASK_AGAIN_SECONDS = 5 * 60, /* after a failed or unfruitful renewal */
	SMALL_MAX = 1 << 20,
	CHAIN_MAX = 8,
};

static struct {
	pthread_mutex_t lock;
	struct aws_keys keys;
	int64_t next_try;            /* no renewal before */
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int
bad(struct error *error, const char *code, const char *text)
{
	return error_set(error, STATUS_USAGE, code, "%s", text);
}

static void
wipe_string(char **s)
{
	if (*s)
		sodium_memzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

static void
wipe_buffer(struct buffer *b)
{
	if (b->p)
		sodium_memzero(b->p, b->capacity);
	buffer_free(b);
}

void
aws_keys_free(struct aws_keys *keys)
{
	wipe_string(&keys->id);
	wipe_string(&keys->secret);
	wipe_string(&keys->token);
}

static bool
is_key_text(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0;
}

static struct slice
trimmed(struct slice s)
{
	while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
		s.n--;
	while (s.n && (unsigned char)s.p[0] <= ' ')
		s.p++, s.n--;
	return s;
}

static int
set_keys(struct aws_keys *keys, struct slice id, struct slice secret, struct slice token,
	int64_t expires, struct error *error)
{
	id = trimmed(id);
	secret = trimmed(secret);
	token = trimmed(token);
	if (!is_key_text(id) || !is_key_text(secret) || (token.n && !is_key_text(token)))
		return bad(error, "credentials", "a key that is empty or has white space in it");
	keys->id = memory_copy(id.p, id.n);
	keys->secret = memory_copy(secret.p, secret.n);
	keys->token = token.n ? memory_copy(token.p, token.n) : NULL;
	keys->expires = expires;
	return 0;
}

static int64_t
expiry(struct slice text)
{
	struct instant t;

	text = trimmed(text);
	if (!text.n || !instant_parse(text, &t, NULL))
		return AWS_NEVER_EXPIRES;
	return t.seconds;
}

int
credentials_due(int64_t expires, int64_t now)
{
	if (expires == AWS_NEVER_EXPIRES || expires - now > ADVISORY_SECONDS)
		return 0;
	return expires - now > MANDATORY_SECONDS ? 1 : 2;
}

/* ---- JSON of processes, containers and instances ---- */

static struct slice
member(struct slice object, const char *name, struct arena *arena)
{
	struct slice value = json_member(object, slice_of(name));

	return value.p && json_kind(value) == JSON_STRING ? json_decode(value, arena)
							  : (struct slice){NULL, 0};
}

static int
parse_object(struct slice object, bool process, struct aws_keys *keys, struct arena *arena,
	struct error *error)
{
	struct slice version = json_member(object, SLICE("Version"));
	struct slice code = member(object, "Code", arena), id = member(object, "AccessKeyId", arena);
	struct slice message = member(object, "Message", arena);

	if (!message.n)
		message = member(object, "message", arena);
	if (process && !slice_equal(version, SLICE("1")))
		return bad(error, "credentials", "its reply is not of \"Version\": 1");
	if (code.n && !slice_equal(code, SLICE("Success")))
		return error_set(error, STATUS_USAGE, "credentials", "it says %.*s: %.*s", (int)code.n, code.p,
			(int)message.n, message.p);
	if (!id.n)
		return bad(error, "credentials", "its reply has no \"AccessKeyId\"");
	return set_keys(keys, id, member(object, "SecretAccessKey", arena),
		member(object, process ? "SessionToken" : "Token", arena),
		expiry(member(object, "Expiration", arena)), error);
}

int
credentials_parse(struct slice json, bool process, struct aws_keys *keys, struct error *error)
{
	struct arena arena = {0};
	struct slice object;
	int result;

	if (json_parse(json, "reply", &object, error) < 0 || json_kind(object) != JSON_OBJECT)
		return bad(error, "credentials", "its reply is not a JSON object");
	result = parse_object(object, process, keys, &arena, error);
	arena_free(&arena);
	return result;
}

/* ---- the environment ---- */

/* 1 found, 0 not there, -1 *error: so do all the sources below. */
static int
from_environment(const struct aws_config *c, struct aws_keys *keys, struct error *error)
{
	struct slice id = aws_config_value(c, "AWS_ACCESS_KEY_ID", NULL);
	struct slice secret = aws_config_value(c, "AWS_SECRET_ACCESS_KEY", NULL);
	struct slice token = aws_config_value(c, "AWS_SESSION_TOKEN", NULL);

	if (!id.n)
		return 0;
	if (!secret.n)
		return bad(error, "credentials", "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
	if (!token.n)
		token = aws_config_value(c, "AWS_SECURITY_TOKEN", NULL);
	snprintf(keys->source, sizeof(keys->source), "the environment");
	if (set_keys(keys, id, secret, token,
		    expiry(aws_config_value(c, "AWS_CREDENTIAL_EXPIRATION", NULL)), error) < 0)
		return bad(error, "credentials",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN has white space in it");
	return 1;
}

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
	struct http_request request = {.method = ask->method, .url = ask->url, .headers = &header,
		.n_headers = ask->header ? 1 : 0, .has_body = strcmp(ask->method, "PUT") == 0,
		.body_fd = -1, .connect_ms = ask->timeout_ms, .total_ms = ask->timeout_ms, .direct = true};
	struct http_stream *s = http_open(&request);
	const struct http_reply *reply;
	int status = 0;

	body->n = 0;
	*transport = http_head(s, &reply, error);
	if (*transport == RETRY_ANSWERED) {
		status = reply->status;
		*transport = http_read_all(s, body, SMALL_MAX, error);
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
			http_sleep_ms(500);
		status = ask_once(ask, body, &transport, error);
		if (status && status < 500 && status != 429)
			break;
	}
	return status;
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
	struct slice set = aws_config_value(c, "AWS_EC2_METADATA_SERVICE_ENDPOINT",
		"ec2_metadata_service_endpoint");
	struct slice mode = aws_config_value(c, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
		"ec2_metadata_service_endpoint_mode");

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
		m->timeout_ms, m->tries}, &m->token, error);
	free(url);
	m->token.n = trimmed(buffer_slice(&m->token)).n;
	return status == 200 && is_key_text(buffer_slice(&m->token)) ? 1 : 0;
}

static void
imds_close(struct imds *m)
{
	free(m->base);
	wipe_buffer(&m->token);
}

static int
imds_get(struct imds *m, const char *path, const char *more, struct buffer *body, struct error *error)
{
	char *url = memory_format("%s/latest/meta-data/%s%s", m->base, path, more);
	int status = ask_for(&(struct ask){"GET", url, "x-aws-ec2-metadata-token", buffer_slice(&m->token),
		m->timeout_ms, m->tries}, body, error);

	free(url);
	return status;
}

static int
imds_keys(struct imds *m, struct aws_keys *keys, struct error *error)
{
	static const char path[] = "iam/security-credentials/";
	struct buffer role = {0}, json = {0};
	int status = imds_get(m, path, "", &role, error), result = 0;

	if (status == 200) {
		char *newline;

		buffer_string(&role);
		if ((newline = strpbrk(role.p, "\r\n")))
			*newline = 0;
		status = imds_get(m, path, role.p, &json, error);
		snprintf(keys->source, sizeof(keys->source), "the instance's role '%.100s'", role.p);
		if (status == 200)
			result = credentials_parse(buffer_slice(&json), false, keys, error) < 0 ? -1 : 1;
		else
			result = error_set(error, STATUS_FAILED, "credentials",
				"the instance's metadata service gives no keys (HTTP %d)", status);
	}
	buffer_free(&role);
	wipe_buffer(&json);
	return result;
}

static int
from_instance(const struct aws_config *c, struct aws_keys *keys, struct error *error)
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
		struct slice t = trimmed(buffer_slice(&text));

		if (is_key_text(t))
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
	static const char *const hosts[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost",
		"[::1]", NULL};
	struct aws_endpoint e;
	struct slice host;
	const char *port;
	bool allowed = false;

	if (slice_begins(uri, SLICE("https://")))
		return true;
	if (!slice_begins(uri, SLICE("http://")))
		return false;
	for (e.authority = (char *)uri.p + 7, host.n = 7; host.n < uri.n && !strchr("/?#", uri.p[host.n]); host.n++)
		;
	host = (struct slice){e.authority, host.n - 7};
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
read_secret_file(const char *path, struct buffer *text, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return error_system(error, "cannot open '%s'", path);
	do {
		buffer_reserve(text, 4096);
		got = read(fd, text->p + text->n, 4096);
		text->n += got > 0 ? (size_t)got : 0;
	} while ((got > 0 || (got < 0 && errno == EINTR)) && text->n < SMALL_MAX);
	if (got < 0)
		error_system(error, "cannot read '%s'", path);
	close(fd);
	return got < 0 ? -1 : 0;
}

static int
container_token(const struct aws_config *c, struct buffer *token, struct error *error)
{
	const char *file = c->environment->variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *set = c->environment->variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");

	if (file && read_secret_file(file, token, error) < 0)
		return -1;
	if (!file && set)
		buffer_add_string(token, set);
	token->n = trimmed(buffer_slice(token)).n;
	for (size_t i = 0; token->p && i < token->n; i++)
		if ((unsigned char)token->p[i] < ' ')
			return bad(error, "credentials",
				"the container's authorization token has control characters in it");
	return 0;
}

static int
container_keys(const char *url, struct slice token, struct aws_keys *keys, struct error *error)
{
	struct buffer json = {0};
	struct error cause;
	int status, result;

	status = ask_for(&(struct ask){"GET", url, token.n ? "Authorization" : NULL, token, 2000, 3}, &json,
		&cause);
	snprintf(keys->source, sizeof(keys->source), "the container's role");
	if (status == 0)
		result = error_set(error, STATUS_FAILED, "credentials",
			"cannot get keys from the container's endpoint: %.900s", cause.text);
	else if (status != 200)
		result = error_set(error, STATUS_FAILED, "credentials",
			"the container's endpoint gives no keys (HTTP %d)", status);
	else if (credentials_parse(buffer_slice(&json), false, keys, &cause) < 0)
		result = error_set(error, STATUS_FAILED, "credentials", "the container's endpoint: %.900s",
			cause.text);
	else
		result = 1;
	wipe_buffer(&json);
	return result;
}

static int
from_container(const struct aws_config *c, struct aws_keys *keys, struct error *error)
{
	const char *relative = c->environment->variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = c->environment->variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	struct buffer token = {0};
	char *url;
	int result;

	if (!relative && !full)
		return 0;
	if (!relative && !credentials_uri_is_allowed(slice_of(full)))
		return bad(error, "credentials", "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an agent "
						 "on this host");
	url = relative ? memory_format("http://169.254.170.2%s", relative) : memory_copy_string(full);
	result = container_token(c, &token, error);
	if (result == 0)
		result = container_keys(url, buffer_slice(&token), keys, error);
	free(url);
	wipe_buffer(&token);
	return result;
}

/* ---- the security token service ---- */

static void
add_form(struct buffer *form, const char *name, struct slice value)
{
	if (!value.n)
		return;
	buffer_add_byte(form, '&');
	buffer_add_string(form, name);
	buffer_add_byte(form, '=');
	sigv4_encode(form, value, false);
}

static int
keys_from_xml(struct slice body, struct aws_keys *keys, struct error *error)
{
	struct arena arena = {0};
	struct xml_node *c = xml_find(xml_parse(body, &arena, error), "Credentials");
	int result = -1;

	if (!c)
		bad(error, "credentials", "the reply of STS has no credentials");
	else
		result = set_keys(keys, xml_text(c, "AccessKeyId"), xml_text(c, "SecretAccessKey"),
			xml_text(c, "SessionToken"), expiry(xml_text(c, "Expiration")), error);
	arena_free(&arena);
	return result;
}

static int
ask_sts(const struct aws_config *c, struct buffer *form, const struct aws_keys *signer, const char *what,
	struct aws_keys *keys, struct error *error)
{
	struct slice region = aws_config_region(c);
	char *name = region.n ? memory_copy(region.p, region.n) : memory_copy_string("us-east-1");
	struct aws_call call = {.service = AWS_STS, .what = what, .permission = "sts:AssumeRole",
		.method = "POST", .region = name, .path = SLICE("/"), .has_body = true,
		.body = buffer_slice(form), .body_fd = -1, .total_ms = 15000, .keys = signer,
		.anonymous = signer == NULL, .reply_max = SMALL_MAX};
	struct aws_exchange *x;
	struct aws_reply *reply;
	int result;

	aws_header(&call, "Content-Type", SLICE("application/x-www-form-urlencoded; charset=utf-8"));
	result = aws_perform(&call, &x, &reply, error);
	if (result == 0)
		result = keys_from_xml(buffer_slice(&reply->body), keys, error);
	sodium_memzero(reply->body.p, reply->body.n);
	aws_end(x);
	free(name);
	return result < 0 ? -1 : 1;
}

static void
begin_form(const struct aws_config *c, struct buffer *form, const char *action, struct slice role,
	struct slice session)
{
	char name[64];

	snprintf(name, sizeof(name), "acc-%lld", (long long)(c->environment->now_us() / 1000000));
	buffer_format(form, "Action=%s&Version=2011-06-15", action);
	add_form(form, "RoleArn", role);
	add_form(form, "RoleSessionName", session.n ? session : slice_of(name));
}

static int
by_web_identity(const struct aws_config *c, struct slice file, struct slice role, struct slice session,
	struct aws_keys *keys, struct error *error)
{
	struct buffer token = {0}, form = {0};
	char *path = memory_copy(file.p, file.n);
	int result;

	if (!role.n) {
		result = bad(error, "credentials", "a web identity needs a role (set AWS_ROLE_ARN)");
	} else if ((result = read_secret_file(path, &token, error)) == 0) {
		begin_form(c, &form, "AssumeRoleWithWebIdentity", role, session);
		add_form(&form, "WebIdentityToken", trimmed(buffer_slice(&token)));
		snprintf(keys->source, sizeof(keys->source), "role '%.*s' (web identity)",
			(int)(role.n < 100 ? role.n : 100), role.p);
		result = ask_sts(c, &form, NULL, "assume the role with the web identity", keys, error);
	}
	free(path);
	wipe_buffer(&token);
	wipe_buffer(&form);
	return result;
}

static int
from_web_identity(const struct aws_config *c, struct aws_keys *keys, struct error *error)
{
	struct slice file = aws_config_value(c, "AWS_WEB_IDENTITY_TOKEN_FILE", NULL);

	if (!file.n)
		return 0;
	return by_web_identity(c, file, aws_config_value(c, "AWS_ROLE_ARN", NULL),
		aws_config_value(c, "AWS_ROLE_SESSION_NAME", NULL), keys, error);
}

/* ---- credential_process ---- */

/* Words as a shell has them, without a shell: white space, both quotes, and backslash. */
static char **
split_words(struct slice command)
{
	char **words = memory_get_zeroed(command.n + 2, sizeof(*words));
	char *out = memory_get(command.n * 2 + 2), quote = 0;
	size_t n = 0;
	bool in_word = false;

	words[0] = out;
	for (size_t i = 0; i < command.n; i++) {
		char c = command.p[i];

		if (!quote && (c == ' ' || c == '\t' || c == '\n')) {
			if (in_word) {
				*out++ = 0;
				words[++n] = out;
			}
			in_word = false;
			continue;
		}
		in_word = true;
		if (c == quote)
			quote = 0;
		else if (!quote && (c == '"' || c == '\''))
			quote = c;
		else if (c == '\\' && quote != '\'' && i + 1 < command.n)
			*out++ = command.p[++i];
		else
			*out++ = c;
	}
	*out = 0;
	words[in_word ? n + 1 : n] = NULL;
	if (!in_word && n == 0) {
		free(out);
		words[0] = NULL;
	}
	return words;
}

static int
read_process(char **words, struct buffer *out, int *status, struct error *error)
{
	posix_spawn_file_actions_t actions;
	int fds[2], failed;
	ssize_t got;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_system(error, "cannot make a pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	failed = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (failed) {
		close(fds[0]);
		errno = failed;
		return error_system(error, "cannot run credential_process '%s'", words[0]);
	}
	do {
		buffer_reserve(out, 4096);
		got = read(fds[0], out->p + out->n, 4096);
		out->n += got > 0 ? (size_t)got : 0;
	} while ((got > 0 || (got < 0 && errno == EINTR)) && out->n < SMALL_MAX);
	close(fds[0]);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static int
by_process(const struct aws_config *c, const char *profile, struct slice command, struct aws_keys *keys,
	struct error *error)
{
	char **words = split_words(command);
	struct buffer json = {0};
	struct error cause;
	int status = 0, result = -1;

	(void)c;
	snprintf(keys->source, sizeof(keys->source), "profile '%.80s' (credential_process)", profile);
	if (!words[0])
		bad(error, "credentials", "credential_process is empty");
	else if (read_process(words, &json, &status, error) < 0)
		;
	else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		error_set(error, STATUS_FAILED, "credentials",
			"credential_process of profile '%s' failed with status %d", profile,
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	else if (credentials_parse(buffer_slice(&json), true, keys, &cause) < 0)
		error_set(error, STATUS_FAILED, "credentials", "credential_process of profile '%s': %.900s",
			profile, cause.text);
	else
		result = 1;
	free(words[0]);
	free(words);
	wipe_buffer(&json);
	return result;
}

/* ---- profiles ---- */

struct chain {
	const struct aws_config *config;
	struct slice visited[CHAIN_MAX];
	size_t n;
};

static struct slice
property(const struct chain *chain, struct slice profile, const char *name)
{
	return ini_get(&chain->config->ini, INI_PROFILE, profile, (struct slice){NULL, 0}, slice_of(name));
}

static int from_profile(struct chain *chain, struct slice profile, struct aws_keys *keys,
	struct error *error);

static int
profile_fault(struct slice profile, struct error *error, const char *text)
{
	return error_set(error, STATUS_USAGE, "credentials", "profile '%.*s': %s", (int)profile.n, profile.p,
		text);
}

static int
static_keys(struct chain *chain, struct slice profile, struct aws_keys *keys, struct error *error)
{
	struct slice id = property(chain, profile, "aws_access_key_id");
	struct slice secret = property(chain, profile, "aws_secret_access_key");

	if (!id.n)
		return 0;
	if (!secret.n)
		return profile_fault(profile, error, "aws_access_key_id is set, but aws_secret_access_key is not");
	snprintf(keys->source, sizeof(keys->source), "profile '%.*s'", (int)(profile.n < 100 ? profile.n : 100),
		profile.p);
	if (set_keys(keys, id, secret, property(chain, profile, "aws_session_token"), AWS_NEVER_EXPIRES, error) < 0)
		return profile_fault(profile, error, "a key that is empty or has white space in it");
	return 1;
}

static int
named_source(struct chain *chain, struct slice profile, struct slice name, struct aws_keys *keys,
	struct error *error)
{
	const struct aws_config *c = chain->config;
	int found;

	if (slice_equal(name, SLICE("Environment")))
		found = from_environment(c, keys, error);
	else if (slice_equal(name, SLICE("EcsContainer")))
		found = from_container(c, keys, error);
	else if (slice_equal(name, SLICE("Ec2InstanceMetadata")))
		found = from_instance(c, keys, error);
	else
		return profile_fault(profile, error,
			"credential_source must be Environment, EcsContainer or Ec2InstanceMetadata");
	return found ? found : profile_fault(profile, error, "its credential_source has no keys");
}

static int
source_keys(struct chain *chain, struct slice profile, struct aws_keys *keys, struct error *error)
{
	struct slice source = property(chain, profile, "source_profile");
	struct slice named = property(chain, profile, "credential_source");
	int found;

	if ((source.n != 0) == (named.n != 0))
		return profile_fault(profile, error,
			"role_arn needs exactly one of source_profile and credential_source");
	if (named.n)
		return named_source(chain, profile, named, keys, error);
	if (slice_equal(source, profile)) {
		found = static_keys(chain, profile, keys, error);
		return found ? found : profile_fault(profile, error, "it is its own source_profile without keys");
	}
	for (size_t i = 0; i < chain->n; i++)
		if (slice_equal(chain->visited[i], source))
			return profile_fault(profile, error, "its source_profile leads back to itself");
	if (!ini_has(&chain->config->ini, INI_PROFILE, source))
		return profile_fault(profile, error, "its source_profile does not exist");
	return from_profile(chain, source, keys, error);
}

static int
assume_role(struct chain *chain, struct slice profile, struct slice role, struct aws_keys *keys,
	struct error *error)
{
	struct aws_keys signer = {0};
	struct buffer form = {0};
	char what[300];
	int result;

	if (property(chain, profile, "mfa_serial").n)
		return profile_fault(profile, error,
			"mfa_serial asks for a code at the keyboard, which is not supported; "
			"export session keys instead (aws sts get-session-token)");
	result = source_keys(chain, profile, &signer, error);
	if (result > 0) {
		begin_form(chain->config, &form, "AssumeRole", role, property(chain, profile, "role_session_name"));
		add_form(&form, "ExternalId", property(chain, profile, "external_id"));
		add_form(&form, "DurationSeconds", property(chain, profile, "duration_seconds"));
		snprintf(what, sizeof(what), "assume the role '%.*s'", (int)(role.n < 200 ? role.n : 200), role.p);
		snprintf(keys->source, sizeof(keys->source), "role '%.*s'", (int)(role.n < 120 ? role.n : 120),
			role.p);
		result = ask_sts(chain->config, &form, &signer, what, keys, error);
	}
	aws_keys_free(&signer);
	buffer_free(&form);
	return result;
}

static int
refuse_sso(struct chain *chain, struct slice profile, struct error *error)
{
	static const char *const marks[] = {"sso_session", "sso_start_url", "sso_account_id", "login_session"};

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (property(chain, profile, marks[i]).n)
			return error_set(error, STATUS_USAGE, "credentials",
				"profile '%.*s' signs in by %s, which is not supported; run "
				"eval \"$(aws configure export-credentials --profile %.*s --format env)\" or use it "
				"as credential_process", (int)profile.n, profile.p,
				marks[i][0] == 'l' ? "aws login" : "SSO", (int)profile.n, profile.p);
	return 0;
}

static int
from_profile(struct chain *chain, struct slice profile, struct aws_keys *keys, struct error *error)
{
	struct slice role = property(chain, profile, "role_arn");
	struct slice identity = property(chain, profile, "web_identity_token_file");
	struct slice process = property(chain, profile, "credential_process");
	char name[128];
	int found;

	if (chain->n == CHAIN_MAX)
		return profile_fault(profile, error, "the chain of source_profile is too long");
	/* A profile that was reached through another is first asked for its own keys. */
	if (chain->n++ > 0 && (found = static_keys(chain, profile, keys, error)) != 0)
		return found;
	chain->visited[chain->n - 1] = profile;
	if (role.n && identity.n)
		return by_web_identity(chain->config, identity, role,
			property(chain, profile, "role_session_name"), keys, error);
	if (role.n)
		return assume_role(chain, profile, role, keys, error);
	if ((found = static_keys(chain, profile, keys, error)) != 0)
		return found;
	if (process.n) {
		snprintf(name, sizeof(name), "%.*s", (int)(profile.n < 100 ? profile.n : 100), profile.p);
		return by_process(chain->config, name, process, keys, error);
	}
	return refuse_sso(chain, profile, error);
}

static int
from_configured_profile(const struct aws_config *c, struct aws_keys *keys, struct error *error)
{
	struct chain chain = {.config = c};
	struct slice profile = slice_of(c->profile);
	int found;

	if (!ini_has(&c->ini, INI_PROFILE, profile))
		return !c->profile_was_asked_for ? 0 : error_set(error, STATUS_USAGE, "credentials",
			"profile '%s' is neither in '%s' nor in '%s' (see AWS_PROFILE)", c->profile,
			c->config_file ? c->config_file : "~/.aws/config",
			c->credentials_file ? c->credentials_file : "~/.aws/credentials");
	found = from_profile(&chain, profile, keys, error);
	return found;
}

/* ---- the chain, and renewal ---- */

static int
find_keys(const struct aws_config *c, struct aws_keys *keys, struct error *error)
{
	static int (*const sources[])(const struct aws_config *, struct aws_keys *, struct error *) = {
		from_environment, from_configured_profile, from_web_identity, from_container, from_instance};
	int found = 0;

	for (size_t i = 0; found == 0 && i < sizeof(sources) / sizeof(*sources); i++)
		found = sources[i](c, keys, error);
	if (found == 0)
		return error_set(error, STATUS_USAGE, "credentials",
			"no AWS credentials found (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
			"AWS_PROFILE, or run where a role is given)");
	return found < 0 ? -1 : 0;
}

static int
renew(const struct aws_config *c, int due, bool refused, struct error *error)
{
	struct aws_keys fresh = {0};
	int64_t now = c->environment->now_us() / 1000000;

	if (find_keys(c, &fresh, error) < 0) {
		aws_keys_free(&fresh);
		if (!cache.keys.id || refused || (due == 2 && cache.keys.expires <= now))
			return -1;
		message(MESSAGE_WARNING, "the credentials expire soon and could not be renewed: %s", error->text);
	} else {
		aws_keys_free(&cache.keys);
		cache.keys = fresh;
		message(MESSAGE_NOTE, "credentials from %s", fresh.source);
	}
	cache.next_try = now + (due == 2 ? 30 : ASK_AGAIN_SECONDS);
	return 0;
}

static void
copy_keys(struct aws_keys *to, const struct aws_keys *from)
{
	*to = *from;
	to->id = memory_copy_string(from->id);
	to->secret = memory_copy_string(from->secret);
	to->token = from->token ? memory_copy_string(from->token) : NULL;
}

int
credentials_get(const struct aws_config *config, bool refused, struct aws_keys *keys, struct error *error)
{
	int64_t now = config->environment->now_us() / 1000000;
	int due, result = 0;

	pthread_mutex_lock(&cache.lock);
	due = !cache.keys.id || refused ? 2 : credentials_due(cache.keys.expires, now);
	if (due && (!cache.keys.id || refused || now >= cache.next_try))
		result = renew(config, due, refused, error);
	if (result == 0)
		copy_keys(keys, &cache.keys);
	pthread_mutex_unlock(&cache.lock);
	return result;
}

void
credentials_source(char *out, size_t n)
{
	pthread_mutex_lock(&cache.lock);
	snprintf(out, n, "%s", cache.keys.source);
	pthread_mutex_unlock(&cache.lock);
}

void
credentials_forget(void)
{
	pthread_mutex_lock(&cache.lock);
	aws_keys_free(&cache.keys);
	cache.keys = (struct aws_keys){0};
	cache.next_try = 0;
	pthread_mutex_unlock(&cache.lock);
}
