#include "aws/http.h"

#include "base/command.h"
#include "base/memory.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
	WINDOW = 256 << 10,
	HEADERS_MAX = 256 << 10,
	CONNECT_MS = 3000,
	STALL_SECONDS = 30,
	IDLE_SECONDS = 4, /* S3 drops idle connections after about five */
};

struct http_stream {
	struct http_stream *next;      /* among the engine's commands */
	CURL *easy;                    /* the engine's alone, once queued */
	struct curl_slist *header_list;
	struct slice body;
	int body_fd;
	uint64_t body_offset, body_bytes, body_sent;
	size_t window;
	char reason[CURL_ERROR_SIZE];

	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under lock */
	struct http_reply reply;
	bool head_done, done, paused, resume, closing, gone;
	bool added;                    /* to the multi handle: the engine's alone */
	bool listed;                   /* among the commands: under the engine's lock */
	CURLcode result;
	struct buffer data;
	size_t taken;                  /* bytes of data already read */
	size_t wanted;                 /* a reader waits for so many; 0: nobody waits */
	bool headers_too_long;
};

static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	pthread_t thread;
	CURLM *multi;
	struct http_stream *commands, **commands_end; /* under lock */
	struct http_stream *current;                  /* under lock: what the engine is obeying */
	unsigned connections;
} engine = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER, .connections = 128};

uint64_t
http_clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void
http_sleep_ms(uint64_t ms)
{
	struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

void
http_connections(unsigned n)
{
	engine.connections = n;
}

/* ---- callbacks, on the engine's thread ---- */

static void
reset_reply(struct http_reply *reply)
{
	reply->status = 0;
	reply->length = reply->date = -1;
	reply->headers.n = 0;
}

static void
add_header(struct http_stream *s, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	const char *value, *end = line + n;
	size_t name;

	if (!colon)
		return;
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (memchr(line, 0, n) || s->reply.headers.n + n > HEADERS_MAX) {
		s->headers_too_long = true;
		return;
	}
	name = s->reply.headers.n;
	buffer_add(&s->reply.headers, line, (size_t)(colon - line));
	for (size_t i = name; i < s->reply.headers.n; i++)
		if (s->reply.headers.p[i] >= 'A' && s->reply.headers.p[i] <= 'Z')
			s->reply.headers.p[i] += 32;
	buffer_add_byte(&s->reply.headers, 0);
	buffer_add(&s->reply.headers, value, (size_t)(end - value));
	buffer_add_byte(&s->reply.headers, 0);
}

static void
finish_head(struct http_stream *s)
{
	struct slice length = http_header(&s->reply, "content-length");
	struct slice date = http_header(&s->reply, "date");

	if (length.n)
		s->reply.length = strtoll(length.p, NULL, 10);
	if (date.n)
		s->reply.date = (int64_t)curl_getdate(date.p, NULL);
	s->head_done = true;
	pthread_cond_broadcast(&s->changed);
}

/* Each block of headers (100 Continue, a proxy's reply) begins anew at its status line. */
static size_t
on_header(char *line, size_t size, size_t n, void *data)
{
	struct http_stream *s = data;
	size_t all = size * n;
	bool refuse;

	n = all;
	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	pthread_mutex_lock(&s->lock);
	if (s->head_done) {
		; /* trailers */
	} else if (n > 5 && memcmp(line, "HTTP/", 5) == 0) {
		const char *space = memchr(line, ' ', n);

		reset_reply(&s->reply);
		s->reply.status = space ? (int)strtol(space, NULL, 10) : 0;
	} else if (n > 0) {
		add_header(s, line, n);
	} else if (s->reply.status >= 200) {
		finish_head(s);
	}
	refuse = s->headers_too_long;
	pthread_mutex_unlock(&s->lock);
	return refuse ? 0 : all;
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

static size_t
on_data(char *p, size_t size, size_t n, void *data)
{
	struct http_stream *s = data;

	n *= size;
	pthread_mutex_lock(&s->lock);
	if (s->data.n - s->taken >= s->window && !s->closing) {
		s->paused = true;
		n = CURL_WRITEFUNC_PAUSE;
	} else {
		forget_taken(s);
		buffer_add(&s->data, p, n);
		/* a wake-up for each segment of the network's would cost more than the copy */
		if (s->wanted && s->data.n - s->taken >= s->wanted)
			pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
	return n;
}

static size_t
on_upload(char *p, size_t size, size_t n, void *data)
{
	struct http_stream *s = data;
	uint64_t left = s->body_bytes - s->body_sent;
	ssize_t got;

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

static int
on_seek(void *data, curl_off_t offset, int origin)
{
	struct http_stream *s = data;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > s->body_bytes)
		return CURL_SEEKFUNC_FAIL;
	s->body_sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* ---- the engine's thread ---- */

static void
finish(struct http_stream *s, CURLcode result)
{
	pthread_mutex_lock(&s->lock);
	s->result = result;
	s->done = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

/* A stream with news: it is to be started, resumed or closed; true when closed. */
static bool
obey(struct http_stream *s)
{
	bool closing, resume;

	pthread_mutex_lock(&s->lock);
	closing = s->closing;
	resume = s->resume;
	s->resume = false;
	if (resume)
		s->paused = false;
	pthread_mutex_unlock(&s->lock);
	if (closing) {
		if (s->added && !s->done)
			curl_multi_remove_handle(engine.multi, s->easy);
		s->added = false;
	} else if (!s->added) {
		s->added = true;
		if (curl_multi_add_handle(engine.multi, s->easy) != CURLM_OK)
			finish(s, CURLE_OUT_OF_MEMORY);
	} else if (resume && !s->done) {
		curl_easy_pause(s->easy, CURLPAUSE_CONT);
	}
	return closing;
}

/* The last touch: whoever closes the stream frees it then. */
static void
let_go(struct http_stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->gone = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static struct http_stream *
next_command(void)
{
	struct http_stream *s;

	pthread_mutex_lock(&engine.lock);
	s = engine.current = engine.commands;
	if (s) {
		s->listed = false;
		engine.commands = s->next;
		if (!engine.commands)
			engine.commands_end = &engine.commands;
	}
	pthread_mutex_unlock(&engine.lock);
	return s;
}

static void
obey_all(void)
{
	struct http_stream *s;
	bool again;

	while ((s = next_command())) {
		if (!obey(s))
			continue;
		/* It may have been popped for an older command: then it comes once more. */
		pthread_mutex_lock(&engine.lock);
		again = s->listed;
		pthread_mutex_unlock(&engine.lock);
		if (!again)
			let_go(s);
	}
}

static void
collect(void)
{
	struct CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(engine.multi, &left))) {
		struct http_stream *s;
		CURLcode result = m->data.result;
		CURL *easy = m->easy_handle;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&s);
		curl_multi_remove_handle(engine.multi, easy);
		finish(s, result);
	}
}

static void *
run(void *unused)
{
	(void)unused;
	for (;;) {
		int running;

		obey_all();
		if (curl_multi_perform(engine.multi, &running) != CURLM_OK)
			abort();
		collect();
		curl_multi_poll(engine.multi, NULL, 0, 1000, NULL);
	}
	return NULL;
}

static void
die(const char *what)
{
	struct error error;

	error_set(&error, STATUS_FAILED, "http", "cannot start the HTTP engine: %s", what);
	command_die(&error);
}

static void
start_engine(void)
{
	sigset_t all, old;
	int failed;

	engine.commands_end = &engine.commands;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(engine.multi = curl_multi_init()))
		die("libcurl does not initialise");
	curl_multi_setopt(engine.multi, CURLMOPT_MAXCONNECTS, (long)engine.connections);
	curl_multi_setopt(engine.multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&engine.thread, NULL, run, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (failed)
		die(strerror(failed));
	pthread_detach(engine.thread);
}

/* ---- any thread ---- */

/* With the engine's lock held. */
static void
list(struct http_stream *s)
{
	if (s->listed)
		return;
	s->listed = true;
	s->next = NULL;
	*engine.commands_end = s;
	engine.commands_end = &s->next;
}

static void
tell_engine(struct http_stream *s)
{
	pthread_mutex_lock(&engine.lock);
	list(s);
	pthread_mutex_unlock(&engine.lock);
	curl_multi_wakeup(engine.multi);
}

/* A handle for each request: one that is used again keeps, in libcurl before 8.0, a pointer to the last header of the
 * request before, which a reply that begins with a folded line would have it follow. Connections are kept anyway. */
static CURL *
easy_get(void)
{
	CURL *easy = curl_easy_init();

	if (!easy)
		die("libcurl has no memory");
	return easy;
}

/* Where Debian, Amazon Linux 2023 and others keep the certificates: libcurl only knows its own build's place. */
static const char *
system_ca_bundle(void)
{
	static const char *const places[] = {"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
		"/etc/ssl/ca-bundle.pem"};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

static void
set_headers(struct http_stream *s, const struct http_request *r)
{
	struct buffer line = {0};

	for (size_t i = 0; i < r->n_headers; i++) {
		line.n = 0;
		buffer_add_slice(&line, r->headers[i].name);
		/* libcurl's way to send an empty value */
		buffer_add_string(&line, r->headers[i].value.n ? ": " : ";");
		buffer_add_slice(&line, r->headers[i].value);
		s->header_list = curl_slist_append(s->header_list, buffer_string(&line));
	}
	if (r->body_bytes < 1 << 20)
		s->header_list = curl_slist_append(s->header_list, "Expect:");
	if (!r->has_body)
		s->header_list = curl_slist_append(s->header_list, "Content-Type:");
	s->header_list = curl_slist_append(s->header_list, "Accept:");
	if (line.p)
		explicit_bzero(line.p, line.n);
	buffer_free(&line);
	curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->header_list);
}

static void
set_method(struct http_stream *s, const struct http_request *r)
{
	CURL *easy = s->easy;

	if (strcmp(r->method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	} else if (r->has_body) {
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)s->body_bytes);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
		curl_easy_setopt(easy, CURLOPT_READDATA, s);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, s);
		curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 128L << 10);
	} else {
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
	}
}

static void
set_limits(struct http_stream *s, const struct http_request *r)
{
	CURL *easy = s->easy;
	uint64_t connect = r->connect_ms ? r->connect_ms : CONNECT_MS;
	uint64_t stall = r->stall_seconds ? r->stall_seconds : STALL_SECONDS;

	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)r->total_ms);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)stall);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, 300L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, r->fresh ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 20L);
	curl_easy_setopt(easy, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
}

static void
set_up(struct http_stream *s, const struct http_request *r)
{
	CURL *easy = s->easy;
	const char *ca = r->ca_bundle ? r->ca_bundle : system_ca_bundle();

	curl_easy_setopt(easy, CURLOPT_PRIVATE, s);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "accommodation-consolidator");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_URL, r->url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, s->reason);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L << 10);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, s);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, s);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
	if (r->direct)
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	set_limits(s, r);
	set_method(s, r);
	set_headers(s, r);
}

struct http_stream *
http_open(const struct http_request *r)
{
	struct http_stream *s = memory_get_zeroed(1, sizeof(*s));

	pthread_once(&engine.once, start_engine);
	s->body = r->body;
	s->body_fd = r->has_body ? r->body_fd : -1;
	s->body_offset = r->body_offset;
	s->body_bytes = s->body_fd < 0 ? r->body.n : r->body_bytes;
	s->window = r->window ? r->window : WINDOW;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	reset_reply(&s->reply);
	s->easy = easy_get();
	set_up(s, r);
	tell_engine(s);
	return s;
}

static enum retry_transport
transport_of(CURLcode result)
{
	switch (result) {
	case CURLE_OK:
		return RETRY_ANSWERED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return RETRY_UNREACHABLE;
	case CURLE_OPERATION_TIMEDOUT:
		return RETRY_TIMED_OUT;
	case CURLE_PARTIAL_FILE:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: garbage in place of a status line */
	case CURLE_OUT_OF_MEMORY:
		return RETRY_BROKEN;
	default:
		return RETRY_HOPELESS;
	}
}

static enum retry_transport
failure(struct http_stream *s, struct error *error)
{
	enum retry_transport transport = transport_of(s->result);
	double connected = 0;

	curl_easy_getinfo(s->easy, CURLINFO_CONNECT_TIME, &connected);
	if (transport == RETRY_TIMED_OUT && connected == 0)
		transport = RETRY_UNREACHABLE;

	if (s->headers_too_long)
		error_set(error, STATUS_FAILED, "network", "the reply's headers are endless or malformed");
	else if (s->result == CURLE_ABORTED_BY_CALLBACK)
		error_set(error, STATUS_FAILED, "io", "cannot read the file being sent, or it shrank");
	else if (s->result == CURLE_PEER_FAILED_VERIFICATION || s->result == CURLE_SSL_CACERT_BADFILE)
		error_set(error, STATUS_FAILED, "network", "%s (see AWS_CA_BUNDLE)",
			s->reason[0] ? s->reason : curl_easy_strerror(s->result));
	else
		error_set(error, STATUS_FAILED, "network", "%s",
			s->reason[0] ? s->reason : curl_easy_strerror(s->result));
	return transport == RETRY_ANSWERED ? RETRY_BROKEN : transport;
}

enum retry_transport
http_head(struct http_stream *s, const struct http_reply **reply, struct error *error)
{
	bool have;

	pthread_mutex_lock(&s->lock);
	while (!s->head_done && !s->done)
		pthread_cond_wait(&s->changed, &s->lock);
	have = s->head_done;
	pthread_mutex_unlock(&s->lock);
	if (!have)
		return failure(s, error);
	*reply = &s->reply;
	return RETRY_ANSWERED;
}

bool
http_ready(struct http_stream *s)
{
	bool ready;

	pthread_mutex_lock(&s->lock);
	ready = s->done || s->data.n > s->taken;
	pthread_mutex_unlock(&s->lock);
	return ready;
}

ssize_t
http_read(struct http_stream *s, void *p, size_t n, enum retry_transport *transport, struct error *error)
{
	size_t have;
	bool resume;

	pthread_mutex_lock(&s->lock);
	s->wanted = n < s->window / 2 ? n : s->window / 2;
	while (s->data.n - s->taken < s->wanted && !s->done)
		pthread_cond_wait(&s->changed, &s->lock);
	s->wanted = 0;
	have = s->data.n - s->taken;
	if (have > n)
		have = n;
	if (have)
		memcpy(p, s->data.p + s->taken, have);
	s->taken += have;
	resume = s->paused && !s->done && !s->resume && s->data.n - s->taken < s->window / 2;
	s->resume |= resume;
	pthread_mutex_unlock(&s->lock);
	if (resume)
		tell_engine(s);
	if (have || n == 0)
		return (ssize_t)have;
	if (s->result == CURLE_OK)
		return 0;
	*transport = failure(s, error);
	return -1;
}

enum retry_transport
http_read_all(struct http_stream *s, struct buffer *body, size_t max, struct error *error)
{
	enum retry_transport transport;
	ssize_t got;

	for (;;) {
		size_t room = 16 << 10;

		buffer_reserve(body, room);
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
	bool busy;

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	pthread_mutex_lock(&engine.lock);
	busy = !s->done || s->listed || engine.current == s;
	s->closing = busy;
	if (busy)
		list(s);
	pthread_mutex_unlock(&engine.lock);
	pthread_mutex_unlock(&s->lock);
	if (busy) {
		curl_multi_wakeup(engine.multi);
		pthread_mutex_lock(&s->lock);
		while (!s->gone)
			pthread_cond_wait(&s->changed, &s->lock);
		pthread_mutex_unlock(&s->lock);
	}
	curl_easy_cleanup(s->easy);
	curl_slist_free_all(s->header_list);
	buffer_free(&s->reply.headers);
	buffer_free(&s->data);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct slice
http_header(const struct http_reply *reply, const char *name)
{
	struct slice header, value;

	for (size_t at = 0; http_next_header(reply, &at, &header, &value);)
		if (slice_equal(header, slice_of(name)))
			return value;
	return (struct slice){NULL, 0};
}

bool
http_next_header(const struct http_reply *reply, size_t *at, struct slice *name, struct slice *value)
{
	if (*at >= reply->headers.n)
		return false;
	*name = slice_of(reply->headers.p + *at);
	*at += name->n + 1;
	*value = slice_of(reply->headers.p + *at);
	*at += value->n + 1;
	return true;
}
