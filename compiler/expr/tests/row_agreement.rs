//! Machine code against the interpreter: random typed conditions over random columns of every type, sliced and with
//! nulls, keep the same rows; folding changes nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::wildcard_enum_match_arm)] // a test may panic

mod rows;

use proptest::prelude::*;
use rows::{FLOATS, INTS, Owned, Random, Stored, agree, column, condition, fields};
use smolc_expr::Binary;
use smolc_expr::row::{
    Batch, Column, DataType, Field, Filter, Offsets, RowExpr, RowKind, Selection, Text, Values,
};

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
