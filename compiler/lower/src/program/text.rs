//! The program as text, for `smolc plan --emit step`.

use super::table::bytes;
use smolc_plan::flops::of_op;
use smolc_plan::program::{Dtype, Slot};
use smolc_plan::{Block, Op, Program, Ref, Space, Statement, Tensor};
use std::fmt;

/// Writes a program the way a person reads one: the tensors with shape, type, bytes and offset, then the three blocks.
pub struct Text<'a>(pub &'a Program);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = self.0;
        writeln!(
            f,
            "program step(tokens[{b}, {t}], targets[{b}, {t}], weights[{b}, {t}], positions[{b}, {t}], \
             document_start[{b}, {t}])",
            b = p.batch,
            t = p.window
        )?;
        writeln!(f, "  arena       {:>14} bytes  ({})", p.arena_bytes, size(p.arena_bytes))?;
        for (what, n) in [
            ("parameters", p.parameter_bytes),
            ("gradients", p.gradient_bytes),
            ("optimizer", p.optimizer_bytes),
            ("activations", p.activation_bytes),
        ] {
            writeln!(f, "  {what:<11} {n:>14} bytes  ({})", size(n))?;
        }
        writeln!(f, "  flops       {:>14} a micro-batch", p.flops)?;
        writeln!(f)?;
        self.tensors(f)?;
        self.block(f, "evaluate", &p.evaluate)?;
        self.block(f, "forward", &p.forward)?;
        self.block(f, "backward", &p.backward)
    }
}

impl Text<'_> {
    fn tensors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.tensors.iter().map(|t| t.name.len()).max().unwrap_or(0);
        let shapes: Vec<String> = self.0.tensors.iter().map(shape).collect();
        let shape_width = shapes.iter().map(String::len).max().unwrap_or(0);
        writeln!(f, "tensors {{")?;
        for (t, shape) in self.0.tensors.iter().zip(&shapes) {
            let dtype = match t.dtype {
                Dtype::F32 => "f32",
                Dtype::U32 => "u32",
                Dtype::Bf16 => "bf16",
            };
            let slot = bytes(&t.shape, t.dtype).unwrap_or(u64::MAX);
            writeln!(
                f,
                "  {:<width$}  {dtype:<4} {shape:<shape_width$}  {slot:>13} bytes  at {:>13}  {}",
                t.name,
                t.offset,
                space(t.space),
            )?;
        }
        writeln!(f, "}}")
    }

    fn block(&self, f: &mut fmt::Formatter<'_>, name: &str, block: &Block) -> fmt::Result {
        if block.statements.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{name} {{")?;
        for statement in &block.statements {
            match statement {
                Statement::Op(op) => self.line(f, "  ", op)?,
                Statement::Repeat { layers, reverse, body } => {
                    let range = if *reverse { format!("{layers}..0") } else { format!("0..{layers}") };
                    writeln!(f, "  repeat layer in {range} {{")?;
                    body.iter().try_for_each(|op| self.line(f, "    ", op))?;
                    writeln!(f, "  }}")?;
                }
            }
        }
        writeln!(f, "}}")
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, indent: &str, op: &Op) -> fmt::Result {
        let text = format!("{indent}{}", self.op(op));
        match of_op(self.0, op).unwrap_or(0) {
            0 => writeln!(f, "{text}"),
            flops => writeln!(f, "{text:<84} # {flops} flop"),
        }
    }

    fn op(&self, op: &Op) -> String {
        let n = |r: Ref| self.name(r);
        let name = op.name();
        match *op {
            Op::Zero { out } => format!("{} = 0", n(out)),
            Op::Embed { tokens, weight, out } => format!("{} = {name}({}, {})", n(out), n(tokens), n(weight)),
            Op::EmbedBackward { tokens, dout, grad_weight } => {
                format!("{} += {name}({}, {})", n(grad_weight), n(tokens), n(dout))
            }
            Op::RmsNorm { x, weight, out, rstd, eps } => {
                format!("{}, {} = {name}({}, {}, eps {eps:e})", n(out), n(rstd), n(x), n(weight))
            }
            Op::RmsNormBackward { x, weight, rstd, dout, dx, grad_weight } => format!(
                "{}, {} += {name}({}, {}, {}, {})",
                n(dx),
                n(grad_weight),
                n(dout),
                n(x),
                n(weight),
                n(rstd)
            ),
            Op::Linear { x, weight, bias, residual, out } => {
                let bias = bias.map(|b| format!(" + {}", n(b))).unwrap_or_default();
                let residual = residual.map(|r| format!(" + {}", n(r))).unwrap_or_default();
                format!("{} = {name}({}, {}){bias}{residual}", n(out), n(x), n(weight))
            }
            Op::LinearBackward { x, weight, dout, dx, grad_weight, grad_bias } => {
                let bias = grad_bias.map(|b| format!(", {} +=", n(b))).unwrap_or_default();
                format!(
                    "{} =, {} +={bias} {name}({}, {}, {})",
                    n(dx),
                    n(grad_weight),
                    n(dout),
                    n(x),
                    n(weight)
                )
            }
            Op::Rope { qkv, positions, .. } => format!("{} = {name}({}, {})", n(qkv), n(qkv), n(positions)),
            Op::RopeBackward { dqkv, positions, .. } => {
                format!("{} = {name}({}, {})", n(dqkv), n(dqkv), n(positions))
            }
            Op::Attention { qkv, document_start, out, lse, heads, kv_heads, head_dim } => format!(
                "{}, {} = {name}({}, causal, {}, {heads}/{kv_heads} heads of {head_dim})",
                n(out),
                n(lse),
                n(qkv),
                n(document_start)
            ),
            Op::AttentionBackward { qkv, out, lse, dout, delta, dqkv, .. } => {
                format!("{}, {} = {name}({}, {}, {}, {})", n(dqkv), n(delta), n(dout), n(qkv), n(out), n(lse))
            }
            Op::Swiglu { gate_up, out } => format!("{} = {name}({})", n(out), n(gate_up)),
            Op::SwigluBackward { gate_up, dout, dgate_up } => {
                format!("{} = {name}({}, {})", n(dgate_up), n(dout), n(gate_up))
            }
            Op::HeadCrossEntropy { x, weight, targets, weights, logits, nll, dx, grad_weight, chunk } => {
                let dx = dx.map(|r| format!(", {}", n(r))).unwrap_or_default();
                let grad = grad_weight.map(|r| format!(", {} +=", n(r))).unwrap_or_default();
                format!(
                    "{}{dx} ={grad} {name}({}, {}, {}, {}, {} in chunks of {chunk})",
                    n(nll),
                    n(x),
                    n(weight),
                    n(targets),
                    n(weights),
                    n(logits)
                )
            }
        }
    }

    fn name(&self, r: Ref) -> String {
        let Some(t) = self.0.tensors.get(r.tensor.0 as usize) else {
            return format!("?{}", r.tensor.0);
        };
        match (t.slots, r.slot) {
            (1, _) => t.name.clone(),
            (_, Slot::At(n)) => format!("{}[{n}]", t.name),
            (_, Slot::Layer) => format!("{}[layer]", t.name),
            (_, Slot::NextLayer) => format!("{}[layer+1]", t.name),
        }
    }
}

fn shape(t: &Tensor) -> String {
    let list: Vec<String> = t.shape.iter().map(u64::to_string).collect();
    let slots = if t.slots > 1 { format!("{} x ", t.slots) } else { String::new() };
    format!("{slots}[{}]", list.join(", "))
}

fn space(space: Space) -> &'static str {
    match space {
        Space::Parameter => "parameter",
        Space::Rounded => "bf16 copy",
        Space::Gradient => "gradient",
        Space::Moment1 => "first moment",
        Space::Moment2 => "second moment",
        Space::Input => "input",
        Space::Activation => "saved",
        Space::Workspace => "workspace, shares bytes",
        Space::Constant => "constant",
    }
}

/// Binary units, one decimal: for people; the exact number stands beside it.
fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] {
        if value < 1024.0 {
            return format!("{value:.1} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} EiB")
}
