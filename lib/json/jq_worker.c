#include "json/jq_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <jq.h>
#include <jv.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#ifdef ACC_COVERAGE /* the process that runs a program may then write down what it reached */
void __gcov_dump(void);
#define COVERED 1
#else
#define COVERED 0
#endif

/* What stands before the program, on its first line so that its line numbers stay. */
static const char prologue[] =
	"def _denied($what): error($what + \" is not available here\"); "
	"def env: _denied(\"env\"); def input: _denied(\"input\"); def inputs: _denied(\"inputs\"); "
	"def input_filename: _denied(\"input_filename\"); "
	"def input_line_number: _denied(\"input_line_number\"); "
	"def modulemeta: _denied(\"modulemeta\"); "
	"def get_search_list: _denied(\"get_search_list\"); "
	"def halt: _denied(\"halt\"); def halt_error: _denied(\"halt_error\"); "
	"def halt_error($status): _denied(\"halt_error\"); def debug: .; def stderr: .; "
	"\"$ENV is not available here\" as $ENV | .[0] as $source | .[1] | (";

int
jq_send(int fd, const void *p, size_t n)
{
	const char *next = p;

	while (n > 0) {
		ssize_t sent = send(fd, next, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -1;
		next += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* 1, or 0 when the other side is gone. */
static int
receive_all(int fd, void *p, size_t n)
{
	char *next = p;

	while (n > 0) {
		ssize_t got = recv(fd, next, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		next += got;
		n -= (size_t)got;
	}
	return 1;
}

/* Bytes that grow. Not a struct buffer: when memory is out, that one ends the command and removes its temporary
 * files, which are the parent's. */
struct bytes {
	char *p;
	size_t n, capacity;
};

static void
bytes_reserve(struct bytes *b, size_t more)
{
	char *p;

	if (b->capacity - b->n >= more)
		return;
	b->capacity = (b->n + more) * 3 / 2;
	p = realloc(b->p, b->capacity);
	if (!p)
		_exit(1);
	b->p = p;
}

static void
bytes_add(struct bytes *b, const void *p, size_t n)
{
	bytes_reserve(b, n);
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

struct worker {
	int fd;
	uint64_t time_limit_ms;
	jq_state *jq;
	bool names_env; /* the program has "$ENV" in it */
	struct bytes replies;
};

static void __attribute__((noreturn)) worker_end(void)
{
#ifdef ACC_COVERAGE
	__gcov_dump();
#endif
	_exit(0);
}

static void
worker_flush(struct worker *w)
{
	if (jq_send(w->fd, w->replies.p, w->replies.n) < 0)
		worker_end();
	w->replies.n = 0;
}

static void
worker_reply(struct worker *w, uint32_t kind, const char *text, size_t n)
{
	struct jq_header header = {kind, (uint32_t)n};

	bytes_add(&w->replies, &header, sizeof(header));
	bytes_add(&w->replies, text, n);
	if (w->replies.n > JQ_REPLY_BLOCK)
		worker_flush(w);
}

static void
remember_error(void *context, jv message)
{
	struct bytes *errors = context;

	message = jq_format_error(message);
	if (errors->n > 0)
		bytes_add(errors, "\n", 1);
	bytes_add(errors, jv_string_value(message), strlen(jv_string_value(message)));
	jv_free(message);
}

/* Without a handler libjq 1.6 calls an address that nobody set. */
static void
out_of_memory(void *context)
{
	(void)context;
	_exit(1);
}

/* A state with the program compiled, or NULL with what libjq had to say in errors. */
static jq_state *
compile(const char *text, bool with_source, struct bytes *errors)
{
	jq_state *jq = jq_init();

	if (!jq)
		return NULL;
	jq_set_nomem_handler(jq, out_of_memory, NULL);
	errors->n = 0;
	jq_set_error_cb(jq, remember_error, errors);
	jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	jq_set_attr(jq, jv_string("JQ_ORIGIN"), jv_string("/"));
	jq_set_attr(jq, jv_string("PROGRAM_ORIGIN"), jv_string("/"));
	if (jq_compile_args(
		    jq, text, with_source ? jv_object_set(jv_object(), jv_string("source"), jv_null()) : jv_object()))
		return jq;
	jq_teardown(&jq);
	return NULL;
}

/* The bare program is compiled first: its messages show the user's own text. */
static jq_state *
compile_wrapped(const char *text, struct bytes *errors)
{
	jq_state *jq = compile(text, true, errors);
	struct bytes wrapped = {0};

	if (!jq)
		return NULL;
	jq_teardown(&jq);
	bytes_add(&wrapped, prologue, strlen(prologue));
	bytes_add(&wrapped, text, strlen(text));
	bytes_add(&wrapped, "\n)", 3);
	jq = compile(wrapped.p, false, errors);
	if (!jq) {
		/* Definitions without an expression, or nothing at all, mean the identity. */
		wrapped.n -= 2;
		bytes_add(&wrapped, ".)", 3);
		jq = compile(wrapped.p, false, errors);
	}
	free(wrapped.p);
	return jq;
}

static void
worker_limit(int resource, rlim_t limit)
{
	struct rlimit r = {limit, limit};

	if (setrlimit(resource, &r) < 0)
		_exit(1);
}

/* Data this process has already, which a limit on data would count. */
static uint64_t
data_bytes(void)
{
	unsigned long long pages[6] = {0};
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file)
		return UINT64_C(1) << 40;
	if (fscanf(file, "%llu %llu %llu %llu %llu %llu", &pages[0], &pages[1], &pages[2], &pages[3], &pages[4],
		    &pages[5]) != 6)
		pages[5] = 1u << 28;
	fclose(file);
	return pages[5] * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Keep nothing of the parent but the socket, and lose the power to open anything. */
static int
worker_confine(int fd)
{
	static char *no_environment[] = {NULL};
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(1);
	if (fd != 3 && dup2(fd, 3) < 0)
		_exit(1);
	if (!SANITIZED)
		worker_limit(RLIMIT_DATA, data_bytes() + JQ_MEMORY_MAX);
	if (close_range(4, ~0u, 0) < 0)
		for (int i = 4; i < 1024; i++)
			close(i);
	environ = no_environment;
	if (!COVERED)
		worker_limit(RLIMIT_NOFILE, 0);
	worker_limit(RLIMIT_CORE, 0);
	return 3;
}

static void
worker_timer(uint64_t ms)
{
	struct itimerval timer = {
		.it_value = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)}};

	setitimer(ITIMER_PROF, &timer, NULL);
}

/* A sanitizer's allocator may be left locked in the child of a process with threads, which then hangs for ever: ended,
 * it is started anew. libc unlocks its own. */
static void
worker_watch(bool on)
{
	if (SANITIZED)
		alarm(on ? 10 : 0);
}

static void
worker_reply_error(struct worker *w, jv message)
{
	if (jv_get_kind(message) != JV_KIND_STRING)
		message = jv_dump_string(message, 0);
	/* $ENV is bound to a text that says so, which an index into it does not show */
	if (w->names_env && strncmp(jv_string_value(message), "Cannot index string ", 20) == 0)
		message = jv_string_concat(jv_string("$ENV is not available here: "), message);
	worker_reply(w, JQ_REPLY_ERROR, jv_string_value(message), (size_t)jv_string_length_bytes(jv_copy(message)));
	jv_free(message);
}

/* Takes what libjq says of a text that it cannot parse: its place is one within our framing, and the text behind it
 * too. */
static jv
unreadable(jv message)
{
	const char *text = jv_string_value(message), *end = strstr(text, " at line ");
	jv said;

	if (!end)
		end = strstr(text, " (while parsing ");
	said = jv_string_concat(jv_string("libjq cannot read the input: "),
		jv_string_sized(text, end ? (int)(end - text) : (int)strlen(text)));
	jv_free(message);
	return said;
}

/* In the place of what nests too deep libjq prints "<stripped: exceeds max depth>", later ones "<skipped: too deep>":
 * outside strings, where JSON has no such character. */
static bool
is_stripped(const char *text, size_t n)
{
	bool in_string = false;

	if (!memchr(text, '<', n))
		return false;
	for (const char *c = text; c < text + n; c++)
		if (*c == '"')
			in_string = !in_string;
		else if (*c == '\\')
			c++;
		else if (*c == '<' && !in_string)
			return true;
	return false;
}

static void
worker_run(struct worker *w, uint32_t what, const char *text, size_t n)
{
	jv output, input = jv_parse_sized(text, (int)n);

	if (!jv_is_valid(input)) {
		worker_reply_error(w, unreadable(jv_invalid_get_msg(input)));
		return;
	}
	jq_start(w->jq, input, 0);
	while (jv_is_valid(output = jq_next(w->jq))) {
		output = jv_dump_string(output, 0);
		/* a test asks only whether it is false or null */
		if (what != JQ_RUN_TEST &&
			is_stripped(jv_string_value(output), (size_t)jv_string_length_bytes(jv_copy(output)))) {
			jv_free(output);
			worker_reply_error(w, jv_string("an output nests deeper than libjq can print"));
			return;
		}
		worker_reply(
			w, JQ_REPLY_OUTPUT, jv_string_value(output), (size_t)jv_string_length_bytes(jv_copy(output)));
		jv_free(output);
		if (what != JQ_RUN_ALL)
			return;
	}
	if (jq_halted(w->jq))
		worker_reply_error(w, jv_string("the program halted"));
	else if (jv_invalid_has_msg(jv_copy(output)))
		worker_reply_error(w, jv_invalid_get_msg(jv_copy(output)));
	jv_free(output);
}

static void
worker_run_batch(struct worker *w, uint32_t what, const char *next, const char *end)
{
	struct jq_header header;

	worker_watch(true);
	while (next < end) {
		memcpy(&header, next, sizeof(header));
		next += sizeof(header);
		worker_timer(w->time_limit_ms);
		worker_run(w, what, next, header.bytes);
		next += header.bytes;
		worker_reply(w, JQ_REPLY_DONE, NULL, 0);
	}
	worker_timer(0);
	worker_flush(w);
	worker_watch(false);
}

void
jq_worker_prepare(void)
{
	jv_free(jv_null()); /* the first call loads libjq */
}

void
jq_worker_main(int fd, const char *text, uint64_t time_limit_ms)
{
	struct worker w = {
		.fd = worker_confine(fd), .time_limit_ms = time_limit_ms, .names_env = strstr(text, "$ENV") != NULL};
	struct bytes errors = {0}, request = {0};
	struct jq_header header;

	worker_watch(true);
	w.jq = compile_wrapped(text, &errors);
	if (!w.jq)
		worker_reply(&w, JQ_REPLY_ERROR, errors.p, errors.n);
	worker_reply(&w, JQ_REPLY_DONE, NULL, 0);
	worker_flush(&w);
	worker_watch(false);
	while (w.jq && receive_all(w.fd, &header, sizeof(header))) {
		request.n = 0;
		bytes_reserve(&request, header.bytes);
		if (!receive_all(w.fd, request.p, header.bytes))
			break;
		worker_run_batch(&w, header.kind, request.p, request.p + header.bytes);
	}
	worker_end();
}
