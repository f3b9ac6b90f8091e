//! Machine code against the interpreter: random typed conditions over random columns of every type, sliced and with
//! nulls, keep the same rows; folding changes nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::wildcard_enum_match_arm)] // a test may panic

mod rows;

use proptest::prelude::*;
use rows::{FLOATS, INTS, Owned, Random, Stored, agree, column, condition, fields};
use smolc_expr::row::{
    Batch, Bits, Column, Contradiction, DataType, Field, Filter, Offsets, RowExpr, RowKind, RowValue,
    Selection, Text, Values,
};
use smolc_expr::{Binary, Builtin, Unary};

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn filters_keep_the_rows_that_the_interpreter_keeps(seed in any::<u64>(), rows in 0usize..300) {
        agree(&mut Random::new(seed), &format!("seed {seed}"), rows, 6);
    }

    #[test]
    fn json_round_trip(seed in any::<u64>()) {
        let expr = condition(&mut Random::new(seed), &fields());
        let json = serde_json::to_string(&expr).unwrap();
        prop_assert_eq!(serde_json::from_str::<RowExpr>(&json).unwrap(), expr);
    }
}

/// Where a few comparisons contradict each other, no row passes them all: every pair and triple of a pool, over columns that hold
/// what the constants are, what lies beside them, NaN and null.
#[test]
fn contradictions_keep_no_row() {
    let fields = [Field::new("x", DataType::F64), Field::new("n", DataType::I64)];
    let x = [f64::NAN, f64::NEG_INFINITY, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5, f64::INFINITY, 7.0];
    let n = [0, 1, -1, 2, i64::MIN, i64::MAX, 3, 0, 1, 2];
    let valid = [0b0111_1111u8, 0b11];
    let columns = [Values::F64(&x), Values::I64(&n)];
    let columns = columns.map(|v| Column::new(v, Some(Bits::new(&valid, 0, 10).unwrap())).unwrap());
    let batch = Batch::new(10, columns.to_vec()).unwrap();
    let mut pool = Vec::new();
    for name in ["x", "n"] {
        let c = || Box::new(RowExpr::Column(name.into()));
        for op in [Binary::Lt, Binary::Le, Binary::Gt, Binary::Ge, Binary::Eq, Binary::Ne] {
            for constant in [RowExpr::Int(0), RowExpr::Float(0.5), RowExpr::Int(1)] {
                let plain = RowExpr::Binary(op, c(), Box::new(constant));
                pool.extend([plain.clone(), RowExpr::Unary(Unary::Not, Box::new(plain))]);
            }
        }
        pool.push(RowExpr::IsNull(c()));
        pool.push(RowExpr::Binary(
            Binary::Ge,
            Box::new(RowExpr::Call(Builtin::Abs, vec![*c()])),
            Box::new(RowExpr::Int(0)),
        ));
    }
    let keeps = |e: &RowExpr| -> Vec<bool> {
        let bound = e.bind(&fields).unwrap();
        let on = bound.on(&batch).unwrap();
        (0..10).map(|row| on.value(row) == RowValue::Truth(true)).collect()
    };
    let kept: Vec<Vec<bool>> = pool.iter().map(keeps).collect();
    let (mut contradictory, mut told) = (0, 0);
    for i in 0..pool.len() {
        for j in 0..i {
            for k in 0..=j {
                let none = (0..10).all(|row| !(kept[i][row] && kept[j][row] && kept[k][row]));
                let why = Contradiction::of([&pool[i], &pool[j], &pool[k]]);
                assert!(none || why.is_none(), "{} and {} and {}: {why:?}", pool[i], pool[j], pool[k]);
                contradictory += usize::from(none);
                told += usize::from(why.is_some());
            }
        }
    }
    // The rest needs to know what no row of this batch holds, or that a column holds integers and never NaN.
    assert!(told * 5 > contradictory * 3, "{told} of {contradictory}");
}

/// No row, one, and around a block of 64.
#[test]
fn short_batches() {
    for rows in [0, 1, 2, 63, 64, 65, 127, 129] {
        agree(&mut Random::new(rows as u64), &format!("seed {rows}"), rows, 12);
    }
}

/// Choices given as bytes make the same kinds of conditions, and are used up.
#[test]
fn bytes_as_choices() {
    for length in [0usize, 1, 7, 100, 1000] {
        let bytes: Vec<u8> = (0..length).map(|i| (i * 37 % 251) as u8).collect();
        let r = &mut Random::of_bytes(&bytes);
        let rows = r.below(130);
        agree(r, "bytes", rows, 2);
    }
}

/// Batches of more rows than machine code takes at a time, whole blocks and not.
#[test]
fn long_batches() {
    for rows in [64, 128, 16_384, 16_385, 40_000] {
        agree(&mut Random::new(rows as u64), &format!("seed {rows}"), rows, 3);
    }
}

/// Every comparison of every numeric type with constants around its bounds, so that no rare pair is left to chance.
#[test]
fn every_comparison_with_every_constant() {
    let r = &mut Random::new(7);
    let fields: Vec<Field> = fields()
        .into_iter()
        .filter(|f| matches!(f.data_type.kind(), RowKind::Int | RowKind::Float) && f.name.ends_with("_0"))
        .collect();
    let rows = 64 + 17;
    let mut owned: Vec<Owned> = fields.iter().map(|field| column(r, field.data_type, rows)).collect();
    for column in &mut owned {
        match &mut column.values {
            Stored::F64(values) => values.iter_mut().zip(FLOATS).for_each(|(to, x)| *to = x),
            Stored::F32(values) => values.iter_mut().zip(FLOATS).for_each(|(to, x)| *to = x as f32),
            Stored::I64(values) => values.iter_mut().zip(INTS).for_each(|(to, x)| *to = x),
            _ => {}
        }
    }
    let batch = Batch::new(rows, owned.iter().map(Owned::view).collect()).unwrap();
    let constants: Vec<RowExpr> = INTS
        .into_iter()
        .map(RowExpr::Int)
        .chain(FLOATS.into_iter().filter(|f| f.is_finite()).map(RowExpr::Float))
        .collect();
    let (mut found, mut meaning) = (Selection::new(), Selection::new());
    let mut disagreements = Vec::new();
    // One condition per comparison and constant, of all columns at once, would hide a column behind another.
    for field in &fields {
        let c = || Box::new(RowExpr::Column(field.name.clone()));
        for op in [Binary::Lt, Binary::Le, Binary::Gt, Binary::Ge, Binary::Eq, Binary::Ne] {
            for constant in &constants {
                let expr = RowExpr::Binary(op, c(), Box::new(constant.clone()));
                let filter = Filter::new(&expr, &fields).unwrap();
                Filter::interpreted(&expr, &fields).unwrap().select(&batch, &mut meaning).unwrap();
                filter.select(&batch, &mut found).unwrap();
                if found != meaning {
                    disagreements.push(expr.to_string());
                }
            }
        }
    }
    assert_eq!(disagreements, Vec::<String>::new());
}

/// Every comparison of a length with bounds around it, on either side, of texts of every width of character and longer
/// than what is counted at a time; of columns that know which texts are ASCII and of such that do not.
#[test]
fn every_comparison_of_a_length() {
    let units = ["x", "é", "€", "🙂", "xy€", "🙂x"];
    let lengths = [0, 1, 2, 3, 5, 130, 511, 513, 2047, 2050];
    let mut all = String::new();
    let mut ends = vec![0i64];
    for unit in units {
        for length in lengths {
            all.extend(unit.chars().cycle().take(length));
            ends.push(all.len() as i64);
        }
    }
    let rows = units.len() * lengths.len();
    let fields = [Field::new("text", DataType::Text64)];
    let views = [
        Text::new(Offsets::I64(&ends), all.as_bytes()).unwrap(),
        Text::of_str(Offsets::I64(&ends), &all).unwrap(),
    ];
    let batches =
        views.map(|text| Batch::new(rows, vec![Column::new(Values::Text(text), None).unwrap()]).unwrap());
    let (mut found, mut meaning) = (Selection::new(), Selection::new());
    let bounds = lengths.iter().flat_map(|length| [-1, 0, 1].map(|by| *length as i64 + by));
    for bound in bounds.chain([i64::MIN, i64::MAX, i64::MAX - 1, 600, 1500, 4000, 8200]) {
        for op in [Binary::Lt, Binary::Le, Binary::Gt, Binary::Ge, Binary::Eq, Binary::Ne] {
            let length = Box::new(RowExpr::Length(Box::new(RowExpr::Column("text".into()))));
            let bound = Box::new(RowExpr::Int(bound));
            for expr in
                [RowExpr::Binary(op, length.clone(), bound.clone()), RowExpr::Binary(op, bound, length)]
            {
                let filter = Filter::new(&expr, &fields).unwrap();
                let plain = Filter::interpreted(&expr, &fields).unwrap();
                for batch in &batches {
                    plain.select(batch, &mut meaning).unwrap();
                    filter.select(batch, &mut found).unwrap();
                    assert_eq!(found, meaning, "{expr}");
                }
            }
        }
    }
}
