// Sums and maxima over a warp or a block. The order is that of a butterfly over lanes, then warps in order: it depends
// on the shape of the block alone, so results are the same on every run.
#pragma once
#include "common/barrier.cuh"
#include "common/math.cuh"
#include "common/warp.cuh"

namespace dev {

struct Sum {
    template <class T>
    DEV T operator()(T a, T b) const { return a + b; }
};
struct Max {
    DEV float operator()(float a, float b) const { return max_f(a, b); }
};

// Over the 2^n lanes that agree in the bits above; `width` = 2^n, a power of two up to 32.
template <int width = WARP, class T, class Op>
DEV T reduce_lanes(T v, Op op) {
    UNROLL for (int mask = width / 2; mask > 0; mask /= 2) v = op(v, shfl_xor(v, mask));
    return v;
}
template <class T>
DEV T warp_sum(T v) { return reduce_lanes(v, Sum()); }
DEV float warp_max(float v) { return reduce_lanes(v, Max()); }

// Over a block of whole warps. `scratch` is shared memory of at least one element a warp; it must not be in use, and may
// be used again after the next barrier of the block.
template <class T, class Op>
DEV T reduce_block(T v, Op op, T* scratch) {
    v = reduce_lanes(v, op);
    if (lane() == 0) scratch[thread_x() / WARP] = v;
    sync_block();
    const int warps = threads() / WARP;
    T total = scratch[0];
    for (int w = 1; w < warps; w++) total = op(total, scratch[w]);
    return total;
}
template <class T>
DEV T block_sum(T v, T* scratch) { return reduce_block(v, Sum(), scratch); }

}  // namespace dev
