#include "aws/client_private.h"

#include "aws/xml.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum {
	REPLY_MAX = 64 << 20,
	ERROR_MAX = 1 << 20,
	REACHED_MAX = 64,
};

static struct {
	pthread_mutex_t lock;
	bool started;
	struct aws_config config;
	int bucket;
	int max_attempts; /* 0: not set by the user */
	char *ca_bundle;
	pthread_mutex_t region_lock; /* held while an instance is asked */
	bool region_sought;
	char *region;               /* NULL: none is configured */
	char *reached[REACHED_MAX]; /* authorities that have answered */
	size_t n_reached;
} client = {.lock = PTHREAD_MUTEX_INITIALIZER, .region_lock = PTHREAD_MUTEX_INITIALIZER};

const struct aws_config *
aws_configuration(void)
{
	return &client.config;
}

const char *
client_ca_bundle(void)
{
	return client.ca_bundle;
}

static int
read_attempts(struct error *error)
{
	struct slice text = aws_config_value(&client.config, "AWS_MAX_ATTEMPTS", "max_attempts");
	struct slice mode = aws_config_value(&client.config, "AWS_RETRY_MODE", "retry_mode");
	char number[16] = "";
	char *end;
	long n;

	if (mode.n && !slice_equal(mode, SLICE("standard")) && !slice_equal(mode, SLICE("legacy")) &&
		!slice_equal(mode, SLICE("adaptive")))
		return error_set(error, STATUS_USAGE, "config", "'%.*s' is no retry mode (see AWS_RETRY_MODE)",
			(int)mode.n, mode.p);
	if (!text.n)
		return 0;
	snprintf(number, sizeof(number), "%.*s", (int)text.n, text.p);
	n = strtol(number, &end, 10);
	if (*end || text.n >= sizeof(number) || n < 1 || n > 1000)
		return error_set(error, STATUS_USAGE, "config",
			"'%.*s' is no number of attempts from 1 to 1000 (see AWS_MAX_ATTEMPTS)", (int)text.n, text.p);
	client.max_attempts = (int)n;
	return 0;
}

static int
start(const struct environment *environment, struct error *error)
{
	struct slice ca;

	if (sodium_init() < 0)
		return error_set(error, STATUS_FAILED, "sodium", "libsodium does not initialise");
	if (aws_config_load(&client.config, environment, error) < 0 || read_attempts(error) < 0)
		return -1;
	ca = aws_config_value(&client.config, "AWS_CA_BUNDLE", "ca_bundle");
	client.ca_bundle = ca.n ? memory_copy(ca.p, ca.n) : NULL;
	client.bucket = RETRY_BUCKET;
	return 0;
}

int
aws_start(const struct environment *environment, struct error *error)
{
	int result = 0;

	pthread_mutex_lock(&client.lock);
	if (!client.started && (result = start(environment, error)) == 0)
		client.started = true;
	pthread_mutex_unlock(&client.lock);
	return result;
}

static const char *
find_region(void)
{
	struct slice region = aws_config_region(&client.config);

	pthread_mutex_lock(&client.region_lock);
	if (!client.region_sought)
		client.region =
			region.n ? memory_copy(region.p, region.n) : credentials_instance_region(&client.config);
	client.region_sought = true;
	pthread_mutex_unlock(&client.region_lock);
	return client.region;
}

const char *
aws_region(enum aws_service service, struct error *error)
{
	struct slice region = aws_config_region(&client.config);
	struct aws_endpoint endpoint;
	bool custom;

	if (!region.n) {
		if (aws_endpoint_resolve(&client.config, service, "us-east-1", &endpoint, error) < 0)
			return NULL;
		custom = endpoint.custom;
		aws_endpoint_free(&endpoint);
		if (custom)
			return "us-east-1";
	}
	if (find_region())
		return client.region;
	if (service == AWS_S3)
		return "us-east-1";
	error_set(error, STATUS_USAGE, "no-region",
		"no AWS region is configured (set AWS_REGION, or 'region' in profile '%s')", client.config.profile);
	return NULL;
}

void
aws_header(struct aws_call *call, const char *name, struct slice value)
{
	if (call->n_headers == AWS_HEADERS_MAX)
		abort();
	call->headers[call->n_headers++] = (struct sigv4_header){slice_of(name), value};
}

void
aws_json_call(struct aws_call *call, enum aws_service service, const char *target, struct slice body)
{
	call->service = service;
	call->method = "POST";
	call->path = SLICE("/");
	call->has_body = true;
	call->body = body;
	call->body_fd = -1;
	aws_header(call, "Content-Type", SLICE("application/x-amz-json-1.0"));
	aws_header(call, "X-Amz-Target", slice_of(target));
}

/* ---- what came back ---- */

/* A 200 that holds <Error>, or not the document it should, is a failure in disguise. */
static void
look_inside(struct aws_exchange *x)
{
	bool may_be_error = x->call.service == AWS_S3 && x->reply.body.n > 0;
	struct error unused;
	struct xml_node *document;
	struct slice name;

	if (x->reply.status >= 300 || (!x->call.root && !may_be_error))
		return;
	x->reply.document = document = xml_parse(buffer_slice(&x->reply.body), &x->reply_arena, &unused);
	name = document ? document->name : SLICE("");
	if (x->call.root ? !slice_equal(name, slice_of(x->call.root)) : slice_equal(name, SLICE("Error")))
		x->reply.status = 500;
}

static bool
crc32_fits(struct aws_exchange *x)
{
	struct slice given = http_header(x->reply.head, "x-amz-crc32");
	uLong crc = crc32(0, (const Bytef *)x->reply.body.p, (uInt)x->reply.body.n);

	return !given.n || strtoul(given.p, NULL, 10) == crc;
}

static enum retry_transport
take_body(struct aws_exchange *x, struct error *error)
{
	bool good = x->reply.status >= 200 && x->reply.status < 300;
	size_t max = !good ? ERROR_MAX : x->call.reply_max ? x->call.reply_max : REPLY_MAX;
	enum retry_transport transport = http_read_all(x->stream, &x->reply.body, max, error);

	if (transport != RETRY_ANSWERED)
		return transport;
	if (good && x->call.check_crc32 && !crc32_fits(x)) {
		error_set(error, STATUS_FAILED, "checksum", "the reply does not fit its x-amz-crc32");
		return RETRY_BROKEN;
	}
	look_inside(x);
	return RETRY_ANSWERED;
}

static void
remember_reached(const char *authority)
{
	size_t i;

	pthread_mutex_lock(&client.lock);
	for (i = 0; i < client.n_reached && strcmp(client.reached[i], authority) != 0; i++)
		;
	if (i == client.n_reached && i < REACHED_MAX)
		client.reached[client.n_reached++] = memory_copy_string(authority);
	pthread_mutex_unlock(&client.lock);
}

static bool
was_reached(const char *authority)
{
	bool found = false;

	pthread_mutex_lock(&client.lock);
	for (size_t i = 0; i < client.n_reached; i++)
		found |= strcmp(client.reached[i], authority) == 0;
	pthread_mutex_unlock(&client.lock);
	return found;
}

static void
forget_reply(struct aws_exchange *x)
{
	struct buffer body = x->reply.body;

	body.n = 0;
	x->reply = (struct aws_reply){.body = body};
	x->wire_status = 0;
	arena_reset(&x->reply_arena);
}

/* Wait for what a try brought; x->outcome tells. */
static void
take_reply(struct aws_exchange *x, struct error *error)
{
	struct retry_outcome *o = &x->outcome;
	int64_t date;
	bool good;

	forget_reply(x);
	*o = (struct retry_outcome){.transport = http_head(x->stream, &x->reply.head, error)};
	if (o->transport != RETRY_ANSWERED)
		return;
	remember_reached(x->call.endpoint->authority);
	x->reply.status = x->wire_status = x->reply.head->status;
	good = x->reply.status >= 200 && x->reply.status < 300;
	if (!good || !x->call.stream) {
		o->transport = take_body(x, error);
		/* What the status says stands, though its explanation was cut short. */
		if (o->transport != RETRY_ANSWERED && !good && x->reply.status >= 400 && x->reply.status < 500)
			o->transport = RETRY_ANSWERED;
	}
	if (x->reply.status < 200 || x->reply.status >= 300)
		client_parse_error(x);
	o->status = x->reply.status;
	o->code = x->reply.code;
	if (o->status >= 200 && o->status < 300)
		return;
	date = http_date(x->reply.head);
	o->has_date = date >= 0;
	o->skew_seconds = o->has_date ? date - client_clock(x) : 0;
}

/* ---- the loop ---- */

static int64_t
retry_after_ms(const struct aws_exchange *x)
{
	struct slice value =
		x->reply.status ? http_header(x->reply.head, "x-amz-retry-after") : (struct slice){NULL, 0};
	char *end;
	long long ms;

	if (!value.n)
		return -1;
	ms = strtoll(value.p, &end, 10);
	return *end == 0 ? ms : -1;
}

static bool
decide(struct aws_exchange *x, enum retry_class class, uint64_t *delay_ms)
{
	int max = client.max_attempts ? client.max_attempts : RETRY_ATTEMPTS;
	uint32_t random;
	bool again;

	if (!client.max_attempts &&
		(x->outcome.transport == RETRY_UNREACHABLE || x->outcome.transport == RETRY_TIMED_OUT) &&
		!was_reached(x->call.endpoint->authority))
		max = RETRY_ATTEMPTS_UNREACHED;
	client.config.environment->random(&random, sizeof(random));
	pthread_mutex_lock(&client.lock);
	again = retry_again(&x->retry, class, max, &client.bucket, random, retry_after_ms(x), delay_ms);
	pthread_mutex_unlock(&client.lock);
	return again;
}

void
aws_rest(int tries)
{
	uint32_t random;

	client.config.environment->random(&random, sizeof(random));
	clock_sleep_ms(retry_rest_ms(tries, random));
}

static bool
prepare_again(struct aws_exchange *x, const struct error *why)
{
	enum retry_class class = retry_classify(&x->outcome);
	uint64_t delay_ms;

	if (x->call.keys && class == RETRY_CREDENTIALS)
		class = RETRY_NEVER;
	if (!decide(x, class, &delay_ms) || (x->call.until_ms && clock_ms() + (int64_t)delay_ms >= x->call.until_ms))
		return false;
	if (class == RETRY_SKEW)
		client_correct_clock(x);
	x->refused_keys = class == RETRY_CREDENTIALS ? x->keys : 0;
	x->fresh = class == RETRY_FRESH || class == RETRY_TIMEOUT;
	message(MESSAGE_DETAIL, "cannot %s: %s%.*s; attempt %d after %" PRIu64 " ms", x->call.what,
		x->reply.status ? "" : why->text, (int)x->reply.code.n, x->reply.code.p, x->retry.attempt + 1,
		delay_ms);
	forget_reply(x); /* it borrows from the stream */
	http_close(x->stream);
	x->stream = NULL;
	clock_sleep_ms(delay_ms);
	return true;
}

struct aws_exchange *
aws_begin(const struct aws_call *call)
{
	struct aws_exchange *x = memory_get_zeroed(1, sizeof(*x));

	if (client_prepare(x, call, &x->refused) == 0 && client_send(x, &x->refused) == 0)
		x->refused.code = NULL;
	return x;
}

int
aws_finish(struct aws_exchange *x, struct aws_reply **reply, struct error *error)
{
	*reply = &x->reply;
	if (x->refused.code) {
		*error = x->refused;
		return -1;
	}
	for (;;) {
		take_reply(x, error);
		if (x->outcome.transport == RETRY_ANSWERED && x->reply.status >= 200 && x->reply.status < 300)
			break;
		if (!prepare_again(x, error)) {
			client_explain(x, error);
			return -1;
		}
		if (client_send(x, error) < 0)
			return -1;
	}
	pthread_mutex_lock(&client.lock);
	retry_success(&x->retry, &client.bucket);
	pthread_mutex_unlock(&client.lock);
	return 0;
}

ssize_t
aws_read(struct aws_exchange *x, void *p, size_t n, struct error *error)
{
	return http_read(x->stream, p, n, &x->outcome.transport, error);
}

int
aws_read_all(struct aws_exchange *x, struct buffer *body, size_t max, struct error *error)
{
	x->outcome.transport = http_read_all(x->stream, body, max, error);
	return x->outcome.transport == RETRY_ANSWERED ? 0 : -1;
}

void
aws_end(struct aws_exchange *x)
{
	if (!x)
		return;
	http_close(x->stream);
	buffer_free(&x->reply.body);
	arena_free(&x->reply_arena);
	arena_free(&x->arena);
	aws_endpoint_free(&x->endpoint);
	free(x);
}

int
aws_perform(const struct aws_call *call, struct aws_exchange **x, struct aws_reply **reply, struct error *error)
{
	*x = aws_begin(call);
	return aws_finish(*x, reply, error);
}
