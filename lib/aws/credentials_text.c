#include "aws/credentials_private.h"
#include "base/instant.h"
#include "base/memory.h"
#include "json/text.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
credentials_bad(struct error *error, const char *code, const char *text)
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

void
aws_keys_free(struct aws_keys *keys)
{
	wipe_string(&keys->id);
	wipe_string(&keys->secret);
	wipe_string(&keys->token);
}

bool
credentials_is_key(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0;
}

struct slice
credentials_trimmed(struct slice s)
{
	while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
		s.n--;
	while (s.n && (unsigned char)s.p[0] <= ' ')
		s.p++, s.n--;
	return s;
}

int
credentials_set(struct aws_keys *keys, struct slice id, struct slice secret, struct slice token, int64_t expires,
	struct error *error)
{
	id = credentials_trimmed(id);
	secret = credentials_trimmed(secret);
	token = credentials_trimmed(token);
	if (!credentials_is_key(id) || !credentials_is_key(secret) || (token.n && !credentials_is_key(token)))
		return credentials_bad(error, "credentials", "a key that is empty or has white space in it");
	keys->id = memory_copy(id.p, id.n);
	keys->secret = memory_copy(secret.p, secret.n);
	keys->token = token.n ? memory_copy(token.p, token.n) : NULL;
	keys->expires = expires;
	return 0;
}

int64_t
credentials_expiry(struct slice text)
{
	struct instant t;

	text = credentials_trimmed(text);
	if (!text.n || !instant_parse(text, &t, NULL))
		return AWS_NEVER_EXPIRES;
	return t.seconds;
}

/* ---- JSON of processes, containers and instances ---- */

static int
parse_object(struct slice object, bool process, struct aws_keys *keys, struct arena *arena, struct error *error)
{
	struct slice version = json_member(object, SLICE("Version"));
	struct slice code = json_member_text(object, "Code", arena),
		     id = json_member_text(object, "AccessKeyId", arena);
	struct slice message = json_member_text(object, "Message", arena);

	if (!message.n)
		message = json_member_text(object, "message", arena);
	if (process && !slice_equal(version, SLICE("1")))
		return credentials_bad(error, "credentials", "its reply is not of \"Version\": 1");
	if (code.n && !slice_equal(code, SLICE("Success")))
		return error_set(error, STATUS_USAGE, "credentials", "it says %.*s: %.*s", (int)code.n, code.p,
			(int)message.n, message.p);
	if (!id.n)
		return credentials_bad(error, "credentials", "its reply has no \"AccessKeyId\"");
	return credentials_set(keys, id, json_member_text(object, "SecretAccessKey", arena),
		json_member_text(object, process ? "SessionToken" : "Token", arena),
		credentials_expiry(json_member_text(object, "Expiration", arena)), error);
}

int
credentials_parse(struct slice json, bool process, struct aws_keys *keys, struct error *error)
{
	struct arena arena = {0};
	struct slice object;
	int result;

	if (json_parse(json, "reply", &object, error) < 0 || json_kind(object) != JSON_OBJECT)
		return credentials_bad(error, "credentials", "its reply is not a JSON object");
	result = parse_object(object, process, keys, &arena, error);
	arena_wipe(&arena);
	return result;
}

/* ---- the environment ---- */

/* 1 found, 0 not there, -1 *error: so do all the sources below. */
int
credentials_from_environment(const struct aws_config *c, struct aws_keys *keys, struct error *error)
{
	struct slice id = aws_config_value(c, "AWS_ACCESS_KEY_ID", NULL);
	struct slice secret = aws_config_value(c, "AWS_SECRET_ACCESS_KEY", NULL);
	struct slice token = aws_config_value(c, "AWS_SESSION_TOKEN", NULL);

	if (!id.n)
		return 0;
	if (!secret.n)
		return credentials_bad(
			error, "credentials", "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
	if (!token.n)
		token = aws_config_value(c, "AWS_SECURITY_TOKEN", NULL);
	snprintf(keys->source, sizeof(keys->source), "the environment");
	if (credentials_set(keys, id, secret, token,
		    credentials_expiry(aws_config_value(c, "AWS_CREDENTIAL_EXPIRATION", NULL)), error) < 0)
		return credentials_bad(error, "credentials",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN has white space in it");
	return 1;
}
