// Gradient of causal attention, bf16, for sm_90a: the two kernels of attention_backward.cu with TMA and wgmma.
//
// `attention_dkdv_hopper`: 128 keys of one key/value head a block, two consumers of 64; the producer brings the queries
// and output gradients of every head of the group, 128 (head size 64) or 64 (128) at a time, and a second warp of its
// warpgroup the rows of lse and delta. Sᵀ = K·Qᵀ and dPᵀ = V·dOᵀ leave Pᵀ and dSᵀ in the registers of the next products'
// A operand, so nothing goes back through shared memory and there are no atomics.
// `attention_dq_hopper`: blocks of queries as in the forward kernel; keys and values 64 at a time.
//
// Launch: dkdv (⌈T / 128⌉, G, B) blocks of 384; dq as the forward kernel. Shared memory: see the tiles below.
#include "attention_hopper.cuh"

namespace dev {

template <int D>
struct DkDvHopperTiles {
    static constexpr int CONSUMERS = 2, STAGES = 2, KEYS = 128, QUERIES = D == 64 ? 128 : 64;
    static constexpr int KEY_TILE = TILE_BYTES<D, KEYS>, QUERY_TILE = TILE_BYTES<D, QUERIES>;
    u8 *keys, *values, *queries, *douts;
    float *lse, *delta;
    DEV explicit DkDvHopperTiles(u8* shared)
        : keys(shared), values(keys + KEY_TILE), queries(values + KEY_TILE), douts(queries + STAGES * QUERY_TILE),
          lse((float*)(douts + STAGES * QUERY_TILE)), delta(lse + STAGES * QUERIES) {}
};

template <int D>
DEV void attention_dkdv_hopper(const TensorMap* qkv_map, const u32* document_start, const TensorMap* dout_map,
                               const float* lse, const float* delta, bf16* dqkv, const AttentionShape& shape,
                               const Rotation& rotation) {
    using Tiles = DkDvHopperTiles<D>;
    constexpr int STAGES = Tiles::STAGES, QUERIES = Tiles::QUERIES, KEYS = Tiles::KEYS;
    DYN_SHARED(shared);
    SHARED(u64, bars, 1 + 5 * STAGES);
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
            mbar_init(rows_empty + s, Tiles::CONSUMERS * 128);
        }
        mbar_init_fence();
    }
    sync_block();
    const int first_key = block_x() * KEYS, kv_head = block_y(), batch = block_z(), window = shape.window;
    const u32* starts = document_start + (i64)batch * window;
    const int last_key = smaller(first_key + KEYS, window) - 1, first_head = kv_head * shape.group();
    const int first_tile = first_key / QUERIES, end_tile = last_query(starts, window, last_key) / QUERIES + 1;
    const int key_column = (shape.heads + kv_head) * D, value_column = key_column + shape.kv_heads * D;

    if (warpgroup == 0) {
        registers_shrink<PRODUCER_REGISTERS<Tiles::CONSUMERS>>();
        const int warp = warp_id();
        Ring<STAGES> ring;
        if (thread_x() == 0) {
            mbar_arrive_expect(keys_full, 2 * Tiles::KEY_TILE);
            load_tile<D, KEYS>(tiles.keys, qkv_map, keys_full, key_column, first_key, batch);
            load_tile<D, KEYS>(tiles.values, qkv_map, keys_full, value_column, first_key, batch);
            for (int g = 0; g < shape.group(); g++) {
                const int column = (first_head + g) * D;
                for (int tile = first_tile; tile < end_tile; tile++) {
                    mbar_wait(stage_empty + ring.stage, ring.parity ^ 1);
                    mbar_arrive_expect(queries_full + ring.stage, Tiles::QUERY_TILE);
                    load_tile<D, QUERIES>(tiles.queries + ring.stage * Tiles::QUERY_TILE, qkv_map, queries_full + ring.stage, column, tile * QUERIES, batch);
                    mbar_arrive_expect(douts_full + ring.stage, Tiles::QUERY_TILE);
                    load_tile<D, QUERIES>(tiles.douts + ring.stage * Tiles::QUERY_TILE, dout_map, douts_full + ring.stage, column, tile * QUERIES, batch);
                    ring.next();
                }
            }
        } else if (warp == 1) {
            for (int g = 0; g < shape.group(); g++) {
                const i64 row = ((i64)batch * shape.heads + first_head + g) * window;
                for (int tile = first_tile; tile < end_tile; tile++) {
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
        }
    } else {
        registers_grow<CONSUMER_REGISTERS<Tiles::CONSUMERS>>();
        const int consumer = warpgroup - 1;
        const bool elected = thread_x() % 128 == 0;
        const int my_first_key = first_key + consumer * 64, key = my_first_key + thread_x() % 128 / WARP * 16 + tile_row();
        const int lasts[2] = {key < window ? last_query(starts, window, key) : -1,
                              key + 8 < window ? last_query(starts, window, key + 8) : -1};
        const int earliest_last = my_first_key < window ? last_query(starts, window, my_first_key) : -1;
        const float scale = shape.scale * LOG2_E;
        const u8 *k = tiles.keys + consumer * 64 * SWIZZLE_ROW, *v = tiles.values + consumer * 64 * SWIZZLE_ROW;
        float dk[D / 64][32], dv[D / 64][32];
        clear(dk);
        clear(dv);
        Ring<STAGES> ring;
        mbar_wait(keys_full, 0);
        UNROLL_NOT for (int step = 0; step < shape.group() * (end_tile - first_tile); step++) {
            const int first_query = (first_tile + step % (end_tile - first_tile)) * QUERIES;
            const u8* q = tiles.queries + ring.stage * Tiles::QUERY_TILE;
            const u8* d = tiles.douts + ring.stage * Tiles::QUERY_TILE;
            float p[QUERIES / 2], ds[QUERIES / 2];
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
            if (first_query < my_first_key + 63 || first_query + QUERIES - 1 > earliest_last) mask_queries(p, first_query, key, lasts);
            wgmma_wait<0>();
            pin(ds);
            // dS before P is packed: packing first needs both in f32 and as operands at once, which does not fit.
            score_gradient_of_columns(ds, p, tiles.delta + ring.stage * QUERIES);
            mbar_arrive(rows_empty + ring.stage);
            u32 p_operand[QUERIES / 4], ds_operand[QUERIES / 4];
            pack_operand(p_operand, p);
            pack_operand(ds_operand, ds);
            pin(dv);
            pin(dk);
            wgmma_fence();
            start_columns<D, QUERIES>(dv, p_operand, d);
            start_columns<D, QUERIES>(dk, ds_operand, q);
            wgmma_commit();
            wgmma_wait<0>();
            pin(dv);
            pin(dk);
            if (elected) mbar_arrive(stage_empty + ring.stage);
            ring.next();
        }
        const float factor[2] = {shape.scale, shape.scale};
        const i64 pitch = shape.row<D>();
        scale_rows(dk, factor);
        rotate_back(dk, rotation, (i64)batch * window, key, window);
        bf16* to = dqkv + (i64)batch * window * pitch;
        store_rows(to + key_column, pitch, dk, key, window);
        store_rows(to + value_column, pitch, dv, key, window);
    }
}

template <int D>
struct DqHopperTiles {
    static constexpr int CONSUMERS = D == 64 ? 3 : 2, STAGES = 3, KEYS = 64;
    static constexpr int QUERY_TILE = TILE_BYTES<D, 64>, KEY_TILE = TILE_BYTES<D, KEYS>;
    u8 *queries, *douts, *keys, *values;
    DEV explicit DqHopperTiles(u8* shared)
        : queries(shared), douts(queries + CONSUMERS * QUERY_TILE), keys(douts + CONSUMERS * QUERY_TILE),
          values(keys + STAGES * KEY_TILE) {}
};

template <int D, bool GROUPED>
DEV void attention_dq_hopper(const TensorMap* qkv_map, const u32* document_start, const TensorMap* dout_map,
                             const float* lse, const float* delta, bf16* dqkv, const AttentionShape& shape,
                             const Rotation& rotation) {
    using Tiles = DqHopperTiles<D>;
    constexpr int CONSUMERS = Tiles::CONSUMERS, STAGES = Tiles::STAGES, KEYS = Tiles::KEYS;
    DYN_SHARED(shared);
    SHARED(u64, bars, 1 + 2 * STAGES);
    u64* const queries_full = bars;
    u64 *const full = bars + 1, *const empty = full + STAGES;
    const Tiles tiles(shared);
    const int warpgroup = (int)shfl((u32)(thread_x() / 128), 0);
    if (thread_x() == 0) {
        mbar_init(queries_full, 1);
        for (int s = 0; s < STAGES; s++) {
            mbar_init(full + s, 1);
            mbar_init(empty + s, CONSUMERS);
        }
        mbar_init_fence();
    }
    sync_block();
    const QueryBlock<CONSUMERS, GROUPED> block(shape);
    const int batch = block_z(), window = shape.window;
    const u32* starts = document_start + (i64)batch * window;
    const int last_tile = (smaller(block.first_query + block.rows, window) - 1) / KEYS;
    const int first_tile = (int)starts[block.first_query] / KEYS;

    if (warpgroup == 0) {
        registers_shrink<PRODUCER_REGISTERS<CONSUMERS>>();
        if (thread_x() == 0) {
            mbar_arrive_expect(queries_full, 2 * CONSUMERS * Tiles::QUERY_TILE);
            for (int w = 0; w < CONSUMERS; w++) {
                const int column = block.head(w) * D, query = block.query(w);
                load_tile<D, 64>(tiles.queries + w * Tiles::QUERY_TILE, qkv_map, queries_full, column, query, batch);
                load_tile<D, 64>(tiles.douts + w * Tiles::QUERY_TILE, dout_map, queries_full, column, query, batch);
            }
            const int key_column = (shape.heads + block.kv_head) * D, value_column = key_column + shape.kv_heads * D;
            Ring<STAGES> ring;
            for (int tile = last_tile; tile >= first_tile; tile--) {
                mbar_wait(empty + ring.stage, ring.parity ^ 1);
                mbar_arrive_expect(full + ring.stage, 2 * Tiles::KEY_TILE);
                load_tile<D, KEYS>(tiles.keys + ring.stage * Tiles::KEY_TILE, qkv_map, full + ring.stage, key_column, tile * KEYS, batch);
                load_tile<D, KEYS>(tiles.values + ring.stage * Tiles::KEY_TILE, qkv_map, full + ring.stage, value_column, tile * KEYS, batch);
                ring.next();
            }
        }
    } else {
        registers_grow<CONSUMER_REGISTERS<CONSUMERS>>();
        const int consumer = warpgroup - 1, head = block.head(consumer);
        const bool elected = thread_x() % 128 == 0;
        const int first_query = block.query(consumer), query = first_query + thread_x() % 128 / WARP * 16 + tile_row();
        const int query_starts[2] = {(int)starts[smaller(query, window - 1)], (int)starts[smaller(query + 8, window - 1)]};
        const int latest_start = (int)starts[smaller(first_query + 63, window - 1)];
        const i64 row = ((i64)batch * shape.heads + head) * window;
        float row_lse[2], row_delta[2];
        UNROLL for (int h = 0; h < 2; h++) {
            const bool present = query + 8 * h < window;
            row_lse[h] = present ? lse[row + query + 8 * h] * LOG2_E : infinity();
            row_delta[h] = present ? delta[row + query + 8 * h] : 0.f;
        }
        const float scale = shape.scale * LOG2_E;
        const u8 *q = tiles.queries + consumer * Tiles::QUERY_TILE, *d = tiles.douts + consumer * Tiles::QUERY_TILE;
        float acc[D / 64][32];
        clear(acc);
        Ring<STAGES> ring;
        mbar_wait(queries_full, 0);
        UNROLL_NOT for (int tile = last_tile; tile >= first_tile; tile--) {
            const u8 *k = tiles.keys + ring.stage * Tiles::KEY_TILE, *v = tiles.values + ring.stage * Tiles::KEY_TILE;
            const int first_key = tile * KEYS;
            float p[KEYS / 2], ds[KEYS / 2];
            mbar_wait(full + ring.stage, ring.parity);
            pin(p);
            pin(ds);
            wgmma_fence();
            start_scores<D, 64, KEYS>(p, q, k);
            wgmma_commit();
            start_scores<D, 64, KEYS>(ds, d, v);
            wgmma_commit();
            wgmma_wait<1>();
            pin(p);
            if (first_key + KEYS - 1 > first_query || first_key < latest_start) mask_keys(p, first_key, query, query_starts);
            probabilities_of_rows(p, scale, row_lse);
            pin(p);
            mbar_wait(full + ring.stage, ring.parity);  // for the compiler: see attention_forward_hopper.cu
            wgmma_wait<0>();
            pin(ds);
            score_gradient_of_rows(ds, p, row_delta);
            u32 operand[KEYS / 4];
            pack_operand(operand, ds);
            pin(acc);
            wgmma_fence();
            start_columns<D, KEYS>(acc, operand, k);
            wgmma_commit();
            wgmma_wait<0>();
            pin(acc);
            if (elected) mbar_arrive(empty + ring.stage);
            ring.next();
        }
        const float factor[2] = {shape.scale, shape.scale};
        const i64 pitch = shape.row<D>();
        scale_rows(acc, factor);
        rotate_back(acc, rotation, (i64)batch * window, query, window);
        store_rows(dqkv + (i64)batch * window * pitch + (i64)head * D, pitch, acc, query, window);
    }
}

}  // namespace dev

#define ATTENTION_DKDV_HOPPER(D)                                                                                        \
    KERNEL(384, 1)                                                                                                      \
    attention_dkdv_hopper_d##D(TENSOR_MAP(qkv), const u32* document_start, TENSOR_MAP(dout), const float* lse,          \
                               const float* delta, bf16* dqkv, int window, int heads, int kv_heads, float scale,        \
                               const u32* positions, const float* cosines, const float* sines) {                        \
        dev::attention_dkdv_hopper<D>(&qkv, document_start, &dout, lse, delta, dqkv,                                    \
                                      {window, heads, kv_heads, scale}, {positions, cosines, sines});                   \
    }                                                                                                                   \
    EMULATE(attention_dkdv_hopper_d##D)

ATTENTION_DKDV_HOPPER(64)
ATTENTION_DKDV_HOPPER(128)

#define ATTENTION_DQ_HOPPER(D, THREADS, name, GROUPED)                                                                  \
    KERNEL(THREADS, 1)                                                                                                  \
    attention_dq_hopper_d##D##_##name(TENSOR_MAP(qkv), const u32* document_start, TENSOR_MAP(dout), const float* lse,   \
                                      const float* delta, bf16* dqkv, int window, int heads, int kv_heads, float scale, \
                                      const u32* positions, const float* cosines, const float* sines) {                 \
        dev::attention_dq_hopper<D, GROUPED>(&qkv, document_start, &dout, lse, delta, dqkv,                             \
                                             {window, heads, kv_heads, scale}, {positions, cosines, sines});            \
    }                                                                                                                   \
    EMULATE(attention_dq_hopper_d##D##_##name)

ATTENTION_DQ_HOPPER(64, 512, heads, true)
ATTENTION_DQ_HOPPER(64, 512, rows, false)
ATTENTION_DQ_HOPPER(128, 384, heads, true)
ATTENTION_DQ_HOPPER(128, 384, rows, false)
