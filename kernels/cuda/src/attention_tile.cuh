// What the attention kernels of both paths share: the arithmetic on a tile of scores in registers.
//
// A thread holds two rows, r and r + 8, of a tile of accumulators: element 4j + e is at row r (e < 2) or r + 8, column
// 8j + 2·(lane % 4) + e % 2, with r = 16·(warp in the tile) + lane / 4. It is the accumulator of `mma_m16n8k16` repeated
// over columns, and that of wgmma. Results of D columns are kept as halves of 64: acc[D / 64][32].
//
// Tokens of a sequence are numbered 0 … T - 1; token t sees keys document_start[t] … t. document_start never decreases
// within a sequence: documents lie one after another.
#pragma once
#include "common/math.cuh"
#include "common/warp.cuh"

namespace dev {

// What every attention kernel is told about its sequences.
struct AttentionShape {
    int window, heads, kv_heads;
    float scale;  // of the scores, 1/√d

    DEV int group() const { return heads / kv_heads; }
    template <int D>
    DEV i64 row() const { return (i64)(heads + 2 * kv_heads) * D; }
};

DEV int tile_row() { return lane() / 4; }
DEV int tile_column(int j) { return 8 * j + lane() % 4 * 2; }

// The largest number t below `window` with starts[t] ≤ key: the last token that sees the key, which sees itself.
DEV int last_query(const u32* starts, int window, int key) {
    int low = key, high = window - 1;
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (starts[middle] <= (u32)key) low = middle;
        else high = middle - 1;
    }
    return low;
}

// Rows are queries: minus infinity where row `query` (or the one 8 below) does not see the key of a column. `starts` are
// the document starts of the two.
template <int N>
DEV void mask_keys(float (&s)[N], int first_key, int query, const int (&starts)[2]) {
    UNROLL for (int j = 0; j < N / 4; j++) UNROLL for (int e = 0; e < 2; e++) {
        const int key = first_key + tile_column(j) + e;
        if (key > query || key < starts[0]) s[4 * j + e] = -infinity();
        if (key > query + 8 || key < starts[1]) s[4 * j + 2 + e] = -infinity();
    }
}

// Rows are keys: zero where the query of a column does not see row `key` (or the one 8 below). `lasts` are the last
// queries that see the two.
template <int N>
DEV void mask_queries(float (&p)[N], int first_query, int key, const int (&lasts)[2]) {
    UNROLL for (int j = 0; j < N / 4; j++) UNROLL for (int e = 0; e < 2; e++) {
        const int query = first_query + tile_column(j) + e;
        if (query < key || query > lasts[0]) p[4 * j + e] = 0.f;
        if (query < key + 8 || query > lasts[1]) p[4 * j + 2 + e] = 0.f;
    }
}

// The running softmax of two rows (Milakov and Gimelshein, 2018): greatest score, and this thread's share of the sum of
// exponentials relative to it.
struct RunningSoftmax {
    float top[2] = {-infinity(), -infinity()}, sum[2] = {0.f, 0.f};

    // Turns scores into exponentials relative to the new maximum; what was summed before shrinks by `shrink`.
    // `scale` is that of the scores times log2 e.
    template <int N>
    DEV void update(float (&s)[N], float scale, float (&shrink)[2]) {
        UNROLL for (int h = 0; h < 2; h++) {
            float greatest = top[h];
            UNROLL for (int j = 0; j < N / 4; j++)
                greatest = max_f(greatest, max_f(s[4 * j + 2 * h], s[4 * j + 2 * h + 1]));
            greatest = max_f(greatest, shfl_xor(greatest, 1));
            greatest = max_f(greatest, shfl_xor(greatest, 2));
            // A row that has seen nothing yet keeps -inf; subtracting 0 instead gives exp(-inf) = 0, not NaN.
            const float shift = greatest == -infinity() ? 0.f : greatest * scale;
            shrink[h] = exp2_fast(top[h] * scale - shift);
            top[h] = greatest;
            float part = 0.f;
            UNROLL for (int j = 0; j < N / 4; j++) UNROLL for (int e = 0; e < 2; e++) {
                float& x = s[4 * j + 2 * h + e];
                x = exp2_fast(fma_rn(x, scale, -shift));
                part += x;
            }
            sum[h] = sum[h] * shrink[h] + part;
        }
    }

    // 1 / sum over the whole row, and the natural logarithm of the sum of exponentials of the scaled scores.
    DEV void finish(float scale, float (&inverse)[2], float (&lse)[2]) {
        UNROLL for (int h = 0; h < 2; h++) {
            float total = sum[h] + shfl_xor(sum[h], 1);
            total += shfl_xor(total, 2);
            inverse[h] = 1.f / total;
            lse[h] = (top[h] * scale + log2_fast(total)) * LN_2;
        }
    }
};

// Accumulators of 16 columns become the A operand of the next product, rounded to bf16.
template <int N>
DEV void pack_operand(u32 (&a)[N / 2], const float (&s)[N]) {
    UNROLL for (int i = 0; i < N / 2; i++) a[i] = pack_bf16(s[2 * i], s[2 * i + 1]);
}

// Rows are queries: probabilities from scores, given the rows' lse in units of log2 (+inf where there is no query).
template <int N>
DEV void probabilities_of_rows(float (&s)[N], float scale, const float (&lse)[2]) {
    UNROLL for (int j = 0; j < N / 4; j++) UNROLL for (int e = 0; e < 4; e++)
        s[4 * j + e] = exp2_fast(fma_rn(s[4 * j + e], scale, -lse[e / 2]));
}

// ds = p·(dp - delta), in place of dp; delta of the two rows.
template <int N>
DEV void score_gradient_of_rows(float (&dp)[N], const float (&p)[N], const float (&delta)[2]) {
    UNROLL for (int i = 0; i < N; i++) dp[i] = p[i] * (dp[i] - delta[i % 4 / 2]);
}

// The same with queries as columns: lse and delta are arrays over columns, in shared memory.
template <int N>
DEV void probabilities_of_columns(float (&s)[N], float scale, const float* lse) {
    UNROLL for (int j = 0; j < N / 4; j++) UNROLL for (int e = 0; e < 2; e++) {
        const float l = lse[tile_column(j) + e];
        s[4 * j + e] = exp2_fast(fma_rn(s[4 * j + e], scale, -l));
        s[4 * j + 2 + e] = exp2_fast(fma_rn(s[4 * j + 2 + e], scale, -l));
    }
}
template <int N>
DEV void score_gradient_of_columns(float (&dp)[N], const float (&p)[N], const float* delta) {
    UNROLL for (int j = 0; j < N / 4; j++) UNROLL for (int e = 0; e < 2; e++) {
        const float d = delta[tile_column(j) + e];
        dp[4 * j + e] = p[4 * j + e] * (dp[4 * j + e] - d);
        dp[4 * j + 2 + e] = p[4 * j + 2 + e] * (dp[4 * j + 2 + e] - d);
    }
}

// Queries of a tile of `dq_sum` (attention_backward_hopper.cuh).
template <int D>
constexpr int DQ_QUERIES = D == 64 ? 128 : 64;

template <int HALVES>
DEV void clear(float (&acc)[HALVES][32]) {
    UNROLL for (int half = 0; half < HALVES; half++) UNROLL for (int i = 0; i < 32; i++) acc[half][i] = 0.f;
}

template <int HALVES>
DEV void scale_rows(float (&acc)[HALVES][32], const float (&factor)[2]) {
    UNROLL for (int half = 0; half < HALVES; half++) UNROLL for (int i = 0; i < 32; i++)
        acc[half][i] *= factor[i % 4 / 2];
}

// Rows `row` and row + 8 to `to` + row · pitch, in bf16, where they are below `rows`.
template <int HALVES>
DEV void store_rows(bf16* to, i64 pitch, const float (&acc)[HALVES][32], int row, int rows) {
    UNROLL for (int h = 0; h < 2; h++) {
        if (row + 8 * h >= rows) continue;
        bf16* line = to + (row + 8 * h) * pitch;
        UNROLL for (int half = 0; half < HALVES; half++) UNROLL for (int j = 0; j < 8; j++)
            *(u32*)(line + half * 64 + tile_column(j)) = pack_bf16(acc[half][4 * j + 2 * h], acc[half][4 * j + 2 * h + 1]);
    }
}

// Tables of RoPE for the inverse rotation in an epilogue; `cosines` null: none.
struct Rotation {
    const u32* positions;                // [B·T]
    const float *cosines, *sines;        // [positions, d/2]
};

// The inverse of RoPE on rows `row` and row + 8 of a gradient; `token` is the number of row 0 in the batch.
template <int HALVES>
DEV void rotate_back(float (&acc)[HALVES][32], const Rotation& rotation, i64 token, int row, int rows) {
    constexpr int HALF_HEAD = HALVES * 32, BLOCKS = HALF_HEAD / 8;
    if (!rotation.cosines) return;
    UNROLL for (int h = 0; h < 2; h++) {
        if (row + 8 * h >= rows) continue;
        const i64 angle = (i64)rotation.positions[token + row + 8 * h] * HALF_HEAD;
        UNROLL for (int j = 0; j < BLOCKS; j++) UNROLL for (int e = 0; e < 2; e++) {
            const float c = rotation.cosines[angle + tile_column(j) + e], s = rotation.sines[angle + tile_column(j) + e];
            // Column i and its partner i + d/2 are in the same thread.
            float& a = acc[0][4 * j + 2 * h + e];
            float& b = HALVES == 1 ? acc[0][4 * (j + 4) % 32 + 2 * h + e] : acc[HALVES - 1][4 * j + 2 * h + e];
            const float x = a, y = b;
            a = x * c + y * s;
            b = y * c - x * s;
        }
    }
}

}  // namespace dev
