// What the Hopper attention kernels share: rings of shared-memory stages, loads by TMA, products by wgmma.
//
// A tile of R rows and D columns in shared memory is D / 64 halves, one after another, each of R rows of 128 bytes in the
// 128-byte swizzle: what TMA writes and wgmma reads. Blocks have one producer warpgroup, which gives up most registers,
// and two or three consumers of 64 rows each. Roles are decided by a warp-uniform index.
#pragma once
#include "attention_tile.cuh"
#include "common/barrier.cuh"
#include "common/tma.cuh"
#include "common/wgmma.cuh"

namespace dev {

// Rows that one TMA box brings.
constexpr int BOX_ROWS = 64;

// Bytes of a tile and of one of its halves.
template <int D, int ROWS>
constexpr int TILE_BYTES = ROWS * D * 2;
template <int ROWS>
constexpr int HALF_BYTES = ROWS * SWIZZLE_ROW;

// A place in a ring of stages: its number and the parity of the round.
template <int STAGES>
struct Ring {
    int stage = 0;
    u32 parity = 0;
    DEV void next() {
        if (++stage == STAGES) {
            stage = 0;
            parity ^= 1;
        }
    }
};

// Asks for a whole tile of `ROWS` rows from row `y`, column `x` of sequence `z`.
template <int D, int ROWS>
DEV void load_tile(u8* to, const TensorMap* map, u64* bar, int x, int y, int z) {
    UNROLL for (int half = 0; half < D / 64; half++) UNROLL for (int r = 0; r < ROWS; r += BOX_ROWS)
        dev::tma_load(to + half * HALF_BYTES<ROWS> + r * SWIZZLE_ROW, map, bar, x + half * 64, y + r, z);
}

// scores[64, N] = A·Bᵀ over D columns: A has A_ROWS rows in its tile and starts at `a`, B has B_ROWS.
template <int D, int A_ROWS, int B_ROWS, int N>
DEV void start_scores(float (&s)[N], const u8* a, const u8* b) {
    UNROLL for (int half = 0; half < D / 64; half++) {
        const u64 da = wgmma_descriptor(a + half * HALF_BYTES<A_ROWS>), db = wgmma_descriptor(b + half * HALF_BYTES<B_ROWS>);
        UNROLL for (int k = 0; k < 4; k++) wgmma_shared(s, da + k * NEXT_K, db + k * NEXT_K, half > 0 || k > 0);
    }
}

// acc[64, D] += packed[64, ROWS]·rows[ROWS, D].
template <int D, int ROWS, int PACKED>
DEV void start_columns(float (&acc)[D / 64][32], const u32 (&packed)[PACKED], const u8* rows) {
    static_assert(PACKED == ROWS / 4, "one operand register for four rows");
    UNROLL for (int half = 0; half < D / 64; half++) {
        const u64 descriptor = wgmma_descriptor(rows + half * HALF_BYTES<ROWS>);
        UNROLL for (int k = 0; k < ROWS / 16; k++) wgmma_registers(acc[half], packed + 4 * k, descriptor + k * NEXT_ROWS);
    }
}

// acc[64, 64] = Aᵀ·B over ROWS rows of 64 columns: both tiles' halves start at `a` and `b`.
template <int ROWS>
DEV void start_transposed(float (&acc)[32], const u8* a, const u8* b) {
    const u64 da = wgmma_descriptor(a), db = wgmma_descriptor(b);
    UNROLL for (int k = 0; k < ROWS / 16; k++) wgmma_shared_columns(acc, da + k * NEXT_ROWS, db + k * NEXT_ROWS, k > 0);
}

// A packed operand of 16 rows a warp into a tile of ROWS rows, from row `first` for a warpgroup's first warp, column by
// column as it is: an operand for `start_transposed`. `thread` is the number in the warpgroup.
template <int ROWS, int PACKED>
DEV void store_operand(u8* tile, const u32 (&packed)[PACKED], int first, int thread) {
    const int row = first + thread / WARP * 16 + thread % 16;
    u8* const at = tile + row * SWIZZLE_ROW + ((thread % WARP / 16 ^ row % 8) << 4);
    // Sixteen columns on are two chunks on: a bit of the place in the row, which the swizzle turned or not. One address
    // and constants, since registers are scarce where this is used.
    UNROLL for (int k = 0; k < PACKED / 4; k++)
        stmatrix_x4((u8*)((u64)at ^ (u64)(k % 4 * 32)) + k / 4 * HALF_BYTES<ROWS>, packed + 4 * k);
}

template <int HALVES>
DEV void pin(float (&acc)[HALVES][32]) {
    UNROLL for (int half = 0; half < HALVES; half++) pin(acc[half]);
}

// Registers a thread may have, for blocks of 1 + CONSUMERS warpgroups that share 65,536.
template <int CONSUMERS>
constexpr int PRODUCER_REGISTERS = CONSUMERS == 3 ? 32 : 40;
template <int CONSUMERS>
constexpr int CONSUMER_REGISTERS = CONSUMERS == 3 ? 160 : 232;

// Which queries a consumer warpgroup has: GROUPED, the same 64 rows of CONSUMERS heads of one group; else 64 rows after
// another of one head.
template <int CONSUMERS, bool GROUPED>
struct QueryBlock {
    int first_query, rows, kv_head, first_head;
    DEV explicit QueryBlock(const AttentionShape& shape) {
        rows = GROUPED ? 64 : 64 * CONSUMERS;
        // The last tile sees the most keys: it goes first.
        first_query = (grid_x() - 1 - block_x()) * rows;
        first_head = GROUPED ? block_y() * CONSUMERS : block_y();
        kv_head = first_head / shape.group();
    }
    DEV int head(int consumer) const { return GROUPED ? first_head + consumer : first_head; }
    DEV int query(int consumer) const { return GROUPED ? first_query : first_query + 64 * consumer; }
};

}  // namespace dev
