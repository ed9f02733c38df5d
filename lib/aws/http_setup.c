#include "aws/http_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECT_MS = 3000,
	STALL_SECONDS = 30,
	IDLE_SECONDS = 4, /* S3 drops idle connections after about five */
	CONNECTION_SECONDS = 300,
	EXPECT_BYTES = 1 << 20,
};

/* Where Debian, Amazon Linux 2023 and others keep the certificates: libcurl only knows its own build's place. */
static const char *
system_ca_bundle(void)
{
	static const char *const places[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

/* A command that runs beside us gets none of our connections. */
static curl_socket_t
open_socket(void *unused, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)unused;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void
set_constants(struct http_stream *s)
{
	CURL *easy = s->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, s);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "accommodation-consolidator");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, s->reason);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, s);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_on_data);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, s);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, http_on_upload);
	curl_easy_setopt(easy, CURLOPT_READDATA, s);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, http_on_seek);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, s);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_SECONDS);
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 20L);
	curl_easy_setopt(easy, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
}

/* The next header line is at `line` in the text, which does not move. */
static void
add_line(struct http_stream *s, size_t *n, size_t line)
{
	if (*n == HTTP_HEADERS_MAX)
		abort();
	buffer_add_byte(&s->header_text, 0);
	s->headers[*n] = (struct curl_slist){.data = s->header_text.p + line};
	if (*n)
		s->headers[*n - 1].next = &s->headers[*n];
	++*n;
}

/* Have libcurl leave out what it would add. */
static void
leave_out(struct http_stream *s, size_t *n, const char *line)
{
	size_t at = s->header_text.n;

	buffer_add_string(&s->header_text, line);
	add_line(s, n, at);
}

static void
set_headers(struct http_stream *s, const struct http_request *r)
{
	struct buffer *text = &s->header_text;
	size_t bytes = sizeof("Expect:") + sizeof("Content-Type:") + sizeof("Accept:"), n = 0;

	for (size_t i = 0; i < r->n_headers; i++)
		bytes += r->headers[i].name.n + r->headers[i].value.n + sizeof(": ");
	text->n = 0;
	buffer_reserve(text, bytes);
	for (size_t i = 0; i < r->n_headers; i++) {
		size_t at = text->n;

		buffer_add_slice(text, r->headers[i].name);
		/* libcurl's way to send an empty value */
		buffer_add_string(text, r->headers[i].value.n ? ": " : ";");
		buffer_add_slice(text, r->headers[i].value);
		add_line(s, &n, at);
	}
	if (r->has_body && r->body_bytes < EXPECT_BYTES)
		leave_out(s, &n, "Expect:");
	leave_out(s, &n, "Accept:");
	curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers);
}

static void
set_method(struct http_stream *s, const struct http_request *r)
{
	CURL *easy = s->easy;

	if (strcmp(r->method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return;
	}
	if (r->has_body) {
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)s->body_bytes);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
}

void
http_set_up(struct http_stream *s, const struct http_request *r)
{
	CURL *easy = s->easy;
	const char *ca = r->ca_bundle;

	if (!ca && strncmp(r->url, "https:", 6) == 0)
		ca = system_ca_bundle();
	set_constants(s);
	curl_easy_setopt(easy, CURLOPT_URL, r->url);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(r->connect_ms ? r->connect_ms : CONNECT_MS));
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)r->total_ms);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, r->fresh ? 1L : 0L);
	if (ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
	if (r->direct)
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	s->stall_ms = (r->stall_seconds ? r->stall_seconds : STALL_SECONDS) * 1000;
	set_method(s, r);
	set_headers(s, r);
}
