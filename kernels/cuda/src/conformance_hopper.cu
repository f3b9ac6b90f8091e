// Each instruction of the Hopper path once, with its raw results: see conformance.cu.
//
// The map is of x[slices, rows, 128]. a is the box of 64 rows from row `y` and column 64 of slice 1 (rows beyond the
// tensor are zero), b the 128 rows of slice 0, column 0. Results: tile = a's 64×64 elements as they lie in shared memory;
// d128[64, 128] = a·bᵀ; d64[64, 64] = a·b[0..64]ᵀ added to twice; dr[64, 64] = p[64, 128]·b, p from global memory as the
// register operand. One block of 128, 24 KiB of shared memory.
#include "common/barrier.cuh"
#include "common/tma.cuh"
#include "common/wgmma.cuh"

namespace dev {

DEV void conformance_hopper(const TensorMap* map, const bf16* p, bf16* tile, float* d128, float* d64, float* dr, int y) {
    DYN_SHARED(shared);
    SHARED(u64, bar, 1);
    u8 *a = shared, *b = shared + 64 * SWIZZLE_ROW;
    const int t = thread_x(), row = t / WARP * 16 + t % WARP / 4, column = t % 4 * 2;
    if (t == 0) {
        tma_prefetch(map);
        mbar_init(bar, 1);
        mbar_init_fence();
    }
    sync_block();
    // Two phases of the barrier, so that the parity counts.
    if (t == 0) {
        mbar_arrive_expect(bar, 64 * SWIZZLE_ROW);
        dev::tma_load(a, map, bar, 64, y, 1);
    }
    mbar_wait(bar, 0);
    sync_block();
    if (t == 0) {
        mbar_arrive_expect(bar, 128 * SWIZZLE_ROW);
        dev::tma_load(b, map, bar, 0, 0, 0);
        dev::tma_load(b + 64 * SWIZZLE_ROW, map, bar, 0, 64, 0);
    }
    mbar_wait(bar, 1);
    for (int i = t; i < 64 * 64; i += 128) tile[i] = ((const bf16*)a)[i];

    float s[64], h[32], r[32];
    UNROLL for (int i = 0; i < 32; i++) r[i] = 0.f;
    u32 operand[32];
    UNROLL for (int k = 0; k < 8; k++) UNROLL for (int i = 0; i < 4; i++) {
        const bf16* from = p + (row + i % 2 * 8) * 128 + k * 16 + i / 2 * 8 + column;
        operand[4 * k + i] = (u32)from[0].bits | (u32)from[1].bits << 16;
    }
    const u64 da = wgmma_descriptor(a), db = wgmma_descriptor(b);
    pin(s);
    pin(h);
    pin(r);
    wgmma_fence();
    UNROLL for (int k = 0; k < 4; k++) wgmma_shared(s, da + k * NEXT_K, db + k * NEXT_K, k > 0);
    UNROLL for (int k = 0; k < 8; k++) wgmma_shared(h, da + k % 4 * NEXT_K, db + k % 4 * NEXT_K, k > 0);
    wgmma_commit();
    UNROLL for (int k = 0; k < 8; k++) wgmma_registers(r, operand + 4 * k, db + k * NEXT_ROWS);
    wgmma_commit();
    wgmma_wait<0>();
    pin(s);
    pin(h);
    pin(r);
    UNROLL for (int j = 0; j < 16; j++) UNROLL for (int e = 0; e < 4; e++)
        d128[(row + e / 2 * 8) * 128 + 8 * j + column + e % 2] = s[4 * j + e];
    UNROLL for (int j = 0; j < 8; j++) UNROLL for (int e = 0; e < 4; e++) {
        d64[(row + e / 2 * 8) * 64 + 8 * j + column + e % 2] = h[4 * j + e];
        dr[(row + e / 2 * 8) * 64 + 8 * j + column + e % 2] = r[4 * j + e];
    }
}

}  // namespace dev

KERNEL(128, 1)
conformance_hopper(TENSOR_MAP(x), const bf16* p, bf16* tile, float* d128, float* d64, float* dr, int y) {
    dev::conformance_hopper(&x, p, tile, d128, d64, dr, y);
}
EMULATE(conformance_hopper)
