/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a test's folder, whatever the test has left in it. */
#ifndef IM_TESTS_FOLDER_H
#define IM_TESTS_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static inline int folder_remove_one(
	const char *path, const struct stat *st, int type, struct FTW *place)
{
	(void)st;
	(void)type;
	(void)place;
	return remove(path);
}

/* 0, or what stays behind is said by errno. */
static inline int folder_remove(const char *path)
{
	return nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
