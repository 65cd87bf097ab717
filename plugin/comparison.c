/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what stands in for hashes that are not there. Called by auth.c for each password that is not
 * remembered. */
#include "plugin/comparison.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "plugin/budget.h"

struct comparison {
	struct lookup *lookup;
	struct im_buf scratch;
	uint8_t decoy[IM_PHC_DECOY];
};

int comparison_new(struct lookup *l, struct comparison **out)
{
	struct comparison *c = calloc(1, sizeof(*c));

	*out = c;
	if (!c)
		return IM_E_NOMEM;
	c->lookup = l;
	im_buf_init(&c->scratch, 0);
	return getrandom(c->decoy, sizeof(c->decoy), 0) == (ssize_t)sizeof(c->decoy) ? IM_OK
										     : IM_E_IO;
}

void comparison_free(struct comparison **c)
{
	if (!*c)
		return;
	im_buf_free(&(*c)->scratch);
	free(*c);
	*c = NULL;
}

/* One that was set when a password cost less, or by a method that costs less, is followed by what
 * it lacks. One that cost more than those of now does until its user comes. */
static void set_pad(struct comparison *c, const struct im_pwhash *stored, struct im_phc_cost now,
	char pad[IM_PHC_MAX])
{
	int64_t lacks = (int64_t)now.memory_kib * now.passes - im_pwhash_work(stored);
	struct im_phc_cost cost = {.passes = now.passes, .lanes = 1};

	if (lacks > 0)
		cost.memory_kib = (uint32_t)(lacks / now.passes);
	if (im_phc_decoy(c->decoy, cost, pad))
		pad[0] = '\0';
}

/* To what is set now it is padded; and what costs less than one by default holds nobody up. */
static uint32_t price_of(const struct im_pwhash *stored, struct im_phc_cost now)
{
	int64_t ordinary = (int64_t)now.memory_kib * now.passes, work = im_pwhash_work(stored);

	if (work <= ordinary || work <= IM_PHC_MEMORY_KIB * IM_PHC_PASSES)
		return BUDGET_ORDINARY;
	return (uint32_t)(work * BUDGET_ORDINARY / ordinary);
}

/* Without randomness it stays as it is. */
static void set_fresh(const struct im_pwhash *stored, struct im_phc_cost now, struct hash_work *w)
{
	if (im_pwhash_stale(stored, &now) &&
		getrandom(w->salt, sizeof(w->salt), 0) == (ssize_t)sizeof(w->salt))
		w->fresh = now;
}

/* NULL, or why nothing is compared with it. */
static const char *unfit(const struct im_buf *text, const struct im_phc_cost *now, bool alone,
	struct im_pwhash *stored)
{
	if (im_pwhash_read(im_buf_view(text), stored, NULL))
		return "the stored hash is none that is compared with: set the password anew with "
		       "imctl user password";
	return alone && im_pwhash_holds_up(stored, now)
		       ? "the stored hash would hold up the broker and was not looked at: set the "
			 "password anew with imctl user password"
		       : NULL;
}

int comparison_plan(struct comparison *c, struct im_str uid, bool alone, bool *comparable,
	struct hash_work *w, struct im_rehash *which, const char **why)
{
	struct im_buf *text = &c->scratch;
	struct im_pwhash stored;
	struct im_phc_cost now;
	const char *no = NULL;
	int ret;

	lookup_password_cost(c->lookup, &now);
	w->price = BUDGET_ORDINARY;
	im_buf_reset(text);
	ret = *comparable ? lookup_password(c->lookup, uid, text, which) : IM_E_NONE;
	if (ret && ret != IM_E_NONE)
		return ret;
	if (!ret)
		no = unfit(text, &now, alone, &stored);
	if (no)
		*why = no;
	*comparable = !ret && !no;
	if (*comparable) {
		memcpy(w->stored, text->p, text->n);
		w->stored[text->n] = '\0';
		w->threads = stored.kind == IM_PWHASH_ARGON2ID && stored.argon2.lanes > 1;
		set_pad(c, &stored, now, w->pad);
		w->price = price_of(&stored, now);
		set_fresh(&stored, now, w);
	} else if (im_phc_decoy(c->decoy, now, w->stored)) {
		w->stored[0] = '\0'; /* a cost that is none: nothing matches */
	}
	return IM_OK;
}
