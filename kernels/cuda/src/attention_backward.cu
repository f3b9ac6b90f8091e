// Gradient of causal attention, bf16, for every GPU from sm_80, into dqkv, without atomics.
//
// With p = exp(s·scale - lse) recomputed and delta = Σ_c dout·out: dv_j = Σ_t p·dout_t, ds = p·(dout_t·v_j - delta_t),
// dk_j = scale·Σ_t ds·q_t, dq_t = scale·Σ_j ds·k_j. Dao, FlashAttention-2, 2023, as two kernels, so that every sum has one
// order: `attention_dkdv` has 64 keys a block and walks the query heads of the group and their queries; `attention_dq` has
// 64 queries a block and walks the keys. The price is 7 products instead of 5: 14·d FLOP a visible pair and two
// exponentials. If the tables of RoPE are given, dq and dk are rotated back before they are stored.
//
// Launch: attention_delta_*: ⌈B·T·H·d / pack / 256⌉ blocks of 256. attention_dkdv: (⌈T / 64⌉, G, B) blocks of 128;
// attention_dq: (⌈T / 64⌉, G·(H/G)/HEADS, B) blocks of 128·HEADS. Shared memory: see `DkDvTiles`, `DqTiles`.
#include "attention_mma.cuh"
#include "common/reduce.cuh"
#include "common/vec.cuh"

namespace dev {

// delta[B, H, T] = Σ_c dout·out; d / pack lanes a (token, head), a power of two up to 32. Also clears what the kernels
// after it count in or add to: `clear_packs` times 16 bytes.
template <class T>
DEV void attention_delta(const T* out, const T* dout, float* delta, i64 packs, int window, int heads, int d, u32* clear,
                         i64 clear_packs) {
    const int lanes = d / Pack<T>::N;
    const i64 i = (i64)block_x() * 256 + thread_x();
    for (i64 j = i; j < clear_packs; j += (i64)grid_x() * 256) store16(clear + 4 * j, Bytes16{{0, 0, 0, 0}});
    float sum = 0.f;
    if (i < packs) {
        const Pack<T> x = load_once(out + i * Pack<T>::N), y = load_once(dout + i * Pack<T>::N);
        UNROLL for (int j = 0; j < Pack<T>::N; j++) sum += x.v[j] * y.v[j];
    }
    for (int mask = lanes / 2; mask > 0; mask /= 2) sum += shfl_xor(sum, mask);
    if (i < packs && i % lanes == 0) {
        const i64 pair = i / lanes, token = pair / heads, head = pair % heads;
        delta[(token / window * heads + head) * window + token % window] = sum;
    }
}

// Tiles of `attention_dkdv` in shared memory: K and V of 64 rows, two stages of Q and dO, two of lse and delta.
template <int D>
struct DkDvTiles {
    // Fewer queries at a time where the accumulators of a head of 128 need the registers.
    static constexpr int QUERIES = D == 64 ? 64 : 32;
    static constexpr int KEY_TILE = 64 * PITCH<D>, QUERY_TILE = QUERIES * PITCH<D>;
    bf16 *keys, *values, *queries, *douts;
    float *lse, *delta;
    DEV explicit DkDvTiles(u8* shared) {
        keys = (bf16*)shared;
        values = keys + KEY_TILE;
        queries = values + KEY_TILE;
        douts = queries + 2 * QUERY_TILE;
        lse = (float*)(douts + 2 * QUERY_TILE);
        delta = lse + 2 * QUERIES;
    }
};

template <int D>
DEV void attention_dkdv(const bf16* qkv, const u32* document_start, const bf16* dout, const float* lse,
                        const float* delta, bf16* dqkv, const AttentionShape& shape, const Rotation& rotation) {
    using Tiles = DkDvTiles<D>;
    constexpr int QUERIES = Tiles::QUERIES;
    DYN_SHARED(shared);
    const Tiles tiles(shared);
    const int window = shape.window, first_key = block_x() * 64, kv_head = block_y(), batch = block_z();
    const i64 pitch = shape.row<D>(), out_pitch = (i64)shape.heads * D;
    const bf16* sequence = qkv + (i64)batch * window * pitch;
    const i64 key_column = (i64)(shape.heads + kv_head) * D, value_column = key_column + (i64)shape.kv_heads * D;
    const u32* starts = document_start + (i64)batch * window;

    load_rows<D, 64>(tiles.keys, sequence + key_column, pitch, first_key, window, thread_x(), 128);
    load_rows<D, 64>(tiles.values, sequence + value_column, pitch, first_key, window, thread_x(), 128);
    const int last_key = smaller(first_key + 63, window - 1);
    const int first_tile = first_key / QUERIES, count = last_query(starts, window, last_key) / QUERIES - first_tile + 1;
    const int first_head = kv_head * shape.group(), steps = shape.group() * count;
    const auto load_step = [&](int step) {
        const int head = first_head + step / count, first = (first_tile + step % count) * QUERIES, stage = step % 2;
        load_rows<D, QUERIES>(tiles.queries + stage * Tiles::QUERY_TILE, sequence + (i64)head * D, pitch, first, window,
                              thread_x(), 128);
        load_rows<D, QUERIES>(tiles.douts + stage * Tiles::QUERY_TILE,
                              dout + (i64)batch * window * out_pitch + (i64)head * D, out_pitch, first, window, thread_x(),
                              128);
        cp_async_commit();
        if (thread_x() < QUERIES) {
            const int query = first + thread_x();
            const i64 at = ((i64)batch * shape.heads + head) * window + query;
            // Rows behind the end count for nothing: exp2(-inf) = 0.
            tiles.lse[stage * QUERIES + thread_x()] = query < window ? lse[at] * LOG2_E : infinity();
            tiles.delta[stage * QUERIES + thread_x()] = query < window ? delta[at] : 0.f;
        }
    };
    load_step(0);

    const int warp = warp_id(), key = first_key + warp * 16 + tile_row();
    const int lasts[2] = {key < window ? last_query(starts, window, key) : -1,
                          key + 8 < window ? last_query(starts, window, key + 8) : -1};
    const int earliest_last = last_query(starts, window, first_key);
    const float scale = shape.scale * LOG2_E;
    float dk[D / 64][32], dv[D / 64][32];
    clear(dk);
    clear(dv);
    for (int step = 0; step < steps; step++) {
        cp_async_wait<0>();
        sync_block();
        if (step + 1 < steps) load_step(step + 1);
        const int first = (first_tile + step % count) * QUERIES, stage = step % 2;
        const bf16* q = tiles.queries + stage * Tiles::QUERY_TILE;
        const bf16* d = tiles.douts + stage * Tiles::QUERY_TILE;
        float p[QUERIES / 2], ds[QUERIES / 2];
        u32 operand[QUERIES / 4];
        product_of_rows<D>(p, tiles.keys, warp * 16, q);
        probabilities_of_columns(p, scale, tiles.lse + stage * QUERIES);
        if (first < first_key + 63 || first + QUERIES - 1 > earliest_last) mask_queries(p, first, key, lasts);
        product_of_rows<D>(ds, tiles.values, warp * 16, d);
        score_gradient_of_columns(ds, p, tiles.delta + stage * QUERIES);
        pack_operand(operand, p);
        multiply_columns<D>(dv, operand, d);
        pack_operand(operand, ds);
        multiply_columns<D>(dk, operand, q);
    }
    const float factor[2] = {shape.scale, shape.scale};
    scale_rows(dk, factor);
    rotate_back(dk, rotation, (i64)batch * window, key, window);
    bf16* to = dqkv + (i64)batch * window * pitch;
    store_rows(to + key_column, pitch, dk, key, window);
    store_rows(to + value_column, pitch, dv, key, window);
}

// Tiles of `attention_dq` in shared memory: Q and dO of 64 rows a head, two stages of K and V.
template <int D, int HEADS>
DEV void attention_dq(const bf16* qkv, const u32* document_start, const bf16* dout, const float* lse, const float* delta,
                      bf16* dqkv, const AttentionShape& shape, const Rotation& rotation) {
    constexpr int TILE = 64 * PITCH<D>, THREADS = 128 * HEADS;
    DYN_SHARED(shared);
    bf16* queries = (bf16*)shared;
    bf16* douts = queries + HEADS * TILE;
    bf16* keys = douts + HEADS * TILE;
    bf16* values = keys + 2 * TILE;
    const int warp = warp_id(), batch = block_z(), window = shape.window;
    const int first_query = (grid_x() - 1 - block_x()) * 64;
    const int blocks_of_group = shape.group() / HEADS, kv_head = block_y() / blocks_of_group;
    const int first_head = kv_head * shape.group() + block_y() % blocks_of_group * HEADS;
    const i64 pitch = shape.row<D>(), out_pitch = (i64)shape.heads * D;
    const bf16* sequence = qkv + (i64)batch * window * pitch;
    const bf16* key_columns = sequence + (i64)(shape.heads + kv_head) * D;
    const bf16* value_columns = key_columns + (i64)shape.kv_heads * D;
    const u32* starts = document_start + (i64)batch * window;

    const int mine = thread_x() / 128;
    load_rows<D, 64>(queries + mine * TILE, sequence + (i64)(first_head + mine) * D, pitch, first_query, window,
                     thread_x() % 128, 128);
    load_rows<D, 64>(douts + mine * TILE, dout + (i64)batch * window * out_pitch + (i64)(first_head + mine) * D, out_pitch,
                     first_query, window, thread_x() % 128, 128);
    const int first_tile = (int)starts[first_query] / 64, last_tile = smaller(first_query + 63, window - 1) / 64;
    const auto load_tile = [&](int tile) {
        const int stage = tile % 2 * TILE;
        load_rows<D, 64>(keys + stage, key_columns, pitch, tile * 64, window, thread_x(), THREADS);
        load_rows<D, 64>(values + stage, value_columns, pitch, tile * 64, window, thread_x(), THREADS);
        cp_async_commit();
    };
    load_tile(first_tile);

    const int head = first_head + warp / 4, warp_query = first_query + warp % 4 * 16, query = warp_query + tile_row();
    const int query_starts[2] = {(int)starts[smaller(query, window - 1)], (int)starts[smaller(query + 8, window - 1)]};
    const int latest_start = (int)starts[smaller(warp_query + 15, window - 1)];
    const i64 row = ((i64)batch * shape.heads + head) * window;
    float row_lse[2], row_delta[2];
    UNROLL for (int h = 0; h < 2; h++) {
        const bool present = query + 8 * h < window;
        row_lse[h] = present ? lse[row + query + 8 * h] * LOG2_E : infinity();
        row_delta[h] = present ? delta[row + query + 8 * h] : 0.f;
    }
    const float scale = shape.scale * LOG2_E;
    const bf16* q = queries + warp / 4 * TILE;
    const bf16* d = douts + warp / 4 * TILE;
    float acc[D / 64][32];
    clear(acc);
    for (int tile = first_tile; tile <= last_tile; tile++) {
        cp_async_wait<0>();
        sync_block();
        if (tile < last_tile) load_tile(tile + 1);
        const int stage = tile % 2 * TILE, first_key = tile * 64;
        float p[32], ds[32];
        product_of_rows<D>(p, q, warp % 4 * 16, keys + stage);
        if (first_key + 63 > warp_query || first_key < latest_start) mask_keys(p, first_key, query, query_starts);
        probabilities_of_rows(p, scale, row_lse);
        product_of_rows<D>(ds, d, warp % 4 * 16, values + stage);
        score_gradient_of_rows(ds, p, row_delta);
        u32 operand[16];
        pack_operand(operand, ds);
        multiply_columns<D>(acc, operand, keys + stage);
    }
    const float factor[2] = {shape.scale, shape.scale};
    scale_rows(acc, factor);
    rotate_back(acc, rotation, (i64)batch * window, query, window);
    store_rows(dqkv + (i64)batch * window * pitch + (i64)head * D, pitch, acc, query, window);
}

}  // namespace dev

#define ATTENTION_DELTA(T, name)                                                                                        \
    KERNEL(256, 1)                                                                                                      \
    attention_delta_##name(const T* out, const T* dout, float* delta, i64 packs, int window, int heads, int d,          \
                           u32* clear, i64 clear_packs) {                                                               \
        dev::attention_delta(out, dout, delta, packs, window, heads, d, clear, clear_packs);                            \
    }                                                                                                                   \
    EMULATE(attention_delta_##name)

ATTENTION_DELTA(float, f32)
ATTENTION_DELTA(bf16, bf16)

#define ATTENTION_DKDV(D)                                                                                               \
    KERNEL(128, 1)                                                                                                      \
    attention_dkdv_d##D(const bf16* qkv, const u32* document_start, const bf16* dout, const float* lse,                 \
                        const float* delta, bf16* dqkv, int window, int heads, int kv_heads, float scale,               \
                        const u32* positions, const float* cosines, const float* sines) {                               \
        dev::attention_dkdv<D>(qkv, document_start, dout, lse, delta, dqkv, {window, heads, kv_heads, scale},           \
                               {positions, cosines, sines});                                                            \
    }                                                                                                                   \
    EMULATE(attention_dkdv_d##D)

ATTENTION_DKDV(64)
ATTENTION_DKDV(128)

#define ATTENTION_DQ(D, HEADS)                                                                                          \
    KERNEL(128 * HEADS, 1)                                                                                              \
    attention_dq_d##D##_h##HEADS(const bf16* qkv, const u32* document_start, const bf16* dout, const float* lse,        \
                                 const float* delta, bf16* dqkv, int window, int heads, int kv_heads, float scale,      \
                                 const u32* positions, const float* cosines, const float* sines) {                      \
        dev::attention_dq<D, HEADS>(qkv, document_start, dout, lse, delta, dqkv, {window, heads, kv_heads, scale},      \
                                    {positions, cosines, sines});                                                       \
    }                                                                                                                   \
    EMULATE(attention_dq_d##D##_h##HEADS)

ATTENTION_DQ(64, 1)
ATTENTION_DQ(64, 2)
ATTENTION_DQ(64, 3)
ATTENTION_DQ(128, 1)
ATTENTION_DQ(128, 2)
