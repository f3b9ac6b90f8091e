//! Views of the order: which samples of a step one rank sees.

/// One rank's share of a step. Sample `j` of the step goes to rank `j mod world`; the batch itself never depends on how
/// many ranks there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// This rank, below `world`.
    pub rank: u64,
    /// Number of ranks, at least 1.
    pub world: u64,
}

impl Share {
    /// The whole step on one rank.
    pub const WHOLE: Share = Share { rank: 0, world: 1 };

    /// Sample indices of this rank in the step that covers `first .. first + samples`, ascending.
    pub fn samples(self, first: u64, samples: u64) -> impl Iterator<Item = u64> {
        let world = self.world.max(1);
        let mine = samples.saturating_sub(self.rank).div_ceil(world);
        (0..mine).map(move |i| first + self.rank + i * world)
    }
}
