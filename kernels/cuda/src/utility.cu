// Casts, normal initialization, search for values that are not finite, checksums, and document starts.
//
// cast: f32 ↔ bf16, rounded to nearest even. Launch: ⌈n / 2048⌉ blocks of 256.
// fill_normal: element i = std · (normal i % 4 of Philox(seed, i / 4, stream)): the values do not depend on the launch.
//   Launch: ⌈n / 1024⌉ blocks of 256.
// count_nonfinite: adds the number of infinities and NaNs to `count`. checksum: adds Σ mix(i, bits of x[i]) mod 2⁶⁴ to
//   `sum`; the order of the additions cannot matter. Launch: any number of blocks of 256.
// document_starts: from cumulative lengths (0, n₁, n₁+n₂, …, total; boundaries as the varlen attention interfaces pass
//   them, counted over all B·T tokens) to document_start[B·T], relative to the token's own sequence of T.
//   Launch: ⌈B·T / 256⌉ blocks of 256.
#include "common/atomic.cuh"
#include "common/philox.cuh"
#include "common/reduce.cuh"
#include "common/vec.cuh"

namespace dev {

template <class To, class From>
DEV void cast(const From* x, To* out, i64 n) {
    const i64 start = ((i64)block_x() * 256 + thread_x()) * 8;
    if (start + 8 <= n) {
        float v[8];
        UNROLL for (int i = 0; i < 8; i += Pack<From>::N) {
            const Pack<From> p = load_once(x + start + i);
            UNROLL for (int j = 0; j < Pack<From>::N; j++) v[i + j] = p.v[j];
        }
        UNROLL for (int i = 0; i < 8; i += Pack<To>::N) {
            Pack<To> p;
            UNROLL for (int j = 0; j < Pack<To>::N; j++) p.v[j] = v[i + j];
            store(out + start + i, p);
        }
    } else {
        for (i64 i = start; i < n; i++) out[i] = from_f32<To>(to_f32(x[i]));
    }
}

template <class T>
DEV void fill_normal(T* out, i64 n, float std, u64 seed, u64 stream) {
    const i64 group = (i64)block_x() * 256 + thread_x();
    if (group * 4 >= n) return;
    const Random4 r = philox(seed, (u64)group, stream);
    const Pair<float> x = normals(r.v[0], r.v[1]), y = normals(r.v[2], r.v[3]);
    const float values[4] = {x.a, x.b, y.a, y.b};
    UNROLL for (int j = 0; j < 4; j++)
        if (group * 4 + j < n) out[group * 4 + j] = from_f32<T>(std * values[j]);
}

template <class T>
DEV void count_nonfinite(const T* x, i64 n, u64* count) {
    SHARED(u64, scratch, 8);
    u64 mine = 0;
    for (i64 i = (i64)block_x() * 256 + thread_x(); i < n; i += (i64)grid_x() * 256) mine += !is_finite(to_f32(x[i]));
    mine = block_sum(mine, scratch);
    if (thread_x() == 0 && mine) atomic_add(count, mine);
}

// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014) over position and bits.
DEV u64 mix(u64 position, u32 bits) {
    u64 z = (position << 32 | position >> 32) ^ bits;
    z += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}
DEV u32 raw_bits(float x) { return to_bits(x); }
DEV u32 raw_bits(bf16 x) { return x.bits; }

template <class T>
DEV void checksum(const T* x, i64 n, u64* sum) {
    SHARED(u64, scratch, 8);
    u64 mine = 0;
    for (i64 i = (i64)block_x() * 256 + thread_x(); i < n; i += (i64)grid_x() * 256) mine += mix((u64)i, raw_bits(x[i]));
    mine = block_sum(mine, scratch);
    if (thread_x() == 0) atomic_add(sum, mine);
}

DEV void document_starts(const u32* cumulative, int documents, u32* document_start, int tokens, int window) {
    const int token = block_x() * 256 + thread_x();
    if (token >= tokens) return;
    // The last document that begins at or before the token.
    int low = 0, high = documents - 1;
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (cumulative[middle] <= (u32)token) low = middle;
        else high = middle - 1;
    }
    const int sequence = token / window * window, start = (int)cumulative[low];
    document_start[token] = (u32)(start > sequence ? start - sequence : 0);
}

}  // namespace dev

KERNEL(256, 1) cast_f32_bf16(const float* x, bf16* out, i64 n) { dev::cast(x, out, n); }
EMULATE(cast_f32_bf16)
KERNEL(256, 1) cast_bf16_f32(const bf16* x, float* out, i64 n) { dev::cast(x, out, n); }
EMULATE(cast_bf16_f32)

#define UTILITY(T, name)                                                                                     \
    KERNEL(256, 1) fill_normal_##name(T* out, i64 n, float std, u64 seed, u64 stream) {                      \
        dev::fill_normal(out, n, std, seed, stream);                                                         \
    }                                                                                                        \
    EMULATE(fill_normal_##name)                                                                              \
    KERNEL(256, 1) count_nonfinite_##name(const T* x, i64 n, u64* count) { dev::count_nonfinite(x, n, count); } \
    EMULATE(count_nonfinite_##name)                                                                          \
    KERNEL(256, 1) checksum_##name(const T* x, i64 n, u64* sum) { dev::checksum(x, n, sum); }                \
    EMULATE(checksum_##name)

UTILITY(float, f32)
UTILITY(bf16, bf16)

KERNEL(256, 1)
document_starts(const u32* cumulative, int documents, u32* document_start, int tokens, int window) {
    dev::document_starts(cumulative, documents, document_start, tokens, window);
}
EMULATE(document_starts)

// Philox on its own, for the known answers of its authors: out[4i ..] for counter (low + i, high). One block of 32.
KERNEL(32, 1) philox_words(u64 key, u64 low, u64 high, u32* out, int count) {
    for (int i = dev::thread_x(); i < count; i += 32) {
        const dev::Random4 r = dev::philox(key, low + (u64)i, high);
        for (int j = 0; j < 4; j++) out[4 * i + j] = r.v[j];
    }
}
EMULATE(philox_words)
