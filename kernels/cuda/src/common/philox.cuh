// Philox4x32-10, a counter-based random generator: 128 bits that depend on (key, counter) alone.
//
// Salmon, Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, 2011.
#pragma once
#include "common/math.cuh"

namespace dev {

struct Random4 {
    u32 v[4];
};

DEV Random4 philox(u64 key, u64 counter_low, u64 counter_high) {
    u32 k0 = (u32)key, k1 = (u32)(key >> 32);
    Random4 c{{(u32)counter_low, (u32)(counter_low >> 32), (u32)counter_high, (u32)(counter_high >> 32)}};
    UNROLL for (int round = 0; round < 10; round++) {
        const u32 high0 = mul_high(0xD2511F53u, c.v[0]), low0 = 0xD2511F53u * c.v[0];
        const u32 high1 = mul_high(0xCD9E8D57u, c.v[2]), low1 = 0xCD9E8D57u * c.v[2];
        c = Random4{{high1 ^ c.v[1] ^ k0, low1, high0 ^ c.v[3] ^ k1, low0}};
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c;
}

// Uniform in (0, 1): the middle of one of 2^23 equal intervals, exact in f32, never 0 or 1.
DEV float uniform(u32 bits) { return ((float)(bits >> 9) + 0.5f) * 1.1920928955078125e-7f; }

// Two standard normal values from two words (Box and Muller, 1958).
DEV Pair<float> normals(u32 a, u32 b) {
    const float radius = sqrt_rn(-2.f * log_f(uniform(a)));
    float s, c;
    sin_cos_pi(2.f * uniform(b), s, c);
    return {radius * c, radius * s};
}

}  // namespace dev
