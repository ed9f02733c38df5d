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
	bool renewing;    /* by one thread, without the lock: it may have to wait for somebody */
	unsigned renewals;
	pthread_cond_t renewed;
	struct error failure; /* of the last renewal; code NULL: it gave keys */
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .renewed = PTHREAD_COND_INITIALIZER};

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
	if (found < 0) {
		/* that a file of ours is missing says nothing of the object that was to be read with the keys */
		error->code = "credentials";
		error->status = error->status == STATUS_USAGE ? STATUS_USAGE : STATUS_FAILED;
	}
	return found < 0 ? -1 : 0;
}

/* There are none in the cache, or the service refused them. */
static bool
are_useless(unsigned refused)
{
	return !cache.keys.id || refused == cache.keys.serial;
}

static bool
are_good(int64_t now)
{
	return cache.keys.expires == AWS_NEVER_EXPIRES || cache.keys.expires > now;
}

/* Called and left with the lock, without it meanwhile. */
static int
renew(const struct aws_config *c, int due, bool useless, struct error *error)
{
	struct aws_keys fresh = {0};
	int found;
	int64_t now;

	cache.renewing = true;
	pthread_mutex_unlock(&cache.lock);
	found = find_keys(c, &fresh, error);
	now = c->environment->now_us() / 1000000;
	pthread_mutex_lock(&cache.lock);
	cache.renewing = false;
	cache.renewals++;
	pthread_cond_broadcast(&cache.renewed);
	if (found < 0) {
		aws_keys_free(&fresh);
		cache.failure = *error;
		if (useless || !are_good(now))
			return -1;
		message(MESSAGE_WARNING, "the credentials expire soon and could not be renewed: %s", error->text);
	} else {
		fresh.serial = cache.keys.serial + 1;
		aws_keys_free(&cache.keys);
		cache.keys = fresh;
		cache.failure.code = NULL;
		message(MESSAGE_NOTE, "credentials from %s", fresh.source);
	}
	cache.next_try = now + (due == 2 ? 30 : ASK_AGAIN_SECONDS);
	return 0;
}

/* Wait for the thread that renews. -1 with its *error where it found no keys. What it found is taken as it is: by a
 * clock that is wrong fresh keys can have expired. */
static int
await_renewal(unsigned refused, int64_t now, struct error *error)
{
	unsigned renewals = cache.renewals;

	while (cache.renewals == renewals)
		pthread_cond_wait(&cache.renewed, &cache.lock);
	if (!cache.failure.code || (!are_useless(refused) && are_good(now)))
		return 0;
	*error = cache.failure;
	return -1;
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
	useless = are_useless(refused);
	due = useless ? 2 : now < cache.next_try ? 0 : credentials_due(cache.keys.expires, now);
	if (cache.renewing && (useless || !are_good(now)))
		result = await_renewal(refused, now, error);
	else if (due && !cache.renewing)
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
