#include "base/progress.h"

#include "base/clock.h"
#include "base/message.h"
#include "base/output.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_MS 200
#define CLEAR "\r\033[K"

static struct {
	const char *unit;
	_Atomic uint64_t total, done;
	int64_t started_ms;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool running, stopping; /* under lock */
} progress = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The number as people read it. */
static const char *
amount(uint64_t n, char out[24])
{
	static const char units[] = "KMGTPE";
	double value = (double)n / 1024;
	int unit = 0;

	if (strcmp(progress.unit, "bytes") != 0 || n < 1024) {
		snprintf(out, 24, "%llu", (unsigned long long)n);
		return out;
	}
	for (; value >= 1024; unit++)
		value /= 1024;
	snprintf(out, 24, "%.1f%c", value, units[unit]);
	return out;
}

static void
add(char *line, size_t room, const char *text)
{
	size_t n = strlen(line);

	snprintf(line + n, room - n, "%s", text);
}

static void
add_time_left(char *line, size_t room, double seconds)
{
	unsigned long long s = (unsigned long long)seconds;
	char text[48];

	if (seconds > 1e9)
		return;
	if (s >= 3600)
		snprintf(text, sizeof(text), ", %llu:%02llu:%02llu left", s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(text, sizeof(text), ", %llu:%02llu left", s / 60, s % 60);
	add(line, room, text);
}

static void
render(char *line, size_t room)
{
	uint64_t done = atomic_load(&progress.done), total = atomic_load(&progress.total);
	double seconds = (double)(clock_ms() - progress.started_ms) / 1000;
	double rate = seconds > 0 ? (double)done / seconds : 0;
	bool bytes = strcmp(progress.unit, "bytes") == 0;
	char number[24];

	snprintf(line, room, "%s: %s", message_tool_name(), amount(done, number));
	if (total >= done && total) {
		add(line, room, "/");
		add(line, room, amount(total, number));
	}
	if (!bytes) {
		add(line, room, " ");
		add(line, room, progress.unit);
	}
	add(line, room, ", ");
	add(line, room, amount((uint64_t)rate, number));
	add(line, room, "/s");
	if (total > done && rate > 0)
		add_time_left(line, room, (double)(total - done) / rate);
}

/* No wider than the terminal: a line that wraps could not be cleared. */
static size_t
terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		return 80;
	return size.ws_col;
}

static void
draw(void)
{
	char line[256] = CLEAR, *text = line + sizeof(CLEAR) - 1;
	size_t columns = terminal_columns();

	render(text, sizeof(line) - sizeof(CLEAR));
	if (columns <= strlen(text))
		text[columns - 1] = '\0';
	message_draw(line, strlen(line));
}

static void
clear(void)
{
	(void)write_all(STDERR_FILENO, CLEAR, sizeof(CLEAR) - 1); /* see message.c */
}

static void *
redraw(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&progress.lock);
	do {
		struct timespec when = clock_deadline(REDRAW_MS);

		if (!progress.stopping)
			pthread_cond_timedwait(&progress.stop, &progress.lock, &when);
		draw();
	} while (!progress.stopping);
	pthread_mutex_unlock(&progress.lock);
	return NULL;
}

/* Signals are for the threads that work. */
static int
start_thread(void)
{
	pthread_condattr_t attributes;
	sigset_t all, before;
	int failed;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&progress.stop, &attributes);
	pthread_condattr_destroy(&attributes);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&progress.thread, NULL, redraw, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

void
progress_start(enum progress_mode mode, bool quiet, const char *unit)
{
	if (mode == PROGRESS_NEVER || (mode == PROGRESS_AUTO && (quiet || !isatty(STDERR_FILENO))))
		return;
	pthread_mutex_lock(&progress.lock);
	if (!progress.running) {
		progress.unit = unit;
		progress.stopping = false;
		progress.started_ms = clock_ms();
		if (start_thread() == 0) { /* without a thread the work goes on unseen */
			progress.running = true;
			message_before(clear);
		}
	}
	pthread_mutex_unlock(&progress.lock);
}

void
progress_total(uint64_t total)
{
	atomic_fetch_add_explicit(&progress.total, total, memory_order_relaxed);
}

void
progress_done(uint64_t done)
{
	atomic_fetch_add_explicit(&progress.done, done, memory_order_relaxed);
}

void
progress_stop(void)
{
	bool was_running;

	pthread_mutex_lock(&progress.lock);
	was_running = progress.running;
	progress.running = false;
	progress.stopping = true;
	if (was_running)
		pthread_cond_signal(&progress.stop);
	pthread_mutex_unlock(&progress.lock);
	if (!was_running)
		return;
	pthread_join(progress.thread, NULL);
	message_before(NULL);
	message_draw(CLEAR, sizeof(CLEAR) - 1);
}
