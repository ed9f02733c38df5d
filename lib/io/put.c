#include "io/put.h"

#include "base/command.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "io/keytemplate.h"
#include "io/put_source.h"
#include "io/uri.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum outcome { OUTCOME_STORED, OUTCOME_ALREADY, OUTCOME_SKIPPED, OUTCOME_REFUSED };
#define TRY_NEXT 100   /* no outcome yet: the key is taken */
#define ATTEMPTS_MAX 8 /* at a key that is taken, and then is not */

struct put_task {
	struct manifest_line line;
	struct stat opened; /* the file, where it was */
	struct receipt receipt;
	enum outcome outcome;
	bool done;
};

/* ---- one file */

/* The store proves what it stores; where it stores nothing, we do. */
static int
complete(const struct put *p, int fd, struct manifest_line *line, struct error *error)
{
	bool is_told = line->sha256[0];

	if (put_source_complete(fd, line, error) < 0)
		return -1;
	return p->dry_run && is_told ? put_source_check(fd, line->sha256, error) : 0;
}

/* Would storing here feed the chain its own output? */
static int
check_feedback(const struct put *p, const char *uri, struct error *error)
{
	const char *source = feedback_find(p->feedback, uri);

	if (!source)
		return 0;
	return error_set(error, STATUS_FAILED, "feedback",
		"'%s' lies inside the source '%s' and would be read again; choose another "
		"destination",
		uri, source);
}

/* What a file of this run is stored as, or would be. */
struct claim {
	char *uri;
	char sha256[DIGEST_HEX_SIZE];
};

static int
by_uri(const void *a, const void *b)
{
	return strcmp(((const struct claim *)a)->uri, ((const struct claim *)b)->uri);
}

static void
free_claim(void *claim)
{
	free(((struct claim *)claim)->uri);
	free(claim);
}

/* What of this run is there, or will be, as uri; where there is nothing, it is claimed. */
static enum store_presence
claim(struct put *p, const char *uri, const char *sha256, struct error *error)
{
	struct claim *mine = memory_get_zeroed(1, sizeof(*mine)), **found;
	enum store_presence presence = STORE_ABSENT;

	mine->uri = memory_copy_string(uri);
	memcpy(mine->sha256, sha256, sizeof(mine->sha256));
	pthread_mutex_lock(&p->mutex);
	found = tsearch(mine, &p->claims, by_uri);
	if (!found)
		error_system(error, "cannot remember '%s'", uri), presence = STORE_UNKNOWN;
	else if (*found != mine)
		presence = strcmp((*found)->sha256, sha256) == 0 ? STORE_SAME : STORE_OTHER;
	pthread_mutex_unlock(&p->mutex);
	if (presence != STORE_ABSENT)
		free_claim(mine);
	return presence;
}

/* Where what is there is overwritten, or lets a file go, it must not be what this run has just stored. */
static int
claim_alone(struct put *p, const char *uri, const char *sha256, struct error *error)
{
	if (p->if_exists != IF_EXISTS_OVERWRITE && p->if_exists != IF_EXISTS_SKIP)
		return 0;
	switch (claim(p, uri, sha256, error)) {
	case STORE_ABSENT:
	case STORE_SAME: return 0;
	case STORE_OTHER: break;
	case STORE_UNKNOWN: return -1;
	}
	return error_set(error, STATUS_REFUSED, "same-key",
		"another file of this run has '%s'; let --key tell them apart, as with {name}", uri);
}

/* Of a file that is gone: OUTCOME_ALREADY where an earlier attempt of ours has stored it; OUTCOME_REFUSED, TRY_NEXT or
 * -1 with *error. */
static int
find(struct put *p, const struct store_object *object, struct receipt *receipt, struct error *error)
{
	switch (p->store->class->look(p->store, object, receipt, error)) {
	case STORE_SAME: return OUTCOME_ALREADY;
	case STORE_OTHER: return p->if_exists == IF_EXISTS_RENAME ? TRY_NEXT : OUTCOME_REFUSED;
	case STORE_ABSENT: return OUTCOME_REFUSED;
	case STORE_UNKNOWN: break;
	}
	/* S3 forbids a key that is not there to who may not list the bucket; where all is, another file tells */
	return strcmp(error->code, "access") == 0 || strcmp(error->code, "denied") == 0 ? OUTCOME_REFUSED : -1;
}

static enum store_presence
look(struct put *p, const struct store_object *object, struct receipt *receipt, struct error *error)
{
	enum store_presence presence;

	if (p->if_exists == IF_EXISTS_OVERWRITE)
		return STORE_ABSENT;
	presence = p->store->class->look(p->store, object, receipt, error);
	if (presence == STORE_ABSENT && p->dry_run && p->if_exists != IF_EXISTS_SKIP)
		presence = claim(p, receipt->uri, object->sha256, error);
	return presence;
}

/* Without storing it, before its file goes: a store need not have read it. */
static int
be_done_with(const struct store_object *object, enum outcome outcome, struct error *error)
{
	return put_source_check(object->fd, object->sha256, error) < 0 ? -1 : (int)outcome;
}

/* What becomes of the object at its present key: an outcome, or -1 with *error, or TRY_NEXT. */
static int
attempt(struct put *p, const struct store_object *object, struct receipt *receipt, struct error *error)
{
	enum store_condition condition = p->if_exists == IF_EXISTS_OVERWRITE ? STORE_OVERWRITE : STORE_CREATE;

	if (object->fd < 0)
		return find(p, object, receipt, error);
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		if (!p->dry_run) {
			enum store_result result = p->store->class->put(p->store, object, condition, receipt, error);

			if (result != STORE_TAKEN)
				return result == STORE_DONE ? OUTCOME_STORED : -1;
		}
		switch (look(p, object, receipt, error)) {
		case STORE_SAME: return be_done_with(object, OUTCOME_ALREADY, error);
		case STORE_OTHER:
			return p->if_exists == IF_EXISTS_SKIP ? be_done_with(object, OUTCOME_SKIPPED, error) : TRY_NEXT;
		case STORE_ABSENT:
			if (p->dry_run)
				return OUTCOME_STORED;
			break; /* gone since: once more */
		case STORE_UNKNOWN: return -1;
		}
	}
	return error_set(
		error, STATUS_FAILED, "service", "it is taken when it is to be stored, and not there when looked at");
}

/* Store under key or, as --if-exists has it, another. Fills *receipt. An outcome, or -1. */
static int
store(struct put *p, struct slice key, struct store_object *object, struct receipt *receipt, struct error *error)
{
	struct buffer name = {0};
	int outcome;

	buffer_add_slice(&name, key);
	for (uint64_t other = 1;; other++) {
		object->key = buffer_string(&name);
		free(receipt->uri);
		receipt->uri = p->store->class->uri(p->store, object->key);
		outcome = -1;
		if (p->store->class->check_key(p->store, object->key, error) == 0 &&
			check_feedback(p, receipt->uri, error) == 0 &&
			claim_alone(p, receipt->uri, object->sha256, error) == 0)
			outcome = attempt(p, object, receipt, error);
		if (outcome != TRY_NEXT)
			break;
		if (p->if_exists == IF_EXISTS_FAIL) {
			outcome = error_set(
				error, STATUS_REFUSED, "exists", "'%s' exists (see --if-exists)", receipt->uri);
			break;
		}
		name.n = 0;
		key_advance(key, other, &name);
	}
	buffer_free(&name);
	return outcome;
}

/* fd -1: the file is gone. */
static int
store_file(struct put *p, struct put_task *t, int fd, struct error *error)
{
	struct key_values values = {p->at_us, slice_of(basename(t->line.path)), t->line.shard};
	struct store_object object = {.fd = fd, .bytes = t->line.bytes, .sha256 = t->line.sha256};
	struct buffer key = {0};
	int outcome = -1;

	if ((fd < 0 || complete(p, fd, &t->line, error) == 0) && key_expand(p->key, &values, &key, error) == 0)
		outcome = store(p, buffer_slice(&key), &object, &t->receipt, error);
	buffer_free(&key);
	t->receipt.bytes = t->line.bytes;
	t->receipt.records = t->line.records;
	t->receipt.has_records = t->line.has_records;
	memcpy(t->receipt.sha256, t->line.sha256, sizeof(t->receipt.sha256));
	return outcome;
}

/* Say which file it was that makes the rest pointless. */
static void
describe_failure(const struct put_task *t, const struct error *cause, struct error *error)
{
	error_set(error, cause->status, cause->code, "cannot store '%s'%s%s%s: %s", t->line.path,
		t->receipt.uri ? " as '" : "", t->receipt.uri ? t->receipt.uri : "", t->receipt.uri ? "'" : "",
		cause->text);
}

/* -1 with *failure: the run cannot go on. */
static int
run_task(struct put *p, struct put_task *t, struct error *failure)
{
	struct error error, missing;
	int fd = put_source_open(&t->line, &t->opened, &error), outcome = -1;

	if (fd >= 0) {
		outcome = store_file(p, t, fd, &error);
		close(fd);
	} else if (t->line.has_bytes && t->line.sha256[0] && strcmp(error.code, "missing") == 0) {
		missing = error;
		outcome = store_file(p, t, -1, &error);
		if (outcome == OUTCOME_REFUSED)
			outcome = -1, error = missing;
	}
	if (outcome < 0 && error.status != STATUS_REFUSED) {
		describe_failure(t, &error, failure);
		return -1;
	}
	if (outcome < 0) {
		message_at(MESSAGE_ERROR,
			(struct message_place){.uri = t->line.path, .code = error.code, .named = true},
			"cannot store '%s': %s", t->line.path, error.text);
		journal_failed(t->line.path, (struct slice){0}, error.code, error.text);
	}
	t->outcome = outcome < 0 ? OUTCOME_REFUSED : (enum outcome)outcome;
	return 0;
}

/* ---- the order of things; all below with the mutex held */

static void
count(struct put *p, const struct put_task *t)
{
	p->files++;
	p->refused += t->outcome == OUTCOME_REFUSED;
	p->skipped += t->outcome == OUTCOME_SKIPPED;
	p->already += t->outcome == OUTCOME_ALREADY;
	if (t->outcome == OUTCOME_REFUSED || p->dry_run)
		return;
	p->records += t->line.records;
	if (t->outcome == OUTCOME_SKIPPED)
		return;
	p->objects++;
	p->bytes_out += t->line.bytes;
}

static void
print_receipt(struct put *p, const struct put_task *t)
{
	size_t start = p->receipts.n;

	receipt_format(&p->receipts, &t->receipt);
	output_add(&output_stdout, p->receipts.p + start, p->receipts.n - start);
	output_end_line(&output_stdout);
	output_flush(&output_stdout);
	if (p->manifest_key)
		buffer_add_byte(&p->receipts, '\n');
	else
		p->receipts.n = 0;
}

/* A manifest may tell of files that lie where they are to be stored. What was free before has another name. */
static void
remove_file(const struct put *p, const struct put_task *t)
{
	bool is_stored = t->outcome == OUTCOME_STORED || t->outcome == OUTCOME_ALREADY;
	bool was_free = t->outcome == OUTCOME_STORED && p->if_exists != IF_EXISTS_OVERWRITE;
	const struct stat *opened = t->opened.st_nlink > 0 ? &t->opened : NULL;
	const char *why;

	if (t->line.bare || p->keep || p->dry_run || !(is_stored ? opened != NULL : p->discard_refused))
		return;
	why = put_source_remove(t->line.path, opened, was_free ? NULL : t->receipt.uri);
	if (why)
		message(MESSAGE_WARNING, "cannot remove '%s', which is dealt with: %s", t->line.path, why);
}

static void
finish_task(struct put *p, struct put_task *t)
{
	if (t->outcome == OUTCOME_STORED || t->outcome == OUTCOME_ALREADY)
		print_receipt(p, t);
	if (t->outcome == OUTCOME_SKIPPED)
		message(MESSAGE_NOTE, "'%s' is not stored: '%s' exists", t->line.path, t->receipt.uri);
	if (t->outcome == OUTCOME_ALREADY)
		message(MESSAGE_NOTE, "'%s' is there already, as '%s'", t->line.path, t->receipt.uri);
	remove_file(p, t);
	count(p, t);
	progress_done(1);
	manifest_line_free(&t->line);
	receipt_free(&t->receipt);
}

static struct put_task *
task(struct put *p, size_t number)
{
	return &p->ring[number % p->ring_size];
}

static void
finish_tasks(struct put *p)
{
	while (p->head < p->next && task(p, p->head)->done)
		finish_task(p, task(p, p->head++));
	pthread_cond_signal(&p->room);
}

/* Let the others finish what they are at, and no more be begun. */
static void
fail(struct put *p, const struct error *failure)
{
	if (!p->has_failed)
		p->failure = *failure;
	p->has_failed = true;
	pthread_cond_broadcast(&p->work);
}

/* End the command; nothing is stored that has no receipt. */
static void __attribute__((noreturn)) end_failed(struct put *p)
{
	for (; p->head < p->next; p->head++)
		if (task(p, p->head)->done)
			finish_task(p, task(p, p->head));
	command_die(&p->failure);
}

static void *
work(void *argument)
{
	struct put *p = argument;
	struct put_task *t;
	struct error failure;
	int outcome;

	pthread_mutex_lock(&p->mutex);
	for (;;) {
		while (p->next == p->tail && !p->closing && !p->has_failed)
			pthread_cond_wait(&p->work, &p->mutex);
		if (p->next == p->tail || p->has_failed)
			break;
		t = task(p, p->next++);
		pthread_mutex_unlock(&p->mutex);
		outcome = run_task(p, t, &failure);
		pthread_mutex_lock(&p->mutex);
		t->done = outcome == 0;
		if (t->done)
			finish_tasks(p);
		else
			fail(p, &failure);
	}
	if (--p->running == 0 && p->has_failed)
		end_failed(p);
	pthread_cond_signal(&p->room);
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

/* ---- */

void
put_start(struct put *p)
{
	pthread_t thread;

	p->ring_size = 4 * p->jobs;
	p->ring = memory_get_zeroed(p->ring_size, sizeof(*p->ring));
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->room, NULL);
	p->running = p->jobs;
	for (unsigned i = 0; i < p->jobs; i++) {
		parallel_start(&thread, work, p);
		pthread_detach(thread); /* as one of them may end the command while the others are at work */
	}
}

static void
refuse_line(struct put *p, uint64_t number, const struct error *error)
{
	message_at(MESSAGE_ERROR, (struct message_place){.uri = "-", .record = number, .code = error->code},
		"%s; the line is refused", error->text);
	journal_failed("-", (struct slice){0}, error->code, error->text);
	p->files++;
	p->refused++;
}

/* A file may be named by its address. */
static void
name_by_path(struct manifest_line *line)
{
	struct error unused;
	char *path = uri_local_path(line->path, &unused);

	if (!path)
		return; /* there is no such file, either */
	free(line->path);
	line->path = path;
}

/* Takes line. */
static void
add_task(struct put *p, struct manifest_line line)
{
	name_by_path(&line);
	while (p->tail - p->head == p->ring_size)
		pthread_cond_wait(&p->room, &p->mutex);
	*task(p, p->tail++) = (struct put_task){.line = line};
	pthread_cond_signal(&p->work);
}

void
put_line(struct put *p, struct slice text, uint64_t number)
{
	struct manifest_line line;
	struct error error;
	bool parsed = manifest_parse(text, &line, &error) == 0;

	pthread_mutex_lock(&p->mutex);
	if (parsed)
		add_task(p, line);
	else
		refuse_line(p, number, &error);
	pthread_mutex_unlock(&p->mutex);
}

void
put_file(struct put *p, const char *path)
{
	pthread_mutex_lock(&p->mutex);
	add_task(p, (struct manifest_line){.path = memory_copy_string(path), .shard = MANIFEST_NO_SHARD, .bare = true});
	pthread_mutex_unlock(&p->mutex);
}

static int
store_receipts(struct put *p, struct error *error)
{
	struct key_values values = {.at_us = p->at_us, .shard = MANIFEST_NO_SHARD};
	struct put_task t = {.line = {.path = (char *)(uintptr_t) "the list of receipts", .bytes = p->receipts.n}};
	struct store_object object = {.bytes = p->receipts.n, .sha256 = t.line.sha256};
	struct error failure;
	struct buffer key = {0};
	int outcome = -1;

	object.fd = memfd_create("receipts", MFD_CLOEXEC);
	if (object.fd < 0 || write_all(object.fd, p->receipts.p, p->receipts.n) < 0)
		error_system(error, "cannot hold the list of receipts");
	else if (digest_file(object.fd, -1, t.line.sha256, error) == 0 &&
		key_expand(p->manifest_key, &values, &key, error) == 0)
		outcome = store(p, buffer_slice(&key), &object, &t.receipt, error);
	if (object.fd >= 0)
		close(object.fd);
	if (outcome < 0 && error->status != STATUS_REFUSED) {
		describe_failure(&t, error, &failure);
		command_die(&failure);
	}
	if (outcome == OUTCOME_SKIPPED)
		outcome = error_set(error, STATUS_REFUSED, "exists",
			"the list of receipts is not stored: '%s' exists, and has another run's", t.receipt.uri);
	if (outcome >= 0)
		message(MESSAGE_NOTE, "the list of receipts is '%s'", t.receipt.uri);
	buffer_free(&key);
	receipt_free(&t.receipt);
	return outcome < 0 ? -1 : 0;
}

int
put_finish(struct put *p, struct error *error)
{
	int finished = 0;

	pthread_mutex_lock(&p->mutex);
	p->closing = true;
	pthread_cond_broadcast(&p->work);
	while (p->running)
		pthread_cond_wait(&p->room, &p->mutex);
	pthread_mutex_unlock(&p->mutex);
	if (p->manifest_key && p->receipts.n && !p->dry_run)
		finished = store_receipts(p, error);
	buffer_free(&p->receipts);
	tdestroy(p->claims, free_claim);
	free(p->ring);
	return finished;
}

static char *
uri_of(const struct put *p, const char *template, const struct key_values *values, struct error *error)
{
	struct buffer key = {0};
	char *uri = NULL;

	if (key_expand(template, values, &key, error) == 0 &&
		p->store->class->check_key(p->store, buffer_string(&key), error) == 0)
		uri = p->store->class->uri(p->store, buffer_string(&key));
	buffer_free(&key);
	return uri;
}

char *
put_sample_uri(const struct put *p, struct error *error)
{
	char *name = memory_format("output_object-%016" PRId64 ".jsonl", p->at_us), *uri;

	uri = uri_of(p, p->key, &(struct key_values){p->at_us, slice_of(name), 0}, error);
	free(name);
	return uri;
}

char *
put_manifest_uri(const struct put *p, struct error *error)
{
	return uri_of(p, p->manifest_key, &(struct key_values){.at_us = p->at_us, .shard = MANIFEST_NO_SHARD}, error);
}
