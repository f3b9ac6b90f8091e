// The Euclidean norm of all gradients and the clip coefficient, without the host.
//
// `grad_norm_parts`: block b writes Σ g² of elements b·per_block … in f64. `grad_norm_finish`: adds the parts in order,
// norm = √Σ, and coefficient = min(1, clip / (norm + 1e-6)), 1 if `clip` is 0. Where the norm or `loss` (f64; null for
// none) is not finite the coefficient is NaN, upon which `adamw` leaves everything as it is: the host learns of it while
// the update is already queued. Bytes: 4 an element.
// Launch: parts ⌈n / per_block⌉ blocks of 256, per_block a multiple of 4; finish one block of 256.
#include "common/reduce.cuh"
#include "common/vec.cuh"

namespace dev {

DEV void grad_norm_parts(const float* grads, i64 n, i64 per_block, double* parts) {
    SHARED(double, scratch, 8);
    const i64 start = (i64)block_x() * per_block, end = start + per_block < n ? start + per_block : n;
    double sum = 0.0;
    for (i64 i = start + thread_x() * 4; i < end; i += 1024) {
        if (i + 4 <= end) {
            const Pack<float> g = load_once(grads + i);
            UNROLL for (int j = 0; j < 4; j++) sum += (double)g.v[j] * (double)g.v[j];
        } else {
            for (i64 k = i; k < end; k++) sum += (double)grads[k] * (double)grads[k];
        }
    }
    sum = block_sum(sum, scratch);
    if (thread_x() == 0) parts[block_x()] = sum;
}

DEV void grad_norm_finish(const double* parts, int count, double clip, const double* loss, double* norm,
                          float* coefficient) {
    SHARED(double, scratch, 8);
    double sum = 0.0;
    for (int i = thread_x(); i < count; i += 256) sum += parts[i];
    sum = block_sum(sum, scratch);
    if (thread_x() == 0) {
        const double root = sqrt_d(sum), shrink = clip / (root + 1e-6);
        *norm = root;
        const bool finite = is_finite(root) && (!loss || is_finite(*loss));
        *coefficient = !finite ? from_bits(0x7fc00000u) : clip > 0.0 && shrink < 1.0 ? (float)shrink : 1.f;
    }
}

}  // namespace dev

KERNEL(256, 1) grad_norm_parts(const float* grads, i64 n, i64 per_block, double* parts) {
    dev::grad_norm_parts(grads, n, per_block, parts);
}
EMULATE(grad_norm_parts)
KERNEL(256, 1)
grad_norm_finish(const double* parts, int count, double clip, const double* loss, double* norm, float* coefficient) {
    dev::grad_norm_finish(parts, count, clip, loss, norm, coefficient);
}
EMULATE(grad_norm_finish)
