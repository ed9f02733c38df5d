#include "unit.h"

#include "base/utf8.h"
#include "io/verdict.h"

#define START(tool, pid)                                                                                               \
	"{\"event\":\"start\",\"tool\":\"" tool "\",\"pid\":" #pid ",\"time\":\"2021-02-01T00:00:00Z\"}\n"
#define DONE(tool, pid, status, counts) "{\"event\":\"done\",\"tool\":\"" tool "\",\"pid\":" #pid \
	",\"status\":" #status ",\"duration_ms\":5,\"counts\":{" counts "}}\n"
#define REFERENCES(n) "\"references\":" #n ",\"references_digest\":" #n
#define FETCHED(n) DONE("acc-fetch", 1, 0, REFERENCES(n) ",\"objects\":" #n ",\"written\":10")
#define STARTS START("acc-fetch", 1) START("acc-merge", 2) START("acc-split", 3) START("acc-put", 4)
#define ENDS DONE("acc-merge", 2, 0, "\"read\":10,\"written\":4") DONE("acc-split", 3, 0, "\"read\":4,\"written\":4") \
	DONE("acc-put", 4, 0, "\"files\":1,\"stored\":4")

/* Two objects, announced by messages a (both) and b (the second). */
static const struct verdict_link links[] = {
	{{"s3://s/1", 8}, 0, 0}, {{"s3://s/2", 8}, 0, 1}, {{"s3://s/2", 8}, 1, 1}, {{"s3://s/3", 8}, 2, 2}};

struct judged {
	bool batch, a, b, c;
	char reason[400];
};

static struct judged
judge(const char *journal, int status, bool trust, bool filtered)
{
	struct verdict_message messages[] = {{{"a", 1}, false, ""}, {{"b", 1}, false, ""}, {{"c", 1}, false, ""}};
	struct verdict_question q = {.journal = slice_of(journal), .n_references = 3, .references_digest = 3,
		.links = links, .n_links = 4,
		.messages = messages, .n_messages = 3, .exit_status = status, .trust_status = trust,
		.filtered = filtered, .pipe = 99};
	struct verdict v;
	struct judged j;

	verdict_judge(&q, &v);
	j = (struct judged){v.batch_failed, messages[0].failed, messages[1].failed, messages[2].failed, ""};
	strcpy(j.reason, v.reason);
	verdict_free(&v);
	return j;
}

static void
assert_batch_fails(const char *journal, int status, const char *why)
{
	struct judged j = judge(journal, status, false, false);

	assert_true(j.batch && j.a && j.b && j.c);
	if (!strstr(j.reason, why))
		fail_msg("'%s' does not say '%s'", j.reason, why);
}

static void
assert_all_done(struct judged j)
{
	if (j.batch || j.a || j.b || j.c)
		fail_msg("failed: %s", j.reason);
}

/* The last of ours may write to the command's own output, pipe number 99, or to no pipe at all. */
static void
what_goes_into_a_pipe_and_nobody_says_he_took_is_not_proved(void **state)
{
#define PIPED(tool, pid, pipe) \
	"{\"event\":\"start\",\"tool\":\"" tool "\",\"pid\":" #pid ",\"stdout_pipe\":" #pipe "}\n"
#define MERGED(pipe) PIPED("acc-fetch", 1, 5) PIPED("acc-merge", 2, pipe) FETCHED(3)
#define MERGE_ENDS DONE("acc-merge", 2, 0, "\"read\":10,\"written\":4")
	(void)state;
	assert_batch_fails(MERGED(6) MERGE_ENDS, 0, "acc-merge wrote 4 records into a pipe");
	assert_batch_fails(MERGED(6) PIPED("acc-split", 3, 7) MERGE_ENDS
		DONE("acc-split", 3, 0, "\"read\":4,\"written\":4"), 0, "acc-split wrote 4 records into a pipe");
	assert_all_done(judge(MERGED(6) MERGE_ENDS, 0, false, true));
	assert_all_done(judge(MERGED(99) MERGE_ENDS, 0, false, false));
	assert_all_done(judge(START("acc-fetch", 1) START("acc-merge", 2) FETCHED(3) MERGE_ENDS, 0, false, false));
	assert_all_done(judge(MERGED(6) PIPED("acc-split", 3, 7) PIPED("acc-put", 4, 8) ENDS, 0, false, false));
	assert_all_done(judge(MERGED(6) DONE("acc-merge", 2, 0, "\"read\":10,\"written\":0"), 0, false, false));
}

static void
a_whole_chain_is_proved(void **state)
{
	(void)state;
	assert_all_done(judge(STARTS FETCHED(3) ENDS, 0, false, false));
}

static void
stages_may_be_absent(void **state)
{
	(void)state;
	assert_all_done(judge(START("acc-fetch", 1) FETCHED(3), 0, false, false));
	assert_all_done(judge(START("acc-fetch", 1) FETCHED(3) START("acc-put", 4)
			DONE("acc-put", 4, 0, "\"stored\":10"), 0, false, false));
	assert_all_done(judge(START("acc-other", 9) DONE("acc-other", 9, 0, "") START("acc-fetch", 1) FETCHED(3), 0,
		false, false));
}

static void
a_stage_that_does_not_finish_fails_all(void **state)
{
	(void)state;
	assert_batch_fails(STARTS FETCHED(3), 0, "did not finish");
	assert_batch_fails(STARTS ENDS, 0, "acc-fetch (process 1) started but did not finish");
	assert_batch_fails(START("acc-fetch", 1) START("acc-fetch", 7) FETCHED(3), 0, "process 7");
}

static void
a_stage_that_ends_badly_fails_all(void **state)
{
	(void)state;
	assert_batch_fails(START("acc-fetch", 1) DONE("acc-fetch", 1, 3, REFERENCES(3) ",\"objects\":3"), 0,
		"acc-fetch ended with status 3");
	assert_batch_fails(STARTS FETCHED(3) DONE("acc-merge", 2, 2, "") DONE("acc-split", 3, 0, "") DONE("acc-put", 4,
		0, ""), 0, "acc-merge ended with status 2");
}

static void
counts_must_agree(void **state)
{
	(void)state;
	assert_batch_fails(STARTS FETCHED(3) DONE("acc-merge", 2, 0, "\"read\":9,\"written\":4")
		DONE("acc-split", 3, 0, "\"read\":4,\"written\":4") DONE("acc-put", 4, 0, "\"stored\":4"), 0,
		"acc-fetch wrote 10 records, but acc-merge read 9");
	assert_batch_fails(STARTS FETCHED(3) DONE("acc-merge", 2, 0, "\"read\":10,\"written\":4")
		DONE("acc-split", 3, 0, "\"read\":0,\"written\":0") DONE("acc-put", 4, 0, "\"stored\":0"), 0,
		"acc-merge wrote 4 records, but acc-split read 0");
	assert_batch_fails(STARTS FETCHED(3) DONE("acc-merge", 2, 0, "\"read\":10,\"written\":4")
		DONE("acc-split", 3, 0, "\"read\":4,\"written\":4") DONE("acc-put", 4, 0, "\"stored\":3"), 0,
		"acc-split wrote 4 records, but acc-put stored 3");
	assert_batch_fails(START("acc-fetch", 1) DONE("acc-fetch", 1, 0, REFERENCES(3) ",\"objects\":2"), 0,
		"accounts for 2 of its 3");
}

static void
every_reference_must_be_read(void **state)
{
	(void)state;
	assert_batch_fails(START("acc-fetch", 1) FETCHED(2), 0, "acc-fetch was given 2 references, not 3");
	assert_batch_fails(START("acc-fetch", 1) FETCHED(0), 0, "acc-fetch was given none");
	assert_batch_fails(START("acc-merge", 2) DONE("acc-merge", 2, 0, ""), 0, "acc-fetch");
	assert_batch_fails(START("acc-fetch", 1) DONE("acc-fetch", 1, 0, "\"references\":3,\"objects\":3"), 0,
		"acc-fetch was given none");
	assert_batch_fails(START("acc-fetch", 1) DONE("acc-fetch", 1, 0,
		"\"references\":3,\"references_digest\":4,\"objects\":3"), 0, "not those of the batch");
}

static void
several_processes_of_a_tool_add_up(void **state)
{
	(void)state;
	/* two chains, each for all references */
	assert_all_done(judge(START("acc-fetch", 1) START("acc-fetch", 8) FETCHED(3)
			DONE("acc-fetch", 8, 0, REFERENCES(3) ",\"objects\":3"), 0, false, false));
	assert_batch_fails(START("acc-fetch", 1) START("acc-fetch", 8) FETCHED(3)
			DONE("acc-fetch", 8, 0, "\"references\":3,\"references_digest\":4,\"objects\":3"), 0,
		"but not those of the batch");
	assert_all_done(judge(START("acc-fetch", 1) START("acc-fetch", 2)
			DONE("acc-fetch", 1, 0, REFERENCES(1) ",\"objects\":1,\"written\":3")
			DONE("acc-fetch", 2, 0, REFERENCES(2) ",\"objects\":2,\"written\":4") START("acc-merge", 3)
			DONE("acc-merge", 3, 0, "\"read\":7"), 0, false, false));
}

static void
a_failed_object_fails_its_messages_alone(void **state)
{
	static const char journal[] = START("acc-fetch", 1)
		"{\"event\":\"failed\",\"tool\":\"acc-fetch\",\"pid\":1,\"uri\":\"s3://s/2\","
		"\"messages\":[\"a\",\"b\"],\"code\":\"missing\",\"error\":\"gone\"}\n"
		DONE("acc-fetch", 1, 1, REFERENCES(3) ",\"objects\":2,\"failed_objects\":1");
	struct judged j = judge(journal, 1, false, false);

	(void)state;
	assert_true(!j.batch && j.a && j.b && !j.c);
	j = judge(START("acc-fetch", 1)
		"{\"event\":\"failed\",\"tool\":\"acc-fetch\",\"pid\":1,\"uri\":\"s3://s/3\",\"code\":\"missing\","
		"\"error\":\"gone\"}\n"
		DONE("acc-fetch", 1, 1, REFERENCES(3) ",\"objects\":2,\"failed_objects\":1"), 1, false, false);
	assert_true(!j.batch && !j.a && !j.b && j.c);
}

static void
a_failure_nobody_announced_fails_all(void **state)
{
	(void)state;
	assert_batch_fails(START("acc-fetch", 1) FETCHED(3) START("acc-put", 4)
		"{\"event\":\"failed\",\"tool\":\"acc-put\",\"pid\":4,\"uri\":\"s3://dest/x\",\"code\":\"io\","
		"\"error\":\"e\"}\n"
		DONE("acc-put", 4, 1, "\"stored\":10"), 1, "acc-put failed with 's3://dest/x'");
}

#define REFUSED(uri, kept) "{\"event\":\"refused\",\"tool\":\"acc-fetch\",\"pid\":1,\"uri\":\"" uri \
	"\",\"record\":2,\"code\":\"invalid-json\",\"error\":\"bad\",\"kept\":" kept "}\n"

static void
a_refused_record_fails_its_message_unless_it_was_kept(void **state)
{
	struct judged j = judge(START("acc-fetch", 1) REFUSED("s3://s/1", "false")
		DONE("acc-fetch", 1, 1, REFERENCES(3) ",\"objects\":3"), 1, false, false);

	(void)state;
	assert_true(!j.batch && j.a && !j.b && !j.c);
	assert_all_done(judge(START("acc-fetch", 1) REFUSED("s3://s/1", "true")
			DONE("acc-fetch", 1, 1, REFERENCES(3) ",\"objects\":3"), 1, false, false));
	assert_batch_fails(START("acc-fetch", 1) REFUSED("-", "false")
		DONE("acc-fetch", 1, 1, REFERENCES(3) ",\"objects\":3"), 1, "which no message announced");
}

static void
nothing_in_the_journal_proves_nothing(void **state)
{
	struct judged j;

	(void)state;
	assert_batch_fails("", 0, "--trust-status");
	assert_all_done(judge("", 0, true, false));
	j = judge("", 1, true, false);
	assert_true(j.batch && j.a && j.b && j.c);
	/* what is in the journal counts all the same */
	j = judge(START("acc-fetch", 1), 0, true, false);
	assert_true(j.batch);
}

static void
a_status_that_nobody_explains_fails_all(void **state)
{
	(void)state;
	assert_batch_fails(STARTS FETCHED(3) ENDS, 127, "not found");
	assert_batch_fails(STARTS FETCHED(3) ENDS, 1, "status 1");
	assert_batch_fails(STARTS FETCHED(3) ENDS, 137, "signal 9");
}

static void
a_filter_of_the_users_leaves_the_counts_out(void **state)
{
	struct judged j;

	(void)state;
	assert_all_done(judge(STARTS FETCHED(2) DONE("acc-merge", 2, 0, "\"read\":3,\"written\":1")
			DONE("acc-split", 3, 0, "\"read\":1,\"written\":1") DONE("acc-put", 4, 0, "\"stored\":1"), 0,
		false, true));
	j = judge(START("acc-fetch", 1) FETCHED(0), 0, false, true);
	assert_true(j.batch);
	j = judge(STARTS FETCHED(3), 0, false, true);
	assert_true(j.batch);
	j = judge(START("acc-merge", 2) MERGE_ENDS, 0, false, true);
	assert_true(j.batch);
	assert_all_done(judge(START("acc-merge", 2) MERGE_ENDS, 0, true, true));
}

static void
a_journal_that_is_damaged_proves_nothing(void **state)
{
	(void)state;
	assert_batch_fails(STARTS FETCHED(3) ENDS "{\"event\":\"start\"", 0, "cut short");
	assert_batch_fails(STARTS FETCHED(3) ENDS "garbage\n", 0, "not a JSON object");
	assert_batch_fails(STARTS FETCHED(3) ENDS DONE("acc-put", 99, 0, ""), 0, "did not begin");
	assert_batch_fails(STARTS FETCHED(3) ENDS DONE("acc-put", 4, 0, ""), 0, "did not begin");
	assert_batch_fails("{\"event\":\"start\",\"tool\":\"acc-fetch\"}\n", 0, "no process");
}

static void
lines_of_other_kinds_are_passed_over(void **state)
{
	(void)state;
	assert_all_done(judge(START("acc-fetch", 1)
		"{\"event\":\"source\",\"tool\":\"acc-fetch\",\"uri\":\"s3://s/\"}\n"
		FETCHED(3), 0, false, false));
}

static void
a_version_that_fails_leaves_the_other_alone(void **state)
{
	static const char journal[] = START("acc-fetch", 1)
		"{\"event\":\"failed\",\"tool\":\"acc-fetch\",\"pid\":1,\"uri\":\"s3://s/1\",\"messages\":[\"a\"],"
		"\"error\":\"gone\"}\n"
		DONE("acc-fetch", 1, 1, REFERENCES(2) ",\"objects\":1,\"failed_objects\":1");
	static const struct verdict_link versions[] = {{{"s3://s/1", 8}, 0, 0}, {{"s3://s/1", 8}, 1, 1},
		{{"s3://s/1", 8}, 2, 0}};
	struct verdict_message messages[3] = {{{"a", 1}, false, ""}, {{"b", 1}, false, ""}, {{"c", 1}, false, ""}};
	struct verdict_question q = {.journal = SLICE(journal), .n_references = 2, .references_digest = 2,
		.links = versions, .n_links = 3,
		.messages = messages, .n_messages = 3, .exit_status = 1};
	struct verdict v;

	(void)state;
	verdict_judge(&q, &v);
	assert_false(v.batch_failed);
	assert_true(messages[0].failed);
	assert_false(messages[1].failed);
	/* it was announced by the same reference, whatever a filter made of that */
	assert_true(messages[2].failed);
	verdict_free(&v);
}

/* Whatever it wrote to the journal before: each message says that the time was up, or what failed of its own. */
static void
a_command_that_was_ended_says_so_of_every_message(void **state)
{
	static const char journal[] = STARTS "{\"event\":\"failed\",\"tool\":\"acc-fetch\",\"pid\":1,"
		"\"uri\":\"s3://s/3\",\"error\":\"gone\"}\n";
	struct verdict_message messages[3] = {{{"a", 1}, false, ""}, {{"b", 1}, false, ""}, {{"c", 1}, false, ""}};
	struct verdict_question q = {.journal = SLICE(journal), .n_references = 3, .references_digest = 3,
		.links = links, .n_links = 4,
		.messages = messages, .n_messages = 3, .exit_status = 143, .timed_out = true};
	struct verdict v;

	(void)state;
	verdict_judge(&q, &v);
	assert_true(v.batch_failed);
	assert_string_equal(v.reason, "the command was ended: its time was up");
	assert_string_equal(messages[0].reason, v.reason);
	assert_string_equal(messages[1].reason, v.reason);
	assert_string_equal(messages[2].reason, "s3://s/3: gone");
	verdict_free(&v);
}

static void
no_reason_is_cut_within_a_character(void **state)
{
#define LONG \
	"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc" \
	"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
#define LONGER LONG LONG LONG LONG LONG LONG
	static const char journal[] = START("acc-fetch", 1) "{\"event\":\"failed\",\"tool\":\"acc-fetch\",\"pid\":1,"
		"\"uri\":\"s3://s/" LONGER "\",\"messages\":[\"a\"],\"error\":\"e" LONGER "\"}\n"
		"{\"event\":\"failed\",\"tool\":\"acc-fetch\",\"pid\":1,"
		"\"uri\":\"s3://q/" LONGER "\",\"error\":\"" LONGER "\"}\n" FETCHED(3);
	struct verdict_message messages[3] = {{{"a", 1}, false, ""}, {{"b", 1}, false, ""}, {{"c", 1}, false, ""}};
	struct verdict_question q = {.journal = SLICE(journal), .n_references = 3, .references_digest = 3,
		.links = links, .n_links = 4,
		.messages = messages, .n_messages = 3, .exit_status = 1};
	struct verdict v;

	(void)state;
	verdict_judge(&q, &v);
	assert_true(v.batch_failed);
	assert_in_range(strlen(v.reason), 300, sizeof(v.reason) - 1);
	assert_int_equal(utf8_valid_prefix(slice_of(v.reason)), strlen(v.reason));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(utf8_valid_prefix(slice_of(messages[i].reason)), strlen(messages[i].reason));
	assert_in_range(strlen(messages[0].reason), 380, sizeof(messages[0].reason) - 1);
	verdict_free(&v);
}

static void
failures_are_listed_for_people(void **state)
{
	static const char journal[] = START("acc-fetch", 1)
		"{\"event\":\"failed\",\"tool\":\"acc-fetch\",\"pid\":1,\"uri\":\"s3://s/\\u0032\","
		"\"error\":\"gone\"}\n"
		DONE("acc-fetch", 1, 1, REFERENCES(3) ",\"objects\":2,\"failed_objects\":1,\"bytes_in\":77");
	struct verdict_message messages[3] = {{{"a", 1}, false, ""}, {{"b", 1}, false, ""}, {{"c", 1}, false, ""}};
	struct verdict_question q = {.journal = SLICE(journal), .n_references = 3, .references_digest = 3,
		.links = links, .n_links = 4,
		.messages = messages, .n_messages = 3, .exit_status = 1};
	struct verdict v;

	(void)state;
	verdict_judge(&q, &v);
	assert_int_equal(v.n_failures, 1);
	assert_true(slice_equal(v.failures[0].uri, SLICE("s3://s/2")));
	assert_true(messages[1].failed);
	assert_int_equal(v.tools[VERDICT_FETCH].bytes_in, 77);
	assert_int_equal(v.tools[VERDICT_FETCH].duration_ms, 5);
	assert_false(v.tools[VERDICT_MERGE].present);
	verdict_free(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_chain_is_proved),
		cmocka_unit_test(what_goes_into_a_pipe_and_nobody_says_he_took_is_not_proved),
		cmocka_unit_test(stages_may_be_absent),
		cmocka_unit_test(a_stage_that_does_not_finish_fails_all),
		cmocka_unit_test(a_stage_that_ends_badly_fails_all),
		cmocka_unit_test(counts_must_agree),
		cmocka_unit_test(every_reference_must_be_read),
		cmocka_unit_test(several_processes_of_a_tool_add_up),
		cmocka_unit_test(a_failed_object_fails_its_messages_alone),
		cmocka_unit_test(a_failure_nobody_announced_fails_all),
		cmocka_unit_test(a_refused_record_fails_its_message_unless_it_was_kept),
		cmocka_unit_test(nothing_in_the_journal_proves_nothing),
		cmocka_unit_test(a_status_that_nobody_explains_fails_all),
		cmocka_unit_test(a_filter_of_the_users_leaves_the_counts_out),
		cmocka_unit_test(a_journal_that_is_damaged_proves_nothing),
		cmocka_unit_test(lines_of_other_kinds_are_passed_over),
		cmocka_unit_test(a_version_that_fails_leaves_the_other_alone),
		cmocka_unit_test(a_command_that_was_ended_says_so_of_every_message),
		cmocka_unit_test(no_reason_is_cut_within_a_character),
		cmocka_unit_test(failures_are_listed_for_people),
	};

	return TESTS(tests);
}
