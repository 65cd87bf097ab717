/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What devices of device accounts have sent, beyond the end of their sessions, so that reconnecting
 * does not fill a device's buckets. Of people it is their user that remembers. Pure.
 */
#ifndef IM_PLUGIN_SPENT_H
#define IM_PLUGIN_SPENT_H

#include "plugin/lru.h"
#include "plugin/session.h"

/* NULL: out of memory. */
struct lru *spent_new(const struct im_sipkey *key);
/* The session is about to be forgotten. */
void spent_leave(struct lru *l, const struct session *e);
/* The session begins, and no other one with its client id is known. */
void spent_resume(struct lru *l, struct session *e);

#endif
