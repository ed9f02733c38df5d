#include "io/verdict.h"

#include "base/arena.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "io/reference.h"
#include "json/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FAILURES_MAX = 1000 };

struct process {
	uint64_t pid;
	struct slice tool;
	bool done;
	uint64_t status;
	uint64_t pipe; /* that its standard output was, or 0 */
};

struct judge {
	const struct verdict_question *q;
	struct verdict *v;
	struct arena *arena;
	struct process *processes; /* owned */
	size_t n_processes, capacity;
	bool some_refused; /* a process ended with 1 */
};

static const char *const names[VERDICT_TOOLS] = {"acc-fetch", "acc-merge", "acc-split", "acc-put"};

/* As much as there is room for. */
static void
set_reason(char *out, size_t size, struct buffer *text)
{
	struct slice cut = utf8_cut(buffer_slice(text), size - 1);

	memcpy(out, cut.p, cut.n);
	out[cut.n] = '\0';
	buffer_free(text);
}

static void __attribute__((format(printf, 2, 3))) fail_batch(struct judge *j, const char *format, ...)
{
	struct buffer reason = {0};
	va_list list;

	if (j->v->batch_failed)
		return;
	j->v->batch_failed = true;
	va_start(list, format);
	buffer_format_list(&reason, format, list);
	va_end(list);
	set_reason(j->v->reason, sizeof(j->v->reason), &reason);
}

static bool
number_of(struct slice object, const char *name, uint64_t *n)
{
	struct slice value = json_member_of(object, name, JSON_NUMBER);

	*n = 0;
	return value.p && json_natural(value, n);
}

/* ---- processes */

static struct process *
running(struct judge *j, uint64_t pid, struct slice tool)
{
	for (size_t i = j->n_processes; i-- > 0;)
		if (j->processes[i].pid == pid && slice_equal(j->processes[i].tool, tool))
			return j->processes[i].done ? NULL : &j->processes[i];
	return NULL;
}

static void
take_start(struct judge *j, struct slice line)
{
	struct slice tool = json_member_text(line, "tool", j->arena);
	uint64_t pid, pipe;

	if (!number_of(line, "pid", &pid) || !tool.n) {
		fail_batch(j, "a line of the journal tells of no process");
		return;
	}
	if (j->n_processes == j->capacity) {
		j->capacity = j->capacity ? j->capacity * 2 : 8;
		j->processes = memory_resize(j->processes, j->capacity, sizeof(*j->processes));
	}
	number_of(line, "stdout_pipe", &pipe);
	j->processes[j->n_processes++] = (struct process){pid, tool, false, 0, pipe};
}

static struct verdict_counts *
counts_of(struct judge *j, struct slice tool)
{
	for (int i = 0; i < VERDICT_TOOLS; i++)
		if (slice_equal(tool, slice_of(names[i])))
			return &j->v->tools[i];
	return NULL;
}

static void
add_counts(struct verdict_counts *c, struct slice counts)
{
	const struct {
		const char *name;
		uint64_t *sum;
	} list[] = {{"references", &c->references}, {"references_digest", &c->references_digest},
		{"objects", &c->objects}, {"failed_objects", &c->failed_objects},
		{"skipped_objects", &c->skipped_objects}, {"refused_objects", &c->refused_objects}, {"read", &c->read},
		{"represented", &c->represented}, {"superseded", &c->superseded}, {"left_out", &c->left_out},
		{"refused", &c->refused}, {"written", &c->written}, {"stored", &c->stored}, {"bytes_in", &c->bytes_in},
		{"bytes_out", &c->bytes_out}, {"files", &c->files}};
	uint64_t n;

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (number_of(counts, list[i].name, &n))
			*list[i].sum += n;
}

static void
take_done(struct judge *j, struct slice line)
{
	struct slice tool = json_member_text(line, "tool", j->arena),
		     counts = json_member_of(line, "counts", JSON_OBJECT);
	struct verdict_counts *c = counts_of(j, tool);
	struct process *p;
	uint64_t pid, ms;

	p = number_of(line, "pid", &pid) ? running(j, pid, tool) : NULL;
	if (!p || !number_of(line, "status", &p->status)) {
		fail_batch(j, "the journal tells of the end of a process that did not begin");
		return;
	}
	p->done = true;
	j->some_refused |= p->status == 1;
	if (!c)
		return;
	c->present = true;
	add_counts(c, counts);
	if (number_of(line, "duration_ms", &ms) && ms > c->duration_ms)
		c->duration_ms = ms;
}

/* ---- failures */

static void
fail_message(struct judge *j, size_t i, struct slice uri, struct slice error)
{
	struct verdict_message *m = &j->q->messages[i];
	struct buffer reason = {0};

	if (m->failed)
		return;
	m->failed = true;
	buffer_add_slice(&reason, utf8_cut(uri, 200));
	buffer_add_string(&reason, ": ");
	buffer_add_slice(&reason, utf8_cut(error, 190));
	set_reason(m->reason, sizeof(m->reason), &reason);
}

static bool
fail_by_uri(struct judge *j, struct slice uri, struct slice error)
{
	bool found = false;

	for (size_t i = 0; uri.n && i < j->q->n_links; i++)
		if (slice_equal(j->q->links[i].uri, uri)) {
			found = true;
			fail_message(j, j->q->links[i].message, uri, error);
		}
	return found;
}

/* All that announced the same version of the object as this message. */
static void
fail_with_others(struct judge *j, size_t message, struct slice uri, struct slice error)
{
	const struct verdict_link *links = j->q->links;

	fail_message(j, message, uri, error);
	for (size_t i = 0; i < j->q->n_links; i++)
		if (links[i].message == message && slice_equal(links[i].uri, uri))
			for (size_t k = 0; k < j->q->n_links; k++)
				if (links[k].reference == links[i].reference)
					fail_message(j, links[k].message, uri, error);
}

static bool
fail_by_id(struct judge *j, struct slice line, struct slice uri, struct slice error)
{
	struct json_walk walk = json_walk(json_member_of(line, "messages", JSON_ARRAY));
	bool found = false;
	struct slice id;

	while (json_next_element(&walk, &id)) {
		struct slice text = json_kind(id) == JSON_STRING ? json_decode(id, j->arena) : id;

		for (size_t i = 0; i < j->q->n_messages; i++)
			if (slice_equal(j->q->messages[i].id, text)) {
				fail_with_others(j, i, uri, error);
				found = true;
			}
	}
	return found;
}

static void
note_failure(struct judge *j, struct slice uri, struct slice error, struct slice tool)
{
	struct verdict *v = j->v;

	if (v->n_failures == FAILURES_MAX) {
		v->n_unlisted++;
		return;
	}
	if (!v->failures)
		v->failures = memory_get_zeroed(FAILURES_MAX, sizeof(*v->failures));
	v->failures[v->n_failures++] = (struct verdict_failure){uri, error, tool};
}

static void
fail_batch_of(
	struct judge *j, struct slice tool, const char *did, struct slice uri, const char *which, struct slice error)
{
	uri = utf8_cut(uri, 150);
	error = utf8_cut(error, 150);
	fail_batch(
		j, "%.*s %s '%.*s'%s: %.*s", (int)tool.n, tool.p, did, (int)uri.n, uri.p, which, (int)error.n, error.p);
}

static void
take_failed(struct judge *j, struct slice line)
{
	struct slice uri = json_member_text(line, "uri", j->arena), error = json_member_text(line, "error", j->arena);
	struct slice tool = json_member_text(line, "tool", j->arena);

	note_failure(j, uri, error, tool);
	if (!fail_by_id(j, line, uri, error) && !fail_by_uri(j, uri, error))
		fail_batch_of(j, tool, "failed with", uri, "", error);
}

static void
take_refused(struct judge *j, struct slice line)
{
	struct slice uri = json_member_text(line, "uri", j->arena), error = json_member_text(line, "error", j->arena);
	struct slice tool = json_member_text(line, "tool", j->arena), kept = json_member_of(line, "kept", JSON_TRUE);

	if (kept.p)
		return;
	note_failure(j, uri, error, tool);
	if (!fail_by_uri(j, uri, error))
		fail_batch_of(j, tool, "refused a record of", uri, ", which no message announced", error);
}

/* ---- lines */

static void
take_line(struct judge *j, struct slice line, size_t number)
{
	struct slice value, event;
	struct error unused;

	if (json_parse(line, "journal", &value, &unused) < 0 || json_kind(value) != JSON_OBJECT) {
		fail_batch(j, "line %zu of the journal is not a JSON object", number);
		return;
	}
	event = json_member_text(value, "event", j->arena);
	if (slice_equal(event, SLICE("start")))
		take_start(j, value);
	else if (slice_equal(event, SLICE("done")))
		take_done(j, value);
	else if (slice_equal(event, SLICE("failed")))
		take_failed(j, value);
	else if (slice_equal(event, SLICE("refused")))
		take_refused(j, value);
}

static void
take_lines(struct judge *j)
{
	struct slice text = j->q->journal;
	size_t number = 0;

	for (size_t i = 0; i < text.n;) {
		const char *end = memchr(text.p + i, '\n', text.n - i);

		number++;
		if (!end) {
			fail_batch(j, "the journal's last line is cut short");
			return;
		}
		take_line(j, (struct slice){text.p + i, (size_t)(end - text.p) - i}, number);
		i = (size_t)(end - text.p) + 1;
	}
}

/* ---- judgement */

static void
judge_processes(struct judge *j)
{
	for (size_t i = 0; i < j->n_processes; i++) {
		const struct process *p = &j->processes[i];

		if (!p->done)
			fail_batch(j, "%.*s (process %llu) started but did not finish", (int)p->tool.n, p->tool.p,
				(unsigned long long)p->pid);
		else if (p->status > 1)
			fail_batch(j, "%.*s ended with status %llu", (int)p->tool.n, p->tool.p,
				(unsigned long long)p->status);
	}
}

/* A status of 1 is explained by one of our own that said so; any other is somebody else's failure. */
static void
judge_status(struct judge *j)
{
	int status = j->q->exit_status;

	if (status == 0 || (status == 1 && j->some_refused))
		return;
	if (status == 127)
		fail_batch(j, "the command, or a part of it, was not found (status 127)");
	else if (status > 128)
		fail_batch(j, "the command was ended by signal %d", status - 128);
	else
		fail_batch(j, "the command ended with status %d", status);
}

static void
judge_references(struct judge *j)
{
	const struct verdict_counts *f = &j->v->tools[VERDICT_FETCH];
	uint64_t accounted = f->objects + f->failed_objects + f->skipped_objects + f->refused_objects;
	uint64_t digest = f->references_digest & REFERENCE_DIGEST_MASK;
	/* a command may have several chains, each for all references */
	uint64_t times = j->q->n_references ? f->references / j->q->n_references : 1;

	times = times ? times : 1;
	if (!f->present && j->q->filtered && j->q->trust_status)
		return; /* somebody else reads them */
	if (!f->present)
		fail_batch(j,
			"nothing in the journal tells that the references were read (acc-fetch; where something else "
			"reads them, see --filtered with --trust-status)");
	else if (j->q->references_digest && digest == 0)
		fail_batch(j, "acc-fetch was given none of the %zu references", j->q->n_references);
	else if (j->q->filtered)
		return;
	else if (f->references != times * j->q->n_references)
		fail_batch(j, "acc-fetch was given %llu references, not %zu", (unsigned long long)f->references,
			j->q->n_references);
	else if (accounted != f->references)
		fail_batch(j, "acc-fetch accounts for %llu of its %llu references", (unsigned long long)accounted,
			(unsigned long long)f->references);
	else if (digest != (times * j->q->references_digest & REFERENCE_DIGEST_MASK))
		fail_batch(j, "acc-fetch was given %zu references, but not those of the batch", j->q->n_references);
}

static uint64_t
handed_on(const struct verdict *v, int tool)
{
	return v->tools[tool].written;
}

static uint64_t
taken(const struct verdict *v, int tool)
{
	return tool == VERDICT_PUT ? v->tools[tool].stored : v->tools[tool].read;
}

/* The last of ours may end the chain, in a file or on the command's own standard output. Behind a pipe there was
 * somebody else, or should have been. */
static void
judge_last(struct judge *j, int last)
{
	uint64_t written = last >= 0 ? handed_on(j->v, last) : 0;

	for (size_t i = 0; last >= 0 && last != VERDICT_PUT && written && i < j->n_processes; i++) {
		const struct process *p = &j->processes[i];

		if (p->pipe && p->pipe != j->q->pipe && slice_equal(p->tool, slice_of(names[last])))
			fail_batch(j,
				"%s wrote %llu records into a pipe, and nothing tells what became of them "
				"(where a program of your own takes them, see --filtered with --trust-status)",
				names[last], (unsigned long long)written);
	}
}

static void
judge_neighbours(struct judge *j)
{
	const struct verdict *v = j->v;
	int before = -1;

	for (int tool = 0; tool < VERDICT_TOOLS; tool++) {
		if (!v->tools[tool].present)
			continue;
		if (before >= 0 && handed_on(v, before) != taken(v, tool))
			fail_batch(j, "%s wrote %llu records, but %s %s %llu", names[before],
				(unsigned long long)handed_on(v, before), names[tool],
				tool == VERDICT_PUT ? "stored" : "read", (unsigned long long)taken(v, tool));
		before = tool;
	}
	judge_last(j, before);
}

static void
judge_all(struct judge *j)
{
	if (j->q->timed_out)
		fail_batch(j, "the command was ended: its time was up");
	take_lines(j);
	judge_processes(j);
	judge_status(j);
	if (j->n_processes == 0 && j->q->trust_status)
		return;
	if (j->n_processes == 0)
		fail_batch(j, "the command left nothing in the journal, which proves nothing (see --trust-status)");
	judge_references(j);
	if (!j->q->filtered)
		judge_neighbours(j);
}

void
verdict_judge(const struct verdict_question *question, struct verdict *verdict)
{
	struct arena *arena = memory_get_zeroed(1, sizeof(*arena));
	struct judge j = {.q = question, .v = verdict, .arena = arena};

	*verdict = (struct verdict){.memory = arena};
	for (size_t i = 0; i < question->n_messages; i++)
		question->messages[i].failed = false;
	judge_all(&j);
	for (size_t i = 0; verdict->batch_failed && i < question->n_messages; i++)
		if (!question->messages[i].failed) {
			question->messages[i].failed = true;
			snprintf(question->messages[i].reason, sizeof(question->messages[i].reason), "%s",
				verdict->reason);
		}
	free(j.processes);
}

void
verdict_free(struct verdict *verdict)
{
	if (verdict->memory)
		arena_free(verdict->memory);
	free(verdict->memory);
	free(verdict->failures);
	*verdict = (struct verdict){.memory = NULL};
}
