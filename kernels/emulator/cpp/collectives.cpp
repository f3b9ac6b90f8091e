// Barriers, exchange between lanes, and the tensor-core instructions of one warp.
#include "state.h"

namespace emu {

void sync_block() {
    Block& b = *current->block;
    Barrier& barrier = b.barriers[0];
    b.mbars_published = true;
    if (++barrier.arrived == b.alive) {
        release(barrier, current);
    } else {
        barrier.waiting.push_back(current);
        block_on("__syncthreads");
    }
}

void bar_sync(int id, int count) {
    if (id < 1 || id > 15 || count % LANES) fail("bar.sync %d, %d: ids are 1 to 15, counts multiples of 32", id, count);
    Barrier& barrier = current->block->barriers[id];
    if (++barrier.arrived == count) {
        release(barrier, current);
    } else {
        barrier.waiting.push_back(current);
        block_on("bar.sync");
    }
}

void bar_arrive(int id, int count) {
    if (id < 1 || id > 15 || count % LANES) fail("bar.arrive %d, %d: ids are 1 to 15, counts multiples of 32", id, count);
    Barrier& barrier = current->block->barriers[id];
    race_arrive_at(barrier);
    if (++barrier.arrived < count) return;
    if (barrier.waiting.empty()) fail("bar.arrive %d: the barrier is complete and nobody waits in it", id);
    release(barrier, nullptr);
}

void rendezvous(const char* operation, void* argument, void (*body)(Warp& warp)) {
    Fiber* me = current;
    Warp& w = me->block->warps[me->warp];
    if (!w.arrived) {
        w.operation = operation;
    } else if (w.operation != operation && strcmp(w.operation, operation) != 0) {
        fail("divergent warp: lanes wait in %s, this lane came to %s", w.operation, operation);
    }
    w.slots[me->lane] = argument;
    w.arrived |= 1u << me->lane;
    if (w.arrived != w.alive) {
        block_on(operation);
        return;
    }
    body(w);
    w.arrived = 0;
    for (uint32_t others = w.alive & ~(1u << me->lane); others; others &= others - 1)
        me->block->fiber(me->warp, __builtin_ctz(others)).status = Status::Ready;
    w.ready |= w.alive;
}

void sync_warp() {
    rendezvous("__syncwarp", nullptr, [](Warp&) { race_join_warp(*current->block, current->warp); });
}

// A collective of all 32 lanes: on the device a full mask with a lane missing is undefined.
static void need_all(Warp& w) {
    if (w.alive != 0xffffffffu) fail("%s with a full mask, but lanes of the warp have ended", w.operation);
}

struct Exchange {
    uint32_t v, r;
    int argument;
};

uint32_t shuffle(uint32_t v, int from) {
    Exchange x{v, 0, from};
    rendezvous("shfl", &x, [](Warp& w) {
        need_all(w);
        for (void* slot : w.slots) ((Exchange*)slot)->r = ((Exchange*)w.slots[((Exchange*)slot)->argument & 31])->v;
    });
    return x.r;
}

uint32_t shuffle_xor(uint32_t v, int mask) {
    Exchange x{v, 0, mask};
    rendezvous("shfl.xor", &x, [](Warp& w) {
        need_all(w);
        for (int l = 0; l < LANES; l++) {
            auto* lane = (Exchange*)w.slots[l];
            lane->r = ((Exchange*)w.slots[(l ^ lane->argument) & 31])->v;
        }
    });
    return x.r;
}

uint32_t ballot(bool v) {
    Exchange x{v, 0, 0};
    rendezvous("ballot", &x, [](Warp& w) {
        need_all(w);
        uint32_t bits = 0;
        for (int l = 0; l < LANES; l++) bits |= ((Exchange*)w.slots[l])->v << l;
        for (void* slot : w.slots) ((Exchange*)slot)->r = bits;
    });
    return x.r;
}

static float low(uint32_t pair) { return from_bits(pair << 16); }
static float high(uint32_t pair) { return from_bits(pair & 0xffff0000u); }

struct MmaLane {
    float* d;
    const uint32_t* a;
    uint32_t b[2];
};

void mma_m16n8k16(float* d, const uint32_t* a, uint32_t b0, uint32_t b1) {
    MmaLane mine{d, a, {b0, b1}};
    rendezvous("mma.m16n8k16", &mine, [](Warp& w) {
        need_all(w);
        float A[16][16], B[16][8], D[16][8];
        for (int l = 0; l < LANES; l++) {
            auto* lane = (MmaLane*)w.slots[l];
            const int g = l / 4, t = l % 4 * 2;
            for (int i = 0; i < 4; i++) {
                float* at = &A[g + (i & 1) * 8][t + (i >> 1) * 8];
                at[0] = low(lane->a[i]);
                at[1] = high(lane->a[i]);
                D[g + (i >> 1) * 8][t + (i & 1)] = lane->d[i];
            }
            for (int i = 0; i < 2; i++) {
                B[t + i * 8][g] = low(lane->b[i]);
                B[t + i * 8 + 1][g] = high(lane->b[i]);
            }
        }
        for (int m = 0; m < 16; m++)
            for (int k = 0; k < 16; k++)
                for (int n = 0; n < 8; n++) D[m][n] += A[m][k] * B[k][n];
        for (int l = 0; l < LANES; l++)
            for (int i = 0; i < 4; i++) ((MmaLane*)w.slots[l])->d[i] = D[l / 4 + (i >> 1) * 8][l % 4 * 2 + (i & 1)];
    });
}

struct LdmatrixLane {
    uint32_t* r;
    const uint16_t* row;
};

void ldmatrix_x4(uint32_t* r, const void* row, bool transposed) {
    if ((uintptr_t)row % 16) fail("ldmatrix: row address is not a multiple of 16 bytes");
    if (!current->block->in_shared(row, 16)) fail("ldmatrix: row is outside shared memory");
    race_access(row, 16, false, current->thread);
    LdmatrixLane mine{r, (const uint16_t*)row};
    if (transposed) {
        rendezvous("ldmatrix.trans", &mine, [](Warp& w) {
            need_all(w);
            for (int i = 0; i < 4; i++)
                for (int l = 0; l < LANES; l++) {
                    const int g = l / 4, t = l % 4 * 2;
                    const uint32_t first = ((LdmatrixLane*)w.slots[i * 8 + t])->row[g];
                    const uint32_t second = ((LdmatrixLane*)w.slots[i * 8 + t + 1])->row[g];
                    ((LdmatrixLane*)w.slots[l])->r[i] = first | second << 16;
                }
        });
    } else {
        rendezvous("ldmatrix", &mine, [](Warp& w) {
            need_all(w);
            for (int i = 0; i < 4; i++)
                for (int l = 0; l < LANES; l++) {
                    const uint16_t* from = ((LdmatrixLane*)w.slots[i * 8 + l / 4])->row + l % 4 * 2;
                    ((LdmatrixLane*)w.slots[l])->r[i] = from[0] | (uint32_t)from[1] << 16;
                }
        });
    }
}

struct StmatrixLane {
    const uint32_t* a;
    uint8_t* row;
};

void stmatrix_x4(void* row, const uint32_t* a) {
    if ((uintptr_t)row % 16) fail("stmatrix: row address is not a multiple of 16 bytes");
    if (!current->block->in_shared(row, 16)) fail("stmatrix: row is outside shared memory");
    race_access(row, 16, true, current->thread);
    StmatrixLane mine{a, (uint8_t*)row};
    rendezvous("stmatrix", &mine, [](Warp& w) {
        need_all(w);
        for (int i = 0; i < 4; i++)
            for (int l = 0; l < LANES; l++)
                memcpy(((StmatrixLane*)w.slots[i * 8 + l / 4])->row + l % 4 * 4, ((StmatrixLane*)w.slots[l])->a + i, 4);
    });
}

unsigned long long atomic_add(unsigned long long* p, unsigned long long v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
uint32_t atomic_add(uint32_t* p, uint32_t v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
uint32_t atomic_or(uint32_t* p, uint32_t v) { return __atomic_fetch_or(p, v, __ATOMIC_RELAXED); }

}  // namespace emu
