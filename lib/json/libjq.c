/* libjq, loaded with the first program. */
#include "base/library.h"

#include <jq.h>
#include <jv.h>

/* NOLINTBEGIN(bugprone-macro-parentheses): they are types, and names that are declared */

#define FUNCTIONS(each)                                                                                             \
	each(jq_init) each(jq_set_nomem_handler) each(jq_set_error_cb) each(jq_set_attr) each(jq_compile_args)      \
		each(jq_start) each(jq_next) each(jq_halted) each(jq_teardown) each(jq_format_error) each(jv_copy)  \
			each(jv_free) each(jv_get_kind) each(jv_null) each(jv_array) each(jv_object)                \
				each(jv_object_set) each(jv_string) each(jv_string_sized) each(jv_string_concat)    \
					each(jv_string_value) each(jv_string_length_bytes) each(jv_invalid_get_msg) \
						each(jv_invalid_has_msg) each(jv_parse_sized) each(jv_dump_string)

LIBRARY("libjq.so.1", FUNCTIONS) /* its ABI since 2015 */

HAND_ON(jq_state *, jq_init, (void), ())
HAND_ON(void, jq_set_nomem_handler, (jq_state * jq, void (*handler)(void *), void *context), (jq, handler, context))
HAND_ON(void, jq_set_error_cb, (jq_state * jq, jq_msg_cb callback, void *context), (jq, callback, context))
HAND_ON(void, jq_set_attr, (jq_state * jq, jv name, jv value), (jq, name, value))
HAND_ON(int, jq_compile_args, (jq_state * jq, const char *program, jv arguments), (jq, program, arguments))
HAND_ON(void, jq_start, (jq_state * jq, jv input, int flags), (jq, input, flags))
HAND_ON(jv, jq_next, (jq_state * jq), (jq))
HAND_ON(int, jq_halted, (jq_state * jq), (jq))
HAND_ON(void, jq_teardown, (jq_state * *jq), (jq))
HAND_ON(jv, jq_format_error, (jv message), (message))
HAND_ON(jv, jv_copy, (jv value), (value))
HAND_ON(void, jv_free, (jv value), (value))
HAND_ON(jv_kind, jv_get_kind, (jv value), (value))
HAND_ON(jv, jv_null, (void), ())
HAND_ON(jv, jv_array, (void), ())
HAND_ON(jv, jv_object, (void), ())
HAND_ON(jv, jv_object_set, (jv object, jv key, jv value), (object, key, value))
HAND_ON(jv, jv_string, (const char *text), (text))
HAND_ON(jv, jv_string_sized, (const char *text, int n), (text, n))
HAND_ON(jv, jv_string_concat, (jv first, jv second), (first, second))
HAND_ON(const char *, jv_string_value, (jv string), (string))
HAND_ON(int, jv_string_length_bytes, (jv string), (string))
HAND_ON(jv, jv_invalid_get_msg, (jv invalid), (invalid))
HAND_ON(int, jv_invalid_has_msg, (jv invalid), (invalid))
HAND_ON(jv, jv_parse_sized, (const char *text, int n), (text, n))
HAND_ON(jv, jv_dump_string, (jv value, int flags), (value, flags))

/* NOLINTEND(bugprone-macro-parentheses) */
