#include "base/options.h"

#include "base/memory.h"
#include "base/output.h"
#include "base/units.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define LONG_ONLY 256 /* what getopt_long returns for the long option i is LONG_ONLY + i */
#define HELP_COLUMN 30
#define HELP_WIDTH 80

static bool
takes_argument(const struct option_spec *spec)
{
	return spec->kind != OPTION_FLAG && spec->kind != OPTION_COUNT;
}

/* All tables as one list, in the forms that getopt_long wants. */
struct parser {
	const struct option_spec **specs;
	size_t n;
	struct option *longs;
	char *letters;
};

static void
parser_make(struct parser *parser, const struct option_spec *const tables[])
{
	size_t letters = 0;

	*parser = (struct parser){0};
	for (; *tables; tables++)
		for (const struct option_spec *spec = *tables; spec->name; spec++) {
			parser->specs = memory_resize(parser->specs, parser->n + 1, sizeof(*parser->specs));
			parser->specs[parser->n++] = spec;
		}
	parser->longs = memory_get_zeroed(parser->n + 1, sizeof(*parser->longs));
	parser->letters = memory_get_zeroed(2 * parser->n + 3, 1);
	parser->letters[letters++] = '-'; /* operands in their order, as results of 1 */
	parser->letters[letters++] = ':'; /* a missing argument is told apart, and no message printed */
	for (size_t i = 0; i < parser->n; i++) {
		const struct option_spec *spec = parser->specs[i];

		parser->longs[i] = (struct option){
			.name = spec->name,
			.has_arg = takes_argument(spec) ? required_argument : no_argument,
			.val = LONG_ONLY + (int)i,
		};
		if (spec->letter) {
			parser->letters[letters++] = spec->letter;
			if (takes_argument(spec))
				parser->letters[letters++] = ':';
		}
	}
}

static void
parser_free(struct parser *parser)
{
	free(parser->specs);
	free(parser->longs);
	free(parser->letters);
}

static const struct option_spec *
spec_of(const struct parser *parser, int result)
{
	if (result >= LONG_ONLY && (size_t)(result - LONG_ONLY) < parser->n)
		return parser->specs[result - LONG_ONLY];
	for (size_t i = 0; i < parser->n; i++)
		if (parser->specs[i]->letter && parser->specs[i]->letter == result)
			return parser->specs[i];
	return NULL;
}

/* value in the unit in which it is likely to have been thought of. */
static const char *
bound_text(const struct option_spec *spec, uint64_t value, char out[32])
{
	static const char units[] = "TGMK";

	if (spec->kind == OPTION_DURATION) {
		snprintf(out, 32, "%.10gs", (double)value / 1000);
		return out;
	}
	if (spec->kind == OPTION_SIZE && value)
		for (int i = 0; i < 4; i++) {
			int shift = 40 - 10 * i;

			if (value % (UINT64_C(1) << shift) == 0) {
				snprintf(out, 32, "%llu%c", (unsigned long long)(value >> shift), units[i]);
				return out;
			}
		}
	snprintf(out, 32, "%llu", (unsigned long long)value);
	return out;
}

static int
set_measure(const struct option_spec *spec, const char *text, struct error *error)
{
	uint64_t value = 0;
	char bound[32];
	int failed;

	if (spec->kind == OPTION_SIZE)
		failed = units_size(text, &value, error);
	else if (spec->kind == OPTION_DURATION)
		failed = units_duration(text, &value, error);
	else
		failed = units_number(text, &value, error);
	if (failed)
		return error_set(error, STATUS_USAGE, "usage", "%s for --%s", error->text, spec->name);
	if (value < spec->minimum)
		return error_set(error, STATUS_USAGE, "usage", "'%s' is too small for --%s: at least %s", text,
			spec->name, bound_text(spec, spec->minimum, bound));
	if (spec->maximum && value > spec->maximum)
		return error_set(error, STATUS_USAGE, "usage", "'%s' is too large for --%s: at most %s", text,
			spec->name, bound_text(spec, spec->maximum, bound));
	*(uint64_t *)spec->value = value;
	return 0;
}

static int
set_choice(const struct option_spec *spec, const char *text, struct error *error)
{
	const char *word = spec->choices;
	size_t n = strlen(text);

	for (int i = 0;; i++) {
		size_t length = strcspn(word, "|");

		if (length == n && memcmp(word, text, n) == 0) {
			*(int *)spec->value = i;
			return 0;
		}
		if (!word[length])
			break;
		word += length + 1;
	}
	return error_set(
		error, STATUS_USAGE, "usage", "'%s' is no choice for --%s: %s", text, spec->name, spec->choices);
}

static int
set_value(const struct option_spec *spec, const char *text, struct error *error)
{
	struct option_list *list = spec->value;

	switch (spec->kind) {
	case OPTION_FLAG: *(bool *)spec->value = true; return 0;
	case OPTION_COUNT: ++*(int *)spec->value; return 0;
	case OPTION_STRING:
	case OPTION_FILE: *(const char **)spec->value = text; return 0;
	case OPTION_LIST:
		list->values = memory_resize(list->values, list->n + 1, sizeof(*list->values));
		list->values[list->n++] = text;
		return 0;
	case OPTION_NUMBER:
	case OPTION_SIZE:
	case OPTION_DURATION: return set_measure(spec, text, error);
	case OPTION_CHOICE: return set_choice(spec, text, error);
	}
	return -1;
}

/* getopt_long found fault with argument, a long option as it was given. */
static int
fault_of_long(const struct parser *parser, const char *argument, struct error *error)
{
	const char *name = argument + 2;
	int n = (int)strcspn(name, "=");
	size_t matches = 0;
	char candidates[256] = "";

	for (size_t i = 0; i < parser->n; i++) {
		const char *known = parser->specs[i]->name;
		size_t used = strlen(candidates);

		if (strncmp(known, name, (size_t)n) != 0)
			continue;
		if (!known[n]) {
			matches = 1;
			break;
		}
		matches++;
		snprintf(candidates + used, sizeof(candidates) - used, "%s--%s", used ? ", " : "", known);
	}
	if (n == 0 || matches == 0)
		return error_set(error, STATUS_USAGE, "usage", "unrecognized option '--%.*s'", n, name);
	if (matches > 1)
		return error_set(error, STATUS_USAGE, "usage", "option '--%.*s' is ambiguous: %s", n, name, candidates);
	return error_set(error, STATUS_USAGE, "usage", "option '--%.*s' takes no argument", n, name);
}

static int
fault(const struct parser *parser, int result, const char *argument, struct error *error)
{
	const struct option_spec *spec = spec_of(parser, optopt);

	if (result == ':' && optopt < LONG_ONLY)
		return error_set(error, STATUS_USAGE, "usage", "option '-%c' requires an argument", optopt);
	if (result == ':' && spec)
		return error_set(error, STATUS_USAGE, "usage", "option '--%s' requires an argument", spec->name);
	if (strncmp(argument, "--", 2) == 0)
		return fault_of_long(parser, argument, error);
	return error_set(error, STATUS_USAGE, "usage", "unrecognized option '-%c'", optopt);
}

static int
parse(const struct parser *parser, int argc, char **argv, struct operands *operands, struct error *error)
{
	const struct option_spec *spec;
	const char *last = NULL;
	int result;

	optind = 0; /* start over, whoever used getopt before */
	while ((result = getopt_long(argc, argv, parser->letters, parser->longs, NULL)) != -1) {
		last = optarg;
		if (result == 1) {
			operands->values[operands->n++] = optarg;
			continue;
		}
		spec = spec_of(parser, result);
		if (!spec)
			return fault(parser, result, argv[optind - 1], error);
		if (set_value(spec, optarg, error) < 0)
			return -1;
	}
	operands->before_dashes = operands->n;
	operands->dashes = optind < argc || (argc > 1 && last != argv[argc - 1] && strcmp(argv[argc - 1], "--") == 0);
	while (optind < argc)
		operands->values[operands->n++] = argv[optind++];
	return 0;
}

int
options_parse(const struct option_spec *const tables[], int argc, char *const argv[], struct operands *operands,
	struct error *error)
{
	struct parser parser;
	char **copy = memory_get_zeroed((size_t)argc + 1, sizeof(*copy));
	int result;

	memcpy(copy, argv, (size_t)argc * sizeof(*copy));
	*operands = (struct operands){0};
	operands->values = memory_get_zeroed((size_t)argc + 1, sizeof(*operands->values));
	parser_make(&parser, tables);
	result = parse(&parser, argc, copy, operands, error);
	parser_free(&parser);
	free(copy);
	return result;
}

static void
add_spaces(size_t n)
{
	while (n-- > 0)
		output_add(&output_stdout, " ", 1);
}

/* Words of text from column on, further lines from column further. */
static void
add_wrapped(const char *text, size_t column, size_t further)
{
	size_t at = column;

	while (*text) {
		size_t n = strcspn(text, " \n");

		if (at > column && at + 1 + n >= HELP_WIDTH) {
			output_add(&output_stdout, "\n", 1);
			add_spaces(further);
			at = column = further;
		} else if (at > column) {
			output_add(&output_stdout, " ", 1);
			at++;
		}
		output_add(&output_stdout, text, n);
		at += n;
		text += n;
		text += strspn(text, " \n");
	}
	output_add(&output_stdout, "\n", 1);
}

void
options_paragraph(const char *text)
{
	add_wrapped(text, 0, 0);
}

static const char *
argument_name(const struct option_spec *spec)
{
	if (!takes_argument(spec))
		return NULL;
	return spec->argument ? spec->argument : spec->choices;
}

/* What is said of an option, with the words that a choice takes. */
static void
add_description(const struct option_spec *spec)
{
	struct buffer text = {0};

	buffer_add_string(&text, spec->help);
	for (const char *word = spec->argument && spec->choices ? spec->choices : ""; *word;) {
		size_t n = strcspn(word, "|");

		buffer_format(&text, "%s%.*s", word == spec->choices ? " (" : ", ", (int)n, word);
		word += n + (word[n] == '|');
		if (!*word)
			buffer_add_byte(&text, ')');
	}
	buffer_add_byte(&text, '\0');
	add_wrapped(text.p, HELP_COLUMN, HELP_COLUMN + 2);
	buffer_free(&text);
}

void
options_help(const struct option_spec *const tables[])
{
	for (; *tables; tables++)
		for (const struct option_spec *spec = *tables; spec->name; spec++) {
			const char *argument = argument_name(spec);
			struct buffer left = {0};

			if (spec->letter)
				buffer_format(&left, "  -%c, --%s", spec->letter, spec->name);
			else
				buffer_format(&left, "      --%s", spec->name);
			if (argument)
				buffer_format(&left, "=%s", argument);
			output_add_slice(&output_stdout, buffer_slice(&left));
			if (left.n + 2 > HELP_COLUMN) {
				output_add(&output_stdout, "\n", 1);
				left.n = 0;
			}
			add_spaces(HELP_COLUMN - left.n);
			add_description(spec);
			buffer_free(&left);
		}
}

void
options_list(const struct option_spec *const tables[])
{
	static const char *const kinds[] = {
		"flag", "count", "string", "file", "list", "number", "size", "duration", "choice"};
	struct buffer line = {0};

	for (; *tables; tables++)
		for (const struct option_spec *spec = *tables; spec->name; spec++) {
			const char *argument = argument_name(spec);

			buffer_add_byte(&line, spec->letter ? spec->letter : '-');
			buffer_format(&line, "\t%s\t%s\t%s\t%s\t%s\n", spec->name, kinds[spec->kind],
				argument ? argument : "-", spec->choices ? spec->choices : "-", spec->help);
		}
	output_add_slice(&output_stdout, buffer_slice(&line));
	buffer_free(&line);
}
