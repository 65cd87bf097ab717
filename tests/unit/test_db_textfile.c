/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read of a file that somebody else may be writing, and that nothing is waited for. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "db/textfile.h"

static char folder[] = "/tmp/im-textfile-XXXXXX";
static char path[64];

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(folder);
}

static void write_file(size_t n)
{
	char *bytes = malloc(n + 1);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_non_null(bytes);
	memset(bytes, 'x', n);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	close(fd);
	free(bytes);
}

static void a_file_is_read_whole_or_not_at_all(void **state)
{
	static const size_t sizes[] = {0, 1, 4096, 9999, 10000, 10001, 50000};
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		write_file(sizes[i]);
		im_buf_reset(&b);
		im_buf_z(&b, "before");
		assert_int_equal(textfile_read(path, 10000, &b), sizes[i] > 10000 ? EFBIG : 0);
		if (sizes[i] <= 10000)
			assert_int_equal(b.n, 6 + sizes[i]);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(textfile_read(path, 10000, &b), ENOENT);
	assert_string_equal(textfile_why(ENOENT), strerror(ENOENT));
	im_buf_free(&b);
}

static void what_is_no_file_is_not_waited_for(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct im_buf b;
	int fd;

	(void)state;
	im_buf_init(&b, 0);
	alarm(30);
	assert_int_equal(textfile_read("/dev/zero", 10000, &b), TEXTFILE_ODD);
	assert_int_equal(textfile_read("/dev/null", 10000, &b), TEXTFILE_ODD);
	assert_int_equal(textfile_read(folder, 10000, &b), EISDIR);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(textfile_read(path, 10000, &b), TEXTFILE_ODD);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/zero", path), 0);
	assert_int_equal(textfile_read(path, 10000, &b), TEXTFILE_ODD);
	assert_int_equal(unlink(path), 0);
	memcpy(at.sun_path, path, sizeof(path));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(textfile_read(path, 10000, &b), TEXTFILE_ODD);
	close(fd);
	assert_int_equal(unlink(path), 0);
	alarm(0);
	assert_int_equal(b.n, 0);
	assert_string_equal(textfile_why(TEXTFILE_ODD),
		"it is a pipe, a socket or a device; name a regular file");
	im_buf_free(&b);
}

static void a_comment_is_something(void **state)
{
	(void)state;
	assert_true(textfile_blank(IM_STR("")));
	assert_true(textfile_blank(IM_STR(" \t\r\n\n")));
	assert_false(textfile_blank(IM_STR("\n# none\n")));
	assert_false(textfile_blank(IM_STR("\0")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_whole_or_not_at_all),
		cmocka_unit_test(what_is_no_file_is_not_waited_for),
		cmocka_unit_test(a_comment_is_something),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
