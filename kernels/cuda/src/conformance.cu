// Each instruction of the portable tensor-core path once, with its raw results: the emulator's reading of it against a
// GPU's. `conformance.rs` has inputs and expected bytes.
//
// d[16, 8] = a[16, 16]·b[8, 16]ᵀ, where rows of a at or beyond `rows` are left out of the copy and must be zero;
// fragments[0] and [1] are the registers of ldmatrix and ldmatrix.trans of a. One block of 32.
#include "common/barrier.cuh"
#include "common/mma.cuh"
#include "common/warp.cuh"

namespace dev {

DEV void conformance_mma(const bf16* a, const bf16* b, float* d, u32* fragments, int rows) {
    constexpr int PITCH = 24;
    SHARED(bf16, tiles, 2 * 16 * PITCH);
    bf16* a_tile = tiles;
    bf16* b_tile = tiles + 16 * PITCH;
    const int l = lane(), row = l / 2, column = l % 2 * 8;
    cp_async16(a_tile + row * PITCH + column, a + (row < rows ? row * 16 + column : 0), row < rows);
    cp_async_commit();
    cp_async16(b_tile + row * PITCH + column, b + (row < 8 ? row * 16 + column : 0), row < 8);
    cp_async_commit();
    cp_async_wait<0>();
    sync_block();
    u32 r[4], t[4], c[4];
    ldmatrix_x4(r, a_tile + l % 16 * PITCH + l / 16 * 8);
    ldmatrix_x4_trans(t, a_tile + l % 16 * PITCH + l / 16 * 8);
    ldmatrix_x4(c, b_tile + l % 8 * PITCH + l / 8 % 2 * 8);
    UNROLL for (int i = 0; i < 4; i++) {
        fragments[l * 4 + i] = r[i];
        fragments[128 + l * 4 + i] = t[i];
    }
    float acc[4] = {0.f, 0.f, 0.f, 0.f};
    mma_m16n8k16(acc, r, c[0], c[1]);
    UNROLL for (int e = 0; e < 4; e++) d[(l / 4 + e / 2 * 8) * 8 + l % 4 * 2 + e % 2] = acc[e];
}

}  // namespace dev

KERNEL(32, 1) conformance_mma(const bf16* a, const bf16* b, float* d, u32* fragments, int rows) {
    dev::conformance_mma(a, b, d, fragments, rows);
}
EMULATE(conformance_mma)
