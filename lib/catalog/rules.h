/* rules - which candidate becomes a field's value (acc-rules.5). */
#ifndef ACC_CATALOG_RULES_H
#define ACC_CATALOG_RULES_H

#include "base/arena.h"
#include "base/error.h"
#include "catalog/priority.h"

#include <stdbool.h>
#include <stdint.h>

enum rule_kind {
	RULE_PRIORITY,
	RULE_NEWEST,
	RULE_OLDEST,
	RULE_LONGEST,
	RULE_SHORTEST,
	RULE_MIN,
	RULE_MAX,
	RULE_MAJORITY,
	RULE_UNION,
	RULE_DEEP,
	RULE_JQ,
};

struct rule {
	enum rule_kind kind;
	const char *program;              /* RULE_JQ: the text, NUL-terminated */
	uint32_t program_number;          /* RULE_JQ: from 0, for a table of compiled programs */
	const struct name_list *priority; /* its own list, or NULL */
	char *where;                      /* "rules.json: field 'x'", for messages */
};

struct rule_field {
	struct slice name;       /* decoded */
	const struct rule *rule; /* NULL in a group */
	int group;               /* its number from 0, or -1 */
};

struct rules {
	const struct rule *standard; /* what fields without a rule of their own get */
	struct rule_field *fields;   /* sorted by name */
	size_t n_fields;
	int n_groups;
	uint32_t n_programs;
	bool plain; /* nothing but priority without a list of its own, no groups */
	struct arena memory;
	struct name_list **lists; /* owned */
	size_t n_lists;
};

const char *rule_name(enum rule_kind kind);

/* The rules that a NULL --rules means: priority for all. */
void rules_standard(struct rules *rules);

/* Parse the text of a rules file; source names it. Every jq program is compiled once, to find its faults now. -1 with
 * *error (STATUS_USAGE) that names the field. Gives *rules to rules_free. */
int rules_parse(struct slice text, const char *source, struct rules *rules, struct error *error);
int rules_read(const char *uri, struct rules *rules, struct error *error);
void rules_free(struct rules *rules);

/* The entry for a field by its decoded name, or NULL. Thread safe. */
const struct rule_field *rules_find(const struct rules *rules, struct slice name);

#endif
