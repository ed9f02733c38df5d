#include "base/error.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Copy text into e, cut before the character that does not fit. */
static void
set_text(struct error *e, const char *text, bool cut)
{
	static const char dots[] = "...";
	const size_t room = sizeof(e->text) - sizeof(dots);
	size_t n = strlen(text), whole = 0, step;

	if (!cut && n < sizeof(e->text)) {
		memcpy(e->text, text, n + 1);
		return;
	}
	while (whole < n) {
		step = utf8_sequence(text + whole, n - whole);
		if (whole + (step ? step : 1) > room)
			break;
		whole += step ? step : 1;
	}
	memcpy(e->text, text, whole);
	memcpy(e->text + whole, dots, sizeof(dots));
}

/* By way of a buffer of its own, as the arguments may point into e. */
static void __attribute__((format(printf, 5, 0)))
set(struct error *e, enum status status, const char *code, const char *cause, const char *format, va_list list)
{
	char text[sizeof(e->text)];
	int n = vsnprintf(text, sizeof(text), format, list);
	size_t used;

	if (n < 0)
		snprintf(text, sizeof(text), "%s", code);
	used = strlen(text);
	if (cause)
		n += snprintf(text + used, sizeof(text) - used, ": %s", cause);
	e->status = status;
	e->code = code;
	set_text(e, text, n >= (int)sizeof(text));
}

int
error_set(struct error *e, enum status status, const char *code, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	set(e, status, code, NULL, format, list);
	va_end(list);
	return -1;
}

int
error_system(struct error *e, const char *format, ...)
{
	const char *cause = strerrordesc_np(errno);
	va_list list;

	va_start(list, format);
	set(e, STATUS_FAILED, "io", cause ? cause : "unknown error", format, list);
	va_end(list);
	return -1;
}
