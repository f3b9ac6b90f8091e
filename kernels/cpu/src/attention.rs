//! `attention`: causal softmax attention over the merged qkv, documents kept apart, without the T×T matrix.
//!
//! For query head h of token t: out = Σ_j p_j·v_j with p = softmax(q·k_j/√d) over document_start[t] ≤ j ≤ t;
//! lse = ln Σ_j exp(q·k_j/√d). Shapes: qkv `[B·T, (H+2G)·d]` as q | k | v, out `[B·T, H·d]`, lse `[B, H, T]`.
//!
//! Dao et al., FlashAttention, 2022, with the running softmax of Milakov and Gimelshein, 2018. A task is 64 queries of one
//! head. Queries lie across the vector lanes, so that maxima and sums need no shuffles, and keys and values are
//! read by broadcast. Keys come 48 at a time; tiles before the first visible document and vectors beyond the
//! diagonal are not computed. Cost: about 2·B·H·T²·d FLOP without documents, one exponential a visible pair.
#![allow(unsafe_code)]

use crate::Heads;
use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch, exp};
use crate::pool::Pool;
use crate::query_tile::{
    KEYS, QUERIES, QueryTile, assert_attention, copy_rows, from_lanes, load, store, to_lanes,
};
use crate::tile::Product;

/// Writes out and lse from qkv; `document_start[B·T]` is relative to the row's own sequence and at most t.
///
/// Thread scratch: (2·d + 48)·64 + 2·48·d floats.
pub fn attention(
    pool: &Pool,
    qkv: &[f32],
    document_start: &[u32],
    out: &mut [f32],
    lse: &mut [f32],
    b: usize,
    t: usize,
    heads: Heads,
) {
    assert_attention(qkv, document_start, out, lse, b, t, heads);
    let (group, d, row) = (heads.group(), heads.head_dim, heads.row());
    let tiles = t.div_ceil(QUERIES);
    let (out, lse) = (Disjoint::new(out), Disjoint::new(lse));
    pool.run_with_scratch(b * heads.heads * tiles, scratch_floats(d), |task, scratch| {
        let (sequence, head) = (task / tiles / heads.heads, task / tiles % heads.heads);
        // The longest tile of a head first, so that the last tasks are the shortest.
        let first = (tiles - 1 - task % tiles) * QUERIES;
        let rows = &qkv[sequence * t * row..][..t * row];
        let out_row = heads.out_row();
        dispatch(Forward {
            q: &rows[head * d..],
            k: &rows[(heads.heads + head / group) * d..],
            v: &rows[(heads.heads + heads.kv_heads + head / group) * d..],
            row,
            d,
            tile: QueryTile::new(&document_start[sequence * t..][..t], first),
            out,
            out_at: (sequence * t + first) * out_row + head * d,
            out_row,
            // SAFETY: tasks take different queries or heads.
            lse: unsafe { lse.range((sequence * heads.heads + head) * t + first, QUERIES.min(t - first)) },
            scratch,
        });
    });
}

/// Thread scratch of a task for heads of size d.
fn scratch_floats(d: usize) -> usize {
    (2 * d + KEYS) * QUERIES + 2 * KEYS * d
}

/// One tile of one head.
struct Forward<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    row: usize,
    d: usize,
    tile: QueryTile,
    out: Disjoint<'a, f32>,
    out_at: usize,
    out_row: usize,
    lse: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Forward { q, k, v, row, d, tile, out, out_at, out_row, lse, scratch } = self;
        assert!(scratch.len() >= scratch_floats(d));
        let vectors = tile.vectors();
        let (queries, rest) = scratch.split_at_mut(d * QUERIES);
        let (values, rest) = rest.split_at_mut(d * QUERIES);
        let (scores, rest) = rest.split_at_mut(KEYS * QUERIES);
        let (key_rows, value_rows) = rest.split_at_mut(KEYS * d);
        let (queries, values, scores) = (queries.as_mut_ptr(), values.as_mut_ptr(), scores.as_mut_ptr());
        let mut top = [L::splat(f32::NEG_INFINITY); 4];
        let mut total = [L::splat(0.0); 4];
        // SAFETY: scratch was checked to hold [d, 64] twice, [48, 64] and [48, d] twice; q, k, v hold T rows `row` apart of at least d
        // elements (lengths were asserted), and every key is below first + count ≤ T.
        unsafe {
            to_lanes::<L>(
                q.as_ptr().add(tile.first * row),
                row,
                tile.count,
                d,
                1.0 / (d as f32).sqrt(),
                queries,
            );
            let mut empty = true;
            for keys in tile.key_tiles() {
                copy_rows(k, row, d, &keys, key_rows);
                copy_rows(v, row, d, &keys, value_rows);
                for group in tile.groups(keys.clone()) {
                    L::product(&Product {
                        a: key_rows.as_ptr().add((group.keys.start - keys.start) * d),
                        a_row: d,
                        a_column: 1,
                        b: queries.add(group.vector * LANES),
                        b_row: QUERIES,
                        c: scores.add((group.keys.start - keys.start) * QUERIES + group.vector * LANES),
                        c_row: QUERIES,
                        rows: group.keys.len(),
                        vectors: vectors - group.vector,
                        depth: d,
                        accumulate: false,
                    });
                }
                let mut shrink = [L::splat(1.0); 4];
                for vector in 0..vectors {
                    let column = scores.add(vector * LANES);
                    let computed = tile.computed(&keys, vector);
                    if tile.needs_mask(&keys, vector) {
                        for j in 0..computed {
                            let at = column.add(j * QUERIES);
                            tile.mask::<L>(L::load(at), keys.start + j, vector).store(at);
                        }
                    }
                    let mut maxima = [top[vector]; 2];
                    for j in 0..computed {
                        maxima[j % 2] = maxima[j % 2].max(L::load(column.add(j * QUERIES)));
                    }
                    let greatest = maxima[0].max(maxima[1]);
                    // A lane that has seen nothing yet keeps -inf; subtracting 0 instead gives exp(-inf) = 0, not NaN.
                    let lowest = L::splat(f32::MIN);
                    let shift = greatest.where_less(lowest, L::splat(0.0), greatest);
                    shrink[vector] = exp(top[vector].sub(shift));
                    let mut sums = [total[vector].mul(shrink[vector]), L::splat(0.0)];
                    for j in 0..computed {
                        let at = column.add(j * QUERIES);
                        let p = exp(L::load(at).sub(shift));
                        sums[j % 2] = sums[j % 2].add(p);
                        p.store(at);
                    }
                    total[vector] = sums[0].add(sums[1]);
                    top[vector] = greatest;
                }
                if !empty {
                    for c in 0..d {
                        for (vector, shrink) in shrink.iter().enumerate().take(vectors) {
                            let at = values.add(c * QUERIES + vector * LANES);
                            L::load(at).mul(*shrink).store(at);
                        }
                    }
                }
                for group in tile.groups(keys.clone()) {
                    L::product(&Product {
                        a: value_rows.as_ptr().add((group.keys.start - keys.start) * d),
                        a_row: 1,
                        a_column: d,
                        b: scores.add((group.keys.start - keys.start) * QUERIES + group.vector * LANES),
                        b_row: QUERIES,
                        c: values.add(group.vector * LANES),
                        c_row: QUERIES,
                        rows: d,
                        vectors: vectors - group.vector,
                        depth: group.keys.len(),
                        accumulate: !empty,
                    });
                    empty = false;
                }
            }
            let mut inverse = total;
            for (inverse, total) in inverse.iter_mut().zip(total) {
                *inverse = L::splat(1.0).div(total);
            }
            // The rows of this tile lie inside `out`: lengths were asserted.
            from_lanes(values, &inverse, out.pointer().add(out_at), out_row, tile.count, d);
        }
        for vector in 0..vectors {
            let (top, total) = (top[vector].to_array(), total[vector].to_array());
            let width = LANES.min(tile.count - vector * LANES);
            let mut lanes = [0.0; LANES];
            for lane in 0..width {
                lanes[lane] = top[lane] + total[lane].ln();
            }
            // SAFETY: lse has `count` elements.
            unsafe { store(load::<L>(lanes.as_ptr(), LANES), lse[vector * LANES..].as_mut_ptr(), width) };
        }
    }
}
