//! One anonymous mapping that holds every tensor of a program.

use crate::bind::Span;
use crate::error::EngineError;
use memmap2::MmapMut;

/// The arena: exactly the plan's bytes, zero until written, seen as 4-byte words.
pub struct Arena {
    map: MmapMut,
    words: usize,
}

impl Arena {
    /// Maps `bytes` bytes. Pages are committed when they are first touched.
    pub fn new(bytes: u64) -> Result<Arena, EngineError> {
        let failed = |source| EngineError::Arena { bytes, source };
        let length = usize::try_from(bytes)
            .map_err(|e| failed(std::io::Error::new(std::io::ErrorKind::OutOfMemory, e)))?;
        let map = MmapMut::map_anon(length.max(4)).map_err(failed)?;
        // 2 MiB pages save TLB misses on every large operand; where the system has none, nothing is lost.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Arena { map, words: length / 4 })
    }

    /// The whole arena.
    pub fn words(&self) -> &[f32] {
        let (_, words, _) = bytemuck::pod_align_to::<u8, f32>(&self.map);
        &words[..self.words]
    }

    /// The whole arena, to write.
    pub fn words_mut(&mut self) -> &mut [f32] {
        // A mapping begins at a page, so nothing is cut off in front.
        let (_, words, _) = bytemuck::pod_align_to_mut::<u8, f32>(&mut self.map);
        &mut words[..self.words]
    }

    /// The operands of one operator in one layer. They never overlap; binding has checked that, so this cannot fail for
    /// a bound operator.
    pub fn operands<const N: usize>(
        &mut self,
        spans: [&Span; N],
        layer: usize,
    ) -> Result<[&mut [f32]; N], EngineError> {
        self.words_mut()
            .get_disjoint_mut(spans.map(|s| s.at(layer)))
            .map_err(|_| EngineError::Program("operands of one operator overlap".into()))
    }
}
