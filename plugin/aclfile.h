/* SPDX-License-Identifier: BSD-3-Clause */
/* The file of rights on ordinary topics, read at start and at SIGHUP; what it means is
 * common/acl.h's. */
#ifndef IM_PLUGIN_ACLFILE_H
#define IM_PLUGIN_ACLFILE_H

#include "plugin/plugin.h"

/* From the options alone: what acl_file, if it is given, and allow_topic say. Warnings are logged.
 * before: what it said (NULL: nothing was read), beside which an empty file is a mistake. On
 * failure `why` says what is wrong. */
int aclfile_read(const struct options *o, const struct im_acl *before, struct im_acl **out,
	struct im_buf *why) IM_MUST_CHECK;
/* Puts what the file says by now in the place of what it said; if it is wrong, says so, and what
 * it said stays. Who has lost a right hears nothing more from then on: every delivery is asked
 * about. */
void aclfile_reload(struct plugin *p);

#endif
