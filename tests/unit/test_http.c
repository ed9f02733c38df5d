#include "unit.h"

#include "aws/http.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server for one connection: so many requests are answered, then it says nothing more. */
struct server {
	int listener, answers;
	char url[64];
	pthread_t thread;
};

static bool
read_request(int fd)
{
	char text[4096];
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, text + n, sizeof(text) - n - 1)) > 0) {
		text[n += (size_t)got] = 0;
		if (strstr(text, "\r\n\r\n"))
			return true;
	}
	return false;
}

static void *
serve(void *context)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct server *s = context;
	int fd = accept(s->listener, NULL, NULL);

	for (int i = 0; read_request(fd); i++)
		if (i < s->answers && write(fd, answer, sizeof(answer) - 1) < 0)
			break;
	close(fd);
	return NULL;
}

static void
start(struct server *s, int answers)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(address);

	s->answers = answers;
	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&address, n), 0);
	assert_int_equal(listen(s->listener, 1), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &n), 0);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void
stop(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->listener);
}

static enum retry_transport
get(const char *url, struct error *error)
{
	struct http_request request = {.method = "GET", .url = url, .body_fd = -1, .stall_seconds = 1, .direct = true};
	struct http_stream *s = http_open(&request);
	const struct http_reply *reply;
	struct buffer body = {0};
	enum retry_transport transport = http_head(s, &reply, error);

	if (transport == RETRY_ANSWERED)
		transport = http_read_all(s, &body, 100, error);
	buffer_free(&body);
	http_close(s);
	return transport;
}

static void
silence_on_a_connection_is_no_unreachable_host(void **state)
{
	struct error error;
	struct server s;

	(void)state;
	for (int answers = 0; answers < 2; answers++) {
		start(&s, answers);
		if (answers)
			assert_int_equal(get(s.url, &error), RETRY_ANSWERED);
		assert_int_equal(get(s.url, &error), RETRY_TIMED_OUT);
		assert_string_equal(error.text, "nothing came or went for 1 s");
		stop(&s);
	}
	assert_int_equal(get(s.url, &error), RETRY_UNREACHABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_on_a_connection_is_no_unreachable_host),
	};

	return TESTS(tests);
}
