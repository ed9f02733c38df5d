#include "io/supervise.h"

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/output.h"
#include "io/stale.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	GRACE_MS = 300,
	JOURNAL_MAX = 1 << 30,
	DIRECTORY_TRIES = 5,
	BEYOND_SHELLS = 60 /* a descriptor that scripts do not use for their own */
};
#define DIRECTORY_PREFIX "acc-sqs-drain."
#define JOURNAL_NAME "journal"

static int
input_file(struct slice text, struct error *error)
{
	int fd = memfd_create("references", MFD_CLOEXEC);

	if (fd < 0)
		return error_system(error, "cannot make a file in memory");
	if (write_all(fd, text.p, text.n) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		error_system(error, "cannot write a file in memory");
		close(fd);
		return -1;
	}
	return fd;
}

/* In a directory of its own, so that a process which lives on when we have judged cannot make it anew. */
struct journal {
	char *directory, *path; /* owned */
	struct cleanup *directory_cleanup, *cleanup;
	int directory_fd; /* with the lock, see stale.h */
	int fd;
};

static int
make_directory(struct journal *journal, const char *parent)
{
	journal->directory = memory_format("%s/" DIRECTORY_PREFIX "XXXXXX", parent);
	journal->directory_fd = -1;
	if (mkdtemp(journal->directory)) {
		journal->directory_fd = open(journal->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (journal->directory_fd >= 0 && stale_claim(journal->directory_fd))
			return 0;
		rmdir(journal->directory);
	}
	if (journal->directory_fd >= 0)
		close(journal->directory_fd);
	free(journal->directory);
	return -1;
}

static void
close_journal(struct journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	cleanup_unlink(journal->cleanup);
	cleanup_unlink(journal->directory_cleanup);
	close(journal->directory_fd);
	free(journal->path);
	free(journal->directory);
}

/* What killed ones have left goes before the first of ours comes. */
static int
open_journal(struct journal *journal, struct error *error)
{
	const char *parent = environment_system.variable("TMPDIR");
	static bool swept;
	int made = -1;

	if (!parent)
		parent = "/tmp";
	if (!swept)
		stale_remove(parent, DIRECTORY_PREFIX, JOURNAL_NAME);
	swept = true;
	for (int tries = 0; tries < DIRECTORY_TRIES && made < 0; tries++)
		made = make_directory(journal, parent);
	if (made < 0) {
		error_system(error, "cannot make a journal in '%s' (see TMPDIR)", parent);
		return -1;
	}
	journal->directory_cleanup = cleanup_add(journal->directory);
	journal->path = memory_format("%s/" JOURNAL_NAME, journal->directory);
	journal->cleanup = cleanup_add(journal->path);
	journal->fd = open(journal->path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (journal->fd >= 0)
		return 0;
	error_system(error, "cannot make a journal in '%s' (see TMPDIR)", parent);
	close_journal(journal);
	return -1;
}

static void __attribute__((noreturn)) become(const struct supervision *command, int input_fd,
	const struct journal *journal, int report_fd, const sigset_t *mask)
{
	int cause;

	setpgid(0, 0);
	/* When we are killed the journal is needed until all who write to it have ended. */
	fcntl(journal->directory_fd, F_DUPFD, BEYOND_SHELLS);
	cleanup_restore_signals();
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (dup2(input_fd, 0) >= 0 && (command->output_fd == 1 || dup2(command->output_fd, 1) >= 0) &&
		setenv("ACC_JOURNAL", journal->path, 1) == 0)
		execvp(command->arguments[0], command->arguments);
	cause = errno;
	if (write(report_fd, &cause, sizeof(cause)) < 0)
		_exit(126);
	_exit(127);
}

/* The process, once it runs the command; the pipe closes itself when exec works. */
static pid_t
start(const struct supervision *command, const struct journal *journal, const sigset_t *mask, struct error *error)
{
	int report[2], cause = 0, input_fd = input_file(command->input, error);
	ssize_t got;
	pid_t pid;

	if (input_fd < 0)
		return -1;
	if (pipe2(report, O_CLOEXEC) < 0) {
		close(input_fd);
		return error_system(error, "cannot make a pipe");
	}
	pid = fork();
	if (pid == 0)
		become(command, input_fd, journal, report[1], mask);
	close(report[1]);
	close(input_fd);
	if (pid > 0) {
		setpgid(pid, pid);
		do
			got = read(report[0], &cause, sizeof(cause));
		while (got < 0 && errno == EINTR);
	} else {
		error_system(error, "cannot start '%s'", command->arguments[0]);
	}
	close(report[0]);
	if (pid > 0 && cause) {
		child_wait(pid);
		errno = cause;
		error_system(error, "cannot run '%s'", command->arguments[0]);
		error->status = STATUS_USAGE;
		return -1;
	}
	return pid;
}

/* It stays to be waited for. */
static bool
is_over(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == pid;
}

static void
end_group(pid_t pid)
{
	kill(-pid, SIGTERM);
	kill(-pid, SIGCONT);
	for (int waited = 0; waited < GRACE_MS && !is_over(pid); waited += 20)
		clock_sleep_ms(20);
	kill(-pid, SIGKILL);
}

/* Wait for the process; signals that would end us end the command first. */
static void
watch(const struct supervision *command, pid_t pid, const sigset_t *awaited, struct supervised *result)
{
	for (;;) {
		struct timespec limit = {60, 0};
		int got;

		if (is_over(pid))
			return;
		if (command->until_ms) {
			int64_t left = command->until_ms - clock_ms();

			if (left <= 0) {
				result->timed_out = true;
				end_group(pid);
				return;
			}
			if (left < 60000)
				limit = (struct timespec){left / 1000, left % 1000 * 1000000 + 1};
		}
		got = sigtimedwait(awaited, NULL, &limit);
		if (got > 0 && got != SIGCHLD) {
			end_group(pid);
			child_wait(pid);
			cleanup_die_of(got);
		}
	}
}

static int
read_journal(int fd, struct buffer *text, struct error *error)
{
	ssize_t got;
	off_t at = 0;

	do {
		buffer_reserve(text, 64 << 10);
		got = pread(fd, text->p + text->n, 64 << 10, at);
		if (got > 0) {
			text->n += (size_t)got;
			at += got;
		}
	} while ((got > 0 || (got < 0 && errno == EINTR)) && text->n < JOURNAL_MAX);
	if (got < 0)
		return error_system(error, "cannot read the journal");
	return got == 0
		? 0
		: error_set(error, STATUS_FAILED, "io", "the journal is longer than %d bytes", (int)JOURNAL_MAX);
}

static int
supervise_within(const struct supervision *command, const struct journal *journal, struct supervised *result,
	struct error *error)
{
	sigset_t awaited, before;
	int64_t begun = clock_ms();
	pid_t pid;

	sigemptyset(&awaited);
	sigaddset(&awaited, SIGCHLD);
	cleanup_add_signals(&awaited);
	sigprocmask(SIG_BLOCK, &awaited, &before);
	pid = start(command, journal, &before, error);
	if (pid > 0) {
		watch(command, pid, &awaited, result);
		result->status = child_wait(pid);
		result->duration_ms = (uint64_t)(clock_ms() - begun);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid > 0 ? 0 : -1;
}

int
supervise(const struct supervision *command, struct supervised *result, struct error *error)
{
	struct journal journal = {.directory = NULL};
	int done;

	*result = (struct supervised){.status = 0};
	if (open_journal(&journal, error) < 0)
		return -1;
	done = supervise_within(command, &journal, result, error);
	if (done == 0)
		done = read_journal(journal.fd, &result->journal, error);
	close_journal(&journal);
	return done;
}
