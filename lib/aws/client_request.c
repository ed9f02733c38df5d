#include "aws/client_private.h"

#include "aws/signing_key.h"
#include "base/clock.h"
#include "base/message.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---- the clock */

static _Atomic int64_t skew_seconds; /* of the services' clocks against ours */

int64_t
client_clock(const struct aws_exchange *x)
{
	return aws_configuration()->environment->now_us() / 1000000 + x->skew_seconds;
}

void
client_correct_clock(const struct aws_exchange *x)
{
	int64_t signed_by = x->skew_seconds;

	if (atomic_compare_exchange_strong(&skew_seconds, &signed_by, signed_by + x->outcome.skew_seconds))
		message(MESSAGE_NOTE, "this computer's clock is off by %" PRId64 " s; corrected for signing",
			signed_by + x->outcome.skew_seconds);
}

/* ---- the request */

static const char *
keep(struct aws_exchange *x, const char *s)
{
	return s ? arena_copy(&x->arena, (struct slice){s, strlen(s) + 1}).p : NULL;
}

static void
copy_call(struct aws_exchange *x, const struct aws_call *call)
{
	struct aws_call *c = &x->call;

	*c = *call;
	c->what = keep(x, call->what);
	c->permission = keep(x, call->permission);
	c->method = keep(x, call->method);
	c->host_label = keep(x, call->host_label);
	c->payload_hash = keep(x, call->payload_hash);
	c->root = keep(x, call->root);
	c->path = arena_copy(&x->arena, call->path);
	c->query = arena_copy(&x->arena, call->query);
	for (size_t i = 0; i < c->n_headers; i++) {
		c->headers[i].name = arena_copy(&x->arena, call->headers[i].name);
		c->headers[i].value = arena_copy(&x->arena, call->headers[i].value);
	}
}

int
client_prepare(struct aws_exchange *x, const struct aws_call *call, struct error *error)
{
	const char *region = call->region;

	copy_call(x, call);
	if (!region && !(region = aws_region(x->call.service, error)))
		return -1;
	snprintf(x->region, sizeof(x->region), "%s", region);
	x->call.region = x->region;
	if (!x->call.endpoint &&
		aws_endpoint_resolve(aws_configuration(), x->call.service, x->region, &x->endpoint, error) < 0)
		return -1;
	if (!x->call.endpoint)
		x->call.endpoint = &x->endpoint;
	if (!x->call.payload_hash && x->call.has_body) {
		sigv4_hash(x->hash, x->call.body);
		x->call.payload_hash = x->hash;
	} else if (!x->call.payload_hash) {
		x->call.payload_hash = SIGV4_NO_PAYLOAD;
	}
	return 0;
}

static void
add_authority(struct buffer *out, const struct aws_call *call)
{
	if (call->host_label) {
		buffer_add_string(out, call->host_label);
		buffer_add_byte(out, '.');
	}
	buffer_add_string(out, call->endpoint->authority);
}

/* The Host header has no default port. */
static struct slice
host_header(const struct aws_call *call, struct buffer *authority)
{
	struct slice host, port = strcmp(call->endpoint->scheme, "https") == 0 ? SLICE(":443") : SLICE(":80");

	add_authority(authority, call);
	host = buffer_slice(authority);
	if (host.n > port.n && memcmp(host.p + host.n - port.n, port.p, port.n) == 0)
		host.n -= port.n;
	return host;
}

struct signing {
	struct sigv4_header headers[AWS_HEADERS_MAX + 6];
	size_t n;
	struct buffer authority, path, authorization;
	struct sigv4_scope scope;
};

static void
add(struct signing *s, const char *name, struct slice value)
{
	s->headers[s->n++] = (struct sigv4_header){slice_of(name), value};
}

static void
sign(struct aws_exchange *x, const struct aws_keys *keys, struct signing *s)
{
	const struct aws_call *call = &x->call;
	struct sigv4_request request = {slice_of(call->method), buffer_slice(&s->path), call->query, s->headers, 0,
		slice_of(call->payload_hash), call->service == AWS_S3};
	unsigned char key[32];

	x->skew_seconds = atomic_load(&skew_seconds);
	sigv4_time(&s->scope, client_clock(x));
	s->scope.region = call->region;
	s->scope.service = aws_service_name(call->service);
	add(s, "X-Amz-Date", slice_of(s->scope.time));
	if (call->service == AWS_S3)
		add(s, "X-Amz-Content-Sha256", request.payload_hash);
	if (keys->token)
		add(s, "X-Amz-Security-Token", slice_of(keys->token));
	request.n_headers = s->n;
	signing_key_get(key, slice_of(keys->secret), &s->scope);
	sigv4_authorization(&s->authorization, &request, &s->scope, slice_of(keys->id), key);
	sodium_memzero(key, sizeof(key));
	add(s, "Authorization", buffer_slice(&s->authorization));
}

/* In ms; 0: no limit. */
static uint64_t
time_for_try(const struct aws_call *call)
{
	int64_t left = call->until_ms - clock_ms();

	if (!call->until_ms)
		return call->total_ms;
	if (left < 1)
		left = 1;
	return call->total_ms && call->total_ms < (uint64_t)left ? call->total_ms : (uint64_t)left;
}

static void
send_request(struct aws_exchange *x, struct signing *s)
{
	const struct aws_call *call = &x->call;
	struct buffer url = {0};
	/* Host is signed as libcurl will send it, and left to libcurl. */
	struct http_request request = {
		.method = call->method,
		.headers = s->headers + 1,
		.n_headers = s->n - 1,
		.has_body = call->has_body,
		.body = call->body,
		.body_fd = call->body_fd,
		.body_offset = call->body_offset,
		.body_bytes = call->has_body && call->body_fd < 0 ? call->body.n : call->body_bytes,
		.total_ms = time_for_try(call),
		.stall_seconds = call->stall_seconds,
		.window = call->window,
		.into = call->into,
		.into_bytes = call->into_bytes,
		.fresh = x->fresh,
		.ca_bundle = client_ca_bundle(),
	};

	buffer_format(&url, "%s://", call->endpoint->scheme);
	add_authority(&url, call);
	buffer_add_slice(&url, buffer_slice(&s->path));
	if (call->query.n) {
		buffer_add_byte(&url, '?');
		buffer_add_slice(&url, call->query);
	}
	request.url = buffer_string(&url);
	x->stream = http_open(&request);
	buffer_free(&url);
}

int
client_send(struct aws_exchange *x, struct error *error)
{
	const struct aws_call *call = &x->call;
	struct signing s = {.n = 0};
	struct aws_keys own = {0};
	const struct aws_keys *keys = call->keys ? call->keys : &own;

	if (!call->anonymous && !call->keys && credentials_get(aws_configuration(), x->refused_keys, &own, error) < 0)
		return -1;
	x->keys = own.serial;
	add(&s, "Host", host_header(call, &s.authority));
	for (size_t i = 0; i < call->n_headers; i++)
		s.headers[s.n++] = call->headers[i];
	buffer_add_string(&s.path, call->endpoint->prefix);
	buffer_add_slice(&s.path, call->path);
	if (!call->anonymous)
		sign(x, keys, &s);
	x->retry.attempt++;
	send_request(x, &s);
	aws_keys_free(&own);
	buffer_free(&s.authority);
	buffer_free(&s.path);
	buffer_wipe(&s.authorization);
	return 0;
}
