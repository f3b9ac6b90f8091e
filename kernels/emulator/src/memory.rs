//! Buffers that stand for device memory: each lies between memory that nobody may touch.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;

unsafe extern "C" {
    fn mmap(
        at: *mut c_void,
        bytes: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: i64,
    ) -> *mut c_void;
    fn mprotect(at: *mut c_void, bytes: usize, protection: c_int) -> c_int;
    fn munmap(at: *mut c_void, bytes: usize) -> c_int;
}

const PAGE: usize = 4096;
/// Inaccessible memory before and after a buffer: addresses cost nothing, and a row too far is still inside.
const GUARD: usize = 1 << 20;
const READ_WRITE: c_int = 3;
const NONE: c_int = 0;
const PRIVATE_ANONYMOUS: c_int = 0x22;

/// A type that buffers hold: any bits are a value, and `POISON` is what memory nobody has written holds.
///
/// # Safety
/// Only for types of which every bit pattern is valid.
pub unsafe trait Element: Copy {
    /// NaN, or a number no test uses.
    const POISON: Self;
}
// SAFETY: every bit pattern is a value of these types.
unsafe impl Element for f32 {
    const POISON: f32 = f32::NAN;
}
// SAFETY: as above.
unsafe impl Element for f64 {
    const POISON: f64 = f64::NAN;
}
// SAFETY: as above; 0xffff is a NaN as bf16.
unsafe impl Element for u16 {
    const POISON: u16 = 0xffff;
}
// SAFETY: as above.
unsafe impl Element for u32 {
    const POISON: u32 = 0xdead_beef;
}
// SAFETY: as above.
unsafe impl Element for u64 {
    const POISON: u64 = 0xdead_beef_dead_beef;
}
// SAFETY: as above.
unsafe impl Element for i64 {
    const POISON: i64 = i64::MIN;
}
// SAFETY: as above.
unsafe impl Element for u8 {
    const POISON: u8 = 0xcd;
}

/// Memory of `len` elements, 16-byte aligned, right before a megabyte of inaccessible memory; as much lies before its
/// first page. The up to 15 bytes between the end and that hold a pattern that [`Buffer::intact`] checks.
pub struct Buffer<T: Element> {
    map: *mut u8,
    mapped: usize,
    at: *mut T,
    len: usize,
    element: PhantomData<T>,
}

const SLACK: u8 = 0xa5;

impl<T: Element> Buffer<T> {
    /// Holding a copy of `values`.
    pub fn new(values: &[T]) -> Buffer<T> {
        let mut buffer = Buffer::poisoned(values.len());
        buffer.as_mut_slice().copy_from_slice(values);
        buffer
    }

    /// Of `len` elements that nobody has written.
    pub fn poisoned(len: usize) -> Buffer<T> {
        let bytes = (len * size_of::<T>()).next_multiple_of(16);
        let inner = bytes.next_multiple_of(PAGE).max(PAGE);
        let mapped = inner + 2 * GUARD;
        // SAFETY: a fresh private mapping; the pages at both ends are made inaccessible, the rest is ours.
        let (map, at) = unsafe {
            let map = mmap(std::ptr::null_mut(), mapped, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0).cast::<u8>();
            assert!(map as isize != -1, "no memory for a buffer of {len} elements");
            assert!(
                mprotect(map.cast(), GUARD, NONE) == 0
                    && mprotect(map.add(GUARD + inner).cast(), GUARD, NONE) == 0,
                "guard pages"
            );
            (map, map.add(GUARD + inner - bytes).cast::<T>())
        };
        let mut buffer = Buffer { map, mapped, at, len, element: PhantomData };
        buffer.slack_mut().fill(SLACK);
        buffer.as_mut_slice().fill(T::POISON);
        buffer
    }

    fn slack_mut(&mut self) -> &mut [u8] {
        let used = self.len * size_of::<T>();
        // SAFETY: the mapping reaches from `at` to the next multiple of 16 bytes.
        unsafe {
            std::slice::from_raw_parts_mut(self.at.cast::<u8>().add(used), used.next_multiple_of(16) - used)
        }
    }

    /// Whether nobody wrote behind the last element.
    pub fn intact(&mut self) -> bool {
        self.slack_mut().iter().all(|&b| b == SLACK)
    }

    /// The address that launches are given.
    pub fn address(&self) -> u64 {
        self.at as u64
    }

    /// The elements.
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: `len` elements of our mapping, of which every bit pattern is a value.
        unsafe { std::slice::from_raw_parts(self.at, self.len) }
    }

    /// The elements, to change.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.len) }
    }
}

impl<T: Element> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `poisoned`, unmapped once.
        unsafe { munmap(self.map.cast(), self.mapped) };
    }
}

/// Rounds to nearest even.
pub fn f32_to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        return 0x7fff;
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// Exact.
pub fn bf16_to_f32(x: u16) -> f32 {
    f32::from_bits(u32::from(x) << 16)
}
