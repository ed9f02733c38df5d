/* http - one engine for every request of the process, on libcurl's multi interface.
 *
 * A thread of its own drives all transfers: connections are reused, any number are in flight. The calls here are for
 * any thread and block only where they say so. HTTP/1.1, no redirects, the path as given, certificates verified,
 * proxies by environment (http_proxy, https_proxy, no_proxy) unless direct. A body is handed over through a window of
 * bounded size: a reader that does not read makes the server wait.
 *
 * The engine starts with the first request; a process that forks must not use it in the child. */
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
	struct slice body;                  /* from memory, when body_fd is negative */
	int body_fd;                        /* pread(2) from body_offset; both are borrowed until http_close */
	uint64_t body_offset, body_bytes;
	uint64_t connect_ms;                /* to connect; 0: 3 s */
	uint64_t total_ms;                  /* for all of it; 0: no limit */
	uint64_t stall_seconds;             /* with less than a byte per second; 0: 30 */
	size_t window;                      /* bytes that may wait for the reader; 0: 256K */
	bool direct;                        /* no proxy */
	bool fresh;                         /* on a new connection */
	const char *ca_bundle;              /* file, or NULL for the system's */
};

struct http_reply {
	int status;
	int64_t length;                     /* Content-Length, or -1 */
	int64_t date;                       /* seconds since the epoch, or -1 */
	struct buffer headers;              /* "name\0value\0" each, names in lower case */
};

/* The value of a header (name in lower case), or p NULL. Borrowed from the reply. */
struct slice http_header(const struct http_reply *reply, const char *name);
/* Walk all headers: *at begins with 0. */
bool http_next_header(const struct http_reply *reply, size_t *at, struct slice *name, struct slice *value);

struct http_stream;

/* Start a request. Borrows the request's body until http_close, copies the rest. Does not block. */
struct http_stream *http_open(const struct http_request *request);

/* Wait for the reply's head: RETRY_ANSWERED and *reply borrowed until http_close, else why not, with *error. */
enum retry_transport http_head(struct http_stream *s, const struct http_reply **reply, struct error *error);

/* Wait for up to n bytes of the body. The number read; 0 at the end of a whole body; -1 with *transport and *error when
 * it broke off. */
ssize_t http_read(struct http_stream *s, void *p, size_t n, enum retry_transport *transport,
	struct error *error);

/* Whether http_head and http_read would not block now. */
bool http_ready(struct http_stream *s);

/* End it, finished or not; waits until the engine has let go of it. */
void http_close(struct http_stream *s);

/* Read the rest of the body into *body, at most max bytes (more is RETRY_HOPELESS with *error). */
enum retry_transport http_read_all(struct http_stream *s, struct buffer *body, size_t max,
	struct error *error);

/* Set once, before the first request: how many connections to keep open at most (default 128). */
void http_connections(unsigned n);

/* Milliseconds since some fixed point; and sleep. */
uint64_t http_clock_ms(void);
void http_sleep_ms(uint64_t ms);

#endif
