//! `attention_backward`: the gradient of [`crate::attention`] into dqkv, without the T×T matrix.
//!
//! With s = q·k/√d, p = exp(s - lse) (recomputed) and delta = Σ_c dout·out: dv_j = Σ_t p·dout_t,
//! ds = p·(dout_t·v_j - delta_t), dk_j = Σ_t ds·q_t/√d, dq_t = Σ_j ds·k_j/√d. Shapes as in the forward pass; delta is
//! `[B, H, T]`.
//!
//! Dao et al., FlashAttention, 2022, algorithm 4, with the loops exchanged: a task is one key/value head of one sequence and
//! walks its query heads, tiles of 64 queries and tiles of 48 keys in order, so that every sum has one order and no two
//! tasks write the same element. Cost: about 5·B·H·T²·d FLOP without documents.
#![allow(unsafe_code)]

use crate::Heads;
use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch, exp};
use crate::pool::Pool;
use crate::query_tile::{KEYS, QUERIES, QueryTile, assert_attention, from_lanes, load, store, to_lanes};
use crate::tile::Product;

/// Floats of thread scratch for heads of size `d`.
fn scratch(d: usize) -> usize {
    let padded = d.next_multiple_of(LANES);
    3 * d * QUERIES + 2 * QUERIES * padded + 2 * KEYS * QUERIES + KEYS * padded + 2 * KEYS * d
}

/// Writes all of dqkv and delta.
///
/// Thread scratch: (3·d + 2·d' + 96)·64 + 48·(d' + 2·d) floats, d' being d rounded up to 16.
pub fn attention_backward(
    pool: &Pool,
    qkv: &[f32],
    document_start: &[u32],
    out: &[f32],
    lse: &[f32],
    dout: &[f32],
    delta: &mut [f32],
    dqkv: &mut [f32],
    b: usize,
    t: usize,
    heads: Heads,
) {
    assert_attention(qkv, document_start, out, lse, b, t, heads);
    assert_eq!(
        (dout.len(), delta.len(), dqkv.len()),
        (out.len(), lse.len(), qkv.len()),
        "gradients of {b} x {t}"
    );
    let row = heads.row();
    let (delta, dqkv) = (Disjoint::new(delta), Disjoint::new(dqkv));
    pool.run_with_scratch(b * heads.kv_heads, scratch(heads.head_dim), |task, scratch| {
        let (sequence, kv_head) = (task / heads.kv_heads, task % heads.kv_heads);
        dispatch(Backward {
            qkv: &qkv[sequence * t * row..][..t * row],
            document_start: &document_start[sequence * t..][..t],
            out: &out[sequence * t * heads.out_row()..][..t * heads.out_row()],
            dout: &dout[sequence * t * heads.out_row()..][..t * heads.out_row()],
            lse: &lse[sequence * t * heads.heads..][..t * heads.heads],
            delta,
            dqkv,
            sequence,
            kv_head,
            heads,
            scratch,
        });
    });
}

/// One key/value head of one sequence, with its query heads.
struct Backward<'a> {
    qkv: &'a [f32],
    document_start: &'a [u32],
    out: &'a [f32],
    dout: &'a [f32],
    lse: &'a [f32],
    delta: Disjoint<'a, f32>,
    dqkv: Disjoint<'a, f32>,
    sequence: usize,
    kv_head: usize,
    heads: Heads,
    scratch: &'a mut [f32],
}

/// The parts of the scratch memory, and this task's keys, values and their gradients (rows `row` apart).
struct Places {
    /// q/√d and dout with queries across: `[d, 64]`.
    q_lanes: *mut f32,
    dout_lanes: *mut f32,
    /// dq with queries across: `[d, 64]`.
    dq_lanes: *mut f32,
    /// q/√d and dout by rows, padded to whole vectors: `[64, padded]`.
    q_rows: *mut f32,
    dout_rows: *mut f32,
    /// p, then ds: `[48, 64]`.
    p: *mut f32,
    ds: *mut f32,
    /// Where a product is kept when d is not a multiple of 16: `[48, padded]`.
    spill: *mut f32,
    padded: usize,
    /// The keys and values of one tile, `[48, d]`.
    key_rows: *mut f32,
    value_rows: *mut f32,
    k: *const f32,
    v: *const f32,
    dk: *mut f32,
    dv: *mut f32,
    row: usize,
    d: usize,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Heads { heads, kv_heads, head_dim: d } = self.heads;
        let (t, row, out_row) = (self.document_start.len(), self.heads.row(), self.heads.out_row());
        let padded = d.next_multiple_of(LANES);
        assert!(self.scratch.len() >= scratch(d));
        let mut next = self.scratch.as_mut_ptr();
        let mut take = |floats: usize| {
            let here = next;
            // Stays inside the scratch memory: its length is the sum of these requests.
            next = next.wrapping_add(floats);
            here
        };
        // SAFETY: the columns of this head lie inside the rows of `qkv` and of `dqkv`, which has the same length.
        let places = unsafe {
            let dqkv = self.dqkv.pointer().add(self.sequence * t * row);
            let (key, value) = ((heads + self.kv_head) * d, (heads + kv_heads + self.kv_head) * d);
            Places {
                q_lanes: take(d * QUERIES),
                dout_lanes: take(d * QUERIES),
                dq_lanes: take(d * QUERIES),
                q_rows: take(QUERIES * padded),
                dout_rows: take(QUERIES * padded),
                p: take(KEYS * QUERIES),
                ds: take(KEYS * QUERIES),
                spill: take(KEYS * padded),
                padded,
                key_rows: take(KEYS * d),
                value_rows: take(KEYS * d),
                k: self.qkv.as_ptr().add(key),
                v: self.qkv.as_ptr().add(value),
                dk: dqkv.add(key),
                dv: dqkv.add(value),
                row,
                d,
            }
        };
        for j in 0..t {
            // SAFETY: row j of this task's own columns.
            unsafe {
                std::slice::from_raw_parts_mut(places.dk.add(j * row), d).fill(0.0);
                std::slice::from_raw_parts_mut(places.dv.add(j * row), d).fill(0.0);
            }
        }
        for head in self.kv_head * (heads / kv_heads)..(self.kv_head + 1) * (heads / kv_heads) {
            // SAFETY: this task's own heads.
            let delta = unsafe { self.delta.range((self.sequence * heads + head) * t, t) };
            let lse = &self.lse[head * t..][..t];
            for first in (0..t).step_by(QUERIES) {
                let tile = QueryTile::new(self.document_start, first);
                // SAFETY: lengths were asserted at entry, so rows first .. first + count of head `head` lie inside
                // `qkv`, `out` and `dout`; the places hold what `tile_gradient` asks for; dq's columns are this task's own.
                unsafe {
                    let q = self.qkv.as_ptr().add(first * row + head * d);
                    let at = first * out_row + head * d;
                    let (out, dout) = (self.out.as_ptr().add(at), self.dout.as_ptr().add(at));
                    pack::<L>(&places, &tile, q, out, dout, out_row, &mut delta[first..][..tile.count]);
                    tile_gradient::<L>(&places, &tile, &lse[first..], &delta[first..]);
                    let dq = self.dqkv.pointer().add((self.sequence * t + first) * row + head * d);
                    from_lanes(
                        places.dq_lanes,
                        &[L::splat(1.0 / (d as f32).sqrt()); 4],
                        dq,
                        row,
                        tile.count,
                        d,
                    );
                }
            }
        }
    }
}

/// Lays q and dout out in both directions and computes delta.
///
/// # Safety
/// The pointers must be valid for `tile.count` rows of d elements, `row` and `out_row` apart.
#[inline(always)]
unsafe fn pack<L: Lanes>(
    places: &Places,
    tile: &QueryTile,
    q: *const f32,
    out: *const f32,
    dout: *const f32,
    out_row: usize,
    delta: &mut [f32],
) {
    let Places { d, row, padded, .. } = *places;
    let scale = 1.0 / (d as f32).sqrt();
    // SAFETY: promised by the caller; the places have [d, 64] and [64, padded].
    unsafe {
        to_lanes::<L>(q, row, tile.count, d, scale, places.q_lanes);
        to_lanes::<L>(dout, out_row, tile.count, d, 1.0, places.dout_lanes);
        for (i, delta) in delta.iter_mut().enumerate() {
            let mut dot = L::splat(0.0);
            for c in (0..d).step_by(LANES) {
                let width = LANES.min(d - c);
                let g = load::<L>(dout.add(i * out_row + c), width);
                dot = g.fma(load(out.add(i * out_row + c), width), dot);
                g.store(places.dout_rows.add(i * padded + c));
                load::<L>(q.add(i * row + c), width)
                    .mul(L::splat(scale))
                    .store(places.q_rows.add(i * padded + c));
            }
            *delta = dot.sum();
        }
    }
}

/// Adds one tile of queries to dk and dv and leaves its dq·√d in `dq_lanes`.
///
/// # Safety
/// The places must be packed for the tile and belong to this task.
#[inline(always)]
unsafe fn tile_gradient<L: Lanes>(places: &Places, tile: &QueryTile, lse: &[f32], delta: &[f32]) {
    let Places { d, row, padded, .. } = *places;
    let vectors = tile.vectors();
    let mut empty = true;
    // SAFETY: keys are below T, vectors and rows inside the places' shapes.
    unsafe {
        for keys in tile.key_tiles() {
            for (i, key) in keys.clone().enumerate() {
                std::ptr::copy_nonoverlapping(places.k.add(key * row), places.key_rows.add(i * d), d);
                std::ptr::copy_nonoverlapping(places.v.add(key * row), places.value_rows.add(i * d), d);
            }
            for group in tile.groups(keys.clone()) {
                let lane = group.vector * LANES;
                let at = (group.keys.start - keys.start) * QUERIES + lane;
                let scores = Product {
                    a: places.key_rows.add((group.keys.start - keys.start) * d),
                    a_row: d,
                    a_column: 1,
                    b: places.q_lanes.add(lane),
                    b_row: QUERIES,
                    c: places.p.add(at),
                    c_row: QUERIES,
                    rows: group.keys.len(),
                    vectors: vectors - group.vector,
                    depth: d,
                    accumulate: false,
                };
                L::product(&scores);
                let a = places.value_rows.add((group.keys.start - keys.start) * d);
                L::product(&Product { a, b: places.dout_lanes.add(lane), c: places.ds.add(at), ..scores });
            }
            for vector in 0..vectors {
                let width = LANES.min(tile.count - vector * LANES);
                let lse = load::<L>(lse[vector * LANES..].as_ptr(), width);
                let delta = load::<L>(delta[vector * LANES..].as_ptr(), width);
                let masked = tile.needs_mask(&keys, vector);
                for j in 0..tile.computed(&keys, vector) {
                    let at = j * QUERIES + vector * LANES;
                    let mut score = L::load(places.p.add(at));
                    if masked {
                        score = tile.mask(score, keys.start + j, vector);
                    }
                    let p = exp(score.sub(lse));
                    p.store(places.p.add(at));
                    p.mul(L::load(places.ds.add(at)).sub(delta)).store(places.ds.add(at));
                }
            }
            for group in tile.groups(keys.clone()) {
                let lane = group.vector * LANES;
                let at = (group.keys.start - keys.start) * QUERIES + lane;
                let by_rows = Product {
                    a: places.p.add(at),
                    a_row: QUERIES,
                    a_column: 1,
                    b: places.dout_rows.add(lane * padded),
                    b_row: padded,
                    c: places.dv.add(group.keys.start * row),
                    c_row: row,
                    rows: group.keys.len(),
                    vectors: padded / LANES,
                    depth: tile.count - lane,
                    accumulate: true,
                };
                add_rows::<L>(places, by_rows);
                let (b, c) = (places.q_rows.add(lane * padded), places.dk.add(group.keys.start * row));
                add_rows::<L>(places, Product { a: places.ds.add(at), b, c, ..by_rows });
                L::product(&Product {
                    a: places.key_rows.add((group.keys.start - keys.start) * d),
                    a_row: 1,
                    a_column: d,
                    b: places.ds.add(at),
                    b_row: QUERIES,
                    c: places.dq_lanes.add(lane),
                    c_row: QUERIES,
                    rows: d,
                    vectors: vectors - group.vector,
                    depth: group.keys.len(),
                    accumulate: !empty,
                });
                empty = false;
            }
        }
    }
}

/// Adds a product to rows of d elements, by way of `spill` where whole vectors would reach into the next head.
///
/// # Safety
/// As [`crate::tile::product`] with d columns.
#[inline(always)]
unsafe fn add_rows<L: Lanes>(places: &Places, product: Product) {
    let Places { d, padded, spill, .. } = *places;
    // SAFETY: promised by the caller; `spill` has [48, padded].
    unsafe {
        if d == padded {
            return L::product(&product);
        }
        L::product(&Product { c: spill, c_row: padded, accumulate: false, ..product });
        for j in 0..product.rows {
            for c in (0..d).step_by(LANES) {
                let width = LANES.min(d - c);
                let to = product.c.add(j * product.c_row + c);
                let sum = load::<L>(to, width).add(L::load(spill.add(j * padded + c)));
                store(sum, to, width);
            }
        }
    }
}
