/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads whose work can wait: what a user waits for goes first where there are few cores. */
#ifndef IM_BRIDGE_BACKGROUND_H
#define IM_BRIDGE_BACKGROUND_H

/* Makes the calling thread one that takes no processor from another by waking up (SCHED_BATCH), and
 * of a busy one about a tenth (nice 10). Where the system refuses, it stays as it was. */
void background_enter(void);

#endif
