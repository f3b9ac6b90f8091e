// SwiGLU: out[M, F] = silu(gate)·up with gate_up[M, 2F] = gate | up, and its gradient.
//
// Shazeer, GLU Variants Improve Transformer, 2020. dup = dout·silu(g), dgate = dout·up·σ(g)·(1 + g·(1 - σ(g))).
// One thread a pack of 16 bytes; F is a multiple of 8. Bytes in bf16: 6·M·F forward, 10·M·F backward; in f32 twice that.
// Launch: ⌈packs / 256⌉ blocks of 256, packs = M·F / (elements of a pack) below 2³².
#include "common/math.cuh"
#include "common/vec.cuh"

namespace dev {

constexpr int SWIGLU_THREADS = 256;

// Where pack `i` of [rows, f] lies: its column, and the offset of its gate in [rows, 2f].
struct GatePlace {
    i64 gate, out;
};
template <class T>
DEV GatePlace gate_place(u32 i, int f) {
    const u32 per_row = (u32)(f / Pack<T>::N), row = i / per_row;
    const int column = (int)(i - row * per_row) * Pack<T>::N;
    return {(i64)row * 2 * f + column, (i64)row * f + column};
}

template <class T>
DEV void swiglu(const T* gate_up, T* out, u32 packs, int f) {
    const u32 i = (u32)block_x() * SWIGLU_THREADS + (u32)thread_x();
    if (i >= packs) return;
    const GatePlace at = gate_place<T>(i, f);
    const Pack<T> gate = load_once(gate_up + at.gate), up = load_once(gate_up + at.gate + f);
    Pack<T> r;
    UNROLL for (int j = 0; j < Pack<T>::N; j++) {
        float sigmoid;
        r.v[j] = silu(gate.v[j], sigmoid) * up.v[j];
    }
    store(out + at.out, r);
}

template <class T>
DEV void swiglu_backward(const T* gate_up, const T* dout, T* dgate_up, u32 packs, int f) {
    const u32 i = (u32)block_x() * SWIGLU_THREADS + (u32)thread_x();
    if (i >= packs) return;
    const GatePlace at = gate_place<T>(i, f);
    const Pack<T> gate = load_once(gate_up + at.gate), up = load_once(gate_up + at.gate + f);
    const Pack<T> d = load_once(dout + at.out);
    Pack<T> dgate, dup;
    UNROLL for (int j = 0; j < Pack<T>::N; j++) {
        float sigmoid;
        const float s = silu(gate.v[j], sigmoid);
        // σ·(1 + g·(1 - σ)) = σ + silu·(1 - σ)
        dgate.v[j] = d.v[j] * up.v[j] * (sigmoid + s * (1.f - sigmoid));
        dup.v[j] = d.v[j] * s;
    }
    store(dgate_up + at.gate, dgate);
    store(dgate_up + at.gate + f, dup);
}

}  // namespace dev

#define SWIGLU(T, name)                                                                                               \
    KERNEL(256, 1) swiglu_##name(const T* gate_up, T* out, u32 packs, int f) { dev::swiglu(gate_up, out, packs, f); } \
    EMULATE(swiglu_##name)                                                                                            \
    KERNEL(256, 1) swiglu_backward_##name(const T* gate_up, const T* dout, T* dgate_up, u32 packs, int f) {           \
        dev::swiglu_backward(gate_up, dout, dgate_up, packs, f);                                                      \
    }                                                                                                                 \
    EMULATE(swiglu_backward_##name)

SWIGLU(float, f32)
SWIGLU(bf16, bf16)
