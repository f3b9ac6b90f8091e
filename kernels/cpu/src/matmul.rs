//! Matrix products: `out[m, n] (+)= a[m, k] · b[k, n]`, `a` and `b` row-major or transposed, `out` row-major.
//!
//! Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008, with the roles of the caches as follows. A
//! task owns a block of the output. It copies `b`'s part of the block, 128 deep, into panels of 64 columns (32 KiB, first
//! level), goes through its rows 96 at a time (second level) and multiplies 6 rows by one panel in registers
//! ([`crate::tile`]). `a` is read in place by broadcast, unless its rows are not contiguous; then 96 rows are copied too.
//!
//! Every element is one chain of fused multiply-adds in the order of k, starting from 0 or from what the output holds. So
//! the bits of a row depend neither on threads, nor on blocks, nor on the processor, nor on the other rows: a token has
//! the same bits alone and in a batch. Cost: 2·m·n·k FLOP; copying adds some 2 %.
#![allow(unsafe_code)]

use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch};
use crate::pool::Pool;
use crate::query_tile::{load, store};
use crate::tile::{HEIGHT, Product, WIDTH};

/// Columns of a panel: four vectors.
const PANEL: usize = WIDTH;
/// Most columns of a task's block, and the depth and rows it copies at a time.
const COLUMNS: usize = 256;
const DEPTH: usize = 128;
const ROWS: usize = 96;
/// Least number of tasks of a large product.
const TASKS: usize = 20;
/// Rows of a register tile, and so of a group of copied rows.
const GROUP: usize = HEIGHT;
/// Thread scratch of a task: panels, copied rows, and a panel-wide piece of output for the ragged edge.
const SCRATCH: usize = DEPTH * COLUMNS + ROWS * DEPTH + ROWS * PANEL;

/// A matrix seen through strides: element (i, j) is `data[i * row + j * column]`; one of the strides is 1.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    data: &'a [f32],
    row: usize,
    column: usize,
}

impl<'a> View<'a> {
    /// A row-major matrix with rows of length `row`.
    pub(crate) fn rows(data: &'a [f32], row: usize) -> Self {
        View { data, row, column: 1 }
    }

    /// The transpose of a row-major matrix with rows of length `row`.
    pub(crate) fn transposed(data: &'a [f32], row: usize) -> Self {
        View { data, row: 1, column: row }
    }

    fn assert_shape(&self, rows: usize, columns: usize) {
        if rows > 0 && columns > 0 {
            let last = (rows - 1) * self.row + (columns - 1) * self.column;
            assert!(
                last < self.data.len(),
                "a {rows} x {columns} matrix needs more than {} elements",
                self.data.len()
            );
        }
    }
}

/// Rows and columns of the output that one task computes: tasks enough that the last ones leave no thread idle for long, few
/// enough that copying is amortised.
fn block(m: usize, n: usize, copied: bool) -> (usize, usize) {
    let columns = if copied || n >= 8 * COLUMNS { COLUMNS } else { COLUMNS / 2 };
    let splits = TASKS.div_ceil(n.div_ceil(columns).max(1));
    (m.div_ceil(splits).max(2 * ROWS).next_multiple_of(GROUP), columns)
}

/// Fills a piece of an output row before the product is added to it: (row, first column, elements).
pub(crate) type Prepare<'a> = &'a (dyn Fn(usize, usize, &mut [f32]) + Sync);

/// `out = a · b`, or `out += a · b` where `accumulate` is set or `prepare` has filled the block.
pub(crate) fn matmul(
    pool: &Pool,
    (m, n, k): (usize, usize, usize),
    a: View<'_>,
    b: View<'_>,
    out: &mut [f32],
    accumulate: bool,
    prepare: Option<Prepare<'_>>,
) {
    a.assert_shape(m, k);
    b.assert_shape(k, n);
    assert_eq!(out.len(), m * n, "output of a {m} x {n} product");
    let (rows, columns) = block(m, n, a.column != 1);
    let across = n.div_ceil(columns);
    let out = Disjoint::new(out);
    pool.run_with_scratch(m.div_ceil(rows) * across, SCRATCH, |task, scratch| {
        let (i, j) = (task / across * rows, task % across * columns);
        let shape = (rows.min(m - i), columns.min(n - j), k);
        dispatch(Block { a, b, out, n, at: (i, j), shape, accumulate, prepare, scratch });
    });
}

/// One task's block of the output.
struct Block<'a> {
    a: View<'a>,
    b: View<'a>,
    out: Disjoint<'a, f32>,
    n: usize,
    at: (usize, usize),
    shape: (usize, usize, usize),
    accumulate: bool,
    prepare: Option<Prepare<'a>>,
    scratch: &'a mut [f32],
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Block { a, b, out, n, at: (i, j), shape: (m, width, k), accumulate, prepare, scratch } = self;
        assert!(scratch.len() >= SCRATCH);
        let (panels, rest) = scratch.split_at_mut(DEPTH * COLUMNS);
        let (copies, edge) = rest.split_at_mut(ROWS * DEPTH);
        // Equal parts of at most DEPTH; one empty part where there is nothing to sum.
        let depth = k.div_ceil(k.div_ceil(DEPTH).max(1)).max(1);
        for p in (0..k.max(1)).step_by(depth) {
            let depth = depth.min(k - p);
            let add = accumulate || prepare.is_some() || p > 0;
            for panel in (0..width).step_by(PANEL) {
                // SAFETY: the view was checked to hold [k, n]; a panel has `depth` rows of 64.
                unsafe {
                    let from = b.data.as_ptr().wrapping_add(p * b.row + (j + panel) * b.column);
                    copy_panel::<L>(from, b, depth, PANEL.min(width - panel), &mut panels[panel * depth..]);
                }
            }
            for first in (0..m).step_by(ROWS) {
                let rows = ROWS.min(m - first);
                if let (Some(prepare), 0) = (prepare, p) {
                    for row in i + first..i + first + rows {
                        // SAFETY: blocks do not overlap, and the reference ends here.
                        prepare(row, j, unsafe { out.range(row * n + j, width) });
                    }
                }
                let from = a.data.as_ptr().wrapping_add((i + first) * a.row + p * a.column);
                let copied = a.column != 1;
                if copied {
                    // SAFETY: the view was checked to hold [m, k]; `copies` holds 96 rows, 128 deep.
                    unsafe { copy_rows(from, a.column, depth, rows, copies) };
                }
                for panel in (0..width).step_by(PANEL) {
                    let inside = PANEL.min(width - panel);
                    let target = Target {
                        to: out.pointer().wrapping_add((i + first) * n + j + panel),
                        n,
                        rows,
                        inside,
                    };
                    let whole = inside == PANEL;
                    let product = Product {
                        a: if copied { copies.as_ptr() } else { from },
                        a_row: if copied { 1 } else { a.row },
                        a_column: if copied { GROUP } else { 1 },
                        b: panels[panel * depth..].as_ptr(),
                        b_row: PANEL,
                        c: if whole { target.to } else { edge.as_mut_ptr() },
                        c_row: if whole { n } else { PANEL },
                        rows,
                        vectors: PANEL / LANES,
                        depth,
                        accumulate: add,
                    };
                    // SAFETY: operands lie inside the views, the scratch memory and this task's block.
                    unsafe {
                        if !whole && add {
                            target.fetch::<L>(edge);
                        }
                        if copied {
                            for group in (0..rows).step_by(GROUP) {
                                L::product(&Product {
                                    a: product.a.add(group * depth),
                                    c: product.c.add(group * product.c_row),
                                    rows: GROUP.min(rows - group),
                                    ..product
                                });
                            }
                        } else {
                            L::product(&product);
                        }
                        if !whole {
                            target.put_back::<L>(edge);
                        }
                    }
                }
            }
        }
    }
}

/// A ragged piece of the output: `rows` rows of `inside` < 64 columns.
struct Target {
    to: *mut f32,
    n: usize,
    rows: usize,
    inside: usize,
}

impl Target {
    /// # Safety
    /// The piece must be valid for reading and `edge` hold `rows` rows of 64.
    #[inline(always)]
    unsafe fn fetch<L: Lanes>(&self, edge: &mut [f32]) {
        for (i, row) in edge.chunks_exact_mut(PANEL).enumerate().take(self.rows) {
            for c in (0..self.inside).step_by(LANES) {
                // SAFETY: column c + width ≤ `inside` of row i.
                unsafe {
                    load::<L>(self.to.add(i * self.n + c), LANES.min(self.inside - c))
                        .store(row[c..].as_mut_ptr());
                }
            }
        }
    }

    /// # Safety
    /// The piece must be valid for writing and belong to this task.
    #[inline(always)]
    unsafe fn put_back<L: Lanes>(&self, edge: &[f32]) {
        for (i, row) in edge.chunks_exact(PANEL).enumerate().take(self.rows) {
            for c in (0..self.inside).step_by(LANES) {
                // SAFETY: column c + width ≤ `inside` of row i.
                unsafe {
                    store(
                        L::load(row[c..].as_ptr()),
                        self.to.add(i * self.n + c),
                        LANES.min(self.inside - c),
                    );
                }
            }
        }
    }
}

/// Copies `depth` rows of `width` ≤ 64 columns into a panel, zero beyond the width.
///
/// # Safety
/// `from` must be valid for that shape with the strides of `view`.
#[inline(always)]
unsafe fn copy_panel<L: Lanes>(
    from: *const f32,
    view: View<'_>,
    depth: usize,
    width: usize,
    panel: &mut [f32],
) {
    let panel = panel[..depth * PANEL].as_mut_ptr();
    for half in (0..PANEL).step_by(LANES) {
        let inside = LANES.min(width.saturating_sub(half));
        if view.column == 1 {
            for p in 0..depth {
                // SAFETY: inside the shape; an empty head reads nothing.
                unsafe {
                    load::<L>(from.wrapping_add(p * view.row + half), inside)
                        .store(panel.add(p * PANEL + half))
                };
            }
            continue;
        }
        for p in (0..depth).step_by(LANES) {
            let deep = LANES.min(depth - p);
            let mut block = [L::splat(0.0); LANES];
            for (c, row) in block.iter_mut().enumerate().take(inside) {
                // SAFETY: column half + c is below `width`, and p + deep ≤ `depth`.
                *row = unsafe { load(from.add((half + c) * view.column + p), deep) };
            }
            for (q, row) in L::transpose(block).into_iter().enumerate().take(deep) {
                // SAFETY: the panel has `depth` rows of 64.
                unsafe { row.store(panel.add((p + q) * PANEL + half)) };
            }
        }
    }
}

/// Copies `rows` adjacent columns of `depth` rows `stride` apart, as groups of 6: `[rows / 6][depth][6]`.
///
/// # Safety
/// `from` must be valid for that shape.
#[inline(always)]
unsafe fn copy_rows(from: *const f32, stride: usize, depth: usize, rows: usize, copies: &mut [f32]) {
    assert!(rows.next_multiple_of(GROUP) * depth <= copies.len());
    let to = copies.as_mut_ptr();
    for p in 0..depth {
        let from = from.wrapping_add(p * stride);
        for group in (0..rows).step_by(GROUP) {
            // SAFETY: columns below `rows` of row p, and place p of the group; a whole group is copied with one known length.
            unsafe {
                let (from, to) = (from.add(group), to.add(group * depth + p * GROUP));
                if rows - group >= GROUP {
                    std::ptr::copy_nonoverlapping(from, to, GROUP);
                } else {
                    std::ptr::copy_nonoverlapping(from, to, rows - group);
                }
            }
        }
    }
}
