#include "json/jq.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/command.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <jq.h>
#include <jv.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
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

#define MEMORY_MAX (UINT64_C(1) << 30)
#define REPLY_BLOCK (64u << 10)
#define OUTPUT_MAX ((size_t)256 << 20) /* of one run */
#define JSON_TEXT_MAX INT32_MAX /* libjq counts in int */

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

/* ---- between the processes */

/* A request is a header and, for each text of a batch, a header (bytes) with the text. */
enum { RUN_ALL, RUN_FIRST };                     /* what it asks for */
enum { REPLY_OUTPUT, REPLY_ERROR, REPLY_DONE };  /* what a reply holds */

struct header {
	uint32_t kind;
	uint32_t bytes; /* that follow */
};

static int
send_all(int fd, const void *p, size_t n)
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

/* ---- the process that runs the program */

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
	struct bytes replies;
};

static void __attribute__((noreturn))
worker_end(void)
{
#ifdef ACC_COVERAGE
	__gcov_dump();
#endif
	_exit(0);
}

static void
worker_flush(struct worker *w)
{
	if (send_all(w->fd, w->replies.p, w->replies.n) < 0)
		worker_end();
	w->replies.n = 0;
}

static void
worker_reply(struct worker *w, uint32_t kind, const char *text, size_t n)
{
	struct header header = {kind, (uint32_t)n};

	bytes_add(&w->replies, &header, sizeof(header));
	bytes_add(&w->replies, text, n);
	if (w->replies.n > REPLY_BLOCK)
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

/* A state with the program compiled, or NULL with what libjq had to say in errors. */
static jq_state *
compile(const char *text, bool with_source, struct bytes *errors)
{
	jq_state *jq = jq_init();

	if (!jq)
		return NULL;
	errors->n = 0;
	jq_set_error_cb(jq, remember_error, errors);
	jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	jq_set_attr(jq, jv_string("JQ_ORIGIN"), jv_string("/"));
	jq_set_attr(jq, jv_string("PROGRAM_ORIGIN"), jv_string("/"));
	if (jq_compile_args(jq, text,
		    with_source ? jv_object_set(jv_object(), jv_string("source"), jv_null())
				: jv_object()))
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
	if (fscanf(file, "%llu %llu %llu %llu %llu %llu", &pages[0], &pages[1], &pages[2], &pages[3],
		    &pages[4], &pages[5]) != 6)
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
		worker_limit(RLIMIT_DATA, data_bytes() + MEMORY_MAX);
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

static void
worker_reply_error(struct worker *w, jv message)
{
	if (jv_get_kind(message) != JV_KIND_STRING)
		message = jv_dump_string(message, 0);
	worker_reply(w, REPLY_ERROR, jv_string_value(message),
		(size_t)jv_string_length_bytes(jv_copy(message)));
	jv_free(message);
}

static void
worker_run(struct worker *w, uint32_t what, const char *text, size_t n)
{
	jv output, input = jv_parse_sized(text, (int)n);

	if (!jv_is_valid(input)) {
		worker_reply_error(w, jv_invalid_get_msg(input));
		return;
	}
	jq_start(w->jq, input, 0);
	while (jv_is_valid(output = jq_next(w->jq))) {
		output = jv_dump_string(output, 0);
		worker_reply(w, REPLY_OUTPUT, jv_string_value(output),
			(size_t)jv_string_length_bytes(jv_copy(output)));
		jv_free(output);
		if (what == RUN_FIRST)
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
	struct header header;

	while (next < end) {
		memcpy(&header, next, sizeof(header));
		next += sizeof(header);
		worker_timer(w->time_limit_ms);
		worker_run(w, what, next, header.bytes);
		next += header.bytes;
		worker_reply(w, REPLY_DONE, NULL, 0);
	}
	worker_timer(0);
	worker_flush(w);
}

static void
worker_main(int fd, const char *text, uint64_t time_limit_ms) __attribute__((noreturn));

static void
worker_main(int fd, const char *text, uint64_t time_limit_ms)
{
	struct worker w = {.fd = worker_confine(fd), .time_limit_ms = time_limit_ms};
	struct bytes errors = {0}, request = {0};
	struct header header;

	w.jq = compile_wrapped(text, &errors);
	if (!w.jq)
		worker_reply(&w, REPLY_ERROR, errors.p, errors.n);
	worker_reply(&w, REPLY_DONE, NULL, 0);
	worker_flush(&w);
	while (w.jq && receive_all(w.fd, &header, sizeof(header))) {
		request.n = 0;
		bytes_reserve(&request, header.bytes);
		if (!receive_all(w.fd, request.p, header.bytes))
			break;
		worker_run_batch(&w, header.kind, request.p, request.p + header.bytes);
	}
	worker_end();
}

/* ---- the process that wants it run */

struct jq_program {
	char *text, *name;
	uint64_t time_limit_ms;
	pid_t pid; /* 0: none */
	bool crashed; /* the last process ended of itself, not by a limit of ours */
	int fd;
	struct buffer request;   /* what is queued, behind room for its header */
	size_t n_queued;
	struct buffer received;  /* replies, [next, n) not yet looked at */
	size_t next;
	struct buffer lines;     /* the outputs of one run */
};

static int
program_spawn(struct jq_program *program, struct error *error)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_system(error, "cannot start the jq program %s", program->name);
	program->pid = fork();
	if (program->pid < 0) {
		error_system(error, "cannot start the jq program %s", program->name);
		close(pair[0]);
		close(pair[1]);
		program->pid = 0;
		return -1;
	}
	if (program->pid == 0) {
		sigset_t none;

		cleanup_restore_signals();
		signal(SIGPROF, SIG_DFL);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		worker_main(pair[1], program->text, program->time_limit_ms);
	}
	close(pair[1]);
	program->fd = pair[0];
	return 0;
}

/* Wait for a process that has ended or sees its socket closed; its wait status. */
static int
program_reap(struct jq_program *program)
{
	int status = 0;

	close(program->fd);
	while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	program->pid = 0;
	return status;
}

/* The process is gone in the middle of a run: tell why. */
static int
program_died(struct jq_program *program, struct error *error)
{
	int status = program_reap(program);

	program->crashed = !WIFSIGNALED(status) || WTERMSIG(status) != SIGPROF;
	if (!program->crashed)
		return error_set(error, STATUS_REFUSED, "jq-timeout",
			"%s: the program took longer than %llu ms", program->name,
			(unsigned long long)program->time_limit_ms);
	return error_set(error, STATUS_REFUSED, "jq-error",
		"%s: the program was ended by %s (it may use %llu MiB)", program->name,
		WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "a lack of memory",
		(unsigned long long)(MEMORY_MAX >> 20));
}

/* Have n bytes of replies in line; 0 when the process is gone. */
static int
program_receive(struct jq_program *program, size_t n)
{
	struct buffer *b = &program->received;

	if (b->n - program->next >= n)
		return 1;
	if (program->next > 0) {
		memmove(b->p, b->p + program->next, b->n - program->next);
		b->n -= program->next;
		program->next = 0;
	}
	while (b->n < n) {
		size_t room = n - b->n > REPLY_BLOCK ? n - b->n : REPLY_BLOCK;
		ssize_t got;

		buffer_reserve(b, room);
		got = recv(program->fd, b->p + b->n, room, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		b->n += (size_t)got;
	}
	return 1;
}

static int
program_too_much(struct jq_program *program, struct error *error)
{
	kill(program->pid, SIGKILL);
	program_reap(program);
	program->crashed = false;
	return error_set(error, STATUS_REFUSED, "jq-error", "%s: more than %zu MiB of output", program->name,
		OUTPUT_MAX >> 20);
}

/* The replies to one text up to its REPLY_DONE, outputs to program->lines. -1 with *error; then pid is 0 if the process
 * is gone. */
static int
program_collect(struct jq_program *program, struct error *error)
{
	struct header header;
	int result = 0;

	program->lines.n = 0;
	for (;;) {
		const char *body;

		if (!program_receive(program, sizeof(header)))
			return program_died(program, error);
		memcpy(&header, program->received.p + program->next, sizeof(header));
		if (!program_receive(program, sizeof(header) + header.bytes))
			return program_died(program, error);
		body = program->received.p + program->next + sizeof(header);
		program->next += sizeof(header) + header.bytes;
		if (header.kind == REPLY_DONE)
			return result;
		if (header.kind == REPLY_ERROR) {
			result = error_set(error, STATUS_REFUSED, "jq-error", "%s: %.*s", program->name,
				(int)header.bytes, body);
			continue;
		}
		if (program->lines.n + header.bytes > OUTPUT_MAX)
			return program_too_much(program, error);
		buffer_add(&program->lines, body, header.bytes);
		buffer_add_byte(&program->lines, '\n');
	}
}

/* Cut `word` out of s wherever it stands. */
static void
cut_word(char *s, const char *word)
{
	size_t n = strlen(word);

	while ((s = strstr(s, word)))
		memmove(s, s + n, strlen(s + n) + 1);
}

/* libjq's message on several lines as one: without what only its own command line would mean. */
static void
tidy_compile_error(struct error *error)
{
	char *end;

	error->status = STATUS_USAGE;
	error->code = "jq-compile";
	cut_word(error->text, "jq: error: ");
	cut_word(error->text, " (Unix shell quoting issues?)");
	cut_word(error->text, " at <top-level>");
	end = strstr(error->text, "\njq: ");
	if (end)
		*end = '\0';
	end = error->text + strlen(error->text);
	while (end > error->text && strchr(" \n", end[-1]))
		*--end = '\0';
	for (char *c = error->text; *c; c++)
		if (*c == '\n')
			*c = ' ';
}

/* A process that crashes may have met a passing lack of memory; one that crashes twice means it. */
static int
program_start(struct jq_program *program, struct error *error)
{
	for (int attempt = 1;; attempt++) {
		program->received.n = program->next = 0;
		if (program_spawn(program, error) < 0)
			return -1;
		if (program_collect(program, error) == 0)
			return 0;
		if (program->pid > 0 || !program->crashed || attempt == 2)
			break;
	}
	tidy_compile_error(error);
	return -1;
}

struct jq_program *
jq_program_compile(const char *text, const char *name, uint64_t time_limit_ms, struct error *error)
{
	struct jq_program *program = memory_get_zeroed(1, sizeof(*program));

	program->text = memory_copy_string(text);
	program->name = memory_copy_string(name);
	program->time_limit_ms = time_limit_ms;
	if (program_start(program, error) == 0)
		return program;
	jq_program_free(program);
	return NULL;
}

void
jq_program_free(struct jq_program *program)
{
	if (!program)
		return;
	if (program->pid > 0)
		program_reap(program);
	buffer_free(&program->request);
	buffer_free(&program->received);
	buffer_free(&program->lines);
	free(program->text);
	free(program->name);
	free(program);
}

void
jq_program_queue(struct jq_program *program, struct slice input, struct slice source)
{
	struct buffer *request = &program->request;
	struct header header = {0};

	if (source.n == 0)
		source = SLICE("null");
	/* libjq counts in int; what is longer is no JSON and fails as such */
	if (input.n + source.n > JSON_TEXT_MAX - 3)
		input = source = SLICE("");
	header.bytes = (uint32_t)(input.n + source.n + 3);
	if (program->n_queued++ == 0) {
		request->n = 0;
		buffer_add(request, &header, sizeof(header));
	}
	buffer_add(request, &header, sizeof(header));
	buffer_add_byte(request, '[');
	buffer_add_slice(request, source);
	buffer_add_byte(request, ',');
	buffer_add_slice(request, input);
	buffer_add_byte(request, ']');
}

/* Send texts [from, end) of the request as one batch. -1 with *error. */
static int
program_send(struct jq_program *program, uint32_t what, size_t from, size_t end, struct error *error)
{
	struct header header = {what, (uint32_t)(end - from)};

	if (program->pid == 0 && program_start(program, error) < 0) {
		error->status = STATUS_FAILED; /* it did start before */
		return -1;
	}
	if (send_all(program->fd, &header, sizeof(header)) < 0 ||
		send_all(program->fd, program->request.p + from, end - from) < 0)
		return program_died(program, error);
	return 0;
}

/* The offset behind the text whose header is at `from`. */
static size_t
text_end(const struct jq_program *program, size_t from)
{
	struct header header;

	memcpy(&header, program->request.p + from, sizeof(header));
	return from + sizeof(header) + header.bytes;
}

/* A process that is ended by a limit takes the replies to earlier texts of its batch with it, so the rest of the
 * batch is then run one text at a time. What crashes one of these gets a second chance: only a crash that comes
 * again is the text's fault. That no process can be started is nobody's fault, and ends the command. */
static void
program_run_queued(struct jq_program *program, uint32_t what, jq_result *result, void *context)
{
	size_t from = sizeof(struct header), end = program->request.n;
	bool singly = program->n_queued == 1, sent = false, again = false;
	struct error error;

	for (size_t i = 0; i < program->n_queued; i++) {
		int failed = 0;

		if (singly || !sent)
			failed = program_send(program, what, from, singly ? text_end(program, from) : end, &error);
		if (failed == 0)
			failed = program_collect(program, &error);
		sent = true;
		if (failed && error.status == STATUS_FAILED)
			command_die(&error);
		if (failed && program->pid == 0 && (!singly || (program->crashed && !again))) {
			again = singly;
			singly = true;
			i--;
			continue;
		}
		again = false;
		result(context, i, buffer_slice(&program->lines), failed ? &error : NULL);
		from = text_end(program, from);
	}
	program->n_queued = 0;
}

void
jq_program_run_queued(struct jq_program *program, jq_result *result, void *context)
{
	program_run_queued(program, RUN_ALL, result, context);
}

void
jq_program_test_queued(struct jq_program *program, jq_result *result, void *context)
{
	program_run_queued(program, RUN_FIRST, result, context);
}

bool
jq_output_holds(struct slice line)
{
	return line.n > 0 && !slice_equal(line, SLICE("false\n")) && !slice_equal(line, SLICE("null\n"));
}

struct single {
	bool (*emit)(void *context, struct slice output);
	void *context;
	struct error *error;
	int result;
};

static void
take_single(void *context, size_t index, struct slice lines, const struct error *error)
{
	struct single *single = context;

	(void)index;
	while (lines.n > 0 && single->emit) {
		size_t n = (size_t)((const char *)memchr(lines.p, '\n', lines.n) - lines.p);

		if (!single->emit(single->context, (struct slice){lines.p, n}))
			single->emit = NULL;
		lines.p += n + 1;
		lines.n -= n + 1;
	}
	if (error) {
		*single->error = *error;
		single->result = -1;
	}
}

int
jq_program_run(struct jq_program *program, struct slice input, struct slice source,
	bool (*emit)(void *context, struct slice output), void *context, struct error *error)
{
	struct single single = {emit, context, error, 0};

	jq_program_queue(program, input, source);
	program_run_queued(program, RUN_ALL, take_single, &single);
	return single.result;
}

static bool
judge(void *context, struct slice output)
{
	bool *holds = context;

	*holds = !slice_equal(output, SLICE("false")) && !slice_equal(output, SLICE("null"));
	return false;
}

int
jq_program_test(struct jq_program *program, struct slice input, struct slice source, struct error *error)
{
	bool holds = false;
	struct single single = {judge, &holds, error, 0};

	jq_program_queue(program, input, source);
	program_run_queued(program, RUN_FIRST, take_single, &single);
	return single.result < 0 ? -1 : holds;
}
