// RMSNorm: rstd[m] = 1/√(mean(x[m, :]²) + eps), out = x·rstd·weight, alone or after adding to the residual stream, and
// its gradient. Rows of D elements, a multiple of 8, at most 8,192.
//
// Zhang and Sennrich, Root Mean Square Layer Normalization, 2019. With x̂ = x·rstd and g = dout·weight:
// dx += rstd·(g - x̂·mean(g·x̂)), grad_weight += Σ_m dout·x̂.
// Everything is computed in f32 and rounded once; the weight's gradient is always f32. It is summed in two stages: every
// block sums its rows into `parts[block, D]`, then `rms_norm_weight_gradient` adds the parts in order.
// Bytes in bf16: 4·M·D forward, 8·M·D with the residual, 8·M·D backward.
//
// Launch: forward ⌈M / 8⌉ blocks of 256, one warp a row. Backward ⌈M / rows_per_block⌉ blocks of `threads` = D in packs,
// rounded up to whole warps, at most 256; the variant has PACKS packs a thread. Weight gradient ⌈D / 32⌉ blocks of 256.
#include "common/reduce.cuh"
#include "common/vec.cuh"

namespace dev {

constexpr int NORM_ROWS = 8;  // of a block, forward

template <class T, bool RESIDUAL>
DEV void rms_norm(const T* x, const T* branch, T* sum, const T* weight, T* out, float* rstd, int rows, int d, float eps) {
    const int row = block_x() * NORM_ROWS + warp_id();
    if (row >= rows) return;
    const i64 start = (i64)row * d;
    const int step = WARP * Pack<T>::N;
    float squares = 0.f;
    for (int c = lane() * Pack<T>::N; c < d; c += step) {
        Pack<T> v = load(x + start + c);
        if (RESIDUAL) {
            const Pack<T> b = load_once(branch + start + c);
            // The stream is what is stored: the norm sees the rounded sum.
            UNROLL for (int j = 0; j < Pack<T>::N; j++) v.v[j] = to_f32(from_f32<T>(v.v[j] + b.v[j]));
            store(sum + start + c, v);
        }
        UNROLL for (int j = 0; j < Pack<T>::N; j++) squares += v.v[j] * v.v[j];
    }
    const float r = div_rn(1.f, sqrt_rn(warp_sum(squares) / (float)d + eps));
    if (lane() == 0) rstd[row] = r;
    const T* from = RESIDUAL ? sum : x;
    for (int c = lane() * Pack<T>::N; c < d; c += step) {
        // Just read or written by this very thread: from the first-level cache.
        Pack<T> v = load(from + start + c);
        const Pack<T> w = load(weight + c);
        UNROLL for (int j = 0; j < Pack<T>::N; j++) v.v[j] = v.v[j] * r * w.v[j];
        store(out + start + c, v);
    }
}

template <class T, int PACKS>
DEV void rms_norm_backward(const T* x, const T* weight, const float* rstd, const T* dout, T* dx, float* parts, int rows,
                           int d, int rows_per_block) {
    constexpr int N = Pack<T>::N;
    SHARED(float, scratch, 2 * 8);
    const int first = block_x() * rows_per_block, last = smaller(first + rows_per_block, rows);
    float sums[PACKS][N] = {};
    for (int row = first; row < last; row++) {
        const i64 start = (i64)row * d;
        const float r = rstd[row];
        Pack<T> normed[PACKS], through[PACKS];
        float dot = 0.f;
        UNROLL for (int p = 0; p < PACKS; p++) {
            const int c = (p * threads() + thread_x()) * N;
            if (c >= d) break;
            normed[p] = load_once(x + start + c);
            through[p] = load_once(dout + start + c);
            const Pack<T> w = load(weight + c);
            UNROLL for (int j = 0; j < N; j++) {
                normed[p].v[j] *= r;
                sums[p][j] += through[p].v[j] * normed[p].v[j];
                through[p].v[j] *= w.v[j];
                dot += through[p].v[j] * normed[p].v[j];
            }
        }
        // Two halves of the scratch in turn: one barrier a row is enough.
        const float mean = block_sum(dot, scratch + (row & 1) * 8) / (float)d;
        UNROLL for (int p = 0; p < PACKS; p++) {
            const int c = (p * threads() + thread_x()) * N;
            if (c >= d) break;
            Pack<T> g = load(dx + start + c);
            UNROLL for (int j = 0; j < N; j++) g.v[j] += r * (through[p].v[j] - normed[p].v[j] * mean);
            store(dx + start + c, g);
        }
    }
    UNROLL for (int p = 0; p < PACKS; p++) {
        const int c = (p * threads() + thread_x()) * N;
        if (c >= d) break;
        UNROLL for (int j = 0; j < N; j += 4) {
            Pack<float> part;
            UNROLL for (int i = 0; i < 4; i++) part.v[i] = sums[p][j + i];
            store(parts + (i64)block_x() * d + c + j, part);
        }
    }
}

// grad_weight[c] += Σ parts[p, c]: eight threads a column take every eighth part, then are added in order.
DEV void rms_norm_weight_gradient(const float* parts, float* grad_weight, int count, int d) {
    SHARED(float, slices, 256);
    const int column = block_x() * WARP + lane(), slice = thread_x() / WARP;
    float sum = 0.f;
    if (column < d)
        for (int p = slice; p < count; p += 8) sum += parts[(i64)p * d + column];
    slices[thread_x()] = sum;
    sync_block();
    if (slice == 0 && column < d) {
        float total = 0.f;
        for (int s = 0; s < 8; s++) total += slices[s * WARP + lane()];
        grad_weight[column] += total;
    }
}

}  // namespace dev

#define RMS_NORM(T, name)                                                                                             \
    KERNEL(256, 1)                                                                                                    \
    rms_norm_##name(const T* x, const T* weight, T* out, float* rstd, int rows, int d, float eps) {                   \
        dev::rms_norm<T, false>(x, nullptr, nullptr, weight, out, rstd, rows, d, eps);                                \
    }                                                                                                                 \
    EMULATE(rms_norm_##name)                                                                                          \
    KERNEL(256, 1)                                                                                                    \
    rms_norm_residual_##name(const T* x, const T* branch, T* sum, const T* weight, T* out, float* rstd, int rows,     \
                             int d, float eps) {                                                                      \
        dev::rms_norm<T, true>(x, branch, sum, weight, out, rstd, rows, d, eps);                                      \
    }                                                                                                                 \
    EMULATE(rms_norm_residual_##name)

#define RMS_NORM_BACKWARD(T, name, PACKS)                                                                             \
    KERNEL(256, 1)                                                                                                    \
    rms_norm_backward_##name##_##PACKS(const T* x, const T* weight, const float* rstd, const T* dout, T* dx,          \
                                       float* parts, int rows, int d, int rows_per_block) {                           \
        dev::rms_norm_backward<T, PACKS>(x, weight, rstd, dout, dx, parts, rows, d, rows_per_block);                  \
    }                                                                                                                 \
    EMULATE(rms_norm_backward_##name##_##PACKS)

RMS_NORM(float, f32)
RMS_NORM(bf16, bf16)
RMS_NORM_BACKWARD(float, f32, 1)
RMS_NORM_BACKWARD(float, f32, 2)
RMS_NORM_BACKWARD(float, f32, 4)
RMS_NORM_BACKWARD(float, f32, 8)
RMS_NORM_BACKWARD(bf16, bf16, 1)
RMS_NORM_BACKWARD(bf16, bf16, 2)
RMS_NORM_BACKWARD(bf16, bf16, 4)

KERNEL(256, 1) rms_norm_weight_gradient(const float* parts, float* grad_weight, int count, int d) {
    dev::rms_norm_weight_gradient(parts, grad_weight, count, d);
}
EMULATE(rms_norm_weight_gradient)
