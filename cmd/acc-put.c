/* acc-put - store finished files in a directory or an object store.
 * in: a manifest, or file names.  out: receipts, one line per stored object. */
#include "aws/schemes.h"
#include "base/command.h"
#include "base/environment.h"
#include "base/instant.h"
#include "base/memory.h"
#include "io/keytemplate.h"
#include "io/lines.h"
#include "io/put.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *key = KEY_DEFAULT, *at, *manifest_key;
static int if_exists, checksum;
static uint64_t jobs = 4;
static bool keep, discard_refused, dry_run;
static struct store_options store_options;

static const struct option_spec options[] = {
	{'k', "key", OPTION_STRING, "TEMPLATE", &key, "the objects' keys below DEST [" KEY_DEFAULT "]", NULL, 0, 0},
	{0, "at", OPTION_STRING, "TIME", &at, "the date in the keys (RFC 3339 or a date, UTC) [now]", NULL, 0, 0},
	{0, "if-exists", OPTION_CHOICE, "WHAT", &if_exists,
		"a key that is taken: take the next name, refuse the file, replace, or pass over "
		"[rename]",
		"rename|fail|overwrite|skip", 0, 0},
	{'j', "jobs", OPTION_NUMBER, "N", &jobs, "objects in flight [4]", NULL, 1, PUT_JOBS_MAX},
	{0, "manifest", OPTION_STRING, "KEY", &manifest_key, "store the list of receipts as KEY, last", NULL, 0, 0},
	{0, "keep", OPTION_FLAG, NULL, &keep, "leave the files where they are [remove those of a manifest]", NULL, 0,
		0},
	{0, "discard-refused", OPTION_FLAG, NULL, &discard_refused,
		"remove files of a manifest that are refused or passed over, too", NULL, 0, 0},
	{'n', "dry-run", OPTION_FLAG, NULL, &dry_run, "store nothing; print the receipts there would be", NULL, 0, 0},
	{0, "sse", OPTION_STRING, "KIND", &store_options.sse, "encryption: AES256, aws:kms[:KEY] or aws:kms:dsse[:KEY]",
		NULL, 0, 0},
	{0, "storage-class", OPTION_STRING, "CLASS", &store_options.storage_class, "the objects' storage class", NULL,
		0, 0},
	{0, "content-type", OPTION_STRING, "TYPE", &store_options.content_type,
		"the objects' type [application/x-ndjson]", NULL, 0, 0},
	{0, "checksum", OPTION_CHOICE, "KIND", &checksum, "the checksum sent along [sha256]", "sha256|crc32c|none", 0,
		0},
	{0, "tag", OPTION_LIST, "NAME=VALUE", &store_options.tags, "a tag for each object; may be repeated", NULL, 0,
		0},
	{0, "metadata", OPTION_LIST, "NAME=VALUE", &store_options.metadata, "metadata for each object; may be repeated",
		NULL, 0, 0},
	{0},
};

static const struct command command = {
	"acc-put",
	"[OPTION]... DEST [FILE]...",
	"Store the files that a manifest or a list of names on standard input tells of; print a "
	"receipt for each.\n"
	"DEST is a directory or an address such as s3://bucket/prefix/.",
	options,
};

static void
check_pairs(const char *option, const struct option_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strchr(list->values[i], '=') || list->values[i][0] == '=')
			command_usage("%s '%s' is not NAME=VALUE", option, list->values[i]);
}

static bool
is_encryption(const char *kind)
{
	return strcmp(kind, "AES256") == 0 || strcmp(kind, "aws:kms") == 0 ||
		(strncmp(kind, "aws:kms:", 8) == 0 && kind[strlen(kind) - 1] != ':');
}

static void
configure(struct put *put)
{
	struct error error;
	struct instant time = instant_of_us(environment_system.now_us());

	if (key_check("--key", key, true, &error) < 0 ||
		(manifest_key && key_check("--manifest", manifest_key, false, &error) < 0))
		command_usage("%s", error.text);
	if (at && !instant_parse(slice_of(at), &time, NULL))
		command_usage("--at '%s' is neither an RFC 3339 time nor a date", at);
	if (store_options.sse && !is_encryption(store_options.sse))
		command_usage("--sse '%s' is none of AES256, aws:kms[:KEY] and aws:kms:dsse[:KEY]", store_options.sse);
	check_pairs("--tag", &store_options.tags);
	check_pairs("--metadata", &store_options.metadata);
	store_options.checksum = (enum store_checksum)checksum;
	*put = (struct put){.key = key,
		.manifest_key = manifest_key,
		.at_us = instant_to_us(time),
		.if_exists = (enum if_exists)if_exists,
		.jobs = dry_run ? 1 : (unsigned)jobs, /* in turn: which file gets which name is no matter of luck */
		.keep = keep,
		.discard_refused = discard_refused,
		.dry_run = dry_run};
}

/* Takes uri, which is NULL where error says why. */
static void
check_address(
	char *uri, const struct error *error, const char *option, const char *what, const struct feedback *feedback)
{
	const char *source = uri ? feedback_find(feedback, uri) : NULL;

	if (!uri)
		command_usage("%s: %s", option, error->text);
	if (source)
		command_usage("'%s' lies inside the source '%s' and would be read again; choose another %s", uri,
			source, what);
	free(uri);
}

/* The journal may tell more once the first file has come. */
static void
check_addresses(const struct put *put, struct feedback *feedback)
{
	struct error error;

	if (feedback_read(feedback, journal_path(), &error) < 0)
		command_die(&error);
	check_address(put_sample_uri(put, &error), &error, "--key", "DEST", feedback);
	if (manifest_key)
		check_address(put_manifest_uri(put, &error), &error, "--manifest", "--manifest", feedback);
}

static void
put_descriptor(struct put *put, int fd, struct feedback *feedback)
{
	struct lines lines;
	struct slice run, line;
	struct error error;
	uint64_t number = 0;
	bool first = true;
	int got;

	lines_open(&lines, fd, "-");
	while ((got = lines_next(&lines, &run, &error)) > 0)
		while (lines_cut(&run, &line)) {
			if (++number == 1 && slice_begins(line, SLICE("\xef\xbb\xbf")))
				line.p += 3, line.n -= 3;
			if (line_is_blank(line))
				continue;
			if (first && put->tail == 0)
				check_addresses(put, feedback);
			first = false;
			put_line(put, line, number);
		}
	if (got < 0)
		command_die(&error);
	lines_close(&lines);
}

static void
put_files(struct put *put, const char *const *names, struct feedback *feedback)
{
	bool known = true;
	size_t n;

	for (n = 0; names[n]; n++)
		known = known && strcmp(names[n], "-") != 0;
	progress_total(known ? n : 0);
	for (; *names; names++)
		if (strcmp(*names, "-") == 0)
			put_descriptor(put, STDIN_FILENO, feedback);
		else
			put_file(put, *names);
}

static void
check_operands(const struct operands *operands)
{
	struct stat st;

	if (operands->n == 0)
		command_usage("no DEST");
	/* As cp(1) has it, they would stand the other way round. */
	if (stat(operands->values[0], &st) == 0 && S_ISREG(st.st_mode))
		command_usage(
			"'%s' is a file; DEST, a directory or an address, comes before the files", operands->values[0]);
	for (size_t i = 1; i < operands->n; i++)
		if (!*operands->values[i])
			command_usage("'' is no FILE");
}

int
main(int argc, char *argv[])
{
	struct operands operands;
	struct feedback feedback = {0};
	struct put put;
	struct error error;
	enum status status = STATUS_OK;

	command_begin(&command, argc, argv, &operands);
	aws_register_store();
	configure(&put);
	check_operands(&operands);
	put.store = store_open(operands.values[0], &store_options, &error);
	if (!put.store)
		command_usage("%s", error.text);
	put.feedback = &feedback;
	check_addresses(&put, &feedback);
	progress_start(command_progress_mode(), command_is_quiet(), "objects");
	command_allow_open_files(); /* each file in flight has its own, its parent and its copy */
	put_start(&put);
	if (operands.n == 1)
		put_descriptor(&put, STDIN_FILENO, &feedback);
	else
		put_files(&put, operands.values + 1, &feedback);
	if (put_finish(&put, &error) < 0) {
		message_error(&error);
		status = STATUS_REFUSED;
	}
	put.store->class->close(put.store);
	feedback_free(&feedback);
	if (put.refused)
		status = status_worse(status, STATUS_REFUSED);
	return command_finish(status,
		(const struct journal_count[]){{"files", put.files}, {"objects", put.objects}, {"stored", put.records},
			{"already", put.already}, {"skipped", put.skipped}, {"refused", put.refused},
			{"bytes_out", put.bytes_out}, {0}});
}
