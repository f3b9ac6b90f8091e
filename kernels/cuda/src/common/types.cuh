// Names every kernel uses: integer types, bf16, how kernels and shared memory are declared, where a thread is.
//
// There are two back ends. Under nvcc and NVRTC the `dev::` functions are instructions (inline PTX or compiler
// built-ins; no NVIDIA header is included, so NVRTC needs no include path). Otherwise the file is compiled as C++17 for
// the tests, and the same names call the emulator (`kernels/emulator`), which must have been included before.
#pragma once

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i32 = int;
using i64 = long long;

#if defined(__CUDACC__)
#define ON_DEVICE 1
#define DEV __device__ __forceinline__
// A kernel of at most `threads` threads a block, of which `blocks` blocks fit on a multiprocessor.
#define KERNEL(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)
// Makes a kernel known to the emulator by name.
#define EMULATE(name)
// One whose blocks take turns (turn.cuh): the emulator starts them in the order of their numbers, several at a time.
#define EMULATE_TURNS(name)
// The dynamic shared memory, aligned for the 128-byte swizzle.
#define DYN_SHARED(name) extern __shared__ __align__(1024) u8 name[]
// A static shared array, aligned for 16-byte accesses.
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]
#define UNROLL _Pragma("unroll")
#define UNROLL_NOT _Pragma("unroll 1")
// A tensor map for the Tensor Memory Accelerator, passed by value.
#define TENSOR_MAP(name) const __grid_constant__ TensorMap name
#else
#ifndef SMOLC_EMULATOR_H
#error "without a CUDA compiler the kernels need kernels/emulator/cpp/emulator.h"
#endif
#define ON_DEVICE 0
#define DEV inline
#define KERNEL(threads, blocks) void
#define EMULATE(name) const emu::Register register_##name(EMU_VARIANT, #name, &name, false);
#define EMULATE_TURNS(name) const emu::Register register_##name(EMU_VARIANT, #name, &name, true);
#define DYN_SHARED(name) u8* const name = emu::dynamic_shared()
#define SHARED(type, name, count)                       \
    static const int name##_site = emu::shared_site(); \
    type* const name = (type*)emu::static_shared(name##_site, sizeof(type) * (count))
#define UNROLL
#define UNROLL_NOT
#define TENSOR_MAP(name) const TensorMap name
#endif

// bfloat16: the upper half of an f32.
struct bf16 {
    u16 bits;
};

#if ON_DEVICE
// As large and as aligned as CUtensorMap; only the driver and the hardware look inside.
struct alignas(64) TensorMap {
    u64 opaque[16];
};
#else
using TensorMap = emu::TensorMap;
#endif

namespace dev {

constexpr int WARP = 32;
constexpr float LOG2_E = 1.4426950408889634f;
constexpr float LN_2 = 0.6931471805599453f;

template <class T>
struct Pair {
    T a, b;
};

#if ON_DEVICE
DEV int thread_x() { return (int)threadIdx.x; }
// The same, read again: for loops in which a register is worth more than the read.
DEV int thread_x_again() {
    int x;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(x));
    return x;
}
DEV int threads() { return (int)blockDim.x; }
DEV int block_x() { return (int)blockIdx.x; }
DEV int block_y() { return (int)blockIdx.y; }
DEV int block_z() { return (int)blockIdx.z; }
DEV int grid_x() { return (int)gridDim.x; }
DEV float from_bits(u32 bits) { return __uint_as_float(bits); }
DEV u32 to_bits(float x) { return __float_as_uint(x); }
DEV float to_f32(bf16 x) { return __uint_as_float((u32)x.bits << 16); }
// Two floats to bf16, rounded to nearest even: `low` in the lower half.
DEV u32 pack_bf16(float low, float high) {
    u32 r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}
DEV bf16 to_bf16(float x) {
    bf16 r;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r.bits) : "f"(x));
    return r;
}
#else
DEV int thread_x() { return emu::thread_x(); }
DEV int thread_x_again() { return emu::thread_x(); }
DEV int threads() { return emu::threads(); }
DEV int block_x() { return (int)emu::block_index().x; }
DEV int block_y() { return (int)emu::block_index().y; }
DEV int block_z() { return (int)emu::block_index().z; }
DEV int grid_x() { return (int)emu::grid_size().x; }
DEV float from_bits(u32 bits) { return emu::from_bits(bits); }
DEV u32 to_bits(float x) { return emu::to_bits(x); }
DEV float to_f32(bf16 x) { return emu::from_bits((u32)x.bits << 16); }
DEV bf16 to_bf16(float x) { return {emu::round_bf16(x)}; }
DEV u32 pack_bf16(float low, float high) { return to_bf16(low).bits | (u32)to_bf16(high).bits << 16; }
#endif

DEV float to_f32(float x) { return x; }
DEV int lane() { return thread_x() % WARP; }
DEV float infinity() { return from_bits(0x7f800000u); }
DEV int smaller(int a, int b) { return a < b ? a : b; }
DEV int greater(int a, int b) { return a > b ? a : b; }
DEV int ceil_div(int a, int b) { return (a + b - 1) / b; }

template <class T>
DEV T from_f32(float x);
template <>
DEV float from_f32<float>(float x) { return x; }
template <>
DEV bf16 from_f32<bf16>(float x) { return to_bf16(x); }

}  // namespace dev
