//! Machine code and the interpreter give the same bits, NaN folded, for expressions and values made from the input.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smolc_expr::{Binary, Builtin, Compiled, Expr, Optimization, Unary};

const NAMES: [&str; 3] = ["t", "end", "loss"];

/// Reads the input as choices; at its end every choice is the first.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, &[][..]), |(f, r)| (*f, r));
        self.0 = rest;
        first
    }

    fn value(&mut self) -> f64 {
        match self.next() % 12 {
            0 => 0.0,
            1 => -0.0,
            2 => 1.0,
            3 => -1.5,
            4 => f64::NAN,
            5 => f64::INFINITY,
            6 => f64::NEG_INFINITY,
            7 => 5e-324,
            8 => f64::MAX,
            9 => f64::from(self.next()),
            _ => f64::from_bits(u64::from_le_bytes(std::array::from_fn(|_| self.next()))),
        }
    }

    fn number(&mut self, depth: usize) -> Expr {
        let boxed = |b: &mut Self| Box::new(b.number(depth - 1));
        match if depth == 0 { self.next() % 2 } else { self.next() % 6 } {
            0 => Expr::Var(NAMES[usize::from(self.next()) % 3].into()),
            1 => {
                let v = self.value();
                Expr::Const(if v.is_finite() { v } else { 2.0 })
            }
            2 => Expr::Unary(Unary::Neg, boxed(self)),
            3 => {
                let op = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div][usize::from(self.next()) % 4];
                Expr::Binary(op, boxed(self), boxed(self))
            }
            4 => {
                let f = Builtin::ALL[usize::from(self.next()) % Builtin::ALL.len()];
                let arguments = (0..f.arity()).map(|_| self.number(depth - 1)).collect();
                Expr::Call(f, arguments)
            }
            _ => Expr::Select(Box::new(self.truth(depth - 1)), boxed(self), boxed(self)),
        }
    }

    fn truth(&mut self, depth: usize) -> Expr {
        use Binary::{And, Eq, Ge, Gt, Le, Lt, Ne, Or};
        let choice = self.next();
        if depth > 0 && choice % 4 == 0 {
            return Expr::Unary(Unary::Not, Box::new(self.truth(depth - 1)));
        }
        if depth > 0 && choice % 4 == 1 {
            let op = if self.next() % 2 == 0 { And } else { Or };
            return Expr::Binary(op, Box::new(self.truth(depth - 1)), Box::new(self.truth(depth - 1)));
        }
        let op = [Lt, Le, Gt, Ge, Eq, Ne][usize::from(self.next()) % 6];
        let depth = depth.saturating_sub(1);
        Expr::Binary(op, Box::new(self.number(depth)), Box::new(self.number(depth)))
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let expr = bytes.number(6);
    let Ok(bound) = expr.bind(&NAMES) else { return };
    let bits = |x: f64| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() };
    for level in [Optimization::None, Optimization::Speed] {
        let compiled = Compiled::new(&bound, level).unwrap();
        for _ in 0..4 {
            let row = std::array::from_fn(|_| bytes.value());
            assert_eq!(bits(compiled.call(&row)), bits(bound.eval(&row)), "{expr} at {row:?}");
        }
    }
});
