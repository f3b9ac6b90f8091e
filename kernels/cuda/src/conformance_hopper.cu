// Each instruction of the Hopper path once, with its raw results: see conformance.cu.
//
// The map is of x[slices, rows, 128]. a is the box of 64 rows from row `y` and column 64 of slice 1 (rows beyond the
// tensor are zero), b the 128 rows of slice 0, column 0. Results: tile = a's 64×64 elements as they lie in shared memory;
// d128[64, 128] = a·bᵀ; d64[64, 64] = a·b[0..64]ᵀ added to twice; dr[64, 64] = p[64, 128]·b, p from global memory as the
// register operand. One block of 128, 24 KiB of shared memory.
//
// The second kernel has what the backward pass of attention needs beside: dt[64, 64] = aᵀ·b over the 128 first rows of the
// map's columns 64 … of slice 1 and 0 … of slice 0; stored[64, 64] = p[64, 64] by stmatrix, not swizzled; sums[128] stored
// and added once by the copy engine. One block of 128, 41 KiB.
#include "common/barrier.cuh"
#include "common/bulk.cuh"
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

DEV void conformance_hopper_engine(const TensorMap* map, const bf16* p, float* dt, bf16* stored, float* sums) {
    DYN_SHARED(shared);
    SHARED(u64, bar, 1);
    u8 *a = shared, *b = a + 128 * SWIZZLE_ROW, *matrices = b + 128 * SWIZZLE_ROW;
    float* values = (float*)(matrices + 64 * SWIZZLE_ROW);
    const int t = thread_x(), row = t / WARP * 16 + t % WARP / 4, column = t % 4 * 2;
    if (t == 0) {
        mbar_init(bar, 1);
        mbar_init_fence();
    }
    sync_block();
    if (t == 0) {
        mbar_arrive_expect(bar, 2 * 128 * SWIZZLE_ROW);
        for (int y = 0; y < 128; y += 64) {
            dev::tma_load(a + y * SWIZZLE_ROW, map, bar, 64, y, 1);
            dev::tma_load(b + y * SWIZZLE_ROW, map, bar, 0, y, 0);
        }
    }
    u32 operand[16];
    UNROLL for (int k = 0; k < 4; k++) UNROLL for (int i = 0; i < 4; i++) {
        const bf16* from = p + (row + i % 2 * 8) * 64 + k * 16 + i / 2 * 8 + column;
        operand[4 * k + i] = (u32)from[0].bits | (u32)from[1].bits << 16;
    }
    UNROLL for (int k = 0; k < 4; k++)
        stmatrix_x4(matrices + (t / WARP * 16 + t % 16) * SWIZZLE_ROW + (2 * k + t % WARP / 16) * 16, operand + 4 * k);
    values[t] = (float)(t % 7 - 3);
    fence_shared_to_engine();
    mbar_wait(bar, 0);
    sync_block();
    if (t == 0) {
        bulk_store(sums, values, 128 * 4);
        bulk_commit();
        bulk_wait();
        bulk_add(sums, values, 128 * 4);
        bulk_commit();
        bulk_wait_read();
        bulk_wait();
    }
    for (int i = t; i < 64 * 64; i += 128) stored[i] = ((const bf16*)matrices)[i];
    float d[32];
    const u64 da = wgmma_descriptor(a), db = wgmma_descriptor(b);
    sync_warp();
    pin(d);
    wgmma_fence();
    UNROLL for (int k = 0; k < 8; k++) wgmma_shared_columns(d, da + k * NEXT_ROWS, db + k * NEXT_ROWS, k > 0);
    wgmma_commit();
    wgmma_wait<0>();
    pin(d);
    UNROLL for (int j = 0; j < 8; j++) UNROLL for (int e = 0; e < 4; e++)
        dt[(row + e / 2 * 8) * 64 + 8 * j + column + e % 2] = d[4 * j + e];
}

}  // namespace dev

KERNEL(128, 1)
conformance_hopper_engine(TENSOR_MAP(x), const bf16* p, float* dt, bf16* stored, float* sums) {
    dev::conformance_hopper_engine(&x, p, dt, stored, sums);
}
EMULATE(conformance_hopper_engine)

KERNEL(128, 1)
conformance_hopper(TENSOR_MAP(x), const bf16* p, bf16* tile, float* d128, float* d64, float* dr, int y) {
    dev::conformance_hopper(&x, p, tile, d128, d64, dr, y);
}
EMULATE(conformance_hopper)
