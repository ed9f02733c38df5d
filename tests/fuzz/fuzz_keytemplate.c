/* Key templates: one that passes the check expands for every name and time; a taken key leads to
 * new ones for ever. Input: the template, a NUL, a name. */
#include "base/memory.h"
#include "io/keytemplate.h"

#include "fuzz.h"

static void
advance(struct slice key)
{
	struct buffer one = {0}, two = {0};

	key_advance(key, 1, &one);
	key_advance(key, 2, &two);
	require(!slice_equal(buffer_slice(&one), key));
	require(!slice_equal(buffer_slice(&one), buffer_slice(&two)));
	buffer_free(&one);
	buffer_free(&two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const int64_t times[] = {0, -1, 1709251199999999, INT64_MAX, INT64_MIN};
	char *template = memory_copy(data, n);
	size_t length = strlen(template);
	struct slice name =
		length < n ? (struct slice){template + length + 1, n - length - 1} : SLICE("name");
	struct buffer key = {0};
	struct error error = {0};

	if (key_check("--key", template, true, &error) < 0)
		require(error.status == STATUS_USAGE);
	else
		for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
			struct key_values values = {times[i], name, 7};

			key.n = 0;
			require(key_expand(template, &values, &key, &error) == 0);
			advance(buffer_slice(&key));
		}
	buffer_free(&key);
	free(template);
	return 0;
}
