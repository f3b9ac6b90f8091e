// Sixteen bytes at a time between memory and f32 registers.
//
// Addresses are multiples of 16 bytes: every tensor starts at one, and rows are multiples of `Pack<T>::N` elements.
#pragma once
#include "common/types.cuh"

namespace dev {

struct alignas(16) Bytes16 {
    u32 w[4];
};

// N elements of type T as f32 values.
template <class T>
struct Pack {
    static constexpr int N = 16 / (int)sizeof(T);
    float v[N];
};

DEV Pack<float> widen(const Bytes16& raw, float) {
    Pack<float> p;
    UNROLL for (int i = 0; i < 4; i++) p.v[i] = from_bits(raw.w[i]);
    return p;
}
DEV Pack<bf16> widen(const Bytes16& raw, bf16) {
    Pack<bf16> p;
    UNROLL for (int i = 0; i < 4; i++) {
        p.v[2 * i] = from_bits(raw.w[i] << 16);
        p.v[2 * i + 1] = from_bits(raw.w[i] & 0xffff0000u);
    }
    return p;
}
DEV Bytes16 narrow(const Pack<float>& p) {
    Bytes16 raw;
    UNROLL for (int i = 0; i < 4; i++) raw.w[i] = to_bits(p.v[i]);
    return raw;
}
DEV Bytes16 narrow(const Pack<bf16>& p) {
    Bytes16 raw;
    UNROLL for (int i = 0; i < 4; i++) raw.w[i] = pack_bf16(p.v[2 * i], p.v[2 * i + 1]);
    return raw;
}

#if ON_DEVICE
DEV Bytes16 load16(const void* p) {
    Bytes16 r;
    asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r.w[0]), "=r"(r.w[1]), "=r"(r.w[2]), "=r"(r.w[3])
                 : "l"(p)
                 : "memory");
    return r;
}
// The same for data that is read once: it should not displace what others keep in the cache.
DEV Bytes16 load16_once(const void* p) {
    Bytes16 r;
    asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r.w[0]), "=r"(r.w[1]), "=r"(r.w[2]), "=r"(r.w[3])
                 : "l"(p)
                 : "memory");
    return r;
}
DEV void store16(void* p, const Bytes16& r) {
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(p), "r"(r.w[0]), "r"(r.w[1]), "r"(r.w[2]), "r"(r.w[3])
                 : "memory");
}
#else
DEV Bytes16 load16(const void* p) {
    emu::check_aligned(p, 16, "a 16-byte load");
    return *(const Bytes16*)p;
}
DEV Bytes16 load16_once(const void* p) { return load16(p); }
DEV void store16(void* p, const Bytes16& r) {
    emu::check_aligned(p, 16, "a 16-byte store");
    *(Bytes16*)p = r;
}
#endif

template <class T>
DEV Pack<T> load(const T* p) { return widen(load16(p), T()); }
template <class T>
DEV Pack<T> load_once(const T* p) { return widen(load16_once(p), T()); }
template <class T>
DEV void store(T* p, const Pack<T>& v) { store16(p, narrow(v)); }

// As many f32 values as a pack of T has elements.
template <class T>
DEV Pack<T> load_f32(const float* p) {
    Pack<T> r;
    UNROLL for (int i = 0; i < Pack<T>::N; i += 4) {
        const Pack<float> part = load(p + i);
        UNROLL for (int j = 0; j < 4; j++) r.v[i + j] = part.v[j];
    }
    return r;
}

}  // namespace dev
