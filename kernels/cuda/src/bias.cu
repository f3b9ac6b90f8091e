// Gradient of a bias: grad_bias[N] += Σ_m dout[m, :], in f32, in two stages with one order.
//
// Block (p, slab) sums rows p·rows_per_block … of its columns into parts[p, N]; `bias_gradient` adds the parts in order.
// N is a multiple of 8. Bytes: dout once.
// Launch: bias_parts_*: (⌈M / rows_per_block⌉, ⌈N / pack / 128⌉) blocks of 128; bias_gradient ⌈N / 256⌉ blocks of 256.
#include "common/vec.cuh"

namespace dev {

template <class T>
DEV void bias_parts(const T* dout, float* parts, int rows, int n, int rows_per_block) {
    constexpr int N = Pack<T>::N;
    const int c = (block_y() * 128 + thread_x()) * N;
    if (c >= n) return;
    const int first = block_x() * rows_per_block, last = smaller(first + rows_per_block, rows);
    float sums[N] = {};
    for (int row = first; row < last; row++) {
        const Pack<T> d = load_once(dout + (i64)row * n + c);
        UNROLL for (int j = 0; j < N; j++) sums[j] += d.v[j];
    }
    UNROLL for (int j = 0; j < N; j++) parts[(i64)block_x() * n + c + j] = sums[j];
}

DEV void bias_gradient(const float* parts, float* grad_bias, int count, int n) {
    const int c = block_x() * 256 + thread_x();
    if (c >= n) return;
    float sum = 0.f;
    for (int p = 0; p < count; p++) sum += parts[(i64)p * n + c];
    grad_bias[c] += sum;
}

}  // namespace dev

#define BIAS(T, name)                                                                                    \
    KERNEL(128, 1) bias_parts_##name(const T* dout, float* parts, int rows, int n, int rows_per_block) { \
        dev::bias_parts(dout, parts, rows, n, rows_per_block);                                           \
    }                                                                                                    \
    EMULATE(bias_parts_##name)

BIAS(float, f32)
BIAS(bf16, bf16)

KERNEL(256, 1) bias_gradient(const float* parts, float* grad_bias, int count, int n) {
    dev::bias_gradient(parts, grad_bias, count, n);
}
EMULATE(bias_gradient)
