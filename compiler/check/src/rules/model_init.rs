//! `smol::model::init`: the standard deviation of the initialization fits the width.
//!
//! Two conventions are common: 0.02, and 1/√hidden. A value that is neither most often was copied from a model of another
//! width, as the 135M's 0.0417 stands in a published configuration of a 3B model.

use crate::spec::Run;
use smolc_diag::Diagnostic;

/// Largest factor from either convention.
const FACTOR: f64 = 1.3;

/// Reports a standard deviation far from both conventions.
pub fn check(run: &Run, out: &mut Vec<Diagnostic>) {
    let Some(model) = &run.model else { return };
    // A run that begins from another one initializes nothing.
    if run.parent.is_some() || model.model.hidden == 0 {
        return;
    }
    let (std, width) = (model.model.init.std, 1.0 / (model.model.hidden as f64).sqrt());
    let near = |a: f64| std <= a * FACTOR && a <= std * FACTOR;
    if std <= 0.0 || near(0.02) || near(width) {
        return;
    }
    let at = model.at("init");
    let of = (1.0 / (std * std)).round();
    out.push(
        Diagnostic::warning(
            "smol::model::init",
            at,
            format!("an initialization of {std} fits no model of width {}", model.model.hidden),
        )
        .label(format!("1/√hidden would be {width:.5}"))
        .help(format!("{std} is 1/√{of}; write `init: {{ std: {width:.5} }}` or 0.02")),
    );
}
