// RoPE on q and k inside the merged qkv[M, (H+2G)·d], in place, half-split layout, and the inverse for gradients.
//
// Su et al., RoFormer, 2021, as Hugging Face lays it out: with p = positions[m] and i < d/2, (a, b) = (x[i], x[i + d/2])
// becomes (a·cos[p, i] - b·sin[p, i], b·cos[p, i] + a·sin[p, i]). The inverse is the same with sign = -1.
// The tables are f32, [positions, d/2]. d/2 is a multiple of 8. Bytes in bf16: 4·M·(H+G)·d and the tables.
// Launch: ⌈packs / 256⌉ blocks of 256, packs = M·(H+G)·(d/2) / (elements of a pack) below 2³².
#include "common/math.cuh"
#include "common/vec.cuh"

namespace dev {

template <class T>
DEV void rope(T* qkv, const u32* positions, const float* cosines, const float* sines, u32 packs, int heads, int kv_heads,
              int d, float sign) {
    constexpr int N = Pack<T>::N;
    const u32 i = (u32)block_x() * 256 + (u32)thread_x();
    if (i >= packs) return;
    const u32 per_head = (u32)(d / 2 / N), per_row = per_head * (u32)(heads + kv_heads);
    const u32 row = i / per_row, in_row = i - row * per_row, head = in_row / per_head;
    const int c = (int)(in_row - head * per_head) * N;
    T* first = qkv + (i64)row * (heads + 2 * kv_heads) * d + (i64)head * d + c;
    T* second = first + d / 2;
    const i64 angle = (i64)positions[row] * (d / 2) + c;
    const Pack<T> co = load_f32<T>(cosines + angle), si = load_f32<T>(sines + angle);
    Pack<T> a = load(first), b = load(second);
    UNROLL for (int j = 0; j < N; j++) {
        const float x = a.v[j], y = b.v[j], s = si.v[j] * sign;
        // The order of the CPU operator: fma(-b, sin, a·cos), fma(a, sin, b·cos).
        a.v[j] = fma_rn(-y, s, mul_rn(x, co.v[j]));
        b.v[j] = fma_rn(x, s, mul_rn(y, co.v[j]));
    }
    store(first, a);
    store(second, b);
}

}  // namespace dev

#define ROPE(T, name)                                                                                               \
    KERNEL(256, 1)                                                                                                  \
    rope_##name(T* qkv, const u32* positions, const float* cosines, const float* sines, u32 packs, int heads,       \
                int kv_heads, int d, float sign) {                                                                  \
        dev::rope(qkv, positions, cosines, sines, packs, heads, kv_heads, d, sign);                                 \
    }                                                                                                               \
    EMULATE(rope_##name)

ROPE(float, f32)
ROPE(bf16, bf16)
