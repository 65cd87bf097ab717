/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PostgreSQL with one standby. A commit is first on the primary's disk, then (SYNC) waits for the
 * standby holding the tail lock, invisible; a crash and restart of the primary makes what was
 * waiting visible although the standby has not got it. A failover goes on with what the standby has.
 *
 * SYNC, or else asynchronous: the last entries may be lost, and a copy may be ahead of the log.
 * Bridges crash between their local commit and the commit-return; frames of Valkey come late.
 * Rules that can be broken: see README.md.
 */
#define L 6
#ifndef FAILOVERS
#define FAILOVERS 1
#endif
#ifndef RESTARTS
#define RESTARTS 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifdef CANCEL
#define CANCELS 1
#else
#define CANCELS 0
#endif
#define NR(n) (2 - (n)) /* records in the spool: two of node 0, one of node 1 */

/* an entry: node, record, the era in which it was appended */
#define ENT(n, r, era) ((n) + 2 * (r) + 8 * (era))
#define NODE(e) ((e) & 1)
#define REC(e) (((e) >> 1) & 3)
#define ERA(e) ((e) >> 3)
#define BIT(e) (1 << (NODE(e) * 2 + REC(e) - 1))
#ifdef NOJUMP /* positions go on behind what is left */
#define POS(i, e) (i)
#else
#define POS(i, e) (8 * ERA(e) + (i))
#endif

#if defined(SYNC) && !defined(NOSYNCWRITE)
#define SYNCED (slen >= need)
#else
#define SYNCED true
#endif
#ifdef LOCALMARKS
#define COM_AGAIN skip
#else
#define COM_AGAIN com = 0
#endif
#ifdef NOFRAMEERA
#define FRAME_ERA (ne > 0)
#else
#define FRAME_ERA (ne > 0 && fera == ne)
#endif
#ifdef AUTOERA_OFF
#define ERANOW era
#else
#define ERANOW tl /* the append asks for the timeline itself */
#endif

byte pl[L + 1], plen, vis, slen; /* the primary's log, how much is visible, how much the standby has */
byte tl = 1, era = 1, gen = 1;
byte inlog, acked, delivered, cursor; /* ghosts */
byte crashes = CRASHES, failovers = FAILOVERS, restarts = RESTARTS, cancels = CANCELS;

typedef Node { byte ap; byte e[L + 1]; byte freed; bit ok };
Node nd[2];
/* the newest frame in Valkey: the entry, its place, the history behind it (for its digest) */
byte fe[L + 1], flen, fera;

inline inlog_again()
{
	inlog = 0;
	i = 1;
	do
	:: i <= vis -> inlog = inlog | BIT(pl[i]); i++
	:: else -> break
	od;
	i = 0
}

active proctype postgres()
{
	byte i;
end:	do
	:: atomic { slen < plen -> slen++ }
#ifdef SYNC
	:: atomic { vis < plen && slen > vis -> vis++; inlog_again() }
	:: atomic { vis < plen && cancels > 0 -> cancels--; vis++; inlog_again() }
#endif
	:: atomic { restarts > 0 -> restarts--; gen++; vis = plen; inlog_again() }
	:: atomic { failovers > 0 -> failovers--; tl++;
#ifndef POOLER
		gen++;
#endif
		i = slen + 1;
		do
		:: i <= plen -> pl[i] = 0; i++
		:: else -> break
		od;
		plen = slen; vis = slen; inlog_again();
#ifdef SYNC
		assert((acked & inlog) == acked);	  /* nothing acked is lost */
		assert((delivered & inlog) == delivered); /* nothing delivered is lost */
#endif
		}
	od
}

/* is the copy's history the log's, up to the copy's position? */
inline compare()
{
	same = (nd[n].ap <= vis);
#ifndef POSONLY
	i = 1;
	do
	:: same && i <= nd[n].ap -> same = (nd[n].e[i] == pl[i]); i++
	:: else -> break
	od;
	i = 0
#endif
}

inline read_copy()
{
	nd[n].ap = vis;
	i = 1;
	do
	:: i <= vis -> nd[n].e[i] = pl[i]; i++
	:: i > vis && i <= L -> nd[n].e[i] = 0; i++
	:: i > L -> break
	od;
	i = 0
}

/* what a device is told that asks now */
inline returned()
{
	if
	:: nd[n].ap > 0 && POS(nd[n].ap, nd[n].e[nd[n].ap]) > cursor -> cursor = POS(nd[n].ap, nd[n].e[nd[n].ap])
	:: else
	fi
}

inline marks_of_log()
{
	i = 1;
	do
	:: i <= vis ->
		if
		:: NODE(pl[i]) == n && REC(pl[i]) > com -> com = REC(pl[i])
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

inline marks_of_copy()
{
	i = 1;
	do
	:: i <= nd[n].ap ->
		if
		:: NODE(nd[n].e[i]) == n && REC(nd[n].e[i]) > com -> com = REC(nd[n].e[i])
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

/* acks of what is in the log, and the spool is freed */
inline settle()
{
	i = nd[n].freed + 1;
	do
	:: i <= com ->
		assert((BIT(ENT(n, i, 0)) & inlog) != 0 || nt != tl); /* freed: in the log */
		acked = acked | BIT(ENT(n, i, 0));
		i++
	:: else -> break
	od;
	i = 0;
	nd[n].freed = com
}

mtype = { OFF, CONN, READY, WAIT, GOT };

proctype bridge(byte n)
{
	mtype st = OFF;
	byte com, cg, need, i, nt, ne, at, e;
	bit same;

end:	do
	/* connect: one write of our own comes first, and its commit waits for the standby like any */
	:: atomic { st == OFF && plen == vis -> cg = gen; st = CONN; need = plen }
	:: atomic { st == CONN && cg == gen && plen == vis && SYNCED ->
		need = 0;
#ifdef LOCALMARKS
		marks_of_copy();
#endif
		compare();
#ifdef AUTOERA_OFF
		if
		:: !same && era != tl -> era = tl
		:: else
		fi;
#else
		era = tl;
#endif
		ne = era; nt = tl;
		if
		:: !same -> COM_AGAIN; read_copy()
		:: else
		fi;
		com = (nd[n].freed > com -> nd[n].freed : com);
		if
		:: nd[n].ap < vis
		:: else -> marks_of_log(); settle()
		fi;
		same = 0;
		st = READY }

	/* follow the log */
	:: atomic { st == READY && cg == gen && nd[n].ap < vis ->
#ifndef CASPOS
		compare();
		if
		:: !same || ne != ERANOW -> st = OFF
		:: else
#endif
		nd[n].ap++;
		nd[n].e[nd[n].ap] = pl[nd[n].ap];
		delivered = delivered | BIT(pl[nd[n].ap]);
		returned();
		if
		:: nd[n].ap == vis -> marks_of_log(); settle()
		:: else
		fi
#ifndef CASPOS
		fi;
#endif
		same = 0 }

#if !defined(CASPOS) && !defined(NOPOLLERA)
	/* a look at the log that finds nothing new compares as well */
	:: atomic { st == READY && cg == gen && ne != ERANOW -> st = OFF }
#endif

	/* append behind the position and the digest of the copy, in the era that it knows */
	:: atomic { st == READY && cg == gen && plen == vis && com < NR(n) && nd[n].ap == vis ->
		compare();
#ifndef CASPOS
		if
		:: !same || ne != ERANOW -> st = OFF
		:: else
#endif
			e = ENT(n, com + 1, era);
			plen++;
			assert(plen <= L); /* the model is large enough */
			assert(POS(plen, e) > cursor); /* nothing at or below a returned cursor appears later */
			pl[plen] = e;
			st = WAIT;
			at = plen;
#ifndef SYNC
			vis = plen;
			inlog_again();
#endif
#ifndef CASPOS
		fi;
#endif
		same = 0 }
	:: atomic { st == WAIT && cg == gen && nt == tl && vis >= at -> /* COMMIT has returned */
#ifdef SYNC
		assert(slen >= at); /* no ack before the standby has it */
#endif
		nd[n].ap++;
		nd[n].e[nd[n].ap] = pl[at];
		i = 1;
		do
		:: i <= at -> assert(nd[n].e[i] == pl[i]); i++ /* the copies are the log */
		:: else -> break
		od;
		i = 0;
		com++; at = 0;
		st = GOT }
	:: atomic { st == GOT ->
		delivered = delivered | BIT(nd[n].e[nd[n].ap]);
		acked = acked | BIT(nd[n].e[nd[n].ap]);
		nd[n].freed = com;
		returned();
		/* the frame to the others */
		flen = nd[n].ap;
		fera = ne;
		i = 1;
		do
		:: i <= flen -> fe[i] = nd[n].e[i]; i++
		:: else -> break
		od;
		i = 0; e = 0;
		st = READY }
	/* a frame; a node cut off from PostgreSQL takes it too */
	:: atomic { (st == READY || st == OFF) && flen == nd[n].ap + 1 && FRAME_ERA ->
		same = 1;
		i = 1;
		do
		:: same && i <= nd[n].ap -> same = (nd[n].e[i] == fe[i]); i++
		:: else -> break
		od;
		i = 0;
		if
		:: same && nt == tl -> assert(flen <= vis && fe[flen] == pl[flen]) /* nothing that is not in the log */
		:: else
		fi;
		if
		:: same -> nd[n].ap++; nd[n].e[flen] = fe[flen]; delivered = delivered | BIT(fe[flen]); returned()
		:: else -> flen = 0 /* dropped */
		fi;
		same = 0 }

	:: atomic { st != OFF && st != GOT && (cg != gen || (st == WAIT && nt != tl)) -> st = OFF; at = 0; e = 0 }
	:: atomic { crashes > 0 && st != OFF -> crashes--; st = OFF; com = 0; at = 0; e = 0; cg = 0; nt = 0; ne = 0; need = 0 }
	:: atomic { !nd[n].ok && st == READY && cg == gen && nd[n].ap == vis && plen == vis && com == NR(n) && nd[n].freed == com -> nd[n].ok = 1 }
	:: atomic { nd[n].ok && !(st == READY && cg == gen && nd[n].ap == vis && plen == vis && com == NR(n) && nd[n].freed == com) -> nd[n].ok = 0 }
	od
}

init { atomic { run bridge(0); run bridge(1) } }

/* nothing moves any more: then all is done */
active proctype stuck() { end: timeout -> assert(nd[0].ok && nd[1].ok) /* all is done */ }

ltl catches_up { <>[] (nd[0].ok && nd[1].ok) }
