#include "aws/client.h"
#include "aws/credentials_private.h"
#include "aws/xml.h"
#include "base/memory.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static int
keys_from_xml(struct slice body, struct aws_keys *keys, struct error *error)
{
	struct arena arena = {0};
	struct xml_node *c = xml_find(xml_parse(body, &arena, error), "Credentials");
	int result = -1;

	if (!c)
		credentials_bad(error, "credentials", "the reply of STS has no credentials");
	else
		result = credentials_set(keys, xml_text(c, "AccessKeyId"), xml_text(c, "SecretAccessKey"),
			xml_text(c, "SessionToken"), credentials_expiry(xml_text(c, "Expiration")), error);
	arena_wipe(&arena);
	return result;
}

int
credentials_ask_sts(const struct aws_config *c, struct buffer *form, const struct aws_keys *signer, const char *what,
	struct aws_keys *keys, struct error *error)
{
	struct slice region = aws_config_region(c);
	char *name = region.n ? memory_copy(region.p, region.n) : memory_copy_string("us-east-1");
	struct aws_call call = {.service = AWS_STS,
		.what = what,
		.permission = "sts:AssumeRole",
		.method = "POST",
		.region = name,
		.path = SLICE("/"),
		.has_body = true,
		.body = buffer_slice(form),
		.body_fd = -1,
		.total_ms = 15000,
		.keys = signer,
		.anonymous = signer == NULL,
		.reply_max = CREDENTIALS_TEXT_MAX};
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

void
credentials_begin_form(
	const struct aws_config *c, struct buffer *form, const char *action, struct slice role, struct slice session)
{
	char name[64];

	snprintf(name, sizeof(name), "acc-%lld", (long long)(c->environment->now_us() / 1000000));
	buffer_format(form, "Action=%s&Version=2011-06-15", action);
	form_add(form, SLICE("RoleArn"), role);
	form_add(form, SLICE("RoleSessionName"), session.n ? session : slice_of(name));
}

int
credentials_by_web_identity(const struct aws_config *c, struct slice file, struct slice role, struct slice session,
	struct aws_keys *keys, struct error *error)
{
	struct buffer token = {0}, form = {0};
	char *path = memory_copy(file.p, file.n);
	int result;

	if (!role.n) {
		result = credentials_bad(error, "credentials", "a web identity needs a role (set AWS_ROLE_ARN)");
	} else if ((result = aws_read_file(path, CREDENTIALS_TEXT_MAX, &token, error)) == 0) {
		credentials_begin_form(c, &form, "AssumeRoleWithWebIdentity", role, session);
		form_add(&form, SLICE("WebIdentityToken"), credentials_trimmed(buffer_slice(&token)));
		snprintf(keys->source, sizeof(keys->source), "role '%.*s' (web identity)",
			(int)(role.n < 100 ? role.n : 100), role.p);
		result = credentials_ask_sts(c, &form, NULL, "assume the role with the web identity", keys, error);
	}
	free(path);
	buffer_wipe(&token);
	buffer_wipe(&form);
	return result;
}

int
credentials_from_web_identity(const struct aws_config *c, struct aws_keys *keys, struct error *error)
{
	struct slice file = aws_config_value(c, "AWS_WEB_IDENTITY_TOKEN_FILE", NULL);

	if (!file.n)
		return 0;
	return credentials_by_web_identity(c, file, aws_config_value(c, "AWS_ROLE_ARN", NULL),
		aws_config_value(c, "AWS_ROLE_SESSION_NAME", NULL), keys, error);
}
