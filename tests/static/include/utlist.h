/* SPDX-License-Identifier: BSD-3-Clause */
/* What utlist's macros mean, for the analyzers: see uthash.h beside it. */
#ifndef IM_STATIC_UTLIST_H
#define IM_STATIC_UTLIST_H

#include <stddef.h>

void im_static_list(void *head_address, void *el);

#define DL_APPEND(head, el) im_static_list(&(head), (el))
#define DL_PREPEND(head, el) im_static_list(&(head), (el))
#define DL_DELETE(head, el) im_static_list(&(head), (el))
#define DL_APPEND2(head, el, prev, next) im_static_list(&(head), (el))
#define DL_DELETE2(head, el, prev, next) im_static_list(&(head), (el))
#define DL_PREPEND_ELEM2(head, at, el, prev, next) im_static_list(&(head), (el))
#define LL_APPEND(head, el) im_static_list(&(head), (el))
#define LL_DELETE(head, el) im_static_list(&(head), (el))
#define DL_FOREACH2(head, el, next) for ((el) = (head); (el); (el) = (el)->next)
#define DL_FOREACH(head, el) DL_FOREACH2(head, el, next)
#define LL_FOREACH(head, el) DL_FOREACH2(head, el, next)
#define LL_FOREACH_SAFE(head, el, tmp) \
	for ((el) = (head); (el) && ((tmp) = (el)->next, 1); (el) = (tmp))
#define DL_FOREACH_SAFE(head, el, tmp) LL_FOREACH_SAFE(head, el, tmp)

#endif
