//! Handing out disjoint parts of one mutable slice to concurrent tasks.
#![allow(unsafe_code)]

use std::marker::PhantomData;

/// A mutable slice that tasks may split among themselves.
#[derive(Clone, Copy)]
pub(crate) struct Disjoint<'a, T> {
    start: *mut T,
    len: usize,
    owner: PhantomData<&'a mut [T]>,
}

// SAFETY: only `range` and `pointer` give access, and their callers promise disjointness.
unsafe impl<T: Send> Sync for Disjoint<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Disjoint<'_, T> {}

impl<'a, T> Disjoint<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Disjoint { start: slice.as_mut_ptr(), len: slice.len(), owner: PhantomData }
    }

    /// Elements `start .. start + len`.
    ///
    /// # Safety
    /// No other live reference, from this or another task, may overlap the range.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn range(&self, start: usize, len: usize) -> &'a mut [T] {
        assert!(start <= self.len && len <= self.len - start, "range {start}+{len} of {}", self.len);
        // SAFETY: in bounds as asserted; not aliased as promised by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }

    /// The address of the first element. Writing through it is subject to the same promise as [`Disjoint::range`].
    pub(crate) fn pointer(&self) -> *mut T {
        self.start
    }
}
