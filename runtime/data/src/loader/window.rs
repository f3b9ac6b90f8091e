//! One row of a batch.

use crate::store::SplitView;

/// A row's slices, all of one length.
pub(super) struct Row<'a> {
    pub(super) tokens: &'a mut [u32],
    pub(super) targets: &'a mut [u32],
    pub(super) weights: &'a mut [f32],
    pub(super) positions: &'a mut [u32],
    pub(super) document_start: &'a mut [u32],
}

impl Row<'_> {
    /// A row that counts for nothing and is valid to compute on.
    pub(super) fn pad(&mut self) {
        self.tokens.fill(0);
        self.targets.fill(0);
        self.weights.fill(0.0);
        self.document_start.fill(0);
        self.positions.iter_mut().zip(0..).for_each(|(p, t)| *p = t);
    }
}

/// Fills a row with the tokens from `start` on and the tokens that follow them.
///
/// A window holds `window + 1` tokens; the last one is only a target here and the first token of the next window. With a
/// document mask, a document that began before the row counts from the row's start.
pub(super) fn fill_row(view: &SplitView<'_>, start: u64, document_mask: bool, row: &mut Row<'_>) {
    let copied = view.copy(start, row.tokens) && view.copy(start + 1, row.targets);
    // The order draws whole windows only.
    debug_assert!(copied);
    if !copied {
        return row.pad();
    }
    row.weights.fill(1.0);
    row.document_start.fill(0);
    row.positions.iter_mut().zip(0..).for_each(|(p, t)| *p = t);
    if !document_mask {
        return;
    }
    let window = row.tokens.len() as u64;
    // Documents that end inside the row: `end` is where the next one begins.
    let first = view.ends().partition_point(|&end| end <= start);
    for &end in view.ends().iter().skip(first).take_while(|&&end| end <= start + window) {
        let begin = (end - start) as usize;
        // Token `begin - 1` is a document's last: what follows it is another document's.
        if let Some(weight) = row.weights.get_mut(begin - 1) {
            *weight = 0.0;
        }
        let positions = row.positions.get_mut(begin..).unwrap_or_default();
        positions.iter_mut().zip(0..).for_each(|(p, t)| *p = t);
        row.document_start.get_mut(begin..).unwrap_or_default().fill(begin as u32);
    }
}
