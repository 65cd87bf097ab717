/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that compare passwords with stored hashes, which takes some 15 ms each, while the
 * broker's only thread goes on. Everything here is called on that thread; hash_work_run is
 * what the others run, too. Pure: no broker, no directory.
 */
#ifndef IM_PLUGIN_HASHERS_H
#define IM_PLUGIN_HASHERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pwhash.h"
#include "plugin/clock.h"

/* A comparison. A wrong password costs what one costs that is set now, whenever and however the
 * stored one was hashed: `pad` makes up what `stored` lacks. A right one that is stored at less
 * than that is hashed anew instead. */
struct hash_work {
	char stored[IM_PHC_MAX];
	char pad[IM_PHC_MAX];     /* empty: nothing */
	uint32_t price;           /* of both, as budget.h has it */
	bool threads;             /* it takes more than the caller's */
	struct im_phc_cost fresh; /* of the new hash; no passes: none is to be made */
	uint8_t salt[IM_PHC_SALT];
};
struct hash_done {
	int result; /* of im_pwhash_verify */
	int64_t took_us;
	char fresh[IM_PHC_MAX]; /* empty: none was made */
};
void hash_work_run(const struct hash_work *w, struct im_str password, const struct clock *c,
	struct hash_done *out);

/* The caller's memory, from hashers_put until hashers_take or hashers_withdraw has returned it. */
struct hash_job {
	struct hash_work work;
	char password[IM_PASSWORD_MAX];
	size_t password_n;
	struct hash_done done;
	bool waiting; /* nobody has begun with it */
	struct hash_job *prev, *next;
};

struct hashers;

/* `c` is copied and read on the threads too. NULL: not one thread could be started. */
struct hashers *hashers_new(unsigned threads, const struct clock *c);
/* Waits for the hashes that have begun; all others stay undone. */
void hashers_free(struct hashers **h);
/* The caller bounds how many there are. `first`: before all that wait. */
void hashers_put(struct hashers *h, struct hash_job *job, bool first);
/* One that is done, or NULL. The threads do not run far ahead of this: they wait for it. */
struct hash_job *hashers_take(struct hashers *h);
/* True: nobody had begun with it, and it is the caller's again. */
bool hashers_withdraw(struct hashers *h, struct hash_job *job);

#endif
