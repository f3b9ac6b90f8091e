// Barriers in shared memory that count arrivals and bytes (sm_90).
//
// A barrier is in a phase; the phase ends when `count` arrivals and all expected bytes have come. `mbar_wait(b, parity)`
// returns once the phase of that parity has ended; the first phase has parity 0, so waiting for parity 1 on a fresh
// barrier returns at once.
#pragma once
#include "common/cp_async.cuh"

namespace dev {

#if ON_DEVICE
DEV void mbar_init(u64* bar, int count) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(bar)), "r"(count) : "memory");
}
// After the last `mbar_init`, before the barrier of the block that publishes them, also to the copy engine.
DEV void mbar_init_fence() {
    asm volatile("fence.mbarrier_init.release.cluster;\nfence.proxy.async;" ::: "memory");
}
// One arrival, and `bytes` more to come in this phase.
DEV void mbar_arrive_expect(u64* bar, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(bar)), "r"(bytes)
                 : "memory");
}
DEV void mbar_arrive(u64* bar) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(bar)) : "memory");
}
DEV void mbar_wait(u64* bar, u32 parity) {
    asm volatile(
        "{\n.reg .pred done;\n"
        "again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
        "@done bra over;\nbra again;\nover:\n}" ::"r"(shared_address(bar)),
        "r"(parity)
        : "memory");
}
#else
DEV void mbar_init(u64* bar, int count) { emu::mbar_init(bar, count); }
DEV void mbar_init_fence() { emu::mbar_init_fence(); }
DEV void mbar_arrive_expect(u64* bar, int bytes) { emu::mbar_arrive_expect(bar, bytes); }
DEV void mbar_arrive(u64* bar) { emu::mbar_arrive(bar); }
DEV void mbar_wait(u64* bar, u32 parity) { emu::mbar_wait(bar, parity); }
#endif

}  // namespace dev
