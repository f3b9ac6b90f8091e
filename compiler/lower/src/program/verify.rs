//! Proof by simulation that a program's memory plan is sound.

use super::access::{Access, accesses};
use super::table::{ALIGN, bytes};
use smolc_plan::program::Slot;
use smolc_plan::{Block, Op, Program, Ref, Space, Statement, Tensor};
use std::collections::BTreeMap;
use thiserror::Error;

/// What is wrong with a memory plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// An offset or stride that is not a multiple of 64, or slots that overlap.
    #[error("tensor `{tensor}` is misplaced: offset {offset}, stride {stride}, {bytes} bytes a slot")]
    Misplaced {
        /// The tensor.
        tensor: String,
        /// Its offset.
        offset: u64,
        /// Its stride.
        stride: u64,
        /// Bytes of a slot.
        bytes: u64,
    },
    /// A tensor reaches beyond the arena, or an operator names a tensor or slot that does not exist.
    #[error("`{what}` lies outside the program")]
    Outside {
        /// The tensor, or its number.
        what: String,
    },
    /// Two tensors that are both alive share bytes.
    #[error("`{operator}` overwrites bytes of `{victim}` with `{tensor}`")]
    Overlap {
        /// The operator that writes; `load` for tensors that exist before any operator.
        operator: &'static str,
        /// Tensor written.
        tensor: String,
        /// Tensor that was there.
        victim: String,
    },
    /// A tensor is read that nothing has written, or whose bytes were reused since.
    #[error("`{operator}` reads `{tensor}`, which holds no value at that point")]
    Unwritten {
        /// The operator that reads.
        operator: &'static str,
        /// The tensor.
        tensor: String,
    },
    /// Gradients or moments are laid out differently from the parameters, or the byte totals do not add up.
    #[error("{what} do not match the parameters' layout")]
    Layout {
        /// What differs.
        what: &'static str,
    },
}

/// Runs the program on paper, layer by layer, and tracks which tensor owns each byte of the arena.
///
/// It knows nothing of how offsets were chosen. It errs when an operator reads a tensor whose bytes were never written or
/// were since given to another tensor, when a write touches a weight, gradient, moment, input or constant that is not its
/// target, when the operands of one operator overlap, or when `nll` does not survive its pass.
pub fn verify(program: &Program) -> Result<(), VerifyError> {
    for t in &program.tensors {
        check_place(program, t)?;
    }
    check_spaces(program)?;
    for pass in [
        vec![&program.forward, &program.backward],
        vec![&program.evaluate],
        vec![&program.evaluate, &program.forward, &program.backward],
    ] {
        run(program, &pass)?;
    }
    Ok(())
}

fn check_place(program: &Program, t: &Tensor) -> Result<(), VerifyError> {
    let outside = || VerifyError::Outside { what: t.name.clone() };
    let size = bytes(&t.shape, t.dtype).ok_or_else(outside)?;
    let end = t.stride.checked_mul(t.slots).and_then(|n| n.checked_add(t.offset)).ok_or_else(outside)?;
    if end > program.arena_bytes {
        return Err(outside());
    }
    if !t.offset.is_multiple_of(ALIGN) || !t.stride.is_multiple_of(ALIGN) || t.stride < size || t.slots == 0 {
        let (tensor, offset, stride) = (t.name.clone(), t.offset, t.stride);
        return Err(VerifyError::Misplaced { tensor, offset, stride, bytes: size });
    }
    Ok(())
}

/// Contiguous spaces in the parameters' layout, and totals that sum to the arena.
fn check_spaces(program: &Program) -> Result<(), VerifyError> {
    // Places relative to the first tensor of the space, and the bytes from there to the end of the last.
    let of = |space: Space| {
        let list: Vec<&Tensor> = program.tensors.iter().filter(|t| t.space == space).collect();
        let base = list.first().map_or(0, |t| t.offset);
        let mut next = base;
        let mut contiguous = true;
        let mut places = Vec::new();
        for t in list {
            contiguous &= t.offset == next;
            next = t.offset + t.stride * t.slots;
            places.push((t.offset.wrapping_sub(base), t.stride, t.slots, &t.shape));
        }
        (contiguous, places, next - base)
    };
    let parameters = of(Space::Parameter);
    let rounded = of(Space::Rounded);
    let halves: Vec<_> =
        parameters.1.iter().map(|(at, stride, slots, shape)| (at / 2, stride / 2, *slots, *shape)).collect();
    if !rounded.0 || !(rounded.1.is_empty() || rounded.1 == halves) {
        return Err(VerifyError::Layout { what: "bf16 copies" });
    }
    let training = !program.backward.statements.is_empty();
    let mut moments = 0;
    for (space, what) in [
        (Space::Gradient, "gradients"),
        (Space::Moment1, "first moments"),
        (Space::Moment2, "second moments"),
    ] {
        let own = of(space);
        let empty = own.1.is_empty();
        if if training { own != parameters } else { !empty }
            || (space == Space::Gradient && own.2 != program.gradient_bytes)
        {
            return Err(VerifyError::Layout { what });
        }
        if space != Space::Gradient {
            moments += own.2;
        }
    }
    let sum = [program.gradient_bytes, program.optimizer_bytes, program.activation_bytes]
        .iter()
        .try_fold(program.parameter_bytes, |n, b| n.checked_add(*b));
    if !parameters.0
        || parameters.2 + rounded.2 != program.parameter_bytes
        || moments != program.optimizer_bytes
        || sum != Some(program.arena_bytes)
    {
        return Err(VerifyError::Layout { what: "the byte totals" });
    }
    Ok(())
}

/// A tensor and a slot.
type Key = (usize, u64);

/// Who owns which bytes: start → (end, owner). Ranges never overlap.
#[derive(Default)]
struct Owners(BTreeMap<u64, (u64, Key)>);

impl Owners {
    /// The owners of any byte in `from..to`.
    fn within(&self, from: u64, to: u64) -> Vec<(u64, Key)> {
        let before = self.0.range(..from).next_back().filter(|(_, (end, _))| *end > from);
        before.into_iter().chain(self.0.range(from..to)).map(|(start, (_, key))| (*start, *key)).collect()
    }
}

fn run(program: &Program, blocks: &[&Block]) -> Result<(), VerifyError> {
    let mut owners = Owners::default();
    for (id, t) in program.tensors.iter().enumerate().filter(|(_, t)| lasting(t.space)) {
        for slot in 0..t.slots {
            write(program, &mut owners, "load", (id, slot))?;
        }
    }
    for statement in blocks.iter().flat_map(|b| &b.statements) {
        match statement {
            Statement::Op(op) => step(program, &mut owners, op, None)?,
            Statement::Repeat { layers, reverse, body } => {
                for i in 0..*layers {
                    let layer = if *reverse { layers - 1 - i } else { i };
                    body.iter().try_for_each(|op| step(program, &mut owners, op, Some(layer)))?;
                }
            }
        }
    }
    // The host reads `nll` after the pass.
    if blocks.iter().any(|b| !b.statements.is_empty()) {
        let nll = program.tensors.iter().position(|t| t.name == "nll");
        read(program, &owners, "host", (nll.unwrap_or(usize::MAX), 0))?;
    }
    Ok(())
}

/// Holds a value from load on, whatever the passes do.
fn lasting(space: Space) -> bool {
    match space {
        Space::Parameter
        | Space::Rounded
        | Space::Gradient
        | Space::Moment1
        | Space::Moment2
        | Space::Input
        | Space::Constant => true,
        Space::Activation | Space::Workspace => false,
    }
}

fn step(program: &Program, owners: &mut Owners, op: &Op, layer: Option<u64>) -> Result<(), VerifyError> {
    let mut operands: Vec<(Key, Access)> = Vec::new();
    for (r, access) in accesses(op) {
        operands.push((resolve(program, r, layer)?, access));
    }
    for (key, access) in &operands {
        if *access != Access::Write {
            read(program, owners, op.name(), *key)?;
        }
    }
    for (i, (a, _)) in operands.iter().enumerate() {
        let (from, to) = range(program, *a)?;
        for (b, _) in operands.iter().skip(i + 1) {
            let (other_from, other_to) = range(program, *b)?;
            if from < other_to && other_from < to {
                let (tensor, victim) = (name(program, *a), name(program, *b));
                return Err(VerifyError::Overlap { operator: op.name(), tensor, victim });
            }
        }
    }
    for (key, access) in &operands {
        if *access != Access::Read {
            write(program, owners, op.name(), *key)?;
        }
    }
    Ok(())
}

/// The slot a reference means in this layer; a tensor of one slot is the same in every layer.
fn resolve(program: &Program, r: Ref, layer: Option<u64>) -> Result<Key, VerifyError> {
    let id = r.tensor.0 as usize;
    let outside = || VerifyError::Outside { what: name(program, (id, 0)) };
    let tensor = program.tensors.get(id).ok_or_else(outside)?;
    let slot = match (r.slot, layer) {
        (Slot::At(n), _) => n,
        (Slot::Layer | Slot::NextLayer, Some(_)) if tensor.slots == 1 => 0,
        (Slot::Layer, Some(n)) => n,
        (Slot::NextLayer, Some(n)) => n + 1,
        (Slot::Layer | Slot::NextLayer, None) => return Err(outside()),
    };
    if slot >= tensor.slots { Err(outside()) } else { Ok((id, slot)) }
}

fn range(program: &Program, (id, slot): Key) -> Result<(u64, u64), VerifyError> {
    let outside = || VerifyError::Outside { what: name(program, (id, slot)) };
    let t = program.tensors.get(id).ok_or_else(outside)?;
    let from = slot.checked_mul(t.stride).and_then(|n| n.checked_add(t.offset)).ok_or_else(outside)?;
    let to = bytes(&t.shape, t.dtype).and_then(|n| n.checked_add(from)).ok_or_else(outside)?;
    Ok((from, to))
}

fn name(program: &Program, (id, slot): Key) -> String {
    match program.tensors.get(id) {
        Some(t) if t.slots > 1 => format!("{}[{slot}]", t.name),
        Some(t) => t.name.clone(),
        None => format!("tensor {id}"),
    }
}

fn read(program: &Program, owners: &Owners, operator: &'static str, key: Key) -> Result<(), VerifyError> {
    let (from, to) = range(program, key)?;
    match owners.0.get(&from) {
        Some((end, owner)) if *owner == key && *end == to => Ok(()),
        _ => Err(VerifyError::Unwritten { operator, tensor: name(program, key) }),
    }
}

fn write(
    program: &Program,
    owners: &mut Owners,
    operator: &'static str,
    key: Key,
) -> Result<(), VerifyError> {
    let (from, to) = range(program, key)?;
    for (start, owner) in owners.within(from, to) {
        let keeps = program.tensors.get(owner.0).is_some_and(|t| lasting(t.space));
        if owner != key && keeps {
            let (tensor, victim) = (name(program, key), name(program, owner));
            return Err(VerifyError::Overlap { operator, tensor, victim });
        }
        owners.0.remove(&start);
    }
    owners.0.insert(from, (to, key));
    Ok(())
}
