//! What forward and backward attention share: a tile of up to 64 queries of one head, its lanes, and which keys it sees.
#![allow(unsafe_code)]

use std::ops::Range;

use crate::Heads;
use crate::lanes::{LANES, Lanes};

/// Queries in a tile: four vectors.
pub(crate) const QUERIES: usize = 4 * LANES;
/// Keys taken at a time; a multiple of the micro-kernel's six rows.
pub(crate) const KEYS: usize = 48;

/// Queries `first .. first + count` of one sequence.
pub(crate) struct QueryTile {
    pub(crate) first: usize,
    pub(crate) count: usize,
    /// First key each lane sees, and the lane's own position, as f32 (exact below 2²⁴).
    starts: [f32; QUERIES],
    positions: [f32; QUERIES],
    /// Least first key of the tile.
    lowest: usize,
    /// Greatest first key of each vector.
    latest: [usize; 4],
}

/// Keys of a key tile that the vectors from `vector` on can see.
pub(crate) struct Group {
    pub(crate) keys: Range<usize>,
    pub(crate) vector: usize,
}

impl QueryTile {
    /// The tile at `first` of a sequence whose token t sees keys `document_start[t] ..= t`.
    #[inline(always)]
    pub(crate) fn new(document_start: &[u32], first: usize) -> QueryTile {
        let count = QUERIES.min(document_start.len() - first);
        let mut tile = QueryTile {
            first,
            count,
            starts: [0.0; QUERIES],
            positions: [0.0; QUERIES],
            lowest: first,
            latest: [0; 4],
        };
        for lane in 0..QUERIES {
            tile.positions[lane] = (first + lane) as f32;
        }
        for (lane, &start) in document_start[first..first + count].iter().enumerate() {
            tile.starts[lane] = start as f32;
            tile.lowest = tile.lowest.min(start as usize);
            tile.latest[lane / LANES] = tile.latest[lane / LANES].max(start as usize);
        }
        tile
    }

    /// Vectors in use.
    #[inline(always)]
    pub(crate) fn vectors(&self) -> usize {
        self.count.div_ceil(LANES)
    }

    /// The key tiles that some query of the tile sees, in order.
    #[inline(always)]
    pub(crate) fn key_tiles(&self) -> impl Iterator<Item = Range<usize>> {
        let end = self.first + self.count;
        (self.lowest..end).step_by(KEYS).map(move |key| key..end.min(key + KEYS))
    }

    /// Cuts a key tile where one more vector of queries falls behind the diagonal. The first group of the first key tile
    /// has all vectors, because the tile's first query sees itself.
    #[inline(always)]
    pub(crate) fn groups(&self, keys: Range<usize>) -> impl Iterator<Item = Group> {
        let (first, mut key) = (self.first, keys.start);
        std::iter::from_fn(move || {
            let vector = key.saturating_sub(first) / LANES;
            let start = key;
            key = keys.end.min(first + (vector + 1) * LANES);
            (start < keys.end).then_some(Group { keys: start..key, vector })
        })
    }

    /// Keys of a key tile that are computed for a vector: those before the vector's end.
    #[inline(always)]
    pub(crate) fn computed(&self, keys: &Range<usize>, vector: usize) -> usize {
        (self.first + (vector + 1) * LANES).min(keys.end).saturating_sub(keys.start)
    }

    /// Whether some lane of a vector must not see some key of the tile that is computed for it.
    #[inline(always)]
    pub(crate) fn needs_mask(&self, keys: &Range<usize>, vector: usize) -> bool {
        keys.end > self.first + vector * LANES + 1 || keys.start < self.latest[vector]
    }

    /// The score, or minus infinity in the lanes that do not see `key`.
    #[inline(always)]
    pub(crate) fn mask<L: Lanes>(&self, score: L, key: usize, vector: usize) -> L {
        let key = L::splat(key as f32);
        let hidden = L::splat(f32::NEG_INFINITY);
        // SAFETY: `vector` < 4, and both arrays have four vectors.
        let (position, start) = unsafe {
            let at = vector * LANES;
            (L::load(self.positions[at..at + LANES].as_ptr()), L::load(self.starts[at..at + LANES].as_ptr()))
        };
        key.where_less(start, hidden, position.where_less(key, hidden, score))
    }
}

/// `to[c][lane] = from[lane][c] · scale` for `count` rows of `d` elements, `to` having rows of 64 lanes; the lanes beyond
/// the last row's vector are left alone, those inside it are zero.
///
/// # Safety
/// `from` must be valid for `count` rows of `d` elements `stride` apart, `to` for `d` rows of 64.
#[inline(always)]
pub(crate) unsafe fn to_lanes<L: Lanes>(
    from: *const f32,
    stride: usize,
    count: usize,
    d: usize,
    scale: f32,
    to: *mut f32,
) {
    let scale = L::splat(scale);
    for v in 0..count.div_ceil(LANES) {
        for c in (0..d).step_by(LANES) {
            let width = LANES.min(d - c);
            let mut block = [L::splat(0.0); LANES];
            for (i, row) in block.iter_mut().enumerate().take(count - v * LANES) {
                // SAFETY: row v·16 + i is below `count`, columns c .. c + width below d.
                *row = unsafe { load::<L>(from.add((v * LANES + i) * stride + c), width) }.mul(scale);
            }
            for (i, column) in L::transpose(block).into_iter().enumerate().take(width) {
                // SAFETY: row c + i is below d, and v below 4.
                unsafe { column.store(to.add((c + i) * QUERIES + v * LANES)) };
            }
        }
    }
}

/// `to[lane][c] = from[c][lane] · factor[lane]`: the inverse of [`to_lanes`].
///
/// # Safety
/// As [`to_lanes`], with the roles of the two pointers exchanged.
#[inline(always)]
pub(crate) unsafe fn from_lanes<L: Lanes>(
    from: *const f32,
    factor: &[L; 4],
    to: *mut f32,
    stride: usize,
    count: usize,
    d: usize,
) {
    for (v, &factor) in factor.iter().enumerate().take(count.div_ceil(LANES)) {
        for c in (0..d).step_by(LANES) {
            let width = LANES.min(d - c);
            let mut block = [L::splat(0.0); LANES];
            for (i, column) in block.iter_mut().enumerate().take(width) {
                // SAFETY: row c + i is below d, and v below 4.
                *column = unsafe { L::load(from.add((c + i) * QUERIES + v * LANES)) }.mul(factor);
            }
            for (i, row) in L::transpose(block).into_iter().enumerate().take(count - v * LANES) {
                // SAFETY: row v·16 + i is below `count`, columns c .. c + width below d.
                unsafe { store(row, to.add((v * LANES + i) * stride + c), width) };
            }
        }
    }
}

/// Copies rows `keys` of d elements, `stride` apart, next to each other: at their own distance they often fall into a few
/// sets of the first-level cache.
#[inline(always)]
pub(crate) fn copy_rows(from: &[f32], stride: usize, d: usize, keys: &Range<usize>, to: &mut [f32]) {
    for (to, key) in to.chunks_exact_mut(d).zip(keys.clone()) {
        to.copy_from_slice(&from[key * stride..][..d]);
    }
}

/// Reads `n` ≤ 16 values.
///
/// # Safety
/// As [`Lanes::load_head`].
#[inline(always)]
pub(crate) unsafe fn load<L: Lanes>(from: *const f32, n: usize) -> L {
    // SAFETY: passed on.
    unsafe { if n == LANES { L::load(from) } else { L::load_head(from, n) } }
}

/// Writes `n` ≤ 16 values.
///
/// # Safety
/// As [`Lanes::store_head`].
#[inline(always)]
pub(crate) unsafe fn store<L: Lanes>(value: L, to: *mut f32, n: usize) {
    // SAFETY: passed on.
    unsafe { if n == LANES { value.store(to) } else { value.store_head(to, n) } }
}

/// Checks what both passes rely on: lengths, and `document_start[t] ≤ t` in every sequence.
pub(crate) fn assert_attention(
    qkv: &[f32],
    document_start: &[u32],
    out: &[f32],
    lse: &[f32],
    b: usize,
    t: usize,
    heads: Heads,
) {
    let m = b * t;
    assert_eq!(
        (qkv.len(), out.len()),
        (m * heads.row(), m * heads.out_row()),
        "qkv and out of {b} x {t}, {heads:?}"
    );
    assert_eq!(
        (document_start.len(), lse.len()),
        (m, m * heads.heads),
        "document_start and lse of {b} x {t}, {heads:?}"
    );
    assert!(t < 1 << 24, "sequences of at most 2^24 - 1 tokens");
    for row in document_start.chunks_exact(t.max(1)) {
        assert!(
            row.iter().enumerate().all(|(t, &s)| s as usize <= t),
            "a document starts after its own token"
        );
    }
}
