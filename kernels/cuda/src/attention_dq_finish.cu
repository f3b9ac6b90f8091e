// What the fused backward kernel of attention (attention_backward_hopper.cuh) summed up of dq, to bf16: scaled, rotated
// back if the tables of RoPE are given, and stored where the gradient of the queries belongs.
//
// A block has 64 queries of a head; a thread holds what it held as accumulators of wgmma.
//
// Launch: (⌈T / 64⌉, H, B) blocks of 128.
#include "attention_tile.cuh"
#include "common/vec.cuh"

namespace dev {

// Four values of each of four neighboring lanes, turned: v[i] of lane t becomes v[t] of lane i.
DEV void turn_quad(u32 (&v)[4]) {
    const bool odd = lane() & 1, upper = lane() & 2;
    UNROLL for (int i = 0; i < 4; i += 2) {
        const u32 got = shfl_xor(odd ? v[i] : v[i + 1], 1);
        if (odd) v[i] = got;
        else v[i + 1] = got;
    }
    UNROLL for (int i = 0; i < 2; i++) {
        const u32 got = shfl_xor(upper ? v[i] : v[i + 2], 2);
        if (upper) v[i] = got;
        else v[i + 2] = got;
    }
}

// `store_rows` with 16 bytes a lane instead of 4: the four lanes of a row have one of four blocks of columns each.
template <int HALVES>
DEV void store_rows_wide(bf16* to, i64 pitch, const float (&acc)[HALVES][32], int row, int rows) {
    UNROLL for (int h = 0; h < 2; h++) UNROLL for (int half = 0; half < HALVES; half++) UNROLL for (int j = 0; j < 8; j += 4) {
        u32 v[4];
        UNROLL for (int i = 0; i < 4; i++)
            v[i] = pack_bf16(acc[half][4 * (j + i) + 2 * h], acc[half][4 * (j + i) + 2 * h + 1]);
        turn_quad(v);
        if (row + 8 * h < rows)
            store16(to + (row + 8 * h) * pitch + half * 64 + 8 * (j + lane() % 4), Bytes16{{v[0], v[1], v[2], v[3]}});
    }
}

template <int D>
DEV void attention_dq_finish(const float* dq_sum, bf16* dqkv, const AttentionShape& shape, const Rotation& rotation) {
    constexpr int HALVES = D / 64, QUERIES = DQ_QUERIES<D>;
    const int head = block_y(), batch = block_z(), window = shape.window, thread = thread_x();
    const int query = block_x() * 64 + thread / WARP * 16 + tile_row();
    const i64 rows64 = (i64)ceil_div(window, QUERIES) * (QUERIES / 64);
    const float* from = dq_sum + (((i64)batch * shape.heads + head) * rows64 + block_x()) * (64 * D);
    float acc[HALVES][32];
    UNROLL for (int half = 0; half < HALVES; half++) UNROLL for (int i = 0; i < 8; i++) {
        const Pack<float> part = load_once(from + half * 64 * 64 + (i * 128 + thread) * 4);
        UNROLL for (int e = 0; e < 4; e++) acc[half][4 * i + e] = part.v[e];
    }
    const float factor[2] = {shape.scale, shape.scale};
    const i64 pitch = shape.row<D>();
    scale_rows(acc, factor);
    rotate_back(acc, rotation, (i64)batch * window, query, window);
    store_rows_wide(dqkv + (i64)batch * window * pitch + (i64)head * D, pitch, acc, query, window);
}

}  // namespace dev

#define ATTENTION_DQ_FINISH(D)                                                                                         \
    KERNEL(128, 4)                                                                                                     \
    attention_dq_finish_d##D(const float* dq_sum, bf16* dqkv, int window, int heads, int kv_heads, float scale,        \
                             const u32* positions, const float* cosines, const float* sines) {                         \
        dev::attention_dq_finish<D>(dq_sum, dqkv, {window, heads, kv_heads, scale}, {positions, cosines, sines});      \
    }                                                                                                                  \
    EMULATE(attention_dq_finish_d##D)

ATTENTION_DQ_FINISH(64)
ATTENTION_DQ_FINISH(128)
