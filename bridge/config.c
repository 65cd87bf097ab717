/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the files for the service, and turns options into what the engine takes. */
#include "bridge/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/may.h"
#include "db/socketname.h"
#include "db/textfile.h"

#define CONF_BYTES_MAX (1024 * 1024)

static int read_file(const char *path, struct im_buf *out, struct im_buf *why)
{
	int error = textfile_read(path, CONF_BYTES_MAX, out);

	if (error == EFBIG)
		im_buf_printf(why, "%s: longer than 1 MiB, so no configuration", path);
	else if (error)
		im_buf_printf(why, "%s: %s; give the configuration with -c FILE", path,
			textfile_why(error));
	return error ? IM_E_IO : IM_OK;
}

static void note_twice(struct im_buf *twice, const char *first, const char *again)
{
	if (twice->n)
		im_buf_z(twice, "; ");
	if (strcmp(first, again) == 0)
		im_buf_printf(twice, "broker %s is given twice", first);
	else
		im_buf_printf(twice, "broker %s and broker %s are one and the same", first, again);
}

/* A line too many is no reason to serve nobody: of two for one broker the first counts. */
static void each_once(struct im_conf_list *paths, struct im_buf *twice)
{
	size_t n = 0;

	for (size_t i = 0; i < paths->n; i++) {
		size_t j = 0;

		while (j < n && !socketname_same(im_str(paths->v[j]), im_str(paths->v[i])))
			j++;
		if (j == n) {
			paths->v[n++] = paths->v[i];
			continue;
		}
		note_twice(twice, paths->v[j], paths->v[i]);
		free(paths->v[i]);
	}
	paths->n = n;
}

static int read_options(
	const char *path, struct options *out, struct im_buf *twice, struct im_buf *why)
{
	struct im_buf text;
	int rc;

	im_buf_init(&text, 0);
	rc = read_file(path, &text, why);
	if (!rc)
		rc = options_parse(out, im_buf_view(&text), path, why);
	im_buf_free(&text);
	if (!rc)
		each_once(&out->broker, twice);
	return rc;
}

int config_read(struct config *c, const char *path, struct im_buf *why)
{
	c->path = path;
	im_buf_init(&c->twice, 0);
	return read_options(path, &c->opt, &c->twice, why);
}

void config_say(struct config *c, struct log *log)
{
	if (c->twice.n)
		log_line(log, LOG_LEVEL_ERROR, "broker_twice",
			"file=%s why=\"%.*s\" what=\"served once, by the first of them; keep one "
			"line\"",
			c->path, IM_ARGS(im_buf_view(&c->twice)));
}

int config_words(struct config *c, struct log *log, struct im_buf *why)
{
	int rc = moderation_load(
		&c->words, c->opt.word_list, (enum moderation_action)c->opt.word_action, why);

	if (!rc && c->words.words)
		log_line(log, LOG_LEVEL_INFO, "words", "file=%s entries=%zu", c->opt.word_list,
			wordlist_size(c->words.words));
	return rc;
}

void config_clear(struct config *c)
{
	moderation_clear(&c->words);
	im_buf_free(&c->twice);
	options_clear(&c->opt);
}

bool config_reload(struct config *c, struct log *log)
{
	struct options fresh;
	struct im_buf text, words;

	im_buf_init(&text, 0);
	im_buf_reset(&c->twice);
	if (read_options(c->path, &fresh, &c->twice, &text)) {
		log_line(log, LOG_LEVEL_ERROR, "reload_refused",
			"why=\"%.*s\" what=\"the old configuration stays\"",
			IM_ARGS(im_buf_view(&text)));
		im_buf_free(&text);
		return false;
	}
	config_say(c, log);
	options_reload(&c->opt, &fresh, &text);
	options_clear(&fresh);
	log_set_level(log, (enum log_level)c->opt.log_level);
	im_buf_init(&words, 0);
	if (config_words(c, log, &words))
		log_line(log, LOG_LEVEL_ERROR, "words_refused",
			"why=\"%.*s\" what=\"the old list stays\"", IM_ARGS(im_buf_view(&words)));
	im_buf_free(&words);
	log_line(log, LOG_LEVEL_INFO, "reloaded", "file=%s", c->path);
	if (text.n)
		log_line(log, LOG_LEVEL_WARNING, "reload_incomplete",
			"keys=\"%.*s\" what=\"these take effect at the next start\"",
			IM_ARGS(im_buf_view(&text)));
	im_buf_free(&text);
	return true;
}

struct engine_settings config_settings(struct config *c)
{
	const struct options *o = &c->opt;

	return (struct engine_settings){
		.rpc = {.group_members_max = (uint32_t)o->group_members_max,
			.groups_per_user_max = (uint32_t)o->groups_per_user_max,
			.groups_per_day = o->groups_per_day,
			.invitations_per_day = o->invitations_per_day,
			.requests_per_day = o->requests_per_day,
			.recall_window_s = o->recall_window,
			.direct_policy = im_direct_policy_chosen(o->direct_policy),
			.presence_policy = (enum im_presence_policy)o->presence_policy,
			.user_search = (enum user_search)o->user_search,
			.presence = o->presence,
			.dedup_hours = o->dedup_hours,
			.password_memory_kib = (uint32_t)o->password_memory,
			.password_passes = (uint32_t)o->password_passes,
			.moderation = &c->words,
			.audit_days = o->audit_days,
			.reply_max = IM_REPLY_MAX},
		.sessions = {.presence = o->presence,
			.names = o->presence_devices,
			.remembered_devices = (uint32_t)o->remembered_devices,
			.device_days = o->device_days},
		.direct_policy = im_direct_policy_chosen(o->direct_policy),
		.rate_cost = o->rate_cost,
		.room_messages_per_second = o->room_messages_per_second,
		.backlog_bytes = (size_t)o->backlog_bytes,
	};
}
