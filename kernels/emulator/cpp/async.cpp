// Operations that take effect later: cp.async, mbarriers, TMA.
//
// In lazy mode a copy lands only when the rules force it to: cp.async at the wait of the thread that issued it, TMA when
// no thread of the block can run otherwise. Until then its destination holds NaN. A missing wait therefore always shows.
#include "state.h"

namespace emu {

static void perform(const Copy& copy) {
    race_access(copy.to, 16, true, current->thread);
    if (copy.present) memcpy(copy.to, copy.from, 16);
    else memset(copy.to, 0, 16);
}

void cp_async16(void* to, const void* from, bool present) {
    if (((uintptr_t)to | (uintptr_t)from) % 16) fail("cp.async: not 16-byte aligned (to %p, from %p)", to, from);
    Block& b = *current->block;
    if (!b.in_shared(to, 16)) fail("cp.async: the destination is outside shared memory");
    // It may land at any time from now on: whoever still reads or writes there must have finished.
    race_access(to, 16, true, current->thread);
    if (b.mode.lazy) {
        memset(to, 0xFF, 16);
        current->copies.push_back({to, from, present});
    } else {
        perform({to, from, present});
    }
}

void cp_async_commit() { current->groups.push_back(current->copies.size()); }

void cp_async_wait(int in_flight) {
    Fiber& f = *current;
    if ((int)f.groups.size() <= in_flight) return;
    const size_t groups = f.groups.size() - in_flight, end = f.groups[groups - 1];
    for (size_t i = 0; i < end; i++) perform(f.copies[i]);
    f.copies.erase(f.copies.begin(), f.copies.begin() + end);
    f.groups.erase(f.groups.begin(), f.groups.begin() + groups);
    for (auto& g : f.groups) g -= end;
}

// ---- mbarrier ------------------------------------------------------------------------------------------------------

struct MbarState {
    int32_t bytes;          // still expected in this phase
    uint16_t pending;       // arrivals still expected in this phase
    uint16_t count : 10;
    uint16_t phase : 1;
    uint16_t magic : 5;
};
static_assert(sizeof(MbarState) == sizeof(Mbar), "an mbarrier is 64 bits");
constexpr unsigned MAGIC = 21;

static MbarState& state(Mbar* bar) {
    auto& s = *(MbarState*)bar;
    if (!current->block->in_shared(bar, 8)) fail("mbarrier: not in shared memory");
    if (s.magic != MAGIC) fail("mbarrier: used before it was initialized");
    return s;
}

void mbar_init(Mbar* bar, int count) {
    Block& b = *current->block;
    if (!b.in_shared(bar, 8) || (uintptr_t)bar % 8) fail("mbarrier: not in shared memory, or not 8-byte aligned");
    if (count < 1 || count > 1023) fail("mbarrier: count %d", count);
    auto& s = *(MbarState*)bar;
    s = MbarState{0, (uint16_t)count, (uint16_t)count, 0, MAGIC};
    b.mbars.push_back(bar);
}

void mbar_init_fence() {}

static void end_phase_if_complete(Block& b, Mbar* bar) {
    auto& s = *(MbarState*)bar;
    if (s.pending || s.bytes) return;
    s.pending = s.count;
    s.phase ^= 1;
    size_t kept = 0;
    for (Fiber* f : b.mbar_waiting) {
        if (f->mbar == bar && s.phase != f->parity) wake(f);
        else b.mbar_waiting[kept++] = f;
    }
    b.mbar_waiting.resize(kept);
}

void mbar_arrive(Mbar* bar) {
    auto& s = state(bar);
    race_arrive(bar);
    if (!s.pending) fail("mbarrier: more arrivals in a phase than its count of %d", s.count);
    s.pending--;
    end_phase_if_complete(*current->block, bar);
}

void mbar_arrive_expect(Mbar* bar, int bytes) {
    state(bar).bytes += bytes;
    mbar_arrive(bar);
}

void mbar_wait(Mbar* bar, uint32_t parity) {
    auto& s = state(bar);
    if (!current->block->mbars_published) fail("mbarrier: waited for before a barrier of the block published it");
    if (s.phase == (parity & 1)) {
        current->mbar = bar;
        current->parity = parity & 1;
        current->block->mbar_waiting.push_back(current);
        block_on("mbarrier wait");
    }
    race_wait(bar);
}

// ---- TMA -----------------------------------------------------------------------------------------------------------

static size_t box_bytes(const TensorMap& m) { return (size_t)m.box_columns * 2 * m.box_rows; }

static void land(Block& b, const BulkCopy& copy) {
    const TensorMap& m = copy.map;
    for (int r = 0; r < m.box_rows; r++)
        for (int chunk = 0; chunk < 8; chunk++) {
            uint8_t* to = copy.to + r * 128 + ((chunk ^ (((uintptr_t)copy.to / 128 + r) & 7)) * 16);
            const int64_t x = copy.x + chunk * 8, y = copy.y + r;
            const bool inside = x >= 0 && x < m.columns && y >= 0 && y < m.rows && copy.z >= 0 && copy.z < m.slices;
            if (inside) memcpy(to, m.base + copy.z * m.slice_bytes + y * m.row_bytes + x * 2, 16);
            else memset(to, 0, 16);
        }
    if (b.race) {
        race_access(copy.to, box_bytes(m), true, copy.thread, &copy.issued, true);
        race_publish(copy.bar, copy.issued);
    }
    ((MbarState*)copy.bar)->bytes -= (int32_t)box_bytes(m);
    end_phase_if_complete(b, copy.bar);
}

bool run_one_bulk_copy(Block& b) {
    if (b.bulk.empty()) return false;
    // Copies are not ordered among each other.
    size_t which = 0;
    if (b.mode.order == 1) which = b.bulk.size() - 1;
    else if (b.mode.order > 1) which = (b.random = b.random * 1664525u + 1013904223u) / 65536 % b.bulk.size();
    const BulkCopy copy = b.bulk[which];
    b.bulk.erase(b.bulk.begin() + (long)which);
    land(b, copy);
    return true;
}

void tma_load(void* to, const TensorMap* map, Mbar* bar, int x, int y, int z) {
    Block& b = *current->block;
    if (map->magic != TENSOR_MAP_MAGIC) fail("TMA: the argument is not a tensor map");
    if (map->box_columns != 64) fail("TMA: a box of %d columns; the 128-byte swizzle has 64", map->box_columns);
    if (map->row_bytes % 16 || (uintptr_t)map->base % 16) fail("TMA: base or row pitch (%lld bytes) is not a multiple of 16", (long long)map->row_bytes);
    if ((uintptr_t)to % 1024) fail("TMA: the destination is not 1,024-byte aligned");
    if (x % 8) fail("TMA: column %d is not a multiple of 8", x);
    if (!b.in_shared(to, box_bytes(*map))) fail("TMA: the destination is outside shared memory");
    state(bar);
    if (!b.mbars_published) fail("TMA: its mbarrier was not published by a barrier of the block");
    BulkCopy copy{(uint8_t*)to, *map, bar, x, y, z, current->thread, race_now()};
    race_access(to, box_bytes(*map), true, current->thread);
    if (b.mode.lazy) {
        memset(to, 0xFF, box_bytes(*map));
        b.bulk.push_back(copy);
    } else {
        land(b, copy);
    }
}

void check_nothing_in_flight(Block& b) {
    if (!b.bulk.empty()) fail("the block ends with a TMA load in flight");
    int registers = 0;
    for (auto& w : b.warps) {
        if (!w.products.empty()) fail("the block ends with wgmma in flight");
        registers += w.registers * LANES;
    }
    if (registers > 65536) fail("setmaxnreg: the warps of the block ask for %d registers of 65,536", registers);
    for (int id = 1; id < 16; id++)
        if (b.barriers[id].arrived) fail("the block ends with threads in barrier %d", id);
}

}  // namespace emu
