/* http - requests on libcurl's multi interface, driven by whoever waits for them.
 *
 * Each thread has its own engine: its connections are reused, and all of its requests in flight move while it waits for
 * one of them in http_head or http_read. Between those calls nothing moves but what the kernel buffers. HTTP/1.1, no
 * redirects, the path as given, certificates verified, proxies by environment (http_proxy, https_proxy, no_proxy)
 * unless direct. A body is handed over through a window of bounded size: a reader that does not read makes the server
 * wait. Streams are for the thread that opened them; different threads share nothing. */
#ifndef ACC_AWS_HTTP_H
#define ACC_AWS_HTTP_H

#include "aws/retry.h"
#include "aws/sigv4.h"
#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct http_request {
	const char *method;
	const char *url;                    /* percent-encoded as it is to stand on the wire */
	const struct sigv4_header *headers; /* sent as given; Host is added */
	size_t n_headers;
	bool has_body;
	struct slice body; /* from memory, when body_fd is negative */
	int body_fd;       /* pread(2) from body_offset; both are borrowed until http_close */
	uint64_t body_offset, body_bytes;
	uint64_t connect_ms;    /* to connect; 0: 3 s */
	uint64_t total_ms;      /* for all of it; 0: no limit */
	uint64_t stall_seconds; /* without a byte while somebody waits; 0: 30 */
	size_t window;          /* bytes that may wait for the reader; 0: 256K */
	char *into;             /* where the body of a good reply (2xx) goes as it comes, whichever request
	                                       is waited for: http_read is given into, and then where it left off. The
	                                       window is for what is over. Borrowed until http_close; NULL: none */
	size_t into_bytes;
	bool direct;           /* no proxy */
	bool fresh;            /* on a new connection */
	const char *ca_bundle; /* file, or NULL for the system's */
};

struct http_reply {
	int status;
	int64_t length;        /* Content-Length, or -1 */
	struct buffer headers; /* "name\0value\0" each, names in lower case */
};

/* The value of a header (name in lower case), or p NULL. Borrowed from the reply. */
struct slice http_header(const struct http_reply *reply, const char *name);
/* Walk all headers: *at begins with 0. */
bool http_next_header(const struct http_reply *reply, size_t *at, struct slice *name, struct slice *value);

/* The reply's Date in seconds since the epoch, or -1. */
int64_t http_date(const struct http_reply *reply);

struct http_stream;

/* Prepare a request, which goes out with the next wait. Borrows the request's body until http_close, copies the
 * rest. */
struct http_stream *http_open(const struct http_request *request);

/* Wait for the reply's head: RETRY_ANSWERED and *reply borrowed until http_close, else why not, with *error. */
enum retry_transport http_head(struct http_stream *s, const struct http_reply **reply, struct error *error);

/* Wait for up to n bytes of the body. The number read; 0 at the end of a whole body; -1 with *transport and *error when
 * it broke off. */
ssize_t http_read(struct http_stream *s, void *p, size_t n, enum retry_transport *transport, struct error *error);

/* End it, finished or not. */
void http_close(struct http_stream *s);

/* Read the rest of the body into *body, at most max bytes (more is RETRY_HOPELESS with *error). */
enum retry_transport http_read_all(struct http_stream *s, struct buffer *body, size_t max, struct error *error);

#endif
