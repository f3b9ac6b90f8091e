//! Bitmaps in Arrow's layout: bit i of byte i / 8, least significant first.

use super::BatchError;

/// A view of `len` bits that begin `offset` bits into `bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    offset: usize,
    len: usize,
}

impl<'a> Bits<'a> {
    /// A view of a bitmap.
    ///
    /// Errors: [`BatchError::Bitmap`] if `bytes` holds fewer than `offset + len` bits.
    pub fn new(bytes: &'a [u8], offset: usize, len: usize) -> Result<Bits<'a>, BatchError> {
        let held = bytes.len().saturating_mul(8);
        match offset.checked_add(len) {
            Some(needed) if needed <= held => Ok(Bits { bytes, offset, len }),
            _ => Err(BatchError::Bitmap { offset, len, held }),
        }
    }

    /// Number of bits.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bit `index`; false beyond the end.
    pub fn get(&self, index: usize) -> bool {
        if index >= self.len {
            return false;
        }
        // In range: `new` has checked `offset + len`.
        let at = self.offset + index;
        self.bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
    }

    /// Bits `from..from + 64` as one word, bit 0 first. Those beyond the end may be anything.
    #[cfg_attr(not(feature = "jit"), allow(dead_code))] // machine code reads bitmaps by words
    pub(super) fn word(&self, from: usize) -> u64 {
        let at = self.offset.saturating_add(from);
        let tail = self.bytes.get(at / 8..).unwrap_or(&[]);
        let mut nine = [0u8; 16];
        match (tail.first_chunk::<9>(), nine.first_chunk_mut::<9>()) {
            (Some(all), Some(nine)) => *nine = *all,
            _ => nine.iter_mut().zip(tail).for_each(|(to, from)| *to = *from),
        }
        // The shift is below 8, and the 9 bytes hold 72 bits.
        let shifted = u128::from_le_bytes(nine) >> (at % 8);
        (shifted & u128::from(u64::MAX)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bits_agree_at_every_offset() {
        let bytes: Vec<u8> = (0..40u8).map(|i| i.wrapping_mul(151) ^ 0x5a).collect();
        for offset in 0..80 {
            let bits = Bits::new(&bytes, offset, 320 - offset).unwrap();
            for from in 0..bits.len() {
                let word = bits.word(from);
                for i in 0..64.min(bits.len() - from) {
                    assert_eq!(word >> i & 1 == 1, bits.get(from + i), "{offset} {from} {i}");
                }
            }
            assert!(!bits.get(bits.len()));
        }
    }

    #[test]
    fn what_is_not_there_is_refused() {
        assert!(Bits::new(&[0; 2], 3, 13).is_ok());
        assert!(Bits::new(&[0; 2], 4, 13).is_err());
        assert!(Bits::new(&[0; 2], usize::MAX, 2).is_err());
    }
}
