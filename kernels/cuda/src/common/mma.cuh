// Tensor-core products of one warp (sm_80): D[16,8] += A[16,16]·B[16,8], bf16 operands, f32 accumulators.
//
// Fragments, with g = lane / 4 and t = lane % 4:
//   accumulator d[0..1] = D[g][2t..], d[2..3] = D[g + 8][2t..]
//   a[0] = A[g][2t..], a[1] = A[g + 8][2t..], a[2] = A[g][2t + 8..], a[3] = A[g + 8][2t + 8..]
//   b[0] = B[2t..][g], b[1] = B[2t + 8..][g]
// The accumulators of two neighboring n-blocks, rounded to bf16, are therefore an A operand (`attention_tile.cuh`).
#pragma once
#include "common/cp_async.cuh"

namespace dev {

#if ON_DEVICE
DEV void mma_m16n8k16(float* d, const u32* a, u32 b0, u32 b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
// Four 8×8 matrices of 16-bit elements; lane l gives the address of row l % 8 of matrix l / 8 and receives, of matrix i,
// the elements [lane / 4][2·(lane % 4)..] in r[i].
DEV void ldmatrix_x4(u32* r, const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}
// The same with every matrix transposed.
DEV void ldmatrix_x4_trans(u32* r, const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}
#else
DEV void mma_m16n8k16(float* d, const u32* a, u32 b0, u32 b1) { emu::mma_m16n8k16(d, a, b0, b1); }
DEV void ldmatrix_x4(u32* r, const void* row) { emu::ldmatrix_x4(r, row, false); }
DEV void ldmatrix_x4_trans(u32* r, const void* row) { emu::ldmatrix_x4(r, row, true); }
#endif

}  // namespace dev
