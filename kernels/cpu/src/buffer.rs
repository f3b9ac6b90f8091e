//! A growable block of 64-byte aligned f32 memory.
#![allow(unsafe_code)]

/// One cache line of floats.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Scratch memory: grows, never shrinks, contents arbitrary.
pub(crate) struct Buffer {
    lines: Vec<Line>,
}

impl Buffer {
    pub(crate) fn new() -> Buffer {
        Buffer { lines: Vec::new() }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }

    /// Makes room for `floats` elements.
    pub(crate) fn reserve(&mut self, floats: usize) {
        let lines = floats.div_ceil(16);
        if lines > self.lines.len() {
            // The old contents need not be kept: free first, so that the peak is the larger of the two.
            self.lines = Vec::new();
            self.lines = vec![Line([0.0; 16]); lines];
        }
    }

    /// The first `floats` elements.
    pub(crate) fn floats(&mut self, floats: usize) -> &mut [f32] {
        assert!(floats <= self.lines.len() * 16);
        // SAFETY: `Line` is 16 consecutive initialised f32 without padding, and the length was checked.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), floats) }
    }
}
