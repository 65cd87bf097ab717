/* SPDX-License-Identifier: BSD-3-Clause */
/* Both backends side by side; see store_pair.h. */
#include "tests/store/store_pair.h"

uint32_t test_draw(struct test_pair *p, uint32_t n)
{
	p->rng = p->rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(p->rng >> 33) % n;
}

static void begin_convs(struct test_pair *p, struct test_node *f)
{
	assert_ok(f->be->begin(f->s));
	for (uint64_t c = 0; c < TEST_PAIR_CONVS; c++)
		p->conv[c] = test_conv(f->be, f->s, 1, c + 2);
	test_commit(f);
}

static void transaction(struct test_pair *p, void (*step)(struct test_pair *p))
{
	assert_ok(p->a->be->begin(p->a->s));
	assert_ok(p->b->be->begin(p->b->s));
	for (uint32_t i = test_draw(p, 12); i > 0; i--)
		step(p);
	if (test_draw(p, 4) == 0) {
		p->a->be->rollback(p->a->s);
		p->b->be->rollback(p->b->s);
		p->gids = p->committed;
	} else {
		test_commit(p->a);
		test_commit(p->b);
		p->committed = p->gids;
	}
	if (test_draw(p, 20) == 0) {
		int64_t through = p->gids > 500 ? (int64_t)test_draw(p, (uint32_t)p->gids) : 0;
		assert_int_equal(test_prune(p->a, through), test_prune(p->b, through));
	}
	if (test_draw(p, 20) == 0)
		test_reopen(p->a);
}

void test_pair_walk(uint64_t seed, int transactions, void (*step)(struct test_pair *p),
	void (*compare)(struct test_pair *p))
{
	struct test_pair p = {.rng = seed};
	test_set_up_sqlite((void **)&p.a);
	test_set_up_memory((void **)&p.b);
	begin_convs(&p, p.a);
	begin_convs(&p, p.b);
	for (int i = 0; i < transactions; i++) {
		transaction(&p, step);
		compare(&p);
	}
	assert_true(p.gids > 5000);
	test_tear_down((void **)&p.a);
	test_tear_down((void **)&p.b);
}
