// Turns: blocks that add to the same global memory, one after another in a fixed order.
//
// A counter in global memory says how many blocks have had their turn. A block may wait only for blocks with a smaller
// number (x fastest, then y, z): the device starts blocks in that order, so whoever is waited for is running or done.
#pragma once
#include "common/types.cuh"

namespace dev {

#if ON_DEVICE
// Returns when `turn` turns have been passed; what was done before they were is then visible to this thread.
DEV void turn_wait(const u32* counter, u32 turn) {
    u32 passed;
    do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(passed) : "l"(counter) : "memory");
    while (passed != turn);
}
// Ends this block's turn.
DEV void turn_pass(u32* counter) { asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory"); }
#else
DEV void turn_wait(const u32* counter, u32 turn) { emu::turn_wait(counter, turn); }
DEV void turn_pass(u32* counter) { emu::turn_pass(counter); }
#endif

}  // namespace dev
