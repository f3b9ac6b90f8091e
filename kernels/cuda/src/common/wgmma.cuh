// Tensor-core products of a warpgroup of four warps (sm_90a), operands in shared memory as TMA left them.
//
// D[64, N] (+)= A[64, 16]·B[16, N], bf16 operands, f32 accumulators. Warp w of the group holds rows 16w … 16w + 15, and
// d[4j .. 4j + 3] is the accumulator of `mma_m16n8k16` for columns 8j … 8j + 7: the same view on both paths.
//
// The products run asynchronously: between the first of them and the wait, neither the accumulators nor the operands may
// be touched. `wgmma_fence` orders earlier writes to the accumulators before the products.
#pragma once
#include "common/cp_async.cuh"

namespace dev {

// Bytes of one row of an operand tile: 64 bf16, the span of the 128-byte swizzle.
constexpr int SWIZZLE_ROW = 128;
// Added to a descriptor for the next 16 along k: in a K-major tile k runs along the row (32 bytes), in an MN-major tile
// across rows (16 rows of 128 bytes).
constexpr u64 NEXT_K = 32 >> 4;
constexpr u64 NEXT_ROWS = 16 * SWIZZLE_ROW >> 4;

#if ON_DEVICE
// Describes a tile of rows of 64 bf16, 128-byte swizzle, eight rows every 1,024 bytes.
DEV u64 wgmma_descriptor(const void* tile) {
    const u64 address = shared_address(tile);
    return ((address & 0x3ffff) >> 4) | (u64)1 << 16 | (u64)(1024 >> 4) << 32 | (u64)1 << 62;
}
DEV void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
DEV void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Waits until at most N of the latest groups are still running.
template <int N>
DEV void wgmma_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory"); }
// Keeps the compiler from moving uses of the accumulators across this point.
template <int N>
DEV void pin(float (&d)[N]) {
    UNROLL for (int i = 0; i < N; i++) asm volatile("" : "+f"(d[i])::"memory");
}
template <int N>
DEV void registers_grow() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N)); }
template <int N>
DEV void registers_shrink() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N)); }

#define ACC4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define ACC16(i) ACC4(i), ACC4(i + 4), ACC4(i + 8), ACC4(i + 12)
#define NAMES_32 \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define NAMES_64 \
    NAMES_32     \
    ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"

// Both operands in shared memory, K-major: A is [64 rows][k], B is [N rows][k]. Overwrites D unless `add`.
DEV void wgmma_shared(float (&d)[64], u64 a, u64 b, bool add) {
    asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %66, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" NAMES_64 "}, %64, %65, add, 1, 1, 0, 0;\n}"
                 : ACC16(0), ACC16(16), ACC16(32), ACC16(48)
                 : "l"(a), "l"(b), "r"((int)add));
}
DEV void wgmma_shared(float (&d)[32], u64 a, u64 b, bool add) {
    asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %34, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" NAMES_32 "}, %32, %33, add, 1, 1, 0, 0;\n}"
                 : ACC16(0), ACC16(16)
                 : "l"(a), "l"(b), "r"((int)add));
}
// Both operands in shared memory, MN-major: A is [16 rows of k][64], B is [16 rows of k][64]. Overwrites D unless `add`.
DEV void wgmma_shared_columns(float (&d)[32], u64 a, u64 b, bool add) {
    asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %34, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" NAMES_32 "}, %32, %33, add, 1, 1, 1, 1;\n}"
                 : ACC16(0), ACC16(16)
                 : "l"(a), "l"(b), "r"((int)add));
}
// A in registers (the A fragment of `mma_m16n8k16`), B in shared memory, MN-major: B is [16 rows of k][64]. Adds to D.
DEV void wgmma_registers(float (&d)[32], const u32* a, u64 b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" NAMES_32
                 "}, {%32,%33,%34,%35}, %36, 1, 1, 1, 1;\n"
                 : ACC16(0), ACC16(16)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
// Four 8×8 matrices of an A operand (two of rows 0 … 7 and 8 … 15, then the next eight columns) to shared memory: lane l
// gives the address of the 16 bytes of row l % 16, of the columns 8·(l / 16) … .
DEV void stmatrix_x4(void* row, const u32* a) {
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(shared_address(row)), "r"(a[0]),
                 "r"(a[1]), "r"(a[2]), "r"(a[3])
                 : "memory");
}
#undef ACC4
#undef ACC16
#undef NAMES_32
#undef NAMES_64
#else
DEV u64 wgmma_descriptor(const void* tile) { return emu::wgmma_descriptor(tile); }
DEV void wgmma_fence() { emu::wgmma_fence(); }
DEV void wgmma_commit() { emu::wgmma_commit(); }
template <int N>
DEV void wgmma_wait() { emu::wgmma_wait(N); }
template <int N>
DEV void pin(float (&)[N]) {}
template <int N>
DEV void registers_grow() { emu::registers(N, true); }
template <int N>
DEV void registers_shrink() { emu::registers(N, false); }
DEV void wgmma_shared(float (&d)[64], u64 a, u64 b, bool add) { emu::wgmma_shared(d, 128, a, b, false, add); }
DEV void wgmma_shared(float (&d)[32], u64 a, u64 b, bool add) { emu::wgmma_shared(d, 64, a, b, false, add); }
DEV void wgmma_shared_columns(float (&d)[32], u64 a, u64 b, bool add) { emu::wgmma_shared(d, 64, a, b, true, add); }
DEV void stmatrix_x4(void* row, const u32* a) { emu::stmatrix_x4(row, a); }
DEV void wgmma_registers(float (&d)[32], const u32* a, u64 b) { emu::wgmma_registers(d, 64, a, b); }
#endif

}  // namespace dev
