/* SPDX-License-Identifier: BSD-3-Clause */
/* Files in data_dir: their paths, and what is said when a disk does not take all of one. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "db/datafile.h"
#include "schema/name_key.h"

#define LIMIT 10

static char folder[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/im-datafile-XXXXXX");
	assert_non_null(mkdtemp(folder));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(folder); /* fails if anything was left behind */
}

/* From here on, files take so many bytes and no more, like a disk that is full. */
static void files_take(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_path_is_whole_or_none(void **state)
{
	char path[DATAFILE_PATH], long_name[DATAFILE_PATH];
	struct im_buf why;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(datafile_path("/var/lib/im", "a.key", path, &why), IM_OK);
	assert_string_equal(path, "/var/lib/im/a.key");
	memset(long_name, 'x', sizeof(long_name));
	/* With "/a.key" and its end it just fits, and then does not. */
	long_name[DATAFILE_PATH - 7] = '\0';
	assert_int_equal(datafile_path(long_name, "a.key", path, &why), IM_OK);
	assert_int_equal(strlen(path), DATAFILE_PATH - 1);
	assert_int_equal(why.n, 0);
	long_name[DATAFILE_PATH - 7] = 'x';
	long_name[DATAFILE_PATH - 6] = '\0';
	assert_int_equal(datafile_path(long_name, "a.key", path, &why), IM_E_FORMAT);
	im_buf_c(&why, '\0');
	assert_string_equal(why.p, "data_dir is too long");
	im_buf_free(&why);
}

/* Whatever failed before has nothing to do with it. */
static void what_goes_in_only_in_part_is_a_full_disk(void **state)
{
	char path[DATAFILE_PATH], have[2 * LIMIT];
	struct im_buf why;
	int fd;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(datafile_path(folder, "some", path, &why), IM_OK);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	files_take(LIMIT);
	errno = ENOENT;
	assert_int_equal(datafile_write(fd, "0123456789abcdef", 16), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(pread(fd, have, sizeof(have), 0), LIMIT);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(datafile_write(fd, "0123456789", LIMIT), 0);
	assert_int_equal(pread(fd, have, sizeof(have), 0), LIMIT);
	assert_memory_equal(have, "0123456789", LIMIT);
	/* Beyond the limit nothing goes in: that has a reason of its own. */
	assert_int_equal(datafile_write(fd, "x", 1), -1);
	assert_int_equal(errno, EFBIG);
	files_take(RLIM_INFINITY);
	close(fd);
	unlink(path);
	im_buf_free(&why);
}

static void files_and_folders_are_synced_by_name(void **state)
{
	char path[DATAFILE_PATH];
	struct im_buf why;
	int fd;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(datafile_path(folder, "some", path, &why), IM_OK);
	errno = 0;
	assert_int_equal(datafile_sync(path), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(datafile_failed(path, "synced", &why), IM_E_IO);
	assert_true(im_buf_view(&why).n > strlen(path));
	im_buf_c(&why, '\0');
	assert_memory_equal(why.p, path, strlen(path));
	assert_string_equal(why.p + strlen(path), " cannot be synced: No such file or directory");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(datafile_sync(path), 0);
	assert_int_equal(datafile_sync(folder), 0);
	/* There is nothing to sync in this one. */
	assert_int_equal(datafile_sync("/dev/null"), -1);
	assert_int_equal(errno, EINVAL);
	unlink(path);
	im_buf_free(&why);
}

/* Half of one would be taken for the key at the next start. */
static void a_key_on_a_full_disk_is_none(void **state)
{
	struct im_sipkey fresh = {.k = {1}}, out;
	char path[DATAFILE_PATH], part[DATAFILE_PATH];
	struct im_buf why;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(datafile_path(folder, NAME_KEY_FILE, path, &why), IM_OK);
	assert_int_equal(datafile_path(folder, NAME_KEY_FILE ".part", part, &why), IM_OK);
	files_take(LIMIT);
	assert_int_equal(name_key_make(folder, &fresh, &out, &why), IM_E_IO);
	files_take(RLIM_INFINITY);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "names.key cannot be made: No space left on device"));
	assert_int_equal(access(path, F_OK), -1);
	im_buf_reset(&why);
	assert_int_equal(name_key_make(folder, &fresh, &out, &why), IM_OK);
	assert_int_equal(name_key_read(folder, &out, &why), IM_OK);
	assert_memory_equal(out.k, fresh.k, sizeof(out.k));
	assert_int_equal(access(part, F_OK), -1);
	unlink(path);
	im_buf_free(&why);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_path_is_whole_or_none),
		T(what_goes_in_only_in_part_is_a_full_disk),
		T(files_and_folders_are_synced_by_name),
		T(a_key_on_a_full_disk_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
