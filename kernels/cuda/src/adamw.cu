// AdamW over the flat arena of parameters, in one sweep: f32 master weights and moments, and their bf16 copy.
//
// Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, in the arithmetic of `torch.optim.AdamW` and of the
// CPU operator, bit for bit: g = grad·grad_scale; m ← fma(1-β₁, g - m, m); v ← fma(1-β₂, g², β₂·v);
// p ← fma(-lr/(1-β₁ᵗ), m / (√v/√(1-β₂ᵗ) + eps), p·keep), keep = 1 - lr·weight_decay where decay applies, else 1.
// The factors are computed by the host in f64 and rounded once. `grad_scale` (the clip coefficient) is read from the
// device, so that no step waits for the host; null means 1, and where it is NaN nothing is changed. `segment_ends[s]` is the element after segment s, a multiple
// of 4, and `decays[s]` says whether decay applies. Bytes: 28 an element, 30 with the copy (null for none).
// Launch: ⌈n / 1024⌉ blocks of 256, n a multiple of 4.
#include "common/barrier.cuh"
#include "common/math.cuh"
#include "common/vec.cuh"

namespace dev {

// The first segment that ends after `element`.
DEV int segment_of(const i64* ends, int count, i64 element) {
    int low = 0, high = count - 1;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (ends[middle] > element) high = middle;
        else low = middle + 1;
    }
    return low;
}

DEV void adamw(float* params, const float* grads, float* m, float* v, bf16* copy, i64 n, const i64* segment_ends,
               const u8* decays, int segments, const float* grad_scale, float keep, float blend1, float beta2,
               float blend2, float root, float eps, float rate) {
    SHARED(int, first_segment, 1);
    const i64 start = (i64)block_x() * 1024, i = start + thread_x() * 4;
    if (thread_x() == 0) first_segment[0] = segment_of(segment_ends, segments, start);
    sync_block();
    if (i >= n) return;
    int segment = first_segment[0];
    while (segment_ends[segment] <= i) segment++;
    if (!decays[segment]) keep = 1.f;
    const float scale = grad_scale ? *grad_scale : 1.f;
    if (scale != scale) return;
    Pack<float> p = load(params + i), first = load(m + i), second = load(v + i);
    const Pack<float> grad = load_once(grads + i);
    UNROLL for (int j = 0; j < 4; j++) {
        const float g = mul_rn(grad.v[j], scale);
        first.v[j] = fma_rn(blend1, sub_rn(g, first.v[j]), first.v[j]);
        second.v[j] = fma_rn(blend2, mul_rn(g, g), mul_rn(beta2, second.v[j]));
        const float step = div_rn(first.v[j], add_rn(div_rn(sqrt_rn(second.v[j]), root), eps));
        p.v[j] = fma_rn(-rate, step, mul_rn(p.v[j], keep));
    }
    store(m + i, first);
    store(v + i, second);
    store(params + i, p);
    if (copy) {
        u32* to = (u32*)(copy + i);
        to[0] = pack_bf16(p.v[0], p.v[1]);
        to[1] = pack_bf16(p.v[2], p.v[3]);
    }
}

}  // namespace dev

KERNEL(256, 1)
adamw(float* params, const float* grads, float* m, float* v, bf16* copy, i64 n, const i64* segment_ends, const u8* decays,
      int segments, const float* grad_scale, float keep, float blend1, float beta2, float blend2, float root, float eps,
      float rate) {
    dev::adamw(params, grads, m, v, copy, n, segment_ends, decays, segments, grad_scale, keep, blend1, beta2, blend2,
               root, eps, rate);
}
EMULATE(adamw)
