// Causal attention, forward, bf16, for sm_90a: TMA, mbarriers and wgmma, one producer and two or three consumers.
//
// The same operator as attention_forward.cu, with the same arithmetic on tiles (attention_tile.cuh). A block has 64
// queries of 3 heads of one group (head size 64) or 2 (128), or, where the group does not divide so, 192 or 128 queries of
// one head; one load of keys and values serves all of it. Keys come 128 at a time, from the diagonal down. The product of
// a tile's probabilities with its values runs while the next tile's softmax is computed.
//
// The wait for values that have long arrived, between the softmax and the wait for the product, is there for the
// compiler: without a branch it moves the wait for the product in front of the exponentials, and nothing overlaps. That
// the exponentials stay between the two waits is checked on the machine code (tools/compile.sh).
//
// Launch: (⌈T / rows⌉, blocks of heads, B) blocks of 128·(1 + consumers); shared memory: queries 64·consumers·d, then
// stages of K and of V of 128·d, in bf16.
#include "attention_hopper.cuh"

namespace dev {

template <int D>
struct ForwardTiles {
    static constexpr int CONSUMERS = D == 64 ? 3 : 2, STAGES = D == 64 ? 3 : 2, KEYS = 128;
    static constexpr int QUERY_TILE = TILE_BYTES<D, 64>, KEY_TILE = TILE_BYTES<D, KEYS>;
    u8 *queries, *keys, *values;
    DEV explicit ForwardTiles(u8* shared)
        : queries(shared), keys(shared + CONSUMERS * QUERY_TILE), values(keys + STAGES * KEY_TILE) {}
};

template <int D, bool GROUPED>
DEV void attention_forward_hopper(const TensorMap* map, const u32* document_start, bf16* out, float* lse,
                                  const AttentionShape& shape) {
    using Tiles = ForwardTiles<D>;
    constexpr int CONSUMERS = Tiles::CONSUMERS, STAGES = Tiles::STAGES, KEYS = Tiles::KEYS;
    DYN_SHARED(shared);
    SHARED(u64, bars, 1 + 4 * STAGES);
    u64* const queries_full = bars;
    u64 *const keys_full = bars + 1, *const values_full = keys_full + STAGES;
    u64 *const keys_empty = values_full + STAGES, *const values_empty = keys_empty + STAGES;
    const Tiles tiles(shared);
    const int warpgroup = (int)shfl((u32)(thread_x() / 128), 0);
    if (thread_x() == 0) {
        mbar_init(queries_full, 1);
        for (int s = 0; s < STAGES; s++) {
            mbar_init(keys_full + s, 1);
            mbar_init(values_full + s, 1);
            mbar_init(keys_empty + s, CONSUMERS);
            mbar_init(values_empty + s, CONSUMERS);
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
            mbar_arrive_expect(queries_full, CONSUMERS * Tiles::QUERY_TILE);
            for (int w = 0; w < CONSUMERS; w++)
                load_tile<D, 64>(tiles.queries + w * Tiles::QUERY_TILE, map, queries_full, block.head(w) * D, block.query(w), batch);
            const int key_column = (shape.heads + block.kv_head) * D, value_column = key_column + shape.kv_heads * D;
            Ring<STAGES> ring;
            for (int tile = last_tile; tile >= first_tile; tile--) {
                mbar_wait(keys_empty + ring.stage, ring.parity ^ 1);
                mbar_arrive_expect(keys_full + ring.stage, Tiles::KEY_TILE);
                load_tile<D, KEYS>(tiles.keys + ring.stage * Tiles::KEY_TILE, map, keys_full + ring.stage, key_column, tile * KEYS, batch);
                mbar_wait(values_empty + ring.stage, ring.parity ^ 1);
                mbar_arrive_expect(values_full + ring.stage, Tiles::KEY_TILE);
                load_tile<D, KEYS>(tiles.values + ring.stage * Tiles::KEY_TILE, map, values_full + ring.stage, value_column, tile * KEYS, batch);
                ring.next();
            }
        }
    } else {
        registers_grow<CONSUMER_REGISTERS<CONSUMERS>>();
        const int consumer = warpgroup - 1;
        const bool elected = thread_x() % 128 == 0;
        const int first_query = block.query(consumer), query = first_query + thread_x() % 128 / WARP * 16 + tile_row();
        const int query_starts[2] = {(int)starts[smaller(query, window - 1)], (int)starts[smaller(query + 8, window - 1)]};
        const int latest_start = (int)starts[smaller(first_query + 63, window - 1)];
        const float scale = shape.scale * LOG2_E;
        const u8* q = tiles.queries + consumer * Tiles::QUERY_TILE;
        float acc[D / 64][32], s[KEYS / 2], shrink[2];
        u32 p[KEYS / 4];
        clear(acc);
        RunningSoftmax softmax;
        const auto mask = [&](int tile) {
            const int first_key = tile * KEYS;
            if (first_key + KEYS - 1 > first_query || first_key < latest_start) mask_keys(s, first_key, query, query_starts);
        };
        Ring<STAGES> ring;
        mbar_wait(queries_full, 0);
        mbar_wait(keys_full + ring.stage, ring.parity);
        pin(s);
        wgmma_fence();
        start_scores<D, 64, KEYS>(s, q, tiles.keys + ring.stage * Tiles::KEY_TILE);
        wgmma_commit();
        wgmma_wait<0>();
        pin(s);
        if (elected) mbar_arrive(keys_empty + ring.stage);
        mask(last_tile);
        softmax.update(s, scale, shrink);
        pack_operand(p, s);
        UNROLL_NOT for (int tile = last_tile - 1; tile >= first_tile; tile--) {
            const Ring<STAGES> before = ring;  // holds the values that belong to `p`
            ring.next();
            mbar_wait(keys_full + ring.stage, ring.parity);
            pin(s);
            wgmma_fence();
            start_scores<D, 64, KEYS>(s, q, tiles.keys + ring.stage * Tiles::KEY_TILE);
            wgmma_commit();
            mbar_wait(values_full + before.stage, before.parity);
            pin(acc);
            wgmma_fence();
            start_columns<D, KEYS>(acc, p, tiles.values + before.stage * Tiles::KEY_TILE);
            wgmma_commit();
            wgmma_wait<1>();
            pin(s);
            if (elected) mbar_arrive(keys_empty + ring.stage);
            mask(tile);
            softmax.update(s, scale, shrink);
            pin(s);
            mbar_wait(values_full + before.stage, before.parity);  // for the compiler, see above
            wgmma_wait<0>();
            pin(acc);
            if (elected) mbar_arrive(values_empty + before.stage);
            pack_operand(p, s);
            scale_rows(acc, shrink);
        }
        mbar_wait(values_full + ring.stage, ring.parity);
        pin(acc);
        wgmma_fence();
        start_columns<D, KEYS>(acc, p, tiles.values + ring.stage * Tiles::KEY_TILE);
        wgmma_commit();
        wgmma_wait<0>();
        pin(acc);
        float inverse[2], row_lse[2];
        softmax.finish(scale, inverse, row_lse);
        scale_rows(acc, inverse);
        const int head = block.head(consumer);
        store_rows(out + ((i64)batch * window * shape.heads + head) * D, (i64)shape.heads * D, acc, query, window);
        if (lane() % 4 == 0) {
            float* to = lse + ((i64)batch * shape.heads + head) * window;
            UNROLL for (int h = 0; h < 2; h++)
                if (query + 8 * h < window) to[query + 8 * h] = row_lse[h];
        }
    }
}

}  // namespace dev

#define ATTENTION_FORWARD_HOPPER(D, THREADS, name, GROUPED)                                                             \
    KERNEL(THREADS, 1)                                                                                                  \
    attention_forward_hopper_d##D##_##name(TENSOR_MAP(qkv), const u32* document_start, bf16* out, float* lse,           \
                                           int window, int heads, int kv_heads, float scale) {                          \
        dev::attention_forward_hopper<D, GROUPED>(&qkv, document_start, out, lse, {window, heads, kv_heads, scale});    \
    }                                                                                                                   \
    EMULATE(attention_forward_hopper_d##D##_##name)

ATTENTION_FORWARD_HOPPER(64, 512, heads, true)
ATTENTION_FORWARD_HOPPER(64, 512, rows, false)
ATTENTION_FORWARD_HOPPER(128, 384, heads, true)
ATTENTION_FORWARD_HOPPER(128, 384, rows, false)
