/* SPDX-License-Identifier: BSD-3-Clause */
/* Reported messages in directory.db. A report holds what was reported as it was then. */
#ifndef IM_BRIDGE_DIRECTORY_REPORT_H
#define IM_BRIDGE_DIRECTORY_REPORT_H

#include "bridge/directory/directory.h"
#include "common/envelope.h"

struct directory_report {
	uint64_t id; /* given by the directory */
	uint64_t reporter, conv, sender, seq;
	struct im_str conv_name; /* as the reporter sees it */
	int64_t sent_ms;
	struct im_str type;
	enum im_enc enc;
	struct im_str body;
	bool cut; /* body is the beginning only */
	struct im_str reason;
	int64_t created_ms;
	/* filled when read */
	struct im_str reporter_uid, sender_uid;
	bool closed;
	int64_t closed_ms;
	struct im_str closed_by, note;
};

/* True if this user has reported this message. */
int directory_report_has(struct directory *d, uint64_t reporter, uint64_t conv, uint64_t seq,
	bool *out) IM_MUST_CHECK;
/* How many reports of this user's are newer than since_ms. */
int directory_report_count(
	struct directory *d, uint64_t reporter, int64_t since_ms, uint32_t *out) IM_MUST_CHECK;
/* True if `max` reports are open. */
int directory_report_full(struct directory *d, uint32_t max, bool *out) IM_MUST_CHECK;
int directory_report_add(struct directory *d, const struct directory_report *r) IM_MUST_CHECK;

typedef int (*directory_report_fn)(void *arg, const struct directory_report *r);
/* Open or closed ones with id > after, by id, at most limit. */
int directory_report_list(struct directory *d, bool closed, uint64_t after, uint32_t limit,
	directory_report_fn fn, void *arg) IM_MUST_CHECK;
/* One report, open or closed. IM_E_NONE: there is none. */
int directory_report_get(
	struct directory *d, uint64_t id, directory_report_fn fn, void *arg) IM_MUST_CHECK;
/* Those of one reporter, likewise. */
int directory_report_of(struct directory *d, uint64_t reporter, uint64_t after, uint32_t limit,
	directory_report_fn fn, void *arg) IM_MUST_CHECK;
/* IM_E_NONE: no such report; IM_E_EXISTS: it is closed, and stays as it is. Of closed reports the
 * newest `keep` stay. */
int directory_report_close(struct directory *d, uint64_t id, uint64_t by, struct im_str note,
	int64_t now_ms, uint32_t keep) IM_MUST_CHECK;

#endif
