/* acc-split - cut JSON Lines into files of bounded size.
 * in: lines, opaque but for --shards.  out: a manifest, one line per file that is complete and
 * closed. */
#include "base/command.h"
#include "base/instant.h"
#include "base/units.h"
#include "base/utf8.h"
#include "io/file.h"
#include "io/input.h"
#include "io/lines.h"
#include "io/split.h"
#include "io/stale.h"
#include "io/uri.h"

#include <sysexits.h>
#include <unistd.h>

static uint64_t max_bytes = 500000, max_records, max_spool, shards;
static const char *directory = ".", *name = "output_object-%f.jsonl", *at, *shard_by = ".accommodation_id";
static int oversize, compress;

static const struct option_spec options[] = {
	{'b', "bytes", OPTION_SIZE, "SIZE", &max_bytes,
		"most bytes of a file, newlines included, after compression [500KB]", NULL, 1, 0},
	{'l', "lines", OPTION_NUMBER, "N", &max_records, "most records of a file [no bound]", NULL, 1, 0},
	{'d', "dir", OPTION_FILE, "DIR", &directory, "where the files appear; made if need be [.]", NULL, 0, 0},
	{'n', "name", OPTION_STRING, "NAME", &name, "their names; %f is the microsecond [output_object-%f.jsonl]", NULL,
		0, 0},
	{0, "at", OPTION_STRING, "TIME", &at, "fix the clock behind %f (RFC 3339 or a date) [now]", NULL, 0, 0},
	{'z', "compress", OPTION_CHOICE, "FORMAT", &compress, "compress the files [no]", "no|gzip|zstd", 0, 0},
	{0, "oversize", OPTION_CHOICE, "WHAT", &oversize,
		"a record beyond --bytes gets a file of its own, or is refused [own]", "own|refuse", 0, 0},
	{0, "shards", OPTION_NUMBER, "N", &shards, "write N series of files, chosen by --shard-by", NULL, 1,
		SPLIT_SHARDS_MAX},
	{0, "shard-by", OPTION_STRING, "PATH", &shard_by, "the value that chooses the shard [.accommodation_id]", NULL,
		0, 0},
	{0, "max-spool", OPTION_SIZE, "SIZE", &max_spool,
		"wait while files not yet taken away leave no room below SIZE [no bound]", NULL, 1, 0},
	{0},
};

static const struct command command = {
	"acc-split",
	"[OPTION]... [FILE]...",
	"Cut JSON Lines into files of bounded size; print a manifest line for each file once it is "
	"complete.",
	options,
};

static void
configure(struct split *split)
{
	static const enum encoding encodings[] = {ENCODING_NONE, ENCODING_GZIP, ENCODING_ZSTD};
	struct error error;
	struct instant time;

	if (!(directory = uri_local_path(directory, &error)))
		command_usage("--dir: %s", error.text);
	*split = (struct split){.max_bytes = max_bytes,
		.max_records = max_records,
		.refuse_oversize = oversize == 1,
		.shards = (uint32_t)shards,
		.spool = {.directory = directory,
			.at_us = -1,
			.max_bytes = max_spool,
			.directory_fd = -1,
			.encoding = encodings[compress]}};
	if (spool_name_parse(name, split->spool.encoding, &split->spool.name, &error) < 0)
		command_usage("%s", error.text);
	if (at && !instant_parse(slice_of(at), &time, NULL))
		command_usage("--at '%s' is neither an RFC 3339 time nor a date", at);
	if (at && time.seconds < 0)
		command_usage("--at '%s' lies before 1970", at);
	if (at)
		split->spool.at_us = instant_to_us(time);
	if (json_path_parse(shard_by, &split->shard_by, &error) < 0)
		command_usage("--shard-by: %s", error.text);
	if (max_spool && max_spool / (shards ? shards : 1) < max_bytes)
		command_usage("--max-spool must hold at least --bytes%s", shards ? " for each of --shards" : "");
	if (utf8_valid_prefix(slice_of(directory)) < strlen(directory) || !*directory)
		command_usage("--dir must be a name in UTF-8, as the manifest is");
	if (utf8_valid_prefix(slice_of(name)) < strlen(name))
		command_usage("--name must be in UTF-8, as the manifest is");
}

/* -1 with *error when the descriptor cannot be read to its end. */
static int
split_descriptor(struct split *split, int fd, const char *input, struct error *error)
{
	struct lines lines;
	struct slice run;
	uint64_t line = 0, before;
	int got;

	lines_open(&lines, fd, input);
	while ((got = lines_next(&lines, &run, error)) > 0) {
		before = split->bytes_in;
		if (split_run(split, run, input, &line, error) < 0)
			command_die(error);
		progress_done(split->bytes_in - before);
	}
	lines_close(&lines);
	return got;
}

static enum status
split_file(struct split *split, const char *path)
{
	struct error error;
	struct stat st;
	int fd = file_open(path, &st, &error), got = -1;

	if (fd < 0 && error.status != STATUS_REFUSED)
		command_die(&error);
	if (fd >= 0)
		got = split_descriptor(split, fd, path, &error);
	if (got < 0 && fd == STDIN_FILENO)
		command_die(&error);
	if (fd > STDIN_FILENO)
		close(fd);
	if (got == 0)
		return STATUS_OK;
	message_at(MESSAGE_ERROR, (struct message_place){.uri = path, .code = error.code, .named = true}, "%s",
		error.text);
	journal_failed(path, (struct slice){0}, error.code, error.text);
	return STATUS_REFUSED;
}

/* For acc-consolidate: standard input is the spool directory that it just made and keeps open, and which thus stays
 * locked when we are gone. Those that killed ones have left beside it go. EX_TEMPFAIL: it went itself. */
static int
claim_spool(const char *parent)
{
	if (!stale_claim(STDIN_FILENO))
		return EX_TEMPFAIL;
	stale_remove(parent, "acc-consolidate.", "sources");
	return STATUS_OK;
}

int
main(int argc, char *argv[])
{
	static const char *const standard_input[] = {"-"};
	const char *const *names;
	size_t n;
	struct operands operands;
	struct split split;
	struct error error;
	enum status status = STATUS_OK;

	if (argc == 3 && strcmp(argv[1], "--claim-spool") == 0)
		return claim_spool(argv[2]);
	command_begin(&command, argc, argv, &operands);
	names = operands.n ? operands.values : standard_input;
	n = operands.n ? operands.n : 1;
	configure(&split);
	if (shards)
		command_allow_open_files(); /* every shard has one */
	if (split_open(&split, &error) < 0)
		command_die(&error);
	progress_start(command_progress_mode(), command_is_quiet(), "bytes");
	progress_total(input_bytes(names, n));
	for (size_t i = 0; i < n; i++)
		status = status_worse(status, split_file(&split, names[i]));
	if (split_finish(&split, &error) < 0)
		command_die(&error);
	progress_stop();
	split_close(&split);
	if (split.refused)
		status = status_worse(status, STATUS_REFUSED);
	return command_finish(status,
		(const struct journal_count[]){{"read", split.read}, {"written", split.written},
			{"refused", split.refused}, {"files", split.spool.files}, {"bytes_in", split.bytes_in},
			{"bytes_out", split.spool.bytes}, {0}});
}
