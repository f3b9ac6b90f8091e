// Fibers: switching, choosing who runs next, waiting, and reporting a block in which nobody can run.
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <sys/mman.h>
#if !defined(__x86_64__) || defined(EMU_PORTABLE)
#include <ucontext.h>
#endif

#include "state.h"

namespace emu {

thread_local Fiber* current = nullptr;

constexpr size_t PAGE = 4096, STACK = 256 << 10;

// ---- switching -----------------------------------------------------------------------------------------------------

#if defined(__x86_64__) && !defined(EMU_PORTABLE)
// Saves the callee-saved registers of the System V ABI on the stack and continues on another stack.
extern "C" void emu_switch(void** save, void* load);
asm(R"(
.text
.globl emu_switch
.type emu_switch,@function
emu_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
.size emu_switch,.-emu_switch
)");

// A stack that "returns" into `entry` with six zeroed registers.
static void* fresh_stack(uint8_t* top, void (*entry)()) {
    void** p = (void**)((uintptr_t)top & ~(uintptr_t)15);
    *--p = nullptr;
    *--p = (void*)entry;
    for (int i = 0; i < 6; i++) *--p = nullptr;
    return p;
}
#else
// Other processors: slower, by the C library.
static void emu_switch(void** save, void* load) {
    ucontext_t here;
    *save = &here;
    swapcontext(&here, (ucontext_t*)load);
}
static void* fresh_stack(uint8_t* top, void (*entry)()) {
    uint8_t* const bottom = top - STACK;
    auto* context = (ucontext_t*)bottom;  // lives at the far end of its own stack
    getcontext(context);
    context->uc_stack.ss_sp = bottom + sizeof(ucontext_t) + 64;
    context->uc_stack.ss_size = STACK - sizeof(ucontext_t) - 128;
    context->uc_link = nullptr;
    makecontext(context, entry, 0);
    return context;
}
#endif

// ---- stacks, kept for later launches -------------------------------------------------------------------------------

static std::mutex stacks_lock;
static std::vector<uint8_t*>& free_stacks() {
    static auto* stacks = new std::vector<uint8_t*>;
    return *stacks;
}

static uint8_t* take_stack() {
    {
        std::lock_guard<std::mutex> hold(stacks_lock);
        auto& stacks = free_stacks();
        if (!stacks.empty()) {
            uint8_t* stack = stacks.back();
            stacks.pop_back();
            return stack;
        }
    }
    auto* stack = (uint8_t*)mmap(nullptr, STACK + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, PAGE, PROT_NONE) != 0) {
        perror("emulator: no memory for a stack");
        abort();
    }
    return stack;
}

// ---- who runs next -------------------------------------------------------------------------------------------------

static uint32_t next_random(Block& b) {
    b.random = b.random * 1664525u + 1013904223u;
    return b.random >> 16;
}

static Fiber* pick_lane(Block& b, int warp) {
    uint32_t ready = b.warps[warp].ready;
    int lane;
    if (b.mode.order == 0) {
        lane = __builtin_ctz(ready);
    } else if (b.mode.order == 1) {
        lane = 31 - __builtin_clz(ready);
    } else {
        for (int skip = (int)(next_random(b) % __builtin_popcount(ready)); skip > 0; skip--) ready &= ready - 1;
        lane = __builtin_ctz(ready);
    }
    return &b.fiber(warp, lane);
}

// The next runnable fiber, of the same warp while it has one; bulk copies land only when no fiber can run.
static Fiber* pick(Block& b, int warp) {
    for (;;) {
        if (b.warps[warp].ready) return pick_lane(b, warp);
        const size_t n = b.warp_order.size(), from = b.mode.order > 1 ? next_random(b) % n : 0;
        bool found = false;
        for (size_t i = 0; i < n && !found; i++) {
            const int w = b.warp_order[(from + i) % n];
            if (b.warps[w].ready) {
                warp = w;
                found = true;
            }
        }
        if (!found && !run_one_bulk_copy(b)) return nullptr;
    }
}

static void jump(void** save, Fiber* to) {
    current = to;
    emu_switch(save, to->stack_pointer);
}

void wake(Fiber* fiber) {
    fiber->status = Status::Ready;
    fiber->block->warps[fiber->warp].ready |= 1u << fiber->lane;
}

static void report_deadlock(Block& b) {
    std::string who;
    int shown = 0;
    for (auto& f : b.fibers) {
        if (f.status != Status::Waiting || shown == 12) continue;
        if (shown++) who += ", ";
        who += "thread " + std::to_string(f.thread) + " in " + f.waits_in;
    }
    fail("deadlock: no thread can run; %s", who.c_str());
}

// Leaves the block for others; returns when it goes on.
void pause_block() {
    Fiber* me = current;
    Block& b = *me->block;
    b.paused = true;
    b.resume = me;
    emu_switch(&me->stack_pointer, b.host_stack);
}

// Who runs after a fiber that cannot, whose stack this is on.
static Fiber* next_fiber(Block& b, Fiber* me) {
    for (;;) {
        Fiber* next = pick(b, me->warp);
        if (next) return next;
        if (!b.waiting_for_turns) report_deadlock(b);
        pause_block();
    }
}

void block_on(const char* waits_in) {
    Fiber* me = current;
    Block& b = *me->block;
    me->status = Status::Waiting;
    me->waits_in = waits_in;
    b.warps[me->warp].ready &= ~(1u << me->lane);
    Fiber* next = next_fiber(b, me);
    if (next != me) jump(&me->stack_pointer, next);
}

void release(Barrier& barrier, Fiber* last) {
    Fiber* any = last ? last : barrier.waiting.front();
    race_join(*any->block, barrier, last);
    barrier.arrived = 0;
    for (Fiber* f : barrier.waiting) wake(f);
    barrier.waiting.clear();
    barrier.arrivals.clear();
}

// ---- the end of a thread, of a block, of a launch ------------------------------------------------------------------

static void leave_block(Block& b) {
    void* abandoned;
    emu_switch(&abandoned, b.host_stack);
    __builtin_unreachable();
}

void fail(const char* format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    Fiber* me = current;
    if (!me) {
        fprintf(stderr, "emulator, outside a kernel: %s\n", text);
        abort();
    }
    Block& b = *me->block;
    char place[128];
    snprintf(place, sizeof place, " [block %u,%u,%u, thread %d, warp %d, lane %d]", b.index.x, b.index.y, b.index.z, me->thread, me->warp,
             me->lane);
    b.failed = true;
    b.failure = std::string(text) + place;
    leave_block(b);
    __builtin_unreachable();
}

static void fiber_main() {
    (*current->block->kernel)();
    Fiber* me = current;
    Block& b = *me->block;
    Warp& w = b.warps[me->warp];
    if (!me->copies.empty()) fail("the thread ends with cp.async in flight");
    end_of_bulk_writes();
    if (w.arrived) fail("the thread ends while lanes of its warp wait in %s", w.operation);
    me->status = Status::Done;
    w.ready &= ~(1u << me->lane);
    w.alive &= ~(1u << me->lane);
    b.alive--;
    if (b.alive && b.barriers[0].arrived == b.alive) release(b.barriers[0], nullptr);
    if (b.alive) {
        Fiber* next = next_fiber(b, me);
        void* abandoned;
        jump(&abandoned, next);
    }
    check_nothing_in_flight(b);
    leave_block(b);
}

static void free_arrays(Block& b) {
    for (auto& array : b.arrays) free(array.at);
    b.arrays.clear();
}

void begin_block(Block& b, const std::function<void()>& kernel) {
    b.kernel = &kernel;
    b.alive = b.count;
    free_arrays(b);
    b.bulk.clear();
    b.mbar_waiting.clear();
    b.mbars.clear();
    b.mbars_published = false;
    b.random = b.mode.order;
    if (b.dynamic_bytes) memset(b.dynamic, 0xFF, b.dynamic_bytes);  // NaN in every type: reads of unwritten memory show
    for (auto& w : b.warps) w = Warp();
    for (auto& x : b.barriers) x = Barrier();
    for (auto& x : b.groups) x = Barrier();
    for (int t = 0; t < b.count; t++) {
        Fiber& f = b.fibers[t];
        f.stack_pointer = fresh_stack(f.stack + PAGE + STACK, fiber_main);
        f.status = Status::Ready;
        f.copies.clear();
        f.groups.clear();
        f.writes.clear();
        f.committed = 0;
        f.unfenced_writes = f.unfenced_turn = false;
        f.counter = nullptr;
        b.warps[f.warp].alive |= 1u << f.lane;
    }
    for (auto& w : b.warps) w.ready = w.alive;
    b.waiting_for_turns = 0;
    b.paused = false;
    race_begin(b);
}

bool run_block(Block& b) {
    Fiber* next = b.paused ? b.resume : pick(b, b.warp_order[0]);
    const bool woken = wake_for_turn(b);
    if (b.paused && !woken && next->status != Status::Ready) return false;
    b.paused = false;
    current = next;
    emu_switch(&b.host_stack, next->stack_pointer);
    current = nullptr;
    return true;
}

// ---- blocks and memory ---------------------------------------------------------------------------------------------

bool Block::in_shared(const void* p, size_t bytes) const {
    auto at = (const uint8_t*)p;
    if (at >= dynamic && at + bytes <= dynamic + dynamic_bytes) return true;
    for (auto& array : arrays)
        if (array.at && at >= array.at && at + bytes <= array.at + array.bytes) return true;
    return false;
}

int thread_x() { return current->thread; }
int threads() { return current->block->count; }
Dim block_index() { return current->block->index; }
Dim grid_size() { return current->block->grid; }
uint8_t* dynamic_shared() { return current->block->dynamic; }

int shared_site() {
    static std::mutex lock;
    static int sites = 0;
    std::lock_guard<std::mutex> hold(lock);
    return sites++;
}

void* static_shared(int site, size_t bytes) {
    Block& b = *current->block;
    if ((int)b.arrays.size() <= site) b.arrays.resize(site + 1);
    SharedArray& array = b.arrays[site];
    if (!array.at) {
        array.at = (uint8_t*)aligned_alloc(128, (bytes + 127) / 128 * 128);
        array.bytes = bytes;
        memset(array.at, 0xFF, bytes);
    }
    return array.at;
}

void check_aligned(const void* p, size_t bytes, const char* what) {
    if ((uintptr_t)p % bytes) fail("%s at %p: not a multiple of %zu bytes", what, p, bytes);
}

// ---- accesses outside every buffer ---------------------------------------------------------------------------------

static void on_fault(int signal, siginfo_t* info, void*) {
    if (current) fail("access outside every buffer, at address %p", info->si_addr);
    struct sigaction standard = {};
    standard.sa_handler = SIG_DFL;
    sigaction(signal, &standard, nullptr);
}

// Faults inside a kernel end the launch with a message. The handler runs on a stack of its own, because a fault may be a
// stack that overflowed; it is left by switching away.
void catch_faults() {
    static thread_local std::unique_ptr<uint8_t[]> own;
    if (!own) {
        own.reset(new uint8_t[64 << 10]);
        stack_t stack = {};
        stack.ss_sp = own.get();
        stack.ss_size = 64 << 10;
        sigaltstack(&stack, nullptr);
    }
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction action = {};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        sigaction(SIGSEGV, &action, nullptr);
        sigaction(SIGBUS, &action, nullptr);
    });
}

void prepare(Block& b, Dim grid, Dim size, size_t shared, Mode mode, bool race) {
    b.grid = grid;
    b.size = size;
    b.mode = mode;
    b.race = race;
    b.count = (int)(size.x * size.y * size.z);
    b.fibers.resize(b.count);
    b.warps.resize((b.count + LANES - 1) / LANES);
    b.dynamic_bytes = shared;
    if (shared) {
        // One page more, never accessible, behind the memory.
        b.mapped = (shared + PAGE - 1) / PAGE * PAGE + PAGE;
        b.dynamic = (uint8_t*)mmap(nullptr, b.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(b.dynamic + b.mapped - PAGE, PAGE, PROT_NONE);
    }
    const size_t warps = b.warps.size();
    for (size_t i = 0; i < warps; i++) b.warp_order.push_back((int)(mode.order == 1 ? warps - 1 - i : i));
    for (int t = 0; t < b.count; t++) {
        Fiber& f = b.fibers[t];
        f.block = &b;
        f.thread = t;
        f.warp = t / LANES;
        f.lane = t % LANES;
        f.stack = take_stack();
    }
}

void dispose(Block& b) {
    free_arrays(b);
    if (b.mapped) munmap(b.dynamic, b.mapped);
    std::lock_guard<std::mutex> hold(stacks_lock);
    for (auto& f : b.fibers) free_stacks().push_back(f.stack);
}

}  // namespace emu
