#include "io/publish.h"

#include "hindered.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>

static char directory[64];
static int directory_fd;
static int n_synced;

/* ---- the system, seen and hindered */

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
	no_links = 0;
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

/* ---- files that are there already */

static int
finished(const char *name, const char *text)
{
	int fd = openat(directory_fd, name, O_CREAT | O_EXCL | O_WRONLY, 0666);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return openat(directory_fd, name, O_RDONLY);
}

static struct stat
stat_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static bool
adopt(struct publication *p, int fd)
{
	struct publish_model model;

	publish_learn(&model, directory_fd, directory);
	return publish_adopt(p, directory_fd, directory, fd, &model);
}

static void
adopt_or_skip(struct publication *p, int fd)
{
	if (adopt(p, fd))
		return;
	close(fd);
	skip(); /* the file system has no leases, or labels its files */
}

static void
a_finished_file_is_moved_as_it_is(void **state)
{
	struct publication p;
	struct error e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		char old[] = {'o', (char)('0' + i), '\0'}, new[] = {'n', (char)('0' + i), '\0'};
		int fd = finished(old, "text");

		named = i;
		adopt_or_skip(&p, fd);
		assert_int_equal(names(), 2 * i + 1);
		assert_int_equal(publish_sync(&p, &e), 0);
		assert_int_equal(publish_link(&p, old, &e), 0);
		assert_int_equal(publish_link(&p, new, &e), 1);
		publish_abandon(&p);
		close(fd);
		content_is(new, "text");
		assert_int_equal(stat_of(new).st_ino, stat_of(old).st_ino);
		assert_int_equal(names(), 2 * i + 2);
	}
}

static void
a_moved_file_replaces_a_link_not_its_target_and_itself_without_a_trace(void **state)
{
	static const char *const replaced[] = {"link", "mine"};
	struct publication p;
	struct error e;
	int fd = finished("target", "precious");

	(void)state;
	close(fd);
	assert_int_equal(symlinkat("target", directory_fd, "link"), 0);
	for (int i = 0; i < 2; i++) {
		fd = finished("mine", "mine");
		adopt_or_skip(&p, fd);
		assert_int_equal(publish_sync(&p, &e), 0);
		assert_int_equal(publish_replace(&p, replaced[i], &e), 1);
		publish_abandon(&p);
		content_is(replaced[i], "mine");
		content_is("target", "precious");
		assert_int_equal(stat_of(replaced[i]).st_ino, stat_of("mine").st_ino);
		assert_int_equal(names(), 3);
		close(fd);
		unlinkat(directory_fd, "mine", 0);
	}
}

static void
the_file_that_was_read_is_moved_whatever_has_its_name_by_now(void **state)
{
	struct publication p;
	struct error e;
	int fd = finished("old", "read");

	(void)state;
	adopt_or_skip(&p, fd);
	assert_int_equal(publish_sync(&p, &e), 0);
	assert_int_equal(renameat(directory_fd, "old", directory_fd, "older"), 0);
	close(finished("old", "other"));
	assert_int_equal(publish_link(&p, "new", &e), 1);
	content_is("new", "read");
	publish_abandon(&p);
	close(fd);
}

static void
is_not_moved(int fd)
{
	struct publication p;

	assert_false(adopt(&p, fd));
	close(fd);
}

static void
what_has_another_name_or_a_writer_or_attributes_is_not_moved(void **state)
{
	int fd = finished("a", ""), writer;

	(void)state;
	assert_int_equal(linkat(directory_fd, "a", directory_fd, "b", 0), 0);
	is_not_moved(fd);
	fd = finished("c", "");
	writer = openat(directory_fd, "c", O_WRONLY);
	is_not_moved(fd);
	close(writer);
	fd = finished("d", "");
	if (fsetxattr(fd, "user.acc", "x", 1, 0) == 0)
		is_not_moved(fd);
	else
		close(fd);
}

static void
what_is_on_another_file_system_is_not_moved(void **state)
{
	char path[] = "/dev/shm/acc-unit-XXXXXX";
	struct publication p;
	struct stat here, there;
	bool moved;
	int fd;

	(void)state;
	if (stat("/dev/shm", &there) < 0 || fstat(directory_fd, &here) < 0 || here.st_dev == there.st_dev)
		skip();
	close(mkstemp(path));
	fd = open(path, O_RDONLY);
	moved = adopt(&p, fd);
	close(fd);
	unlink(path);
	assert_true(fd >= 0);
	assert_false(moved);
}

static void
what_somebody_else_has_is_not_moved(void **state)
{
	int fd = finished("a", "");

	(void)state;
	if (fchown(fd, 1234, (gid_t)-1) < 0) {
		close(fd);
		skip(); /* needs root */
	}
	is_not_moved(fd);
	fd = finished("b", "");
	assert_int_equal(fchown(fd, (uid_t)-1, 1234), 0);
	is_not_moved(fd);
}

static void
who_opens_a_file_for_writing_keeps_it_from_being_moved(void **state)
{
	struct publication p;
	struct error e;
	int fd, writer;

	(void)state;
	for (int i = 0; i < 2; i++) {
		char name[] = {'o', (char)('0' + i), '\0'};

		fd = finished(name, "text");
		adopt_or_skip(&p, fd);
		assert_int_equal(publish_sync(&p, &e), 0);
		assert_int_equal(openat(directory_fd, name, O_WRONLY | O_NONBLOCK), -1); /* and a signal */
		assert_int_equal((i ? publish_replace : publish_link)(&p, "new", &e), PUBLISH_COPY);
		publish_abandon(&p);
		assert_int_equal(names(), i + 1);
		writer = openat(directory_fd, name, O_WRONLY | O_NONBLOCK);
		assert_true(writer >= 0);
		close(writer);
		close(fd);
	}
}

static void
a_file_that_gets_no_second_name_is_to_be_copied(void **state)
{
	static const int why[] = {EXDEV, EPERM, EMLINK, EOPNOTSUPP, ENOENT};
	struct publication p;
	struct error e;
	int fd = finished("old", "text");

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(why) / sizeof(why[0]); i++) {
		no_links = 0;
		adopt_or_skip(&p, fd);
		assert_int_equal(publish_sync(&p, &e), 0);
		no_links = why[i / 2];
		assert_int_equal((i % 2 ? publish_replace : publish_link)(&p, "new", &e), PUBLISH_COPY);
		publish_abandon(&p);
		assert_int_equal(names(), 1);
	}
	close(fd);
}

static void
a_moved_file_gets_the_mode_and_the_time_of_a_new_one(void **state)
{
	const struct timespec then[] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct publication p;
	struct error e;
	int fd = finished("old", "text");
	mode_t before = umask(027);

	(void)state;
	assert_int_equal(fchmod(fd, 04755), 0);
	assert_int_equal(futimens(fd, then), 0);
	adopt_or_skip(&p, fd);
	umask(before);
	assert_int_equal(publish_sync(&p, &e), 0);
	assert_int_equal(publish_link(&p, "new", &e), 1);
	publish_abandon(&p);
	assert_int_equal(stat_of("new").st_mode & 07777, 0640);
	assert_in_range(stat_of("new").st_mtime, time(NULL) - 60, time(NULL));
	close(fd);
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
		cmocka_unit_test_setup_teardown(
			a_finished_file_is_moved_as_it_is, begin, end),
		cmocka_unit_test_setup_teardown(
			a_moved_file_replaces_a_link_not_its_target_and_itself_without_a_trace, begin, end),
		cmocka_unit_test_setup_teardown(
			the_file_that_was_read_is_moved_whatever_has_its_name_by_now, begin, end),
		cmocka_unit_test_setup_teardown(
			what_has_another_name_or_a_writer_or_attributes_is_not_moved, begin, end),
		cmocka_unit_test_setup_teardown(
			what_is_on_another_file_system_is_not_moved, begin, end),
		cmocka_unit_test_setup_teardown(what_somebody_else_has_is_not_moved, begin, end),
		cmocka_unit_test_setup_teardown(
			who_opens_a_file_for_writing_keeps_it_from_being_moved, begin, end),
		cmocka_unit_test_setup_teardown(
			a_file_that_gets_no_second_name_is_to_be_copied, begin, end),
		cmocka_unit_test_setup_teardown(
			a_moved_file_gets_the_mode_and_the_time_of_a_new_one, begin, end),
	};

	return TESTS(tests);
}
