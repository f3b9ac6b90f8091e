//! What is known of columns without reading them, and what follows for a condition.
#![allow(clippy::wildcard_enum_match_arm)] // what is not judged may have any value

use smolc_expr::row::RowExpr;
use smolc_expr::{Binary, Unary};

/// What is known of a column without reading it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bounds {
    /// Nothing.
    Unknown,
    /// Every value, rounded to f64, lies in `min..=max`; truth values are 0 and 1.
    Numbers {
        /// Least value, or less.
        min: f64,
        /// Greatest value, or more.
        max: f64,
        /// Some row may be null.
        null: bool,
        /// Some row may be NaN.
        nan: bool,
    },
    /// Every text lies in `min..=max` by bytes.
    Texts {
        /// Least text, or less.
        min: Vec<u8>,
        /// Greatest text, or more.
        max: Vec<u8>,
        /// Some row may be null.
        null: bool,
    },
    /// Every row is null.
    Null,
}

/// Which truth values a condition may have for some row. Null is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct May {
    be_true: bool,
    be_false: bool,
}

const ANYTHING: May = May { be_true: true, be_false: true };
const NULL: May = May { be_true: false, be_false: false };

/// `false` only if the condition is true of no row whose columns lie within the bounds.
pub(crate) fn may_be_true(expr: &RowExpr, bounds: &dyn Fn(&str) -> Bounds) -> bool {
    may(expr, bounds).be_true
}

fn may(expr: &RowExpr, bounds: &dyn Fn(&str) -> Bounds) -> May {
    match expr {
        RowExpr::Truth(value) => May { be_true: *value, be_false: !*value },
        RowExpr::Unary(Unary::Not, x) => {
            let x = may(x, bounds);
            May { be_true: x.be_false, be_false: x.be_true }
        }
        RowExpr::Binary(Binary::And, a, b) => {
            let (a, b) = (may(a, bounds), may(b, bounds));
            May { be_true: a.be_true && b.be_true, be_false: a.be_false || b.be_false }
        }
        RowExpr::Binary(Binary::Or, a, b) => {
            let (a, b) = (may(a, bounds), may(b, bounds));
            May { be_true: a.be_true || b.be_true, be_false: a.be_false && b.be_false }
        }
        RowExpr::Binary(op, a, b) => match (&**a, &**b) {
            (RowExpr::Column(name), constant) => compare(*op, &bounds(name), constant),
            (constant, RowExpr::Column(name)) => compare(swapped(*op), &bounds(name), constant),
            _ => ANYTHING,
        },
        RowExpr::Column(name) => match bounds(name) {
            Bounds::Null => NULL,
            Bounds::Numbers { min, max, .. } => May { be_true: max >= 1.0, be_false: min <= 0.0 },
            Bounds::Unknown | Bounds::Texts { .. } => ANYTHING,
        },
        RowExpr::IsNull(x) => match &**x {
            RowExpr::Column(name) => match bounds(name) {
                Bounds::Null => May { be_true: true, be_false: false },
                Bounds::Numbers { null, .. } | Bounds::Texts { null, .. } => {
                    May { be_true: null, be_false: true }
                }
                Bounds::Unknown => ANYTHING,
            },
            _ => ANYTHING,
        },
        _ => ANYTHING,
    }
}

fn swapped(op: Binary) -> Binary {
    match op {
        Binary::Lt => Binary::Gt,
        Binary::Le => Binary::Ge,
        Binary::Gt => Binary::Lt,
        Binary::Ge => Binary::Le,
        other => other,
    }
}

/// `column op constant`. Both sides are rounded to f64, which never swaps two numbers but may make them equal: so `<` is
/// judged as `<=`.
fn compare(op: Binary, column: &Bounds, constant: &RowExpr) -> May {
    let constant = match constant {
        RowExpr::Int(x) => *x as f64,
        RowExpr::Float(x) => *x,
        RowExpr::Text(text) => return compare_text(op, column, text.as_bytes()),
        _ => return ANYTHING,
    };
    let (min, max, nan) = match column {
        Bounds::Null => return NULL,
        Bounds::Numbers { min, max, nan, .. } => (*min, *max, *nan),
        Bounds::Unknown | Bounds::Texts { .. } => return ANYTHING,
    };
    // Of NaN only `!=` is true.
    match op {
        Binary::Lt | Binary::Le => May { be_true: min <= constant, be_false: nan || max >= constant },
        Binary::Gt | Binary::Ge => May { be_true: max >= constant, be_false: nan || min <= constant },
        Binary::Eq => May { be_true: min <= constant && constant <= max, be_false: true },
        Binary::Ne => May { be_true: true, be_false: min <= constant && constant <= max },
        _ => ANYTHING,
    }
}

fn compare_text(op: Binary, column: &Bounds, constant: &[u8]) -> May {
    let inside = match column {
        Bounds::Null => return NULL,
        Bounds::Texts { min, max, .. } => min.as_slice() <= constant && constant <= max.as_slice(),
        Bounds::Unknown | Bounds::Numbers { .. } => return ANYTHING,
    };
    match op {
        Binary::Eq => May { be_true: inside, be_false: true },
        Binary::Ne => May { be_true: true, be_false: inside },
        _ => ANYTHING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use smolc_expr::row::{Batch, Bits, Column, DataType, Field, Offsets, RowValue, Text, Values};

    fn fields() -> [Field; 3] {
        [Field::new("n", DataType::F64), Field::new("i", DataType::I64), Field::new("t", DataType::Text32)]
    }

    fn expression() -> impl Strategy<Value = RowExpr> {
        let op = prop::sample::select(vec![
            Binary::Lt,
            Binary::Le,
            Binary::Gt,
            Binary::Ge,
            Binary::Eq,
            Binary::Ne,
        ]);
        let column = |name: &str| Box::new(RowExpr::Column(name.into()));
        let binary = |op, a, b| RowExpr::Binary(op, a, Box::new(b));
        let big = 1i64 << 53;
        let leaf = prop_oneof![
            (op.clone(), -3i64..4).prop_map(move |(op, k)| binary(op, column("n"), RowExpr::Int(k))),
            (op.clone(), -3i64..4).prop_map(move |(op, k)| binary(
                op,
                Box::new(RowExpr::Int(k)),
                *column("n")
            )),
            (op, prop::sample::select(vec![-1, 0, 1, big - 1, big, big + 1, big + 2]))
                .prop_map(move |(op, k)| binary(op, column("i"), RowExpr::Int(k))),
            (prop::sample::select(vec![Binary::Eq, Binary::Ne]), "[ab]{0,2}")
                .prop_map(move |(op, t)| binary(op, column("t"), RowExpr::Text(t))),
            prop::sample::select(vec!["n", "i", "t"]).prop_map(move |n| RowExpr::IsNull(column(n))),
        ];
        leaf.prop_recursive(3, 12, 2, |inner| {
            prop_oneof![
                inner.clone().prop_map(|x| RowExpr::Unary(Unary::Not, Box::new(x))),
                (prop::sample::select(vec![Binary::And, Binary::Or]), inner.clone(), inner)
                    .prop_map(|(op, a, b)| RowExpr::Binary(op, Box::new(a), Box::new(b))),
            ]
        })
    }

    type Rows = Vec<(Option<f64>, Option<i64>, Option<String>)>;

    fn bits(valid: impl Iterator<Item = bool>) -> Vec<u8> {
        let mut bytes = vec![0u8; 2];
        valid.enumerate().filter(|(_, v)| *v).for_each(|(i, _)| bytes[i / 8] |= 1 << (i % 8));
        bytes
    }

    fn bounds(rows: &Rows, name: &str) -> Bounds {
        let null = match name {
            "n" => rows.iter().any(|r| r.0.is_none()),
            "i" => rows.iter().any(|r| r.1.is_none()),
            _ => rows.iter().any(|r| r.2.is_none()),
        };
        if name == "t" {
            let mut texts: Vec<Vec<u8>> =
                rows.iter().filter_map(|r| Some(r.2.clone()?.into_bytes())).collect();
            texts.sort();
            return match (texts.first(), texts.last()) {
                (Some(min), Some(max)) => Bounds::Texts { min: min.clone(), max: max.clone(), null },
                _ => Bounds::Null,
            };
        }
        let numbers: Vec<f64> = match name {
            "n" => rows.iter().filter_map(|r| r.0).collect(),
            _ => rows.iter().filter_map(|r| r.1.map(|i| i as f64)).collect(),
        };
        if numbers.is_empty() {
            return Bounds::Null;
        }
        let nan = numbers.iter().any(|x| x.is_nan());
        // As statistics are: NaN is left out.
        let least = numbers.iter().copied().filter(|x| !x.is_nan()).fold(f64::MAX, f64::min);
        let most = numbers.iter().copied().filter(|x| !x.is_nan()).fold(f64::MIN, f64::max);
        if least > most { Bounds::Unknown } else { Bounds::Numbers { min: least, max: most, null, nan } }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        /// Nothing is skipped that some row would have passed, and `not` is sound as well.
        #[test]
        fn sound_on_every_row(
            expr in expression(),
            rows in prop::collection::vec((
                prop::option::of(prop::sample::select(vec![-2.0, -1.0, 0.0, 0.5, 1.0, 3.0, f64::NAN])),
                prop::option::of(prop::sample::select(vec![-1, 0, 1, (1i64 << 53) - 1, 1 << 53, (1 << 53) + 1])),
                prop::option::of("[ab]{0,2}"),
            ), 1..9),
        ) {
            let numbers: Vec<f64> = rows.iter().map(|r| r.0.unwrap_or(0.0)).collect();
            let integers: Vec<i64> = rows.iter().map(|r| r.1.unwrap_or(0)).collect();
            let texts: String = rows.iter().filter_map(|r| r.2.clone()).collect();
            let mut ends = vec![0i32];
            for row in &rows {
                ends.push(ends[ends.len() - 1] + row.2.as_ref().map_or(0, |t| t.len() as i32));
            }
            let valid = [
                bits(rows.iter().map(|r| r.0.is_some())),
                bits(rows.iter().map(|r| r.1.is_some())),
                bits(rows.iter().map(|r| r.2.is_some())),
            ];
            let validity = |i: usize| Some(Bits::new(&valid[i], 0, rows.len()).unwrap());
            let columns = vec![
                Column::new(Values::F64(&numbers), validity(0)).unwrap(),
                Column::new(Values::I64(&integers), validity(1)).unwrap(),
                Column::new(Values::Text(Text::of_str(Offsets::I32(&ends), &texts).unwrap()), validity(2)).unwrap(),
            ];
            let batch = Batch::new(rows.len(), columns).unwrap();
            let bound = expr.bind(&fields()).unwrap();
            let on = bound.on(&batch).unwrap();
            let found = may(&expr, &|name| bounds(&rows, name));
            for row in 0..rows.len() {
                match on.value(row) {
                    RowValue::Truth(true) => prop_assert!(found.be_true, "{expr} is true of row {row}"),
                    RowValue::Truth(false) => prop_assert!(found.be_false, "{expr} is false of row {row}"),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_is_skipped() {
        let column = |name: &str| Box::new(RowExpr::Column(name.into()));
        let score = RowExpr::Binary(Binary::Ge, column("score"), Box::new(RowExpr::Int(4)));
        let english = RowExpr::Binary(Binary::Eq, column("language"), Box::new(RowExpr::Text("en".into())));
        let both = RowExpr::Binary(Binary::And, Box::new(score), Box::new(english));
        let with = |max: f64, least: &str| {
            let least = least.to_string();
            may_be_true(&both, &move |name| match name {
                "score" => Bounds::Numbers { min: 0.0, max, null: true, nan: true },
                _ => Bounds::Texts { min: least.clone().into_bytes(), max: b"zh".to_vec(), null: false },
            })
        };
        assert!(with(4.0, "de") && !with(3.9, "de") && !with(5.0, "es"));
        assert!(!may_be_true(&both, &|_| Bounds::Null) && may_be_true(&both, &|_| Bounds::Unknown));
    }
}
