/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Entries are trimmed; a node that was away rebuilds its copy, and then replays an old spool.
 *
 * Node A has in its spool X (with an id), Y (without one), and may have had them appended before it
 * went away without knowing. Its clients have sent X again through B. B goes on: messages and changes
 * of the directory, and the window of ids holds only the newest. PostgreSQL trims what B has applied.
 *
 * What stands in PostgreSQL: entries first..tail, `message` (by id, for ever), the directory (a
 * counter of changes here), and the newest mark of each spool.
 */
#define L 6
#define X 1
#define Y 2
#define O 3 /* others' messages */
#define D 4 /* a change of the directory */

byte lg[L + 1], tail, first = 1;
byte mark;	      /* of A's spool, in a table of its own */
byte n_x, n_y;	      /* rows in `message` */
byte msgs, dir;	      /* rows, changes: what a rebuild reads */
byte bs = 3;	      /* what B still does */
bit x_at_b = 1;	      /* X comes to B, too */

/* A's disk */
byte ap, c_msgs, c_dir;
bit freed_x, freed_y;
bit done;
byte crashes = 2;

inline append(what)
{
	tail++;
	lg[tail] = what;
	if
	:: what == X -> n_x++; msgs++
	:: what == Y -> n_y++; msgs++
	:: what == O -> msgs++
	:: what == D -> dir++
	fi;
	assert(n_x <= 1); /* once with an id */
	assert(n_y <= 1)  /* once without an id: the marks see to it */
}

active proctype node_b()
{
end:	do
	:: atomic { bs > 0 && tail < L - 2 -> bs--; append(O) }
	:: atomic { bs > 0 && tail < L - 2 -> bs--; append(D) }
	:: atomic { x_at_b -> x_at_b = 0;
		if
		:: n_x == 0 -> append(X)
		:: else /* known there, B has never been away */
		fi }
	:: atomic { bs > 0 -> bs = 0 }
	od
}

active proctype trimmer()
{
end:	do
	:: atomic { first <= tail -> first++ }
	od
}

inline apply_one()
{
	if
	:: lg[ap] == D -> c_dir++
	:: else -> c_msgs++
	fi;
	if
	:: lg[ap] == X -> w = 1
	:: else -> w = 0 /* the window holds one id in this model */
	fi
}

inline my_mark()
{
#ifdef MARKINLOG /* the newest of its entries, if it is still there */
	com = 0;
	i = first;
	do
	:: i <= tail ->
		if
		:: own[i] > com -> com = own[i]
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
#else
	com = mark
#endif
}

byte own[L + 1]; /* A's mark in an entry */
mtype = { DOWN, FOLLOW, READ2, READ3, RUN };

active proctype node_a()
{
	mtype st = DOWN;
	byte i, com, pos, at;
	bit w;
end:	do
	:: atomic { st == DOWN -> w = 0; my_mark(); st = FOLLOW }
	/* entry by entry; a hole means: rebuild */
	:: atomic { (st == FOLLOW || st == RUN) && ap < tail ->
		if
		:: first <= ap + 1 ->
			ap++; apply_one();
			if
			:: own[ap] > com -> com = own[ap]
			:: else
			fi
#ifdef NOPREV /* the next that there is, prev not looked at */
		:: first > ap + 1 && first <= tail -> ap = first; apply_one()
		:: first > tail -> ap = tail
#else
		:: first > ap + 1 ->
#ifdef NOSNAP /* one statement after another, each with a snapshot of its own */
#ifdef POSLAST
			c_msgs = msgs; st = READ2
#else
			pos = tail; st = READ2
#endif
#else
			ap = tail; c_msgs = msgs; c_dir = dir; w = 0; my_mark(); st = FOLLOW
#endif
#endif
		fi }
#ifdef POSLAST
	:: atomic { st == READ2 -> c_dir = dir; st = READ3 }
	:: atomic { st == READ3 -> ap = tail; w = 0; my_mark(); st = FOLLOW }
#else
	:: atomic { st == READ2 -> c_msgs = msgs; st = READ3 }
	:: atomic { st == READ3 -> c_dir = dir; ap = pos; pos = 0; w = 0; my_mark(); st = FOLLOW }
#endif
	:: atomic { st == FOLLOW && ap == tail -> st = RUN;
		assert(c_msgs == msgs && c_dir == dir) /* the copies are equal */ }
	/* the spool: X is record 1, Y is 2; each may be appended and the answer lost */
	:: atomic { st == RUN && ap == tail && com < 2 ->
		at = 0;
		if
		:: com == 0 ->
			if
			:: w -> com = 1	/* in the window */
#ifndef NOLOOKUP
			:: !w && n_x > 0 -> com = 1 /* in `message`, read behind the position */
			:: !w && n_x == 0 -> append(X); at = 1
#else
			:: !w -> append(X); at = 1
#endif
			fi
		:: com == 1 -> append(Y); at = 2
		fi;
		if
		:: at > 0 ->
			mark = at;
			own[tail] = at;
			if
			:: ap++; apply_one(); com = at
			:: crashes > 0 -> crashes--; st = DOWN; com = 0; w = 0 /* committed; it does not know */
			fi
		:: else
		fi;
		at = 0 }
	:: atomic { st == RUN && com >= 1 && !freed_x -> freed_x = 1; assert(n_x == 1) /* freed: in the log */ }
	:: atomic { st == RUN && com == 2 && !freed_y -> freed_y = 1; assert(n_y == 1) /* freed: in the log */ }
	:: atomic { !done && ap == tail && st == RUN && freed_x && freed_y -> done = 1;
		assert(c_msgs == msgs && c_dir == dir) /* the copies are equal */ }
	:: atomic { done && ap < tail -> done = 0 }
	od
}

/* nothing moves any more: then all is done */
active proctype stuck() { end: timeout -> assert(done) /* all is done */ }

ltl catches_up { <>[] done }
