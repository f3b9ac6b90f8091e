//! Machine code and constant folding against the interpreter: random expressions, adversarial values, equal bits.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may panic

use proptest::prelude::*;
use smolc_expr::{Binary, Builtin, Evaluator, Expr, MAX_DEPTH, Unary};

const NAMES: [&str; 3] = ["t", "end", "loss"];

const SPECIAL: [f64; 22] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -1.5,
    2.0,
    3.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    2.2e-308,
    f64::MAX,
    f64::MIN,
    1e300,
    -1e-300,
    9_007_199_254_740_993.0,
    std::f64::consts::PI,
    1e22,
];

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![3 => prop::sample::select(SPECIAL.to_vec()), 1 => any::<u64>().prop_map(f64::from_bits)]
}

fn number() -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        value().prop_filter("finite", |v| v.is_finite()).prop_map(Expr::Const),
        prop::sample::select(NAMES.to_vec()).prop_map(|n| Expr::Var(n.into())),
    ];
    leaf.prop_recursive(6, 48, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let arithmetic = prop::sample::select(vec![Binary::Add, Binary::Sub, Binary::Mul, Binary::Div]);
        prop_oneof![
            1 => boxed.clone().prop_map(|x| Expr::Unary(Unary::Neg, x)),
            4 => (arithmetic, boxed.clone(), boxed.clone()).prop_map(|(op, a, b)| Expr::Binary(op, a, b)),
            2 => (truth(inner.clone()), boxed.clone(), boxed)
                .prop_map(|(c, a, b)| Expr::Select(Box::new(c), a, b)),
            4 => (prop::sample::select(Builtin::ALL.to_vec()), inner.clone(), inner).prop_map(|(f, a, b)| {
                Expr::Call(f, if f.arity() == 1 { vec![a] } else { vec![a, b] })
            }),
        ]
    })
    .boxed()
}

/// Conditions over numbers, nested up to three deep.
fn truth(number: BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    use Binary::{And, Eq, Ge, Gt, Le, Lt, Ne, Or};
    let sides = (number.clone().prop_map(Box::new), number.prop_map(Box::new));
    let compare = (prop::sample::select(vec![Lt, Le, Gt, Ge, Eq, Ne]), sides)
        .prop_map(|(op, (a, b))| Expr::Binary(op, a, b));
    let variable = prop::sample::select(NAMES.to_vec()).prop_map(|n| Expr::Var(n.into()));
    prop_oneof![4 => compare, 1 => variable]
        .prop_recursive(3, 8, 2, |inner| {
            let boxed = inner.clone().prop_map(Box::new);
            prop_oneof![
                boxed.clone().prop_map(|x| Expr::Unary(Unary::Not, x)),
                (prop::sample::select(vec![And, Or]), boxed.clone(), boxed)
                    .prop_map(|(op, a, b)| Expr::Binary(op, a, b)),
            ]
        })
        .boxed()
}

fn any_expr() -> impl Strategy<Value = Expr> {
    prop_oneof![3 => number(), 1 => truth(number())]
}

fn inputs() -> impl Strategy<Value = Vec<[f64; 3]>> {
    prop::collection::vec([value(), value(), value()], 8)
}

/// Bits with every NaN made one.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn evaluator_and_folding_agree_with_the_interpreter(expr in any_expr(), inputs in inputs()) {
        let bound = expr.bind(&NAMES).unwrap();
        let evaluator = Evaluator::new(&expr, &NAMES).unwrap();
        let folded = expr.fold().unwrap();
        let folded = folded.bind(&NAMES).unwrap();
        for row in &inputs {
            let meaning = bits(bound.eval(row));
            prop_assert_eq!(bits(evaluator.eval(row)), meaning, "{} at {:?}", expr, row);
            prop_assert_eq!(bits(folded.eval(row)), meaning, "folded {} at {:?}", expr, row);
            let named: Vec<_> = NAMES.into_iter().zip(*row).collect();
            prop_assert_eq!(bits(expr.eval(&named).unwrap()), meaning);
        }
    }

    #[test]
    fn json_round_trip(expr in any_expr()) {
        let json = serde_json::to_string(&expr).unwrap();
        prop_assert_eq!(serde_json::from_str::<Expr>(&json).unwrap(), expr);
    }

    #[cfg(feature = "jit")]
    #[test]
    fn both_optimization_levels_agree(expr in any_expr(), inputs in inputs()) {
        use smolc_expr::{Compiled, Optimization};
        let bound = expr.bind(&NAMES).unwrap();
        for level in [Optimization::None, Optimization::Speed] {
            let compiled = Compiled::new(&bound, level).unwrap();
            for row in &inputs {
                prop_assert_eq!(bits(compiled.call(row)), bits(bound.eval(row)), "{:?} {} at {:?}", level, expr, row);
            }
        }
    }
}

/// Every builtin and operator at every pair of special values, so that no rare pair is left to chance.
#[test]
fn every_operator_at_every_special_pair() {
    let (a, b) = (Expr::Var("t".into()), Expr::Var("end".into()));
    use Binary::{Add, And, Div, Eq, Ge, Gt, Le, Lt, Mul, Ne, Or, Sub};
    let mut all: Vec<Expr> = [Add, Sub, Mul, Div, Lt, Le, Gt, Ge, Eq, Ne, And, Or]
        .into_iter()
        .map(|op| Expr::Binary(op, Box::new(a.clone()), Box::new(b.clone())))
        .collect();
    all.extend(
        Builtin::ALL.into_iter().map(|f| {
            Expr::Call(f, if f.arity() == 1 { vec![a.clone()] } else { vec![a.clone(), b.clone()] })
        }),
    );
    all.push(Expr::Unary(Unary::Neg, Box::new(a.clone())));
    all.push(Expr::Unary(Unary::Not, Box::new(a)));
    for expr in all {
        let bound = expr.bind(&NAMES).unwrap();
        let evaluator = Evaluator::new(&expr, &NAMES).unwrap();
        for x in SPECIAL {
            for y in SPECIAL {
                let row = [x, y, 0.0];
                assert_eq!(bits(evaluator.eval(&row)), bits(bound.eval(&row)), "{expr} at {x}, {y}");
            }
        }
    }
}

/// The deepest expression there may be, in a thread of the standard test stack.
#[test]
fn the_depth_limit_is_reachable() {
    let deep = (1..MAX_DEPTH).fold(Expr::Var("t".into()), |e, _| Expr::Call(Builtin::Abs, vec![e]));
    assert_eq!(Evaluator::new(&deep, &NAMES).unwrap().eval(&[-2.0, 0.0, 0.0]), 2.0);
}

#[test]
fn evaluators_cross_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let evaluator = Evaluator::new(&Expr::Call(Builtin::Exp, vec![Expr::Var("t".into())]), &["t"]).unwrap();
    shared(&evaluator);
    let expected = evaluator.eval(&[1.5]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| assert_eq!(evaluator.eval(&[1.5]), expected)));
        }
    });
}
