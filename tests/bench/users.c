/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and passwords of the bench's users; see users.h. */
#include "tests/bench/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void user_name(char *buf, uint32_t number)
{
	snprintf(buf, USER_NAME_SIZE, "u%07u", number);
}

void group_name(char *buf, uint32_t number)
{
	snprintf(buf, USER_NAME_SIZE, "g%05u", number);
}

static char *read_file(const char *path, size_t *size_out)
{
	struct stat st;
	char *text = NULL;
	FILE *f = fopen(path, "re");
	if (!f)
		return NULL;
	if (fstat(fileno(f), &st) == 0 && (text = malloc((size_t)st.st_size + 1))) {
		*size_out = fread(text, 1, (size_t)st.st_size, f);
		text[*size_out] = 0;
	}
	fclose(f);
	return text;
}

int users_load(struct users *users, const char *path)
{
	size_t size = 0;
	uint32_t lines = 0;
	memset(users, 0, sizeof(*users));
	if (!path)
		return 0;
	users->text = read_file(path, &size);
	if (!users->text)
		return -1;
	for (size_t i = 0; i < size; i++)
		lines += users->text[i] == '\n';
	users->password = calloc((size_t)lines + 1, sizeof(*users->password));
	if (!users->password) {
		users_clear(users);
		errno = ENOMEM;
		return -1;
	}
	char *p = users->text;
	for (char *end; (end = strchr(p, '\n')); p = end + 1) {
		*end = 0;
		users->password[users->passwords++] = p;
	}
	return 0;
}

void users_clear(struct users *users)
{
	free(users->text);
	free(users->password);
	memset(users, 0, sizeof(*users));
}

const char *users_password(const struct users *users, uint32_t number)
{
	return number < users->passwords ? users->password[number] : NULL;
}
