// Copies from global to shared memory that pass by the registers (sm_80).
#pragma once
#include "common/types.cuh"

namespace dev {

#if ON_DEVICE
DEV u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }
// Sixteen bytes, zeros if not `present` (then `from` is not read, but must be a valid address).
DEV void cp_async16(void* to, const void* from, bool present) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
                 "r"(present ? 16 : 0)
                 : "memory");
}
// Closes a group of the copies that this thread issued.
DEV void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most N of this thread's latest groups are still in flight. Other threads see the data after a barrier.
template <int N>
DEV void cp_async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }
#else
DEV void cp_async16(void* to, const void* from, bool present) { emu::cp_async16(to, from, present); }
DEV void cp_async_commit() { emu::cp_async_commit(); }
template <int N>
DEV void cp_async_wait() { emu::cp_async_wait(N); }
#endif

}  // namespace dev
