/* library - a shared library that is loaded when it is first needed, so that a command that does without it starts
 * sooner.
 *
 * One file takes the library's place: it names the functions that are called, and defines each under its own name, so
 * that the callers know nothing of it. Any thread may call the functions; where the library cannot be loaded, or lacks
 * one of them, the first call ends the command.
 *
 *     #define FUNCTIONS(each) each(jv_copy) each(jv_free)
 *     LIBRARY("libjq.so.1", FUNCTIONS)
 *     HAND_ON(jv, jv_copy, (jv value), (value))
 *     HAND_ON(void, jv_free, (jv value), (value)) */
#ifndef ACC_BASE_LIBRARY_H
#define ACC_BASE_LIBRARY_H

#include <pthread.h>

void *library_open(const char *file);                    /* ends the command where it cannot be loaded */
void *library_find(void *library, const char *function); /* ends it where there is none; for a pointer to it */

/* NOLINTBEGIN(bugprone-macro-parentheses): they are types, and names that are declared */

#define LIBRARY(file, functions)                          \
	static struct {                                   \
		functions(LIBRARY_MEMBER)                 \
	} theirs;                                         \
	static pthread_once_t loaded = PTHREAD_ONCE_INIT; \
	static void load(void)                            \
	{                                                 \
		void *library = library_open(file);       \
		functions(LIBRARY_FIND)                   \
	}
#define LIBRARY_MEMBER(name) __typeof__(name) *name;
#define LIBRARY_FIND(name) *(void **)&theirs.name = library_find(library, #name);

#define HAND_ON(result, name, parameters, arguments) \
	result name parameters                       \
	{                                            \
		pthread_once(&loaded, load);         \
		return theirs.name arguments;        \
	}

/* NOLINTEND(bugprone-macro-parentheses) */

#endif
