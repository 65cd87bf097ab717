/* SPDX-License-Identifier: BSD-3-Clause */
/* Called at start and after a reload. Finds and reads files; brokerconf.c knows what they mean. */
#include "plugin/conffile.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/textfile.h"
#include "plugin/log.h"

#define FILE_MAX (1024 * 1024)
#define COMMAND_LINE "/proc/self/cmdline" /* names the main file */
#define ENDING ".conf"

static void unreadable(struct brokerconf *c, struct im_str path, int error)
{
	struct im_buf why;

	im_buf_init(&why, 0);
	im_buf_printf(&why, "cannot be read by the broker's user: %s", textfile_why(error));
	im_buf_c(&why, '\0');
	brokerconf_unread(c, path, why.failed ? "cannot be read" : why.p);
	im_buf_free(&why);
}

static void take_file(struct brokerconf *c, const char *path)
{
	struct im_buf text;
	int error;

	im_buf_init(&text, 0);
	error = textfile_read(path, FILE_MAX, &text);
	if (!error)
		brokerconf_take(c, im_buf_view(&text), path);
	else if (error == EFBIG)
		brokerconf_unread(c, im_str(path), "is longer than 1 MiB, the most that is read");
	else
		unreadable(c, im_str(path), error);
	im_buf_free(&text);
}

/* The broker's order: first without regard to case. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	const char *x = (*a)->d_name, *y = (*b)->d_name;

	for (; *x && *y; x++, y++) {
		int d = toupper((unsigned char)*x) - toupper((unsigned char)*y);

		if (!d)
			d = *x - *y;
		if (d)
			return d;
	}
	return *x - *y;
}

static int is_conf(const struct dirent *e)
{
	size_t n = strlen(e->d_name), ending = sizeof(ENDING) - 1;

	return n > ending && strcmp(e->d_name + n - ending, ENDING) == 0;
}

static void take_folder(struct brokerconf *c, struct im_str folder)
{
	char *name = strndup(folder.p, folder.n), *path;
	struct dirent **list = NULL;
	int i, n = name ? scandir(name, &list, is_conf, by_name) : -1;

	if (n < 0)
		unreadable(c, folder, errno);
	for (i = 0; i < n; i++) {
		if (asprintf(&path, "%s/%s", name, list[i]->d_name) >= 0) {
			take_file(c, path);
			free(path);
		} else {
			unreadable(c, folder, ENOMEM);
		}
		free(list[i]);
	}
	free(list);
	free(name);
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

/* This plugin's path, as the broker has loaded it. */
static const char *own_path(void)
{
	static const char here;
	Dl_info info;

	return dladdr(&here, &info) ? info.dli_fname : NULL;
}

void conffile_check(struct brokerconf *c, const struct options *o)
{
	const struct brokerconf_own own = {
		own_path(), im_str(o->topic_prefix), o->link_listener, &o->bridge_im};
	struct im_buf cmdline;
	const char *path = NULL;
	int error;

	brokerconf_begin(c, &own, take_folder);
	im_buf_init(&cmdline, 0);
	error = textfile_read(COMMAND_LINE, FILE_MAX, &cmdline);
	if (!error)
		path = config_argument(im_buf_view(&cmdline));
	if (path)
		take_file(c, path);
	else if (error)
		unreadable(c, IM_STR(COMMAND_LINE), error);
	else
		brokerconf_unread(c, IM_STR(""), NULL);
	brokerconf_end(c);
	im_buf_free(&cmdline);
}

void conffile_warn_expiration(int64_t expiration_s, int64_t device_days)
{
	const bool whole_days = expiration_s % 86400 == 0;

	if (expiration_s == 0)
		log_line(LOG_LEVEL_WARNING,
			"persistent_client_expiration is not set: sessions of devices that do not "
			"come back stay at the broker for ever; set it to %lldd, which is "
			"device_days of the bridge",
			(long long)device_days);
	else if (expiration_s > device_days * 86400)
		log_line(LOG_LEVEL_WARNING,
			"persistent_client_expiration is %lld%s, device_days of the bridge %lld "
			"days: the broker would keep sessions whose client ids others may have; "
			"give both the same",
			(long long)(expiration_s / (whole_days ? 86400 : 3600)),
			whole_days ? " days" : " hours", (long long)device_days);
}
