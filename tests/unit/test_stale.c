#include "io/stale.h"

#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

static char directory[64];

static int
begin(void **state)
{
	(void)state;
	unit_path(directory);
	return mkdir(directory, 0700);
}

static int
end(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

static int
make(const char *name, mode_t mode)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (S_ISDIR(mode)) {
		assert_int_equal(mkdir(path, mode & 0777), 0);
		fd = open(path, O_RDONLY);
	} else {
		fd = open(path, O_RDWR | O_CREAT | O_EXCL, mode & 0777);
	}
	assert_true(fd >= 0);
	return fd;
}

static bool
is_there(const char *name)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return lstat(path, &st) == 0;
}

static void
what_nobody_has_goes(void **state)
{
	(void)state;
	close(make("spool.abcdef", S_IFDIR | 0700));
	close(make("spool.abcdef/files", S_IFDIR | 0755));
	close(make("spool.abcdef/files/a", 0444));
	close(make("spool.abcdef/manifest", 0600));
	close(make("spool.backup", S_IFDIR | 0700));
	close(make("spool.backup/precious", 0600));
	close(make("spool.config", S_IFDIR | 0700));
	close(make("spool.config/manifest", S_IFDIR | 0700));
	close(make("spool.abcdeg", S_IFDIR | 0755));
	close(make("spool.abcdeh", 0700));
	close(make("spool.abcdefg", S_IFDIR | 0700));
	close(make("spool.abcde", S_IFDIR | 0700));
	close(make("spool.abc-ef", S_IFDIR | 0700));
	assert_int_equal(stale_remove(directory, "spool.", "manifest"), 1);
	assert_false(is_there("spool.abcdef"));
	assert_true(is_there("spool.backup/precious"));
	assert_true(is_there("spool.config/manifest"));
	assert_true(is_there("spool.abcdeg"));
	assert_true(is_there("spool.abcdeh"));
	assert_int_equal(stale_remove("/no/such/directory", "spool.", "manifest"), 0);
}

static void
what_somebody_has_stays(void **state)
{
	int spool = make("spool.owned0", S_IFDIR | 0700), heir = dup(spool);

	(void)state;
	close(make("spool.owned0/manifest", 0600));
	assert_true(stale_claim(spool));
	assert_int_equal(stale_remove(directory, "spool.", "manifest"), 0);
	close(spool);
	assert_int_equal(stale_remove(directory, "spool.", "manifest"), 0);
	close(heir);
	assert_int_equal(stale_remove(directory, "spool.", "manifest"), 1);
}

static void
what_went_before_it_was_claimed_is_told(void **state)
{
	int spool = make("spool.early0", S_IFDIR | 0700), other;
	char path[200];

	(void)state;
	snprintf(path, sizeof(path), "%s/spool.early0", directory);
	assert_int_equal(stale_remove(directory, "spool.", "manifest"), 0); /* it is too young */
	assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){{1000, 0}, {1000, 0}}, 0), 0);
	other = open(path, O_RDONLY);
	assert_int_equal(flock(other, LOCK_EX), 0); /* somebody is about to remove it */
	assert_false(stale_claim(spool));
	close(other);
	assert_int_equal(stale_remove(directory, "spool.", "manifest"), 1);
	assert_false(stale_claim(spool));
	close(spool);
}

static void
a_spool_that_cannot_be_emptied_stays(void **state)
{
	char name[200] = "spool.deepen";

	(void)state;
	for (int i = 0; i < 12; i++) {
		close(make(name, S_IFDIR | 0700));
		strcat(name, "/d");
	}
	assert_int_equal(stale_remove(directory, "spool.", "manifest"), 0);
	assert_true(is_there("spool.deepen"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_nobody_has_goes, begin, end),
		cmocka_unit_test_setup_teardown(what_somebody_has_stays, begin, end),
		cmocka_unit_test_setup_teardown(what_went_before_it_was_claimed_is_told, begin, end),
		cmocka_unit_test_setup_teardown(a_spool_that_cannot_be_emptied_stays, begin, end),
	};

	return TESTS(tests);
}
