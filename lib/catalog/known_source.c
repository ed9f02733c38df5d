#include "catalog/known_source.h"

#include "json/text.h"

#define SOURCE_MAX 4096 /* bytes; a longer _source is not worth a copy */
#define MISSES_MAX 16   /* in a row; from then on only every so many'th is remembered */
#define DIGITS_MAX 19   /* that fit into 64 bits, whatever they are */

void
known_source_remember(struct known_source *known, struct slice source, struct instant time)
{
	struct slice number, uri;
	uint64_t n;

	if (known->missed > MISSES_MAX && known->missed % MISSES_MAX)
		return;
	known->text.n = 0;
	number = json_member(source, SLICE("record"));
	if (source.n > SOURCE_MAX || !number.p || !json_natural(number, &n))
		return;
	known->before = (size_t)(number.p - source.p);
	buffer_add(&known->text, source.p, known->before);
	buffer_add(&known->text, number.p + number.n, source.n - known->before - number.n);
	known->time = time;
	known->serial++;
	uri = json_member(source, SLICE("uri"));
	if (uri.p && json_kind(uri) == JSON_STRING)
		uri.p = known->text.p + (uri.p - source.p) - (uri.p > number.p ? number.n : 0);
	else
		uri.p = NULL;
	known->uri = uri;
}

bool
known_source_recall(struct known_source *known, struct slice source, uint64_t *number)
{
	const char *text = known->text.p, *end;
	size_t before = known->before, behind = known->text.n - before;

	known->missed++;
	if (known->text.n == 0 || source.n <= known->text.n || memcmp(source.p, text, before) != 0 ||
		memcmp(source.p + source.n - behind, text + before, behind) != 0)
		return false;
	end = source.p + source.n - behind;
	*number = 0;
	for (const char *p = source.p + before; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		*number = *number * 10 + (uint64_t)(*p - '0');
	}
	if (source.n - known->text.n > DIGITS_MAX)
		*number = UINT64_MAX;
	known->missed = 0;
	return true;
}

void
known_source_free(struct known_source *known)
{
	buffer_free(&known->text);
}
