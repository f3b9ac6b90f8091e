//! Random conditions and columns, and what must hold of them: shared with the fuzz target `row`.
#![allow(dead_code)] // each user takes a part of it

use smolc_expr::row::{
    Batch, Bits, Column, Contradiction, DataType, Field, Filter, Offsets, RowExpr, RowKind, RowValue,
    Selection, Text, TextMatch, Values,
};
use smolc_expr::{Binary, Builtin, Unary};

/// Choices given as bytes, and behind them random numbers of a seed (splitmix64, Steele et al. 2014).
pub struct Random {
    given: std::vec::IntoIter<u8>,
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random { given: Vec::new().into_iter(), state: seed }
    }
    /// A choice of few takes one byte, so that a fuzzer changes one by changing one.
    pub fn of_bytes(given: &[u8]) -> Random {
        Random { given: Vec::from(given).into_iter(), state: given.len() as u64 }
    }
    fn next(&mut self) -> u64 {
        if self.given.len() > 0 {
            return u64::from_le_bytes(std::array::from_fn(|_| self.given.next().unwrap_or(0)));
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: usize) -> usize {
        if n <= 256
            && let Some(byte) = self.given.next()
        {
            return usize::from(byte) % n;
        }
        (self.next() % n as u64) as usize
    }
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

pub const FLOATS: [f64; 20] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.5,
    3.0,
    -3.5,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    5e-324,
    1e300,
    -1e300,
    0.1,
    9_007_199_254_740_992.0,
    9_007_199_254_740_994.0,
    9_223_372_036_854_775_808.0,
    -9_223_372_036_854_775_808.0,
    16_777_217.0,
    3.4028234663852886e38,
];

pub const INTS: [i64; 18] = [
    0,
    1,
    -1,
    2,
    3,
    7,
    -128,
    127,
    255,
    65_535,
    1 << 31,
    -(1 << 31),
    (1 << 53) + 1,
    1 << 53,
    i64::MAX,
    i64::MIN,
    i64::MAX - 1,
    4_294_967_295,
];

const TEXTS: [&str; 17] = [
    "",
    "e",
    "en",
    "fr",
    "eng",
    "é",
    "né",
    "日本語",
    "🙂",
    "english",
    "language",
    "languages",
    "languagelanguage",
    "languagelanguag2",
    "a text of more than sixteen bytes",
    "a text of more than sixteen bytez",
    "bytes",
];

fn float(r: &mut Random) -> f64 {
    if r.one_in(4) { f64::from_bits(r.next()) } else { r.pick(&FLOATS) }
}

fn int(r: &mut Random) -> i64 {
    if r.one_in(4) { (r.next() as i64) >> r.below(64) } else { r.pick(&INTS) }
}

fn text(r: &mut Random) -> String {
    match r.below(6) {
        0 => format!("{}{}", r.pick(&TEXTS), r.pick(&TEXTS)),
        1 => r.pick(&TEXTS).repeat(r.below(4)),
        _ => r.pick(&TEXTS).to_owned(),
    }
}

pub fn fields() -> Vec<Field> {
    DataType::ALL.iter().flat_map(|t| [0, 1].map(|i| Field::new(format!("{t}_{i}"), *t))).collect()
}

/// Bitmaps and offsets with something in front, as slices of longer columns have.
pub enum Stored {
    F64(Vec<f64>),
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    I16(Vec<i16>),
    I8(Vec<i8>),
    U32(Vec<u32>),
    U16(Vec<u16>),
    U8(Vec<u8>),
    Truth(Vec<u8>, usize),
    Text32(Vec<i32>, String),
    Text64(Vec<i64>, String),
}

pub struct Owned {
    pub values: Stored,
    validity: Option<(Vec<u8>, usize)>,
    rows: usize,
}

fn bitmap(r: &mut Random, rows: usize) -> (Vec<u8>, usize) {
    let offset = r.below(20);
    // Mostly ones, mostly zeros, or half and half; with nothing beyond the last byte that holds a bit.
    let thin = r.below(3);
    let byte = |r: &mut Random| match thin {
        0 => r.next() as u8,
        1 => (r.next() | r.next() | r.next()) as u8,
        _ => (r.next() & r.next() & r.next()) as u8,
    };
    ((0..(offset + rows).div_ceil(8)).map(|_| byte(r)).collect(), offset)
}

pub fn column(r: &mut Random, data_type: DataType, rows: usize) -> Owned {
    // Values of one column are often close to each other, so that comparisons are not all one-sided.
    let small = r.one_in(2);
    let int = |r: &mut Random| if small { r.below(8) as i64 - 2 } else { int(r) };
    let float = |r: &mut Random| if small { r.below(12) as f64 * 0.5 - 1.0 } else { float(r) };
    let values = match data_type {
        DataType::F64 => Stored::F64((0..rows).map(|_| float(r)).collect()),
        DataType::F32 => Stored::F32((0..rows).map(|_| float(r) as f32).collect()),
        DataType::I64 => Stored::I64((0..rows).map(|_| int(r)).collect()),
        DataType::I32 => Stored::I32((0..rows).map(|_| int(r) as i32).collect()),
        DataType::I16 => Stored::I16((0..rows).map(|_| int(r) as i16).collect()),
        DataType::I8 => Stored::I8((0..rows).map(|_| int(r) as i8).collect()),
        DataType::U32 => Stored::U32((0..rows).map(|_| int(r) as u32).collect()),
        DataType::U16 => Stored::U16((0..rows).map(|_| int(r) as u16).collect()),
        DataType::U8 => Stored::U8((0..rows).map(|_| int(r) as u8).collect()),
        DataType::Truth => {
            let (bytes, offset) = bitmap(r, rows);
            Stored::Truth(bytes, offset)
        }
        DataType::Text32 | DataType::Text64 => {
            let mut all = text(r);
            let mut offsets = vec![all.len() as i64];
            for _ in 0..rows {
                all += &text(r);
                offsets.push(all.len() as i64);
            }
            // No spare byte behind the last row: a read beyond it would leave the allocation.
            let all = all.into_boxed_str().into_string();
            match data_type {
                DataType::Text32 => Stored::Text32(offsets.iter().map(|o| *o as i32).collect(), all),
                _ => Stored::Text64(offsets, all),
            }
        }
    };
    let validity = r.one_in(2).then(|| bitmap(r, rows));
    Owned { values, validity, rows }
}

impl Owned {
    pub fn view(&self) -> Column<'_> {
        let values = match &self.values {
            Stored::F64(values) => Values::F64(values),
            Stored::F32(values) => Values::F32(values),
            Stored::I64(values) => Values::I64(values),
            Stored::I32(values) => Values::I32(values),
            Stored::I16(values) => Values::I16(values),
            Stored::I8(values) => Values::I8(values),
            Stored::U32(values) => Values::U32(values),
            Stored::U16(values) => Values::U16(values),
            Stored::U8(values) => Values::U8(values),
            Stored::Truth(bytes, offset) => Values::Truth(Bits::new(bytes, *offset, self.rows).unwrap()),
            Stored::Text32(offsets, all) => {
                Values::Text(Text::new(Offsets::I32(offsets), all.as_bytes()).unwrap())
            }
            Stored::Text64(offsets, all) => Values::Text(Text::of_str(Offsets::I64(offsets), all).unwrap()),
        };
        let validity =
            self.validity.as_ref().map(|(bytes, offset)| Bits::new(bytes, *offset, self.rows).unwrap());
        Column::new(values, validity).unwrap()
    }
}

fn named(r: &mut Random, kind: RowKind) -> RowExpr {
    let of_kind: Vec<_> = fields().into_iter().filter(|f| f.data_type.kind() == kind).collect();
    RowExpr::Column(r.pick(&of_kind).name)
}

/// An expression of a kind, at most `depth` deep.
fn expr(r: &mut Random, kind: RowKind, depth: usize) -> RowExpr {
    use RowKind::{Float, Int, Truth};
    let boxed = |r: &mut Random, kind| Box::new(expr(r, kind, depth.saturating_sub(1)));
    if depth == 0 || r.one_in(5) {
        return match kind {
            _ if !r.one_in(3) => named(r, kind),
            Int => RowExpr::Int(int(r)),
            Float => RowExpr::Float(Some(float(r)).filter(|f| f.is_finite()).unwrap_or(1.5)),
            Truth => RowExpr::Truth(r.one_in(2)),
            RowKind::Text => RowExpr::Text(text(r)),
        };
    }
    let arithmetic = [Binary::Add, Binary::Sub, Binary::Mul];
    let either = if r.one_in(2) { Int } else { Float };
    match kind {
        RowKind::Text => {
            if r.one_in(3) {
                RowExpr::Text(text(r))
            } else {
                named(r, kind)
            }
        }
        Int => match r.below(6) {
            0 => RowExpr::Unary(Unary::Neg, boxed(r, Int)),
            1 => RowExpr::Select(boxed(r, Truth), boxed(r, Int), boxed(r, Int)),
            2 => RowExpr::Length(boxed(r, RowKind::Text)),
            3 => RowExpr::Call(Builtin::Abs, vec![*boxed(r, Int)]),
            4 => RowExpr::Call(r.pick(&[Builtin::Min, Builtin::Max]), vec![*boxed(r, Int), *boxed(r, Int)]),
            _ => RowExpr::Binary(r.pick(&arithmetic), boxed(r, Int), boxed(r, Int)),
        },
        Float => match r.below(6) {
            0 => RowExpr::Unary(Unary::Neg, boxed(r, Float)),
            1 => RowExpr::Select(boxed(r, Truth), boxed(r, Float), boxed(r, either)),
            2 => {
                let f = r.pick(&Builtin::ALL);
                RowExpr::Call(f, (0..f.arity()).map(|_| *boxed(r, Float)).collect())
            }
            3 => RowExpr::Binary(Binary::Div, boxed(r, Int), boxed(r, either)),
            4 => RowExpr::Binary(r.pick(&arithmetic), boxed(r, either), boxed(r, Float)),
            _ => RowExpr::Binary(r.pick(&arithmetic), boxed(r, Float), boxed(r, Float)),
        },
        Truth => match r.below(10) {
            0 => RowExpr::Unary(Unary::Not, boxed(r, Truth)),
            1 => RowExpr::Select(boxed(r, Truth), boxed(r, Truth), boxed(r, Truth)),
            2 => {
                let kind = r.pick(&[Int, Float, Truth, RowKind::Text]);
                RowExpr::IsNull(boxed(r, kind))
            }
            3 => RowExpr::Match(r.pick(&TextMatch::ALL), boxed(r, RowKind::Text), boxed(r, RowKind::Text)),
            4 | 5 => RowExpr::Binary(r.pick(&[Binary::And, Binary::Or]), boxed(r, Truth), boxed(r, Truth)),
            6 => {
                let kind = r.pick(&[Truth, RowKind::Text, RowKind::Text]);
                RowExpr::Binary(r.pick(&[Binary::Eq, Binary::Ne]), boxed(r, kind), boxed(r, kind))
            }
            7 => {
                let length = RowExpr::Length(Box::new(named(r, RowKind::Text)));
                let limit = RowExpr::Int(r.below(20) as i64 - 2);
                RowExpr::Binary(compare(r), Box::new(length), Box::new(limit))
            }
            _ => RowExpr::Binary(compare(r), boxed(r, either), {
                let other = if r.one_in(3) { either } else { r.pick(&[Int, Float]) };
                boxed(r, other)
            }),
        },
    }
}

fn compare(r: &mut Random) -> Binary {
    r.pick(&[Binary::Lt, Binary::Le, Binary::Gt, Binary::Ge, Binary::Eq, Binary::Ne])
}

/// A random condition that is valid; one with an integer constant that would be rounded is not.
pub fn condition(r: &mut Random, fields: &[Field]) -> RowExpr {
    loop {
        let depth = 1 + r.below(5);
        let expr = expr(r, RowKind::Truth, depth);
        if expr.verify(fields).is_ok() {
            return expr;
        }
    }
}

/// Panics where a back end keeps other rows than the interpreter, or folding changes anything. `place` is for messages.
pub fn agree(r: &mut Random, place: &str, rows: usize, conditions: usize) {
    let fields = fields();
    // Choices that are given go to the conditions first.
    let conditions: Vec<RowExpr> = (0..conditions).map(|_| condition(r, &fields)).collect();
    let owned: Vec<Owned> = fields.iter().map(|field| column(r, field.data_type, rows)).collect();
    let batch = Batch::new(rows, owned.iter().map(Owned::view).collect()).unwrap();
    let (mut found, mut meaning) = (Selection::new(), Selection::new());
    let mut before: Option<(RowExpr, Vec<usize>)> = None;
    for expr in conditions {
        let bound = expr.bind(&fields).unwrap();
        let on = bound.on(&batch).unwrap();
        let kept: Vec<usize> = (0..rows).filter(|row| on.value(*row) == RowValue::Truth(true)).collect();
        let interpreted = Filter::interpreted(&expr, &fields).unwrap();
        assert_eq!(interpreted.select(&batch, &mut meaning).unwrap(), kept.len(), "folded {expr}");
        assert!(meaning.indices().eq(kept.iter().copied()), "folded {expr}");
        let mut filters = vec![Filter::new(&expr, &fields).unwrap()];
        assert_eq!(filters[0].interpreter_reason().is_none(), cfg!(feature = "jit"));
        #[cfg(feature = "jit")]
        filters.push(Filter::optimized(&expr, &fields, smolc_expr::Optimization::None).unwrap().unwrap());
        for filter in filters.drain(..) {
            let count = filter.select(&batch, &mut found).unwrap();
            let first = (0..rows).find(|row| found.contains(*row) != meaning.contains(*row));
            assert_eq!(first, None, "{place}, {rows} rows, {expr}\n{}", filter.bound());
            assert_eq!(count, meaning.count(), "{place}, {rows} rows, {expr}");
            assert_eq!(found, meaning);
        }
        if let Some(why) = Contradiction::of([&expr]) {
            assert!(kept.is_empty(), "{expr} is never true: {why}");
        }
        if let Some(why) = Contradiction::of_not(&expr) {
            let dropped = (0..rows).find(|row| on.value(*row) == RowValue::Truth(false));
            assert_eq!(dropped, None, "{expr} is never false: {why}");
        }
        if let Some((first, passed)) = &before
            && let Some(why) = Contradiction::of([first, &expr])
        {
            assert!(!passed.iter().any(|row| kept.contains(row)), "never together: {why}");
        }
        before = Some((expr, kept));
    }
}
