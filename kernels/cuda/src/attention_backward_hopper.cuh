// Gradient of causal attention, bf16, for sm_90a: dk, dv and dq in one pass over the tiles of scores, with 5 products.
//
// A block has 128 keys of one key/value head and walks the heads of the group, and for each the tiles of queries that see
// a key, first to last; two consumer warpgroups have 64 keys each. Sᵀ = K·Qᵀ and dPᵀ = V·dOᵀ leave Pᵀ and dSᵀ in the
// registers of the A operand of dv += Pᵀ·dO and dk += dSᵀ·Q, so dk and dv need no atomics. dSᵀ also goes to shared memory,
// of which both consumers together take dq = dS·K: its rows of queries (head size 64) or its columns (128) are split
// between them. A warp of the producer's warpgroup hands dq to the copy engine, which adds it to `dq_sum`.
//
// The order of these additions is fixed (TURNS): to a tile of queries the block with the keys on its diagonal is first,
// and stores instead of adding; the block with the keys before comes next, and so on, by a counter of each tile
// (turn.cuh). Blocks are numbered by descending keys, so each waits for one that was started before it. All walk their
// queries in ascending order: a block is ready for a tile about when its turn comes. Without TURNS the additions come in
// any order, to sums that must be zero before: to measure what the order costs.
//
// `dq_sum` is f32 [B, H, tiles of queries][consumer][8][128 threads][4], the accumulators as they are held:
// `attention_dq_finish` (attention_dq_finish.cu) rotates and rounds it.
//
// Launch: (⌈T / 128⌉, G, B) blocks of 384, one to a multiprocessor. Shared memory: `BackwardTiles`.
#pragma once
#include "attention_hopper.cuh"
#include "common/bulk.cuh"
#include "common/turn.cuh"

namespace dev {

struct alignas(16) Quad {
    float a, b, c, d;
};

template <int D>
struct BackwardTiles {
    static constexpr int CONSUMERS = 2, STAGES = 2, KEYS = 128, QUERIES = DQ_QUERIES<D>;
    static constexpr int KEY_TILE = TILE_BYTES<D, KEYS>, QUERY_TILE = TILE_BYTES<D, QUERIES>, DS_TILE = KEYS * QUERIES * 2;
    static constexpr int DQ_PART = 64 * 64;  // f32 of a consumer
    u8 *keys, *values, *queries, *douts, *ds;
    float *dq, *lse, *delta;
    DEV explicit BackwardTiles(u8* shared)
        : keys(shared), values(keys + KEY_TILE), queries(values + KEY_TILE), douts(queries + STAGES * QUERY_TILE),
          ds(douts + STAGES * QUERY_TILE), dq((float*)(ds + 2 * DS_TILE)), lse(dq + CONSUMERS * DQ_PART),
          delta(lse + STAGES * QUERIES) {}
};

// Named barriers. The two of dq are one for each consumer, between it and the warp that hands dq on.
constexpr int BAR_DS = 1, BAR_DQ_EMPTY = 2, BAR_DQ_FULL = 4, DQ_THREADS = 128 + WARP;

// Which tiles of queries a block visits, the same for every head of the group.
template <int D>
struct BackwardBlock {
    static constexpr int KEYS = BackwardTiles<D>::KEYS, QUERIES = BackwardTiles<D>::QUERIES;
    int key_tile, first_key, kv_head, batch, first_tile, end_tile;
    DEV BackwardBlock(const AttentionShape& shape, const u32* starts) {
        key_tile = grid_x() - 1 - block_x();
        first_key = key_tile * KEYS;
        kv_head = block_y();
        batch = block_z();
        const int last_key = smaller(first_key + KEYS, shape.window) - 1;
        first_tile = first_key / QUERIES;
        end_tile = last_query(starts, shape.window, last_key) / QUERIES + 1;
    }
    // How many blocks add to a tile before this one.
    DEV int turn(int tile) const { return tile * QUERIES / KEYS - key_tile; }
};

// A consumer's thread in its warpgroup. With heads of 64 the loop has no register for it; with heads of 128 it has, and
// the assembler then does without spills what it does not with the reads. `tools/compile.sh` tells.
template <int D>
DEV int thread_in_loop() {
    return (D == 64 ? thread_x_again() : thread_x()) % 128;
}

// Hands dq on, a tile after another: all lanes of one warp.
template <int D, bool TURNS>
DEV void add_dq(const BackwardTiles<D>& tiles, const BackwardBlock<D>& block, const AttentionShape& shape, float* dq_sum,
                u32* turns) {
    using Tiles = BackwardTiles<D>;
    const int all_tiles = ceil_div(shape.window, Tiles::QUERIES);
    const bool first_lane = lane() == 0;
    int left = shape.group() * (block.end_tile - block.first_tile);
    UNROLL for (int w = 0; w < Tiles::CONSUMERS; w++) bar_arrive(BAR_DQ_EMPTY + w, DQ_THREADS);
    int row = (block.batch * shape.heads + block.kv_head * shape.group()) * all_tiles;
    for (int g = 0; g < shape.group(); g++, row += all_tiles) {
        for (int tile = block.first_tile; tile < block.end_tile; tile++) {
            const int turn = block.turn(tile);
            float* to = dq_sum + (i64)(row + tile) * (Tiles::CONSUMERS * Tiles::DQ_PART);
            if (TURNS && turn > 0 && first_lane) {
                turn_wait(turns + row + tile, (u32)turn);
                fence_engine();
            }
            sync_warp();
            UNROLL for (int w = 0; w < Tiles::CONSUMERS; w++) {
                bar_sync(BAR_DQ_FULL + w, DQ_THREADS);
                if (first_lane) {
                    const float* from = tiles.dq + w * Tiles::DQ_PART;
                    if (TURNS && turn == 0) bulk_store(to + w * Tiles::DQ_PART, from, 4 * Tiles::DQ_PART);
                    else bulk_add(to + w * Tiles::DQ_PART, from, 4 * Tiles::DQ_PART);
                    bulk_commit();
                }
            }
            if (first_lane) bulk_wait_read();
            sync_warp();
            if (--left) UNROLL for (int w = 0; w < Tiles::CONSUMERS; w++) bar_arrive(BAR_DQ_EMPTY + w, DQ_THREADS);
            if (TURNS && first_lane) {
                // `bulk_wait_read` is not enough: the next block may add as soon as the turn is passed.
                bulk_wait();
                fence_engine();
                turn_pass(turns + row + tile);
            }
        }
    }
    if (!TURNS && first_lane) bulk_wait();
}

template <int D, bool TURNS>
DEV void attention_backward_hopper(const TensorMap* qkv_map, const u32* document_start, const TensorMap* dout_map,
                                   const float* lse, const float* delta, bf16* dqkv, float* dq_sum, u32* turns,
                                   const AttentionShape& shape, const Rotation& rotation) {
    using Tiles = BackwardTiles<D>;
    constexpr int STAGES = Tiles::STAGES, QUERIES = Tiles::QUERIES, KEYS = Tiles::KEYS;
    DYN_SHARED(shared);
    SHARED(u64, bars, 1 + 5 * STAGES);
    SHARED(int, lasts, KEYS);  // the last query that sees a key, -1 behind the window
    u64* const keys_full = bars;
    u64 *const queries_full = bars + 1, *const douts_full = queries_full + STAGES, *const rows_full = douts_full + STAGES;
    // A consumer is done with a whole stage at once.
    u64 *const stage_empty = rows_full + STAGES, *const rows_empty = stage_empty + STAGES;
    const Tiles tiles(shared);
    const int warpgroup = (int)shfl((u32)(thread_x() / 128), 0);
    if (thread_x() == 0) {
        mbar_init(keys_full, 1);
        for (int s = 0; s < STAGES; s++) {
            mbar_init(queries_full + s, 1);
            mbar_init(douts_full + s, 1);
            mbar_init(rows_full + s, WARP);
            mbar_init(stage_empty + s, Tiles::CONSUMERS);
            mbar_init(rows_empty + s, Tiles::CONSUMERS);
        }
        mbar_init_fence();
    }
    sync_block();
    const int window = shape.window;
    const u32* starts = document_start + (i64)block_z() * window;
    const BackwardBlock<D> block(shape, starts);
    const int key_column = (shape.heads + block.kv_head) * D, value_column = key_column + shape.kv_heads * D;

    if (warpgroup == 0) {
        registers_shrink<PRODUCER_REGISTERS<Tiles::CONSUMERS>>();
        const int warp = warp_id();
        Ring<STAGES> ring;
        if (thread_x() == 0) {
            mbar_arrive_expect(keys_full, 2 * Tiles::KEY_TILE);
            load_tile<D, KEYS>(tiles.keys, qkv_map, keys_full, key_column, block.first_key, block.batch);
            load_tile<D, KEYS>(tiles.values, qkv_map, keys_full, value_column, block.first_key, block.batch);
            for (int g = 0; g < shape.group(); g++) {
                const int column = (block.kv_head * shape.group() + g) * D;
                for (int tile = block.first_tile; tile < block.end_tile; tile++) {
                    mbar_wait(stage_empty + ring.stage, ring.parity ^ 1);
                    mbar_arrive_expect(queries_full + ring.stage, Tiles::QUERY_TILE);
                    load_tile<D, QUERIES>(tiles.queries + ring.stage * Tiles::QUERY_TILE, qkv_map, queries_full + ring.stage, column, tile * QUERIES, block.batch);
                    mbar_arrive_expect(douts_full + ring.stage, Tiles::QUERY_TILE);
                    load_tile<D, QUERIES>(tiles.douts + ring.stage * Tiles::QUERY_TILE, dout_map, douts_full + ring.stage, column, tile * QUERIES, block.batch);
                    ring.next();
                }
            }
        } else if (warp == 1) {
            for (int g = 0; g < shape.group(); g++) {
                const i64 row = ((i64)block.batch * shape.heads + block.kv_head * shape.group() + g) * window;
                for (int tile = block.first_tile; tile < block.end_tile; tile++) {
                    mbar_wait(rows_empty + ring.stage, ring.parity ^ 1);
                    for (int i = lane(); i < QUERIES; i += WARP) {
                        const int query = tile * QUERIES + i;
                        // Rows behind the end count for nothing: exp2(-inf) = 0.
                        tiles.lse[ring.stage * QUERIES + i] = query < window ? lse[row + query] * LOG2_E : infinity();
                        tiles.delta[ring.stage * QUERIES + i] = query < window ? delta[row + query] : 0.f;
                    }
                    mbar_arrive(rows_full + ring.stage);
                    ring.next();
                }
            }
        } else if (warp == 2) {
            add_dq<D, TURNS>(tiles, block, shape, dq_sum, turns);
        }
    } else {
        registers_grow<CONSUMER_REGISTERS<Tiles::CONSUMERS>>();
        const int consumer = warpgroup - 1;
        const bool elected = thread_x() % 128 == 0;
        const int my_first_key = block.first_key + consumer * 64;
        if (thread_x() % 128 < 64) {
            const int key = my_first_key + thread_x() % 128;
            lasts[consumer * 64 + thread_x() % 128] = key < window ? last_query(starts, window, key) : -1;
        }
        bar_sync(BAR_DS, 2 * 128);
        const int earliest_last = lasts[consumer * 64];
        const float scale = shape.scale * LOG2_E;
        const u8 *k = tiles.keys + consumer * 64 * SWIZZLE_ROW, *v = tiles.values + consumer * 64 * SWIZZLE_ROW;
        // dq = dS·K: this consumer's 64 rows of queries and all columns, or all 64 rows and its half of the columns.
        const u8* dq_keys = tiles.keys + (D == 64 ? 0 : consumer * HALF_BYTES<KEYS>);
        const u8* dq_scores = tiles.ds + (D == 64 ? consumer * HALF_BYTES<KEYS> : 0);
        float dk[D / 64][32], dv[D / 64][32];
        clear(dk);
        clear(dv);
        Ring<STAGES> ring;
        int tile = block.first_tile;
        mbar_wait(keys_full, 0);
        UNROLL_NOT for (int left = shape.group() * (block.end_tile - block.first_tile); left > 0; left--) {
            const int first_query = tile * QUERIES;
            const u8* q = tiles.queries + ring.stage * Tiles::QUERY_TILE;
            const u8* d = tiles.douts + ring.stage * Tiles::QUERY_TILE;
            float p[QUERIES / 2], ds[QUERIES / 2], dq[32];
            mbar_wait(queries_full + ring.stage, ring.parity);
            pin(p);
            wgmma_fence();
            start_scores<D, KEYS, QUERIES>(p, k, q);
            wgmma_commit();
            mbar_wait(douts_full + ring.stage, ring.parity);
            pin(ds);
            wgmma_fence();
            start_scores<D, KEYS, QUERIES>(ds, v, d);
            wgmma_commit();
            mbar_wait(rows_full + ring.stage, ring.parity);
            wgmma_wait<1>();
            pin(p);
            probabilities_of_columns(p, scale, tiles.lse + ring.stage * QUERIES);
            if (first_query < my_first_key + 63 || first_query + QUERIES - 1 > earliest_last) {
                const int row = consumer * 64 + thread_in_loop<D>() / WARP * 16 + tile_row();
                const int row_lasts[2] = {lasts[row], lasts[row + 8]};
                mask_queries(p, first_query, block.first_key + row, row_lasts);
            }
            wgmma_wait<0>();
            pin(ds);
            // dS before P is packed: packing first needs both in f32 and as operands at once, which does not fit.
            score_gradient_of_columns(ds, p, tiles.delta + ring.stage * QUERIES);
            u32 p_operand[QUERIES / 4], ds_operand[QUERIES / 4];
            pack_operand(p_operand, p);
            pack_operand(ds_operand, ds);
            pin(dv);
            wgmma_fence();
            start_columns<D, QUERIES>(dv, p_operand, d);
            wgmma_commit();
            // Two tiles of dS in turn: the barrier of the next step says that this one has been read.
            store_operand<KEYS>(tiles.ds + ring.stage * Tiles::DS_TILE, ds_operand, consumer * 64, thread_in_loop<D>());
            fence_shared_to_engine();
            bar_sync(BAR_DS, 2 * 128);
            if (elected) mbar_arrive(rows_empty + ring.stage);
            pin(dq);
            pin(dk);
            wgmma_fence();
            start_transposed<KEYS>(dq, dq_scores + ring.stage * Tiles::DS_TILE, dq_keys);
            wgmma_commit();
            start_columns<D, QUERIES>(dk, ds_operand, q);
            wgmma_commit();
            wgmma_wait<1>();
            pin(dq);
            pin(dv);
            bar_sync(BAR_DQ_EMPTY + consumer, DQ_THREADS);
            float* my_dq = tiles.dq + consumer * Tiles::DQ_PART + thread_in_loop<D>() * 4;
            UNROLL for (int i = 0; i < 8; i++)
                *(Quad*)(my_dq + i * 128 * 4) = {dq[4 * i], dq[4 * i + 1], dq[4 * i + 2], dq[4 * i + 3]};
            fence_shared_to_engine();
            bar_arrive(BAR_DQ_FULL + consumer, DQ_THREADS);
            wgmma_wait<0>();
            pin(dk);
            if (elected) mbar_arrive(stage_empty + ring.stage);
            ring.next();
            if (++tile == block.end_tile) tile = block.first_tile;
        }
        const int key = my_first_key + thread_x_again() % 128 / WARP * 16 + tile_row();
        const float factor[2] = {shape.scale, shape.scale};
        const i64 pitch = shape.row<D>();
        scale_rows(dk, factor);
        rotate_back(dk, rotation, (i64)block.batch * window, key, window);
        bf16* to = dqkv + (i64)block.batch * window * pitch;
        store_rows(to + key_column, pitch, dk, key, window);
        store_rows(to + value_column, pitch, dv, key, window);
    }
}

}  // namespace dev

#define ATTENTION_BACKWARD_KERNEL(name, D, TURNS)                                                                       \
    KERNEL(384, 1)                                                                                                      \
    name(TENSOR_MAP(qkv), const u32* document_start, TENSOR_MAP(dout), const float* lse, const float* delta,            \
         bf16* dqkv, float* dq_sum, u32* turns, int window, int heads, int kv_heads, float scale, const u32* positions, \
         const float* cosines, const float* sines) {                                                                    \
        dev::attention_backward_hopper<D, TURNS>(&qkv, document_start, &dout, lse, delta, dqkv, dq_sum, turns,          \
                                                 {window, heads, kv_heads, scale}, {positions, cosines, sines});        \
    }
