// Products of a warpgroup. One wgmma is one operation of four warps: it is carried out when all of them wait for it, with
// the operands as they are then, so operands that were released or registers that were changed too early show.
#include "state.h"

namespace emu {

uint64_t wgmma_descriptor(const void* tile) {
    Block& b = *current->block;
    if (!b.in_shared(tile, 128)) fail("wgmma: the tile is outside shared memory");
    const uint64_t offset = (uint64_t)((const uint8_t*)tile - b.dynamic);
    return offset >> 4 | (uint64_t)1 << 16 | (uint64_t)(1024 >> 4) << 32 | (uint64_t)1 << 62;
}

void wgmma_fence() {
    rendezvous("wgmma.fence", nullptr, [](Warp&) {});
}

static void enqueue(Product& mine, const char* operation) {
    rendezvous(operation, &mine, [](Warp& w) {
        auto* first = (Product*)w.slots[0];
        if (w.alive != 0xffffffffu) fail("wgmma: lanes of the warp have ended");
        Product all = *first;
        for (int l = 0; l < LANES; l++) {
            auto* lane = (Product*)w.slots[l];
            if (lane->b_descriptor != first->b_descriptor || (first->a_shared && lane->a_descriptor != first->a_descriptor) ||
                lane->add != first->add || lane->columns != first->columns)
                fail("wgmma: descriptors differ between lanes");
            all.d[l] = lane->d[0];
            all.a[l] = lane->a[0];
        }
        w.products.push_back(all);
    });
}

void wgmma_shared(float* d, int n, uint64_t a, uint64_t b, bool columns, bool add) {
    Product mine{n, {d}, {nullptr}, true, columns, add, a, b};
    enqueue(mine, columns ? "wgmma, both operands MN-major in shared memory" : "wgmma, A in shared memory");
}

void wgmma_registers(float* d, int n, const uint32_t* a, uint64_t b) {
    Product mine{n, {d}, {a}, false, true, true, 0, b};
    enqueue(mine, "wgmma, A in registers");
}

void wgmma_commit() {
    rendezvous("wgmma.commit", nullptr, [](Warp& w) { w.groups.push_back(w.products.size()); });
}

// The bf16 at (row of 128 bytes, element) of a swizzled tile; `reader` is charged with the access, 16 bytes at a time.
static float element(const Block& b, uint64_t descriptor, int row, int column, int reader) {
    if (descriptor >> 62 != 1) fail("wgmma: only the 128-byte swizzle is emulated");
    const uint64_t start = (descriptor & 0x3FFF) << 4, pitch = (descriptor >> 32 & 0x3FFF) << 4;
    uint64_t at = start + (uint64_t)(row / 8) * pitch + (uint64_t)(row % 8) * 128 + (uint64_t)column * 2;
    at ^= at >> 3 & 0x70;
    if (at + 2 > b.dynamic_bytes) fail("wgmma: an operand reaches %llu of %zu bytes of shared memory", (unsigned long long)at + 2, b.dynamic_bytes);
    if (column % 8 == 0) race_engine_read(b.dynamic + at, 16, reader);
    uint16_t bits;
    memcpy(&bits, b.dynamic + at, 2);
    return from_bits((uint32_t)bits << 16);
}

static void carry_out(Block& b, int first_warp, size_t which) {
    static thread_local float A[64][16], B[16][128], D[64][128];
    const Product& first = b.warps[first_warp].products[which];
    for (int w = 0; w < 4; w++) {
        const Product& p = b.warps[first_warp + w].products[which];
        if (p.b_descriptor != first.b_descriptor || p.n != first.n || p.a_shared != first.a_shared || p.columns != first.columns || p.a_descriptor != first.a_descriptor)
            fail("wgmma: the warps of a group disagree on the operands");
    }
    const int n = first.n, reader = first_warp * LANES;
    for (int k = 0; k < 16; k++)
        for (int c = 0; c < n; c++)
            // K-major B has a row a column of the product, MN-major B a row a k.
            B[k][c] = first.columns ? element(b, first.b_descriptor, k, c, reader) : element(b, first.b_descriptor, c, k, reader);
    for (int w = 0; w < 4; w++) {
        const Product& p = b.warps[first_warp + w].products[which];
        for (int l = 0; l < LANES; l++) {
            const int row = w * 16 + l / 4, t = l % 4 * 2;
            if (!p.a_shared)
                for (int i = 0; i < 4; i++) {
                    float* at = &A[row + (i & 1) * 8][t + (i >> 1) * 8];
                    at[0] = from_bits(p.a[l][i] << 16);
                    at[1] = from_bits(p.a[l][i] & 0xffff0000u);
                }
            for (int j = 0; j < n / 8; j++)
                for (int e = 0; e < 4; e++) D[row + (e >> 1) * 8][j * 8 + t + (e & 1)] = p.add ? p.d[l][j * 4 + e] : 0.f;
        }
    }
    if (first.a_shared)
        for (int r = 0; r < 64; r++)
            for (int k = 0; k < 16; k++)
                A[r][k] = first.columns ? element(b, first.a_descriptor, k, r, reader) : element(b, first.a_descriptor, r, k, reader);
    for (int r = 0; r < 64; r++)
        for (int k = 0; k < 16; k++) {
            const float a = A[r][k];
            for (int c = 0; c < n; c++) D[r][c] += a * B[k][c];
        }
    for (int w = 0; w < 4; w++) {
        const Product& p = b.warps[first_warp + w].products[which];
        for (int l = 0; l < LANES; l++)
            for (int j = 0; j < n / 8; j++)
                for (int e = 0; e < 4; e++) p.d[l][j * 4 + e] = D[w * 16 + l / 4 + (e >> 1) * 8][j * 8 + l % 4 * 2 + (e & 1)];
    }
}

void wgmma_wait(int in_flight) {
    Fiber* me = current;
    Block& b = *me->block;
    const int first = me->warp / 4 * 4;
    Barrier& group = b.groups[me->warp / 4];
    if (++group.arrived < 4 * LANES) {
        group.waiting.push_back(me);
        block_on("wgmma.wait");
        return;
    }
    const size_t issued = b.warps[first].groups.size();
    for (int w = first; w < first + 4; w++)
        if (b.warps[w].arrived || b.warps[w].groups.size() != issued) fail("wgmma.wait: the warps of the group have diverged");
    if ((int)issued > in_flight) {
        const size_t groups = issued - in_flight, end = b.warps[first].groups[groups - 1];
        for (size_t i = 0; i < end; i++) carry_out(b, first, i);
        for (int w = first; w < first + 4; w++) {
            auto& warp = b.warps[w];
            warp.products.erase(warp.products.begin(), warp.products.begin() + (long)end);
            warp.groups.erase(warp.groups.begin(), warp.groups.begin() + (long)groups);
            for (auto& g : warp.groups) g -= end;
        }
    }
    release(group, me);
}

void registers(int count, bool) {
    if (count % 8 || count < 24 || count > 256) fail("setmaxnreg: %d is not a multiple of 8 between 24 and 256", count);
    static thread_local int wanted;
    wanted = count;
    rendezvous("setmaxnreg", nullptr, [](Warp& w) { w.registers = wanted; });
}

}  // namespace emu
