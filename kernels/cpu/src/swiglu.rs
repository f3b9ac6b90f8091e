//! `swiglu`: out[M,F] = silu(gate)·up with gate_up[M, 2F] = gate | up, and its gradient.
//!
//! Shazeer, GLU Variants Improve Transformer, 2020; silu(g) = g·σ(g). Gradient: dup = dout·silu(g),
//! dgate = dout·up·σ(g)·(1 + g·(1 - σ(g))). Cost: 12·M·F bytes forward, 20·M·F backward.
#![allow(unsafe_code)]

use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch, silu};
use crate::pool::Pool;
use crate::rows::{get, put, rows_per_task};

/// out[M, f] = silu(gate)·up.
pub fn swiglu(pool: &Pool, gate_up: &[f32], out: &mut [f32], f: usize) {
    assert_eq!(gate_up.len(), 2 * out.len(), "gate_up of a SwiGLU of {f}");
    let m = out.len() / f.max(1);
    assert_eq!(out.len(), m * f, "whole rows of {f}");
    let rows = rows_per_task(2 * f);
    let out = Disjoint::new(out);
    pool.run(m.div_ceil(rows), |task| {
        let start = task * rows;
        let count = rows.min(m - start);
        // SAFETY: tasks take different rows.
        let out = unsafe { out.range(start * f, count * f) };
        dispatch(Forward { gate_up: &gate_up[2 * start * f..][..2 * count * f], out, f });
    });
}

/// dgate_up[M, 2f] from dout[M, f] and the forward pass's gate_up.
pub fn swiglu_backward(pool: &Pool, gate_up: &[f32], dout: &[f32], dgate_up: &mut [f32], f: usize) {
    assert_eq!(
        (gate_up.len(), dgate_up.len()),
        (2 * dout.len(), 2 * dout.len()),
        "gate_up of a SwiGLU of {f}"
    );
    let m = dout.len() / f.max(1);
    assert_eq!(dout.len(), m * f, "whole rows of {f}");
    let rows = rows_per_task(2 * f);
    let dgate_up = Disjoint::new(dgate_up);
    pool.run(m.div_ceil(rows), |task| {
        let start = task * rows;
        let count = rows.min(m - start);
        let (gate_up, dout) = (&gate_up[2 * start * f..][..2 * count * f], &dout[start * f..][..count * f]);
        // SAFETY: tasks take different rows.
        let dgate_up = unsafe { dgate_up.range(2 * start * f, 2 * count * f) };
        dispatch(Backward { gate_up, dout, dgate_up, f });
    });
}

struct Forward<'a> {
    gate_up: &'a [f32],
    out: &'a mut [f32],
    f: usize,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (gate_up, out) in self.gate_up.chunks_exact(2 * self.f).zip(self.out.chunks_exact_mut(self.f)) {
            let (gate, up) = gate_up.split_at(self.f);
            for c in (0..self.f).step_by(LANES) {
                put(out, c, silu::<L>(get(gate, c)).0.mul(get(up, c)));
            }
        }
    }
}

struct Backward<'a> {
    gate_up: &'a [f32],
    dout: &'a [f32],
    dgate_up: &'a mut [f32],
    f: usize,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let f = self.f;
        for (m, dout) in self.dout.chunks_exact(f).enumerate() {
            let (gate, up) = self.gate_up[2 * m * f..][..2 * f].split_at(f);
            let (dgate, dup) = self.dgate_up[2 * m * f..][..2 * f].split_at_mut(f);
            for c in (0..f).step_by(LANES) {
                let (g, dout) = (get::<L>(gate, c), get::<L>(dout, c));
                let (silu, sigmoid) = silu(g);
                // σ·(1 + g·(1 - σ)) = σ + silu·(1 - σ)
                let slope = sigmoid.fnma(silu, silu).add(sigmoid);
                put(dgate, c, dout.mul(get(up, c)).mul(slope));
                put(dup, c, dout.mul(silu));
            }
        }
    }
}
