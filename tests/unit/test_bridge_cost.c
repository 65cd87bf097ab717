/* SPDX-License-Identifier: BSD-3-Clause */
/* What one user's work may cost: a bucket each, refilled by the records' own time. */
#include "bridge/base/cost.h"
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/price.h"
#include "tests/unit/unit.h"

static const struct im_sipkey key = {"0123456789abcde"};

static int64_t wait_of(struct cost *c, uint64_t user, int64_t now_ms, int64_t units)
{
	int64_t wait_ms;

	return cost_take(c, user, now_ms, units, &wait_ms) ? 0 : wait_ms;
}

static void each_pays_from_a_bucket_of_its_own(void **state)
{
	struct cost *c = cost_new(&key);
	const struct tx_part part = cost_part(c);

	(void)state;
	cost_set(c, 1000);
	assert_int_equal(wait_of(c, 1, 10000, 4000), 0);
	assert_int_equal(wait_of(c, 1, 10000, 100), 100);
	assert_int_equal(wait_of(c, 2, 10000, 4000), 0);
	assert_int_equal(wait_of(c, 1, 10099, 100), 1);
	assert_int_equal(wait_of(c, 1, 10100, 100), 0);
	assert_int_equal(cost_refused(c), 2);
	/* More than it holds passes when it is full, and is paid off in full. */
	assert_int_equal(wait_of(c, 3, 10000, 9000), 0);
	assert_int_equal(wait_of(c, 3, 14000, 9000), 5000);
	assert_int_equal(wait_of(c, 3, 19000, 9000), 0);
	part.rollback(part.arg, 1, false);
	assert_int_equal(wait_of(c, 3, 19000, 9000), 0);
	cost_free(&c);
}

static void without_a_rate_everything_passes(void **state)
{
	struct cost *c = cost_new(&key);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(wait_of(c, 1, 1, INT64_C(1) << 40), 0);
	cost_set(c, 10);
	assert_int_equal(wait_of(c, 1, 1, 0), 0);
	assert_int_equal(cost_refused(c), 0);
	cost_free(&c);
}

static void a_clock_that_is_set_back_stops_nobody(void **state)
{
	struct cost *c = cost_new(&key);

	(void)state;
	cost_set(c, 1000);
	assert_int_equal(wait_of(c, 1, 3600000, 4000), 0);
	assert_int_equal(wait_of(c, 1, 1000, 1000), 1000);
	assert_int_equal(wait_of(c, 1, 2000, 1000), 0);
	cost_free(&c);
}

static void what_was_done_already_is_owed(void **state)
{
	struct cost *c = cost_new(&key);
	int64_t wait_ms;

	(void)state;
	cost_set(c, 1000);
	cost_owe(c, 1, 1000, 5000);
	assert_false(cost_take(c, 1, 1000, 1, &wait_ms));
	assert_int_equal(wait_ms, 1001);
	assert_true(cost_take(c, 2, 1000, 1, &wait_ms));
	assert_true(cost_take(c, 1, 2001, 1, &wait_ms));
	cost_set(c, 0);
	cost_owe(c, 3, 1000, 5000);
	cost_set(c, 1000);
	assert_true(cost_take(c, 3, 1000, 4000, &wait_ms));
	cost_free(&c);
	/* What COST_LIST holds is paid before. */
	assert_int_equal(cost_convs(0), 0);
	assert_int_equal(cost_convs(500), 0);
	assert_int_equal(cost_convs(510), 1);
	assert_int_equal(cost_convs(3000), 250);
}

static int64_t price(const char *method, const char *params)
{
	json_t *o = json_loads(params, 0, NULL);
	int64_t units = price_of(methods_find(im_str(method)), o);

	assert_non_null(o);
	json_decref(o);
	return units;
}

static void reading_costs_the_rows_that_it_looks_at(void **state)
{
	(void)state;
	assert_int_equal(price("presence.get", "{\"uids\":[\"a\",\"b\",\"c\"]}"), 6);
	assert_int_equal(price("conv.history", "{\"conv\":\"u/b\",\"limit\":10}"), 10);
	assert_int_equal(price("conv.history", "{\"conv\":\"u/b\"}"), 50);
	assert_int_equal(
		price("conv.history", "{\"conv\":\"u/b\",\"limit\":10,\"shown\":true}"), 30);
	assert_int_equal(
		price("conv.history", "{\"conv\":\"u/b\",\"limit\":10,\"shown\":false}"), 10);
	assert_int_equal(price("search", "{\"q\":\"x\",\"limit\":500}"), 2000);
	/* Beside the rows: a look at each conversation, and what is unread in them added up. */
	assert_int_equal(price("conv.list", "{\"limit\":500}"), 1550);
	assert_int_equal(price("conv.list", "{\"limit\":500,\"total\":false}"), 1550);
	assert_int_equal(price("conv.list", "{\"limit\":1,\"total\":true}"), 353);
	assert_int_equal(price("session.start", "{}"), 500);
	assert_int_equal(price("conv.get", "{\"conv\":\"u/b\"}"), 0);
	assert_int_equal(price("user.get", "{}"), 0);
}

static bool takes(const struct rpc_method *m, const char *param)
{
	for (const struct rpc_param *p = m->params; p->name; p++)
		if (strcmp(p->name, param) == 0)
			return true;
	return false;
}

/* Whatever looks at more than one row because it was asked to has a price. */
static void every_list_has_a_price(void **state)
{
	json_t *o = json_loads("{\"limit\":500,\"uids\":[\"a\"]}", 0, NULL);

	(void)state;
	for (const struct rpc_method *const *t = methods_all; *t; t++)
		for (const struct rpc_method *m = *t; m->name; m++)
			if (rpc_reads(m) && (takes(m, "limit") || takes(m, "uids")) &&
				price_of(m, o) == 0)
				fail_msg("%s", m->name);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_pays_from_a_bucket_of_its_own),
		cmocka_unit_test(without_a_rate_everything_passes),
		cmocka_unit_test(a_clock_that_is_set_back_stops_nobody),
		cmocka_unit_test(what_was_done_already_is_owed),
		cmocka_unit_test(reading_costs_the_rows_that_it_looks_at),
		cmocka_unit_test(every_list_has_a_price),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
