// Barriers of a block and of parts of it.
#pragma once
#include "common/types.cuh"

namespace dev {

#if ON_DEVICE
DEV void sync_block() { __syncthreads(); }
DEV void sync_warp() { __syncwarp(); }
// Named barrier `id` (1 to 15) of `count` threads, a multiple of 32.
DEV void bar_sync(int id, int count) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(count) : "memory"); }
// Counts this warp's threads in the named barrier without waiting for the others.
DEV void bar_arrive(int id, int count) { asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(count) : "memory"); }
#else
DEV void sync_block() { emu::sync_block(); }
DEV void sync_warp() { emu::sync_warp(); }
DEV void bar_sync(int id, int count) { emu::bar_sync(id, count); }
DEV void bar_arrive(int id, int count) { emu::bar_arrive(id, count); }
#endif

}  // namespace dev
