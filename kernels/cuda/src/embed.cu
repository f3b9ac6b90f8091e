// Embedding: out[m, :] = weight[tokens[m], :], and its gradient grad_weight[tokens[m], :] += Σ dout[m, :], in f32.
//
// The gradient first sorts (token, m) by token, stably (radix sort, eight bits a pass: count, scan, scatter), then sums
// runs of equal tokens in that order: chunks of 64 sorted tokens are summed by one block each; runs inside a chunk are
// added to the gradient there, and the pieces of runs that cross chunks are added in the order of the chunks by
// `embed_backward_joins`. The order depends on the tokens alone. D is a multiple of 8.
// Bytes: 4·M·D forward in bf16; backward 2·M·D read, and 8·D a distinct token.
//
// Launch: embed: ⌈M·D / pack / 256⌉ blocks of 256. Sort, for every 8 bits of the greatest token: `sort_count` and
// `sort_scatter` ⌈M / 1024⌉ blocks of 256 and of 32; `sort_scan` one block of 1024 over counts[256 · blocks].
// embed_backward_*: (⌈M / 64⌉, ⌈D / pack / 128⌉) blocks of 128; scratch heads, tails [⌈M / 64⌉, D].
#include "common/atomic.cuh"
#include "common/reduce.cuh"
#include "common/vec.cuh"

namespace dev {

constexpr int SORT_TILE = 1024, DIGITS = 256, CHUNK = 64, EMBED_THREADS = 128;

template <class T>
DEV void embed(const u32* tokens, const T* weight, T* out, u32 packs, int d, int vocabulary, u32* fault) {
    const u32 i = (u32)block_x() * 256 + (u32)thread_x();
    if (i >= packs) return;
    const u32 per_row = (u32)(d / Pack<T>::N), row = i / per_row;
    const int c = (int)(i - row * per_row) * Pack<T>::N;
    const u32 token = tokens[row];
    if (token >= (u32)vocabulary) {
        if (c == 0) atomic_or(fault, FAULT_TOKEN);
        store16(out + (i64)row * d + c, Bytes16{{0, 0, 0, 0}});
        return;
    }
    store16(out + (i64)row * d + c, load16(weight + (i64)token * d + c));
}

DEV void sort_count(const u32* keys, int n, int shift, u32* counts) {
    SHARED(u32, histogram, DIGITS);
    histogram[thread_x()] = 0;
    sync_block();
    const int start = block_x() * SORT_TILE, end = smaller(start + SORT_TILE, n);
    for (int i = start + thread_x(); i < end; i += 256) atomic_add(&histogram[keys[i] >> shift & 255], 1u);
    sync_block();
    counts[thread_x() * grid_x() + block_x()] = histogram[thread_x()];
}

// In place: counts[i] becomes the sum of the counts before it.
DEV void sort_scan(u32* counts, int n) {
    SHARED(u32, sums, 1024);
    const int per_thread = ceil_div(n, 1024), start = thread_x() * per_thread, end = smaller(start + per_thread, n);
    u32 mine = 0;
    for (int i = start; i < end; i++) mine += counts[i];
    sums[thread_x()] = mine;
    sync_block();
    for (int step = 1; step < 1024; step *= 2) {
        const u32 before = thread_x() >= step ? sums[thread_x() - step] : 0;
        sync_block();
        sums[thread_x()] += before;
        sync_block();
    }
    u32 running = sums[thread_x()] - mine;
    for (int i = start; i < end; i++) {
        const u32 count = counts[i];
        counts[i] = running;
        running += count;
    }
}

// One warp walks its tile in order, 32 keys at a time, so that equal digits keep their order. `values` null: 0, 1, 2, ….
DEV void sort_scatter(const u32* keys, const u32* values, int n, int shift, const u32* offsets, u32* keys_out,
                      u32* values_out) {
    SHARED(u32, next, DIGITS);
    for (int digit = lane(); digit < DIGITS; digit += WARP) next[digit] = offsets[digit * grid_x() + block_x()];
    sync_warp();
    const int start = block_x() * SORT_TILE, end = smaller(start + SORT_TILE, n);
    for (int base = start; base < end; base += WARP) {
        const int i = base + lane();
        const bool present = i < end;
        const u32 key = present ? keys[i] : 0, digit = key >> shift & 255;
        u32 same = ballot(present);
        UNROLL for (int bit = 0; bit < 8; bit++) {
            const bool set = digit >> bit & 1;
            const u32 having = ballot(set);
            same &= set ? having : ~having;
        }
        const int before = count_bits(same & ((1u << lane()) - 1));
        u32 to = 0;
        if (present) to = next[digit] + (u32)before;
        sync_warp();
        if (present) {
            if (before == 0) next[digit] += (u32)count_bits(same);
            keys_out[to] = key;
            values_out[to] = values ? values[i] : (u32)i;
        }
        sync_warp();
    }
}

template <class T>
struct EmbedSum {
    float v[Pack<T>::N];
    DEV void clear() {
        UNROLL for (int j = 0; j < Pack<T>::N; j++) v[j] = 0.f;
    }
    DEV void add(const Pack<T>& x) {
        UNROLL for (int j = 0; j < Pack<T>::N; j++) v[j] += x.v[j];
    }
    DEV void put(float* to) const {
        UNROLL for (int j = 0; j < Pack<T>::N; j += 4) {
            Pack<float> p;
            UNROLL for (int i = 0; i < 4; i++) p.v[i] = v[j + i];
            store(to + j, p);
        }
    }
    DEV void put_added(float* to) const {
        UNROLL for (int j = 0; j < Pack<T>::N; j += 4) {
            Pack<float> p = load(to + j);
            UNROLL for (int i = 0; i < 4; i++) p.v[i] += v[j + i];
            store(to + j, p);
        }
    }
};

// A run is complete in a chunk, or continues from the chunk before (its piece goes to heads[chunk]), or begins here and
// continues after (tails[chunk]). A chunk inside one long run has a head only.
template <class T>
DEV void embed_backward_chunks(const u32* ids, const u32* rows, int n, const T* dout, float* grad_weight, float* heads,
                               float* tails, int d, int vocabulary) {
    const int chunk = block_x(), c = (block_y() * EMBED_THREADS + thread_x()) * Pack<T>::N;
    if (c >= d) return;
    const int start = chunk * CHUNK, end = smaller(start + CHUNK, n);
    bool continued = start > 0 && ids[start - 1] == ids[start];
    EmbedSum<T> sum;
    sum.clear();
    for (int i = start; i < end; i++) {
        const u32 id = ids[i];
        sum.add(load(dout + (i64)rows[i] * d + c));
        if (i + 1 < end && ids[i + 1] == id) continue;
        const bool continues = i + 1 == end && end < n && ids[end] == id;
        if (continued) sum.put(heads + (i64)chunk * d + c);
        else if (continues) sum.put(tails + (i64)chunk * d + c);
        else if (id < (u32)vocabulary) sum.put_added(grad_weight + (i64)id * d + c);
        continued = false;
        sum.clear();
    }
}

// The block of the chunk in which a crossing run begins adds its pieces.
template <class T>
DEV void embed_backward_joins(const u32* ids, int n, float* grad_weight, const float* heads, const float* tails, int d,
                              int vocabulary) {
    const int chunk = block_x(), c = (block_y() * EMBED_THREADS + thread_x()) * Pack<T>::N;
    const int start = chunk * CHUNK, end = start + CHUNK;
    if (c >= d || end >= n) return;
    const u32 id = ids[end - 1];
    const bool begins_here = start == 0 || ids[start - 1] != id;
    if (ids[end] != id || !begins_here || id >= (u32)vocabulary) return;
    EmbedSum<T> sum;
    sum.clear();
    sum.add(load_f32<T>(tails + (i64)chunk * d + c));
    for (int next = chunk + 1; next * CHUNK < n && ids[next * CHUNK] == id; next++)
        sum.add(load_f32<T>(heads + (i64)next * d + c));
    sum.put_added(grad_weight + (i64)id * d + c);
}

}  // namespace dev

#define EMBED(T, name)                                                                                                \
    KERNEL(256, 1)                                                                                                    \
    embed_##name(const u32* tokens, const T* weight, T* out, u32 packs, int d, int vocabulary, u32* fault) {          \
        dev::embed(tokens, weight, out, packs, d, vocabulary, fault);                                                 \
    }                                                                                                                 \
    EMULATE(embed_##name)                                                                                             \
    KERNEL(128, 1)                                                                                                    \
    embed_backward_chunks_##name(const u32* ids, const u32* rows, int n, const T* dout, float* grad_weight,           \
                                 float* heads, float* tails, int d, int vocabulary) {                                 \
        dev::embed_backward_chunks(ids, rows, n, dout, grad_weight, heads, tails, d, vocabulary);                     \
    }                                                                                                                 \
    EMULATE(embed_backward_chunks_##name)                                                                             \
    KERNEL(128, 1)                                                                                                    \
    embed_backward_joins_##name(const u32* ids, int n, float* grad_weight, const float* heads, const float* tails,    \
                                int d, int vocabulary) {                                                              \
        dev::embed_backward_joins<T>(ids, n, grad_weight, heads, tails, d, vocabulary);                               \
    }                                                                                                                 \
    EMULATE(embed_backward_joins_##name)

EMBED(float, f32)
EMBED(bf16, bf16)

KERNEL(256, 1) sort_count(const u32* keys, int n, int shift, u32* counts) { dev::sort_count(keys, n, shift, counts); }
EMULATE(sort_count)
KERNEL(1024, 1) sort_scan(u32* counts, int n) { dev::sort_scan(counts, n); }
EMULATE(sort_scan)
KERNEL(32, 1)
sort_scatter(const u32* keys, const u32* values, int n, int shift, const u32* offsets, u32* keys_out, u32* values_out) {
    dev::sort_scatter(keys, values, n, shift, offsets, keys_out, values_out);
}
EMULATE(sort_scatter)
