// The state of a running block: one fiber per CUDA thread, all on one thread of the operating system.
#pragma once
#include <csetjmp>
#include <deque>
#include <memory>

#include "emulator.h"

namespace emu {

constexpr int LANES = 32;
using Clock = std::vector<uint32_t>;  // of the race detector; empty in the plain build

// How the threads of a block are interleaved and when asynchronous operations take effect. Mirrors `Mode` in lib.rs.
struct Mode {
    uint32_t order;  // 0: threads in ascending order; 1: descending; else the seed of a shuffle
    uint32_t lazy;   // 1: asynchronous copies land and products run as late as the rules allow; 0: at once
    uint32_t threads;  // of the operating system, for blocks
    uint32_t race;     // 1: under the race detector, if the build is instrumented
};

enum class Status : uint8_t { Ready, Waiting, Done };

struct Copy {
    void* to;
    const void* from;
    bool present;
};

struct Block;
struct Shadow;
struct Turns;

// What the copy engine is to write to global memory.
struct BulkWrite {
    float* to;
    const float* from;
    size_t bytes;
    bool add;
    std::vector<float> data;  // once the source has been read
    Clock issued;             // of the race detector
    Clock ordered;            // of blocks, at that time
};

struct Fiber {
    void* stack_pointer = nullptr;
    uint8_t* stack = nullptr;
    Block* block = nullptr;
    int thread = 0, warp = 0, lane = 0;
    Status status = Status::Ready;
    const char* waits_in = "";
    const Mbar* mbar = nullptr;  // and the parity it waits for
    uint32_t parity = 0;
    std::vector<Copy> copies;   // cp.async in flight
    std::vector<size_t> groups;  // ends of committed groups in `copies`
    std::vector<BulkWrite> writes;  // cp.async.bulk and cp.reduce.async.bulk to global memory, not yet complete
    size_t committed = 0;           // of them
    // A proxy fence is due before the next turn is passed, or before the next bulk write.
    bool unfenced_writes = false, unfenced_turn = false;
    const uint32_t* counter = nullptr;  // and the turn it waits for
    uint32_t turn = 0;
};

// One asynchronous product of a warp, its registers being those of the 32 lanes.
struct Product {
    int n;
    float* d[LANES];
    const uint32_t* a[LANES];  // or, with `a_shared`, a descriptor
    bool a_shared, columns, add;  // `columns`: both operands MN-major
    uint64_t a_descriptor, b_descriptor;
};

struct Warp {
    uint32_t alive = 0, ready = 0, arrived = 0;  // lanes
    const char* operation = "";                    // that `arrived` lanes wait in
    void* slots[LANES];
    std::vector<Product> products;
    std::vector<size_t> groups;
    int registers = 0;
};

struct Barrier {
    int arrived = 0;
    std::vector<Fiber*> waiting;
    Clock arrivals;  // of those that did not wait
};

struct BulkCopy {
    uint8_t* to;
    TensorMap map;
    Mbar* bar;
    int x, y, z, thread;
    Clock issued;
};

// A static shared array.
struct SharedArray {
    uint8_t* at = nullptr;
    size_t bytes = 0;
};

struct Block {
    Dim index, size, grid;
    Mode mode;
    bool race = false;
    uint32_t random = 0;
    int count = 0, alive = 0;
    uint8_t* dynamic = nullptr;
    size_t dynamic_bytes = 0, mapped = 0;
    std::vector<SharedArray> arrays;  // static shared arrays by site
    std::vector<Fiber> fibers;
    std::vector<Warp> warps;
    std::vector<int> warp_order;
    Barrier barriers[16], groups[16];  // named barriers; waits of warpgroups
    std::vector<Fiber*> mbar_waiting;
    std::vector<Mbar*> mbars;
    bool mbars_published = false;
    std::deque<BulkCopy> bulk;
    std::vector<Clock> clocks;
    std::shared_ptr<Shadow> shadow;
    // Blocks that take turns.
    uint32_t number = 0;       // in the order of the grid
    Turns* turns = nullptr;    // of the launch, if its kernel has them
    Clock ordered;             // what of other blocks happened before
    int waiting_for_turns = 0;
    bool paused = false;       // left in the middle
    Fiber* resume = nullptr;   // who left it
    const std::function<void()>* kernel = nullptr;
    void* host_stack = nullptr;
    bool failed = false;
    std::string failure;

    Fiber& fiber(int warp, int lane) { return fibers[(size_t)warp * LANES + lane]; }
    bool in_shared(const void* p, size_t bytes) const;
};

extern thread_local Fiber* current;

// Scheduling.
void block_on(const char* waits_in);
void wake(Fiber* fiber);
void release(Barrier& barrier, Fiber* last);
void begin_block(Block& block, const std::function<void()>& kernel);
// Until it ends, or (`paused`) until it is another block's time; false if none of its threads can run.
bool run_block(Block& block);
void pause_block();
// A launch of blocks that take turns; returns what failed.
std::string run_in_turns(size_t blocks, const std::function<void(Block&)>& prepare, const std::function<void(Block&)>& finish,
                         const std::function<void()>& kernel, Dim grid, const Mode& mode);
// Whether a fiber's turn has come; wakes it.
bool wake_for_turn(Block& block);

// All live lanes of the current warp meet; the last one runs `body` over their arguments.
void rendezvous(const char* operation, void* argument, void (*body)(Warp& warp));

// Asynchronous operations that take effect when nothing else can run.
bool run_one_bulk_copy(Block& block);
// At the end of a block: nothing may be left in flight.
void check_nothing_in_flight(Block& block);

// When a thread ends.
void end_of_bulk_writes();

// The race detector; every call returns at once in a plain launch.
void race_begin(Block& block);
void race_access(const void* p, size_t bytes, bool write, int thread, const Clock* at = nullptr, bool engine = false);
void race_join(Block& block, const Barrier& barrier, const Fiber* last);
void race_arrive_at(Barrier& barrier);
void race_join_warp(Block& block, int warp);
void race_arrive(const void* object);
// A proxy fence of the current thread; and reads by the copy engine or wgmma, before which one is due.
void race_fence();
void race_engine_read(const void* p, size_t bytes, int thread, const Clock* at = nullptr);
void race_publish(const void* object, const Clock& clock);
void race_wait(const void* object);
Clock race_now();

}  // namespace emu
