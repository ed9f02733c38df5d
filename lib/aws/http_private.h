/* What the parts of http share: http.c moves the bytes, http_setup.c tells libcurl what a request is, http_reply.c
 * takes the head of the reply. */
#ifndef ACC_AWS_HTTP_PRIVATE_H
#define ACC_AWS_HTTP_PRIVATE_H

#include "aws/http.h"

#include <curl/curl.h>

#define HTTP_HEADERS_MAX 48 /* of a request, libcurl's own removed ones included */

struct http_stream {
	CURLM *multi; /* of the thread that opened it */
	CURL *easy;
	char reason[CURL_ERROR_SIZE];

	/* the request */
	struct curl_slist headers[HTTP_HEADERS_MAX];
	struct buffer header_text; /* what they point to; holds secrets */
	struct slice body;
	int body_fd;
	uint64_t body_offset, body_bytes, body_sent;
	uint64_t stall_ms;

	/* the reply */
	struct http_reply reply;
	bool head_done, done, paused, stalled, headers_too_long;
	CURLcode result;
	bool moved;           /* something did since that was looked at */
	char *into;           /* where the body goes: landed bytes are there and not yet read, */
	size_t landed, room;  /* and room is left behind them */
	struct buffer data;   /* what came besides */
	size_t taken, window; /* taken: bytes of data already read */
};

/* Tell s->easy all of the request. */
void http_set_up(struct http_stream *s, const struct http_request *r);

/* libcurl's callbacks, data being the stream; the first is in http_reply.c. */
size_t http_on_header(char *line, size_t size, size_t n, void *data);
size_t http_on_data(char *p, size_t size, size_t n, void *data);
size_t http_on_upload(char *p, size_t size, size_t n, void *data);
int http_on_seek(void *data, curl_off_t offset, int origin);

#endif
