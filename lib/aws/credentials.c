#include "aws/credentials.h"

#include "aws/credentials_private.h"
#include "base/memory.h"
#include "base/message.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	ADVISORY_SECONDS = 15 * 60,
	MANDATORY_SECONDS = 10 * 60,
	ASK_AGAIN_SECONDS = 5 * 60, /* after a failed or unfruitful renewal */
};

static struct {
	pthread_mutex_t lock;
	struct aws_keys keys;
	int64_t next_try; /* no renewal before */
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the chain, and renewal ---- */

int
credentials_due(int64_t expires, int64_t now)
{
	if (expires == AWS_NEVER_EXPIRES || expires - now > ADVISORY_SECONDS)
		return 0;
	return expires - now > MANDATORY_SECONDS ? 1 : 2;
}

static int
find_keys(const struct aws_config *c, struct aws_keys *keys, struct error *error)
{
	static int (*const sources[])(const struct aws_config *, struct aws_keys *, struct error *) = {
		credentials_from_environment, credentials_from_profile, credentials_from_web_identity,
		credentials_from_container, credentials_from_instance};
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
renew(const struct aws_config *c, int due, bool useless, struct error *error)
{
	struct aws_keys fresh = {0};
	int64_t now = c->environment->now_us() / 1000000;

	if (find_keys(c, &fresh, error) < 0) {
		aws_keys_free(&fresh);
		if (useless || (due == 2 && cache.keys.expires <= now))
			return -1;
		message(MESSAGE_WARNING, "the credentials expire soon and could not be renewed: %s", error->text);
	} else {
		fresh.serial = cache.keys.serial + 1;
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
credentials_get(const struct aws_config *config, unsigned refused, struct aws_keys *keys, struct error *error)
{
	int64_t now = config->environment->now_us() / 1000000;
	int due, result = 0;
	bool useless;

	pthread_mutex_lock(&cache.lock);
	useless = !cache.keys.id || refused == cache.keys.serial;
	due = useless ? 2 : credentials_due(cache.keys.expires, now);
	if (due && (useless || now >= cache.next_try))
		result = renew(config, due, useless, error);
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
