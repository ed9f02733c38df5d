/* retry - whether to try again, and when: the standard mode of the AWS SDKs, as pure decisions.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Retry behavior": error classes, full jitter below a limit that doubles
 * to RETRY_CAP_MS, a token bucket, x-amz-retry-after. Three things differ on purpose, because a batch of thousands of
 * requests must end the same whether or not the service throttles: the default is RETRY_ATTEMPTS tries
 * (AWS_MAX_ATTEMPTS sets it), begun at shorter delays, and a success gives back all that the request's retries took
 * from the bucket. No state but what is passed in; the caller locks. */
#ifndef ACC_AWS_RETRY_H
#define ACC_AWS_RETRY_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define RETRY_ATTEMPTS 10          /* tries in all, the first included */
#define RETRY_ATTEMPTS_UNREACHED 3 /* for a host that has not answered yet */
#define RETRY_BUCKET 500
#define RETRY_CAP_MS 20000

enum retry_transport {
	RETRY_ANSWERED,    /* a whole reply came */
	RETRY_BROKEN,      /* connection reset, cut body, nothing came */
	RETRY_UNREACHABLE, /* refused, no route, or the name did not resolve */
	RETRY_TIMED_OUT,
	RETRY_HOPELESS, /* certificate, malformed URL, cancelled: trying again changes nothing */
};

struct retry_outcome {
	enum retry_transport transport;
	int status;           /* HTTP */
	struct slice code;    /* the service's error code, or empty */
	bool has_date;        /* the reply had a Date */
	int64_t skew_seconds; /* that date - the clock that the request was signed by */
};

enum retry_class {
	RETRY_NEVER, /* success, or an error that stays */
	RETRY_TRANSIENT,
	RETRY_TIMEOUT,
	RETRY_THROTTLE,
	RETRY_SKEW,        /* correct the clock, then try again at once */
	RETRY_CREDENTIALS, /* refresh the credentials once, then try again at once */
	RETRY_FRESH,       /* S3 RequestTimeout: transient, on a new connection */
};

enum retry_class retry_classify(const struct retry_outcome *outcome);

struct retry_state { /* of one request; zero-initialised */
	int attempt; /* tries made so far, from 1 after the first */
	int taken;   /* tokens */
	bool skew_corrected, credentials_refreshed;
};

/* After a try: whether to go again after *delay_ms. bucket: tokens left, shared by all requests. random: uniform.
 * retry_after_ms: what the service asked for (x-amz-retry-after), negative when it did not. */
bool retry_again(struct retry_state *state, enum retry_class class, int max_attempts, int *bucket, uint32_t random,
	int64_t retry_after_ms, uint64_t *delay_ms);
/* How long to wait before what a reply left undone is asked for once more: as after the attempt'th throttled try. */
uint64_t retry_rest_ms(int attempt, uint32_t random);
/* After success: what the bucket gets back. */
void retry_success(struct retry_state *state, int *bucket);

#endif
