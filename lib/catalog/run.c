#include "catalog/run.h"

#include "base/command.h"
#include "base/memory.h"
#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define RUN_SAMPLE_BYTES ((uint64_t)64 << 10)

struct run *
run_new(const char *directory, struct error *error)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct run *run;

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		char *path = memory_format("%s/acc-merge-XXXXXX", directory);
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
		free(path);
	}
	if (fd < 0) {
		error_system(error, "cannot make a temporary file in '%s' (see -T)", directory);
		return NULL;
	}
	run = memory_get_zeroed(1, sizeof(*run));
	run->fd = fd;
	return run;
}

void
run_free(struct run *run)
{
	if (!run)
		return;
	close(run->fd);
	free(run->samples);
	arena_free(&run->ids);
	free(run);
}

static void
add_record(struct buffer *out, const struct record *r)
{
	buffer_add(out, r, record_bytes(r));
	buffer_add(out, r->text, r->text_n);
}

void
run_format(struct buffer *out, const struct accommodation *a, enum record_keep keep, struct arena *scratch)
{
	union record_room room;

	if (keep != RECORD_KEEP_WHOLE)
		arena_reset(scratch);
	for (uint32_t i = 0; i < a->n; i++) {
		memcpy(&room, a->records[i], record_bytes(a->records[i]));
		if (keep != RECORD_KEEP_WHOLE)
			record_keep(&room.record, keep, scratch);
		add_record(out, &room.record);
	}
}

/* A sample stands where an id's records begin: text holds whole accommodations. */
static void
take_samples(struct run *run, struct slice text)
{
	struct arena scratch = {0};
	struct slice before = {NULL, 0};
	struct record r;

	for (size_t at = 0; at < text.n; at += record_bytes(&r) + r.text_n) {
		memcpy(&r, text.p + at, sizeof(r));
		if (run->n_samples && run->bytes + at < run->sampled_to)
			continue;
		r.text = text.p + at + record_bytes(&r);
		struct slice id = record_id_text(&r, &scratch);
		if (at == 0 || (before.p && !slice_equal(before, id))) {
			run->samples = memory_resize(run->samples, run->n_samples + 1, sizeof(*run->samples));
			run->samples[run->n_samples++] =
				(struct run_sample){arena_copy(&run->ids, id), run->bytes + at};
			run->sampled_to = run->bytes + at + RUN_SAMPLE_BYTES;
			before = (struct slice){NULL, 0};
		} else {
			before = id;
		}
	}
	arena_free(&scratch);
}

void
run_write(struct run *run, struct slice text, const char *directory)
{
	struct error error;

	take_samples(run, text);
	if (write_all(run->fd, text.p, text.n) < 0) {
		error_system(&error, "cannot write a temporary file in '%s' (see -T)", directory);
		command_die(&error);
	}
	run->bytes += text.n;
}

/* --- reading -------------------------------------------------------------------------------------------------- */

struct reader {
	const struct run *run;
	uint64_t at; /* offset of what follows the buffer's content */
	char *buffer;
	size_t capacity, begin, end;
	union record_room next; /* the next record; its text is in the buffer */
	struct slice id;
	struct arena scratch;
	bool done;
};

static void
cannot_read(void)
{
	struct error error;

	error_system(&error, "cannot read back a temporary file");
	command_die(&error);
}

/* Have at least n bytes in the buffer; false at the run's end. */
static bool
fill(struct reader *r, size_t n)
{
	if (r->end - r->begin >= n)
		return true;
	memmove(r->buffer, r->buffer + r->begin, r->end - r->begin);
	r->end -= r->begin;
	r->begin = 0;
	if (n > r->capacity) {
		r->capacity = n + n / 2;
		r->buffer = memory_resize(r->buffer, r->capacity, 1);
	}
	while (r->end < n) {
		ssize_t got = pread(r->run->fd, r->buffer + r->end, r->capacity - r->end, (off_t)r->at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			cannot_read();
		if (got == 0)
			return false;
		r->at += (uint64_t)got;
		r->end += (size_t)got;
	}
	return true;
}

static void
read_next(struct reader *r)
{
	struct record *next = &r->next.record;
	size_t bytes;

	arena_reset(&r->scratch);
	if (!fill(r, sizeof(*next))) {
		r->done = true;
		return;
	}
	memcpy(next, r->buffer + r->begin, sizeof(*next));
	bytes = record_bytes(next);
	if (!fill(r, bytes + next->text_n)) {
		errno = EIO;
		cannot_read();
	}
	memcpy(&r->next, r->buffer + r->begin, bytes);
	next->text = r->buffer + r->begin + bytes;
	r->begin += bytes + next->text_n;
	r->id = record_id_text(next, &r->scratch);
}

struct run_merge {
	struct reader *readers;
	uint32_t *heap; /* readers that have a record, the least id first */
	size_t n_readers, n_heap;
	struct slice to;
	struct settler settler;
	struct arena text;       /* of the accommodation handed out */
	struct record **records; /* its records */
	size_t capacity;
};

static bool
before(const struct run_merge *m, uint32_t a, uint32_t b)
{
	return slice_compare(m->readers[a].id, m->readers[b].id) < 0;
}

static void
sift_down(struct run_merge *m, size_t i)
{
	for (size_t child; (child = 2 * i + 1) < m->n_heap; i = child) {
		if (child + 1 < m->n_heap && before(m, m->heap[child + 1], m->heap[child]))
			child++;
		if (!before(m, m->heap[child], m->heap[i]))
			return;
		uint32_t swapped = m->heap[i];
		m->heap[i] = m->heap[child];
		m->heap[child] = swapped;
	}
}

/* The offset of the last sample whose id is not above from. */
static uint64_t
offset_below(const struct run *run, struct slice from)
{
	size_t low = 0, high = run->n_samples;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (slice_compare(run->samples[middle].id, from) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? run->samples[low - 1].at : 0;
}

struct run_merge *
run_merge_new(struct run *const *runs, size_t n, struct slice from, struct slice to, size_t buffer_bytes, bool replace,
	const struct record_tables *tables)
{
	struct run_merge *m = memory_get_zeroed(1, sizeof(*m));

	m->readers = memory_get_zeroed(n, sizeof(*m->readers));
	m->heap = memory_get_zeroed(n, sizeof(*m->heap));
	m->n_readers = n;
	m->to = to;
	m->settler = (struct settler){.replace = replace, .tables = *tables};
	for (size_t i = 0; i < n; i++) {
		struct reader *r = &m->readers[i];
		r->run = runs[i];
		r->at = from.p ? offset_below(runs[i], from) : 0;
		r->capacity = buffer_bytes;
		r->buffer = memory_get(buffer_bytes);
		do
			read_next(r);
		while (!r->done && from.p && slice_compare(r->id, from) < 0);
		if (!r->done)
			m->heap[m->n_heap++] = (uint32_t)i;
	}
	for (size_t i = m->n_heap; i-- > 0;)
		sift_down(m, i);
	return m;
}

void
run_merge_free(struct run_merge *m)
{
	for (size_t i = 0; i < m->n_readers; i++) {
		free(m->readers[i].buffer);
		arena_free(&m->readers[i].scratch);
	}
	free(m->readers);
	free(m->heap);
	free(m->records);
	settler_free(&m->settler);
	arena_free(&m->text);
	free(m);
}

static void
take_record(struct run_merge *m, struct accommodation *a, const struct record *from)
{
	struct record *r = arena_get(&m->text, record_bytes(from));

	memcpy(r, from, record_bytes(from));
	r->text = arena_copy(&m->text, record_text(from)).p;
	if (a->n == m->capacity) {
		m->capacity = m->capacity ? m->capacity * 2 : 64;
		m->records = memory_resize(m->records, m->capacity, sizeof(*m->records));
	}
	m->records[a->n++] = r;
}

bool
run_merge_next(struct run_merge *m, struct accommodation *a, uint64_t *superseded)
{
	struct reader *least;

	if (m->n_heap == 0 || (m->to.p && slice_compare(m->readers[m->heap[0]].id, m->to) >= 0))
		return false;
	arena_reset(&m->text);
	*a = (struct accommodation){.id = arena_copy(&m->text, m->readers[m->heap[0]].id)};
	while (m->n_heap && slice_equal((least = &m->readers[m->heap[0]])->id, a->id)) {
		take_record(m, a, &least->next.record);
		read_next(least);
		if (least->done)
			m->heap[0] = m->heap[--m->n_heap];
		sift_down(m, 0);
	}
	a->records = m->records;
	*superseded += settle(&m->settler, a);
	return true;
}
