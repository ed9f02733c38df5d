/* credentials - keys, found as the SDKs find them, and renewed before they expire.
 *
 * The first of: the environment; the profile (static keys, role_arn with source_profile, credential_source or a web
 * identity, credential_process; sso and login are refused with the way out); a web identity by environment; the
 * container's endpoint (ECS, EKS pod identity); the instance's metadata (IMDSv2 only). A profile that was asked for by
 * name must exist; one that tells of no keys, but only of a region, say, is passed over.
 *
 * Renewal is tried from 15 minutes before expiry, and must succeed from 10 minutes before, except that keys which still
 * hold are used on while the source fails (static stability), or while another thread renews. A credential_process
 * has a minute, as in AWS's SDK for Go. Thread safe. Nothing of a secret is ever printed. */
#ifndef ACC_AWS_CREDENTIALS_H
#define ACC_AWS_CREDENTIALS_H

#include "aws/config.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define AWS_NEVER_EXPIRES INT64_MAX

struct aws_keys {
	char *id, *secret, *token; /* owned; token may be NULL */
	int64_t expires;           /* seconds since the epoch */
	unsigned serial;           /* different each time that keys were fetched, from 1 */
	char source[160];          /* for people: "the environment", "profile 'x' (credential_process)" */
};

/* Copy the current keys, fetching or renewing them when due. refused: the serial of keys that the service called
 * expired, or 0; they are fetched anew once for all who had them. -1 with *error (STATUS_USAGE when there are none,
 * else STATUS_FAILED). Gives keys to aws_keys_free. */
int credentials_get(const struct aws_config *config, unsigned refused, struct aws_keys *keys, struct error *error);
void aws_keys_free(struct aws_keys *keys); /* wipes */

/* Where the keys come from, for messages; "" before any were got. */
void credentials_source(char *out, size_t n);

/* Forget what was cached. For tests. */
void credentials_forget(void);

/* The pure parts. Whether to renew: 0 no, 1 when possible, 2 by all means. */
int credentials_due(int64_t expires, int64_t now);
/* Keys from the JSON of a process, a container or the instance: the last is *version 1 only when asked for. */
int credentials_parse(struct slice json, bool process, struct aws_keys *keys, struct error *error);
/* Whether a container's full URI may be asked: https, or http to the loopback and link-local agents. */
bool credentials_uri_is_allowed(struct slice uri);

/* The region of the instance we run on, or NULL. Gives a string to free(3). */
char *credentials_instance_region(const struct aws_config *config);

#endif
