#include "aws/http.h"

#include "aws/http_private.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WINDOW = 256 << 10,
	CONNECTIONS_KEPT = 16, /* of each thread */
	POLL_MS = 1000,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t engine_key; /* a thread's own transfers and connections: its CURLM */

/* ---- libcurl's callbacks ---- */

static size_t
waiting(const struct http_stream *s)
{
	return s->data.n - s->taken;
}

static void
forget_taken(struct http_stream *s)
{
	if (s->taken < s->data.n && s->taken < s->window)
		return;
	s->data.n -= s->taken;
	if (s->data.n)
		memmove(s->data.p, s->data.p + s->taken, s->data.n);
	s->taken = 0;
}

/* To where the reader wants it, what is over to the window. */
size_t
http_on_data(char *p, size_t size, size_t n, void *data)
{
	struct http_stream *s = data;
	size_t direct = size * n;

	n *= size;
	s->moved = true;
	if (waiting(s) || direct > s->room)
		direct = waiting(s) ? 0 : s->room;
	if (direct < n && waiting(s) >= s->window) {
		s->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (direct) {
		memcpy(s->into + s->landed, p, direct);
		s->room -= direct;
		s->landed += direct;
	}
	if (direct < n) {
		forget_taken(s);
		buffer_add(&s->data, p + direct, n - direct);
	}
	return n;
}

size_t
http_on_upload(char *p, size_t size, size_t n, void *data)
{
	struct http_stream *s = data;
	uint64_t left = s->body_bytes - s->body_sent;
	ssize_t got;

	s->moved = true;
	n *= size;
	if (n > left)
		n = (size_t)left;
	if (s->body_fd < 0) {
		if (n)
			memcpy(p, s->body.p + s->body_sent, n);
		got = (ssize_t)n;
	} else {
		do
			got = pread(s->body_fd, p, n, (off_t)(s->body_offset + s->body_sent));
		while (got < 0 && errno == EINTR);
		if (got < 0 || (got == 0 && n > 0))
			return CURL_READFUNC_ABORT;
	}
	s->body_sent += (uint64_t)got;
	return (size_t)got;
}

int
http_on_seek(void *data, curl_off_t offset, int origin)
{
	struct http_stream *s = data;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > s->body_bytes)
		return CURL_SEEKFUNC_FAIL;
	s->body_sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* ---- a thread's engine ---- */

static void
die(const char *what)
{
	struct error error;

	error_set(&error, STATUS_FAILED, "http", "the HTTP engine fails: %s", what);
	command_die(&error);
}

static void
engine_free(void *multi)
{
	curl_multi_cleanup(multi);
}

static void
start(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		die("libcurl does not initialise");
	if (pthread_key_create(&engine_key, engine_free) != 0)
		die("no thread key is left");
}

static CURLM *
own_engine(void)
{
	CURLM *multi;

	pthread_once(&once, start);
	if ((multi = pthread_getspecific(engine_key)))
		return multi;
	if (!(multi = curl_multi_init()) || pthread_setspecific(engine_key, multi) != 0)
		die("libcurl has no memory");
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	return multi;
}

static void
collect(CURLM *multi)
{
	struct CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(multi, &left))) {
		struct http_stream *s;
		CURLcode result = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&s);
		curl_multi_remove_handle(multi, m->easy_handle);
		s->result = result;
		s->done = true;
	}
}

/* Move what can be moved on all of the thread's transfers. */
static void
perform(CURLM *multi)
{
	int running;
	CURLMcode code = curl_multi_perform(multi, &running);

	if (code != CURLM_OK)
		die(curl_multi_strerror(code));
	collect(multi);
}

/* Move on until s is head_done (or, with wanted, until so many bytes landed), or its window is full, or it is done; or
 * nothing has moved for too long. Only time spent here counts: a caller that is busy elsewhere makes nobody late. */
static void
drive(struct http_stream *s, size_t wanted)
{
	uint64_t since = clock_ms(), now;

	for (;;) {
		perform(s->multi);
		if (s->done || s->paused || (wanted ? s->landed >= wanted : s->head_done))
			return;
		now = clock_ms();
		if (s->moved)
			since = now;
		s->moved = false;
		if (now - since >= s->stall_ms)
			break;
		curl_multi_poll(s->multi, NULL, 0, POLL_MS, NULL);
	}
	curl_multi_remove_handle(s->multi, s->easy);
	s->stalled = s->done = true;
	s->result = CURLE_OPERATION_TIMEDOUT;
}

/* ---- a request ---- */

/* A handle for each request: one that is used again keeps, in libcurl before 8.0, a pointer to the last header of the
 * request before, which a reply that begins with a folded line would have it follow. Connections are kept anyway. */
struct http_stream *
http_open(const struct http_request *r)
{
	struct http_stream *s = memory_get_zeroed(1, sizeof(*s));

	s->multi = own_engine();
	s->body = r->body;
	s->body_fd = r->has_body ? r->body_fd : -1;
	s->body_offset = r->body_offset;
	s->body_bytes = s->body_fd < 0 ? r->body.n : r->body_bytes;
	s->window = r->window ? r->window : WINDOW;
	s->into = r->into;
	s->room = r->into ? r->into_bytes : 0;
	s->reply.length = -1;
	if (!(s->easy = curl_easy_init()))
		die("libcurl has no memory");
	http_set_up(s, r);
	if (curl_multi_add_handle(s->multi, s->easy) != CURLM_OK)
		die("libcurl has no memory");
	return s;
}

static enum retry_transport
transport_of(CURLcode result)
{
	switch (result) {
	case CURLE_OK: return RETRY_ANSWERED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR: return RETRY_UNREACHABLE;
	case CURLE_OPERATION_TIMEDOUT: return RETRY_TIMED_OUT;
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: garbage in place of a status line */
	case CURLE_OUT_OF_MEMORY: return RETRY_BROKEN;
	default: return RETRY_HOPELESS;
	}
}

static enum retry_transport
failure(struct http_stream *s, struct error *error)
{
	enum retry_transport transport = transport_of(s->result);
	double connected = 0; /* also on a connection that was used before */

	curl_easy_getinfo(s->easy, CURLINFO_PRETRANSFER_TIME, &connected);
	if (transport == RETRY_TIMED_OUT && connected == 0)
		transport = RETRY_UNREACHABLE;
	if (s->stalled)
		error_set(error, STATUS_FAILED, "network", "nothing came or went for %llu s",
			(unsigned long long)(s->stall_ms / 1000));
	else if (s->headers_too_long)
		error_set(error, STATUS_FAILED, "network", "the reply's headers are endless or malformed");
	else if (s->result == CURLE_ABORTED_BY_CALLBACK)
		error_set(error, STATUS_FAILED, "io", "cannot read the file being sent, or it shrank");
	else if (s->result == CURLE_PEER_FAILED_VERIFICATION || s->result == CURLE_SSL_CACERT_BADFILE)
		error_set(error, STATUS_FAILED, "network", "%s (see AWS_CA_BUNDLE)",
			s->reason[0] ? s->reason : curl_easy_strerror(s->result));
	else if (s->result == CURLE_SSL_CONNECT_ERROR)
		error_set(error, STATUS_FAILED, "network", "%s (does the host speak TLS?)",
			s->reason[0] ? s->reason : curl_easy_strerror(s->result));
	else
		error_set(error, STATUS_FAILED, "network", "%s",
			s->reason[0] ? s->reason : curl_easy_strerror(s->result));
	return transport == RETRY_ANSWERED ? RETRY_BROKEN : transport;
}

enum retry_transport
http_head(struct http_stream *s, const struct http_reply **reply, struct error *error)
{
	if (!s->head_done && !s->done)
		drive(s, 0);
	if (!s->head_done)
		return failure(s, error);
	*reply = &s->reply;
	return RETRY_ANSWERED;
}

static void
land(struct http_stream *s, void *p, size_t n)
{
	size_t have = waiting(s) < n ? waiting(s) : n;

	if (have)
		memcpy(p, s->data.p + s->taken, have);
	s->taken += have;
	s->into = p;
	s->landed = have;
	s->room = n - have;
}

static void
resume(struct http_stream *s)
{
	if (!s->paused || s->done || waiting(s) >= s->window / 2)
		return;
	s->paused = false;
	curl_easy_pause(s->easy, CURLPAUSE_CONT);
}

ssize_t
http_read(struct http_stream *s, void *p, size_t n, enum retry_transport *transport, struct error *error)
{
	bool prepared = s->into && p == s->into && s->landed + s->room > 0;
	size_t got;

	if (!prepared)
		land(s, p, n);
	if (s->landed < n) {
		size_t most = s->landed + s->room < n ? s->landed + s->room : n;

		resume(s);
		if (!s->done)
			drive(s, most < s->window / 2 ? most : s->window / 2);
	}
	got = s->landed < n ? s->landed : n;
	s->landed -= got;
	s->into = prepared ? s->into + got : NULL;
	if (!prepared)
		s->room = 0;
	if (got || n == 0 || s->result == CURLE_OK)
		return (ssize_t)got;
	*transport = failure(s, error);
	return -1;
}

/* A body that the window holds is not copied, but given away. */
static enum retry_transport
give_all(struct http_stream *s, struct buffer *body, size_t max, struct error *error)
{
	struct buffer empty = *body;

	if (s->data.n > max) {
		error_set(error, STATUS_FAILED, "network", "the reply is longer than %zu bytes", max);
		return RETRY_HOPELESS;
	}
	*body = s->data;
	s->data = empty;
	return s->result == CURLE_OK ? RETRY_ANSWERED : failure(s, error);
}

enum retry_transport
http_read_all(struct http_stream *s, struct buffer *body, size_t max, struct error *error)
{
	enum retry_transport transport = RETRY_BROKEN;
	ssize_t got;

	if (!s->done)
		drive(s, SIZE_MAX);
	if (s->done && body->n == 0 && s->landed == 0 && s->taken == 0)
		return give_all(s, body, max, error);
	for (;;) {
		buffer_reserve(body, 16 << 10);
		got = http_read(s, body->p + body->n, body->capacity - body->n, &transport, error);
		if (got < 0)
			return transport;
		if (got == 0)
			return RETRY_ANSWERED;
		body->n += (size_t)got;
		if (body->n > max) {
			error_set(error, STATUS_FAILED, "network", "the reply is longer than %zu bytes", max);
			return RETRY_HOPELESS;
		}
	}
}

void
http_close(struct http_stream *s)
{
	if (!s)
		return;
	if (s->multi != own_engine())
		abort();
	if (!s->done)
		curl_multi_remove_handle(s->multi, s->easy);
	curl_easy_cleanup(s->easy);
	buffer_wipe(&s->header_text);
	buffer_free(&s->reply.headers);
	buffer_free(&s->data);
	free(s);
}
