/* SPDX-License-Identifier: BSD-3-Clause */
/* How many descriptors this process has open: whether what has failed left one behind. */
#ifndef IM_TESTS_DESCRIPTORS_H
#define IM_TESTS_DESCRIPTORS_H

#include "tests/unit/unit.h"

#include <dirent.h>

static inline unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

#endif
