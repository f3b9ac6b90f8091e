//! Matrix products by the `gemm` crate, cut into blocks of the output for our own pool.
//!
//! `out[m, n] (+)= a[m, k] · b[k, n]`, `a` and `b` of any strides, `out` row-major and contiguous. Blocks depend on the
//! shape only and every block sums over the whole k in the library's order, so bits do not depend on threads. They do depend
//! on m and n: the library takes another path for a single row or column (matrix times vector), and cuts k according to
//! the processor's caches. Cost: 2·m·n·k FLOP.
#![allow(unsafe_code)]

use gemm::Parallelism;

use crate::disjoint::Disjoint;
use crate::pool::Pool;

/// A matrix seen through strides: element (i, j) is `data[i * row + j * column]`.
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

/// Rows and columns of the output that one task computes.
fn block(m: usize, n: usize) -> (usize, usize) {
    // At least eight tasks where the product is large enough, so that threads end together; long in the direction that
    // amortises packing.
    let rows = m.div_ceil(4).next_multiple_of(96).min(m.max(1));
    let columns = n.div_ceil(2).next_multiple_of(64).min(n.max(1));
    (rows, columns)
}

/// `out (+)= a · b`. Before a block is multiplied, `prepare` gets it row by row, as (row, first column, elements): what it
/// leaves there is added to when `accumulate` is set.
pub(crate) fn matmul(
    pool: &Pool,
    (m, n, k): (usize, usize, usize),
    a: View<'_>,
    b: View<'_>,
    out: &mut [f32],
    accumulate: bool,
    prepare: Option<&(dyn Fn(usize, usize, &mut [f32]) + Sync)>,
) {
    a.assert_shape(m, k);
    b.assert_shape(k, n);
    assert_eq!(out.len(), m * n, "output of a {m} x {n} product");
    let (rows, columns) = block(m, n);
    let across = n.div_ceil(columns);
    let out = Disjoint::new(out);
    pool.run(m.div_ceil(rows) * across, |task| {
        let (i, j) = (task / across * rows, task % across * columns);
        let (mb, nb) = (rows.min(m - i), columns.min(n - j));
        if let Some(prepare) = prepare {
            for row in i..i + mb {
                // SAFETY: blocks do not overlap, and the reference ends here.
                prepare(row, j, unsafe { out.range(row * n + j, nb) });
            }
        }
        // SAFETY: the views were checked to hold [m, k] and [k, n], `out` is [m, n], and blocks do not overlap.
        unsafe {
            gemm::gemm(
                mb,
                nb,
                k,
                out.pointer().add(i * n + j),
                1,
                n as isize,
                accumulate,
                a.data.as_ptr().add(i * a.row),
                a.column as isize,
                a.row as isize,
                b.data.as_ptr().add(j * b.column),
                b.column as isize,
                b.row as isize,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    });
}
