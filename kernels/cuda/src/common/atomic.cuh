// Atomic additions of integers, whose order cannot matter. Of floating-point numbers there are only those of the copy
// engine (bulk.cuh), in turns.
#pragma once
#include "common/types.cuh"

namespace dev {

#if ON_DEVICE
DEV u64 atomic_add(u64* p, u64 v) { return atomicAdd(p, v); }
DEV u32 atomic_add(u32* p, u32 v) { return atomicAdd(p, v); }
DEV u32 atomic_or(u32* p, u32 v) { return atomicOr(p, v); }
#else
DEV u64 atomic_add(u64* p, u64 v) { return emu::atomic_add(p, v); }
DEV u32 atomic_add(u32* p, u32 v) { return emu::atomic_add(p, v); }
DEV u32 atomic_or(u32* p, u32 v) { return emu::atomic_or(p, v); }
#endif

// Bits that kernels set in the fault word when data breaks a promise; the host reads it with the loss.
constexpr u32 FAULT_TOKEN = 1;   // a token id has no row in the embedding
constexpr u32 FAULT_TARGET = 2;  // a target is outside the vocabulary
constexpr u32 FAULT_LOGITS = 4;  // a logit to sample from is not finite

}  // namespace dev
