// Bulk copies from shared to global memory and bulk additions of f32 to it, by the copy engine (sm_90).
//
// The engine reads shared memory and writes global memory through a proxy of its own (PTX: the async proxy): what threads
// wrote to shared memory is visible to it after `fence_shared_to_engine` by the writer and a barrier. Addresses and sizes
// are multiples of 16 bytes.
#pragma once
#include "common/cp_async.cuh"

namespace dev {

#if ON_DEVICE
DEV void bulk_store(float* to, const void* from, int bytes) {
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(to), "r"(shared_address(from)),
                 "r"(bytes)
                 : "memory");
}
// to += from, each addition one rounding; additions of one call to different elements, so without an order.
DEV void bulk_add(float* to, const void* from, int bytes) {
    asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0], [%1], %2;" ::"l"(to),
                 "r"(shared_address(from)), "r"(bytes)
                 : "memory");
}
// Closes a group of the copies and additions that this thread asked for.
DEV void bulk_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
// Waits until this thread's groups have read shared memory, which may then be overwritten …
DEV void bulk_wait_read() { asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory"); }
// … and until they have written global memory too.
DEV void bulk_wait() { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }
// Between this thread's writes to shared memory and what the copy engine or wgmma read there.
DEV void fence_shared_to_engine() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
// Between accesses of this thread, or those it acquired, and bulk copies, in either order.
DEV void fence_engine() { asm volatile("fence.proxy.async;" ::: "memory"); }
#else
DEV void bulk_store(float* to, const void* from, int bytes) { emu::bulk_write(to, from, bytes, false); }
DEV void bulk_add(float* to, const void* from, int bytes) { emu::bulk_write(to, from, bytes, true); }
DEV void bulk_commit() { emu::bulk_commit(); }
DEV void bulk_wait_read() { emu::bulk_wait(true); }
DEV void bulk_wait() { emu::bulk_wait(false); }
DEV void fence_shared_to_engine() { emu::fence_engine(false); }
DEV void fence_engine() { emu::fence_engine(true); }
#endif

}  // namespace dev
