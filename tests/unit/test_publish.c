#include "io/publish.h"

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static char directory[64];
static int directory_fd;
static bool named; /* as where the file system knows no files without a name */
static int n_synced;

/* ---- the system, seen and hindered */

int
openat(int fd, const char *path, int flags, ...)
{
	mode_t mode;
	va_list list;

	va_start(list, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
	va_end(list);
	if (named && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return (int)syscall(SYS_openat, fd, path, flags, mode);
}

int
fsync(int fd)
{
	n_synced++;
	return (int)syscall(SYS_fsync, fd);
}

/* ---- */

static int
begin(void **state)
{
	struct error e;

	(void)state;
	named = false;
	unit_path(directory);
	directory_fd = publish_directory(directory, false, &e);
	return directory_fd < 0;
}

static int
names(void)
{
	DIR *d = opendir(directory);
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static int
end(void **state)
{
	char command[128];

	(void)state;
	close(directory_fd);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

static void
write_file(struct publication *p, const char *text)
{
	struct error e;

	assert_int_equal(publish_open(p, directory_fd, directory, &e), 0);
	assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
	assert_int_equal(publish_sync(p, &e), 0);
}

static void
content_is(const char *name, const char *expected)
{
	char path[200], *text;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	text = unit_file(path);
	assert_string_equal(text, expected);
	free(text);
}

static void
nothing_has_the_name_before_it_is_linked(void **state)
{
	static const char *const linked[] = {"nameless", "named"};
	struct publication p;
	struct error e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		named = i;
		write_file(&p, "text");
		assert_int_equal(faccessat(directory_fd, linked[i], F_OK, 0), -1);
		assert_int_equal(publish_link(&p, linked[i], &e), 1);
		assert_int_equal(p.fd, -1);
		publish_abandon(&p);
		content_is(linked[i], "text");
		assert_int_equal(names(), i + 1);
	}
}

static void
a_name_that_is_taken_stays_and_another_can_be_tried(void **state)
{
	struct publication p;
	struct error e;

	(void)state;
	assert_int_equal(symlinkat("/nonexistent", directory_fd, "taken"), 0);
	for (int i = 0; i < 2; i++) {
		char free_name[] = {'f', (char)('0' + i), '\0'};

		named = i;
		write_file(&p, "mine");
		assert_int_equal(publish_link(&p, "taken", &e), 0);
		assert_int_equal(publish_link(&p, "taken", &e), 0);
		assert_int_equal(publish_link(&p, free_name, &e), 1);
		publish_abandon(&p);
		content_is(free_name, "mine");
	}
	assert_int_equal(names(), 3);
}

static void
replacing_takes_the_place_of_a_link_not_of_its_target(void **state)
{
	struct publication p;
	struct error e;

	(void)state;
	write_file(&p, "precious");
	assert_int_equal(publish_link(&p, "target", &e), 1);
	for (int i = 0; i < 2; i++) {
		named = i;
		unlinkat(directory_fd, "link", 0);
		assert_int_equal(symlinkat("target", directory_fd, "link"), 0);
		write_file(&p, "mine");
		assert_int_equal(names(), p.temporary ? 3 : 2);
		assert_int_equal(publish_replace(&p, "link", &e), 1);
		publish_abandon(&p);
		content_is("link", "mine");
		content_is("target", "precious");
		assert_int_equal(names(), 2);
	}
}

static void
what_is_written_has_no_name_while_it_could_be_left_behind(void **state)
{
	struct publication p;
	int fd = openat(directory_fd, ".", O_TMPFILE | O_RDWR, 0600);

	(void)state;
	if (fd < 0)
		skip(); /* the file system knows no such files */
	close(fd);
	write_file(&p, "text");
	assert_int_equal(names(), 0);
	publish_abandon(&p);
}

static void
abandoning_leaves_nothing(void **state)
{
	struct publication p;

	(void)state;
	for (int i = 0; i < 2; i++) {
		named = i;
		write_file(&p, "text");
		publish_abandon(&p);
		publish_abandon(&p);
		assert_int_equal(names(), 0);
	}
}

static void
directories_are_made_but_links_below_are_not_followed(void **state)
{
	struct error e;
	int fd;

	(void)state;
	fd = publish_directory_at(directory_fd, "a//b/c/", &e);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(faccessat(directory_fd, "a/b/c", F_OK, 0), 0);
	assert_int_equal(symlinkat("a", directory_fd, "link"), 0);
	assert_int_equal(publish_directory_at(directory_fd, "link/b", &e), -1);
	assert_int_equal(e.status, STATUS_REFUSED);
	fd = publish_directory_at(directory_fd, "", &e);
	assert_true(fd >= 0);
	close(fd);
}

static void
the_names_of_new_directories_are_on_the_disk(void **state)
{
	struct error e;
	char path[80];
	int fd;

	(void)state;
	n_synced = 0;
	close(publish_directory_at(directory_fd, "a/b", &e));
	assert_int_equal(n_synced, 2); /* where a is, and a */
	close(publish_directory_at(directory_fd, "a/b", &e));
	assert_int_equal(n_synced, 2);
	snprintf(path, sizeof(path), "%s/c/d", directory);
	fd = publish_directory(path, true, &e);
	assert_true(fd >= 0);
	assert_int_equal(n_synced, 4);
	close(fd);
}

static void
leave(const char *name, time_t age)
{
	struct timespec then[] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
	int fd = openat(directory_fd, name, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(utimensat(directory_fd, name, then, 0), 0);
}

static void
what_killed_ones_left_is_swept(void **state)
{
	struct publication p;
	struct timespec then[] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct error e;

	(void)state;
	leave(".acc-0123456789abcdef.tmp", 3700);
	leave(".acc-0123456789abcde0.tmp", 60);
	leave(".acc-0123456789abcdefg.tmp", 3700);
	leave("acc-0123456789abcdef.tmp", 3700);
	named = true;
	write_file(&p, "slowly");
	assert_int_equal(utimensat(directory_fd, p.temporary, then, 0), 0);
	publish_sweep(directory_fd);
	assert_int_equal(names(), 4);
	assert_int_equal(faccessat(directory_fd, ".acc-0123456789abcdef.tmp", F_OK, 0), -1);
	assert_int_equal(publish_link(&p, "whole", &e), 1);
	publish_abandon(&p);
	content_is("whole", "slowly");
}

static void
files_have_the_mode_that_the_umask_leaves(void **state)
{
	mode_t before = umask(027);
	struct publication p;
	struct stat st;
	struct error e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		char name[] = {'m', (char)('0' + i), '\0'};

		named = i;
		write_file(&p, "");
		assert_int_equal(publish_link(&p, name, &e), 1);
		publish_abandon(&p);
		assert_int_equal(fstatat(directory_fd, name, &st, 0), 0);
		assert_int_equal(st.st_mode & 0777, 0640);
	}
	umask(before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			nothing_has_the_name_before_it_is_linked, begin, end),
		cmocka_unit_test_setup_teardown(
			a_name_that_is_taken_stays_and_another_can_be_tried, begin, end),
		cmocka_unit_test_setup_teardown(
			replacing_takes_the_place_of_a_link_not_of_its_target, begin, end),
		cmocka_unit_test_setup_teardown(
			what_is_written_has_no_name_while_it_could_be_left_behind, begin, end),
		cmocka_unit_test_setup_teardown(
			the_names_of_new_directories_are_on_the_disk, begin, end),
		cmocka_unit_test_setup_teardown(what_killed_ones_left_is_swept, begin, end),
		cmocka_unit_test_setup_teardown(abandoning_leaves_nothing, begin, end),
		cmocka_unit_test_setup_teardown(
			directories_are_made_but_links_below_are_not_followed, begin, end),
		cmocka_unit_test_setup_teardown(
			files_have_the_mode_that_the_umask_leaves, begin, end),
	};

	return TESTS(tests);
}
