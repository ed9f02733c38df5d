#include "base/command.h"
#include "base/memory.h"
#include "catalog/fetch_private.h"

#include <pthread.h>

#define GATHERED_MAX (32 << 10) /* output that is copied, to be written with other; more costs less by itself */
#define DENIED_MAX 100          /* objects, before one was read: the others will fare no better */

/* ---- pieces */

struct output_piece *
fetch_piece_get(struct fetch *f)
{
	struct output_piece *piece = f->spare;

	if (piece) {
		f->spare = piece->next;
		f->spare_bytes -= piece->data.capacity;
	} else {
		piece = memory_get_zeroed(1, sizeof(*piece));
	}
	piece->next = NULL;
	piece->data.n = 0;
	piece->refusals = NULL;
	piece->last_refusal = &piece->refusals;
	piece->refusal_bytes = 0;
	return piece;
}

void
fetch_piece_put(struct fetch *f, struct output_piece *piece)
{
	if (piece->data.capacity <= 4 * FETCH_BLOCK) {
		piece->next = f->spare;
		f->spare = piece;
		f->spare_bytes += piece->data.capacity;
		return;
	}
	buffer_free(&piece->data);
	free(piece);
}

void
fetch_free_spare(struct fetch *f)
{
	struct output_piece *piece = fetch_piece_get(f);

	buffer_free(&piece->data);
	free(piece);
}

/* ---- from the workers */

static void
add_counts(struct fetch_counts *sum, const struct fetch_counts *more)
{
	sum->read += more->read;
	sum->refused += more->refused;
	sum->left_out += more->left_out;
	sum->written += more->written;
	sum->bytes_in += more->bytes_in;
}

/* In its turn; true where the writer waits for it: to be woken once it can have the lock. */
static bool
hand_over(struct fetch_worker *w)
{
	struct fetch *f = w->fetch;
	struct job *job = w->job;
	struct output_piece *piece = w->piece;

	while (job->turn != w->text.number)
		pthread_cond_wait(&f->turned, &f->lock);
	while (job->pending_bytes >= f->pending_max)
		pthread_cond_wait(&f->drained, &f->lock);
	piece->bytes = piece->data.capacity + piece->refusal_bytes;
	*job->last_piece = piece;
	job->last_piece = &piece->next;
	job->pending_bytes += piece->bytes;
	f->held += piece->bytes;
	add_counts(&job->counts, &w->counts);
	w->counts = (struct fetch_counts){0};
	w->piece = fetch_piece_get(f);
	return job == f->jobs;
}

void
fetch_emit(struct fetch_worker *w)
{
	struct fetch *f = w->fetch;
	bool awaited;

	pthread_mutex_lock(&f->lock);
	awaited = hand_over(w);
	pthread_mutex_unlock(&f->lock);
	if (awaited)
		pthread_cond_signal(&f->ready);
	buffer_reserve(&w->piece->data, FETCH_OUTPUT);
}

void
fetch_emit_last(struct fetch_worker *w)
{
	struct fetch *f = w->fetch;
	bool awaited;

	pthread_mutex_lock(&f->lock);
	awaited = hand_over(w) && !w->text.at_end; /* then it is about to be finished */
	w->job->turn++;
	if (w->job->n_workers > 1)
		pthread_cond_broadcast(&f->turned);
	pthread_mutex_unlock(&f->lock);
	if (awaited)
		pthread_cond_signal(&f->ready);
}

/* ---- the writer */

static void
report_refusals(struct fetch *f, const struct job *job, struct refusal *refusal)
{
	const char *uri = job->reference.uri;

	while (refusal) {
		struct refusal *next = refusal->next;

		rejects_add(f->options->rejects, buffer_slice(&refusal->rejected));
		message_at(MESSAGE_ERROR,
			(struct message_place){
				.uri = uri, .record = refusal->record, .line = refusal->line, .code = refusal->code},
			"%s; the record is refused%s", refusal->text, f->options->rejects ? "" : " (see --rejects)");
		journal_refused(uri, refusal->record, refusal->code, refusal->text, f->options->rejects != NULL);
		buffer_free(&refusal->rejected);
		free(refusal->text);
		free(refusal);
		refusal = next;
	}
}

static void
write_pieces(struct fetch *f, const struct job *job, struct output_piece *pieces)
{
	for (struct output_piece *piece = pieces; piece; piece = piece->next) {
		if (piece->data.n > GATHERED_MAX)
			output_give(&output_stdout, &piece->data);
		else
			output_add_slice(&output_stdout, buffer_slice(&piece->data));
		report_refusals(f, job, piece->refusals);
	}
}

static void
refuse_object(struct fetch *f, const struct job *job)
{
	struct buffer line = {0}, reference = {0};

	reference_print(&reference, &job->reference);
	rejects_format(&line, job->failure.code, job->failure.text, buffer_slice(&reference), (struct slice){0});
	rejects_add(f->options->rejects, buffer_slice(&line));
	journal_refused(job->reference.uri, 0, job->failure.code, job->failure.text, f->options->rejects != NULL);
	buffer_free(&line);
	buffer_free(&reference);
}

/* What a service refuses it may refuse for one object only, or for all: while none was read, who knows. */
static bool
is_denied(const struct error *e)
{
	return strcmp(e->code, "denied") == 0 || strcmp(e->code, "no-bucket") == 0 || strcmp(e->code, "service") == 0;
}

/* What becomes of an object that could not be read, or not to its end. */
static void
report_failure(struct fetch *f, const struct job *job, struct fetch_counts *counts)
{
	const struct error *e = &job->failure;
	struct message_place place = {.uri = job->reference.uri, .code = e->code, .named = true};
	bool missing = strcmp(e->code, "missing") == 0;
	struct buffer ids = {0};

	if (e->status != STATUS_REFUSED && (!is_denied(e) || (++f->n_denied > DENIED_MAX && counts->objects == 0)))
		command_die(e);
	if (missing && f->options->missing == FETCH_MISSING_SKIP) {
		message_at(MESSAGE_WARNING, place, "%s; skipped", e->text);
		counts->skipped_objects++;
		return;
	}
	message_at(MESSAGE_ERROR, place, "%s", e->text);
	if (missing && f->options->missing == FETCH_MISSING_REFUSE) {
		refuse_object(f, job);
		counts->refused_objects++;
		return;
	}
	if (job->reference.message_ids)
		buffer_format(&ids, "[%s]", job->reference.message_ids);
	journal_failed(job->reference.uri, buffer_slice(&ids), e->code, e->text);
	buffer_free(&ids);
	counts->failed_objects++;
}

static void
complete(struct fetch *f, struct job *job, struct fetch_counts *counts)
{
	counts->references++;
	add_counts(counts, &job->counts);
	if (job->failed)
		report_failure(f, job, counts);
	else
		counts->objects++;
}

/* Wait until the first object has something to write or is through. */
static void
await(struct fetch *f)
{
	bool flushed = false;

	while (f->jobs ? !f->jobs->pieces && !f->jobs->finished : !f->listed) {
		if (!flushed) {
			/* a reader should not wait for what is there */
			pthread_mutex_unlock(&f->lock);
			output_flush(&output_stdout);
			pthread_mutex_lock(&f->lock);
			flushed = true;
			continue;
		}
		pthread_cond_wait(&f->ready, &f->lock);
	}
}

void
fetch_write_all(struct fetch *f, struct fetch_counts *counts)
{
	pthread_mutex_lock(&f->lock);
	for (;;) {
		struct job *job;
		struct output_piece *pieces, *next;
		bool finished;

		await(f);
		job = f->jobs;
		if (!job)
			break;
		pieces = job->pieces;
		finished = job->finished;
		job->pieces = NULL;
		job->last_piece = &job->pieces;
		pthread_mutex_unlock(&f->lock);

		write_pieces(f, job, pieces);
		if (finished)
			complete(f, job, counts);

		pthread_mutex_lock(&f->lock);
		if (finished) {
			f->jobs = job->next;
			if (!f->jobs)
				f->last_job = &f->jobs;
			reference_free(&job->reference);
			free(job);
		}
		for (; pieces; pieces = next) {
			next = pieces->next;
			f->held -= pieces->bytes;
			if (!finished)
				job->pending_bytes -= pieces->bytes;
			fetch_piece_put(f, pieces);
		}
		pthread_cond_signal(&f->memory);
		if (!finished)
			pthread_cond_broadcast(&f->drained);
	}
	pthread_mutex_unlock(&f->lock);
}
