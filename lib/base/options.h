/* options - each option declared once, in one table, which drives parsing, --help, and (through
 * --help-options) the generated completions and the check of the man pages. */
#ifndef ACC_BASE_OPTIONS_H
#define ACC_BASE_OPTIONS_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,     /* bool *: set to true */
	OPTION_COUNT,    /* int *: incremented each time */
	OPTION_STRING,   /* const char **: borrowed from argv */
	OPTION_FILE,     /* as OPTION_STRING; completes file names */
	OPTION_LIST,     /* struct option_list *: each value in turn */
	OPTION_NUMBER,   /* uint64_t *: from minimum to maximum (0: no maximum) */
	OPTION_SIZE,     /* uint64_t *: bytes, from minimum to maximum */
	OPTION_DURATION, /* uint64_t *: milliseconds, from minimum to maximum */
	OPTION_CHOICE,   /* int *: the place of the word in choices, from 0 */
};

struct option_list {
	const char **values; /* owned array of borrowed strings */
	size_t n;
};

struct option_spec {
	char letter;      /* 0: none */
	const char *name; /* long name, without dashes; NULL ends a table */
	enum option_kind kind;
	const char *argument; /* its name in the help, NULL for flags and counts */
	void *value;
	const char *help;    /* one sentence fragment, lower case, default in brackets; without the choices */
	const char *choices; /* "keep|drop", for OPTION_CHOICE */
	uint64_t minimum, maximum;
};

struct operands {
	const char **values;  /* owned array of borrowed strings, ends with NULL */
	size_t n;             /* all operands */
	size_t before_dashes; /* those before "--"; n when "--" was not given */
	bool dashes;          /* "--" was given */
};

/* Parse argv by the tables (several, the list ends with NULL). Long options may be abbreviated;
 * operands may stand between options. 0, or -1 with *error (STATUS_USAGE). */
int options_parse(const struct option_spec *const tables[], int argc, char *const argv[], struct operands *operands,
	struct error *error);

/* Print the option part of --help, to fd 1 through output_stdout. */
void options_help(const struct option_spec *const tables[]);

/* Print text, wrapped to the width of the help. */
void options_paragraph(const char *text);

/* Print one line per option for the generators: letter, name, kind, argument, choices and help,
 * separated by tabs; an absent one is "-". */
void options_list(const struct option_spec *const tables[]);

#endif
