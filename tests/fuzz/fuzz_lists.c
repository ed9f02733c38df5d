/* Lists of partners, and rules: but for rules with a jq program, which start a process each. */
#include "base/message.h"
#include "catalog/priority.h"
#include "catalog/rules.h"

#include "fuzz.h"

static void
try_list(struct slice text, const struct list_shape *shape)
{
	struct error error = {.code = "none"};
	struct name_list list = {0};

	if (name_list_parse(text, "list", shape, &list, &error) < 0) {
		require(error.status == STATUS_USAGE && error.text[0]);
		return;
	}
	require(list.n > 0 || shape->may_be_absent);
	for (size_t i = 0; i < list.n; i++)
		require(name_list_place(&list, list.names[i]) == i);
	name_list_free(&list);
}

static void
try_rules(struct slice text)
{
	struct error error = {.code = "none"};
	struct rules rules = {0};

	if (memmem(text.p, text.n, "jq", 2) || memmem(text.p, text.n, "\\u00", 4))
		return;
	if (rules_parse(text, "rules", &rules, &error) < 0) {
		require(error.status == STATUS_USAGE && error.text[0]);
		return;
	}
	for (size_t i = 0; i < rules.n_fields; i++)
		require(rules_find(&rules, rules.fields[i].name) != NULL);
	rules_free(&rules);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct list_shape listed = {"ContentType", "PriorityList", "partner_list", false, false};
	static const struct list_shape denied = {"ContentType", "BlackList", "partner_list", true, true};
	struct slice text = {(const char *)data, n};

	message_configure(-1, false);
	if (n == 0)
		return 0;
	try_list(text, &listed);
	try_list(text, &denied);
	try_rules(text);
	return 0;
}
