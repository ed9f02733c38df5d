/* Consolidation: the same bytes for any number of threads, any budget, a pipe or a file, vectors or none. */
#include "catalog/consolidate.h"

#include "catalog.h"

struct way {
	unsigned threads;
	uint64_t memory;
	bool pipe, plain;
};

struct input {
	const char *const *names; /* ends with NULL */
	bool pipe;                /* the first comes through one */
	struct consolidation_options options;
	struct rules rules;
	struct catalog *catalog;
	struct consolidation_counts counts;
	struct error error;
};

/* Begins what is common; options may be altered before consolidate(). */
static void
input_begin(struct input *in, struct catalog *c, const char *const *names)
{
	*in = (struct input){.names = names, .catalog = c};
	catalog_begin(c, "beta,alpha", "evil");
	rules_standard(&in->rules);
	in->options = (struct consolidation_options){
		.merge = {.rules = &in->rules, .paths = &c->paths},
		.partners = c->partners,
		.replace = true,
		.memory = 64 << 20,
		.max_record = 1 << 20,
		.threads = 1,
		.directory = "/tmp",
		.prefix = "--"};
}

static void
write_all_of_it(void *argument)
{
	struct input *in = argument;
	struct consolidation *c = consolidation_new(&in->options);
	char *command = memory_format("cat '%s'", in->names[0]);
	FILE *cat = in->pipe ? popen(command, "r") : NULL;

	if (cat && dup2(fileno(cat), STDIN_FILENO) < 0)
		abort();
	for (size_t i = 0; in->names[i]; i++)
		if (consolidation_read(c, cat && i == 0 ? "-" : in->names[i], &in->error) < 0)
			fprintf(stderr, "failed: %s\n", in->error.text);
	consolidation_write(c, &output_stdout, &in->counts);
	output_flush(&output_stdout);
	consolidation_free(c);
	free(command);
	if (cat && pclose(cat) != 0)
		abort();
	fprintf(stderr, "read %llu = %llu (%llu superseded) + %llu + %llu, written %llu, bad times %llu%s\n",
		(unsigned long long)in->counts.read, (unsigned long long)in->counts.represented,
		(unsigned long long)in->counts.superseded, (unsigned long long)in->counts.left_out,
		(unsigned long long)in->counts.refused, (unsigned long long)in->counts.written,
		(unsigned long long)in->counts.bad_times, in->counts.runs ? ", in runs" : "");
}

static struct ran
consolidated(const char *const *names, struct way way)
{
	struct catalog c;
	struct input in;

	input_begin(&in, &c, names);
	in.pipe = way.pipe;
	in.options.threads = way.threads;
	in.options.memory = way.memory;
	scan_level(way.plain ? SCAN_PLAIN : SCAN_SIMD);
	struct ran ran = run(write_all_of_it, &in);
	scan_level(SCAN_SIMD);
	catalog_end(&c);
	return ran;
}

static void
write_file(const char *path, struct slice text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text.p, 1, text.n, file), text.n);
	assert_int_equal(fclose(file), 0);
}

static void
add_record(struct buffer *out, int i, const char *between)
{
	static const char *const partners[] = {"alpha", "beta", "gamma", "evil"};

	buffer_format(out,
		"%s{\"accommodation_id\":%d,\"partner_name\":\"%s\",\"accommodation_data\":{\"name\":\"n "
		"%d\",\"filler\":"
		"\"%0200d\"},\"_source\":{\"uri\":\"u\",\"record\":%d,\"time\":%d}}",
		between, i * 7919 % 5003, partners[i % 4], i, i, i + 1, i % 97);
}

static void
every_way_gives_the_same_bytes(void **state)
{
	static const struct way ways[] = {{1, 64 << 20, false, false}, {3, 64 << 20, false, false},
		{1, 1 << 20, false, false}, {3, 2 << 20, false, false}, {2, 1 << 19, false, true},
		{1, 1 << 20, true, true}, {2, 64 << 20, true, false}, {2, 1 << 20, true, false}};
	char path[64];
	struct buffer text = {0}, array = {0};
	struct ran first = {0};

	(void)state;
	for (int i = 0; i < 20000; i++) {
		add_record(&text, i, i ? "\n" : "");
		add_record(&array, i, i == 0 ? "[" : i % 3 ? "," : ",\n");
	}
	buffer_add_string(&array, "]\n");
	unit_path(path);
	for (int as_array = 0; as_array < 2; as_array++) {
		write_file(path, buffer_slice(as_array ? &array : &text));
		for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
			struct ran ran = consolidated((const char *[]){path, NULL}, ways[i]);

			assert_int_equal(ran.status, 0);
			assert_non_null(strstr(ran.err, "read 20000 = "));
			assert_int_equal(strstr(ran.err, ", in runs") != NULL, ways[i].memory < 8 << 20);
			if (!first.out)
				first = ran;
			else if (strcmp(first.out, ran.out) != 0)
				fail_msg("way %zu is different", i);
			if (ran.out != first.out)
				ran_free(&ran);
		}
	}
	assert_true(strlen(first.out) > 4000 * 200);
	ran_free(&first);
	buffer_free(&text);
	buffer_free(&array);
	unlink(path);
}

#define R(id, partner, data)                                                                                           \
	"{\"accommodation_id\":" id ",\"partner_name\":\"" partner "\",\"accommodation_data\":" data "}\n"

static void
refusals_are_reported_and_the_counts_balance(void **state)
{
	static const char text[] = R("1", "alpha",
		"{\"a\":1}") "{\"partner_name\":\"alpha\",\"accommodation_data\":{}}\n"
			     "not json\n" R("1", "evil", "{}") R("[]", "alpha", "{}") R("1", "alpha",
				     "{\"a\":2}") "{\"accommodation_id\":2,"
						  "\"partner_name\":\"beta\",\"accommodation_data\":{},\"_source\":{"
						  "\"uri\":\"elsewhere\",\"record\":9,\"time\":\"x\"}}\n"
						  "{\"accommodation_id\":2,\"partner_name\":\"beta\",\"_source\":{"
						  "\"uri\":\"elsewhere\",\"record\":10}}\n";
	char path[64], line[200];

	(void)state;
	write_file(unit_path(path), SLICE(text));
	struct ran ran = consolidated((const char *[]){path, NULL}, (struct way){1, 64 << 20, false, false});
	assert_string_equal(ran.out, "{\"accommodation_id\":1,\"accommodation_data\":{\"a\":2}}\n"
				     "{\"accommodation_id\":2,\"accommodation_data\":{}}\n");
	static const char *const says[] = {":2: no \"accommodation_id\"; the record is refused (see --key)",
		":3: ", ":5: \"accommodation_id\" is neither a string nor a number; the record is refused (see --key)"};
	for (size_t i = 0; i < 3; i++) {
		snprintf(line, sizeof(line), "%s%s", path, says[i]);
		assert_non_null(strstr(ran.err, line));
	}
	assert_non_null(strstr(ran.err, "elsewhere:10: no \"accommodation_data\"; the record is refused (see --data)"));
	assert_non_null(strstr(ran.err, "read 8 = 3 (1 superseded) + 1 + 4, written 2, bad times 1\n"));
	ran_free(&ran);
	unlink(path);
}

static void
an_input_that_fails_leaves_the_others(void **state)
{
	char path[64], open[64];

	(void)state;
	write_file(unit_path(path), SLICE(R("1", "alpha", "{}")));
	write_file(unit_path(open), SLICE("[" R("2", "alpha", "{}")));
	struct ran ran = consolidated(
		(const char *[]){"/tmp/no such file", open, path, NULL}, (struct way){2, 64 << 20, false, false});
	assert_int_equal(ran.status, 0);
	assert_non_null(strstr(ran.err, "failed: cannot open '/tmp/no such file': No such file or directory"));
	assert_non_null(strstr(ran.err, "the array is not closed; the records before its end count"));
	assert_non_null(strstr(ran.out, "{\"accommodation_id\":1,"));
	assert_non_null(strstr(ran.out, "{\"accommodation_id\":2,"));
	ran_free(&ran);
	unlink(path);
	unlink(open);
}

/* The last piece begins within a record, so that it is the one before that comes to the end. */
static void
an_array_cut_short_is_told_by_whatever_piece(void **state)
{
	struct buffer text = {0};
	char path[64];

	(void)state;
	buffer_format(&text, "[\n{\"accommodation_id\":1,\"partner_name\":\"alpha\",\"pad\":\"%070000d\","
			     "\"accommodation_data\":\n{\"a\":1}}\n", 0);
	write_file(unit_path(path), buffer_slice(&text));
	for (unsigned threads = 1; threads < 4; threads++) {
		struct way way = {threads, 64 << 10, false, false};
		struct ran ran = consolidated((const char *[]){path, NULL}, way);

		assert_non_null(strstr(ran.err, "the array is not closed; the records before its end count"));
		assert_string_equal(ran.out, "{\"accommodation_id\":1,\"accommodation_data\":{\"a\":1}}\n");
		ran_free(&ran);
	}
	buffer_free(&text);
	unlink(path);
}

/* A line has its number as position, an element its own; what is before the piece is not known while it is read. */
static void
lines_and_elements_are_ordered_by_their_place_in_the_whole_input(void **state)
{
	static const char end[] = R("\"x\"", "alpha", "{\"of\":\"line\"}")
		"[" R("\"x\"", "alpha", "{\"of\":\"array\"}") "]\n";
	struct buffer text = {0};
	char path[64];

	(void)state;
	for (int i = 0; i < 70000; i++)
		buffer_add_byte(&text, '\n');
	buffer_add(&text, end, sizeof(end) - 1);
	write_file(unit_path(path), buffer_slice(&text));
	for (int pipe = 0; pipe < 2; pipe++) {
		struct ran ran = consolidated((const char *[]){path, NULL}, (struct way){2, 64 << 10, pipe, false});

		assert_non_null(strstr(ran.out, "{\"of\":\"line\"}"));
		assert_null(strstr(ran.out, "{\"of\":\"array\"}"));
		ran_free(&ran);
	}
	buffer_free(&text);
	unlink(path);
}

static void
nothing_comes_to_nothing(void **state)
{
	(void)state;
	struct ran ran = consolidated((const char *[]){"/dev/null", NULL}, (struct way){2, 1 << 20, false, false});
	assert_int_equal(ran.out_bytes, 0);
	assert_non_null(strstr(ran.err, "read 0 = 0 (0 superseded) + 0 + 0, written 0"));
	ran_free(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_gives_the_same_bytes),
		cmocka_unit_test(refusals_are_reported_and_the_counts_balance),
		cmocka_unit_test(an_input_that_fails_leaves_the_others),
		cmocka_unit_test(an_array_cut_short_is_told_by_whatever_piece),
		cmocka_unit_test(lines_and_elements_are_ordered_by_their_place_in_the_whole_input),
		cmocka_unit_test(nothing_comes_to_nothing),
	};

	return TESTS(tests);
}
