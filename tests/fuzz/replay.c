/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a fuzz target over every file of its committed corpus: one cmocka test. The file's name is
 * printed first, so that the last one printed is the one that failed. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static void run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *data;

	printf("%s\n", path);
	fflush(stdout);
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	/* Exactly its size, so that one byte too far is seen. */
	data = malloc((size_t)st.st_size + !st.st_size);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, (size_t)st.st_size, f), st.st_size);
	fclose(f);
	LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	free(data);
}

static void corpus(void **state)
{
	DIR *dir = opendir(FUZZ_CORPUS);
	struct dirent *entry;
	int n = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", FUZZ_CORPUS, entry->d_name);
		run_file(path);
		n++;
	}
	closedir(dir);
	assert_true(n > 0);
	assert_int_equal(LLVMFuzzerTestOneInput((const uint8_t *)"", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(corpus)};

	return cmocka_run_group_tests_name(FUZZ_NAME, tests, NULL, NULL);
}
