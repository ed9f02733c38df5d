/* acc-merge - one consolidated record per accommodation, by the partners' priority
 * in: catalog records.  out: consolidated records, sorted by id. */
#include "io/content_remote.h"
#include "base/command.h"
#include "base/environment.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "catalog/consolidate.h"
#include "io/file.h"
#include "io/input.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UPDATES_REPLACE, UPDATES_PATCH };
enum { UNLISTED_KEEP, UNLISTED_DROP };

static const char *priority, *deny, *rules_file, *rejects_file, *fields_text, *directory;
static const char *key = ".accommodation_id", *partner = ".partner_name", *data = ".accommodation_data",
		  *time_path = "._source.time";
static int mode, updates, unlisted;
static bool empty_is_missing, latest, explain;
static uint64_t memory, threads, max_record = SCAN_RECORD_DEFAULT;

static const struct option_spec options[] = {
	{'p', "priority", OPTION_FILE, "SRC", &priority,
		"partners, best first: names with commas, a file, s3:// or dynamodb://TABLE", NULL, 0, 0},
	{0, "deny", OPTION_FILE, "SRC", &deny, "partners to leave out, given like --priority", NULL, 0, 0},
	{0, "unlisted", OPTION_CHOICE, "WHAT", &unlisted,
		"partners that the list lacks come last or are left out [keep]", "keep|drop", 0, 0},
	{0, "rules", OPTION_FILE, "FILE", &rules_file, "which candidate becomes a field's value; see acc-rules(5)",
		NULL, 0, 0},
	{0, "mode", OPTION_CHOICE, "MODE", &mode, "consolidate field by field, or take the best record whole [field]",
		"field|record", 0, 0},
	{0, "updates", OPTION_CHOICE, "HOW", &updates,
		"a partner's newer record replaces its older ones, or patches them [replace]", "replace|patch", 0, 0},
	{'f', "fields", OPTION_STRING, "A,B", &fields_text, "keep these fields of the data only", NULL, 0, 0},
	{0, "empty-is-missing", OPTION_FLAG, NULL, &empty_is_missing,
		"\"\", [] and {} are no candidates, as null is none", NULL, 0, 0},
	{0, "latest", OPTION_FLAG, NULL, &latest, "print the surviving input records themselves", NULL, 0, 0},
	{0, "explain", OPTION_FLAG, NULL, &explain, "add \"_fields\": where each value comes from", NULL, 0, 0},
	{0, "key", OPTION_STRING, "PATH", &key, "where the id is [.accommodation_id]", NULL, 0, 0},
	{0, "partner", OPTION_STRING, "PATH", &partner, "where the partner's name is [.partner_name]", NULL, 0, 0},
	{0, "data", OPTION_STRING, "PATH", &data, "where the data object is [.accommodation_data]", NULL, 0, 0},
	{0, "time", OPTION_STRING, "PATH", &time_path, "where the record's time is [._source.time]", NULL, 0, 0},
	{'r', "rejects", OPTION_FILE, "FILE", &rejects_file, "append refused records to FILE", NULL, 0, 0},
	{0, "max-record", OPTION_SIZE, "SIZE", &max_record, "refuse longer records [16M]", NULL, 1024, 1u << 30},
	{'S', "memory", OPTION_SIZE, "SIZE", &memory, "hold at most SIZE in memory [half of what may be used]", NULL, 1,
		0},
	{'j', "jobs", OPTION_NUMBER, "N", &threads, "threads [as many as there are processors]", NULL, 1, PARALLEL_MAX},
	{'T', "temporary-directory", OPTION_FILE, "DIR", &directory,
		"for what does not fit in memory [$TMPDIR or /tmp]", NULL, 0, 0},
	{0, NULL, 0, NULL, NULL, NULL, NULL, 0, 0},
};

static const struct command command = {
	"acc-merge",
	"[OPTION]... [FILE]...",
	"Consolidate catalog records from FILEs, or standard input: one record per accommodation, "
	"sorted by id, each field from the best partner that has it.",
	options,
};

/* --fields A,B: a name may have any character but the comma. */
static void
parse_fields(struct name_list *fields)
{
	if (!fields_text)
		return;
	name_list_split(fields_text, false, "--fields", fields);
	if (fields->n == 0)
		command_usage("--fields '%s' names no field", fields_text);
}

static bool
is_standard_input(const char *name)
{
	return name && strcmp(name, "-") == 0;
}

/* It can be read once only. */
static void
check_standard_input(const struct operands *operands)
{
	const char *const takers[][2] = {{"--priority", priority}, {"--deny", deny}, {"--rules", rules_file}};
	const char *reader = operands->n ? NULL : "the records";

	for (size_t i = 0; i < operands->n; i++)
		if (is_standard_input(operands->values[i]))
			reader = "the records";
	for (size_t i = 0; i < 3; i++) {
		if (!is_standard_input(takers[i][1]))
			continue;
		if (reader)
			command_usage("standard input cannot be read twice, for %s and for %s", takers[i][0], reader);
		reader = takers[i][0];
	}
}

static void
read_configuration(struct merge_options *merge, struct name_list *listed, struct name_list *denied, struct rules *rules,
	struct record_paths *paths, struct name_list *fields)
{
	struct error error;

	if (record_paths_parse(paths, key, partner, data, time_path, &error) < 0)
		command_usage("%s", error.text);
	if (name_lists_read(priority, deny, listed, denied, &error) < 0)
		command_die(&error);
	rules_standard(rules);
	if (rules_file && rules_read(rules_file, rules, &error) < 0)
		command_die(&error);
	parse_fields(fields);
	*merge = (struct merge_options){
		.rules = rules,
		.paths = paths,
		.mode = mode ? MERGE_RECORD : MERGE_FIELDS,
		.empty_is_missing = empty_is_missing,
		.explain = explain,
		.latest = latest,
		.fields = fields_text ? fields : NULL,
		.fields_met = memory_get_zeroed(fields->n + 1, sizeof(*merge->fields_met)),
	};
}

/* Read the inputs; one that cannot be read is reported, and the others are merged all the same. */
static enum status
read_inputs(struct consolidation *c, const struct operands *operands)
{
	static const char *const standard_input[] = {"-"};
	const char *const *names = operands->n ? operands->values : standard_input;
	size_t n = operands->n ? operands->n : 1;
	enum status status = STATUS_OK;
	struct error error;

	progress_total(input_bytes(names, n));
	for (size_t i = 0; i < n; i++)
		if (consolidation_read(c, names[i], &error) < 0) {
			if (error.status == STATUS_FAILED)
				command_die(&error);
			message_at(MESSAGE_ERROR,
				(struct message_place){.uri = names[i], .code = error.code, .named = true}, "%s%s",
				error.text,
				strcmp(error.code, "directory") == 0 ? " (acc-fetch reads directories)" : "");
			journal_failed(names[i], (struct slice){NULL, 0}, error.code, error.text);
			status = STATUS_REFUSED;
		}
	return status;
}

/* acc-consolidate has other names for our paths. */
static const char *
path_option_prefix(void)
{
	const char *chain = environment_system.variable("ACC_CHAIN");

	return chain && strcmp(chain, "acc-consolidate") == 0 ? "--record-" : "--";
}

static void
tell_bad_times(const struct consolidation_counts *counts)
{
	if (counts->bad_times)
		message(MESSAGE_WARNING, "records whose time is none, so that it counts as missing (see %stime): %llu",
			path_option_prefix(), (unsigned long long)counts->bad_times);
}

/* Name the partners whose records were left out. */
static void
tell_left_out(const struct partner_table *partners, const struct consolidation_counts *counts)
{
	if (!counts->left_out)
		return;
	message(MESSAGE_WARNING, "records left out, of partners that are denied or not listed: %llu",
		(unsigned long long)counts->left_out);
	for (uint32_t i = 0; i < partner_count(partners); i++)
		if (partner_at(partners, i)->left_out)
			message(MESSAGE_NOTE, "left out: %.*s", (int)partner_at(partners, i)->name.n,
				partner_at(partners, i)->name.p);
}

/* Name the partners who come behind all others, as the list lacks them. */
static void
tell_unlisted(const struct partner_table *partners, const struct name_list *listed)
{
	bool any_listed = listed->n == 0 || partner_count(partners) == 0;

	for (uint32_t i = 0; listed->n && i < partner_count(partners); i++) {
		const struct partner *met = partner_at(partners, i);

		any_listed = any_listed || met->rank < listed->n;
		if (met->rank == listed->n && !met->left_out)
			message(MESSAGE_NOTE, "not in the list: %.*s", (int)met->name.n, met->name.p);
	}
	if (!any_listed)
		message(MESSAGE_WARNING, "no record is of a partner in the priority list, whose first name is '%.*s'",
			(int)listed->names[0].n, listed->names[0].p);
}

/* Most often a name that is misspelt. */
static void
tell_unmet_fields(const struct merge_options *merge, const struct consolidation_counts *counts)
{
	for (size_t i = 0; merge->fields && !merge->latest && counts->written && i < merge->fields->n; i++)
		if (!merge->fields_met[i])
			message(MESSAGE_WARNING, "no consolidated record has a field '%.*s' (see --fields)",
				(int)merge->fields->names[i].n, merge->fields->names[i].p);
}

static int
finish(enum status status, const struct consolidation_counts *n)
{
	struct journal_count counts[] = {{"read", n->read}, {"represented", n->represented},
		{"superseded", n->superseded}, {"left_out", n->left_out}, {"refused", n->refused},
		{"written", n->written}, {"bytes_in", n->bytes_in}, {"bytes_out", output_stdout.bytes},
		{"bad_times", n->bad_times}, {"fallbacks", n->fallbacks}, {"runs", n->runs}, {NULL, 0}};

	return command_finish(n->refused ? status_worse(status, STATUS_REFUSED) : status, counts);
}

int
main(int argc, char *argv[])
{
	struct operands operands;
	struct name_list listed, denied, fields = {0};
	struct rules rules;
	struct record_paths paths;
	struct consolidation_options consolidation = {0};
	struct consolidation_counts counts;
	struct error error;
	enum status status;

	threads = parallel_processors();
	command_begin(&command, argc, argv, &operands);
	content_register_remote();
	file_is_output(STDOUT_FILENO);
	check_standard_input(&operands);
	read_configuration(&consolidation.merge, &listed, &denied, &rules, &paths, &fields);
	if (rejects_file && !(consolidation.rejects = rejects_open(rejects_file, &error)))
		command_die(&error);
	consolidation.partners = partner_table_new(&listed, &denied, unlisted == UNLISTED_DROP);
	consolidation.replace = updates == UPDATES_REPLACE;
	consolidation.memory = memory ? memory : memory_limit() / 2;
	consolidation.max_record = max_record;
	consolidation.threads = (unsigned)threads;
	consolidation.directory = directory ? directory : environment_system.variable("TMPDIR");
	if (!consolidation.directory)
		consolidation.directory = "/tmp";
	consolidation.prefix = path_option_prefix();
	progress_start(command_progress_mode(), command_is_quiet(), "bytes");

	struct consolidation *c = consolidation_new(&consolidation);
	status = read_inputs(c, &operands);
	consolidation_write(c, &output_stdout, &counts);
	consolidation_free(c);
	progress_stop();
	rejects_close(consolidation.rejects);
	tell_bad_times(&counts);
	tell_left_out(consolidation.partners, &counts);
	tell_unlisted(consolidation.partners, &listed);
	tell_unmet_fields(&consolidation.merge, &counts);
	free(consolidation.merge.fields_met);
	partner_table_free(consolidation.partners);
	name_list_free(&listed);
	name_list_free(&denied);
	name_list_free(&fields);
	rules_free(&rules);
	record_paths_free(&paths);
	return finish(status, &counts);
}
