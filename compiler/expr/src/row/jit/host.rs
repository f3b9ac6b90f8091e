//! What machine code calls for texts. Nothing here panics; pointers and lengths come from checked columns.

use std::slice;

/// Symbols of this file, for the linker of the JIT.
pub(super) fn symbols() -> [(&'static str, *const u8); 4] {
    [
        (EQUAL, equal as *const u8),
        (CONTAINS, contains as *const u8),
        (LENGTH, length as *const u8),
        (SHORTER, shorter as *const u8),
    ]
}

/// `fn(a, b, bytes of both) -> 0 or 1`
pub(super) const EQUAL: &str = "smol_text_equal";
/// `fn(a, bytes of a, b, bytes of b) -> 0 or 1`
pub(super) const CONTAINS: &str = "smol_text_contains";
/// `fn(text, bytes) -> characters`
pub(super) const LENGTH: &str = "smol_text_length";
/// `fn(text, bytes, limit) -> 1 if there are fewer characters than limit`
pub(super) const SHORTER: &str = "smol_text_shorter";

extern "C" fn equal(a: *const u8, b: *const u8, bytes: usize) -> u8 {
    // SAFETY: both are texts of this many bytes in columns that are borrowed for the whole call, or constants that the
    // code owns.
    let (a, b) = unsafe { (slice::from_raw_parts(a, bytes), slice::from_raw_parts(b, bytes)) };
    u8::from(a == b)
}

extern "C" fn contains(a: *const u8, a_bytes: usize, b: *const u8, b_bytes: usize) -> u8 {
    // SAFETY: as in `equal`; `Text` has checked that rows are UTF-8 from boundary to boundary, and constants were `str`s.
    let (a, b) = unsafe {
        (
            str::from_utf8_unchecked(slice::from_raw_parts(a, a_bytes)),
            str::from_utf8_unchecked(slice::from_raw_parts(b, b_bytes)),
        )
    };
    u8::from(a.contains(b))
}

extern "C" fn length(text: *const u8, bytes: usize) -> i64 {
    // SAFETY: as in `equal`.
    let text = unsafe { slice::from_raw_parts(text, bytes) };
    text.chunks(BLOCK).map(|block| characters(block) as i64).sum()
}

/// Stops as soon as the answer is known: when enough characters were seen, or too few bytes are left.
extern "C" fn shorter(text: *const u8, bytes: usize, limit: usize) -> u8 {
    // SAFETY: as in `equal`.
    let mut rest = unsafe { slice::from_raw_parts(text, bytes) };
    let mut seen = 0;
    while seen + rest.len() >= limit {
        let (block, after) = rest.split_at(rest.len().min(BLOCK));
        fetch(after.get(..after.len().min(BLOCK)).unwrap_or(after));
        seen += characters(block);
        if seen >= limit {
            return 0;
        }
        rest = after;
    }
    1
}

/// Bytes counted between two looks at the limit; fewer than 255 lanes of [`LANES`], so that no lane's u8 overflows.
const BLOCK: usize = 2048;
const LANES: usize = 32;

/// Asks for bytes ahead of their use: texts are rarely in a cache, and the processor stops guessing at every page.
fn fetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        // SAFETY: it has no effect but on the caches.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast())
        };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// Characters that begin in `bytes`: all bytes but those of the form 10xxxxxx.
fn characters(bytes: &[u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { characters_avx2(bytes) };
    }
    count(bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn characters_avx2(bytes: &[u8]) -> usize {
    count(bytes)
}

/// At most [`BLOCK`] bytes, in lanes that the compiler turns into vector instructions.
#[inline(always)]
fn count(bytes: &[u8]) -> usize {
    let begins = |byte: &u8| u8::from(byte.cast_signed() >= -64);
    let (lanes, rest) = bytes.as_chunks::<LANES>();
    let mut sums = [0u8; LANES];
    for lane in lanes {
        for (sum, byte) in sums.iter_mut().zip(lane) {
            *sum = sum.wrapping_add(begins(byte));
        }
    }
    let lanes: usize = sums.iter().map(|sum| usize::from(*sum)).sum();
    lanes + rest.iter().map(|byte| usize::from(begins(byte))).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_those_of_rust() {
        let text = "aé€🙂\u{0}z".repeat(700);
        let mut bounds = text.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
        bounds.push(text.len());
        for (from, to) in [(0, 1), (0, 0), (3, 40), (1, 4000), (0, bounds.len() - 1), (17, 900)] {
            let part = &text[bounds[from]..bounds[to]];
            let chars = part.chars().count();
            assert_eq!(length(part.as_ptr(), part.len()), chars as i64);
            for limit in [0, 1, chars.saturating_sub(1), chars, chars + 1, usize::MAX] {
                let found = shorter(part.as_ptr(), part.len(), limit) == 1;
                assert_eq!(found, chars < limit, "{chars} {limit}");
            }
        }
    }

    #[test]
    fn a_full_block_does_not_overflow_a_lane() {
        assert_eq!(characters(&[b'x'; BLOCK]), BLOCK);
    }
}
