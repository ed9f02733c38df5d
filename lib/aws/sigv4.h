/* sigv4 - AWS Signature Version 4, each step of the specification a pure function.
 *
 * Source: "Signing AWS API requests" (IAM User Guide) and "Authenticating Requests: Using the
 * Authorization Header" (S3 API Reference). S3 signs the path as it is on the wire; every other service
 * signs it normalised and percent-encoded once more. Thread safe: no state. sodium_init must have run. */
#ifndef ACC_AWS_SIGV4_H
#define ACC_AWS_SIGV4_H

#include "base/buffer.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"
#define SIGV4_NO_PAYLOAD "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" /* of no bytes */

struct sigv4_header {
	struct slice name; /* any case */
	struct slice value;
};

struct sigv4_request {
	struct slice method;
	struct slice path;                  /* as on the wire, percent-encoded; empty is "/" */
	struct slice query;                 /* as on the wire, without '?'; percent-encoded */
	const struct sigv4_header *headers; /* every one of them is signed; the same name may stand twice */
	size_t n_headers;
	struct slice payload_hash; /* lower-case hex SHA-256 of the body, or SIGV4_UNSIGNED */
	bool path_as_is;           /* S3 */
};

struct sigv4_scope {
	char time[17];                /* YYYYMMDDTHHMMSSZ and NUL; its first 8 characters are the date */
	const char *region, *service; /* borrowed */
};

/* Fill scope->time from seconds since the epoch. */
void sigv4_time(struct sigv4_scope *scope, int64_t seconds);

/* Append the canonical request. */
void sigv4_canonical_request(struct buffer *out, const struct sigv4_request *request);
/* Append the sorted lower-case names of the headers, joined with ';'. */
void sigv4_signed_headers(struct buffer *out, const struct sigv4_request *request);
/* Append the string to sign of a canonical request. */
void sigv4_string_to_sign(struct buffer *out, const struct sigv4_scope *scope, struct slice canonical);
/* Derive the signing key; the caller wipes it. */
void sigv4_key(unsigned char key[32], struct slice secret, const struct sigv4_scope *scope);
/* Lower-case hex, NUL-terminated. */
void sigv4_signature(char hex[65], const unsigned char key[32], struct slice string_to_sign);
/* Append the value of the Authorization header. All steps in one, with a signing key that holds for the scope's day. */
void sigv4_authorization(struct buffer *out, const struct sigv4_request *request, const struct sigv4_scope *scope,
	struct slice access_key, const unsigned char key[32]);

/* Lower-case hex SHA-256 of bytes, NUL-terminated. */
void sigv4_hash(char hex[65], struct slice bytes);

#endif
