/* Whole replies of an endpoint: status line, headers (dates, lengths, checksums), and the bodies of lists, objects,
 * queues, tables and topics, through the HTTP engine and the clients of the services. A thread plays the endpoint: it
 * answers every request with the input and hangs up. The first byte chooses the call. */
#include "aws/client.h"
#include "aws/dynamodb.h"
#include "aws/s3.h"
#include "aws/sns.h"
#include "aws/sqs.h"
#include "base/environment.h"
#include "base/message.h"

#include "fuzz.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slice reply; /* under lock */

/* Nobody waits between tries here. */
int
nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)wanted, (void)left;
	return 0;
}

/* ---- the endpoint */

/* Requests without a body end with their head; the others are small and say how long they are. */
static void
read_request(int fd)
{
	char text[16384];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0) {
		const char *end, *length;

		n += (size_t)got;
		text[n] = 0;
		end = strstr(text, "\r\n\r\n");
		length = strstr(text, "\r\nContent-Length: ");
		if (end && n >= (size_t)(end + 4 - text) + (length ? strtoul(length + 18, NULL, 10) : 0))
			return;
	}
}

static void *
answer(void *listener)
{
	int fd;

	while ((fd = accept(*(int *)listener, NULL, NULL)) >= 0) {
		struct slice rest;

		read_request(fd);
		pthread_mutex_lock(&lock);
		for (rest = reply; rest.n;) {
			ssize_t sent = send(fd, rest.p, rest.n, MSG_NOSIGNAL);

			if (sent <= 0)
				break;
			rest = (struct slice){rest.p + sent, rest.n - (size_t)sent};
		}
		pthread_mutex_unlock(&lock);
		close(fd);
	}
	return NULL;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static int listener;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(address);
	struct error error;
	pthread_t thread;
	char url[64];

	(void)argc, (void)argv;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	require(bind(listener, (struct sockaddr *)&address, n) == 0 && listen(listener, 16) == 0);
	require(getsockname(listener, (struct sockaddr *)&address, &n) == 0);
	require(pthread_create(&thread, NULL, answer, &listener) == 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	setenv("AWS_ENDPOINT_URL", url, 1);
	setenv("AWS_ACCESS_KEY_ID", "AKIDTEST", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	setenv("AWS_REGION", "us-east-1", 1);
	setenv("AWS_CONFIG_FILE", "/dev/null", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
	setenv("AWS_MAX_ATTEMPTS", "1", 1);
	unsetenv("http_proxy");
	message_configure(-1, false);
	return aws_start(&environment_system, &error);
}

/* ---- the calls */

static bool
see_entry(void *context, const struct s3_entry *e)
{
	size_t *n = context;

	require(e->key.p != NULL || e->key.n == 0);
	return ++*n < 10000;
}

static void
list(void)
{
	struct s3_listing listing = {.bucket = SLICE("bucket"), .prefix = SLICE("in/")};
	struct error error = {.code = NULL};
	size_t n = 0;

	if (s3_list(&listing, see_entry, &n, &error) < 0)
		require(error.code && error.text[0] && error.status == STATUS_FAILED);
}

static void
get(void)
{
	struct s3_download *d = s3_open(&(struct s3_get){.uri = "s3://bucket/key"});
	const struct s3_meta *meta;
	struct error error = {.code = NULL};
	char block[4096];
	uint64_t bytes = 0;
	ssize_t got = -1;

	if (s3_head(d, &meta, &error) == 0)
		while ((got = s3_read(d, block, sizeof(block), &error)) > 0)
			bytes += (uint64_t)got;
	require(got == 0 || (error.code && error.text[0]));
	require(got < 0 || !meta->has_bytes || bytes == meta->bytes);
	s3_close(d);
}

static void
look(void)
{
	struct s3_meta meta;
	struct error error;

	if (s3_look(&(struct s3_get){.uri = "s3://bucket/key"}, &meta, &error) == 0)
		s3_meta_free(&meta);
}

static void
receive(void)
{
	struct sqs_queue q;
	struct sqs_entry entries[2] = {{.handle = SLICE("a")}, {.handle = SLICE("b")}};
	struct sqs_receive most = {.max = SQS_BATCH, .visibility_seconds = 30};
	struct sqs_received received;
	struct arena arena = {0};
	struct slice attributes;
	struct error error;

	sqs_open(&q, "sqs://queue", &error);
	sqs_close(&q);
	require(sqs_open(&q, "http://127.0.0.1/1/queue", &error) == 0);
	if (sqs_receive(&q, &most, &arena, &received, &error) == 0)
		for (size_t i = 0; i < received.n; i++)
			require(strlen(received.messages[i].body.p) <= received.messages[i].body.n);
	sqs_attributes(&q, &arena, &attributes, &error);
	sqs_change_visibility(&q, entries, 1, 0, &error);
	sqs_close(&q);
	arena_free(&arena);
}

static void
read_table(void)
{
	struct buffer text = {0};
	struct error error = {.code = NULL};

	if (dynamodb_content("dynamodb://table", &text, &error) < 0)
		require(error.code && error.text[0]);
	buffer_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct error error;

	if (n == 0)
		return 0;
	pthread_mutex_lock(&lock);
	reply = (struct slice){(const char *)data + 1, n - 1};
	pthread_mutex_unlock(&lock);
	switch (data[0] % 6) {
	case 0: list(); break;
	case 1: get(); break;
	case 2: look(); break;
	case 3: receive(); break;
	case 4: read_table(); break;
	default: sns_publish("arn:aws:sns:us-east-1:123456789012:topic", SLICE("subject"), SLICE("message"), 0, &error);
	}
	pthread_mutex_lock(&lock);
	reply = (struct slice){NULL, 0};
	pthread_mutex_unlock(&lock);
	return 0;
}
