//! The learning rate of SmolLM2-1.7B: warm-up, stable, decay, as nanotron steps it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may panic

use smolc_expr::{Binary, Evaluator, Expr};

fn v(name: &str) -> Expr {
    Expr::Var(name.into())
}
fn c(value: f64) -> Expr {
    Expr::Const(value)
}
fn bin(op: Binary, a: Expr, b: Expr) -> Expr {
    Expr::Binary(op, Box::new(a), Box::new(b))
}
fn select(condition: Expr, a: Expr, b: Expr) -> Expr {
    Expr::Select(Box::new(condition), Box::new(a), Box::new(b))
}

/// `if t < warmup then peak * (t / warmup) else if t < end * (1 - decay) then peak
///  else peak * (end - t) / (end * decay)`
fn wsd(peak: f64, warmup: f64, decay: f64) -> Expr {
    use Binary::{Div, Lt, Mul, Sub};
    let start = bin(Mul, v("end"), bin(Sub, c(1.0), c(decay)));
    let fall = bin(Div, bin(Mul, c(peak), bin(Sub, v("end"), v("t"))), bin(Mul, v("end"), c(decay)));
    select(
        bin(Lt, v("t"), c(warmup)),
        bin(Mul, c(peak), bin(Div, v("t"), c(warmup))),
        select(bin(Lt, v("t"), start), c(peak), fall),
    )
}

#[test]
fn vectors_of_the_recipe() {
    let vectors = [
        (0.0, 0.0),
        (1.0, 2.5e-7),
        (1000.0, 2.5e-4),
        (2000.0, 5e-4),
        (4_715_999.0, 5e-4),
        (4_716_000.0, 5e-4),
        (4_978_000.0, 2.5e-4),
        (5_204_000.0, 3.4351e-5),
        (5_239_999.0, 9.542e-10),
    ];
    let expr = wsd(5e-4, 2000.0, 0.1);
    for expr in [expr.clone(), expr.fold().unwrap()] {
        let bound = expr.bind(&["t", "end"]).unwrap();
        let evaluator = Evaluator::new(&expr, &["t", "end"]).unwrap();
        assert_eq!(evaluator.interpreter_reason().is_none(), cfg!(feature = "jit"));
        for (t, rate) in vectors {
            let found = bound.eval(&[t, 5_240_000.0]);
            // The recipe gives five digits.
            assert!((found - rate).abs() <= 1e-4 * rate, "step {t}: {found}, not {rate}");
            assert_eq!(evaluator.eval(&[t, 5_240_000.0]).to_bits(), found.to_bits(), "step {t}");
        }
    }
}

#[test]
fn reads_as_the_spec_wrote_it() {
    assert_eq!(
        wsd(5e-4, 2000.0, 0.1).to_string(),
        "if t < 2000 then 0.0005 * (t / 2000) else if t < end * (1 - 0.1) then 0.0005 \
         else 0.0005 * (end - t) / (end * 0.1)"
    );
}

#[test]
fn survives_a_plan() {
    let expr = wsd(5e-4, 2000.0, 0.1);
    let json = serde_json::to_string(&expr).unwrap();
    assert_eq!(serde_json::from_str::<Expr>(&json).unwrap(), expr);
}

/// A warm-up to the last step and one beyond it divide by nothing that is zero.
#[test]
fn whole_horizon_is_finite() {
    let bound = wsd(1e-3, 10.0, 0.2).bind(&["t", "end"]).unwrap();
    for end in 1..200 {
        for t in 0..end {
            let rate = bound.eval(&[f64::from(t), f64::from(end)]);
            assert!((0.0..=1e-3).contains(&rate), "{t} of {end}: {rate}");
        }
    }
}
