#include "base/message.h"

#include "base/buffer.h"
#include "base/environment.h"
#include "base/instant.h"
#include "base/output.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

static const char *tool = "acc";
static int verbosity;
static bool as_json;
static void (*before_line)(void);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void
message_tool(const char *name)
{
	tool = name;
}

const char *
message_tool_name(void)
{
	return tool;
}

void
message_configure(int new_verbosity, bool json)
{
	verbosity = new_verbosity;
	as_json = json;
}

bool
message_shown(enum message_level level)
{
	return (int)level <= verbosity + 1;
}

void
message_before(void (*hook)(void))
{
	pthread_mutex_lock(&lock);
	before_line = hook;
	pthread_mutex_unlock(&lock);
}

void
message_draw(const void *p, size_t n)
{
	pthread_mutex_lock(&lock);
	(void)write_all(STDERR_FILENO, p, n); /* there is nowhere left to complain */
	pthread_mutex_unlock(&lock);
}

static void
render_json(struct buffer *line, enum message_level level, struct message_place place, const char *text)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	char time[INSTANT_TEXT_MAX];

	instant_format(instant_of_us(environment_system.now_us()), 3, time);
	buffer_add_byte(line, '{');
	buffer_add_json_member(line, "time", time);
	buffer_add_json_member(line, "level", levels[level]);
	buffer_add_json_member(line, "tool", tool);
	buffer_add_json_member(line, "message", text);
	if (place.uri)
		buffer_add_json_member(line, "uri", place.uri);
	if (place.record)
		buffer_format(line, ",\"record\":%llu", (unsigned long long)place.record);
	if (place.code)
		buffer_add_json_member(line, "code", place.code);
	buffer_add_string(line, "}\n");
}

static void
render_text(struct buffer *line, struct message_place place, const char *text)
{
	buffer_add_string(line, tool);
	buffer_add_string(line, ": ");
	if (place.uri && !place.named) {
		uint64_t number = place.line ? place.line : place.record;

		buffer_add_printable(line, slice_of(place.uri));
		if (number)
			buffer_format(line, ":%llu", (unsigned long long)number);
		buffer_add_string(line, ": ");
	}
	buffer_add_printable(line, slice_of(text));
	buffer_add_byte(line, '\n');
}

static void
say(enum message_level level, struct message_place place, const char *text)
{
	struct buffer line = {0};

	if (as_json)
		render_json(&line, level, place, text);
	else
		render_text(&line, place, text);
	pthread_mutex_lock(&lock);
	if (before_line)
		before_line();
	(void)write_all(STDERR_FILENO, line.p, line.n);
	pthread_mutex_unlock(&lock);
	buffer_free(&line);
}

static void __attribute__((format(printf, 3, 0)))
say_list(enum message_level level, struct message_place place, const char *format, va_list list)
{
	struct buffer text = {0};

	if (!message_shown(level))
		return;
	buffer_format_list(&text, format, list);
	say(level, place, buffer_string(&text));
	buffer_free(&text);
}

void
message(enum message_level level, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say_list(level, (struct message_place){0}, format, list);
	va_end(list);
}

void
message_at(enum message_level level, struct message_place place, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say_list(level, place, format, list);
	va_end(list);
}

void
message_error(const struct error *e)
{
	say(MESSAGE_ERROR, (struct message_place){.code = e->code}, e->text);
}
