/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A layer over SQLite's files for tests: it makes calls fail, and it plays a power cut, after which
 * only what had been synced is certain to be there. Installed as the default, so that the code
 * under test knows nothing of it. Any thread may use files; one thread controls.
 */
#ifndef IM_TESTS_FAULTVFS_H
#define IM_TESTS_FAULTVFS_H

#include <stdbool.h>
#include <stdint.h>

enum faultvfs_op {
	FAULTVFS_OPEN,
	FAULTVFS_READ,
	FAULTVFS_WRITE,
	FAULTVFS_TRUNCATE,
	FAULTVFS_SYNC,
	FAULTVFS_OPS
};

void faultvfs_install(void);
/* Every file must be closed. */
void faultvfs_uninstall(void);

/* After `skip` more calls of this kind on files whose name ends in `suffix` ("": any), `times` of
 * them fail with this SQLite code (a negative `times`: all from then on). One fault at a time. */
void faultvfs_fail(enum faultvfs_op op, const char *suffix, int skip, int times, int sqlite_code);
/* Nothing fails any more. */
void faultvfs_heal(void);
/* Calls that were made to fail since the last faultvfs_fail. */
int faultvfs_failed(void);
/* Calls of one kind since installation. */
int faultvfs_count(enum faultvfs_op op);

/* Calls fn once, when a connection is about to take a lock in the next shared-memory index: between
 * what it did before and the view that it is about to begin. fn may use other connections. */
void faultvfs_before_view(void (*fn)(void *arg), void *arg);

/* The power goes after this many more writes, truncations, and syncs: they all fail from then on,
 * and none of them reaches a file. The first call starts the record of what is not synced: to be
 * made before the files are opened. */
void faultvfs_cut_after(int calls);
bool faultvfs_is_cut(void);
/* When all is closed: leaves in each file what was synced, and of what was not as much as `mode`
 * says; then everything works again. */
enum faultvfs_loss {
	FAULTVFS_LOSE_ALL,  /* nothing that was not synced is there */
	FAULTVFS_LOSE_NONE, /* all of it is */
	FAULTVFS_LOSE_SOME, /* of each sector of 512 bytes, by chance */
};
void faultvfs_power_up(enum faultvfs_loss mode, uint64_t seed);

#endif
