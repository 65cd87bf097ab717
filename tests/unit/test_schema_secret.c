/* SPDX-License-Identifier: BSD-3-Clause */
/* link.secret: made once, whole, by whoever comes first, and refused with a sentence when it is not
 * what it should be. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "schema/secret.h"

#define RACERS 16

static char folder[64], path[128];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/im-secret-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/" SECRET_FILE, folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder); /* fails if anything else was left behind */
}

static unsigned files(void)
{
	DIR *d = opendir(folder);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void put(const char *bytes, size_t n, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && fchmod(fd, mode) == 0);
	close(fd);
}

static void refused(int want, const char *says)
{
	uint8_t fresh[SECRET_BYTES] = {1};
	char password[SECRET_PASSWORD + 1];
	struct im_buf why;

	im_buf_init(&why, 0);
	assert_int_equal(secret_read(folder, password, &why), want);
	im_buf_c(&why, '\0');
	if (!strstr(why.p, says) || !strstr(why.p, path))
		fail_msg("%s", why.p);
	if (want != IM_E_NONE) {
		im_buf_reset(&why);
		assert_int_equal(secret_make(folder, fresh, password, &why), want);
		im_buf_c(&why, '\0');
		assert_non_null(strstr(why.p, says));
	}
	im_buf_free(&why);
}

static void the_first_one_makes_it_and_nobody_makes_it_anew(void **state)
{
	static const uint8_t first[SECRET_BYTES] = {0x00, 0x9f, 0xab, [31] = 0xff};
	static const uint8_t second[SECRET_BYTES] = {0x77};
	static const char want[] =
		"009fab0000000000000000000000000000000000000000000000000000000000ff";
	char a[SECRET_PASSWORD + 1], b[SECRET_PASSWORD + 1];
	struct im_buf why;
	struct stat st;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(secret_read(folder, a, &why), IM_E_NONE);
	im_buf_reset(&why);
	umask(0); /* its mode is nobody else's choice */
	assert_int_equal(secret_make(folder, first, a, &why), IM_OK);
	umask(022);
	assert_int_equal(secret_make(folder, second, b, &why), IM_OK);
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_equal(a, want, 62);
	assert_memory_equal(a + 62, "ff", 3);
	assert_int_equal(secret_read(folder, b, &why), IM_OK);
	assert_string_equal(a, b);
	assert_int_equal(why.n, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, SECRET_BYTES);
	assert_int_equal(files(), 1);
	/* Replaced, it counts at once. */
	put("0123456789abcdef0123456789abcdef", 32, 0600);
	assert_int_equal(secret_read(folder, b, &why), IM_OK);
	assert_string_equal(b, "30313233343536373839616263646566"
			       "30313233343536373839616263646566");
	im_buf_free(&why);
}

/* Whoever makes it in the same moment gets the same one, and no half of one. */
static void racer(int n, int out)
{
	uint8_t fresh[SECRET_BYTES];
	char password[SECRET_PASSWORD + 1] = "";
	struct im_buf why;

	memset(fresh, n + 1, sizeof(fresh));
	im_buf_init(&why, 0);
	if (secret_make(folder, fresh, password, &why))
		_exit(1);
	_exit(write(out, password, SECRET_PASSWORD) != SECRET_PASSWORD);
}

static void who_makes_it_at_the_same_time_gets_the_same(void **state)
{
	char got[SECRET_PASSWORD], first[SECRET_PASSWORD];
	int round, i, status, ends[2];

	(void)state;
	for (round = 0; round < 20; round++) {
		assert_int_equal(pipe(ends), 0);
		for (i = 0; i < RACERS; i++) {
			if (fork() == 0)
				racer(i, ends[1]);
		}
		for (i = 0; i < RACERS; i++) {
			assert_int_equal(read(ends[0], got, sizeof(got)), sizeof(got));
			if (i == 0)
				memcpy(first, got, sizeof(first));
			assert_memory_equal(got, first, sizeof(first));
			assert_true(wait(&status) > 0 && status == 0);
		}
		close(ends[0]);
		close(ends[1]);
		assert_int_equal(files(), 1);
		unlink(path);
	}
}

static void what_is_no_secret_is_said(void **state)
{
	static const char bytes[SECRET_BYTES + 1] = "0123456789abcdef0123456789abcdef";
	const mode_t wide[] = {0640, 0604, 0660, 0777, 0610};

	(void)state;
	refused(IM_E_NONE, "restart im-bridge");
	put("", 0, 0600);
	refused(IM_E_FORMAT, "not a file of 32 bytes");
	put(bytes, 31, 0600);
	refused(IM_E_FORMAT, "not a file of 32 bytes");
	put(bytes, 33, 0600);
	refused(IM_E_FORMAT, "not a file of 32 bytes");
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
		put(bytes, 32, wide[i]);
		refused(IM_E_FORMAT, "others may know it");
	}
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it: nobody may wait for it */
	refused(IM_E_FORMAT, "not a file of 32 bytes");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	refused(IM_E_FORMAT, "not a file of 32 bytes");
	rmdir(path);
	if (geteuid() == 0)
		return; /* who may read everything */
	put(bytes, 32, 0000);
	refused(IM_E_IO, "mode 600");
}

static void a_folder_that_is_not_there_is_named(void **state)
{
	uint8_t fresh[SECRET_BYTES] = {1};
	char password[SECRET_PASSWORD + 1], long_name[5000];
	struct im_buf why;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(secret_make("/nonexistent/data", fresh, password, &why), IM_E_IO);
	im_buf_c(&why, '\0');
	assert_non_null(
		strstr(why.p, "/nonexistent/data/link.secret cannot be made: No such file"));
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	im_buf_reset(&why);
	assert_int_equal(secret_make(long_name, fresh, password, &why), IM_E_FORMAT);
	assert_int_equal(secret_read(long_name, password, &why), IM_E_FORMAT);
	im_buf_free(&why);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_one_makes_it_and_nobody_makes_it_anew),
		T(who_makes_it_at_the_same_time_gets_the_same),
		T(what_is_no_secret_is_said),
		T(a_folder_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
