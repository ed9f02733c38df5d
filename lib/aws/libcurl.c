/* libcurl, loaded with the first request. With what it needs it is some thirty libraries; to load them at the start
 * would take most of the time of a command that has little to do, or only files to do it with. */
#include "base/library.h"

#include <curl/curl.h>
#include <stdarg.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

/* NOLINTBEGIN(bugprone-macro-parentheses): they are types, and names that are declared */

#define FUNCTIONS(each)                                                                                               \
	each(curl_global_init) each(curl_getdate) each(curl_easy_init) each(curl_easy_cleanup) each(curl_easy_setopt) \
		each(curl_easy_getinfo) each(curl_easy_pause) each(curl_easy_strerror) each(curl_multi_init)          \
			each(curl_multi_cleanup) each(curl_multi_setopt) each(curl_multi_strerror)                    \
				each(curl_multi_add_handle) each(curl_multi_remove_handle) each(curl_multi_perform)   \
					each(curl_multi_poll) each(curl_multi_info_read)

LIBRARY("libcurl.so.4", FUNCTIONS) /* its ABI since 2006 */

HAND_ON(CURLcode, curl_global_init, (long flags), (flags))
HAND_ON(time_t, curl_getdate, (const char *text, const time_t *unused), (text, unused))
HAND_ON(CURL *, curl_easy_init, (void), ())
HAND_ON(void, curl_easy_cleanup, (CURL * easy), (easy))
HAND_ON(CURLcode, curl_easy_pause, (CURL * easy, int what), (easy, what))
HAND_ON(const char *, curl_easy_strerror, (CURLcode code), (code))
HAND_ON(CURLM *, curl_multi_init, (void), ())
HAND_ON(CURLMcode, curl_multi_cleanup, (CURLM * multi), (multi))
HAND_ON(const char *, curl_multi_strerror, (CURLMcode code), (code))
HAND_ON(CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL *easy), (multi, easy))
HAND_ON(CURLMcode, curl_multi_remove_handle, (CURLM * multi, CURL *easy), (multi, easy))
HAND_ON(CURLMcode, curl_multi_perform, (CURLM * multi, int *running), (multi, running))
HAND_ON(CURLMcode, curl_multi_poll, (CURLM * multi, struct curl_waitfd *more, unsigned n, int ms, int *ready),
	(multi, more, n, ms, ready))
HAND_ON(CURLMsg *, curl_multi_info_read, (CURLM * multi, int *left), (multi, left))

/* What is set or asked for is a long, a pointer or a curl_off_t: one is passed on as the other. */
_Static_assert(sizeof(long) == sizeof(void *) && sizeof(curl_off_t) == sizeof(void *), "passed on as a pointer");

#define HAND_ON_VALUE(result, name, handle, what)      \
	result name(handle *on, what option, ...)      \
	{                                              \
		va_list list;                          \
		void *value;                           \
		va_start(list, option);                \
		value = va_arg(list, void *);          \
		va_end(list);                          \
		pthread_once(&loaded, load);           \
		return theirs.name(on, option, value); \
	}

HAND_ON_VALUE(CURLcode, curl_easy_setopt, CURL, CURLoption)
HAND_ON_VALUE(CURLcode, curl_easy_getinfo, CURL, CURLINFO)
HAND_ON_VALUE(CURLMcode, curl_multi_setopt, CURLM, CURLMoption)

/* NOLINTEND(bugprone-macro-parentheses) */
