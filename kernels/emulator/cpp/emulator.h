// What the kernels' instruction layer (`kernels/cuda/src/common`) calls when it is compiled for the CPU, and how a
// translation unit makes its kernels known. The meaning of every call is stated in those headers; here is how it is
// checked.
#pragma once
#define SMOLC_EMULATOR_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

// Which build of the kernels this is: "plain", "race" (instrumented), or "bug:NAME".
#ifndef EMU_VARIANT
#define EMU_VARIANT "plain"
#endif

namespace emu {

struct Dim {
    unsigned x = 1, y = 1, z = 1;
};

// A three-dimensional bf16 tensor as the copy engine sees it; as large as the driver's descriptor. Mirrors
// `TensorMap` in kernels/emulator/src/lib.rs.
struct alignas(64) TensorMap {
    const uint8_t* base;
    int64_t columns, rows, slices;         // extent in elements
    int64_t row_bytes, slice_bytes;        // strides
    int32_t box_columns, box_rows;         // box, one slice deep
    uint32_t magic, pad;
    uint64_t fill[8];
};
static_assert(sizeof(TensorMap) == 128, "as large as CUtensorMap");
constexpr uint32_t TENSOR_MAP_MAGIC = 0x746d6170;

// Ends the launch with a message; never returns to the kernel.
[[noreturn]] __attribute__((format(printf, 1, 2))) void fail(const char* format, ...);

// Where the running thread is.
int thread_x();
int threads();
Dim block_index();
Dim grid_size();

// Shared memory.
uint8_t* dynamic_shared();
int shared_site();
void* static_shared(int site, size_t bytes);
void check_aligned(const void* p, size_t bytes, const char* what);

// Barriers and exchange.
void sync_block();
void sync_warp();
void bar_sync(int id, int count);
void bar_arrive(int id, int count);
uint32_t shuffle(uint32_t v, int from);
uint32_t shuffle_xor(uint32_t v, int mask);
uint32_t ballot(bool v);

// Tensor cores and asynchronous copies of sm_80.
void mma_m16n8k16(float* d, const uint32_t* a, uint32_t b0, uint32_t b1);
void ldmatrix_x4(uint32_t* r, const void* row, bool transposed);
void cp_async16(void* to, const void* from, bool present);
void cp_async_commit();
void cp_async_wait(int in_flight);

// sm_90a.
using Mbar = unsigned long long;
void mbar_init(Mbar* bar, int count);
void mbar_init_fence();
void mbar_arrive_expect(Mbar* bar, int bytes);
void mbar_arrive(Mbar* bar);
void mbar_wait(Mbar* bar, uint32_t parity);
void tma_load(void* to, const TensorMap* map, Mbar* bar, int x, int y, int z);
uint64_t wgmma_descriptor(const void* tile);
void wgmma_fence();
void wgmma_commit();
void wgmma_wait(int in_flight);
void wgmma_shared(float* d, int n, uint64_t a, uint64_t b, bool columns, bool add);
void wgmma_registers(float* d, int n, const uint32_t* a, uint64_t b);
void registers(int count, bool grow);
void stmatrix_x4(void* row, const uint32_t* a);
void bulk_write(float* to, const void* from, int bytes, bool add);
void bulk_commit();
void bulk_wait(bool read_only);
void fence_engine(bool global);

// Turns of blocks at global memory.
void turn_wait(const uint32_t* counter, uint32_t turn);
void turn_pass(uint32_t* counter);

// Integer atomics; the order of the additions cannot matter.
unsigned long long atomic_add(unsigned long long* p, unsigned long long v);
uint32_t atomic_add(uint32_t* p, uint32_t v);
uint32_t atomic_or(uint32_t* p, uint32_t v);

// Arithmetic.
inline float from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, 4);
    return f;
}
inline uint32_t to_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}
inline uint16_t round_bf16(float f) {
    const uint32_t bits = to_bits(f);
    if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;  // what cvt.rn.bf16 makes of a NaN
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline float square_root(float x) { return sqrtf(x); }
inline double square_root(double x) { return sqrt(x); }
inline float fused(float a, float b, float c) { return fmaf(a, b, c); }
inline float greatest(float a, float b) { return fmaxf(a, b); }
inline float exponential(float x) { return expf(x); }
inline float exponential2(float x) { return exp2f(x); }
inline float logarithm(float x) { return logf(x); }
inline float logarithm2(float x) { return log2f(x); }
inline void sin_cos_pi(float x, float& s, float& c) {
    s = (float)sin(M_PI * (double)x);
    c = (float)cos(M_PI * (double)x);
}

// A kernel's entry: calls it with arguments read from `arguments`, one pointer each, as cuLaunchKernel does.
struct Entry {
    std::vector<size_t> sizes;
    std::function<void(void* const*)> call;
    bool turns;  // blocks wait for each other: see blocks.cpp
};
void add_kernel(const char* variant, const char* name, Entry entry);

struct Register {
    template <class... A>
    Register(const char* variant, const char* name, void (*kernel)(A...), bool turns) {
        add_kernel(variant, name,
                   {{sizeof(A)...},
                    [kernel](void* const* arguments) { call(kernel, arguments, std::index_sequence_for<A...>()); },
                    turns});
    }

private:
    template <class... A, size_t... I>
    static void call(void (*kernel)(A...), void* const* arguments, std::index_sequence<I...>) {
        kernel(*(std::decay_t<A>*)arguments[I]...);
    }
};

}  // namespace emu
