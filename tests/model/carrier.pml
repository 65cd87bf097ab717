/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of committed batches over Valkey (lost, doubled, in any order), the log as the fallback,
 * and a device at the node: what it was told as its cursor, and what it gets live.
 *
 * `other` stands for all other nodes: appends, and publishes what it has committed. The node appends
 * entries of its own without blocking: the device may come while an append is under way.
 */
#define L 3
#ifndef OWN
#define OWN 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif

byte lg[L + 1], tail;
byte fpos[L + 2], fval[L + 2], nf; /* frames that Valkey may bring: any, any time, again and again */
byte ap, e[L + 1];		   /* the copy */
byte own, crashes = CRASHES, others;

/* the device: subscribed, as the bridge knows it; its cursor; gets everything in this model */
bit sub, known;
byte cur, live, shown; /* shown: the newest position that this node has delivered, ever */
bit ok;

active proctype other()
{
end:	do
	:: atomic { tail < L && others < 2 -> others++;
#ifdef PUBEARLY
		nf++; fpos[nf] = tail + 1; fval[nf] = others;
		if
		:: tail++; lg[tail] = others
		:: skip /* the append is refused, or fails */
		fi
#else
		tail++; lg[tail] = others;
		if
		:: nf++; fpos[nf] = tail; fval[nf] = others
		:: skip
		fi
#endif
		}
	:: atomic { others < 2 -> others = 2 }
	od
}

inline deliver(p, v)
{
	assert(p <= tail && lg[p] == v); /* only what is in the log */
	assert(p > live);		 /* each once in the life of a bridge, in order */
	live = p;
	shown = (p > shown -> p : shown)
}

inline to_device(p)
{
	assert(p <= cur + 1); /* no hole behind what it was told */
	cur = (p > cur -> p : cur)
}

#if defined(NOPREV) /* newer is good enough */
#define FITS(p) (p > ap)
#elif defined(NODUP) /* not behind a gap, but again */
#define FITS(p) (p <= ap + 1)
#else
#define FITS(p) (p == ap + 1) /* its prev is the copy's position */
#endif

inline frame()
{
	ap = fpos[i]; e[ap] = fval[i];
	i = 0;
	deliver(ap, e[ap]);
	if
	:: known -> to_device(ap)
	:: else
	fi
}

mtype = { IDLE, WAIT, GOT, RELEASE };

active proctype bridge()
{
	mtype st = IDLE;
	byte i, prev, need;
	bit filter;

end:	do
	/* a frame; one that does not fit is dropped, and so does nothing here */
	:: atomic { st == IDLE && nf >= 1 && FITS(fpos[1]) -> i = 1; frame() }
	:: atomic { st == IDLE && nf >= 2 && FITS(fpos[2]) -> i = 2; frame() }
	:: atomic { st == IDLE && nf >= 3 && FITS(fpos[3]) -> i = 3; frame() }
	/* the log, by doorbell or every 200 ms */
	:: atomic { st == IDLE && ap < tail ->
		ap++; e[ap] = lg[ap];
		deliver(ap, e[ap]);
		if
		:: known -> to_device(ap)
		:: else
		fi }
	/* an entry of its own */
	:: atomic { st == IDLE && own < OWN && tail < L && ap >= need -> own++; prev = ap; filter = known; st = WAIT }
	:: atomic { st == WAIT && prev < tail -> own--; st = IDLE; prev = 0; filter = 0;
#ifndef NOCATCHUP
		need = tail /* first the entries in between */
#endif
		}
	:: atomic { st == WAIT && prev == tail && tail < L -> tail++; lg[tail] = 10 + own; st = GOT }
	:: atomic { st == GOT ->
#ifdef DELIVEREARLY /* before the copy has it */
		deliver(prev + 1, lg[prev + 1]);
		if
		:: known -> to_device(prev + 1)
		:: else
		fi;
		st = RELEASE }
	:: atomic { st == RELEASE -> ap++; e[ap] = lg[ap];
#else
		ap++; e[ap] = lg[ap]; st = RELEASE }
	:: atomic { st == RELEASE ->
		deliver(ap, e[ap]);
		if
#ifdef FILTEREARLY /* who has a session was looked up when the batch was executed */
		:: filter -> to_device(ap)
#else
		:: known -> to_device(ap)
#endif
		:: else
		fi;
#endif
		st = IDLE; prev = 0; filter = 0 }
	/* SUB: the device is told where the copy is, and syncs up to there */
	:: atomic { sub && !known ->
		assert(ap >= shown); /* what this node has shown once, it does not unlearn */
		known = 1;
		cur = (ap > cur -> ap : cur) }
	:: atomic { crashes > 0 -> crashes--; st = IDLE; prev = 0; need = 0; filter = 0; known = 0; live = ap }
	:: atomic { !ok && ap == tail && st == IDLE && (!sub || cur == tail) -> ok = 1 }
	:: atomic { ok && !(ap == tail && st == IDLE && (!sub || cur == tail)) -> ok = 0 }
	od
}

active proctype device() { sub = 1 }

active proctype monitor()
{
	byte i;
end:	do
	:: d_step { ap > 0 && e[ap] != lg[ap] -> assert(false) } /* copies are equal */
	:: d_step { ap > 1 && e[ap - 1] != lg[ap - 1] -> assert(false) } /* copies are equal */
	od
}

/* nothing moves any more: then all is done */
active proctype stuck() { end: timeout -> assert(ok) /* all is done */ }

ltl catches_up { <>[] ok }
