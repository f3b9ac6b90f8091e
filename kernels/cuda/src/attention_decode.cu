// One new token a sequence against a cache of keys and values, for generation.
//
// q is the first H·d columns of qkv[B, (H+2G)·d] (after RoPE); the caches are [B, capacity, G·d]; sequence b sees
// positions 0 … positions[b]. The cache is cut into chunks of 256 positions: a block computes one chunk for all query
// heads of a group, so that keys and values are read once, and `attention_decode_combine` adds the chunks in order. Chunks
// do not depend on the batch or the device, so neither do the bits. d is a multiple of 8, at most 256; H/G at most 16.
// Bytes: 2·length·G·d elements, read once.
//
// `cache_append` copies k and v of `rows` tokens into the caches: row m to sequence sequences[m] (m if null) at
// positions[m].
//
// Launch: decode (⌈capacity / 256⌉, G, B) blocks of 128, shared memory (H/G)·(d + 256) + 1024 floats; partial results
// part[B, H, chunks, d] and part_lse[B, H, chunks], f32. Combine (H, B) blocks of 128. Append ⌈rows·G·d / pack / 256⌉ of
// 256. The grid covers the whole capacity, so that a captured graph serves every length; chunks behind the end leave.
#include "common/reduce.cuh"
#include "common/vec.cuh"

namespace dev {

constexpr int DECODE_CHUNK = 256, DECODE_THREADS = 128, DECODE_HEADS = 4;

template <class T>
DEV void cache_append(const T* qkv, const u32* sequences, const u32* positions, T* keys, T* values, u32 packs, int heads,
                      int kv_heads, int d, int capacity) {
    constexpr int N = Pack<T>::N;
    const u32 i = (u32)block_x() * 256 + (u32)thread_x();
    if (i >= packs) return;
    const u32 per_row = (u32)(kv_heads * d / N), row = i / per_row;
    const int c = (int)(i - row * per_row) * N;
    const u32 sequence = sequences ? sequences[row] : row;
    const i64 to = ((i64)sequence * capacity + positions[row]) * kv_heads * d + c;
    const T* from = qkv + (i64)row * (heads + 2 * kv_heads) * d + (i64)heads * d + c;
    store16(keys + to, load16(from));
    store16(values + to, load16(from + kv_heads * d));
}

template <class T>
DEV void attention_decode(const T* qkv, const T* keys, const T* values, const u32* positions, float* part,
                          float* part_lse, int heads, int kv_heads, int d, int capacity, float scale) {
    constexpr int N = Pack<T>::N;
    DYN_SHARED(shared);
    const int chunk = block_x(), kv_head = block_y(), batch = block_z(), group = heads / kv_heads, t = thread_x();
    float* queries = (float*)shared;                 // [group, d]
    float* scores = queries + group * d;             // [group, 256]
    float* sums = scores + group * DECODE_CHUNK;     // [rows of threads, d] of one head
    const int length = (int)positions[batch] + 1, first = chunk * DECODE_CHUNK;
    if (first >= length) return;
    const int count = smaller(DECODE_CHUNK, length - first);
    const i64 pitch = (i64)kv_heads * d, cache = ((i64)batch * capacity + first) * pitch + (i64)kv_head * d;
    const T* query = qkv + (i64)batch * (heads + 2 * kv_heads) * d + (i64)kv_head * group * d;
    for (int i = t; i < group * d; i += DECODE_THREADS) queries[i] = to_f32(query[i]) * scale;
    sync_block();
    for (int j = t; j < count; j += DECODE_THREADS) {
        for (int h0 = 0; h0 < group; h0 += DECODE_HEADS) {
            float dots[DECODE_HEADS] = {};
            for (int c = 0; c < d; c += N) {
                const Pack<T> k = load(keys + cache + j * pitch + c);
                UNROLL for (int h = 0; h < DECODE_HEADS; h++) {
                    if (h0 + h >= group) break;
                    UNROLL for (int i = 0; i < N; i++) dots[h] = fma_rn(queries[(h0 + h) * d + c + i], k.v[i], dots[h]);
                }
            }
            UNROLL for (int h = 0; h < DECODE_HEADS; h++)
                if (h0 + h < group) scores[(h0 + h) * DECODE_CHUNK + j] = dots[h];
        }
    }
    sync_block();
    const int chunks = grid_x();
    // A warp a head: scores become exponentials relative to the chunk's maximum.
    for (int h = warp_id(); h < group; h += DECODE_THREADS / WARP) {
        float* s = scores + h * DECODE_CHUNK;
        float top = -infinity(), sum = 0.f;
        for (int j = lane(); j < count; j += WARP) top = max_f(top, s[j]);
        top = warp_max(top);
        for (int j = lane(); j < count; j += WARP) {
            s[j] = exp_f(s[j] - top);
            sum += s[j];
        }
        sum = warp_sum(sum);
        for (int j = lane(); j < count; j += WARP) s[j] = div_rn(s[j], sum);
        if (lane() == 0) part_lse[((i64)batch * heads + kv_head * group + h) * chunks + chunk] = top + log_f(sum);
    }
    // d / N threads cover a row of values; as many rows at a time as threads allow, then the rows are added in order.
    const int width = d / N, rows = DECODE_THREADS / width, row = t / width, c = t % width * N;
    for (int h = 0; h < group; h++) {
        sync_block();
        if (row < rows) {
            float acc[N] = {};
            for (int j = row; j < count; j += rows) {
                const Pack<T> v = load(values + cache + j * pitch + c);
                UNROLL for (int i = 0; i < N; i++) acc[i] = fma_rn(scores[h * DECODE_CHUNK + j], v.v[i], acc[i]);
            }
            UNROLL for (int i = 0; i < N; i++) sums[row * d + c + i] = acc[i];
        }
        sync_block();
        float* to = part + (((i64)batch * heads + kv_head * group + h) * chunks + chunk) * d;
        for (int i = t; i < d; i += DECODE_THREADS) {
            float total = 0.f;
            for (int r = 0; r < rows; r++) total += sums[r * d + i];
            to[i] = total;
        }
    }
}

template <class T>
DEV void attention_decode_combine(const float* part, const float* part_lse, const u32* positions, T* out, int heads, int d,
                                  int chunks) {
    const int head = block_x(), batch = block_y(), used = (int)positions[batch] / DECODE_CHUNK + 1;
    const i64 at = ((i64)batch * heads + head) * chunks;
    float top = -infinity(), sum = 0.f;
    for (int k = 0; k < used; k++) top = max_f(top, part_lse[at + k]);
    for (int k = 0; k < used; k++) sum += exp_f(part_lse[at + k] - top);
    for (int c = thread_x(); c < d; c += DECODE_THREADS) {
        float total = 0.f;
        for (int k = 0; k < used; k++) total = fma_rn(div_rn(exp_f(part_lse[at + k] - top), sum), part[(at + k) * d + c], total);
        out[((i64)batch * heads + head) * d + c] = from_f32<T>(total);
    }
}

}  // namespace dev

#define ATTENTION_DECODE(T, name)                                                                                       \
    KERNEL(256, 1)                                                                                                      \
    cache_append_##name(const T* qkv, const u32* sequences, const u32* positions, T* keys, T* values, u32 packs,        \
                        int heads, int kv_heads, int d, int capacity) {                                                 \
        dev::cache_append(qkv, sequences, positions, keys, values, packs, heads, kv_heads, d, capacity);                \
    }                                                                                                                   \
    EMULATE(cache_append_##name)                                                                                        \
    KERNEL(128, 1)                                                                                                      \
    attention_decode_##name(const T* qkv, const T* keys, const T* values, const u32* positions, float* part,            \
                            float* part_lse, int heads, int kv_heads, int d, int capacity, float scale) {               \
        dev::attention_decode(qkv, keys, values, positions, part, part_lse, heads, kv_heads, d, capacity, scale);       \
    }                                                                                                                   \
    EMULATE(attention_decode_##name)                                                                                    \
    KERNEL(128, 1)                                                                                                      \
    attention_decode_combine_##name(const float* part, const float* part_lse, const u32* positions, T* out, int heads,  \
                                    int d, int chunks) {                                                                \
        dev::attention_decode_combine(part, part_lse, positions, out, heads, d, chunks);                                \
    }                                                                                                                   \
    EMULATE(attention_decode_combine_##name)

ATTENTION_DECODE(float, f32)
ATTENTION_DECODE(bf16, bf16)
