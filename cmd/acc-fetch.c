/* acc-fetch - read objects and print the catalog records in them.
 * in: object references or bare names, or sources as arguments.  out: one record per line, with its _source. */
#include "aws/schemes.h"
#include "base/command.h"
#include "base/memory.h"
#include "base/units.h"
#include "catalog/fetch.h"
#include "io/content.h"
#include "io/file.h"
#include "io/input.h"
#include "io/object.h"
#include "io/reference_read.h"
#include "io/uri.h"

#include <errno.h>
#include <unistd.h>

static bool raw, allow_empty, list, bare;
static struct option_list includes, excludes;
static const char *since, *until, *map_file, *select_program, *rejects_file;
static uint64_t in_flight = 8, buffer_bytes = 64u << 20, max_record = 16u << 20, jq_limit_ms = 10000;
static int missing = -1;
static bool content;

static const struct option_spec options[] = {
	{'l', "list", OPTION_FLAG, NULL, &list, "print object references instead of records", NULL, 0, 0},
	{0, "raw", OPTION_FLAG, NULL, &raw, "take sources literally, without globbing", NULL, 0, 0},
	{0, "include", OPTION_LIST, "GLOB", &includes,
		"only objects whose key (or path below the source directory) matches; repeatable", NULL, 0, 0},
	{0, "exclude", OPTION_LIST, "GLOB", &excludes, "leave out objects that match; repeatable", NULL, 0, 0},
	{0, "since", OPTION_STRING, "TIME", &since,
		"only objects of this time or date or later, by year=/month=/day= in the path, else by change", NULL, 0,
		0},
	{0, "until", OPTION_STRING, "TIME", &until, "only objects of this time or date (the whole day) or earlier",
		NULL, 0, 0},
	{0, "allow-empty", OPTION_FLAG, NULL, &allow_empty, "a source that matches nothing is no error", NULL, 0, 0},
	{0, "missing", OPTION_CHOICE, "WHAT", &missing,
		"what an object that is gone does: fail its message, be skipped, be written to the rejects [fail]",
		"fail|skip|refuse", 0, 0},
	{'b', "bare", OPTION_FLAG, NULL, &bare, "do not add _source", NULL, 0, 0},
	{'m', "map", OPTION_FILE, "FILE.jq", &map_file,
		"run this jq program on each record; its outputs are the records", NULL, 0, 0},
	{'s', "select", OPTION_STRING, "EXPR", &select_program,
		"keep the records for which this jq expression holds (after --map)", NULL, 0, 0},
	{0, "jq-timeout", OPTION_DURATION, "TIME", &jq_limit_ms,
		"processor time a jq program may take for one record [10s]", NULL, 1, 0},
	{'r', "rejects", OPTION_FILE, "FILE", &rejects_file, "append refused records to FILE", NULL, 0, 0},
	{'j', "jobs", OPTION_NUMBER, "N", &in_flight, "objects in flight [8]", NULL, 1, 1024},
	{0, "buffer", OPTION_SIZE, "SIZE", &buffer_bytes, "memory for objects in flight and output in waiting [64M]",
		NULL, 1u << 20, 0},
	{0, "content", OPTION_FLAG, NULL, &content, "print the text of each SOURCE (dynamodb://TABLE, too) as it is",
		NULL, 0, 0},
	{0, "max-record", OPTION_SIZE, "SIZE", &max_record, "refuse records longer than this [16M]", NULL, 2, 1u << 30},
	{0},
};

static const struct command command = {
	"acc-fetch",
	"[OPTION]... [SOURCE]...",
	"Read objects and print the catalog records in them, one per line. SOURCE is a file, a directory, a glob or a "
	"URI; '-' reads records from standard input. Without SOURCE, standard input holds object references or names.",
	options,
};

/* What the lister works on, in its thread. */
struct task {
	const struct operands *sources;
	struct reference_list references; /* from standard input, when there are no sources */
	struct selection selection;
	object_found *found;
	void *context;
	uint64_t n_found;    /* by the source in work */
	uint64_t n_left_out; /* references that the selection does not admit */
	bool refused;        /* a source failed or matched nothing */
};

static void
add_globs(struct option_list *list_of, struct glob ***globs, size_t *n)
{
	*globs = memory_get_zeroed(list_of->n + 1, sizeof(**globs));
	for (size_t i = 0; i < list_of->n; i++)
		(*globs)[(*n)++] = glob_compile(list_of->values[i]);
}

static void
configure_selection(struct selection *s)
{
	struct error error;

	s->raw = raw;
	s->look = list;
	s->period = PERIOD_ALL;
	if ((since && period_set_since(&s->period, since, &error) < 0) ||
		(until && period_set_until(&s->period, until, &error) < 0))
		command_usage("%s", error.text);
	if (since && until && instant_compare(s->period.since, s->period.before) >= 0)
		command_usage("--since '%s' is later than --until '%s'", since, until);
	add_globs(&includes, &s->includes, &s->n_includes);
	add_globs(&excludes, &s->excludes, &s->n_excludes);
}

/* ---- sources */

static bool
count_found(void *context, struct reference *r, const struct error *problem)
{
	struct task *task = context;
	struct error with_hint;

	task->n_found++;
	if (problem && strcmp(problem->code, "missing") == 0 && !uri_is_local(r->uri)) {
		error_set(&with_hint, problem->status, problem->code, "%s (a prefix ends in '/')", problem->text);
		problem = &with_hint;
	}
	return task->found(task->context, r, problem);
}

/* Is it a pattern as other tools have it, where '*' takes in what is below? */
static bool
stops_at_slash(const char *source)
{
	return !raw && strchr(source, '/') && strchr(source, '*') && !strstr(source, "**");
}

static void
source_failed(struct task *task, const char *source, const struct error *error)
{
	if (error->status != STATUS_REFUSED)
		command_die(error);
	message_at(MESSAGE_ERROR, (struct message_place){.uri = source, .code = error->code, .named = true}, "%s",
		error->text);
	journal_failed(source, (struct slice){0}, error->code, error->text);
	task->refused = true;
}

/* What exists under a name with wildcards is meant by it, as the walk has it. */
static bool
is_literal(const char *source)
{
	struct error unused;
	char *path = uri_is_local(source) ? uri_local_path(source, &unused) : NULL;
	struct stat st;
	bool exists = path && (stat(path, &st) == 0 || errno != ENOENT);

	free(path);
	return raw || exists;
}

static void
check_sources(const struct operands *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		if (strncmp(sources->values[i], "s3://", 5) == 0 && strcspn(sources->values[i] + 5, "/") == 0)
			command_usage("'%s' names no bucket (s3://BUCKET/KEY)", sources->values[i]);
}

static void
list_source(struct task *task, const char *source)
{
	const struct object_scheme *scheme;
	struct error error;

	task->n_found = 0;
	if (strcmp(source, "-") == 0) {
		struct reference r = {.uri = memory_copy_string("-")};

		task->found(task->context, &r, NULL);
		return;
	}
	journal_source(source, is_literal(source));
	scheme = object_scheme_of(source, &error);
	if (!scheme || scheme->list(source, &task->selection, count_found, task, &error) < 0) {
		source_failed(task, source, &error);
	} else if (task->n_found == 0 && !allow_empty) {
		error_set(&error, STATUS_REFUSED, "no-match", "'%s': no object matches (%ssee --allow-empty)", source,
			stops_at_slash(source) ? "'*' ends at a '/', '**' does not; " : "");
		source_failed(task, source, &error);
	}
}

/* ---- references */

/* The part of a uri that --include and --exclude match: the key without its bucket, or the path. */
static struct slice
key_of(const char *uri)
{
	size_t scheme = uri_scheme(uri).n;
	const char *slash;

	if (uri_is_local(uri))
		return slice_of(uri + (scheme ? scheme + 3 : 0));
	slash = strchr(uri + scheme + 3, '/');
	return slice_of(slash ? slash + 1 : "");
}

static bool
take_time(void *context, struct reference *found, const struct error *problem)
{
	struct reference *r = context;

	if (!problem && strcmp(found->uri, r->uri) == 0)
		reference_set_time(r, reference_time(found));
	reference_free(found);
	return false;
}

/* Where neither the path nor the reference tells a time only the object does; opening it will tell why it does not. */
static void
learn_time(struct reference *r)
{
	const struct selection itself = {.period = PERIOD_ALL, .raw = true, .look = true};
	struct error unused;
	const struct object_scheme *scheme = object_scheme_of(r->uri, &unused);
	char *path = uri_is_local(r->uri) ? uri_local_path(r->uri, &unused) : NULL;
	struct stat st;

	if (path && stat(path, &st) == 0)
		reference_set_time(r, file_time(&st));
	else if (!path && scheme)
		scheme->list(r->uri, &itself, take_time, r, &unused);
	free(path);
}

static bool
is_in_period(const struct period *period, struct reference *r)
{
	enum period_verdict verdict = period_of_path(period, slice_of(r->uri));

	if (verdict != PERIOD_UNDATED)
		return verdict == PERIOD_INSIDE;
	if (instant_is_missing(reference_time(r)))
		learn_time(r);
	return instant_is_missing(reference_time(r)) || period_holds(period, reference_time(r));
}

static bool
is_wanted(const struct selection *s, struct reference *r)
{
	struct selection by_name = *s;

	by_name.period = PERIOD_ALL;
	return selection_admits(&by_name, key_of(r->uri), slice_of(r->uri), INSTANT_MISSING) &&
		(period_is_all(&s->period) || is_in_period(&s->period, r));
}

static void
list_references(struct task *task)
{
	for (size_t i = 0; i < task->references.n; i++) {
		struct reference *r = &task->references.items[i];

		if (is_wanted(&task->selection, r))
			task->found(task->context, r, NULL);
		else
			task->n_left_out++;
	}
}

/* What was refused of standard input. */
struct refusals {
	struct rejects *rejects;
	uint64_t n;
};

static void
refuse_reference(void *context, uint64_t line, struct slice text, const struct error *error)
{
	struct refusals *refusals = context;
	struct buffer source = {0}, rejected = {0};

	refusals->n++;
	buffer_format(&source, "{\"uri\":\"-\",\"record\":%llu}", (unsigned long long)line);
	rejects_format(&rejected, error->code, error->text, buffer_slice(&source), text);
	rejects_add(refusals->rejects, buffer_slice(&rejected));
	message_at(MESSAGE_ERROR, (struct message_place){.uri = "-", .record = line, .code = error->code},
		"%s; the reference is refused", error->text);
	journal_refused("-", line, error->code, error->text, refusals->rejects != NULL);
	buffer_free(&source);
	buffer_free(&rejected);
}

static void
read_references(struct reference_list *references, struct refusals *refusals)
{
	struct error error;
	struct input *input;

	if (isatty(STDIN_FILENO))
		command_usage("no SOURCE, and standard input is a terminal");
	input = input_open("-", &error);
	if (!input || reference_list_read(references, input, refuse_reference, refusals, &error) < 0)
		command_die(&error);
	input_close(input);
}

/* ---- what to do with them */

static void
list_all(struct task *task)
{
	if (task->sources->n == 0)
		list_references(task);
	for (size_t i = 0; i < task->sources->n; i++)
		list_source(task, task->sources->values[i]);
}

static void
list_for_fetch(void *context, struct fetch *fetch)
{
	struct task *task = context;

	task->found = fetch_add;
	task->context = fetch;
	list_all(task);
}

static bool
print_reference(void *context, struct reference *r, const struct error *problem)
{
	struct fetch_counts *counts = context;
	struct message_place place = {.uri = r->uri, .code = problem ? problem->code : NULL, .named = true};
	struct buffer line = {0};

	counts->references++;
	if (problem && strcmp(problem->code, "missing") == 0 && missing == FETCH_MISSING_SKIP) {
		message_at(MESSAGE_WARNING, place, "%s; skipped", problem->text);
		counts->skipped_objects++;
	} else if (problem) {
		message_at(MESSAGE_ERROR, place, "%s", problem->text);
		journal_failed(r->uri, (struct slice){0}, problem->code, problem->text);
		counts->failed_objects++;
	} else {
		reference_print(&line, r);
		output_add_slice(&output_stdout, buffer_slice(&line));
		output_end_line(&output_stdout);
		buffer_free(&line);
		counts->written++;
	}
	reference_free(r);
	return true;
}

static enum status
fetch(struct task *task, struct fetch_counts *counts, struct rejects *rejects)
{
	struct buffer map = {0};
	struct error error;
	enum status status;
	struct fetch_options o = {.buffer_bytes = buffer_bytes,
		.max_record = max_record,
		.in_flight = in_flight,
		.missing = (enum fetch_missing)missing,
		.bare = bare,
		.map_name = map_file,
		.select = select_program,
		.jq_limit_ms = jq_limit_ms,
		.rejects = rejects};

	if (map_file) {
		if (content_read(map_file, &map, &error) < 0)
			command_die(&error);
		o.map = buffer_string(&map);
	}
	progress_start(command_progress_mode(), command_is_quiet(), "bytes");
	status = fetch_run(&o, list_for_fetch, task, counts, &error);
	progress_stop();
	if (status == STATUS_USAGE)
		command_die(&error);
	buffer_free(&map);
	return status;
}

static int
finish(enum status status, const struct fetch_counts *c)
{
	const struct journal_count counts[] = {{"references", c->references},
		{"references_digest", c->references_digest}, {"objects", c->objects},
		{"failed_objects", c->failed_objects}, {"skipped_objects", c->skipped_objects},
		{"refused_objects", c->refused_objects}, {"read", c->read}, {"refused", c->refused},
		{"left_out", c->left_out}, {"written", c->written}, {"bytes_in", c->bytes_in},
		{"bytes_out", output_stdout.bytes}, {NULL, 0}};

	return command_finish(status, counts);
}

/* --content: how commands that are not linked with the network read a priority list. */
static enum status
print_contents(const struct operands *sources)
{
	struct buffer text = {0};
	struct error error;

	for (size_t i = 0; i < sources->n; i++) {
		text.n = 0;
		if (content_read(sources->values[i], &text, &error) < 0)
			command_die(&error);
		output_add_slice(&output_stdout, buffer_slice(&text));
	}
	buffer_free(&text);
	return STATUS_OK;
}

int
main(int argc, char *argv[])
{
	struct operands operands;
	struct task task = {.sources = &operands};
	struct fetch_counts counts = {0};
	enum status status = STATUS_OK;
	struct error error;
	struct refusals refusals = {NULL, 0};

	command_begin(&command, argc, argv, &operands);
	file_is_output(STDOUT_FILENO);
	command_allow_open_files(); /* each object in flight has its own, and connections */
	aws_register_objects();
	aws_register_content();
	check_sources(&operands);
	if (content)
		return command_finish(print_contents(&operands), NULL);
	configure_selection(&task.selection);
	if (missing < 0)
		missing = allow_empty && operands.n > 0 ? FETCH_MISSING_SKIP : FETCH_MISSING_FAIL;
	if (rejects_file && !(refusals.rejects = rejects_open(rejects_file, &error)))
		command_die(&error);
	if (operands.n == 0)
		read_references(&task.references, &refusals);
	counts.references_digest = reference_list_digest(&task.references);
	if (list) {
		task.found = print_reference;
		task.context = &counts;
		list_all(&task);
	} else
		status = fetch(&task, &counts, refusals.rejects);
	counts.references += refusals.n + task.n_left_out;
	counts.refused_objects += refusals.n;
	counts.skipped_objects += task.n_left_out;
	if (refusals.n || task.refused || counts.failed_objects)
		status = status_worse(status, STATUS_REFUSED);
	rejects_close(refusals.rejects);
	selection_free(&task.selection);
	reference_list_free(&task.references);
	return finish(status, &counts);
}
