// Bulk copies and additions from shared to global memory (cp.async.bulk, cp.reduce.async.bulk), and proxy fences.
//
// In lazy mode the source is read at the wait for it and not before, and the destination is written at the wait for that,
// or when the thread ends.
#include <mutex>

#include "state.h"

namespace emu {

void check_order(Block& b, const float* to, size_t bytes, const Clock& known);
void note_written(Block& b, const float* to, size_t bytes);

static void read_source(BulkWrite& w) {
    if (!w.data.empty()) return;
    // From the beginning, as what was ordered before it then, to now: who writes there in between is not ordered.
    race_engine_read(w.from, w.bytes, current->thread, &w.issued);
    race_engine_read(w.from, w.bytes, current->thread);
    w.data.assign(w.from, w.from + w.bytes / 4);
}

static void write_destination(BulkWrite& w) {
    static std::mutex lock;  // additions of blocks in other threads
    Block& b = *current->block;
    check_order(b, w.to, w.bytes, w.ordered);
    std::lock_guard<std::mutex> hold(lock);
    for (size_t i = 0; i < w.data.size(); i++) w.to[i] = w.add ? w.to[i] + w.data[i] : w.data[i];
    note_written(b, w.to, w.bytes);
    w.bytes = 0;
}

void bulk_write(float* to, const void* from, int bytes, bool add) {
    Fiber& f = *current;
    Block& b = *f.block;
    if (bytes <= 0 || bytes % 16 || (uintptr_t)to % 16 || (uintptr_t)from % 16)
        fail("bulk write of %d bytes from %p to %p: not multiples of 16", bytes, from, (void*)to);
    if (!b.in_shared(from, (size_t)bytes)) fail("bulk write: the source is outside shared memory");
    if (f.unfenced_turn) fail("a bulk write follows a turn that was waited for, without a proxy fence between");
    BulkWrite w{to, (const float*)from, (size_t)bytes, add, {}, race_now(), b.ordered};
    race_engine_read(from, (size_t)bytes, f.thread);
    check_order(b, to, (size_t)bytes, b.ordered);
    if (!b.mode.lazy) {
        read_source(w);
        write_destination(w);
    }
    f.writes.push_back(std::move(w));
}

void bulk_commit() { current->committed = current->writes.size(); }

void bulk_wait(bool read_only) {
    Fiber& f = *current;
    for (size_t i = 0; i < f.committed; i++) {
        BulkWrite& w = f.writes[f.block->mode.order == 1 ? f.committed - 1 - i : i];
        if (!w.bytes) continue;
        read_source(w);
        if (!read_only) write_destination(w);
    }
    if (read_only || !f.committed) return;
    f.writes.erase(f.writes.begin(), f.writes.begin() + (long)f.committed);
    f.committed = 0;
    f.unfenced_writes = true;
}

// The kernel's end completes what has left shared memory; the memory itself is gone.
void end_of_bulk_writes() {
    for (BulkWrite& w : current->writes) {
        if (w.bytes && w.data.empty()) fail("the thread ends while the copy engine reads shared memory for it");
        if (w.bytes) write_destination(w);
    }
}

void fence_engine(bool global) {
    race_fence();
    if (global) current->unfenced_writes = current->unfenced_turn = false;
}

}  // namespace emu
