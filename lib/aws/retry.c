#include "aws/retry.h"

#include <stdlib.h>

enum {
	COST = 5,
	COST_TIMEOUT = 10,
	BASE_TRANSIENT_MS = 50,
	BASE_THROTTLE_MS = 250,
	SKEW_MIN_SECONDS = 4 * 60,
	RETRY_AFTER_MORE_MS = 5000,
};

static bool
is_one_of(struct slice code, const char *const *list)
{
	for (; *list; list++)
		if (slice_equal(code, slice_of(*list)))
			return true;
	return false;
}

static const char *const throttling[] = {"Throttling", "ThrottlingException", "ThrottledException", "Throttled",
	"RequestThrottledException", "RequestThrottled", "TooManyRequestsException",
	"ProvisionedThroughputExceededException", "TransactionInProgressException", "RequestLimitExceeded",
	"BandwidthLimitExceeded", "LimitExceededException", "SlowDown", "EC2ThrottledException", "KmsThrottled",
	"KMSThrottling", "KMSThrottlingException", NULL};
static const char *const transient[] = {"RequestTimeoutException", "ConditionalRequestConflict",
	"PriorRequestNotComplete", "InternalError", "InternalServerError", "InternalFailure", "ServiceUnavailable",
	"IDPCommunicationError", "OperationAborted", NULL};
static const char *const skewed[] = {"InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure",
	"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture", "AccessDeniedException", "AccessDenied", NULL};
static const char *const expired[] = {
	"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", NULL};

enum retry_class
retry_classify(const struct retry_outcome *o)
{
	switch (o->transport) {
	case RETRY_HOPELESS: return RETRY_NEVER;
	case RETRY_TIMED_OUT: return RETRY_TIMEOUT;
	case RETRY_BROKEN:
	case RETRY_UNREACHABLE: return RETRY_TRANSIENT;
	case RETRY_ANSWERED: break;
	}
	if (o->has_date && llabs(o->skew_seconds) > SKEW_MIN_SECONDS &&
		(is_one_of(o->code, skewed) || (o->status == 403 && o->code.n == 0)))
		return RETRY_SKEW;
	if (is_one_of(o->code, expired))
		return RETRY_CREDENTIALS;
	if (is_one_of(o->code, throttling) || o->status == 429)
		return RETRY_THROTTLE;
	if (slice_equal(o->code, SLICE("RequestTimeout")))
		return RETRY_FRESH;
	if (is_one_of(o->code, transient) || o->status == 500 || o->status == 502 || o->status == 504)
		return RETRY_TRANSIENT;
	return o->status == 503 ? RETRY_THROTTLE : RETRY_NEVER;
}

static uint64_t
backoff(enum retry_class class, int attempt, uint32_t random, int64_t retry_after_ms)
{
	uint64_t limit = class == RETRY_THROTTLE ? BASE_THROTTLE_MS : BASE_TRANSIENT_MS, delay;

	for (int i = 1; i < attempt && limit < RETRY_CAP_MS; i++)
		limit *= 2;
	if (limit > RETRY_CAP_MS)
		limit = RETRY_CAP_MS;
	delay = (limit * (uint64_t)random) >> 32;
	if (retry_after_ms > (int64_t)(delay + RETRY_AFTER_MORE_MS))
		return delay + RETRY_AFTER_MORE_MS;
	return retry_after_ms > (int64_t)delay ? (uint64_t)retry_after_ms : delay;
}

bool
retry_again(struct retry_state *state, enum retry_class class, int max_attempts, int *bucket, uint32_t random,
	int64_t retry_after_ms, uint64_t *delay_ms)
{
	int cost = class == RETRY_TIMEOUT ? COST_TIMEOUT : COST;
	bool *once = class == RETRY_SKEW     ? &state->skew_corrected
		: class == RETRY_CREDENTIALS ? &state->credentials_refreshed
					     : NULL;

	*delay_ms = 0;
	if (class == RETRY_NEVER || (once && *once))
		return false;
	if (once)
		return *once = true;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a null once does not make state null */
	if (state->attempt >= max_attempts || *bucket < cost)
		return false;
	*bucket -= cost;
	state->taken += cost;
	*delay_ms = backoff(class, state->attempt, random, retry_after_ms);
	return true;
}

uint64_t
retry_rest_ms(int attempt, uint32_t random)
{
	return backoff(RETRY_THROTTLE, attempt, random, -1);
}

void
retry_success(struct retry_state *state, int *bucket)
{
	*bucket += state->taken ? state->taken : 1;
	if (*bucket > RETRY_BUCKET)
		*bucket = RETRY_BUCKET;
	state->taken = 0;
}
