/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Message rows stand in `message` alone and are read as they are now: who follows the log entry by
 * entry has rows of later entries before those. A failover without a synchronous standby may lose
 * these, and what the copy has taken of them is in no log, though its position and digest are.
 *
 * So a copy notes with its position the end of the snapshot that it has read from, and both are
 * compared. Each entry here may amend the one message; its body is the entry's id.
 */
#define L 3	  /* places */
#define ENTRIES 4 /* those that are lost included */

byte lg[L + 1], body[L + 1]; /* the entry's id; the message behind it */
byte tail, gen = 1, ids, failovers = 1, deaths = 1;
/* the copy: where it is, the end that its rows may come from, the message */
byte ap, digest, end_at, end_digest, row;
bit ok;

inline append(amends)
{
	ids++; tail++;
	lg[tail] = ids;
	body[tail] = (amends -> ids : body[tail - 1])
}

active proctype others()
{
end:	do
	:: atomic { tail < L && ids < ENTRIES -> append(true) }
	:: atomic { tail < L && ids < ENTRIES -> append(false) }
	:: atomic { ids < ENTRIES -> ids = ENTRIES }
	od
}

active proctype postgres()
{
end:	do
	:: atomic { failovers > 0 -> failovers--; gen++;
#ifndef SYNC
		do
		:: tail > 0 -> lg[tail] = 0; body[tail] = 0; tail--
		:: break
		od
#endif
		}
	od
}

#ifdef NOEND
#define END_IN_LOG true
#else
#define END_IN_LOG (end_at <= tail && end_digest == lg[end_at])
#endif

active proctype bridge()
{
	byte cg;
end:	do
	:: atomic { cg == 0 -> cg = gen;
		if
		:: ap <= tail && digest == lg[ap] && END_IN_LOG
		:: else -> /* built anew */
			ap = tail; digest = lg[tail]; row = body[tail];
			end_at = tail; end_digest = lg[tail]
		fi }
	/* one entry, and the row that it names */
	:: atomic { cg == gen && ap < tail -> ap++; digest = lg[ap];
		if
		:: body[ap] == lg[ap] -> row = body[tail];
			end_at = tail; end_digest = lg[tail]
		:: else
		fi }
	:: atomic { cg != 0 && cg != gen -> cg = 0 }
	:: atomic { cg != 0 && deaths > 0 -> deaths--; cg = 0 }
	:: atomic { !ok && cg == gen && ap == tail -> ok = 1;
		assert(row == body[tail]) /* the copy equals the log */ }
	:: atomic { ok && !(cg == gen && ap == tail) -> ok = 0 }
	od
}

/* nothing moves any more: then all is done */
active proctype stuck() { end: timeout -> assert(ok) /* all is done */ }

ltl catches_up { <>[] ok }
