#include "base/command.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef ACC_COVERAGE
void __gcov_dump(void);
#endif

static struct {
	bool help, version, quiet;
	int verbose, log_format, progress;
	const char *journal;
	const char **operands; /* reachable for the leak checker after main has returned */
} common;

static const struct option_spec common_options[] = {
	{'q', "quiet", OPTION_FLAG, NULL, &common.quiet, "say nothing but errors", NULL, 0, 0},
	{'v', "verbose", OPTION_COUNT, NULL, &common.verbose, "say what is done; twice: in detail", NULL, 0, 0},
	{0, "log-format", OPTION_CHOICE, "FORMAT", &common.log_format, "messages as text or as json lines [text]",
		"text|json", 0, 0},
	{0, "progress", OPTION_CHOICE, "WHEN", &common.progress, "show progress; auto: on a terminal [auto]",
		"auto|always|never", 0, 0},
	{0, "journal", OPTION_FILE, "FILE", &common.journal, "append what happened to FILE [$ACC_JOURNAL]", NULL, 0, 0},
	{0, "help", OPTION_FLAG, NULL, &common.help, "show this help and exit", NULL, 0, 0},
	{0, "version", OPTION_FLAG, NULL, &common.version, "show the version and exit", NULL, 0, 0},
	{0},
};

static void __attribute__((noreturn)) end(enum status status)
{
	cleanup_close();
#ifdef ACC_COVERAGE
	__gcov_dump();
#endif
	_exit(status);
}

static void
add(const char *text)
{
	output_add(&output_stdout, text, strlen(text));
}

static void __attribute__((noreturn)) show_help(const struct command *command, const struct option_spec *const tables[])
{
	const char *line = command->usage;
	const char *lead = "Usage: ";

	while (*line) {
		size_t n = strcspn(line, "\n");

		add(lead);
		add(command->name);
		add(" ");
		output_add(&output_stdout, line, n);
		add("\n");
		line += n + (line[n] == '\n');
		lead = "  or:  ";
	}
	options_paragraph(command->purpose);
	add("\n");
	options_help(tables);
	add("\nExit status: 0 all done, 1 some input was refused, 2 wrong usage,\n3 could not finish.\n"
	    "See ");
	add(command->name);
	add("(1) and acc(7).\n");
	output_close(&output_stdout);
	end(STATUS_OK);
}

static void __attribute__((noreturn)) show_version(const struct command *command)
{
	add(command->name);
	add(" " ACC_VERSION "\n");
	output_close(&output_stdout);
	end(STATUS_OK);
}

static void __attribute__((noreturn)) refuse_usage(const struct error *e)
{
	const char *tool = message_tool_name();

	message(MESSAGE_ERROR, "%s (see %s --help)", e->text, tool);
	journal_done(STATUS_USAGE, NULL);
	end(STATUS_USAGE);
}

/* Where one of the three was closed, what is opened next would take its place and get what is meant for it. */
static void
hold_standard_descriptors(void)
{
	struct error error;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_PATH) < 0) {
			error_system(&error, "cannot open '/dev/null'");
			command_die(&error);
		}
}

void
command_begin(const struct command *command, int argc, char *argv[], struct operands *operands)
{
	const struct option_spec *const tables[] = {command->options, common_options, NULL};
	struct error usage, error;
	int parsed;

	message_tool(command->name);
	hold_standard_descriptors();
	output_open(&output_stdout, STDOUT_FILENO, "standard output");
	cleanup_install();
	if (argc == 2 && strcmp(argv[1], "--help-options") == 0) {
		options_list(tables);
		output_close(&output_stdout);
		end(STATUS_OK);
	}
	parsed = options_parse(tables, argc, argv, operands, &usage);
	common.operands = operands->values;
	message_configure(common.quiet ? -1 : common.verbose, common.log_format == 1);
	if (common.help)
		show_help(command, tables);
	if (common.version)
		show_version(command);
	if (journal_open(common.journal, &error) < 0)
		command_die(&error);
	if (parsed < 0)
		refuse_usage(&usage);
}

void
command_allow_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

enum progress_mode
command_progress_mode(void)
{
	/* Programs that read JSON messages have no use for a line that is redrawn. */
	if (common.log_format == 1)
		return PROGRESS_NEVER;
	return (enum progress_mode)common.progress;
}

bool
command_is_quiet(void)
{
	return common.quiet;
}

int
command_verbosity(void)
{
	return common.quiet ? -1 : common.verbose < 2 ? common.verbose : 2;
}

void
command_usage(const char *format, ...)
{
	struct buffer text = {0};
	struct error error;
	va_list list;

	va_start(list, format);
	buffer_format_list(&text, format, list);
	va_end(list);
	error_set(&error, STATUS_USAGE, "usage", "%s", buffer_string(&text));
	buffer_free(&text);
	refuse_usage(&error);
}

void
command_die(const struct error *e)
{
	static atomic_flag dying = ATOMIC_FLAG_INIT;
	static _Thread_local bool is_dying;

	if (is_dying) { /* what we say on the way out failed as well */
		message_error(e);
		end(e->status);
	}
	if (atomic_flag_test_and_set(&dying))
		for (;;)
			pause(); /* another thread is ending us */
	is_dying = true;
	progress_stop();
	message_error(e);
	cleanup_run();
	journal_done(e->status, NULL);
	end(e->status);
}

static void
say_counts(const struct journal_count *counts)
{
	struct buffer line = {0};

	for (; counts && counts->name; counts++) {
		if (strstr(counts->name, "_digest"))
			continue; /* it is for who compares journals */
		if (line.n)
			buffer_add_string(&line, ", ");
		for (const char *c = counts->name; *c; c++)
			buffer_add_byte(&line, *c == '_' ? ' ' : *c);
		buffer_format(&line, " %llu", (unsigned long long)counts->value);
	}
	if (line.n)
		message(MESSAGE_NOTE, "%s", buffer_string(&line));
	buffer_free(&line);
}

int
command_finish(enum status status, const struct journal_count *counts)
{
	progress_stop();
	output_close(&output_stdout);
	say_counts(counts);
	cleanup_run();
	journal_done(status, counts);
	return status;
}
