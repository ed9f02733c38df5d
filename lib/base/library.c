#include "base/library.h"

#include "base/command.h"

#include <dlfcn.h>

static void __attribute__((noreturn)) die(const char *what)
{
	struct error error;

	error_set(&error, STATUS_FAILED, "library", "cannot load %s: %s", what, dlerror());
	command_die(&error);
}

void *
library_open(const char *file)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		die(file);
	return library;
}

void *
library_find(void *library, const char *function)
{
	void *found = dlsym(library, function);

	if (!found)
		die(function);
	return found;
}
