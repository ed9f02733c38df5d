/* store_directory - a directory as a store: written beside, synced, then linked into place. */
#include "base/memory.h"
#include "base/message.h"
#include "io/path.h"
#include "io/publish.h"
#include "io/store.h"
#include "io/uri.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	dev_t device;
	ino_t inode;
};

struct directory {
	struct store store;
	char *path;          /* as given, decoded */
	char *real;          /* absolute, without links, for addresses */
	int fd;              /* -1 until the first put */
	struct place *swept; /* the directories in which nothing stale is left; owned */
	size_t n_swept;
	pthread_mutex_t mutex; /* of fd and swept */
};

static struct store *
directory_open(const char *destination, const struct store_options *options, struct error *error)
{
	char *path = uri_local_path(destination, error);
	struct directory *d;

	if (!path) {
		error->status = STATUS_USAGE;
		return NULL;
	}
	d = memory_get_zeroed(1, sizeof(*d));
	d->store.class = &store_directory;
	d->path = path;
	d->real = path_resolve(path);
	d->fd = -1;
	pthread_mutex_init(&d->mutex, NULL);
	if (options->sse || options->storage_class || options->content_type || options->tags.n || options->metadata.n)
		message(MESSAGE_NOTE, "'%s' is a directory: options for object stores have no effect", path);
	return &d->store;
}

static void
directory_close(struct store *store)
{
	struct directory *d = (struct directory *)store;

	if (d->fd >= 0)
		close(d->fd);
	pthread_mutex_destroy(&d->mutex);
	free(d->path);
	free(d->real);
	free(d->swept);
	free(d);
}

static char *
directory_uri(struct store *store, const char *key)
{
	struct directory *d = (struct directory *)store;
	struct buffer path = {0}, uri = {0};

	buffer_add_string(&path, strcmp(d->real, "/") == 0 ? "" : d->real);
	for (const char *c = key; *c; c++)
		if (*c != '/' || c[1] != '/') {
			if (c == key && *c != '/')
				buffer_add_byte(&path, '/');
			buffer_add_byte(&path, *c);
		}
	uri_add_file(&uri, buffer_string(&path));
	buffer_free(&path);
	return buffer_give(&uri);
}

static int
directory_check_key(struct store *store, const char *key, struct error *error)
{
	const char *segment = key, *end;
	bool bad = !*key || key[strlen(key) - 1] == '/';

	(void)store;
	for (; !bad && segment; segment = end ? end + 1 : NULL) {
		size_t n = (end = strchr(segment, '/')) ? (size_t)(end - segment) : strlen(segment);

		bad = (n == 1 && segment[0] == '.') || (n == 2 && segment[0] == '.' && segment[1] == '.');
	}
	if (bad)
		return error_set(error, STATUS_REFUSED, "bad-key",
			"the key '%s' does not name a file inside the destination", key);
	return 0;
}

static int
root(struct directory *d, struct error *error)
{
	int fd;

	pthread_mutex_lock(&d->mutex);
	if (d->fd < 0)
		d->fd = publish_directory(d->path, true, error);
	fd = d->fd;
	pthread_mutex_unlock(&d->mutex);
	return fd;
}

static void
sweep_once(struct directory *d, int parent)
{
	struct stat st;
	bool done = fstat(parent, &st) < 0;

	pthread_mutex_lock(&d->mutex);
	for (size_t i = 0; !done && i < d->n_swept; i++)
		done = d->swept[i].device == st.st_dev && d->swept[i].inode == st.st_ino;
	if (!done) {
		d->swept = memory_resize(d->swept, d->n_swept + 1, sizeof(*d->swept));
		d->swept[d->n_swept++] = (struct place){st.st_dev, st.st_ino};
	}
	pthread_mutex_unlock(&d->mutex);
	if (!done)
		publish_sweep(parent);
}

static int
open_parent(struct directory *d, const char *key, struct error *error)
{
	int fd = root(d, error), parent;
	char *path;

	if (fd < 0)
		return -1;
	path = memory_copy(key, (size_t)(basename(key) - key));
	parent = publish_directory_at(fd, path, error);
	free(path);
	if (parent >= 0)
		sweep_once(d, parent);
	return parent;
}

/* 1 published, 0 taken, -1. */
static int
publish(struct publication *p, const struct store_object *object, enum store_condition condition, struct error *error)
{
	char hex[DIGEST_HEX_SIZE];
	const char *name = basename(object->key);

	if (digest_file(object->fd, p->fd, hex, error) < 0)
		return -1;
	if (strcmp(hex, object->sha256) != 0)
		return error_set(error, STATUS_REFUSED, "checksum",
			"its sha256 is not what the manifest says; it stays where it is");
	if (publish_sync(p, error) < 0)
		return -1;
	return condition == STORE_OVERWRITE ? publish_replace(p, name, error) : publish_link(p, name, error);
}

static enum store_result
put_into(int parent, struct directory *d, const struct store_object *object, enum store_condition condition,
	struct error *error)
{
	char *directory = memory_format("%s/%.*s", d->path, (int)(basename(object->key) - object->key), object->key);
	struct publication p;
	int published;

	published = publish_open(&p, parent, directory, error);
	if (published == 0)
		published = publish(&p, object, condition, error);
	publish_abandon(&p);
	if (published > 0 && publish_sync_names(parent) < 0)
		published = error_system(error, "cannot write to '%s'", directory);
	free(directory);
	return published < 0 ? STORE_ERROR : published ? STORE_DONE : STORE_TAKEN;
}

static void
close_keeping_errno(int fd)
{
	int cause = errno;

	close(fd);
	errno = cause;
}

static bool
is_there(int parent, const char *name)
{
	struct stat st;

	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum store_result
directory_put(struct store *store, const struct store_object *object, enum store_condition condition,
	struct receipt *receipt, struct error *error)
{
	struct directory *d = (struct directory *)store;
	enum store_result result;
	int parent;

	(void)receipt;
	parent = open_parent(d, object->key, error);
	if (parent < 0)
		return STORE_ERROR;
	if (condition == STORE_CREATE && is_there(parent, basename(object->key)))
		result = STORE_TAKEN; /* spares the copy; linking decides */
	else
		result = put_into(parent, d, object, condition, error);
	close(parent);
	return result;
}

static enum store_presence
compare(int fd, const struct store_object *object, struct error *error)
{
	char hex[DIGEST_HEX_SIZE];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_system(error, "cannot read what has the key '%s'", object->key), STORE_UNKNOWN;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != object->bytes)
		return STORE_OTHER;
	if (digest_file(fd, -1, hex, error) < 0)
		return STORE_UNKNOWN;
	return strcmp(hex, object->sha256) == 0 ? STORE_SAME : STORE_OTHER;
}

/* The directory of the key below the one that is put into, whatever has its name by now; -1 with errno. */
static int
find_parent(struct directory *d, const char *key)
{
	char *names = memory_copy(key, (size_t)(basename(key) - key)), *rest = NULL;
	int fd, next;

	pthread_mutex_lock(&d->mutex);
	fd = d->fd >= 0 ? fcntl(d->fd, F_DUPFD_CLOEXEC, 0) : open(d->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	pthread_mutex_unlock(&d->mutex);
	for (char *name = strtok_r(names, "/", &rest); name && fd >= 0; name = strtok_r(NULL, "/", &rest)) {
		next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close_keeping_errno(fd);
		fd = next;
	}
	free(names);
	return fd;
}

static enum store_presence
look_at(int parent, const struct store_object *object, struct error *error)
{
	int fd = openat(parent, basename(object->key), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	enum store_presence presence;

	if (fd < 0 && errno == ENOENT)
		return STORE_ABSENT;
	if (fd < 0 && errno != ELOOP && errno != EACCES && errno != EPERM && errno != ENXIO)
		return error_system(error, "cannot open what has the key '%s'", object->key), STORE_UNKNOWN;
	if (fd < 0)
		return STORE_OTHER; /* a link, or not ours to read */
	presence = compare(fd, object, error);
	close(fd);
	return presence;
}

static enum store_presence
directory_look(struct store *store, const struct store_object *object, struct receipt *receipt, struct error *error)
{
	int parent = find_parent((struct directory *)store, object->key);
	enum store_presence presence;

	(void)receipt;
	if (parent < 0 && (errno == ENOENT || errno == ENOTDIR))
		return STORE_ABSENT;
	if (parent < 0)
		return error_system(error, "cannot open the directory of the key '%s'", object->key), STORE_UNKNOWN;
	presence = look_at(parent, object, error);
	close(parent);
	return presence;
}

const struct store_class store_directory = {
	"file",
	directory_open,
	directory_close,
	directory_check_key,
	directory_uri,
	directory_put,
	directory_look,
};
