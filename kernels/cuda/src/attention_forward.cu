// Causal attention, forward, bf16, for every GPU from sm_80: out = softmax(q·kᵀ·scale)·v over the merged qkv.
//
// qkv[B·T, (H+2G)·d] as q | k | v, out[B·T, H·d], lse[B, H, T] (natural logarithm of the sum of exponentials of the scaled
// scores). Dao, FlashAttention-2, 2023. A block has 64 queries of HEADS query heads that share a key/value head, four
// warps a head, so that one load of keys and values serves them all; keys and values come 64 at a time, double-buffered by
// cp.async. Any T; tiles before the first visible document are skipped. Per visible (query, key) pair 4·d FLOP and one
// exponential. Bytes: q, out once; k, v once per 64 queries and HEADS heads, from the second-level cache.
//
// Launch: (⌈T / 64⌉, G · (H/G) / HEADS, B) blocks of 128·HEADS; shared memory (64·HEADS + 256)·(d + 8)·2 bytes.
#include "attention_mma.cuh"

namespace dev {

template <int D, int HEADS>
DEV void attention_forward(const bf16* qkv, const u32* document_start, bf16* out, float* lse,
                           const AttentionShape& shape) {
    constexpr int TILE = 64 * PITCH<D>, THREADS = 128 * HEADS;
    DYN_SHARED(shared);
    bf16* queries = (bf16*)shared;
    bf16* keys = queries + HEADS * TILE;  // two stages of K, then two of V
    bf16* values = keys + 2 * TILE;

    const int warp = warp_id(), head_of_block = warp / 4, batch = block_z(), window = shape.window;
    // The last tile sees the most keys: it goes first.
    const int first_query = (grid_x() - 1 - block_x()) * 64;
    const int blocks_of_group = shape.group() / HEADS;
    const int kv_head = block_y() / blocks_of_group;
    const int first_head = kv_head * shape.group() + block_y() % blocks_of_group * HEADS;
    const i64 pitch = shape.row<D>();
    const bf16* sequence = qkv + (i64)batch * window * pitch;
    const bf16* key_columns = sequence + (i64)(shape.heads + kv_head) * D;
    const bf16* value_columns = key_columns + (i64)shape.kv_heads * D;
    const u32* starts = document_start + (i64)batch * window;

    const int head_of_thread = thread_x() / 128;
    load_rows<D, 64>(queries + head_of_thread * TILE, sequence + (i64)(first_head + head_of_thread) * D, pitch, first_query,
                     window, thread_x() % 128, 128);
    const int first_tile = (int)starts[first_query] / 64, last_tile = smaller(first_query + 63, window - 1) / 64;
    const auto load_tile = [&](int tile) {
        const int stage = tile % 2 * TILE;
        load_rows<D, 64>(keys + stage, key_columns, pitch, tile * 64, window, thread_x(), THREADS);
        load_rows<D, 64>(values + stage, value_columns, pitch, tile * 64, window, thread_x(), THREADS);
        cp_async_commit();
    };
    load_tile(first_tile);

    const int warp_query = first_query + warp % 4 * 16, query = warp_query + tile_row();
    const int query_starts[2] = {(int)starts[smaller(query, window - 1)], (int)starts[smaller(query + 8, window - 1)]};
    const int latest_start = (int)starts[smaller(warp_query + 15, window - 1)];
    const float scale = shape.scale * LOG2_E;
    // The queries' operands stay in registers where a thread has enough of them.
    constexpr bool KEEP = D * HEADS < 192;
    u32 q[D / 16][4];
    float acc[D / 64][32];
    clear(acc);
    RunningSoftmax softmax;
    for (int tile = first_tile; tile <= last_tile; tile++) {
        cp_async_wait<0>();
        // The tile has landed for everybody, and everybody is done with the stage that is filled next.
        sync_block();
        if (KEEP && tile == first_tile) {
            UNROLL for (int k = 0; k < D / 16; k++)
                load_operand<D>(q[k], queries + head_of_block * TILE, warp % 4 * 16, k);
        }
        if (tile < last_tile) load_tile(tile + 1);
        const int stage = tile % 2 * TILE, first_key = tile * 64;
        float s[32];
        UNROLL for (int i = 0; i < 32; i++) s[i] = 0.f;
        UNROLL for (int k = 0; k < D / 16; k++) {
            if (!KEEP) load_operand<D>(q[k], queries + head_of_block * TILE, warp % 4 * 16, k);
            multiply_rows<D>(s, q[k], keys + stage, k);
        }
        if (first_key + 63 > warp_query || first_key < latest_start) mask_keys(s, first_key, query, query_starts);
        float shrink[2];
        softmax.update(s, scale, shrink);
        scale_rows(acc, shrink);
        u32 p[16];
        pack_operand(p, s);
        multiply_columns<D>(acc, p, values + stage);
    }
    float inverse[2], row_lse[2];
    softmax.finish(scale, inverse, row_lse);
    scale_rows(acc, inverse);
    const int head = first_head + head_of_block;
    store_rows(out + ((i64)batch * window * shape.heads + head) * D, (i64)shape.heads * D, acc, query, window);
    if (lane() % 4 == 0) {
        float* to = lse + ((i64)batch * shape.heads + head) * window;
        UNROLL for (int h = 0; h < 2; h++)
            if (query + 8 * h < window) to[query + 8 * h] = row_lse[h];
    }
}

}  // namespace dev

#define ATTENTION_FORWARD(D, HEADS)                                                                                    \
    KERNEL(128 * HEADS, 1)                                                                                             \
    attention_forward_d##D##_h##HEADS(const bf16* qkv, const u32* document_start, bf16* out, float* lse, int window,   \
                                      int heads, int kv_heads, float scale) {                                          \
        dev::attention_forward<D, HEADS>(qkv, document_start, out, lse, {window, heads, kv_heads, scale});             \
    }                                                                                                                  \
    EMULATE(attention_forward_d##D##_h##HEADS)

ATTENTION_FORWARD(64, 1)
ATTENTION_FORWARD(64, 2)
ATTENTION_FORWARD(64, 3)
ATTENTION_FORWARD(128, 1)
ATTENTION_FORWARD(128, 2)
