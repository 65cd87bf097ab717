/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kick at one node, sends of the kicked user at another, a third that delivers.
 *
 * Entries: MSG of the user, KICK, ADD, and NEWS (somebody else's message to the group, which the
 * user gets while a member). Rights are those of the copy at the position behind which is appended.
 */
#define L 5
mtype = { NONE, MSG, KICK, ADD, NEWS };
mtype lg[L + 1];
byte tail;
bit member = 1;	 /* at the tail */
byte sends = 2, changes = 2, news = 2;
bit refused_once;

inline put(what)
{
	tail++;
	lg[tail] = what;
	assert(what != MSG || member); /* a kick takes effect at one position everywhere */
	member = (what == KICK -> 0 : (what == ADD -> 1 : member))
}

/* node B: the administrator's */
active proctype node_b()
{
end:	do
	:: atomic { changes > 0 && tail < L - 2 && member -> changes--; put(KICK) }
	:: atomic { changes > 0 && tail < L - 2 && !member -> changes--; put(ADD) }
	:: atomic { news > 0 && tail < L - 2 -> news--; put(NEWS) }
	:: atomic { changes > 0 -> changes = 0 }
	od
}

inline follow()
{
	ap++;
	if
	:: lg[ap] == KICK -> m = 0
	:: lg[ap] == ADD -> m = 1
	:: else
	fi;
#ifndef NOCLEAR /* applied entries void what is cached, as a rollback does */
	cached = 0
#endif
}

/* node A: the user's; sends wait in its spool */
active proctype node_a()
{
	byte ap, prev;
	bit m = 1, cached, cache, allowed, wait;
end:	do
	:: atomic { !wait && ap < tail -> follow() }
	:: atomic { !wait && sends > 0 && tail < L ->
		if
		:: !cached -> cached = 1; cache = m
		:: else
		fi;
		allowed = cache;
#ifdef PREFILTER /* only what the plugin has found at the publish */
		allowed = 1;
#endif
		if
		:: allowed -> wait = 1; prev = ap
		:: else -> sends--; refused_once = 1 /* refused from the copy at ap */
		fi }
	:: atomic { wait && prev == tail && tail < L -> put(MSG); sends--; wait = 0; ap++; prev = 0 }
	:: atomic { wait && prev < tail ->
#ifdef REBASE /* the same rows again behind the new tail, not executed again */
		do
		:: ap < tail -> follow()
		:: else -> break
		od;
		prev = ap
#else
		wait = 0; prev = 0
#endif
		}
	:: atomic { wait && tail == L -> wait = 0; sends = 0 }
	od
}

/* node C: the user's other device; gets NEWS while a member at that position */
active proctype node_c()
{
	byte ap;
	bit m = 1, cached, cache;
end:	do
	:: atomic { ap < tail ->
		follow();
		if
		:: lg[ap] == NEWS ->
			if
			:: !cached -> cached = 1; cache = m
			:: else
			fi;
			assert(!cache || m) /* nothing is delivered behind a kick's position */
		:: else
		fi }
	od
}
