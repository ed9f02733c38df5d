/* Times, numbers with units, and the texts that messages and JSON strings are made of. */
#include "base/buffer.h"
#include "base/instant.h"
#include "base/units.h"
#include "base/utf8.h"

#include "fuzz.h"

/* A time that was understood is the same time when it is written and read again. */
static void
try_instant(struct slice text)
{
	char written[INSTANT_TEXT_MAX];
	struct instant t, again;

	if (instant_parse(text, &t, NULL)) {
		size_t length = instant_format(t, 9, written);

		require(t.fraction < UINT64_C(1000000000000000000));
		if (t.seconds < -62167219200 || t.seconds > 253402300799)
			return; /* an offset led out of the years that have four digits */
		require(instant_parse((struct slice){written, length}, &again, NULL));
		require(again.seconds == t.seconds && again.fraction / 1000000000 == t.fraction / 1000000000);
	}
	if (instant_parse_number(text, &t)) {
		require(t.fraction < UINT64_C(1000000000000000000));
		require(instant_format(t, 9, written) < INSTANT_TEXT_MAX);
	}
}

static void
try_units(const char *text)
{
	struct error error;
	uint64_t number, size;

	if (units_number(text, &number, &error) == 0)
		require(units_size(text, &size, &error) == 0 && size == number);
	units_duration(text, &number, &error);
}

static void
try_text(struct slice text)
{
	struct buffer b = {0};

	buffer_add_json_string(&b, text);
	require(utf8_valid_prefix(buffer_slice(&b)) == b.n);
	for (size_t i = 0; i < b.n; i++)
		require((unsigned char)b.p[i] >= 0x20);
	b.n = 0;
	buffer_add_printable(&b, text);
	require(utf8_valid_prefix(buffer_slice(&b)) == b.n);
	for (size_t i = 0; i < b.n; i++)
		require((unsigned char)b.p[i] >= 0x20 && b.p[i] != 0x7F);
	buffer_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice text = {(const char *)data, n};
	struct buffer string = {0};

	buffer_add_slice(&string, text);
	try_instant(text);
	try_units(buffer_string(&string));
	try_text(text);
	buffer_free(&string);
	return 0;
}
