/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns who has spent what. Called by throttle.c, auth.c and tokens.c; knows neither passwords nor
 * the broker. */
#include "plugin/budget.h"

#include <stdlib.h>

#include "plugin/sketch.h"

#define SECOND_US INT64_C(1000000)

/* What may be saved up, in time, and in looks at a login: where one takes a good part of a second,
 * one wrong guess must not close the door for the others behind it. */
#define ALL_US (5 * SECOND_US)
#define ALL_LOOKS 32
/* Of that, what may be spent at once, and how much faster than it flows in after that: so something
 * is left when it has become known who spends it. */
#define BURST_LOOKS 16
#define BURST_SPEED 2
#define ADDRESS_PART 4
#define ADDRESS_US SECOND_US
#define ADDRESS_LOOKS 16
#define PAIR_PART 16
#define PAIR_US SECOND_US
#define PAIR_LOOKS 4

/* How much of the whole is open to whom, in percent; and of an address's to a user who has failed
 * from there. Each step is worth several looks. */
static const int64_t open_to[BUDGET_RANKS] = {100, 90, 60, 30};
/* And to whom a proxy has brought, by what speaks against the user. */
static const int64_t open_to_proxy[BUDGET_SUSPECT] = {90, 60};
#define ADDRESS_TO_FAILED 50

/* Tries of an address or of a user that are forgiven: a few typing errors, a client that comes back
 * at once when it was turned away. One is forgotten in five minutes. */
#define TRIES 3
#define TRY_S 300
#define TRIES_US (TRIES * TRY_S * SECOND_US)

/* How likely one is to be wrong goes by the last ones, about so many. */
#define WRONG_ONE 1024
#define WRONG_OF 32
#define COST_UP 2
#define COST_DOWN 16

struct budget {
	struct im_sipkey key;
	int64_t share_us, one_us;
	int64_t looking;  /* at so much at this moment, in prices... */
	int64_t suspects; /* of it from addresses that are suspect by now */
	int64_t wrong;    /* of WRONG_ONE */
	struct im_ratelimit all, burst, local;
	struct sketch *pairs, *addresses; /* work */
	struct sketch *user_tries, *address_tries,
		*pair_tries; /* so that none crowds another out */
};

struct budget *budget_new(const struct im_sipkey *key, const struct budget_settings *set)
{
	struct budget *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->key = *key;
	b->share_us = set->share_us > PAIR_PART ? set->share_us : PAIR_PART;
	b->one_us = set->one_us;
	b->pairs = sketch_new();
	b->addresses = sketch_new();
	b->user_tries = sketch_new();
	b->address_tries = sketch_new();
	b->pair_tries = sketch_new();
	if (!b->pairs || !b->addresses || !b->user_tries || !b->address_tries || !b->pair_tries)
		budget_free(&b);
	return b;
}

void budget_free(struct budget **b)
{
	if (!*b)
		return;
	sketch_free(&(*b)->pairs);
	sketch_free(&(*b)->addresses);
	sketch_free(&(*b)->user_tries);
	sketch_free(&(*b)->address_tries);
	sketch_free(&(*b)->pair_tries);
	free(*b);
	*b = NULL;
}

struct budget_login budget_login(
	const struct budget *b, struct im_str user, struct im_str address, enum budget_from from)
{
	uint64_t both[2] = {
		im_siphash(&b->key, user.p, user.n), im_siphash(&b->key, address.p, address.n)};

	return (struct budget_login){
		.user = both[0],
		.address = both[1],
		.pair = im_siphash(&b->key, both, sizeof(both)),
		.from = from,
		.price = BUDGET_ORDINARY,
	};
}

static int64_t price_us(const struct budget *b, int64_t price)
{
	return price * b->one_us / BUDGET_ORDINARY;
}

/* What a part of the share may save up, as the time in which that flows in. */
static int64_t saved_us(const struct budget *b, int64_t part, int64_t least_us, int64_t looks)
{
	int64_t us = looks * b->one_us * SECOND_US / (b->share_us / part);

	return us > least_us ? us : least_us;
}

static int64_t all_us(const struct budget *b)
{
	return saved_us(b, 1, ALL_US, ALL_LOOKS);
}

static int64_t burst_us(const struct budget *b)
{
	return saved_us(b, 1, 0, BURST_LOOKS) / BURST_SPEED;
}

static int64_t address_us(const struct budget *b)
{
	return saved_us(b, ADDRESS_PART, ADDRESS_US, ADDRESS_LOOKS);
}

static int64_t pair_us(const struct budget *b)
{
	return saved_us(b, PAIR_PART, PAIR_US, PAIR_LOOKS);
}

/* Of what may be spent, what is left to be spent before a look at this price: above the ordinary
 * one it must be there before. */
static int64_t before(
	const struct budget *b, const struct budget_login *l, int64_t part, int64_t us)
{
	int64_t more = price_us(b, l->price - BUDGET_ORDINARY) * SECOND_US / (b->share_us / part);

	return us > more ? us - more : 1;
}

unsigned budget_rank(const struct budget *b, const struct budget_login *l, int64_t now_us)
{
	bool address = l->from == BUDGET_ADDRESS_PROXY ||
		       sketch_open(b->address_tries, l->address, now_us, TRIES_US);
	bool user = sketch_open(b->user_tries, l->user, now_us, TRIES_US);

	return (address ? 0 : 2) + (user ? 0 : 1);
}

/* Time in which that flows in which those will have cost that are being looked at. Of suspects many
 * may wait from before they were; they are given up in time, and nobody else stands behind them. */
static int64_t pending_us(const struct budget *b, unsigned rank)
{
	int64_t n = b->looking - (rank < BUDGET_SUSPECT ? b->suspects : 0);

	return n > 0 ? price_us(b, n) * b->wrong / WRONG_ONE * SECOND_US / b->share_us : 0;
}

static bool all_open(
	const struct budget *b, const struct budget_login *l, int64_t now_us, bool at_once)
{
	unsigned rank = budget_rank(b, l, now_us);
	int64_t open = l->from == BUDGET_ADDRESS_PROXY ? open_to_proxy[rank] : open_to[rank];
	int64_t pending = pending_us(b, rank);
	int64_t all = all_us(b) * open / 100;

	if (!at_once)
		return im_ratelimit_open(&b->all, now_us, all - pending);
	return im_ratelimit_open(&b->all, now_us, before(b, l, 1, all) - pending) &&
	       im_ratelimit_open(
		       &b->burst, now_us, burst_us(b) * open / 100 - pending / BURST_SPEED);
}

static enum budget_bound ask(
	const struct budget *b, const struct budget_login *l, int64_t now_us, bool at_once)
{
	bool failed = !sketch_open(b->pair_tries, l->pair, now_us, 1);
	int64_t address = address_us(b) * (failed ? ADDRESS_TO_FAILED : 100) / 100;
	int64_t local = address_us(b), pair = pair_us(b);

	/* What waits for its look has been asked for it. */
	if (at_once) {
		address = before(b, l, ADDRESS_PART, address);
		local = before(b, l, ADDRESS_PART, local);
		pair = before(b, l, PAIR_PART, pair);
	}
	if (!sketch_open(b->pairs, l->pair, now_us, pair))
		return BUDGET_PAIR;
	if (l->from == BUDGET_ADDRESS_LOCAL)
		return im_ratelimit_open(&b->local, now_us, local) ? BUDGET_OPEN : BUDGET_LOCAL;
	if (l->from == BUDGET_ADDRESS_OWN &&
		!sketch_open(b->addresses, l->address, now_us, address))
		return BUDGET_ADDRESS;
	return all_open(b, l, now_us, at_once) ? BUDGET_OPEN : BUDGET_ALL;
}

enum budget_bound budget_ask(const struct budget *b, const struct budget_login *l, int64_t now_us)
{
	return ask(b, l, now_us, true);
}

enum budget_bound budget_ask_again(
	const struct budget *b, const struct budget_login *l, int64_t now_us)
{
	return ask(b, l, now_us, false);
}

void budget_begin(struct budget *b, int64_t price)
{
	b->looking += price;
}

void budget_suspects(struct budget *b, int64_t prices)
{
	b->suspects = prices;
}

void budget_given_up(struct budget *b, int64_t price)
{
	b->looking -= price;
}

static void count_end(struct budget *b, int64_t price, int64_t wrong)
{
	b->looking -= price;
	b->wrong += (wrong - b->wrong) / WRONG_OF;
}

void budget_right(struct budget *b, int64_t price)
{
	count_end(b, price, 0);
}

static void count_try(struct sketch *tries, uint64_t key, int64_t now_us)
{
	sketch_spend(tries, key, now_us, 1, TRIES_US, TRY_S);
}

/* A proxy's speaks against nobody. */
static void count_address(struct budget *b, const struct budget_login *l, int64_t now_us)
{
	if (l->from != BUDGET_ADDRESS_PROXY)
		count_try(b->address_tries, l->address, now_us);
}

void budget_refused(struct budget *b, const struct budget_login *l, int64_t now_us)
{
	/* Not against the user: his name is what anybody can say, and as many names as one likes.
	 */
	count_address(b, l, now_us);
}

/* Up at once, for the budgets must hold several; but not to what one takes that is held up. */
static void measure(struct budget *b, int64_t took_us)
{
	int64_t seen_us = took_us < 4 * b->one_us ? took_us : 4 * b->one_us;

	b->one_us += (seen_us - b->one_us) / (seen_us > b->one_us ? COST_UP : COST_DOWN);
	if (b->one_us < COST_UP)
		b->one_us = COST_UP;
}

/* A bucket forgets what it is short of beyond twice what it holds: not a dear look. */
static int64_t kept_us(int64_t saved_us, int64_t rate, int64_t took_us)
{
	int64_t us = took_us * SECOND_US / rate;

	return us > saved_us ? us : saved_us;
}

void budget_wrong(struct budget *b, const struct budget_login *l, int64_t now_us, int64_t took_us)
{
	int64_t rate, kept;

	count_end(b, l->price, WRONG_ONE);
	measure(b, took_us * BUDGET_ORDINARY / l->price);
	count_address(b, l, now_us);
	count_try(b->user_tries, l->user, now_us);
	count_try(b->pair_tries, l->pair, now_us);
	rate = b->share_us / PAIR_PART;
	sketch_spend(b->pairs, l->pair, now_us, rate, kept_us(pair_us(b), rate, took_us), took_us);
	rate = b->share_us / ADDRESS_PART;
	kept = kept_us(address_us(b), rate, took_us);
	if (l->from == BUDGET_ADDRESS_LOCAL) {
		im_ratelimit_spend(&b->local, now_us, rate, kept, took_us);
		return;
	}
	if (l->from == BUDGET_ADDRESS_OWN)
		sketch_spend(b->addresses, l->address, now_us, rate, kept, took_us);
	rate = b->share_us;
	im_ratelimit_spend(&b->all, now_us, rate, kept_us(all_us(b), rate, took_us), took_us);
	rate = BURST_SPEED * b->share_us;
	im_ratelimit_spend(&b->burst, now_us, rate, kept_us(burst_us(b), rate, took_us), took_us);
}
