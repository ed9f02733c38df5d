#include "io/store.h"

#include "hindered.h"

#include <sys/stat.h>

#define TEXT "text"
#define TEXT_SHA256 "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"

static char directory[64];
static struct store *store;
static bool writer_comes; /* as the file gets its name */

/* ---- the system, hindered */

static void
path_of(const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", directory, name);
}

int
fsync(int fd)
{
	char path[128];

	if (writer_comes) {
		path_of("source", path);
		assert_int_equal(open(path, O_WRONLY | O_NONBLOCK), -1);
	}
	writer_comes = false;
	return (int)syscall(SYS_fsync, fd);
}

/* ---- */

static int
begin(void **state)
{
	struct error e;

	(void)state;
	writer_comes = false;
	no_links = 0;
	named = false;
	store = store_directory.open(unit_path(directory), &(struct store_options){0}, &e);
	return !store || mkdir(directory, 0777) < 0;
}

static int
end(void **state)
{
	char command[128];

	(void)state;
	store_directory.close(store);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

/* Of the object, or 0 where it is not there. */
static ino_t
inode(const char *name)
{
	char path[128];
	struct stat st;

	path_of(name, path);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static enum store_result
put(const char *text, const char *key, enum store_condition condition, struct error *error)
{
	struct store_object object = {.key = key, .bytes = strlen(text), .sha256 = TEXT_SHA256, .is_given = true};
	struct receipt receipt = {0};
	enum store_result result;
	char path[128];
	FILE *file;

	path_of("source", path);
	unlink(path);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	object.fd = open(path, O_RDONLY);
	assert_true(object.fd >= 0);
	result = store_directory.put(store, &object, condition, &receipt, error);
	close(object.fd);
	return result;
}

static void
is_stored(const char *key)
{
	char path[128], *text;

	path_of(key, path);
	text = unit_file(path);
	assert_string_equal(text, TEXT);
	free(text);
}

static void
a_given_file_is_copied_where_it_cannot_be_moved(void **state)
{
	static const char *const keys[] = {"a", "b"};
	struct error e;

	(void)state;
	assert_int_equal(put(TEXT, "moved", STORE_CREATE, &e), STORE_DONE);
	is_stored("moved");
	if (inode("moved") != inode("source"))
		skip(); /* the file system has no leases, or labels its files */
	for (int i = 0; i < 4; i++) {
		no_links = i < 2 ? EXDEV : 0;
		writer_comes = i >= 2;
		assert_int_equal(put(TEXT, keys[i / 2], i % 2 ? STORE_OVERWRITE : STORE_CREATE, &e), STORE_DONE);
		assert_false(no_links || writer_comes);
		is_stored(keys[i / 2]);
		assert_true(inode(keys[i / 2]) != inode("source"));
	}
}

static void
a_given_file_that_is_not_what_it_should_be_is_not_stored(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(put("next", "a", STORE_CREATE, &e), STORE_ERROR);
	assert_int_equal(put("next", "a", STORE_OVERWRITE, &e), STORE_ERROR);
	assert_int_equal(e.status, STATUS_REFUSED);
	assert_string_equal(e.code, "checksum");
	assert_int_equal(inode("a"), 0);
}

static void
nothing_but_the_objects_is_left(void **state)
{
	char command[128];
	struct error e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		named = i;
		assert_int_equal(put(TEXT, i ? "y/z/b" : "x/a", STORE_CREATE, &e), STORE_DONE);
		assert_int_equal(put(TEXT, i ? "y/z/b" : "x/a", STORE_OVERWRITE, &e), STORE_DONE);
	}
	snprintf(command, sizeof(command), "[ $(find '%s' -type f ! -name source | wc -l) -eq 2 ]", directory);
	assert_int_equal(system(command), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_given_file_is_copied_where_it_cannot_be_moved, begin, end),
		cmocka_unit_test_setup_teardown(
			a_given_file_that_is_not_what_it_should_be_is_not_stored, begin, end),
		cmocka_unit_test_setup_teardown(nothing_but_the_objects_is_left, begin, end),
	};

	return TESTS(tests);
}
