#include "json/jq.h"

#include "base/buffer.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/command.h"
#include "base/memory.h"
#include "json/jq_worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)256 << 20) /* of one run */
#define JSON_TEXT_MAX INT32_MAX        /* libjq counts in int */

struct jq_program {
	char *text, *name;
	uint64_t time_limit_ms;
	pid_t pid;    /* 0: none */
	bool crashed; /* the last process ended of itself, not by a limit of ours */
	int fd;
	struct buffer request; /* what is queued, behind room for its header */
	size_t n_queued;
	struct buffer received; /* replies, [next, n) not yet looked at */
	size_t next;
	struct buffer lines; /* the outputs of one run */
};

static int
program_spawn(struct jq_program *program, struct error *error)
{
	int pair[2];

	jq_worker_prepare();
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
		jq_worker_main(pair[1], program->text, program->time_limit_ms);
	}
	close(pair[1]);
	program->fd = pair[0];
	return 0;
}

/* Wait for a process that has ended or sees its socket closed; see child_wait. */
static int
program_reap(struct jq_program *program)
{
	pid_t pid = program->pid;

	close(program->fd);
	program->pid = 0;
	return child_wait(pid);
}

/* The process is gone in the middle of a run: tell why. */
static int
program_died(struct jq_program *program, struct error *error)
{
	int status = program_reap(program);

	program->crashed = status != 128 + SIGPROF;
	if (!program->crashed)
		return error_set(error, STATUS_REFUSED, "jq-timeout", "%s: the program took longer than %llu ms",
			program->name, (unsigned long long)program->time_limit_ms);
	return error_set(error, STATUS_REFUSED, "jq-error", "%s: the program was ended by %s (it may use %llu MiB)",
		program->name, status > 128 ? strsignal(status - 128) : "a lack of memory",
		(unsigned long long)(JQ_MEMORY_MAX >> 20));
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
		size_t room = n - b->n > JQ_REPLY_BLOCK ? n - b->n : JQ_REPLY_BLOCK;
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
	return error_set(
		error, STATUS_REFUSED, "jq-error", "%s: more than %zu MiB of output", program->name, OUTPUT_MAX >> 20);
}

/* The replies to one text up to the last, outputs to program->lines. -1 with *error; then pid is 0 if the process is
 * gone. */
static int
program_collect(struct jq_program *program, struct error *error)
{
	struct jq_header header;
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
		if (header.kind == JQ_REPLY_DONE)
			return result;
		if (header.kind == JQ_REPLY_ERROR) {
			result = error_set(
				error, STATUS_REFUSED, "jq-error", "%s: %.*s", program->name, (int)header.bytes, body);
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
	struct jq_header header = {0};

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
	struct jq_header header = {what, (uint32_t)(end - from)};

	if (program->pid == 0 && program_start(program, error) < 0) {
		error->status = STATUS_FAILED; /* it did start before */
		return -1;
	}
	if (jq_send(program->fd, &header, sizeof(header)) < 0 ||
		jq_send(program->fd, program->request.p + from, end - from) < 0)
		return program_died(program, error);
	return 0;
}

/* The offset behind the text whose header is at `from`. */
static size_t
text_end(const struct jq_program *program, size_t from)
{
	struct jq_header header;

	memcpy(&header, program->request.p + from, sizeof(header));
	return from + sizeof(header) + header.bytes;
}

/* A process that is ended by a limit takes the replies to earlier texts of its batch with it, so the rest of the
 * batch is then run one text at a time. What crashes one of these gets a second chance: only a crash that comes
 * again is the text's fault. That no process can be started is nobody's fault, and ends the command. */
static void
program_run_queued(struct jq_program *program, uint32_t what, jq_result *result, void *context)
{
	size_t from = sizeof(struct jq_header), end = program->request.n;
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
	program_run_queued(program, JQ_RUN_ALL, result, context);
}

void
jq_program_test_queued(struct jq_program *program, jq_result *result, void *context)
{
	program_run_queued(program, JQ_RUN_TEST, result, context);
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

static int
run_single(struct jq_program *program, uint32_t what, struct slice input, struct slice source, struct single single)
{
	jq_program_queue(program, input, source);
	program_run_queued(program, what, take_single, &single);
	return single.result;
}

int
jq_program_run(struct jq_program *program, struct slice input, struct slice source,
	bool (*emit)(void *context, struct slice output), void *context, struct error *error)
{
	return run_single(program, JQ_RUN_ALL, input, source, (struct single){emit, context, error, 0});
}

int
jq_program_run_to_first(struct jq_program *program, struct slice input, struct slice source,
	bool (*emit)(void *context, struct slice output), void *context, struct error *error)
{
	return run_single(program, JQ_RUN_ONE, input, source, (struct single){emit, context, error, 0});
}
