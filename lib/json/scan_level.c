/* Which of the scanner's implementations is used. */
#include "json/scan_private.h"

#include <stdlib.h>

struct scan_means scan_means = {NULL, "plain"};
static bool chosen;

static struct scan_means
best_means(enum scan_level level)
{
	if (level == SCAN_PLAIN)
		return (struct scan_means){NULL, "plain"};
#if defined(__x86_64__)
	if (level == SCAN_SIMD && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2"))
		return (struct scan_means){scan_index_avx512, "avx512"};
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("bmi"))
		return (struct scan_means){scan_index_avx2, "avx2"};
#elif defined(__aarch64__)
	return (struct scan_means){scan_index_neon, "neon"};
#endif
	return (struct scan_means){NULL, "plain"};
}

void
scan_level(enum scan_level level)
{
	const char *asked = getenv("ACC_SIMD");

	if (asked && strcmp(asked, "off") == 0)
		level = SCAN_PLAIN;
	else if (asked && strcmp(asked, "avx2") == 0 && level == SCAN_SIMD)
		level = SCAN_SIMD_NARROW;
	scan_means = best_means(level);
	chosen = true;
}

__attribute__((constructor)) static void
choose_means(void)
{
	if (!chosen)
		scan_level(SCAN_SIMD);
}

const char *
scan_level_name(void)
{
	return scan_means.name;
}
