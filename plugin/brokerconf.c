/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds per_listener_settings, with which a plugin serves one listener and the others bypass it.
 * Asked once, at start. Files that cannot be read (include_dir, or root's alone) say nothing; then
 * admit.c notices from the broker's behaviour.
 */
#include "brokerconf.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/buf.h"

#define KEY "per_listener_settings"
#define FILE_MAX (1024 * 1024)

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The value of the key if this line sets it, else n == 0. */
static struct im_str value_of(struct im_str line)
{
	size_t n = sizeof(KEY) - 1;

	while (line.n && blank(line.p[0]))
		line = (struct im_str){line.p + 1, line.n - 1};
	if (line.n <= n || memcmp(line.p, KEY, n) != 0 || !blank(line.p[n]))
		return (struct im_str){NULL, 0};
	line = (struct im_str){line.p + n, line.n - n};
	while (line.n && blank(line.p[0]))
		line = (struct im_str){line.p + 1, line.n - 1};
	while (line.n && blank(line.p[line.n - 1]))
		line.n--;
	return line;
}

bool brokerconf_per_listener(struct im_str text)
{
	bool set = false;

	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		struct im_str line = {text.p, end ? (size_t)(end - text.p) : text.n};
		struct im_str v = value_of(line);

		if (v.n)
			set = im_str_eqz(v, "true") || im_str_eqz(v, "1");
		text = end ? (struct im_str){end + 1, text.n - line.n - 1}
			   : (struct im_str){NULL, 0};
	}
	return set;
}

static bool read_file(const char *path, struct im_buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;
	char chunk[4096];

	if (fd < 0)
		return false;
	while (b->n < FILE_MAX && (n = read(fd, chunk, sizeof(chunk))) > 0)
		im_buf_put(b, chunk, (size_t)n);
	close(fd);
	return n >= 0 && !b->failed;
}

/* The argument after -c or --config-file, in a command line whose arguments end with NUL. */
static const char *config_argument(struct im_str cmdline)
{
	bool wanted = false;

	while (cmdline.n) {
		size_t n = strnlen(cmdline.p, cmdline.n);

		if (n == cmdline.n)
			return NULL;
		if (wanted)
			return cmdline.p;
		wanted = strcmp(cmdline.p, "-c") == 0 || strcmp(cmdline.p, "--config-file") == 0;
		cmdline = (struct im_str){cmdline.p + n + 1, cmdline.n - n - 1};
	}
	return NULL;
}

bool brokerconf_running_per_listener(void)
{
	struct im_buf cmdline, text;
	const char *path = NULL;
	bool set = false;

	im_buf_init(&cmdline, 0);
	im_buf_init(&text, 0);
	if (read_file("/proc/self/cmdline", &cmdline))
		path = config_argument(im_buf_view(&cmdline));
	if (path && read_file(path, &text))
		set = brokerconf_per_listener(im_buf_view(&text));
	im_buf_free(&cmdline);
	im_buf_free(&text);
	return set;
}
