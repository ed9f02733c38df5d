/* What the sources of credentials share. Each source gives 1 when it has keys (or they were asked for), 0 when it has
 * none, -1 with *error. Nothing of a secret is ever printed. */
#ifndef ACC_AWS_CREDENTIALS_PRIVATE_H
#define ACC_AWS_CREDENTIALS_PRIVATE_H

#include "aws/credentials.h"
#include "base/buffer.h"
#include "base/percent.h"

#define CREDENTIALS_TEXT_MAX (1 << 20) /* of a reply or a file */

/* ---- credentials_text.c: keys as text, and the environment's */

/* -1, with *error (STATUS_USAGE). */
int credentials_bad(struct error *error, const char *code, const char *text);
struct slice credentials_trimmed(struct slice s);
/* Neither empty nor with white space or control characters. */
bool credentials_is_key(struct slice s);
/* Copy what was found to *keys. */
int credentials_set(struct aws_keys *keys, struct slice id, struct slice secret, struct slice token, int64_t expires,
	struct error *error);
/* A time in RFC 3339 as seconds since the epoch; AWS_NEVER_EXPIRES when there is none. */
int64_t credentials_expiry(struct slice text);
int credentials_from_environment(const struct aws_config *c, struct aws_keys *keys, struct error *error);

/* ---- credentials_endpoint.c: containers and instances */

int credentials_from_container(const struct aws_config *c, struct aws_keys *keys, struct error *error);
int credentials_from_instance(const struct aws_config *c, struct aws_keys *keys, struct error *error);

/* ---- credentials_sts.c: the security token service */

int credentials_from_web_identity(const struct aws_config *c, struct aws_keys *keys, struct error *error);
int credentials_by_web_identity(const struct aws_config *c, struct slice file, struct slice role, struct slice session,
	struct aws_keys *keys, struct error *error);
/* A request to assume a role: its form, and the asking; signer NULL: not signed. */
void credentials_begin_form(
	const struct aws_config *c, struct buffer *form, const char *action, struct slice role, struct slice session);
int credentials_ask_sts(const struct aws_config *c, struct buffer *form, const struct aws_keys *signer,
	const char *what, struct aws_keys *keys, struct error *error);

/* ---- credentials_profile.c: profiles and their processes */

int credentials_from_profile(const struct aws_config *c, struct aws_keys *keys, struct error *error);

#endif
