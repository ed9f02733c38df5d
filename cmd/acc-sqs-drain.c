/* acc-sqs-drain - take S3 notifications from a queue, and delete them once their work is proved done.
 * in: nothing, a Lambda event (--event), or references (--ack).  out: object references, or what COMMAND prints. */
#include "aws/check.h"
#include "aws/client.h"
#include "aws/drain.h"
#include "aws/schemes.h"
#include "aws/sns.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/environment.h"
#include "base/instant.h"
#include "base/units.h"
#include "catalog/priority.h"
#include "catalog/rules.h"
#include "io/supervise.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_MAX_MS 253402300799999ull /* the year 9999, the last of RFC 3339 */

static bool ack, check;
static const char *event_file, *deadline;
static int metrics_choice = -1;
static struct drain drain = {
	.batch_size = 10, .wait_ms = 20000, .visibility_ms = 450000, .command_output = STDOUT_FILENO};

static const struct option_spec options[] = {
	{0, "ack", OPTION_FLAG, NULL, &ack, "delete the messages of the references on standard input", NULL, 0, 0},
	{0, "event", OPTION_FILE, "FILE", &event_file,
		"take the messages from a Lambda event and answer on standard output (- is standard input)", NULL, 0,
		0},
	{0, "check", OPTION_FLAG, NULL, &check, "tell what would go wrong, without consuming anything", NULL, 0, 0},
	{0, "once", OPTION_FLAG, NULL, &drain.once, "end after one batch", NULL, 0, 0},
	{0, "follow", OPTION_FLAG, NULL, &drain.follow, "go on for ever", NULL, 0, 0},
	{0, "batch", OPTION_NUMBER, "N", &drain.batch_size, "messages worked on together [10]", NULL, 1, 10000},
	{0, "window", OPTION_DURATION, "TIME", &drain.window_ms, "gather a batch for so long [0: what is there]", NULL,
		0, 3600000},
	{0, "wait", OPTION_DURATION, "TIME", &drain.wait_ms, "wait so long for a message [20s]", NULL, 0, 20000},
	{0, "visibility", OPTION_DURATION, "TIME", &drain.visibility_ms,
		"keep messages invisible by so much at a time [450s]", NULL, 1000, 43200000},
	{0, "deadline", OPTION_STRING, "TIME", &deadline,
		"end early enough to answer by TIME (RFC 3339, or ms since the epoch)", NULL, 0, 0},
	{0, "timeout", OPTION_DURATION, "TIME", &drain.timeout_ms, "most time for COMMAND on one batch [no limit]",
		NULL, 1, 0},
	{0, "max-receives", OPTION_NUMBER, "N", &drain.max_receives,
		"warn of a message that was received N times [the queue's redrive policy]", NULL, 1, 1000},
	{0, "notify", OPTION_STRING, "TOPIC_ARN", &drain.topic, "publish to SNS what failed of a batch", NULL, 0, 0},
	{0, "trust-status", OPTION_FLAG, NULL, &drain.trust_status,
		"let the exit status decide where COMMAND leaves no journal", NULL, 0, 0},
	{0, "filtered", OPTION_FLAG, NULL, &drain.filtered,
		"a filter of your own stands in between: do not compare counts", NULL, 0, 0},
	{0, "metrics", OPTION_CHOICE, "FORMAT", &metrics_choice,
		"print metrics of each batch to standard error [emf in a Lambda]", "emf|none", 0, 0},
	{0},
};

static const struct command command = {
	"acc-sqs-drain",
	"[OPTION]... QUEUE [-- COMMAND [ARGUMENT]...]\n"
	"--ack QUEUE < REFERENCES\n"
	"--event FILE -- COMMAND [ARGUMENT]...\n"
	"--check QUEUE [URI]... [-- COMMAND [ARGUMENT]...]",
	"Take S3 notifications from an SQS queue: print the references of their objects, or run COMMAND on them\n"
	"and delete the messages whose work is proved done.",
	options,
};

/* On clock_ms. Leaves a twentieth of what is left, but at least half a second, to tidy up and answer. */
static int64_t
parse_deadline(void)
{
	struct instant t;
	int64_t left_ms, margin_ms;
	uint64_t ms;
	struct error unused;

	if (strspn(deadline, "0123456789") == strlen(deadline) && units_number(deadline, &ms, &unused) == 0)
		left_ms = (int64_t)(ms < DEADLINE_MAX_MS ? ms : DEADLINE_MAX_MS) - environment_system.now_us() / 1000;
	else if (instant_parse(slice_of(deadline), &t, NULL))
		left_ms = (instant_to_us(t) - environment_system.now_us()) / 1000;
	else
		command_usage("--deadline '%s' is neither an RFC 3339 time nor milliseconds since the epoch", deadline);
	margin_ms = left_ms / 20 > 500 ? left_ms / 20 : 500;
	if (margin_ms > 5000)
		margin_ms = 5000;
	left_ms -= margin_ms;
	return clock_ms() + (left_ms > 0 ? left_ms : 0);
}

/* Standard output is for the answer to the event. */
static int
event_output(void)
{
	int fd = command_verbosity() > 0 ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? STDERR_FILENO : fd;
}

static void
check_operands(const struct operands *operands)
{
	size_t queues = operands->before_dashes;
	bool has_command = operands->n > queues;

	if (ack + check + (event_file != NULL) > 1)
		command_usage("--ack, --check and --event exclude one another");
	if (drain.once && drain.follow)
		command_usage("--once and --follow exclude one another");
	if (event_file && (queues || !has_command))
		command_usage(queues ? "--event takes no QUEUE" : "--event needs a COMMAND behind --");
	if (!event_file && (queues < 1 || (queues > 1 && !check)))
		command_usage(queues ? "more than one QUEUE (a COMMAND goes behind --)" : "no QUEUE given");
	if (ack && has_command)
		command_usage("--ack takes no COMMAND");
	if (drain.topic && !sns_is_topic(drain.topic))
		command_usage("--notify '%s' is no topic's ARN (arn:aws:sns:REGION:ACCOUNT:NAME)", drain.topic);
	if (operands->dashes && !has_command && !ack)
		command_usage("no COMMAND behind --");
}

/* Before a message is taken for it. */
static void
find_command(const char *name)
{
	struct error error;
	int cause = child_find(name);

	if (cause) {
		error_set(&error, STATUS_USAGE, "usage", "cannot run '%s': %s", name, strerror(cause));
		command_die(&error);
	}
}

static void
configure(const struct operands *operands)
{
	const char *function = environment_system.variable("AWS_LAMBDA_FUNCTION_NAME");
	struct error error;

	check_operands(operands);
	if (operands->n > operands->before_dashes)
		drain.command = (char *const *)(operands->values + operands->before_dashes);
	if (drain.command && !check)
		find_command(operands->values[operands->before_dashes]);
	if (deadline)
		drain.until_ms = parse_deadline();
	drain.function = function ? function : "acc-sqs-drain";
	drain.metrics = metrics_choice < 0 ? function != NULL : metrics_choice == 0;
	if (event_file)
		drain.command_output = event_output();
	if (aws_start(&environment_system, &error) < 0)
		command_die(&error);
}

static int
read_list(const char *list, bool deny, struct error *error)
{
	struct name_list listed, denied;
	int result = name_lists_read(deny ? NULL : list, deny ? list : NULL, &listed, &denied, error);

	name_list_free(&listed);
	name_list_free(&denied);
	return result;
}

static int
read_rules(const char *file, struct error *error)
{
	struct rules rules = {0};
	int result = rules_read(file, &rules, error);

	if (result == 0)
		rules_free(&rules);
	return result;
}

static enum status
check_words(const struct operands *operands)
{
	struct check c = {.words = operands->values,
		.n_words = operands->n,
		.command = operands->before_dashes,
		.visibility_ms = drain.visibility_ms,
		.timeout_ms = drain.timeout_ms,
		.max_receives = drain.max_receives,
		.read_list = read_list,
		.read_rules = read_rules};

	aws_register_content();
	return check_all(&c);
}

int
main(int argc, char *argv[])
{
	struct operands operands;

	command_begin(&command, argc, argv, &operands);
	configure(&operands);
	if (check) {
		drain.status = check_words(&operands);
	} else if (ack) {
		drain_acknowledge(&drain, operands.values[0]);
	} else if (event_file) {
		drain_event(&drain, event_file);
	} else {
		progress_start(command_progress_mode(), command_is_quiet(), "messages");
		drain_queue(&drain, operands.values[0]);
		progress_stop();
	}
	return command_finish(drain.status,
		(const struct journal_count[]){{"batches", drain.batches}, {"messages", drain.messages},
			{"objects", drain.objects}, {"deleted", drain.deleted}, {"failed", drain.failed}, {0}});
}
