/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A copy is two SQLite files that no COMMIT joins. Each notes by itself which entry it has come
 * through: the position, with the era in its high bits, and the digest. A node is killed, or one
 * COMMIT fails, between the two; the log may lose its last entries meanwhile (a failover without a
 * synchronous standby), and others take their places.
 *
 * An entry holds images: a row as it is afterwards, in either file or in both. Each has a bit of
 * its own, and a row here is the sum of those that have written to it, so that what is missing,
 * doubled, or from another history is seen.
 *
 *   POWER    COMMIT does not wait for the disk: a power cut takes the last ones of either file
 *   AGAIN    entries are put into both files again, with their position, though one has them
 *   KEEP     the same, but the file that is ahead keeps its position
 *   CHANGES  entries hold changes (add this), not images
 *   LAZY     a file in which an entry has no row is not written to
 * Rules that can be broken: see the list in README.md.
 */
#define L 3	  /* places */
#define ENTRIES 4 /* those that are lost included */
#ifndef FAILOVERS
#define FAILOVERS 1
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#define M 1
#define D 2

#ifdef NOJUMP /* positions go on where the log ends */
#define PLACE(at, era) (at)
#else
#define PLACE(at, era) (8 * (era) + (at))
#endif
#ifdef POSONLY
#define SAME_DIGEST(f) true
#else
#define SAME_DIGEST(f) (f.id == lg[f.at].id)
#endif
#ifdef NOJUMP
#define SAME_ERA(f) true
#else
#define SAME_ERA(f) (f.era == lg[f.at].era)
#endif
#define IN_LOG(f) (f.at == 0 || (f.at <= tail && SAME_ERA(f) && SAME_DIGEST(f)))
#define AHEAD(f, g) (PLACE(f.at, f.era) > PLACE(g.at, g.era))
#define BEHIND(f) (PLACE(f.at, f.era) < PLACE(e.at, e.era))

#ifdef COMPAREOLDER
#define COMPARED ((AHEAD(m, d) || IN_LOG(m)) && (AHEAD(d, m) || IN_LOG(d)))
#else
#define COMPARED (IN_LOG(m) && IN_LOG(d))
#endif
#ifdef EARLY
#define READY (st == FOLLOW)
#else
#define READY (st == FOLLOW && ap >= need)
#endif
#define EQUAL(at) (m.row == lg[at].m && d.row == lg[at].d)

/* id: 1, 2, 3... in all histories, for the digest; m, d: the rows as they are afterwards */
typedef Entry { byte at; byte era; byte id; byte in; byte m; byte d };
typedef File { byte at; byte era; byte id; byte row };

Entry lg[L + 1];
byte tail, tl, gen = 1, ids;
byte failovers = FAILOVERS, deaths = DEATHS, halves = 1;
File m, d;   /* messages.db, directory.db as whoever opens them sees them */
File md, dd; /* POWER: what is on the disk of them */
bit ok;

inline copy_entry(to, from)
{
	to.at = from.at; to.era = from.era; to.id = from.id;
	to.in = from.in; to.m = from.m; to.d = from.d
}

inline clear_entry(x)
{
	x.at = 0; x.era = 0; x.id = 0; x.in = 0; x.m = 0; x.d = 0
}

inline copy_file(to, from)
{
	to.at = from.at; to.era = from.era; to.id = from.id; to.row = from.row
}

/* executed on a copy that is the log up to its end */
inline append(what)
{
	ids++;
	tail++;
	lg[tail].at = tail; lg[tail].id = ids; lg[tail].in = what;
	lg[tail].era = tl; /* the append asks for the timeline itself */
	lg[tail].m = lg[tail - 1].m + ((what & M) != 0 -> (1 << ids) : 0);
	lg[tail].d = lg[tail - 1].d + ((what & D) != 0 -> (1 << ids) : 0)
}

active proctype postgres()
{
end:	do
	:: atomic { failovers > 0 -> failovers--; tl++; gen++;
		do
		:: tail > 0 -> clear_entry(lg[tail]); tail--
		:: break
		od }
	od
}

active proctype others()
{
end:	do
	:: atomic { tail < L && ids < ENTRIES -> append(M) }
	:: atomic { tail < L && ids < ENTRIES -> append(D) }
	:: atomic { tail < L && ids < ENTRIES -> append(M | D) }
	:: atomic { ids < ENTRIES -> ids = ENTRIES }
	od
}

#ifdef POWER
active proctype disks()
{
end:	do
	:: atomic { md.at != m.at || md.id != m.id || md.row != m.row -> copy_file(md, m) }
	:: atomic { dd.at != d.at || dd.id != d.id || dd.row != d.row -> copy_file(dd, d) }
	od
}
#endif

#if defined(AGAIN) || defined(KEEP)
#define TAKES(f) true
#else
#define TAKES(f) BEHIND(f)
#endif
#ifdef KEEP
#define NOTES(f) BEHIND(f)
#else
#define NOTES(f) true
#endif
#ifdef LAZY
#define WRITES(which) ((e.in & which) != 0)
#else
#define WRITES(which) true
#endif

/* One file's transaction, from memory: what was read before may be gone from the log by now. */
inline put(f, which, image)
{
	if
	:: TAKES(f) && WRITES(which) ->
		if
#ifdef CHANGES
		:: (e.in & which) != 0 -> f.row = f.row + (1 << e.id)
#else
		:: (e.in & which) != 0 -> f.row = image
#endif
		:: else
		fi;
		if
		:: NOTES(f) -> f.at = e.at; f.era = e.era; f.id = e.id
		:: else
		fi
	:: else
	fi
}

inline build(f, image)
{
	f.at = e.at; f.era = e.era; f.id = e.id; f.row = image
}

inline forget()
{
	clear_entry(e); st = DOWN; ap = 0; cg = 0; need = 0
}

mtype = { DOWN, FOLLOW, FIRST, SECOND, BUILD_M, BUILD_D };

active proctype bridge()
{
	mtype st = DOWN;
	byte ap, cg, need;
	Entry e;

end:	do
	/* connect; compare; where the copy is */
	:: atomic { st == DOWN ->
		cg = gen;
		need = tail;
#ifdef PROJECT /* the directory is brought up by what the other file says, as on a single node */
		if
		:: AHEAD(m, d) && IN_LOG(m) ->
			if
			:: (lg[m.at].in & M) != 0 -> d.row = lg[m.at].d
			:: else
			fi;
			d.at = m.at; d.era = m.era; d.id = m.id
		:: else
		fi;
#endif
		if
		:: COMPARED ->
			st = FOLLOW;
#ifdef POSNEWER
			ap = (AHEAD(m, d) -> m.at : d.at)
#else
			ap = (AHEAD(m, d) -> d.at : m.at)
#endif
		:: else -> /* in one snapshot */
			if
			:: tail > 0 -> copy_entry(e, lg[tail])
			:: else
			fi;
			st = BUILD_M
		fi }
	:: atomic { st == BUILD_M -> build(m, e.m); st = BUILD_D }
	:: atomic { st == BUILD_D -> build(d, e.d); ap = e.at; clear_entry(e); st = FOLLOW }

	/* the next entry of the log; one of its own, which the log has taken */
	:: atomic { st == FOLLOW && cg == gen && ap < tail -> copy_entry(e, lg[ap + 1]); st = FIRST }
	:: atomic { READY && cg == gen && ap == tail && tail < L && ids < ENTRIES ->
		assert(EQUAL(ap)); /* executed on what the log says */
		if
		:: append(M)
		:: append(D)
		:: append(M | D)
		fi;
		copy_entry(e, lg[tail]);
		st = FIRST }
	/* both COMMITs */
	:: atomic { st == FIRST -> put(m, M, e.m); st = SECOND }
	:: atomic { st == SECOND -> put(d, D, e.d); ap = e.at; clear_entry(e); st = FOLLOW }
	/* the second one fails: a full disk */
	:: atomic { st == SECOND && halves > 0 -> halves--;
#ifdef NOHALF /* goes on with what comes next */
		ap = e.at; clear_entry(e); st = FOLLOW
#else
		forget()
#endif
		}

	/* an answer at any time: history, sync, a refusal */
	:: atomic { READY && cg == gen && ap <= tail && !EQUAL(ap) ->
		assert(EQUAL(ap)) /* answered from what the log says */ }

	/* the connection is lost */
	:: atomic { st == FOLLOW && cg != gen -> forget() }
	:: atomic { deaths > 0 && st != DOWN -> deaths--;
#ifdef POWER
		copy_file(m, md); copy_file(d, dd);
#endif
		forget() }
	:: atomic { !ok && READY && cg == gen && ap == tail -> ok = 1;
		assert(EQUAL(ap)) /* the copy equals the log */ }
	:: atomic { ok && !(READY && cg == gen && ap == tail) -> ok = 0 }
	od
}

/* nothing moves any more: then all is done */
active proctype stuck() { end: timeout -> assert(ok) /* all is done */ }

ltl catches_up { <>[] ok }
