// Products of the portable attention path: operands in padded shared rows, mma.sync, cp.async.
#pragma once
#include "attention_tile.cuh"
#include "common/barrier.cuh"
#include "common/mma.cuh"

namespace dev {

// Elements from row to row of a tile in shared memory: eight more than D, so that the eight rows of an ldmatrix lie in
// different banks.
template <int D>
constexpr int PITCH = D + 8;

// Rows first … first + ROWS - 1 of a head's columns; rows at or beyond `limit` become zero.
template <int D, int ROWS>
DEV void load_rows(bf16* to, const bf16* from, i64 pitch, int first, int limit, int thread, int count) {
    UNROLL for (int i = thread; i < ROWS * (D / 8); i += count) {
        const int r = i / (D / 8), c = i % (D / 8) * 8;
        const bool present = first + r < limit;
        cp_async16(to + r * PITCH<D> + c, from + (i64)(present ? first + r : 0) * pitch + c, present);
    }
}

// The A operand of rows first … first + 15, columns 16k … 16k + 15.
template <int D>
DEV void load_operand(u32 (&a)[4], const bf16* tile, int first, int k) {
    ldmatrix_x4(a, tile + (first + lane() % 16) * PITCH<D> + k * 16 + lane() / 16 * 8);
}

// acc[16, N] += A[16, 16]·rows[N, 16k …]ᵀ: column n of the result belongs to row n.
template <int D, int N2>
DEV void multiply_rows(float (&acc)[N2], const u32 (&a)[4], const bf16* rows, int k) {
    const int l = lane();
    UNROLL for (int j = 0; j < N2 / 8; j++) {
        u32 b[4];
        ldmatrix_x4(b, rows + (j * 16 + l / 16 * 8 + l % 8) * PITCH<D> + k * 16 + l / 8 % 2 * 8);
        mma_m16n8k16(acc + 8 * j, a, b[0], b[1]);
        mma_m16n8k16(acc + 8 * j + 4, a, b[2], b[3]);
    }
}

// acc = A·rowsᵀ with A taken from rows first … of a tile.
template <int D, int N2>
DEV void product_of_rows(float (&acc)[N2], const bf16* a_tile, int first, const bf16* rows) {
    UNROLL for (int i = 0; i < N2; i++) acc[i] = 0.f;
    UNROLL for (int k = 0; k < D / 16; k++) {
        u32 a[4];
        load_operand<D>(a, a_tile, first, k);
        multiply_rows<D>(acc, a, rows, k);
    }
}

// acc[16, D] += A[16, K]·rows[K, D], A being packed accumulators.
template <int D, int PACKED>
DEV void multiply_columns(float (&acc)[D / 64][32], const u32 (&a)[PACKED], const bf16* rows) {
    const int l = lane();
    UNROLL for (int k = 0; k < PACKED / 4; k++) UNROLL for (int j = 0; j < D / 16; j++) {
        u32 b[4];
        ldmatrix_x4_trans(b, rows + (k * 16 + l % 16) * PITCH<D> + j * 16 + l / 16 * 8);
        float* to = acc[j / 4] + j % 4 * 8;
        mma_m16n8k16(to, a + 4 * k, b[0], b[1]);
        mma_m16n8k16(to + 4, a + 4 * k, b[2], b[3]);
    }
}

}  // namespace dev
