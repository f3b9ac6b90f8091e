//! The learning rate of every update.

use crate::exit::Exit;
use crate::failure::Failure;
use smolc_expr::{Bound, Evaluator, ExprError};
use smolc_plan::Run;

/// A rate and the update (0-based) that has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// Updates made before.
    pub step: u64,
    /// Rate, or change of rate.
    pub value: f64,
}

/// What the rates of a stretch of updates come to. Stretches that follow each other [add up](Rates::then).
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// Lowest, where it first occurs.
    pub min: At,
    /// Highest, where it first occurs.
    pub max: At,
    /// Largest rise from one update to the next; the update after it.
    pub rise: At,
    /// Largest fall, as a negative number.
    pub fall: At,
    /// Updates whose rate is exactly 0.
    pub zero: u64,
    /// Updates whose rate is not a finite number of 0 or more, and the first of them.
    pub bad: (u64, Option<At>),
    /// Updates at which machine code and interpreter gave different bits.
    pub unequal: u64,
    /// Why the interpreter ran instead of machine code.
    pub interpreter: Option<String>,
}

/// The schedule of a run, twice: by the fastest means and by the interpreter, which is the meaning.
pub struct Schedule {
    fast: Evaluator<2>,
    meaning: Bound<2>,
    end: f64,
}

impl Schedule {
    /// Binds the schedule of a run.
    pub fn new(run: &Run) -> Result<Schedule, Failure> {
        let bind = || -> Result<Schedule, ExprError> {
            let names = ["t", "end"];
            Ok(Schedule {
                fast: Evaluator::new(&run.lr.expr, &names)?,
                meaning: run.lr.expr.bind(&names)?,
                end: run.steps as f64,
            })
        };
        bind().map_err(|e| {
            Failure::new(
                Exit::Spec,
                format!("the learning rate of run `{}` cannot be evaluated: {e}", run.name),
            )
        })
    }

    fn at(&self, step: u64) -> f64 {
        self.fast.eval(&[step as f64, self.end])
    }

    /// The rates of the updates `from..to`, and the changes into each from the one before it.
    pub fn rates(&self, from: u64, to: u64) -> Rates {
        let at = |value| At { step: from, value };
        let mut rates = Rates {
            min: at(f64::INFINITY),
            max: at(f64::NEG_INFINITY),
            rise: at(0.0),
            fall: at(0.0),
            zero: 0,
            bad: (0, None),
            unequal: 0,
            interpreter: self.fast.interpreter_reason().map(str::to_owned),
        };
        let mut before = from.checked_sub(1).map(|step| self.at(step));
        for step in from..to {
            let value = self.at(step);
            let meant = self.meaning.eval(&[step as f64, self.end]);
            rates.unequal +=
                u64::from(value.to_bits() != meant.to_bits() && !(value.is_nan() && meant.is_nan()));
            if !(value.is_finite() && value >= 0.0) {
                rates.bad.0 += 1;
                rates.bad.1 = rates.bad.1.or(Some(At { step, value }));
            }
            rates.zero += u64::from(value == 0.0);
            if value < rates.min.value {
                rates.min = At { step, value };
            }
            if value > rates.max.value {
                rates.max = At { step, value };
            }
            if let Some(before) = before {
                let change = value - before;
                if change > rates.rise.value {
                    rates.rise = At { step, value: change };
                }
                if change < rates.fall.value {
                    rates.fall = At { step, value: change };
                }
            }
            before = Some(value);
        }
        rates
    }
}

impl Rates {
    /// These and those of the updates that follow.
    pub fn then(self, next: Rates) -> Rates {
        let less = |a: At, b: At| if b.value < a.value { b } else { a };
        let more = |a: At, b: At| if b.value > a.value { b } else { a };
        Rates {
            min: less(self.min, next.min),
            max: more(self.max, next.max),
            rise: more(self.rise, next.rise),
            fall: less(self.fall, next.fall),
            zero: self.zero + next.zero,
            bad: (self.bad.0 + next.bad.0, self.bad.1.or(next.bad.1)),
            unequal: self.unequal + next.unequal,
            interpreter: self.interpreter.or(next.interpreter),
        }
    }
}
