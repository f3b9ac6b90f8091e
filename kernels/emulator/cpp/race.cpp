// Detects races on shared memory with vector clocks (FastTrack, Flanagan and Freund, 2009, without its compression).
//
// The kernels of the "race" variant are compiled with -fsanitize=thread but not linked with its run time: the calls that
// the compiler inserts end here. Order comes from barriers, mbarriers, __syncwarp, the completion of copies and
// wgmma.wait; shuffles and mma exchange registers and order nothing.
#include <algorithm>
#include <cstdio>
#include <unordered_map>

#include "state.h"

namespace emu {

namespace {

constexpr size_t GRAIN = 2;  // bytes a cell stands for
constexpr int READERS = 8;   // that a cell remembers

struct Cell {
    uint32_t write_clock = 0, read_clock[READERS] = {};
    uint16_t writer = 0, reader[READERS] = {};
    uint8_t readers = 0;
    bool by_engine = false;  // who wrote
};

void take_latest(Clock& into, const Clock& from) {
    for (size_t i = 0; i < into.size(); i++)
        if (from[i] > into[i]) into[i] = from[i];
}

}  // namespace

struct Shadow {
    std::vector<Cell> cells;
    std::unordered_map<const void*, Clock> objects;
    std::vector<std::vector<uint32_t>> fences;  // by thread, its clock at each proxy fence
};

namespace {

Shadow* active() { return current && current->block->race ? current->block->shadow.get() : nullptr; }

// The first cell of an address, or -1 if it is not shared memory.
long cell_of(const Block& b, const void* p) {
    auto at = (const uint8_t*)p;
    if (at >= b.dynamic && at < b.dynamic + b.dynamic_bytes) return (long)((size_t)(at - b.dynamic) / GRAIN);
    size_t base = b.dynamic_bytes / GRAIN + 1;
    for (auto& array : b.arrays) {
        if (array.at && at >= array.at && at < array.at + array.bytes) return (long)(base + (size_t)(at - array.at) / GRAIN);
        base += array.bytes / GRAIN + 1;
    }
    return -1;
}

}  // namespace

void race_begin(Block& b) {
    b.clocks.clear();
    if (!b.race) return;
    if (!b.shadow) b.shadow = std::make_shared<Shadow>();
    b.shadow->cells.assign(b.dynamic_bytes / GRAIN + (64 << 10), Cell());
    b.shadow->objects.clear();
    b.shadow->fences.assign((size_t)b.count, {});
    b.clocks.assign((size_t)b.count, Clock((size_t)b.count, 0));
    for (int t = 0; t < b.count; t++) b.clocks[t][t] = 1;
}

void race_access(const void* p, size_t bytes, bool write, int thread, const Clock* at, bool engine) {
    Shadow* s = active();
    if (!s) return;
    Block& b = *current->block;
    const long first = cell_of(b, p);
    if (first < 0) return;
    const Clock& now = at ? *at : b.clocks[thread];
    const size_t last = (size_t)first + (bytes + GRAIN - 1) / GRAIN;
    if (last > s->cells.size()) s->cells.resize(last);
    for (size_t i = (size_t)first; i < last; i++) {
        Cell& c = s->cells[i];
        auto report = [&](const char* kind, int other) {
            fail("race on shared memory: %s by thread %d, of what thread %d touched, at offset %zu", kind, thread, other, i * GRAIN);
        };
        if (c.write_clock && c.writer != thread && c.write_clock > now[c.writer]) report(write ? "write after write" : "read after write", c.writer);
        if (write) {
            for (int r = 0; r < c.readers; r++)
                if (c.reader[r] != thread && c.read_clock[r] > now[c.reader[r]]) report("write after read", c.reader[r]);
            c.writer = (uint16_t)thread;
            c.write_clock = now[thread];
            c.by_engine = engine;
            c.readers = 0;
        } else {
            if (engine && c.write_clock && !c.by_engine) {
                // The writer's first fence since, which whoever ordered this read after the write must have known of.
                auto& fences = s->fences[c.writer];
                auto fence = std::lower_bound(fences.begin(), fences.end(), c.write_clock);
                if (fence == fences.end() || *fence >= now[c.writer])
                    fail("no proxy fence between the write by thread %d and a read by the copy engine or wgmma, at offset %zu", c.writer,
                         i * GRAIN);
            }
            int r = 0;
            while (r < c.readers && c.reader[r] != thread) r++;
            if (r == c.readers) {
                // A full cell forgets one reader: a race with it may then go unseen.
                if (c.readers < READERS) c.readers++;
                else r = (int)((i + (size_t)thread) % READERS);
            }
            c.reader[r] = (uint16_t)thread;
            c.read_clock[r] = now[thread];
        }
    }
}

static void join(Block& b, const std::vector<int>& members, const Clock* arrivals = nullptr) {
    Clock latest((size_t)b.count, 0);
    if (arrivals && !arrivals->empty()) take_latest(latest, *arrivals);
    for (int t : members) take_latest(latest, b.clocks[t]);
    for (int t : members) {
        b.clocks[t] = latest;
        b.clocks[t][t]++;
    }
}

void race_join(Block& b, const Barrier& barrier, const Fiber* last) {
    if (!b.race) return;
    std::vector<int> members;
    for (auto* f : barrier.waiting) members.push_back(f->thread);
    if (last) members.push_back(last->thread);
    join(b, members, &barrier.arrivals);
}

void race_join_warp(Block& b, int warp) {
    if (!b.race) return;
    std::vector<int> members;
    for (int l = 0; l < LANES; l++)
        if (b.warps[warp].alive >> l & 1) members.push_back(warp * LANES + l);
    join(b, members);
}

// A thread that goes on after it was counted in a barrier.
void race_arrive_at(Barrier& barrier) {
    if (!active()) return;
    Clock& mine = current->block->clocks[current->thread];
    if (barrier.arrivals.empty()) barrier.arrivals = mine;
    else take_latest(barrier.arrivals, mine);
    mine[current->thread]++;
}

static Clock& object(const void* p) {
    Clock& clock = active()->objects[p];
    if (clock.empty()) clock.assign((size_t)current->block->count, 0);
    return clock;
}

void race_arrive(const void* p) {
    if (!active()) return;
    Clock& mine = current->block->clocks[current->thread];
    take_latest(object(p), mine);
    mine[current->thread]++;
}

void race_publish(const void* p, const Clock& clock) {
    if (active()) take_latest(object(p), clock);
}

void race_wait(const void* p) {
    if (active()) take_latest(current->block->clocks[current->thread], object(p));
}

Clock race_now() { return active() ? current->block->clocks[current->thread] : Clock(); }

void race_fence() {
    Shadow* s = active();
    if (!s) return;
    uint32_t& mine = current->block->clocks[current->thread][current->thread];
    s->fences[current->thread].push_back(mine++);
}

void race_engine_read(const void* p, size_t bytes, int thread, const Clock* at) {
    race_access(p, bytes, false, thread, at && !at->empty() ? at : nullptr, true);
}

static void on_access(void* p, size_t bytes, bool write) {
    if (current && current->block->race) race_access(p, bytes, write, current->thread);
}

}  // namespace emu

extern "C" {
#define ACCESS(n)                                                                     \
    void __tsan_read##n(void* p) { emu::on_access(p, n, false); }                     \
    void __tsan_write##n(void* p) { emu::on_access(p, n, true); }                     \
    void __tsan_unaligned_read##n(void* p) { emu::on_access(p, n, false); }           \
    void __tsan_unaligned_write##n(void* p) { emu::on_access(p, n, true); }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
void __tsan_read_range(void* p, size_t n) { emu::on_access(p, n, false); }
void __tsan_write_range(void* p, size_t n) { emu::on_access(p, n, true); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
// Initialization guards of static locals.
uint8_t __tsan_atomic8_load(const volatile uint8_t* p, int) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
}
