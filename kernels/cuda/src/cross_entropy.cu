// Cross-entropy over a chunk of logits, with a weight per token; turns the logits into their gradient in place.
//
// For token m with logits l: nll[m] = lse(l) - l[target]; the gradient of Σ weights·nll·scale is
// weights[m]·scale·(softmax(l) - onehot(target)). A token of weight 0 has nll 0 and gradient 0 whatever its logits.
// Rows have any length V and are `pitch` elements apart; offsets are 64-bit. A target of V or more sets FAULT_TARGET and
// gives nll NaN. Bytes: one read from memory, one from the cache, one write: 4·V a token in bf16.
// Launch: one block of 512 a token.
//
// `weighted_loss` adds Σ weights·nll·scale to `out` in f64, in one fixed order. Launch: one block of 1024.
#include "common/atomic.cuh"
#include "common/reduce.cuh"
#include "common/vec.cuh"

namespace dev {

constexpr int CE_THREADS = 512;

DEV float exp_of(float x, float) { return exp_f(x); }
DEV float exp_of(float x, bf16) { return exp2_fast(x * LOG2_E); }

// A row cut where 16-byte accesses are possible: `head` elements, `packs` packs, `tail` elements.
template <class T>
struct Cut {
    int head, packs, tail;
    DEV Cut(const T* row, int v) {
        const int misaligned = (int)((u64)row % 16) / (int)sizeof(T);
        head = smaller(v, misaligned ? Pack<T>::N - misaligned : 0);
        packs = (v - head) / Pack<T>::N;
        tail = v - head - packs * Pack<T>::N;
    }
    // The element outside the packs that thread `i` takes, or -1.
    DEV int loose(int i) const { return i < head ? i : i < head + tail ? packs * Pack<T>::N + i : -1; }
};

// The greatest value seen, and the sum of exponentials relative to it.
struct RunningSum {
    float top, sum;
    template <class T>
    DEV void add(float x, T tag) {
        if (x > top) {
            sum *= exp_of(top - x, tag);
            top = x;
        }
        // While nothing but -inf was seen there is nothing to add, and -inf - -inf would be NaN.
        if (x > -infinity() || x != x) sum += exp_of(x - top, tag);
    }
};

template <class T>
DEV void cross_entropy(T* logits, i64 pitch, const u32* targets, const float* weights, const float* scale, float* nll,
                       int v, int backward, u32* fault) {
    SHARED(float, scratch, 2 * CE_THREADS / WARP);
    const int m = block_x(), t = thread_x();
    T* row = logits + (i64)m * pitch;
    const Cut<T> cut(row, v);
    const int loose = cut.loose(t);
    const float weight = weights[m];
    if (weight == 0.f) {
        if (t == 0) nll[m] = 0.f;
        if (backward) {
            Pack<T> zero = {};
            for (int p = t; p < cut.packs; p += CE_THREADS) store(row + cut.head + p * Pack<T>::N, zero);
            if (loose >= 0) row[loose] = from_f32<T>(0.f);
        }
        return;
    }
    RunningSum mine{-infinity(), 0.f};
    for (int p = t; p < cut.packs; p += CE_THREADS) {
        const Pack<T> x = load(row + cut.head + p * Pack<T>::N);
        float top = mine.top;
        UNROLL for (int j = 0; j < Pack<T>::N; j++) top = max_f(top, x.v[j]);
        if (top > mine.top) mine.sum *= exp_of(mine.top - top, T());
        mine.top = top;
        if (top > -infinity()) {
            UNROLL for (int j = 0; j < Pack<T>::N; j++) mine.sum += exp_of(x.v[j] - top, T());
        }
    }
    if (loose >= 0) mine.add(to_f32(row[loose]), T());
    const float top = reduce_block(mine.top, Max(), scratch);
    const float part = mine.top > -infinity() ? mine.sum * exp_of(mine.top - top, T()) : mine.sum;
    const float sum = block_sum(part, scratch + CE_THREADS / WARP);
    const u32 target = targets[m];
    const bool known = target < (u32)v;
    if (t == 0) {
        // Every thread has passed the barriers above before any logit is overwritten below.
        nll[m] = known ? top + log_f(sum) - to_f32(row[target]) : from_bits(0x7fc00000u);
        if (!known) atomic_or(fault, FAULT_TARGET);
    }
    if (!backward) return;
    sync_block();
    const float gradient = weight * *scale, factor = gradient / sum;
    const auto slope = [&](float x, int c) {
        return exp_of(x - top, T()) * factor - ((u32)c == target ? gradient : 0.f);
    };
    for (int p = t; p < cut.packs; p += CE_THREADS) {
        const int c = cut.head + p * Pack<T>::N;
        Pack<T> x = load(row + c);
        UNROLL for (int j = 0; j < Pack<T>::N; j++) x.v[j] = slope(x.v[j], c + j);
        store(row + c, x);
    }
    if (loose >= 0) row[loose] = from_f32<T>(slope(to_f32(row[loose]), loose));
}

DEV void weighted_loss(const float* nll, const float* weights, const float* scale, int count, double* out) {
    SHARED(double, scratch, WARP);
    double sum = 0.0;
    for (int m = thread_x(); m < count; m += 1024) sum += (double)weights[m] * (double)nll[m];
    sum = block_sum(sum, scratch);
    if (thread_x() == 0) *out += sum * (double)*scale;
}

}  // namespace dev

#define CROSS_ENTROPY(T, name)                                                                                       \
    KERNEL(512, 1)                                                                                                   \
    cross_entropy_##name(T* logits, i64 pitch, const u32* targets, const float* weights, const float* scale,         \
                         float* nll, int v, int backward, u32* fault) {                                              \
        dev::cross_entropy(logits, pitch, targets, weights, scale, nll, v, backward, fault);                         \
    }                                                                                                                \
    EMULATE(cross_entropy_##name)

CROSS_ENTROPY(float, f32)
CROSS_ENTROPY(bf16, bf16)

KERNEL(1024, 1) weighted_loss(const float* nll, const float* weights, const float* scale, int count, double* out) {
    dev::weighted_loss(nll, weights, scale, count, out);
}
EMULATE(weighted_loss)
