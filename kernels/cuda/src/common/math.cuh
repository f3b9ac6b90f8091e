// Arithmetic with a stated rounding, and the approximate functions of the special-function unit.
//
// The `_rn` forms are single IEEE operations that the compiler may not contract into a fused multiply-add: kernels that
// promise the bits of the CPU operators use them.
#pragma once
#include "common/types.cuh"

namespace dev {

#if ON_DEVICE
DEV float mul_rn(float a, float b) { return __fmul_rn(a, b); }
DEV float add_rn(float a, float b) { return __fadd_rn(a, b); }
DEV float sub_rn(float a, float b) { return __fsub_rn(a, b); }
DEV float div_rn(float a, float b) { return __fdiv_rn(a, b); }
DEV float sqrt_rn(float a) { return __fsqrt_rn(a); }
DEV float fma_rn(float a, float b, float c) { return __fmaf_rn(a, b, c); }
DEV float max_f(float a, float b) { return fmaxf(a, b); }
DEV float exp_f(float x) { return expf(x); }
DEV float log_f(float x) { return logf(x); }
// 2^x, two units in the last place, denormal results become 0.
DEV float exp2_fast(float x) {
    float r;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}
// log2 x, for normal x.
DEV float log2_fast(float x) {
    float r;
    asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}
DEV void sin_cos_pi(float x, float& s, float& c) { sincospif(x, &s, &c); }
DEV double sqrt_d(double x) { return sqrt(x); }
DEV u32 mul_high(u32 a, u32 b) { return __umulhi(a, b); }
DEV int count_bits(u32 x) { return __popc(x); }
#else
DEV float mul_rn(float a, float b) { return a * b; }
DEV float add_rn(float a, float b) { return a + b; }
DEV float sub_rn(float a, float b) { return a - b; }
DEV float div_rn(float a, float b) { return a / b; }
DEV float sqrt_rn(float a) { return emu::square_root(a); }
DEV float fma_rn(float a, float b, float c) { return emu::fused(a, b, c); }
DEV float max_f(float a, float b) { return emu::greatest(a, b); }
DEV float exp_f(float x) { return emu::exponential(x); }
DEV float log_f(float x) { return emu::logarithm(x); }
DEV float exp2_fast(float x) { return emu::exponential2(x); }
DEV float log2_fast(float x) { return emu::logarithm2(x); }
DEV void sin_cos_pi(float x, float& s, float& c) { emu::sin_cos_pi(x, s, c); }
DEV double sqrt_d(double x) { return emu::square_root(x); }
DEV u32 mul_high(u32 a, u32 b) { return (u32)((u64)a * b >> 32); }
DEV int count_bits(u32 x) { return __builtin_popcount(x); }
#endif

// x·σ(x), and σ(x) with it. exp(-x) overflows to infinity for very negative x, which gives the right 0.
DEV float silu(float x, float& sigmoid) {
    sigmoid = div_rn(1.f, 1.f + exp_f(-x));
    return x * sigmoid;
}

DEV bool is_finite(float x) { return (to_bits(x) & 0x7f800000u) != 0x7f800000u; }
// x - x is NaN for infinities and NaN.
DEV bool is_finite(double x) { return x - x == 0.0; }

}  // namespace dev
