/* priority - a list of partner names, as --priority and --deny take it. */
#ifndef ACC_CATALOG_PRIORITY_H
#define ACC_CATALOG_PRIORITY_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

struct name_list {
	struct slice *names; /* decoded, each once, in order of first places; owned */
	size_t n;
	struct arena text; /* holds the names' bytes */
	size_t *slots;     /* by hash: 1 + place in names, 0 is free; owned */
	size_t n_slots;    /* a power of two, or 0 */
};

void name_list_free(struct name_list *list);

/* Read the text of a list: a JSON array of names; an item of DynamoDB as the AWS CLI writes it, alone, under "Item",
 * or in "Items" or "Responses"; or one name per line, with # comments. Of several items the one whose partition key
 * (key_name, compared without regard to case, as exports differ in it) says item is taken; a sole item without that key
 * is taken as it is. The names are the list of strings (L of S, or SS) in the attribute list_name.
 * source names the text in messages. A name that stands twice counts once, with a warning. -1 with *error
 * (STATUS_USAGE) when the text is malformed, holds no such item, an empty name, or none. Gives *list to
 * name_list_free. */
struct list_shape {
	const char *key_name;  /* "ContentType" */
	const char *item;      /* "PriorityList" or "BlackList" */
	const char *list_name; /* "partner_list" */
	bool may_be_absent;    /* an item that is not there is an empty list (a table without BlackList) */
	bool denies;           /* it says whom to leave out: for messages */
};
int name_list_parse(struct slice text, const char *source, const struct list_shape *shape, struct name_list *list,
	struct error *error);

/* The names between the commas of text, empty ones left out; trim: without the blanks around them. source as above. */
void name_list_split(const char *text, bool trim, const char *source, struct name_list *list);

/* What an option's argument says: names separated by commas (a list of one ends in a comma) and perhaps blanks, else a
 * path or URI. */
int name_list_read(const char *argument, const struct list_shape *shape, struct name_list *list, struct error *error);

/* --priority and --deny together. Given just a table (dynamodb://TABLE), --priority brings its deny list along, to
 * which that of --deny is added. A parameter of the address that is not known is an error. Either argument may be
 * NULL. */
int name_lists_read(const char *priority, const char *deny, struct name_list *listed, struct name_list *denied,
	struct error *error);

/* The place of name in list, from 0, or list->n. */
size_t name_list_place(const struct name_list *list, struct slice name);

#endif
