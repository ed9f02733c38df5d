/* generate - write a catalog for the benchmarks
 * out: catalog records as partners send them (or the priority list), the same
 * bytes for the same arguments on every machine. */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARTNERS = 40, SMALL_OFFERS = 4, WIDE_OFFERS = 20, HOT = 10, ID_BASE = 100000 };

static const char usage[] = "usage: generate [-s seed] small|wide|skew|array records\n"
			    "       generate [-s seed] list\n"
			    "small  235 bytes a record, 4 partners per accommodation\n"
			    "wide   2 KB a record, nested arrays, 20 partners per accommodation\n"
			    "skew   small records, 99 of 100 on 10 accommodations\n"
			    "array  small records as one JSON array over lines\n"
			    "list   the priority list of all partners, a JSON array\n";

/* clang-format off */
static const char *const cities[] = {
	"Budapest", "Amsterdam", "K\xc3\xb8" "benhavn", "Lisbon", "Porto", "Z\xc3\xbcrich", "Vienna",
	"Prague", "Krak\xc3\xb3w", "Ljubljana", "Athens", "Sevilla", "Valencia", "Marseille", "Lyon",
	"Antwerpen", "Gent", "Hamburg", "Leipzig", "Dresden", "Torino", "Bologna", "Palermo",
	"Reykjav\\u00edk", "Bergen", "G\xc3\xb6teborg", "Tallinn", "Riga", "Vilnius", "Sofia",
	"Bucharest", "Split",
};
static const char *const traits[] = {
	"Grand", "Royal", "Old", "Little", "Golden", "Central", "Imperial", "Garden",
	"Riverside", "Park", "Station", "Harbour", "Museum", "Opera", "Bridge", "Castle",
};
static const char *const kinds[] = {
	"Hotel", "Inn", "Rooms", "Hostel", "Resort", "House", "Suites", "Lodge",
};
static const char *const streets[] = {
	"Budastrasse", "Station Road", "Rue Haute", "Via Roma", "Markt",
	"Harbour Road", "Kaiserallee", "Rua Augusta", "Seestra\xc3\x9f" "e", "King\\u0027s Road",
	"Prinsengracht", "Calle Mayor", "Church Lane", "Mill Lane", "Long Street", "Nyhavn",
};
static const char *const amenities[] = {
	"wifi", "parking", "pool", "sauna", "breakfast", "bar", "gym", "pets allowed", "lift",
	"24-hour reception", "airport shuttle", "air conditioning", "terrace", "safe", "laundry",
	"family rooms",
};
static const char *const rooms[] = { "single", "double", "twin", "triple", "suite", "dormitory" };
static const char *const beds[] = { "single", "double", "king", "sofa", "bunk" };
static const char *const words[] = {
	"quiet", "clean", "friendly staff", "close to the station", "a bit noisy at night",
	"said \\\"we will be back\\\"", "good value", "small room", "lovely view", "the lift was broken",
	"breakfast from 7 to 10", "check-in took long", "perfect for families", "great shower",
};
/* clang-format on */

#define PICK(list, r) ((list)[(r) % (sizeof(list) / sizeof *(list))])

struct out {
	char buf[1 << 20];
	size_t len;
};

static uint64_t seed = 1;

/* The finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable PRNGs). */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t
next(uint64_t *state)
{
	return *state = mix(*state);
}

/* A permutation of 0..n-1: four Feistel rounds, walked until inside. */
static uint64_t
permute(uint64_t i, uint64_t n)
{
	unsigned half = 1;

	while (UINT64_C(1) << 2 * half < n)
		half++;
	do {
		uint64_t mask = (UINT64_C(1) << half) - 1, left = i >> half, right = i & mask;

		for (unsigned round = 0; round < 4; round++) {
			uint64_t was = right;

			right = left ^ (mix(right ^ seed << 8 ^ round << 4) & mask);
			left = was;
		}
		i = left << half | right;
	} while (i >= n);
	return i;
}

static void
flush(struct out *out)
{
	for (size_t done = 0; done < out->len;) {
		ssize_t n = write(STDOUT_FILENO, out->buf + done, out->len - done);

		if (n < 0)
			err(3, "cannot write standard output");
		done += (size_t)n;
	}
	out->len = 0;
}

static void
put(struct out *out, const char *s)
{
	size_t n = strlen(s);

	if (out->len + n > sizeof out->buf)
		flush(out);
	memcpy(out->buf + out->len, s, n);
	out->len += n;
}

static void
put_number(struct out *out, uint64_t n, unsigned width)
{
	char digits[24];
	char *p = digits + sizeof digits - 1;

	*p = 0;
	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) || digits + sizeof digits - 1 - p < (long)width);
	put(out, p);
}

static void
put_partner(struct out *out, unsigned partner)
{
	char name[] = {'P', 'a', 'r', 't', 'n', 'e', 'r', '_', 0, 0, 0};
	char *p = name + 8;

	if (partner >= 26)
		*p++ = 'A';
	*p = (char)('A' + partner % 26);
	put(out, name);
}

static void
put_head(struct out *out, uint64_t accommodation, unsigned partner)
{
	put(out, "{\"partner_name\":\"");
	put_partner(out, partner);
	put(out, "\",\"accommodation_id\":\"");
	put_number(out, ID_BASE + accommodation, 0);
	put(out, "\",\"accommodation_data\": {\"accommodation_name\":");
}

/* One value in 16 is null, so that a field is often another partner's. */
static bool
put_null(struct out *out, uint64_t *state)
{
	if (next(state) % 16)
		return false;
	put(out, "null");
	return true;
}

static void
put_name(struct out *out, uint64_t *state, const char *city)
{
	if (put_null(out, state))
		return;
	put(out, next(state) % 4 ? "\"" : "\"The ");
	put(out, PICK(traits, next(state)));
	put(out, " ");
	put(out, city);
	put(out, " ");
	put(out, PICK(kinds, next(state)));
	put(out, "\"");
}

static void
put_address(struct out *out, uint64_t *state)
{
	if (put_null(out, state))
		return;
	put(out, "\"");
	put(out, PICK(streets, next(state)));
	put(out, " ");
	put_number(out, 1 + next(state) % 300, 0);
	put(out, "\"");
}

static void
put_degrees(struct out *out, uint64_t *state, unsigned low, unsigned span)
{
	put_number(out, low + next(state) % span, 0);
	put(out, ".");
	put_number(out, next(state) % 10000, 4);
}

static void
put_city(struct out *out, uint64_t *state, const char *city)
{
	if (put_null(out, state))
		return;
	put(out, "\"");
	put(out, city);
	if (next(state) % 8 == 0)
		put(out, " Centrum");
	put(out, "\"");
}

/* What a partner says of an accommodation depends on the two alone: a second
 * delivery repeats the first, and peers need not know which one came last. */
static uint64_t
offer_state(uint64_t accommodation, unsigned partner)
{
	return mix(seed ^ mix(accommodation << 8 | partner));
}

static void
put_small(struct out *out, uint64_t accommodation, unsigned partner)
{
	uint64_t state = offer_state(accommodation, partner);
	const char *city = PICK(cities, mix(accommodation ^ seed));

	put_head(out, accommodation, partner);
	put_name(out, &state, city);
	if (next(&state) % 16) {
		put(out, ",\"accommodation_address\":");
		put_address(out, &state);
	}
	put(out, ",\"accommodation_geocodes\":");
	if (!put_null(out, &state)) {
		put(out, "\"");
		put_degrees(out, &state, 35, 30);
		put(out, ",");
		put_degrees(out, &state, 1, 28);
		put(out, "\"");
	}
	put(out, ",\"accommodation_city\":");
	put_city(out, &state, city);
	put(out, "}}");
}

static void
put_strings(struct out *out, uint64_t *state, const char *const list[], size_t len, size_t count)
{
	put(out, "[");
	for (size_t i = 0; i < count; i++) {
		put(out, i ? ",\"" : "\"");
		put(out, list[next(state) % len]);
		put(out, "\"");
	}
	put(out, "]");
}

static void
put_price(struct out *out, uint64_t *state)
{
	put_number(out, 20 + next(state) % 400, 0);
	put(out, ".");
	put_number(out, next(state) % 100, 2);
}

static void
put_rooms(struct out *out, uint64_t *state)
{
	size_t count = 4 + next(state) % 4;

	put(out, "[");
	for (size_t i = 0; i < count; i++) {
		put(out, i ? ",{\"type\":\"" : "{\"type\":\"");
		put(out, PICK(rooms, next(state)));
		put(out, "\",\"beds\":");
		put_strings(out, state, beds, sizeof beds / sizeof *beds, 1 + next(state) % 3);
		put(out, ",\"guests\":");
		put_number(out, 1 + next(state) % 6, 0);
		put(out, ",\"rates\":[");
		for (unsigned rate = 0; rate < 3; rate++) {
			put(out, rate ? ",{\"nights\":" : "{\"nights\":");
			put_number(out, 1 + rate * 3, 0);
			put(out, ",\"price\":");
			put_price(out, state);
			put(out, "}");
		}
		put(out, "]}");
	}
	put(out, "]");
}

static void
put_images(struct out *out, uint64_t *state)
{
	size_t count = 2 + next(state) % 4;

	put(out, "[");
	for (size_t i = 0; i < count; i++) {
		put(out, i ? ",\"https://images.example.com/" : "\"https://images.example.com/");
		put_number(out, next(state) % 1000000000, 9);
		put(out, "/1280x800.jpg\"");
	}
	put(out, "]");
}

static void
put_reviews(struct out *out, uint64_t *state)
{
	size_t count = 7 + next(state) % 6;

	put(out, "[");
	for (size_t i = 0; i < count; i++) {
		put(out, i ? ",{\"score\":" : "{\"score\":");
		put_number(out, 1 + next(state) % 10, 0);
		put(out, ",\"text\":\"");
		put(out, PICK(words, next(state)));
		put(out, ", ");
		put(out, PICK(words, next(state)));
		put(out, "\",\"verified\":");
		put(out, next(state) % 2 ? "true}" : "false}");
	}
	put(out, "]");
}

static void
put_wide(struct out *out, uint64_t accommodation, unsigned partner)
{
	uint64_t state = offer_state(accommodation, partner);
	const char *city = PICK(cities, mix(accommodation ^ seed));

	put_head(out, accommodation, partner);
	put_name(out, &state, city);
	put(out, ",\"accommodation_address\":");
	put_address(out, &state);
	put(out, ",\"accommodation_geocodes\":");
	if (!put_null(out, &state)) {
		put(out, "{\"latitude\":");
		put_degrees(out, &state, 35, 30);
		put(out, ",\"longitude\":");
		put_degrees(out, &state, 1, 28);
		put(out, "}");
	}
	put(out, ",\"accommodation_city\":");
	put_city(out, &state, city);
	put(out, ",\"accommodation_amenities\":");
	if (!put_null(out, &state))
		put_strings(out, &state, amenities, sizeof amenities / sizeof *amenities,
			6 + next(&state) % 10);
	put(out, ",\"accommodation_rooms\":");
	if (!put_null(out, &state))
		put_rooms(out, &state);
	put(out, ",\"accommodation_images\":");
	if (!put_null(out, &state))
		put_images(out, &state);
	put(out, ",\"accommodation_reviews\":");
	if (!put_null(out, &state))
		put_reviews(out, &state);
	put(out, "}}");
}

/* The partners of one accommodation are different ones: 7 and 40 are coprime. */
static unsigned
offer_partner(uint64_t accommodation, uint64_t offer)
{
	return (unsigned)((mix(accommodation ^ seed << 1) + offer * 7) % PARTNERS);
}

static void
put_skew(struct out *out, uint64_t i, uint64_t count)
{
	uint64_t rare = count / 100;
	uint64_t accommodation = i < rare ? HOT + i / SMALL_OFFERS : i % HOT;
	uint64_t offer = i < rare ? i % SMALL_OFFERS : i / HOT;

	put_small(out, accommodation, offer_partner(accommodation, offer));
}

static void
put_list(struct out *out)
{
	for (uint64_t i = 0; i < PARTNERS; i++) {
		put(out, i ? ",\"" : "[\"");
		put_partner(out, (unsigned)permute(i, PARTNERS));
		put(out, "\"");
	}
	put(out, "]\n");
}

static void
put_catalog(struct out *out, const char *kind, uint64_t count)
{
	bool array = !strcmp(kind, "array"), wide = !strcmp(kind, "wide"),
	     skew = !strcmp(kind, "skew");
	uint64_t offers = wide ? WIDE_OFFERS : SMALL_OFFERS;

	for (uint64_t n = 0; n < count; n++) {
		uint64_t i = permute(n, count);

		if (array)
			put(out, !n ? "[" : n % 2 ? "," : ",\n");
		if (skew)
			put_skew(out, i, count);
		else if (wide)
			put_wide(out, i / offers, offer_partner(i / offers, i % offers));
		else
			put_small(out, i / offers, offer_partner(i / offers, i % offers));
		if (!array)
			put(out, "\n");
	}
	if (array)
		put(out, count ? "]\n" : "[]\n");
}

static bool
known(const char *kind)
{
	return !strcmp(kind, "small") || !strcmp(kind, "wide") || !strcmp(kind, "skew") ||
	       !strcmp(kind, "array");
}

static uint64_t
number(const char *text)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (end == text || *end || *text == '-')
		errx(2, "'%s' is not a number", text);
	return n;
}

int
main(int argc, char *argv[])
{
	static struct out out;
	int opt;

	while ((opt = getopt(argc, argv, "s:")) != -1)
		switch (opt) {
		case 's':
			seed = number(optarg);
			break;
		default:
			fputs(usage, stderr);
			return 2;
		}
	argv += optind;
	if (argc - optind == 1 && !strcmp(argv[0], "list"))
		put_list(&out);
	else if (argc - optind == 2 && known(argv[0]))
		put_catalog(&out, argv[0], number(argv[1]));
	else {
		fputs(usage, stderr);
		return 2;
	}
	flush(&out);
	return 0;
}
