/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What uthash's macros mean, for the analyzers: calls that may do anything to the table. The real
 * macros are loops over links, through which no analyzer sees that what was taken out is gone.
 */
#ifndef IM_STATIC_UTHASH_H
#define IM_STATIC_UTHASH_H

#include <stddef.h>

typedef struct UT_hash_handle {
	void *next, *prev;
} UT_hash_handle;

/* The head's address escapes, and so does the element's own handle. */
void *im_static_find(const void *head, const void *key, size_t n);
void im_static_table(void *head_address, void *handle, const void *key, size_t n);
unsigned im_static_count(const void *head);

#define HASH_FIND(hh, head, key, n, out) ((out) = im_static_find((head), (key), (n)))
#define HASH_FIND_BYHASHVALUE(hh, head, key, n, hash, out) \
	((void)(hash), (out) = im_static_find((head), (key), (n)))
#define HASH_ADD(hh, head, field, n, el) im_static_table(&(head), &(el)->hh, &(el)->field, (n))
#define HASH_ADD_KEYPTR(hh, head, key, n, el) im_static_table(&(head), &(el)->hh, (key), (n))
#define HASH_ADD_KEYPTR_BYHASHVALUE(hh, head, key, n, hash, el) \
	((void)(hash), im_static_table(&(head), &(el)->hh, (key), (n)))
#define HASH_DELETE(hh, head, el) im_static_table(&(head), &(el)->hh, NULL, 0)
#define HASH_DEL(head, el) HASH_DELETE(hh, head, el)
#define HASH_CLEAR(hh, head) ((head) = NULL)
#define HASH_COUNT(head) im_static_count(head)
#define HASH_ITER(hh, head, el, tmp)                                       \
	for ((el) = (head), (tmp) = (head) ? (head)->hh.next : NULL; (el); \
		(el) = (tmp), (tmp) = (tmp) ? (tmp)->hh.next : NULL)

#endif
