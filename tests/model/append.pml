/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compare-and-append: bridges, their copies and spools, PostgreSQL's log with its tail lock.
 *
 * A bridge executes records of its spool on its copy at position P and asks for an append behind P.
 * The request lives in a backend of its own: it may not have begun, hold the lock, or have committed
 * when its bridge has died or lost the connection, and goes on without it.
 *
 * X has a client id and may be sent any number of times and to both nodes. Y has none: only the
 * marks keep it from being stored twice. A handler may refuse Y (a mute, slow mode: time decides).
 *
 * Shapes:  default  two nodes
 *          TWICE    two bridges of one node on the same copy and the same spool
 *          CLONE    the same node id on two machines, each with its copy and spool
 *          LOCKS    after a miss a bridge may take the copy's lock and then the tail's, and keeps both
 *                   until it has caught up, executed, and appended
 * Rules that can be broken: see the list in README.md.
 */
#define X 1
#define Y 2
#define L 5

#ifndef PUTS
#define PUTS 3
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef CUTS
#define CUTS 1
#endif
#ifndef ABORTS
#define ABORTS 1
#endif
#ifndef LOSTRET
#define LOSTRET 1
#endif

/* an entry: spool (= epoch), mark through this record, messages in it, messages before it */
#define ENT(ep, mark, set, base) ((ep) + 2 * (mark) + 8 * (set) + 32 * (base))
#define EPOCH(e) ((e) & 1)
#define MARK(e) (((e) >> 1) & 3)
#define SET(e) (((e) >> 3) & 3)
#define BASE(e) ((e) >> 5)
#define COUNT(set) (((set) & 1) + (((set) >> 1) & 1))

#if defined(TWICE)
#define NODE(b) 0
#define SPOOL(b) 0
#define COPY(b) 0
#define NODE_OF(ep) 0
#elif defined(CLONE)
#define NODE(b) 0
#define SPOOL(b) (b)
#define COPY(b) (b)
#define NODE_OF(ep) 0
#else
#define NODE(b) (b)
#define SPOOL(b) (b)
#define COPY(b) (b)
#define NODE_OF(ep) (ep)
#endif

#ifdef BLIND
#define BLINDLY true
#else
#define BLINDLY false
#endif
#ifdef ASKNOLOCK
#define ASK_GUARD true
#else
#define ASK_GUARD (lock == 0)
#endif

/* nobody else has it; under the tail's lock a bridge may have it already */
#define FILE_FREE (filelock[c] == 0 || (filelock[c] == b + 1 && lock == HOLDER(b)))

#ifdef NOOWNER
#define OWNS true
#else
#define OWNS (owner[q] == b)
#endif

mtype = { FREE, QUEUED, LOCKED, OK, MOVED, FENCED, BROKEN };
typedef Slot { mtype st = FREE; bit live; byte prev; byte inc; short e; byte refs; bit unfit };
typedef Copy { byte ap; short e[L + 1] };
typedef Spool { byte n; byte freed; byte r[3] };

/* PostgreSQL */
byte tail, lock; /* lock: 0, slot + 1, or HOLDER(b) */
short lg[L + 1];
byte inc[2];
Slot sl[4]; /* two a bridge: the one of now and one left behind */
#define HOLDER(b) (10 + (b))

/* nodes' disks */
Copy cp[2];
Spool sp[2];
byte owner[2]; /* whose frames the plugin takes: the bridge that has linked last */
byte filelock[2]; /* SQLite's write lock: bridge + 1 */

/* ghosts */
byte inlog, cnt, acked, refused;
byte crashes = CRASHES, cuts = CUTS, aborts = ABORTS, lostret = LOSTRET, puts = PUTS;
bit idle_b[2];

inline commit(s)
{
	assert((SET(sl[s].e) & inlog) == 0); /* once */
	assert(BASE(sl[s].e) == cnt);	     /* seq dense, never reused */
	assert((SET(sl[s].e) & refused) == 0); /* what was answered "refused" is not stored */
	tail++;
	assert(tail <= L); /* the model is large enough */
	lg[tail] = sl[s].e;
	inlog = inlog | SET(sl[s].e);
	cnt = cnt + COUNT(SET(sl[s].e));
	refused = refused | sl[s].refs;
}

active proctype postgres()
{
	byte s;
end:	do
	:: atomic { lock == 0 && (sl[0].st == QUEUED || sl[1].st == QUEUED || sl[2].st == QUEUED ||
		sl[3].st == QUEUED) -> /* a request begins: the lock, then the questions, each with a new snapshot */
		if
		:: sl[0].st == QUEUED -> s = 0
		:: sl[1].st == QUEUED -> s = 1
		:: sl[2].st == QUEUED -> s = 2
		:: sl[3].st == QUEUED -> s = 3
		fi;
		sl[s].unfit = 0;
#ifndef NOINC
		if
		:: sl[s].inc != inc[NODE(s / 2)] ->
			sl[s].unfit = 1; sl[s].st = (sl[s].live -> FENCED : FREE)
		:: else
		fi;
#endif
#ifndef NOCAS
		if
		:: !sl[s].unfit && sl[s].prev != tail ->
			sl[s].unfit = 1; sl[s].st = (sl[s].live -> MOVED : FREE)
		:: else
		fi;
#endif
		if
		:: sl[s].unfit -> sl[s].unfit = 0
		:: else -> sl[s].st = LOCKED; lock = s + 1
		fi;
		if
		:: sl[s].st == FREE -> sl[s].e = 0; sl[s].prev = 0; sl[s].inc = 0; sl[s].refs = 0
		:: else
		fi;
		s = 0 }
	:: atomic { lock > 0 && lock < 10 ->
		s = lock - 1;
		lock = 0;
		if
		:: commit(s); sl[s].st = (sl[s].live -> OK : FREE)
		:: aborts > 0 -> aborts--; sl[s].st = (sl[s].live -> BROKEN : FREE)
		fi;
		if
		:: sl[s].st == FREE -> sl[s].e = 0; sl[s].prev = 0; sl[s].inc = 0; sl[s].refs = 0
		:: else
		fi;
		s = 0 }
	od
}

/* Clients. X again and again; Y once. */
active proctype clients()
{
	bit y;
end:	do
	:: atomic { puts > 0 && sp[0].n < 2 -> puts--; sp[0].n++; sp[0].r[sp[0].n] = X }
	:: atomic { puts > 0 && sp[0].n < 2 && !y -> y = 1; puts--; sp[0].n++; sp[0].r[sp[0].n] = Y }
#ifndef TWICE
	:: atomic { puts > 0 && sp[1].n < 2 -> puts--; sp[1].n++; sp[1].r[sp[1].n] = X }
	:: atomic { puts > 0 && sp[1].n < 2 && !y -> y = 1; puts--; sp[1].n++; sp[1].r[sp[1].n] = Y }
#endif
	:: atomic { puts > 0 -> puts = 0 }
	od
}

#define c COPY(b)
#define q SPOOL(b)

inline window()
{
	w = 0;
	i = 1;
	do
	:: i <= cp[c].ap -> w = w | (SET(cp[c].e[i]) & X); i++
	:: else -> break
	od;
	i = 0
}

/* the node's mark for this spool, as the log has it */
inline ask()
{
	m = 0;
	i = 1;
	do
	:: i <= tail ->
		if
#ifdef MARKNEWEST /* the node's newest entry alone, of whatever spool */
		:: NODE_OF(EPOCH(lg[i])) == NODE(b) -> m = (EPOCH(lg[i]) == q -> MARK(lg[i]) : 0)
#else
		:: EPOCH(lg[i]) == q -> m = MARK(lg[i])
#endif
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

inline release()
{
	if
	:: lock == HOLDER(b) -> lock = 0
	:: else
	fi
}

inline fileout()
{
	if
	:: filelock[c] == b + 1 -> filelock[c] = 0
	:: else
	fi
}

/* The spool is freed: each record is in the log, or was refused. */
inline give_free(upto)
{
	i = 1;
	do
	:: i <= upto ->
		assert((sp[q].r[i] & (inlog | refused)) != 0); /* freed: in the log, or refused */
		i++
	:: else -> break
	od;
	i = 0;
	if
	:: upto > sp[q].freed -> sp[q].freed = upto
	:: else
	fi
}

inline tell_acks(set)
{
	assert(((set) & inlog) == (set)); /* no ack before it is durable */
	acked = acked | (set)
}

inline forget()
{
#ifdef LOCKS
	miss = 0;
#endif
	k = 0; acks = 0; refs = 0; e = 0
}

mtype = { DOWN, CONN, READY, ASK, WAIT, GOT, TELL, DEAD };

proctype bridge(byte b)
{
	mtype st = DOWN;
	byte com, w, mp, my, need, k, acks, refs, i, m, s, store;
	bit fresh = 1;
#ifdef LOCKS
	bit miss;
#endif
	short e;

end:	do
	/* start */
	:: atomic { st == DOWN -> st = CONN; fresh = 1; com = 0; need = 0; mp = cp[c].ap; window();
		idle_b[b] = 0 }

	/* connect, or connect again: the lock, the incarnation, the mark, in one transaction */
	:: atomic { st == CONN && ASK_GUARD ->
		if
		:: fresh -> inc[NODE(b)]++; my = inc[NODE(b)]; owner[q] = b; st = READY
#ifndef NORAISE
		:: !fresh && my == inc[NODE(b)] -> inc[NODE(b)]++; my = inc[NODE(b)]; st = READY
		:: !fresh && my != inc[NODE(b)] -> st = DEAD
#else
		:: !fresh -> st = READY
#endif
		fi;
		fresh = 0;
		if
		:: st == READY ->
			ask();
			com = (m > com -> m : com);
			com = (sp[q].freed > com -> sp[q].freed : com);
#ifdef HOLD
			lock = HOLDER(b);
			need = tail;
#endif
			m = 0
		:: else
		fi }

	/* somebody else has written to the copy */
	:: atomic { st == READY && mp != cp[c].ap && FILE_FREE && !BLINDLY -> mp = cp[c].ap; window(); i = 1;
		do
		:: i <= mp ->
			if
			:: EPOCH(cp[c].e[i]) == q && MARK(cp[c].e[i]) > com -> com = MARK(cp[c].e[i])
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0 }

	/* follow the log; deliver what has been committed to the copy */
	:: atomic { st == READY && mp < tail && FILE_FREE && (BLINDLY || mp == cp[c].ap) ->
		assert(cp[c].ap == mp); /* each entry is applied once to a copy */
		mp++;
		cp[c].ap = mp;
		cp[c].e[mp] = lg[mp];
		w = w | (SET(lg[mp]) & X);
#ifndef NOHONOUR
		if
		:: EPOCH(lg[mp]) == q && MARK(lg[mp]) > com -> com = MARK(lg[mp])
		:: else
		fi
#endif
		}

	/* execute on the copy */
	:: atomic { st == READY && com < sp[q].n && mp >= need && FILE_FREE &&
		(BLINDLY || mp == cp[c].ap) && (lock != HOLDER(b) || mp == tail) &&
		(sl[2 * b].st == FREE || sl[2 * b + 1].st == FREE) ->
		s = (sl[2 * b].st == FREE -> 2 * b : 2 * b + 1);
		store = 0;
		if
		:: k = 1
		:: sp[q].n - com > 1 -> k = 2
		fi;
		m = 1;
		do
		:: m <= k ->
			if
			:: sp[q].r[com + m] == X && (w & X) -> acks = acks | X
			:: sp[q].r[com + m] == X && !(w & X) ->
				acks = acks | X; store = store | X; w = w | X
			:: sp[q].r[com + m] == Y -> store = store | Y
#ifdef REFUSE
			:: sp[q].r[com + m] == Y -> refs = refs | Y
#endif
			fi;
			m++
		:: else -> break
		od;
		m = 0;
		if
		:: store != 0 ->
			i = 1;
			do /* seq follows from the copy */
			:: i <= mp -> m = m + COUNT(SET(cp[c].e[i])); i++
			:: else -> break
			od;
			e = ENT(q, com + k, store, m);
			i = 0; m = 0;
			sl[s].e = e; sl[s].prev = mp; sl[s].inc = my; sl[s].live = 1; sl[s].refs = refs;
			if
#ifndef NOINC
			:: lock == HOLDER(b) && my != inc[NODE(b)] -> sl[s].st = FENCED; lock = 0
			:: lock == HOLDER(b) && my == inc[NODE(b)] -> sl[s].st = LOCKED; lock = s + 1
#else
			:: lock == HOLDER(b) -> sl[s].st = LOCKED; lock = s + 1
#endif
			:: else -> sl[s].st = QUEUED
			fi;
#ifndef NOFILELOCK
			filelock[c] = b + 1;
#endif
#ifdef ACKEARLY
			tell_acks(acks);
#endif
			st = WAIT
		:: else -> /* nothing to append: answered from the copy */
			release(); fileout();
			com = com + k;
			st = TELL; s = 0
		fi;
		store = 0 }
#if defined(HOLD) || defined(LOCKS)
	:: atomic { st == READY && lock == HOLDER(b) && mp == tail && com == sp[q].n -> lock = 0; fileout() }
#endif
#ifdef LOCKS
#ifdef FILELATE /* the copy's lock only when there is something to write */
	:: atomic { st == READY && miss && lock == 0 -> miss = 0; lock = HOLDER(b); need = tail }
#else
	:: atomic { st == READY && miss && filelock[c] == 0 -> filelock[c] = b + 1;
		if
		:: lock == 0 -> miss = 0; lock = HOLDER(b); need = tail
		:: else -> st = ASK
		fi }
	:: atomic { st == ASK && lock == 0 -> st = READY; miss = 0; lock = HOLDER(b); need = tail }
	:: atomic { st == ASK && cuts > 0 -> cuts--; fileout(); miss = 0; st = CONN }
#endif
#endif

	/* the answer */
	:: atomic { st == WAIT && sl[s].st == OK -> sl[s].st = FREE; sl[s].live = 0; st = GOT;
		sl[s].e = 0; sl[s].prev = 0; sl[s].inc = 0; sl[s].refs = 0 }
	:: atomic { st == WAIT && sl[s].st == MOVED -> sl[s].st = FREE; sl[s].live = 0;
		sl[s].e = 0; sl[s].prev = 0; sl[s].inc = 0; sl[s].refs = 0; s = 0;
#ifndef NOROLLBACK
		window();
#endif
		fileout(); forget(); need = tail; st = READY;
#ifdef LOCKS
		miss = 1
#endif
		}
	:: atomic { st == WAIT && sl[s].st == FENCED -> sl[s].st = FREE; sl[s].live = 0;
		sl[s].e = 0; sl[s].prev = 0; sl[s].inc = 0; sl[s].refs = 0; s = 0;
		fileout(); forget(); window();
#if defined(TWICE) || defined(CLONE)
		st = DEAD
#else
		st = DOWN
#endif
		}
	:: atomic { st == WAIT && sl[s].st == BROKEN -> sl[s].st = FREE; sl[s].live = 0;
		sl[s].e = 0; sl[s].prev = 0; sl[s].inc = 0; sl[s].refs = 0; s = 0;
		fileout(); forget(); window(); st = CONN }
	/* the connection is lost; the backend goes on */
	:: atomic { st == WAIT && cuts > 0 && sl[s].st != BROKEN -> cuts--;
		sl[s].live = 0;
		if
		:: sl[s].st == OK || sl[s].st == MOVED || sl[s].st == FENCED -> sl[s].st = FREE;
			sl[s].e = 0; sl[s].prev = 0; sl[s].inc = 0; sl[s].refs = 0
		:: else
		fi;
		s = 0; fileout(); forget(); window(); st = CONN }
	:: atomic { st == READY && cuts > 0 && lock == HOLDER(b) -> cuts--; release(); fileout(); st = CONN }

	/* the copy's own commit */
	:: atomic { st == GOT ->
		if
		:: mp == cp[c].ap ->
			mp++;
			cp[c].ap = mp; cp[c].e[mp] = e;
			assert(cp[c].e[mp] == lg[mp]); /* copies are equal: each is the log up to its position */
			com = com + k
		:: else -> /* NOFILELOCK: somebody has applied it already */
#ifdef BLIND
			assert(cp[c].ap == mp) /* each entry is applied once to a copy */
#else
			window(); mp = cp[c].ap; com = com + k
#endif
		fi;
		fileout(); s = 0;
		st = TELL }

	/* acks, commit-return, own deliveries */
	:: atomic { st == TELL && !OWNS -> forget(); st = READY }
	:: atomic { st == TELL && OWNS ->
		tell_acks(acks);
		if
		:: refused = refused | refs; /* final when the record leaves the spool */
			assert((refs & inlog) == 0); /* what is answered "refused" is not stored */
			give_free(com)
		:: lostret > 0 && refs == 0 -> lostret-- /* the broker died: it sends the records again */
		fi;
		forget(); st = READY }
	:: atomic { st == READY && !OWNS -> st = DEAD }
	:: atomic { st == READY && sp[q].freed < com && OWNS -> /* records sent again, known as committed */
		i = sp[q].freed + 1;
		do
		:: i <= com -> tell_acks(sp[q].r[i] & X & ~refused); i++
		:: else -> break
		od;
		give_free(com) }

	/* kill -9 */
	:: atomic { crashes > 0 && st != DOWN && st != DEAD -> crashes--;
		if
		:: st == WAIT ->
			sl[s].live = 0;
			if
			:: sl[s].st == QUEUED || sl[s].st == LOCKED
			:: else -> sl[s].st = FREE; sl[s].e = 0; sl[s].prev = 0; sl[s].inc = 0; sl[s].refs = 0
			fi
		:: else
		fi;
		release(); fileout(); forget(); s = 0; st = DOWN; mp = 0; w = 0; com = 0; my = 0; need = 0 }
	:: atomic { st == DEAD -> mp = 0; w = 0; com = 0; my = 0; need = 0; fileout(); release(); idle_b[b] = 1; break }
	:: atomic { !idle_b[b] && st == READY && com == sp[q].n && sp[q].freed == com && mp == tail && mp == cp[c].ap -> idle_b[b] = 1 }
	:: atomic { idle_b[b] && st != DEAD && !(st == READY && com == sp[q].n && sp[q].freed == com && mp == tail && mp == cp[c].ap) -> idle_b[b] = 0 }
	od
}

#undef c
#undef q

init { atomic { run bridge(0); run bridge(1) } }

/* nothing moves any more: then all is done */
active proctype stuck() { end: timeout -> assert(idle_b[0] && idle_b[1]) /* all is done */ }

/* when faults and sends are over, everybody has everything and every spool is empty */
ltl catches_up { <>[] (idle_b[0] && idle_b[1]) }
