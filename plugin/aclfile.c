/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by entry.c at start and by hooks.c after a reload. */
#include "plugin/aclfile.h"

#include <errno.h>
#include <string.h>

#include "common/limits.h"
#include "db/textfile.h"

static int read_text(const char *path, struct im_buf *text, struct im_buf *why)
{
	int error = textfile_read(path, IM_ACL_BYTES_MAX, text);

	if (error == EFBIG)
		im_buf_printf(why, "%s: longer than %u bytes, the most that are read", path,
			IM_ACL_BYTES_MAX);
	else if (error == EACCES)
		im_buf_printf(why,
			"plugin_opt_acl_file %s cannot be read by the broker's user: %s; let it "
			"(chgrp mosquitto, chmod 640, and x on the folders)",
			path, strerror(error));
	else if (error)
		im_buf_printf(why, "plugin_opt_acl_file %s cannot be read: %s", path,
			textfile_why(error));
	return error ? IM_E_IO : IM_OK;
}

/* Empty, it would take away what it denies with what it opens. */
static int check_blank(const char *path, struct im_str text, struct im_buf *why)
{
	if (!textfile_blank(text))
		return IM_OK;
	im_buf_printf(why,
		"%s is empty: write the file beside and rename it, or, if no rule is meant, a line "
		"`# none` into it",
		path);
	return IM_E_FORMAT;
}

int aclfile_read(const struct options *o, const struct im_acl *before, struct im_acl **out,
	struct im_buf *why)
{
	struct im_buf text, warnings;
	struct im_acl_from f = {.prefix = im_str(o->topic_prefix),
		.name = o->acl_file,
		.open = o->allow_topic.v,
		.n_open = o->allow_topic.n};
	int ret = IM_OK;

	im_buf_init(&text, 0);
	im_buf_init(&warnings, 0);
	if (f.name)
		ret = read_text(f.name, &text, why);
	f.text = im_buf_view(&text);
	if (!ret && before && im_acl_rules(before))
		ret = check_blank(f.name, f.text, why);
	if (!ret)
		ret = im_acl_new(&f, out, why, &warnings);
	log_lines(LOG_LEVEL_WARNING, im_buf_view(&warnings));
	im_buf_free(&warnings);
	im_buf_free(&text);
	return ret;
}

void aclfile_reload(struct plugin *p)
{
	struct im_acl *fresh = NULL;
	struct im_buf why;

	if (!p->opt.acl_file)
		return;
	im_buf_init(&why, 0);
	if (aclfile_read(&p->opt, p->acl, &fresh, &why)) {
		log_line(LOG_LEVEL_ERROR, "rights on ordinary topics kept as they were: %.*s",
			why.n ? (int)why.n : (int)sizeof("out of memory") - 1,
			why.n ? why.p : "out of memory");
	} else {
		im_acl_free(&p->acl);
		p->acl = fresh;
		log_line(LOG_LEVEL_NOTICE, "rights on ordinary topics read again rules=%zu",
			im_acl_rules(p->acl));
	}
	im_buf_free(&why);
}
