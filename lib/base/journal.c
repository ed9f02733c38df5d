#include "base/journal.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/environment.h"
#include "base/instant.h"
#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static _Atomic int journal_fd = -1;
static const char *journal_name;
static atomic_bool done_written;
static int64_t started_ms;

/* One write(2): a line in two parts could have another process's line between them. */
static void
append(struct buffer *line)
{
	int fd = atomic_load(&journal_fd);
	struct error error;
	ssize_t written;

	if (fd >= 0) {
		buffer_add_byte(line, '\n');
		do
			written = write(fd, line->p, line->n);
		while (written < 0 && errno == EINTR);
		if (written < 0 || (size_t)written != line->n) {
			atomic_store(&journal_fd, -1);
			if (written >= 0)
				errno = ENOSPC;
			error_system(&error, "cannot write the journal");
			command_die(&error);
		}
	}
	buffer_free(line);
}

static void
begin(struct buffer *line, const char *event)
{
	buffer_format(line, "{\"event\":\"%s\"", event);
	buffer_add_json_member(line, "tool", message_tool_name());
	buffer_format(line, ",\"pid\":%ld", (long)getpid());
}

int
journal_open(const char *path, struct error *error)
{
	struct buffer line = {0};
	char time[INSTANT_TEXT_MAX];
	uint64_t pipe;
	int fd;

	if (!path)
		path = environment_system.variable("ACC_JOURNAL");
	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_system(error, "cannot open the journal '%s'", path);
	started_ms = clock_ms();
	atomic_store(&done_written, false);
	atomic_store(&journal_fd, fd);
	journal_name = path;
	begin(&line, "start");
	instant_format(instant_of_us(environment_system.now_us()), 3, time);
	buffer_add_json_member(&line, "time", time);
	if ((pipe = journal_pipe(STDOUT_FILENO)))
		buffer_format(&line, ",\"stdout_pipe\":%llu", (unsigned long long)pipe);
	buffer_add_byte(&line, '}');
	append(&line);
	return 0;
}

uint64_t
journal_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) ? st.st_ino : 0;
}

bool
journal_is_open(void)
{
	return atomic_load(&journal_fd) >= 0;
}

const char *
journal_path(void)
{
	return journal_is_open() ? journal_name : NULL;
}

void
journal_source(const char *uri, bool literal)
{
	struct buffer line = {0};

	if (!journal_is_open())
		return;
	begin(&line, "source");
	buffer_add_json_member(&line, "uri", uri);
	buffer_add_string(&line, literal ? ",\"literal\":true}" : "}");
	append(&line);
}

void
journal_failed(const char *uri, struct slice messages_json, const char *code, const char *text)
{
	struct buffer line = {0};

	if (!journal_is_open())
		return;
	begin(&line, "failed");
	buffer_add_json_member(&line, "uri", uri);
	buffer_add_string(&line, ",\"messages\":");
	buffer_add_slice(&line, messages_json.n ? messages_json : SLICE("[]"));
	buffer_add_json_member(&line, "code", code);
	buffer_add_json_member(&line, "error", text);
	buffer_add_byte(&line, '}');
	append(&line);
}

void
journal_refused(const char *uri, uint64_t record, const char *code, const char *text, bool kept)
{
	struct buffer line = {0};

	if (!journal_is_open())
		return;
	begin(&line, "refused");
	buffer_add_json_member(&line, "uri", uri);
	buffer_format(&line, ",\"record\":%llu", (unsigned long long)record);
	buffer_add_json_member(&line, "code", code);
	buffer_add_json_member(&line, "error", text);
	buffer_format(&line, ",\"kept\":%s}", kept ? "true" : "false");
	append(&line);
}

void
journal_done(enum status status, const struct journal_count *counts)
{
	struct buffer line = {0};
	const char *comma = "";

	if (!journal_is_open() || atomic_exchange(&done_written, true))
		return;
	begin(&line, "done");
	buffer_format(&line, ",\"status\":%d,\"duration_ms\":%llu,\"counts\":{", (int)status,
		(unsigned long long)(clock_ms() - started_ms));
	for (; counts && counts->name; counts++, comma = ",")
		buffer_format(&line, "%s\"%s\":%llu", comma, counts->name, (unsigned long long)counts->value);
	buffer_add_string(&line, "}}");
	append(&line);
}
