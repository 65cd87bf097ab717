/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The users of a run: names follow from their number (u0000000, u0000001 ...), passwords come
 * from a file with one line a user, which the runner writes (tokens, or passwords).
 */
#ifndef BENCH_USERS_H
#define BENCH_USERS_H

#include <stddef.h>
#include <stdint.h>

/* "u0000000" and more digits if they are needed, and the terminator. */
#define USER_NAME_SIZE 16

struct users {
	char *text;      /* the whole password file */
	char **password; /* one a line, into text */
	uint32_t passwords;
};

void user_name(char *buf, uint32_t number);
/* A group's name, in a buffer of USER_NAME_SIZE. */
void group_name(char *buf, uint32_t number);

/* Loads the password file; path NULL means that nobody has a password. 0, or -1 with errno. */
int users_load(struct users *users, const char *path);
void users_clear(struct users *users);

/* Borrowed; NULL if the user has none. */
const char *users_password(const struct users *users, uint32_t number);

#endif
