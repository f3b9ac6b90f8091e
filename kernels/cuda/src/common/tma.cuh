// Tensor Memory Accelerator (sm_90): one thread asks for a box of a tensor, the copy engine fills shared memory.
#pragma once
#include "common/mbar.cuh"

namespace dev {

#if ON_DEVICE
// The box of `map` at column x, row y, slice z, into `to` (1,024-byte aligned); elements outside the tensor are zero.
// `bar` is told of the bytes of the whole box. Boxes are 64 bf16 columns wide and stored with the 128-byte swizzle:
// 16-byte chunk c of row r lies at chunk c ^ (r % 8).
DEV void tma_load(void* to, const TensorMap* map, u64* bar, int x, int y, int z) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];" ::
            "r"(shared_address(to)),
        "l"((u64)map), "r"(shared_address(bar)), "r"(x), "r"(y), "r"(z)
        : "memory");
}
DEV void tma_prefetch(const TensorMap* map) {
    asm volatile("prefetch.tensormap [%0];" ::"l"((u64)map) : "memory");
}
#else
DEV void tma_load(void* to, const TensorMap* map, u64* bar, int x, int y, int z) {
    emu::tma_load(to, map, bar, x, y, z);
}
DEV void tma_prefetch(const TensorMap*) {}
#endif

}  // namespace dev
