/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tail lock: who waits for whom. Node 0 appends in one call; node 1 has missed once and takes the
 * lock, catches up, executes, commits, and may be stopped (SIGSTOP, a paused machine) anywhere; node
 * 0's next incarnation starts beside the older one on the same copy. The standby may be cut off.
 *
 * Locks: tail and the node's row in PostgreSQL, the copy's write lock in SQLite.
 */
#ifndef STOPS
#define STOPS 1
#endif
byte tail_lock, row_lock, file_lock; /* 0: free, else the session */
bit stopped, cut, killed;
bit done0, done1, done2;
byte stops = STOPS, cuts = 1;

#define TAKE(l, me) l == 0 -> l = me
#define STANDBY (!cut)

/* one call: SQLite's transaction is open meanwhile */
active proctype append()
{
	do
	:: atomic { TAKE(file_lock, 1) };
		atomic { TAKE(tail_lock, 1) };
		atomic { TAKE(row_lock, 1) }; /* the incarnation is asked for under the lock */
		atomic { STANDBY -> row_lock = 0; tail_lock = 0 };
		file_lock = 0;
		break
	od;
	done0 = 1
}

/* lock, catch up, execute, commit */
active proctype holder()
{
again:	atomic { TAKE(tail_lock, 2) };
	if
	:: atomic { !stopped && tail_lock == 2 -> skip }
	:: atomic { !stopped && tail_lock != 2 -> goto again } /* the server has ended the transaction */
	fi;
	if
	:: atomic { !stopped && tail_lock != 2 -> goto again }
	:: atomic { STANDBY && !stopped && tail_lock == 2 -> tail_lock = 0 }
	fi;
	done1 = 1
}

active proctype stopper()
{
	do
	:: atomic { stops > 0 && !stopped -> stops--; stopped = 1 }
	:: atomic { stopped -> stopped = 0 }
#ifdef FOREVER /* it is never continued: a hung machine */
	:: atomic { stopped -> cut = 0; cuts = 0; goto end }
#endif
	:: atomic { cuts > 0 && !cut -> cuts--; cut = 1 }
	:: atomic { cut -> cut = 0 }
	:: !stopped && !cut && stops == 0 && cuts == 0 -> break
	:: !stopped && !cut -> stops = 0; cuts = 0; break
	od;
end:	skip
}

/* idle_in_transaction_session_timeout */
active proctype server()
{
end:	do
#ifndef NOIDLE
	:: atomic { stopped && tail_lock == 2 -> tail_lock = 0 }
#endif
	:: false
	od
}

/* the next incarnation of node 0 */
active proctype start()
{
#ifdef ROWFIRST /* the other order than an append */
	atomic { TAKE(row_lock, 3) };
	atomic { TAKE(tail_lock, 3) };
#else
	atomic { TAKE(tail_lock, 3) };
	atomic { TAKE(row_lock, 3) };
#endif
#ifdef LOCALUNDERLOCK /* catches up its copy while it holds the tail */
	atomic { TAKE(file_lock, 3) };
	file_lock = 0;
#endif
	atomic { STANDBY -> row_lock = 0; tail_lock = 0 };
#ifndef LOCALUNDERLOCK
	atomic { TAKE(file_lock, 3) };
	file_lock = 0;
#endif
	done2 = 1
}

ltl goes_on { <> (done0 && done2) }
