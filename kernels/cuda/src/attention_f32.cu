// Causal attention and its gradient in true f32, for parity with the CPU: plain multiply-adds, no tensor cores.
//
// Shapes as in attention_forward.cu with f32 elements; d is 16, 32, 64 or 128. A block has 32 rows (queries, or keys in
// `dkdv`) and eight threads a row; the other side comes 32 rows at a time through shared memory. A thread computes the
// scores of its row with every eighth column, then, for its eighth of the d columns, the sums over all 32. Exponentials
// are accurate ones. The order of every sum follows from the shape.
//
// Launch: blocks of 256; forward and dq (⌈T / 32⌉, H, B), dkdv (⌈T / 32⌉, G, B); shared memory in floats, with d' = d + 1:
// forward 96·d' + 32·33, dq 128·d' + 32·33, dkdv 128·d' + 2·32·33 + 64.
#include "attention_tile.cuh"
#include "common/barrier.cuh"
#include "common/reduce.cuh"

namespace dev {

constexpr int F32_ROWS = 32, F32_LANES = 8, F32_SCORES = 33;  // one column of padding against bank conflicts

// Rows first … first + 31 of `d` columns into shared rows of d + 1; zeros behind the end.
template <int D>
DEV void load_floats(float* to, const float* from, i64 pitch, int first, int limit) {
    for (int i = thread_x(); i < F32_ROWS * D; i += 256) {
        const int r = i / D, c = i % D;
        to[r * (D + 1) + c] = first + r < limit ? from[(i64)(first + r) * pitch + c] : 0.f;
    }
}

template <int D>
DEV float dot(const float* a, const float* b) {
    float sum = 0.f;
    UNROLL for (int c = 0; c < D; c++) sum = fma_rn(a[c], b[c], sum);
    return sum;
}

// acc[i] += Σ_r weights[r]·rows[r, column i of this thread] over the 32 rows.
template <int D>
DEV void add_rows(float (&acc)[D / F32_LANES], const float* weights, const float* rows, int column) {
    for (int r = 0; r < F32_ROWS; r++)
        UNROLL for (int i = 0; i < D / F32_LANES; i++)
            acc[i] = fma_rn(weights[r], rows[r * (D + 1) + column + i * F32_LANES], acc[i]);
}

// Who a thread is: its row of the block, and which of the eight threads of that row.
struct F32Thread {
    int row, column;
    DEV F32Thread() : row(thread_x() / F32_LANES), column(thread_x() % F32_LANES) {}
};

template <int D>
DEV void attention_forward_f32(const float* qkv, const u32* document_start, float* out, float* lse,
                               const AttentionShape& shape) {
    DYN_SHARED(shared);
    float* queries = (float*)shared;
    float* keys = queries + F32_ROWS * (D + 1);
    float* values = keys + F32_ROWS * (D + 1);
    float* scores = values + F32_ROWS * (D + 1);
    const int window = shape.window, head = block_y(), batch = block_z(), kv_head = head / shape.group();
    const int first_query = (grid_x() - 1 - block_x()) * F32_ROWS;
    const F32Thread me;
    const int query = first_query + me.row;
    const i64 pitch = shape.row<D>();
    const float* sequence = qkv + (i64)batch * window * pitch;
    const float* key_columns = sequence + (i64)(shape.heads + kv_head) * D;
    const u32* starts = document_start + (i64)batch * window;
    const int start = (int)starts[smaller(query, window - 1)];
    load_floats<D>(queries, sequence + (i64)head * D, pitch, first_query, window);
    float acc[D / F32_LANES] = {}, top = -infinity(), sum = 0.f;
    float* mine = scores + me.row * F32_SCORES;
    const int last = smaller(first_query + F32_ROWS, window);
    for (int first_key = (int)starts[first_query] / F32_ROWS * F32_ROWS; first_key < last; first_key += F32_ROWS) {
        sync_block();
        load_floats<D>(keys, key_columns, pitch, first_key, window);
        load_floats<D>(values, key_columns + (i64)shape.kv_heads * D, pitch, first_key, window);
        sync_block();
        float s[F32_ROWS / F32_LANES], greatest = top;
        UNROLL for (int i = 0; i < F32_ROWS / F32_LANES; i++) {
            const int j = me.column + i * F32_LANES, key = first_key + j;
            const bool visible = key <= query && key >= start;
            s[i] = visible ? dot<D>(queries + me.row * (D + 1), keys + j * (D + 1)) * shape.scale : -infinity();
            greatest = max_f(greatest, s[i]);
        }
        greatest = reduce_lanes<F32_LANES>(greatest, Max());
        const float shift = greatest == -infinity() ? 0.f : greatest, shrink = exp_f(top - shift);
        float part = 0.f;
        UNROLL for (int i = 0; i < F32_ROWS / F32_LANES; i++) {
            s[i] = exp_f(s[i] - shift);
            part += s[i];
            mine[me.column + i * F32_LANES] = s[i];
        }
        sum = sum * shrink + reduce_lanes<F32_LANES>(part, Sum());
        top = greatest;
        UNROLL for (int i = 0; i < D / F32_LANES; i++) acc[i] *= shrink;
        sync_warp();  // a row's eight threads are in one warp
        add_rows<D>(acc, mine, values, me.column);
    }
    if (query < window) {
        float* to = out + ((i64)batch * window + query) * shape.heads * D + (i64)head * D;
        UNROLL for (int i = 0; i < D / F32_LANES; i++) to[me.column + i * F32_LANES] = acc[i] / sum;
        if (me.column == 0) lse[((i64)batch * shape.heads + head) * window + query] = top + log_f(sum);
    }
}

template <int D>
DEV void attention_dq_f32(const float* qkv, const u32* document_start, const float* dout, const float* lse,
                          const float* delta, float* dqkv, const AttentionShape& shape) {
    DYN_SHARED(shared);
    float* queries = (float*)shared;
    float* douts = queries + F32_ROWS * (D + 1);
    float* keys = douts + F32_ROWS * (D + 1);
    float* values = keys + F32_ROWS * (D + 1);
    float* scores = values + F32_ROWS * (D + 1);
    const int window = shape.window, head = block_y(), batch = block_z(), kv_head = head / shape.group();
    const int first_query = (grid_x() - 1 - block_x()) * F32_ROWS;
    const F32Thread me;
    const int query = first_query + me.row;
    const i64 pitch = shape.row<D>(), out_pitch = (i64)shape.heads * D;
    const float* sequence = qkv + (i64)batch * window * pitch;
    const float* key_columns = sequence + (i64)(shape.heads + kv_head) * D;
    const u32* starts = document_start + (i64)batch * window;
    const int start = (int)starts[smaller(query, window - 1)];
    const i64 at = ((i64)batch * shape.heads + head) * window + query;
    const float row_lse = query < window ? lse[at] : infinity(), row_delta = query < window ? delta[at] : 0.f;
    load_floats<D>(queries, sequence + (i64)head * D, pitch, first_query, window);
    load_floats<D>(douts, dout + (i64)batch * window * out_pitch + (i64)head * D, out_pitch, first_query, window);
    float acc[D / F32_LANES] = {};
    float* mine = scores + me.row * F32_SCORES;
    const int last = smaller(first_query + F32_ROWS, window);
    for (int first_key = (int)starts[first_query] / F32_ROWS * F32_ROWS; first_key < last; first_key += F32_ROWS) {
        sync_block();
        load_floats<D>(keys, key_columns, pitch, first_key, window);
        load_floats<D>(values, key_columns + (i64)shape.kv_heads * D, pitch, first_key, window);
        sync_block();
        UNROLL for (int i = 0; i < F32_ROWS / F32_LANES; i++) {
            const int j = me.column + i * F32_LANES, key = first_key + j;
            float ds = 0.f;
            if (key <= query && key >= start) {
                const float p = exp_f(dot<D>(queries + me.row * (D + 1), keys + j * (D + 1)) * shape.scale - row_lse);
                ds = p * (dot<D>(douts + me.row * (D + 1), values + j * (D + 1)) - row_delta);
            }
            mine[j] = ds;
        }
        sync_warp();
        add_rows<D>(acc, mine, keys, me.column);
    }
    if (query < window) {
        float* to = dqkv + ((i64)batch * window + query) * pitch + (i64)head * D;
        UNROLL for (int i = 0; i < D / F32_LANES; i++) to[me.column + i * F32_LANES] = acc[i] * shape.scale;
    }
}

template <int D>
DEV void attention_dkdv_f32(const float* qkv, const u32* document_start, const float* dout, const float* lse,
                            const float* delta, float* dqkv, const AttentionShape& shape) {
    DYN_SHARED(shared);
    float* keys = (float*)shared;
    float* values = keys + F32_ROWS * (D + 1);
    float* queries = values + F32_ROWS * (D + 1);
    float* douts = queries + F32_ROWS * (D + 1);
    float* probabilities = douts + F32_ROWS * (D + 1);
    float* gradients = probabilities + F32_ROWS * F32_SCORES;
    float* column_lse = gradients + F32_ROWS * F32_SCORES;
    float* column_delta = column_lse + F32_ROWS;
    const int window = shape.window, kv_head = block_y(), batch = block_z(), first_key = block_x() * F32_ROWS;
    const F32Thread me;
    const int key = first_key + me.row;
    const i64 pitch = shape.row<D>(), out_pitch = (i64)shape.heads * D;
    const float* sequence = qkv + (i64)batch * window * pitch;
    const i64 key_column = (i64)(shape.heads + kv_head) * D, value_column = key_column + (i64)shape.kv_heads * D;
    const u32* starts = document_start + (i64)batch * window;
    const int last = key < window ? last_query(starts, window, key) : -1;
    const int last_of_block = last_query(starts, window, smaller(first_key + F32_ROWS, window) - 1);
    load_floats<D>(keys, sequence + key_column, pitch, first_key, window);
    load_floats<D>(values, sequence + value_column, pitch, first_key, window);
    float dk[D / F32_LANES] = {}, dv[D / F32_LANES] = {};
    float* mine_p = probabilities + me.row * F32_SCORES;
    float* mine_ds = gradients + me.row * F32_SCORES;
    for (int head = kv_head * shape.group(); head < (kv_head + 1) * shape.group(); head++)
        for (int first_query = first_key; first_query <= last_of_block; first_query += F32_ROWS) {
            sync_block();
            load_floats<D>(queries, sequence + (i64)head * D, pitch, first_query, window);
            load_floats<D>(douts, dout + (i64)batch * window * out_pitch + (i64)head * D, out_pitch, first_query, window);
            if (thread_x() < F32_ROWS) {
                const int query = first_query + thread_x();
                const i64 at = ((i64)batch * shape.heads + head) * window + query;
                column_lse[thread_x()] = query < window ? lse[at] : infinity();
                column_delta[thread_x()] = query < window ? delta[at] : 0.f;
            }
            sync_block();
            UNROLL for (int i = 0; i < F32_ROWS / F32_LANES; i++) {
                const int j = me.column + i * F32_LANES, query = first_query + j;
                float p = 0.f, ds = 0.f;
                if (query >= key && query <= last) {
                    p = exp_f(dot<D>(keys + me.row * (D + 1), queries + j * (D + 1)) * shape.scale - column_lse[j]);
                    ds = p * (dot<D>(values + me.row * (D + 1), douts + j * (D + 1)) - column_delta[j]);
                }
                mine_p[j] = p;
                mine_ds[j] = ds;
            }
            sync_warp();
            add_rows<D>(dv, mine_p, douts, me.column);
            add_rows<D>(dk, mine_ds, queries, me.column);
        }
    if (key < window) {
        float* to = dqkv + ((i64)batch * window + key) * pitch;
        UNROLL for (int i = 0; i < D / F32_LANES; i++) {
            to[key_column + me.column + i * F32_LANES] = dk[i] * shape.scale;
            to[value_column + me.column + i * F32_LANES] = dv[i];
        }
    }
}

}  // namespace dev

#define ATTENTION_F32(D)                                                                                                \
    KERNEL(256, 1)                                                                                                      \
    attention_forward_f32_d##D(const float* qkv, const u32* document_start, float* out, float* lse, int window,         \
                               int heads, int kv_heads, float scale) {                                                  \
        dev::attention_forward_f32<D>(qkv, document_start, out, lse, {window, heads, kv_heads, scale});                 \
    }                                                                                                                   \
    EMULATE(attention_forward_f32_d##D)                                                                                 \
    KERNEL(256, 1)                                                                                                      \
    attention_dq_f32_d##D(const float* qkv, const u32* document_start, const float* dout, const float* lse,             \
                          const float* delta, float* dqkv, int window, int heads, int kv_heads, float scale) {          \
        dev::attention_dq_f32<D>(qkv, document_start, dout, lse, delta, dqkv, {window, heads, kv_heads, scale});        \
    }                                                                                                                   \
    EMULATE(attention_dq_f32_d##D)                                                                                      \
    KERNEL(256, 1)                                                                                                      \
    attention_dkdv_f32_d##D(const float* qkv, const u32* document_start, const float* dout, const float* lse,           \
                            const float* delta, float* dqkv, int window, int heads, int kv_heads, float scale) {        \
        dev::attention_dkdv_f32<D>(qkv, document_start, dout, lse, delta, dqkv, {window, heads, kv_heads, scale});      \
    }                                                                                                                   \
    EMULATE(attention_dkdv_f32_d##D)

ATTENTION_F32(16)
ATTENTION_F32(32)
ATTENTION_F32(64)
ATTENTION_F32(128)
