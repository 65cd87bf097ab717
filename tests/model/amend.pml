/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Message bodies stand in `message` alone; an edit or a recall changes the row. A node that follows
 * by frames has seen each state; one that follows the log later finds what is there now.
 *
 * Entries: 1 the message, 2 its edit, 3 its recall. Bodies: 1 as sent, 2 edited, 0 recalled.
 */
byte tail, row, ap_b, ap_c, body_b, body_c;

active proctype log()
{
	atomic { tail = 1; row = 1 };
	atomic { tail = 2; row = 2 };
	atomic { tail = 3; row = 0 }
}

active proctype by_frames()
{
	do
	:: atomic { ap_b < tail -> ap_b++; body_b = (ap_b == 3 -> 0 : ap_b) }
	:: ap_b == 3 -> break
	od
}

active proctype by_log()
{
	do
	:: atomic { ap_c < tail -> ap_c++; body_c = row }
	:: ap_c == 3 -> break
	od
}

active proctype monitor()
{
end:	do
#ifdef EQUALATP /* equal tables, or digests over bodies, at every equal position */
	:: d_step { ap_b == ap_c && body_b != body_c ->
		assert(false) /* equal at equal positions */ }
#else /* equal when both are behind the newest amend */
	:: d_step { ap_b == tail && ap_c == tail && body_b != body_c ->
		assert(false) /* equal behind the newest amend */ }
#endif
	:: d_step { (ap_b == 3 && body_b != 0) || (ap_c == 3 && body_c != 0) ->
		assert(false) /* no body behind a recall */ }
	od
}
