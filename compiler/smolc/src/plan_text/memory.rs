//! What the arena holds. The engine allocates exactly this.

use super::INDENT;
use crate::output::table::{Align, Table};
use crate::output::{Stream, number};
use smolc_plan::{Recompute, Run};

pub(super) fn render(run: &Run, out: &Stream) -> String {
    let p = &run.program;
    let mut table =
        Table::new(&[("", Align::Left), ("", Align::Right), ("", Align::Right), ("", Align::Right)]);
    let share = |n: u64| format!("{:.0}%", 100.0 * n as f64 / p.arena_bytes.max(1) as f64);
    for (name, bytes) in [
        ("parameters", p.parameter_bytes),
        ("gradients", p.gradient_bytes),
        ("optimizer moments", p.optimizer_bytes),
        ("activations, inputs, workspace", p.activation_bytes),
        ("total", p.arena_bytes),
    ] {
        table.row([name.to_string(), number::bytes(bytes), number::thousands(bytes), share(bytes)]);
    }
    let mut text = table.render(out, INDENT);
    if let Some(target) = run.target.as_ref().filter(|t| t.recompute != Recompute::None) {
        let share = 100.0 * p.recomputed_flops as f64 / p.flops.max(1) as f64;
        text += &format!(
            "{}recompute: {} · {share:.0}% more operations to keep less for the backward pass\n",
            " ".repeat(INDENT),
            target.recompute.name()
        );
    }
    text
}
