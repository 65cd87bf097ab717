/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the form of the list. Called by erasure.c. */
#include "bridge/upkeep/erasure_list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/datafile.h"
#include "schema/name_key.h"

#define LIST_FILE "erasures"
#define LINE_MAX_BYTES 256
#define NO_HASH "-"

static void put_line(const struct directory_erasure *e, char line[LINE_MAX_BYTES])
{
	int n = snprintf(line, LINE_MAX_BYTES, "%" PRIu64 " %" PRId64 " %" PRId64 " ", e->user,
		e->created_ms, e->asked_ms);

	for (size_t i = 0; i < e->hash.n && i < NAME_HASH_BYTES; i++)
		n += snprintf(line + n, (size_t)(LINE_MAX_BYTES - n), "%02x",
			(unsigned char)e->hash.p[i]);
	snprintf(line + n, (size_t)(LINE_MAX_BYTES - n), e->hash.n ? "\n" : NO_HASH "\n");
}

/* The next word of a line, which ends with a space, or with the line. */
static struct im_str take_word(const char **at)
{
	size_t n = strcspn(*at, " \n");
	struct im_str word = {*at, n};

	*at += n + ((*at)[n] == ' ');
	return word;
}

/* Negative ones are times of clocks that nobody has set. */
static bool take_number(const char **at, int64_t *out)
{
	struct im_str word = take_word(at);
	char *end;

	errno = 0;
	*out = strtoll(word.p, &end, 10);
	return word.n > 0 && end == word.p + word.n && errno == 0;
}

static bool take_digit(char c, unsigned *byte)
{
	const char *digits = "0123456789abcdef", *found = c ? strchr(digits, c) : NULL;

	*byte = found ? *byte << 4 | (unsigned)(found - digits) : 0;
	return found != NULL;
}

static bool take_hash(const char **at, char bytes[NAME_HASH_BYTES], struct im_str *out)
{
	struct im_str hex = take_word(at);
	unsigned byte = 0;

	*out = (struct im_str){NULL, 0};
	if (im_str_eqz(hex, NO_HASH))
		return true;
	if (hex.n != (size_t)2 * NAME_HASH_BYTES)
		return false;
	for (size_t i = 0; i < hex.n; i++) {
		if (!take_digit(hex.p[i], &byte))
			return false;
		bytes[i / 2] = (char)byte;
	}
	*out = (struct im_str){bytes, NAME_HASH_BYTES};
	return true;
}

/* A line with its end; false: it is none. */
static bool take_line(const char *line, char hash[NAME_HASH_BYTES], struct directory_erasure *e)
{
	int64_t user = 0;

	memset(e, 0, sizeof(*e));
	e->words = true;
	if (!take_number(&line, &user) || !take_number(&line, &e->created_ms) ||
		!take_number(&line, &e->asked_ms) || !take_hash(&line, hash, &e->hash))
		return false;
	e->user = (uint64_t)user;
	return user > 0 && *line == '\n';
}

int erasure_list_each(
	const char *data_dir, erasure_list_fn fn, void *arg, size_t *odd_out, struct im_buf *why)
{
	char path[DATAFILE_PATH], line[LINE_MAX_BYTES], hash[NAME_HASH_BYTES];
	struct directory_erasure e;
	FILE *f;
	int rc = datafile_path(data_dir, LIST_FILE, path, why);

	*odd_out = 0;
	if (rc != IM_OK)
		return rc;
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? IM_OK : datafile_failed(path, "read", why);
	while (rc == IM_OK && fgets(line, sizeof(line), f)) {
		if (take_line(line, hash, &e))
			rc = fn(arg, &e);
		else
			++*odd_out;
	}
	if (rc == IM_OK && ferror(f))
		rc = datafile_failed(path, "read", why);
	fclose(f);
	return rc;
}

static int on_line(void *arg, const struct directory_erasure *e)
{
	char wanted[LINE_MAX_BYTES], have[LINE_MAX_BYTES];

	put_line(arg, wanted);
	put_line(e, have);
	return strcmp(wanted, have) == 0 ? IM_E_EXISTS : IM_OK;
}

/* A line that a full disk has cut is ended first. */
static int append(int fd, const char *line)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last;

	if (end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n' &&
		datafile_write(fd, "\n", 1))
		return -1;
	return datafile_write(fd, line, strlen(line));
}

int erasure_list_add(const char *data_dir, const struct directory_erasure *e, struct im_buf *why)
{
	char path[DATAFILE_PATH], line[LINE_MAX_BYTES];
	struct directory_erasure wanted = *e;
	size_t odd;
	int fd, rc = datafile_path(data_dir, LIST_FILE, path, why);

	if (rc == IM_OK)
		rc = erasure_list_each(data_dir, on_line, &wanted, &odd, why);
	if (rc != IM_OK)
		return rc == IM_E_EXISTS ? IM_OK : rc;
	put_line(e, line);
	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return datafile_failed(path, "written", why);
	if (append(fd, line) || datafile_sync(data_dir))
		rc = datafile_failed(path, "written", why);
	close(fd);
	return rc;
}
