// Blocks that take turns at global memory: several are in progress at a time, and what the copy engine writes for them is
// checked for order.
//
// The device starts blocks in the order of their numbers and, once started, runs them to the end; a block may therefore
// wait for one with a smaller number. The first schedule has one block at a time: whoever waits for a later one never goes
// on. In the others several blocks have been started, and another continues whenever one comes to a turn: the newest that
// can (so that a block that should have waited is early), or one drawn at random.
//
// Order between blocks is that of vector clocks: passing a turn publishes what a block has done and knows, waiting for it
// takes that over. A write to memory that another block wrote is an error if the two are not ordered so.
#include <map>
#include <unordered_map>

#include "state.h"

namespace emu {

namespace {

struct Written {
    uintptr_t end;
    uint32_t block, epoch;
};

void take_latest(Clock& into, const Clock& from) {
    if (into.size() < from.size()) into.resize(from.size(), 0);
    for (size_t i = 0; i < from.size(); i++)
        if (from[i] > into[i]) into[i] = from[i];
}

}  // namespace

struct Turns {
    std::map<uintptr_t, Written> written;  // by beginning; they do not overlap
    std::unordered_map<const void*, Clock> counters;
    uint32_t random = 1;

    uint32_t draw(uint32_t n) { return (random = random * 1664525u + 1013904223u) / 65536 % n; }
};

// Lets other blocks go on, in the schedules that have any.
static void let_others_go(Block& b) {
    if (b.mode.order == 1 || (b.mode.order > 1 && b.turns->draw(2))) pause_block();
}

static Block& of_turns(const uint32_t* counter) {
    Block& b = *current->block;
    if (!b.turns) fail("a block takes turns with others, but its kernel is not made known by EMULATE_TURNS");
    check_aligned(counter, 4, "the counter of a turn");
    return b;
}

void turn_wait(const uint32_t* counter, uint32_t turn) {
    Block& b = of_turns(counter);
    let_others_go(b);
    Fiber* me = current;
    while (*counter != turn) {
        if (*counter > turn) fail("turn %u has passed: the counter is at %u", turn, *counter);
        me->counter = counter;
        me->turn = turn;
        b.waiting_for_turns++;
        block_on("turn_wait");
    }
    take_latest(b.ordered, b.turns->counters[counter]);
    me->unfenced_turn = true;
}

void turn_pass(uint32_t* counter) {
    Block& b = of_turns(counter);
    if (current->unfenced_writes) fail("a turn is passed without a proxy fence after the copy engine's writes");
    take_latest(b.turns->counters[counter], b.ordered);
    b.ordered[b.number]++;
    ++*counter;
    let_others_go(b);
}

bool wake_for_turn(Block& b) {
    bool any = false;
    if (!b.waiting_for_turns) return false;
    for (auto& f : b.fibers)
        if (f.counter && *f.counter >= f.turn) {
            f.counter = nullptr;
            b.waiting_for_turns--;
            wake(&f);
            any = true;
        }
    return any;
}

void check_order(Block& b, const float* to, size_t bytes, const Clock& known) {
    if (!b.turns) return;
    const uintptr_t from = (uintptr_t)to, end = from + bytes;
    auto at = b.turns->written.upper_bound(from);
    if (at != b.turns->written.begin()) --at;
    for (; at != b.turns->written.end() && at->first < end; ++at) {
        const Written& w = at->second;
        if (w.end <= from || w.block == b.number) continue;
        if (w.block >= known.size() || known[w.block] < w.epoch)
            fail("global memory: blocks %u and %u write the same place, and nothing orders the two", w.block, b.number);
    }
}

void note_written(Block& b, const float* to, size_t bytes) {
    if (!b.turns) return;
    auto& written = b.turns->written;
    const uintptr_t from = (uintptr_t)to, end = from + bytes;
    auto at = written.upper_bound(from);
    if (at != written.begin() && std::prev(at)->second.end > from) --at;
    while (at != written.end() && at->first < end) {
        const auto [begin, old] = *at;
        at = written.erase(at);
        if (begin < from) written[begin] = {from, old.block, old.epoch};
        if (old.end > end) written[end] = {old.end, old.block, old.epoch};
    }
    written[from] = {end, b.number, b.ordered[b.number]};
}

std::string run_in_turns(size_t blocks, const std::function<void(Block&)>& prepare, const std::function<void(Block&)>& finish,
                         const std::function<void()>& kernel, Dim grid, const Mode& mode) {
    Turns turns;
    turns.random = mode.order;
    const size_t most = mode.order == 0 ? 1 : mode.order == 1 ? 4 : 3;
    std::vector<std::unique_ptr<Block>> running, idle;
    std::string failure;
    size_t next = 0;
    while (failure.empty() && (next < blocks || !running.empty())) {
        while (running.size() < most && next < blocks) {
            if (idle.empty()) {
                idle.push_back(std::make_unique<Block>());
                prepare(*idle.back());
            }
            Block& b = *idle.back();
            b.index = {(unsigned)(next % grid.x), (unsigned)(next / grid.x % grid.y), (unsigned)(next / grid.x / grid.y)};
            b.number = (uint32_t)next++;
            b.turns = &turns;
            b.ordered.assign(blocks, 0);
            b.ordered[b.number] = 1;
            begin_block(b, kernel);
            running.push_back(std::move(idle.back()));
            idle.pop_back();
        }
        const size_t n = running.size(), from = mode.order > 1 ? turns.draw((uint32_t)n) : 0;
        bool went = false;
        for (size_t i = 0; i < n && !went; i++) {
            const size_t which = mode.order > 1 ? (from + i) % n : n - 1 - i;
            Block& b = *running[which];
            went = run_block(b);
            if (b.failed) failure = b.failure;
            if (!b.failed && !b.paused) {
                idle.push_back(std::move(running[which]));
                running.erase(running.begin() + (long)which);
            }
        }
        if (!went) {
            const Dim at = running.front()->index;
            failure = "deadlock: every block that has been started waits for its turn; the first of them is block " +
                      std::to_string(at.x) + "," + std::to_string(at.y) + "," + std::to_string(at.z);
        }
    }
    for (auto* all : {&running, &idle})
        for (auto& b : *all) finish(*b);
    return failure;
}

}  // namespace emu
