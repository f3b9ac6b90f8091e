// Exchange between the 32 lanes of a warp; every lane takes part.
#pragma once
#include "common/types.cuh"

namespace dev {

#if ON_DEVICE
DEV u32 shfl(u32 v, int from) { return __shfl_sync(0xffffffffu, v, from); }
DEV u32 shfl_xor(u32 v, int mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }
DEV u32 ballot(bool v) { return __ballot_sync(0xffffffffu, v); }
#else
DEV u32 shfl(u32 v, int from) { return emu::shuffle(v, from); }
DEV u32 shfl_xor(u32 v, int mask) { return emu::shuffle_xor(v, mask); }
DEV u32 ballot(bool v) { return emu::ballot(v); }
#endif

DEV float shfl(float v, int from) { return from_bits(shfl(to_bits(v), from)); }
DEV float shfl_xor(float v, int mask) { return from_bits(shfl_xor(to_bits(v), mask)); }
DEV u64 shfl_xor(u64 v, int mask) {
    return (u64)shfl_xor((u32)v, mask) | (u64)shfl_xor((u32)(v >> 32), mask) << 32;
}
DEV double shfl_xor(double v, int mask) {
    union {
        double d;
        u64 u;
    } x;
    x.d = v;
    x.u = shfl_xor(x.u, mask);
    return x.d;
}
// The warp's number within the block, known to the compiler to be the same in every lane: without it, branches on the
// role of a warp and descriptors become loops over lanes.
DEV int warp_id() { return (int)shfl((u32)(thread_x() / WARP), 0); }

}  // namespace dev
