#include "aws/sigv4.h"

#include "base/instant.h"
#include "base/memory.h"
#include "base/percent.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

void
sigv4_hash(char hex[65], struct slice bytes)
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, (const unsigned char *)bytes.p, bytes.n);
	sodium_bin2hex(hex, 65, hash, sizeof(hash));
}

void
sigv4_time(struct sigv4_scope *scope, int64_t seconds)
{
	struct civil c = instant_civil(seconds);

	snprintf(scope->time, sizeof(scope->time), "%04u%02u%02uT%02u%02u%02uZ", (unsigned)c.year % 10000,
		(unsigned)c.month % 100, (unsigned)c.day % 100, (unsigned)c.hour % 100, (unsigned)c.minute % 100,
		(unsigned)c.second % 100);
}

/* RFC 3986 dot segments and runs of '/', then one more round of encoding. */
static void
add_normal_path(struct buffer *out, struct slice path)
{
	struct buffer plain = {0};
	size_t i = 0;

	while (i < path.n) {
		size_t end;

		while (i < path.n && path.p[i] == '/')
			i++;
		for (end = i; end < path.n && path.p[end] != '/'; end++)
			;
		struct slice segment = {path.p + i, end - i};
		if (slice_equal(segment, SLICE(".."))) {
			while (plain.n > 0 && plain.p[--plain.n] != '/')
				;
		} else if (segment.n > 0 && !slice_equal(segment, SLICE("."))) {
			buffer_add_byte(&plain, '/');
			buffer_add_slice(&plain, segment);
		}
		i = end;
	}
	if (plain.n == 0 || (path.n > 0 && path.p[path.n - 1] == '/'))
		buffer_add_byte(&plain, '/');
	percent_encode(out, buffer_slice(&plain), true);
	buffer_free(&plain);
}

static void
add_path(struct buffer *out, const struct sigv4_request *request)
{
	if (!request->path_as_is)
		add_normal_path(out, request->path);
	else if (request->path.n == 0)
		buffer_add_byte(out, '/');
	else
		buffer_add_slice(out, request->path);
}

/* The wire may have left unencoded what the canonical form encodes: decode, then encode by the rule. */
static void
add_query_part(struct buffer *out, struct slice part)
{
	struct buffer raw = {0};

	for (size_t i = 0; i < part.n; i++) {
		int byte = percent_byte(part, i);

		buffer_add_byte(&raw, byte >= 0 ? (char)byte : part.p[i]);
		if (byte >= 0)
			i += 2;
	}
	percent_encode(out, buffer_slice(&raw), false);
	buffer_free(&raw);
}

struct parameter {
	struct slice name, value; /* encoded */
};

static int
compare_parameters(const void *a, const void *b)
{
	const struct parameter *x = a, *y = b;
	int order = slice_compare(x->name, y->name);

	return order ? order : slice_compare(x->value, y->value);
}

static size_t
split_query(struct slice query, struct parameter *list)
{
	size_t n = 0;

	for (size_t i = 0; i < query.n;) {
		const char *amp = memchr(query.p + i, '&', query.n - i);
		size_t end = amp ? (size_t)(amp - query.p) : query.n;
		const char *eq = memchr(query.p + i, '=', end - i);
		size_t name_end = eq ? (size_t)(eq - query.p) : end;

		if (end > i) {
			list[n].name = (struct slice){query.p + i, name_end - i};
			list[n++].value = eq ? (struct slice){eq + 1, end - name_end - 1} : (struct slice){NULL, 0};
		}
		i = end + 1;
	}
	return n;
}

static void
add_query(struct buffer *out, struct slice query)
{
	struct parameter *list;
	struct buffer text = {0};
	size_t n;

	if (query.n == 0)
		return;
	list = memory_get_zeroed(query.n / 2 + 1, sizeof(*list));
	n = split_query(query, list);
	/* The slices must not move while text grows: three bytes for one are enough for all. */
	buffer_reserve(&text, query.n * 3);
	for (size_t i = 0; i < n; i++) {
		size_t name = text.n, value;

		add_query_part(&text, list[i].name);
		value = text.n;
		add_query_part(&text, list[i].value);
		list[i].name = (struct slice){text.p + name, value - name};
		list[i].value = (struct slice){text.p + value, text.n - value};
	}
	qsort(list, n, sizeof(*list), compare_parameters);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buffer_add_byte(out, '&');
		buffer_add_slice(out, list[i].name);
		buffer_add_byte(out, '=');
		buffer_add_slice(out, list[i].value);
	}
	buffer_free(&text);
	free(list);
}

static int
compare_names(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	for (size_t i = 0; i < n; i++) {
		unsigned char x = (unsigned char)a.p[i], y = (unsigned char)b.p[i];

		x = x >= 'A' && x <= 'Z' ? x + 32 : x;
		y = y >= 'A' && y <= 'Z' ? y + 32 : y;
		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a.n > b.n) - (a.n < b.n);
}

/* By name; of the same name in the order given. */
static int
compare_headers(const void *a, const void *b)
{
	const struct sigv4_header *const *x = a, *const *y = b;
	int order = compare_names((*x)->name, (*y)->name);

	return order ? order : (*x > *y) - (*x < *y);
}

static const struct sigv4_header **
sorted_headers(const struct sigv4_request *request)
{
	const struct sigv4_header **list =
		memory_get_zeroed(request->n_headers + 1, sizeof(const struct sigv4_header *));

	for (size_t i = 0; i < request->n_headers; i++)
		list[i] = &request->headers[i];
	qsort(list, request->n_headers, sizeof(*list), compare_headers);
	return list;
}

static void
add_lower(struct buffer *out, struct slice name)
{
	for (size_t i = 0; i < name.n; i++)
		buffer_add_byte(out, name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i]);
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Trimmed, runs of white space as one space. */
static void
add_value(struct buffer *out, struct slice value)
{
	bool gap = false, any = false;

	for (size_t i = 0; i < value.n; i++) {
		if (is_space(value.p[i])) {
			gap = any;
			continue;
		}
		if (gap)
			buffer_add_byte(out, ' ');
		buffer_add_byte(out, value.p[i]);
		gap = false;
		any = true;
	}
}

static void
add_headers(struct buffer *out, const struct sigv4_header *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i && compare_names(list[i - 1]->name, list[i]->name) == 0) {
			buffer_add_byte(out, ',');
		} else {
			if (i)
				buffer_add_byte(out, '\n');
			add_lower(out, list[i]->name);
			buffer_add_byte(out, ':');
		}
		add_value(out, list[i]->value);
	}
	buffer_add_byte(out, '\n');
}

void
sigv4_signed_headers(struct buffer *out, const struct sigv4_request *request)
{
	const struct sigv4_header **list = sorted_headers(request);

	for (size_t i = 0; i < request->n_headers; i++) {
		if (i && compare_names(list[i - 1]->name, list[i]->name) == 0)
			continue;
		if (i)
			buffer_add_byte(out, ';');
		add_lower(out, list[i]->name);
	}
	free(list);
}

void
sigv4_canonical_request(struct buffer *out, const struct sigv4_request *request)
{
	const struct sigv4_header **list = sorted_headers(request);

	buffer_add_slice(out, request->method);
	buffer_add_byte(out, '\n');
	add_path(out, request);
	buffer_add_byte(out, '\n');
	add_query(out, request->query);
	buffer_add_byte(out, '\n');
	add_headers(out, list, request->n_headers);
	buffer_add_byte(out, '\n');
	sigv4_signed_headers(out, request);
	buffer_add_byte(out, '\n');
	buffer_add_slice(out, request->payload_hash);
	free(list);
}

static void
add_scope(struct buffer *out, const struct sigv4_scope *scope)
{
	buffer_add(out, scope->time, 8);
	buffer_add_byte(out, '/');
	buffer_add_string(out, scope->region);
	buffer_add_byte(out, '/');
	buffer_add_string(out, scope->service);
	buffer_add_string(out, "/aws4_request");
}

void
sigv4_string_to_sign(struct buffer *out, const struct sigv4_scope *scope, struct slice canonical)
{
	char hash[65];

	sigv4_hash(hash, canonical);
	buffer_add_string(out, "AWS4-HMAC-SHA256\n");
	buffer_add_string(out, scope->time);
	buffer_add_byte(out, '\n');
	add_scope(out, scope);
	buffer_add_byte(out, '\n');
	buffer_add(out, hash, 64);
}

static void
hmac(unsigned char out[32], const unsigned char *key, size_t key_n, struct slice text)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, key_n);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.p, text.n);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

void
sigv4_key(unsigned char key[32], struct slice secret, const struct sigv4_scope *scope)
{
	size_t n = 4 + secret.n;
	unsigned char *first = memory_get(n);

	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes, no string */
	memcpy(first, "AWS4", 4);
	memcpy(first + 4, secret.p, secret.n);
	hmac(key, first, n, (struct slice){scope->time, 8});
	sodium_memzero(first, n);
	free(first);
	hmac(key, key, 32, slice_of(scope->region));
	hmac(key, key, 32, slice_of(scope->service));
	hmac(key, key, 32, SLICE("aws4_request"));
}

void
sigv4_signature(char hex[65], const unsigned char key[32], struct slice string_to_sign)
{
	unsigned char mac[32];

	hmac(mac, key, 32, string_to_sign);
	sodium_bin2hex(hex, 65, mac, sizeof(mac));
}

/* More than the canonical request takes: path and query may be encoded, names stand in it twice. */
static size_t
canonical_most(const struct sigv4_request *request)
{
	size_t n = 64 + request->method.n + 3 * (request->path.n + request->query.n) + request->payload_hash.n;

	for (size_t i = 0; i < request->n_headers; i++)
		n += 2 * request->headers[i].name.n + request->headers[i].value.n + 4;
	return n;
}

void
sigv4_authorization(struct buffer *out, const struct sigv4_request *request, const struct sigv4_scope *scope,
	struct slice access_key, const unsigned char key[32])
{
	struct buffer canonical = {0}, to_sign = {0};
	char signature[65];

	/* it holds the session token: when it grows, no copy of that is to be left behind */
	buffer_reserve(&canonical, canonical_most(request));
	sigv4_canonical_request(&canonical, request);
	sigv4_string_to_sign(&to_sign, scope, buffer_slice(&canonical));
	sigv4_signature(signature, key, buffer_slice(&to_sign));
	buffer_add_string(out, "AWS4-HMAC-SHA256 Credential=");
	buffer_add_slice(out, access_key);
	buffer_add_byte(out, '/');
	add_scope(out, scope);
	buffer_add_string(out, ", SignedHeaders=");
	sigv4_signed_headers(out, request);
	buffer_add_string(out, ", Signature=");
	buffer_add_string(out, signature);
	buffer_wipe(&canonical);
	buffer_free(&to_sign);
}
