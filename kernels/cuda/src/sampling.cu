// From logits to a token: temperature, top-k, top-p and min-p, in this order, or greedy; a Philox draw.
//
// The rules are those of the CPU (`runtime/eval/src/sampling.rs`), to the token: weights exp((l - max)/temperature); top-k
// keeps the k greatest; top-p, of what is left, those before which less than p of the mass lies; min-p those of weight at
// least min_p; equal logits are ordered by id, the lowest first. The draw walks the kept tokens by id. Weights are integers
// of 2⁻⁴⁰, so that every sum is exact and does not depend on its order, and their exponential is a fixed sequence of
// single roundings. Thresholds are found by selecting on the bits of the logits, eight at a time, without sorting. A logit
// that is not finite sets FAULT_LOGITS and gives token 0xffffffff.
//
// After a draw `counter` of the row's settings is one greater, and with `positions` the row's position too, where `drawn`
// [rows, slots] gets the token: the next step needs nothing from the host, and a captured graph can be replayed.
//
// Launch: one block of 512 a row; rows are `pitch` elements apart.
#include "common/atomic.cuh"
#include "common/philox.cuh"
#include "common/reduce.cuh"

// How a row is sampled; mirrored by `SamplingSettings` in launch/generation.rs.
struct SamplingSettings {
    float temperature;  // 0: greedy
    float top_p;        // 1: all
    float min_p;        // 0: all
    u32 top_k;          // 0: all
    u64 seed, counter;
};

namespace dev {

constexpr int SAMPLING_THREADS = 512, BINS = 256;
constexpr float WEIGHT_ONE = 1099511627776.f;  // 2⁴⁰

// Bits that order as the floats do; both zeros are equal.
DEV u32 order_key(float x) {
    const u32 bits = to_bits(x + 0.f);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// 2⁴⁰ times e to the power of x ≤ 0; 0 where that is below 1. Only fused multiply-adds and exact steps, so that every
// machine has the same bits: x = n·ln 2 + r by Cody and Waite's two constants, then Taylor's polynomial, whose next term is
// below 2⁻²⁷ of the sum.
DEV float relative_weight(float x) {
    if (x < -28.f) return 0.f;
    const float round = 12582912.f;  // 1.5·2²³: what is added to it is rounded to an integer
    const float n = sub_rn(fma_rn(x, 1.44269504f, round), round);
    const float r = fma_rn(n, -1.42860677e-6f, fma_rn(n, -0.693145752f, x));
    float p = 1.f / 5040.f;
    p = fma_rn(p, r, 1.f / 720.f);
    p = fma_rn(p, r, 1.f / 120.f);
    p = fma_rn(p, r, 1.f / 24.f);
    p = fma_rn(p, r, 1.f / 6.f);
    p = fma_rn(p, r, 0.5f);
    p = fma_rn(p, r, 1.f);
    p = fma_rn(p, r, 1.f);
    return mul_rn(p, from_bits((u32)(127 + 40 + (int)n) << 23));
}

struct MaxWide {
    DEV u64 operator()(u64 a, u64 b) const { return a > b ? a : b; }
};

// The sum of `mine` over the threads before this one.
DEV u64 sum_before(u64 mine, u64* scratch) {
    const int t = thread_x();
    sync_block();
    scratch[t] = mine;
    sync_block();
    for (int step = 1; step < SAMPLING_THREADS; step *= 2) {
        const u64 before = t >= step ? scratch[t - step] : 0;
        sync_block();
        scratch[t] += before;
        sync_block();
    }
    return scratch[t] - mine;
}

// Finds, among the tokens that `keep` accepts, the greatest key such that the amounts of greater keys sum to less than
// `wanted`, and that sum. `amount` of a token is 1 for top-k, its weight for top-p.
struct Threshold {
    u32 key;
    u64 above;
};
template <class Amount>
DEV Threshold select(int v, u64 wanted, u64* bins, u64* found, const Amount& amount) {
    Threshold result{0, 0};
    for (int shift = 24; shift >= 0; shift -= 8) {
        sync_block();
        for (int i = thread_x(); i < BINS; i += SAMPLING_THREADS) bins[i] = 0;
        sync_block();
        for (int i = thread_x(); i < v; i += SAMPLING_THREADS) {
            u32 key;
            const u64 a = amount(i, key);
            const bool same_prefix = shift == 24 || key >> (shift + 8) == result.key >> (shift + 8);
            if (a && same_prefix) atomic_add(&bins[key >> shift & 255], a);
        }
        sync_block();
        if (thread_x() == 0) {
            int bin = BINS - 1;
            u64 above = result.above;
            while (bin > 0 && above + bins[bin] < wanted) above += bins[bin--];
            found[0] = (u64)bin;
            found[1] = above;
        }
        sync_block();
        result.key |= (u32)found[0] << shift;
        result.above = found[1];
    }
    return result;
}

template <class T>
DEV void sample(const T* logits, i64 pitch, int v, SamplingSettings* settings, u32* tokens, u32* fault, u32* positions,
                u32* drawn, int slots) {
    SHARED(float, scratch, SAMPLING_THREADS / WARP);
    SHARED(u64, wide, SAMPLING_THREADS);
    SHARED(u64, bins, BINS);
    SHARED(u64, found, 2);
    const int t = thread_x();
    const T* row = logits + (i64)block_x() * pitch;
    SamplingSettings& mine = settings[block_x()];
    const SamplingSettings s = mine;
    // By one thread.
    const auto choose = [&](u32 token) {
        tokens[block_x()] = token;
        if (!positions) return;
        const u32 next = ++positions[block_x()];
        if (next < (u32)slots) drawn[(i64)block_x() * slots + next] = token;
    };

    float top = -infinity();
    u64 strange = 0;
    for (int i = t; i < v; i += SAMPLING_THREADS) {
        const float x = to_f32(row[i]);
        strange += !is_finite(x);
        top = max_f(top, x);
    }
    top = reduce_block(top, Max(), scratch);
    strange = block_sum(strange, wide);
    sync_block();
    if (strange) {
        if (t == 0) {
            choose(0xffffffffu);
            atomic_or(fault, FAULT_LOGITS);
        }
        return;
    }
    if (s.temperature == 0.f) {
        // Of equal logits the lowest id: the complement of the id breaks the tie.
        u64 best = 0;
        for (int i = t; i < v; i += SAMPLING_THREADS) {
            const u64 mine = (u64)order_key(to_f32(row[i])) << 32 | (u32)~i;
            best = mine > best ? mine : best;
        }
        best = reduce_block(best, MaxWide(), wide);
        if (t == 0) {
            choose(~(u32)best);
            mine.counter = s.counter + 1;
        }
        return;
    }
    const u64 k = s.top_k == 0 || s.top_k > (u32)v ? (u64)v : s.top_k;
    const auto weight = [&](float x) { return relative_weight(div_rn(sub_rn(x, top), s.temperature)); };

    // Tokens above `least` stay, and of those equal to it the first `ties`.
    u32 least = 0;
    u64 ties = (u64)v;
    if (k < (u64)v) {
        const Threshold th = select(v, k, bins, found, [&](int i, u32& key) {
            key = order_key(to_f32(row[i]));
            return (u64)1;
        });
        least = th.key;
        ties = k - th.above;
    }
    // Threads take consecutive tokens from here on, so that ties and the draw go by id.
    const int per_thread = ceil_div(v, SAMPLING_THREADS), begin = smaller(t * per_thread, v), end = smaller(begin + per_thread, v);
    const auto ties_before = [&](u32 key) {
        u64 count = 0;
        for (int i = begin; i < end; i++) count += order_key(to_f32(row[i])) == key;
        return sum_before(count, wide);
    };
    // The mass of what top-k left, and top-p of it.
    if (s.top_p < 1.f) {
        u64 rank = ties_before(least), mass = 0;
        for (int i = begin; i < end; i++) {
            const float x = to_f32(row[i]);
            const u32 key = order_key(x);
            if (key > least || (key == least && rank++ < ties)) mass += (u64)weight(x);
        }
        mass = sum_before(mass, wide) + mass;  // of the last thread: everything
        if (t == SAMPLING_THREADS - 1) found[0] = mass;
        sync_block();
        const u64 total = found[0];
        // Tokens stay while the mass before them is below p: up to the first that reaches it. At least one unit is wanted,
        // so the most probable token always stays.
        const double wanted = (double)s.top_p * (double)total;
        u64 needed = (u64)wanted;
        if ((double)needed < wanted || needed == 0) needed++;
        if (needed > total) needed = total;
        const Threshold th = select(v, needed, bins, found, [&](int i, u32& key) {
            const float x = to_f32(row[i]);
            key = order_key(x);
            // Tokens that top-k removed do not count; equal ones at its edge do, `ties` sorts them out below.
            return key >= least ? (u64)weight(x) : (u64)0;
        });
        // How many of the tokens equal to the threshold are needed to reach the mass.
        const u32 bits = th.key & 0x80000000u ? th.key & 0x7fffffffu : ~th.key;
        const u64 each = (u64)weight(from_bits(bits));
        const u64 rest = needed - th.above;
        const u64 count = each ? (rest + each - 1) / each : 1;
        if (th.key > least) {
            least = th.key;
            ties = count;
        } else if (count < ties) {
            ties = count;
        }
    }
    u64 rank = ties_before(least), mass = 0;
    const auto kept = [&](float x, u64& r) {
        const u32 key = order_key(x);
        if (key < least || (key == least && r++ >= ties)) return (u64)0;
        const float w = weight(x);
        return w < mul_rn(s.min_p, WEIGHT_ONE) ? (u64)0 : (u64)w;
    };
    u64 r = rank;
    for (int i = begin; i < end; i++) mass += kept(to_f32(row[i]), r);
    const u64 before = sum_before(mass, wide);
    sync_block();
    if (t == SAMPLING_THREADS - 1) found[0] = before + mass;
    sync_block();
    const u64 total = found[0];
    const Random4 random = philox(s.seed, s.counter, 0);
    // 53 random bits of the total; below it even after rounding.
    const double uniform53 = (double)(((u64)random.v[0] << 32 | random.v[1]) >> 11) * 1.1102230246251565e-16;
    u64 draw = (u64)(uniform53 * (double)total);
    if (draw >= total) draw = total - 1;
    if (draw >= before && draw < before + mass) {
        u64 running = before;
        r = rank;
        for (int i = begin; i < end; i++) {
            running += kept(to_f32(row[i]), r);
            if (draw < running) {
                choose((u32)i);
                break;
            }
        }
    }
    if (t == 0) mine.counter = s.counter + 1;
}

}  // namespace dev

#define SAMPLE(T, name)                                                                                              \
    KERNEL(512, 1)                                                                                                   \
    sample_##name(const T* logits, i64 pitch, int v, SamplingSettings* settings, u32* tokens, u32* fault,            \
                  u32* positions, u32* drawn, int slots) {                                                           \
        dev::sample(logits, pitch, v, settings, tokens, fault, positions, drawn, slots);                             \
    }                                                                                                                \
    EMULATE(sample_##name)

SAMPLE(float, f32)
SAMPLE(bf16, bf16)
