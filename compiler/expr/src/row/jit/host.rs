//! What machine code calls for texts. Nothing here panics; pointers and lengths come from checked columns.

use std::slice;

/// Symbols of this file, for the linker of the JIT.
pub(super) fn symbols() -> [(&'static str, *const u8); 5] {
    [
        (EQUAL, equal as *const u8),
        (CONTAINS, contains as *const u8),
        (LENGTH, length as *const u8),
        (SHORTER, shorter as *const u8),
        (EXACTLY, exactly as *const u8),
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
/// `fn(text, bytes, length) -> 1 if there are exactly so many characters`
pub(super) const EXACTLY: &str = "smol_text_exactly";

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

extern "C" fn shorter(text: *const u8, bytes: usize, limit: usize) -> u8 {
    // SAFETY: as in `equal`.
    let text = unsafe { slice::from_raw_parts(text, bytes) };
    u8::from(decide(text, limit, |least, most| match () {
        () if most < limit => Some(true),
        () if least >= limit => Some(false),
        () => None,
    }))
}

extern "C" fn exactly(text: *const u8, bytes: usize, length: usize) -> u8 {
    // SAFETY: as in `equal`.
    let text = unsafe { slice::from_raw_parts(text, bytes) };
    u8::from(decide(text, length, |least, most| match () {
        () if most < length || least > length => Some(false),
        () if least == most => Some(true),
        () => None,
    }))
}

/// What `known` finds once it is told closely enough how many characters a text has, from at least to at most: those
/// counted, and one for every four bytes or for every byte of the rest.
fn decide(text: &[u8], limit: usize, known: impl Fn(usize, usize) -> Option<bool>) -> bool {
    // Were all ASCII, so many bytes would show that there are `limit` characters.
    let reach = limit.saturating_sub(text.len() / 4).saturating_mul(4) / 3;
    ask_ahead(text.get(..reach).unwrap_or(text));
    let (mut seen, mut rest) = (0, text);
    loop {
        // The rest may begin inside a character that was counted, with up to three bytes of it: it has at least
        // (bytes - 3) / 4 more, rounded up.
        if let Some(answer) = known(seen + rest.len() / 4, seen + rest.len()) {
            return answer;
        }
        if rest.is_empty() {
            // All is counted, and both functions above know then.
            return false;
        }
        let (step, after) = rest.split_at(rest.len().min(STEP));
        seen += characters(step);
        rest = after;
    }
}

/// Asks for the beginning of every further page, because the processor looks ahead within a page only and finds out where
/// the next one is when it is reached.
fn ask_ahead(text: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const PAGE: usize = 4096;
        let first = PAGE - text.as_ptr() as usize % PAGE;
        for page in text.get(first..).unwrap_or(&[]).chunks(PAGE) {
            // SAFETY: a prefetch reads nothing, and the address is one of the text.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(page.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = text;
}

/// Bytes counted between two looks at the limit.
const STEP: usize = 512;

/// Bytes counted at once: 64 vectors, so that no lane of eight bits counts beyond 255.
const BLOCK: usize = 2048;

/// Characters that begin in at most [`BLOCK`] bytes: all bytes but those of the form 10xxxxxx.
fn characters(bytes: &[u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { characters_avx2(bytes) };
    }
    count(bytes)
}

/// Written out, because what the compiler makes of [`count`] for AVX2 transposes blocks of lanes and is five times slower.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn characters_avx2(bytes: &[u8]) -> usize {
    use std::arch::x86_64::{
        __m256i, _mm256_cmpgt_epi8, _mm256_extract_epi64, _mm256_loadu_si256, _mm256_sad_epu8,
        _mm256_set1_epi8, _mm256_setzero_si256, _mm256_sub_epi8,
    };
    let (vectors, rest) = bytes.as_chunks::<32>();
    let (zero, last_inside) = (_mm256_setzero_si256(), _mm256_set1_epi8(-65));
    // Two sums, so that an addition need not wait for the one before it.
    let mut sums = [zero; 2];
    let mut pairs = vectors.chunks_exact(2);
    let begins = |vector: &[u8; 32]| {
        // SAFETY: the array has the vector's 32 bytes; the load asks no alignment.
        let vector = unsafe { _mm256_loadu_si256(vector.as_ptr().cast::<__m256i>()) };
        // As signed bytes, those of the form 10xxxxxx are -128 to -65. True is -1.
        _mm256_cmpgt_epi8(vector, last_inside)
    };
    for pair in &mut pairs {
        if let [a, b] = pair {
            sums = [_mm256_sub_epi8(sums[0], begins(a)), _mm256_sub_epi8(sums[1], begins(b))];
        }
    }
    for vector in pairs.remainder() {
        sums[0] = _mm256_sub_epi8(sums[0], begins(vector));
    }
    let total = sums.map(|sum| {
        let sum = _mm256_sad_epu8(sum, zero);
        _mm256_extract_epi64::<0>(sum)
            + _mm256_extract_epi64::<1>(sum)
            + _mm256_extract_epi64::<2>(sum)
            + _mm256_extract_epi64::<3>(sum)
    });
    (total[0] + total[1]) as usize + count(rest)
}

/// Eight bytes at a time.
fn count(bytes: &[u8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = bytes.as_chunks::<8>();
    let inside = |word: u64| ((word >> 7) & !(word >> 6) & EACH).count_ones() as usize;
    let words: usize = words.iter().map(|word| 8 - inside(u64::from_le_bytes(*word))).sum();
    words + rest.iter().filter(|byte| byte.cast_signed() >= -64).count()
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
                let found = exactly(part.as_ptr(), part.len(), limit) == 1;
                assert_eq!(found, chars == limit, "{chars} {limit}");
            }
        }
    }

    /// Every limit, of texts that are of one width or two: where the rest of a text begins inside a character, a count
    /// that is off by one shows at some of them.
    #[test]
    fn every_limit_is_decided_right() {
        for (unit, times) in [("x", 2300), ("é", 1200), ("€", 800), ("🙂", 600), ("🙂x", 450), ("xx€", 500)]
        {
            let text = unit.repeat(times);
            let chars = text.chars().count();
            for limit in 0..chars + 5 {
                let (p, n) = (text.as_ptr(), text.len());
                let found = (shorter(p, n, limit) == 1, exactly(p, n, limit) == 1);
                assert_eq!(found, (chars < limit, chars == limit), "{unit} {limit}");
            }
        }
    }

    #[test]
    fn every_byte_counts_at_every_length() {
        let bytes: Vec<u8> = (0..BLOCK).map(|i| (i * 37 % 256) as u8).collect();
        for length in (0..200).chain([BLOCK - 33, BLOCK - 1, BLOCK]) {
            let expected = bytes[..length].iter().filter(|b| **b & 0xc0 != 0x80).count();
            assert_eq!(characters(&bytes[..length]), expected, "{length}");
            assert_eq!(count(&bytes[..length]), expected, "{length}");
        }
    }

    #[test]
    fn a_full_block_does_not_overflow_a_lane() {
        assert_eq!(characters(&[b'x'; BLOCK]), BLOCK);
        assert_eq!(characters(&[0x80; BLOCK]), 0);
    }
}
