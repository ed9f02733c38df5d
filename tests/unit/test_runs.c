/* Sorted runs on disk: what is written comes back in order of ids, merged, in parts that leave nothing out. */
#include "catalog/arrange.h"
#include "catalog/run.h"

#include "catalog.h"

#define R(id, partner, data, record)                                                                                   \
	"{\"accommodation_id\":" id ",\"partner_name\":\"" partner "\",\"accommodation_data\":" data                   \
	",\"_source\":{\"uri\":\"u\",\"record\":" record "}}\n"

/* Gather the records of text and write them to a run, by id. */
static struct run *
run_of(struct catalog *c, const char *text)
{
	struct gathering g;
	struct arrangement arrangement;
	struct buffer out = {0};
	struct arena scratch = {0};
	struct error error;
	struct run *run = run_new("/tmp", &error);

	assert_non_null(run);
	c->n = 0;
	catalog_read(c, text);
	catalog_gather(c, false, &g);
	arrange(&arrangement, &g, 1);
	for (size_t part = 0; part < arrangement.n_parts; part++) {
		size_t n;
		struct arranged *all = arrangement_part(&arrangement, part, &n);
		for (size_t i = 0; i < n; i++)
			run_format(&out, all[i].accommodation, RECORD_KEEP_VALUES, &scratch);
	}
	run_write(run, buffer_slice(&out), "/tmp");
	assert_true(run->bytes == out.n);
	arrangement_free(&arrangement);
	buffer_free(&out);
	arena_free(&scratch);
	return run;
}

static uint64_t
add_merged(struct buffer *out, struct run *const *runs, size_t n, struct slice from, struct slice to, bool replace,
	struct catalog *c)
{
	struct run_merge *merge = run_merge_new(runs, n, from, to, 64, replace, &c->tables);
	struct accommodation a;
	uint64_t superseded = 0;

	while (run_merge_next(merge, &a, &superseded)) {
		buffer_add_slice(out, a.id);
		buffer_add_byte(out, ':');
		for (uint32_t i = 0; i < a.n; i++)
			buffer_add_slice(out, record_data(a.records[i], c->shapes, &c->arena));
		buffer_add_byte(out, '\n');
	}
	run_merge_free(merge);
	return superseded;
}

static const struct slice none = {NULL, 0};

static void
runs_are_merged_by_id_and_settled(void **state)
{
	struct catalog c;
	struct run *runs[3];
	struct buffer out = {0};

	(void)state;
	catalog_begin(&c, "beta,alpha", "");
	runs[0] = run_of(&c,
		R("\"b\"", "alpha", "{\"x\":1}", "1") R("\"a\"", "alpha", "{\"x\":2}", "2") R("10", "x", "{}", "3"));
	runs[1] = run_of(&c, "");
	runs[2] = run_of(&c, R("\"\\u0062\"", "beta", "{\"x\":3}", "4") R("\"b\"", "alpha", "{\"x\":4}", "5")
				     R("\"c\"", "x", "{}", "6") R("\"a\"", "alpha", "{\"x\":2}", "2"));
	assert_int_equal(add_merged(&out, runs, 3, none, none, true, &c), 2);
	assert_string_equal(buffer_string(&out), "10:{}\na:{\"x\":2}\nb:{\"x\":3}{\"x\":4}\nc:{}\n");
	out.n = 0;
	assert_int_equal(add_merged(&out, runs, 3, none, none, false, &c), 1);
	assert_string_equal(buffer_string(&out), "10:{}\na:{\"x\":2}\nb:{\"x\":3}{\"x\":4}{\"x\":1}\nc:{}\n");
	for (int i = 0; i < 3; i++)
		run_free(runs[i]);
	buffer_free(&out);
	catalog_end(&c);
}

static void
no_runs_come_to_nothing(void **state)
{
	struct catalog c;
	struct buffer out = {0};

	(void)state;
	catalog_begin(&c, "", "");
	struct run *empty = run_of(&c, "");
	assert_int_equal(add_merged(&out, &empty, 1, none, none, true, &c), 0);
	assert_int_equal(out.n, 0);
	run_free(empty);
	run_free(NULL);
	catalog_end(&c);
}

static void
a_part_is_from_inclusive_up_to_exclusive(void **state)
{
	static const struct {
		struct slice from, to;
		const char *expected;
	} examples[] = {
		{{NULL, 0}, {"b", 1}, "a:{}\n"},
		{{"b", 1}, {"d", 1}, "b:{}\nc:{}\n"},
		{{"bb", 2}, {NULL, 0}, "c:{}\nd:{}\n"},
		{{"e", 1}, {NULL, 0}, ""},
		{{NULL, 0}, {"a", 1}, ""},
		{{"", 0}, {"zz", 2}, "a:{}\nb:{}\nc:{}\nd:{}\n"},
	};
	struct catalog c;

	(void)state;
	catalog_begin(&c, "", "");
	struct run *runs[] = {run_of(&c, R("\"a\"", "x", "{}", "1") R("\"c\"", "x", "{}", "1")),
		run_of(&c, R("\"b\"", "x", "{}", "1") R("\"d\"", "x", "{}", "1"))};
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct buffer out = {0};

		add_merged(&out, runs, 2, examples[i].from, examples[i].to, true, &c);
		assert_string_equal(buffer_string(&out), examples[i].expected);
		buffer_free(&out);
	}
	run_free(runs[0]);
	run_free(runs[1]);
	catalog_end(&c);
}

/* Long records, so that samples are taken on the way, and parts begin at them. */
static void
samples_cut_a_run_into_parts_that_leave_nothing_out(void **state)
{
	static char filler[4000];
	struct buffer text = {0}, whole = {0}, parts = {0};
	struct catalog c;

	(void)state;
	memset(filler, 'x', sizeof(filler) - 1);
	for (int i = 0; i < 150; i++)
		buffer_format(
			&text, R("\"id %03d\"", "x", "{\"n\":%d,\"filler\":\"%s\"}", "1"), i * 7 % 150, i, filler);
	catalog_begin(&c, "", "");
	struct run *run = run_of(&c, buffer_string(&text));
	assert_true(run->n_samples >= 8);
	assert_int_equal(run->samples[0].at, 0);
	for (size_t i = 0; i + 1 < run->n_samples; i++) {
		assert_true(slice_compare(run->samples[i].id, run->samples[i + 1].id) < 0);
		assert_true(run->samples[i].at < run->samples[i + 1].at);
	}
	add_merged(&whole, &run, 1, none, none, true, &c);
	for (size_t i = 0; i <= run->n_samples; i++)
		add_merged(&parts, &run, 1, i ? run->samples[i - 1].id : none,
			i < run->n_samples ? run->samples[i].id : none, true, &c);
	assert_true(whole.n > 150 * sizeof(filler));
	assert_true(slice_equal(buffer_slice(&whole), buffer_slice(&parts)));
	run_free(run);
	buffer_free(&text);
	buffer_free(&whole);
	buffer_free(&parts);
	catalog_end(&c);
}

static void
a_run_needs_a_directory(void **state)
{
	struct error error;

	(void)state;
	assert_null(run_new("/tmp/there is no such directory", &error));
	assert_int_equal(error.status, STATUS_FAILED);
	assert_non_null(strstr(error.text, "(see -T)"));
}

static void
write_to_a_closed_run(void *unused)
{
	struct error error;
	struct run *run = run_new("/tmp", &error);
	struct catalog *c = memory_get_zeroed(1, sizeof(*c));
	struct gathering g;
	struct buffer out = {0};

	(void)unused;
	catalog_begin(c, "", "");
	catalog_read(c, R("1", "x", "{}", "1"));
	catalog_gather(c, true, &g);
	run_format(&out, g.accommodations, RECORD_KEEP_WHOLE, NULL);
	close(run->fd);
	run_write(run, buffer_slice(&out), "/tmp");
}

static void
a_run_that_cannot_be_written_ends_the_command(void **state)
{
	struct ran ran = run(write_to_a_closed_run, NULL);

	(void)state;
	assert_int_equal(ran.status, STATUS_FAILED);
	assert_non_null(strstr(ran.err, "cannot write a temporary file in '/tmp' (see -T): "));
	ran_free(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_are_merged_by_id_and_settled),
		cmocka_unit_test(no_runs_come_to_nothing),
		cmocka_unit_test(a_part_is_from_inclusive_up_to_exclusive),
		cmocka_unit_test(samples_cut_a_run_into_parts_that_leave_nothing_out),
		cmocka_unit_test(a_run_needs_a_directory),
		cmocka_unit_test(a_run_that_cannot_be_written_ends_the_command),
	};

	return TESTS(tests);
}
