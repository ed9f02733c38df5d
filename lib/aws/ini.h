/* ini - the format of ~/.aws/config and ~/.aws/credentials, as the SDKs' common parser test file has it.
 *
 * Property names are lower-cased and split from the value at the first '='; CRLF is accepted; '#' and ';'
 * begin a comment at the line's start, or behind white space in a value and behind ']'; an indented line
 * continues the value before it (joined with '\n'), or under an empty value is a property of its own of that
 * group ("s3 =\n  endpoint_url = ..."). Sections of the same name are one, the last value wins. A name may be in
 * quotes, as the AWS CLI writes one with white space. */
#ifndef ACC_AWS_INI_H
#define ACC_AWS_INI_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

enum ini_kind { INI_CONFIG, INI_CREDENTIALS };

enum ini_section {
	INI_PROFILE,     /* [default], [profile X]; in a credentials file [X] */
	INI_SSO_SESSION, /* [sso-session X] */
	INI_SERVICES,    /* [services X] */
};

struct ini_property {
	enum ini_section section;
	struct slice section_name; /* X */
	struct slice group;        /* lower case, of an indented property; else empty */
	struct slice name;         /* lower case */
	struct slice value;
	int precedence; /* higher wins: credentials over config, [profile default] over [default] */
};

struct ini {
	struct arena arena;
	struct ini_property *properties; /* in file order */
	size_t n, capacity;
};

/* Add all of text, a file of the given kind; name is for messages. -1 with *error (STATUS_USAGE) names the line. */
int ini_parse(struct ini *ini, struct slice text, enum ini_kind kind, const char *name, struct error *error);
void ini_free(struct ini *ini);

/* Borrows the value, or p is NULL. group and name in lower case; group empty for an ordinary property. */
struct slice ini_get(const struct ini *ini, enum ini_section section, struct slice section_name, struct slice group,
	struct slice name);
bool ini_has(const struct ini *ini, enum ini_section section, struct slice section_name);

#endif
