#include "catalog/source_time.h"

#include "json/text.h"

#define SOURCE_MAX 4096 /* bytes; a longer _source is not worth a copy */
#define MISSES_MAX 16   /* in a row; from then on only every so many'th is remembered */

void
source_time_remember(struct source_time *known, struct slice source, struct instant time)
{
	struct slice number;
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
}

bool
source_time_recall(struct source_time *known, struct slice source, struct instant *time)
{
	const char *text = known->text.p;
	size_t before = known->before, behind = known->text.n - before;

	known->missed++;
	if (known->text.n == 0 || source.n <= known->text.n || memcmp(source.p, text, before) != 0 ||
		memcmp(source.p + source.n - behind, text + before, behind) != 0)
		return false;
	for (size_t i = before; i < source.n - behind; i++)
		if (source.p[i] < '0' || source.p[i] > '9')
			return false;
	known->missed = 0;
	*time = known->time;
	return true;
}

void
source_time_free(struct source_time *known)
{
	buffer_free(&known->text);
}
