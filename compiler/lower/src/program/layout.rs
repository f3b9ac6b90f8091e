//! Places in the arena: spaces one after the other, workspace by lifetime.

use super::ProgramError;
use super::access::{Access, accesses};
use super::table::ALIGN;
use smolc_plan::{Block, Op, Program, Space, Statement};

/// Gives every tensor its offset and fills in the byte totals.
///
/// Inputs and constants come first, then parameters, their bf16 copies where there are any, gradients and the two moments (each space contiguous and laid out
/// alike), then saved activations, then the workspace, whose tensors share bytes when they are never alive together.
pub(super) fn assign(program: &mut Program) -> Result<(), ProgramError> {
    let order = [
        Space::Input,
        Space::Constant,
        Space::Parameter,
        Space::Rounded,
        Space::Gradient,
        Space::Moment1,
        Space::Moment2,
        Space::Activation,
    ];
    let mut next = 0u64;
    let mut spent = [0u64; 8];
    for (space, bytes) in order.into_iter().zip(&mut spent) {
        let begin = next;
        for tensor in program.tensors.iter_mut().filter(|t| t.space == space) {
            tensor.offset = next;
            next = tensor
                .stride
                .checked_mul(tensor.slots)
                .and_then(|n| n.checked_add(next))
                .ok_or_else(|| ProgramError::overflow("the arena"))?;
        }
        *bytes = next - begin;
    }
    let [input, constant, parameter, rounded, gradient, moment1, moment2, activation] = spent;
    let end = place_workspace(program, next)?;
    program.parameter_bytes = parameter + rounded;
    program.gradient_bytes = gradient;
    program.optimizer_bytes = moment1 + moment2;
    program.activation_bytes = input + constant + activation + (end - next);
    program.arena_bytes = end;
    Ok(())
}

/// When a tensor is alive: positions of the first and last operator, in one pass.
#[derive(Clone, Copy)]
struct Interval {
    first: usize,
    last: usize,
}

impl Interval {
    fn meets(self, other: Interval) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Lifetimes of a tensor in each pass; two tensors conflict if they meet in any.
type Lifetimes = [Vec<Interval>; 2];

fn conflict(a: &Lifetimes, b: &Lifetimes) -> bool {
    a.iter().zip(b).any(|(a, b)| a.iter().any(|a| b.iter().any(|b| a.meets(*b))))
}

/// First fit, largest first: the classic greedy for offset assignment; optimal is NP-hard and not worth it here.
/// Returns the end of the arena.
fn place_workspace(program: &mut Program, base: u64) -> Result<u64, ProgramError> {
    let passes = [
        lifetimes(program, &[&program.forward, &program.backward]),
        lifetimes(program, &[&program.evaluate]),
    ];
    let mut waiting: Vec<(usize, u64, Lifetimes)> = Vec::new();
    for (id, tensor) in program.tensors.iter().enumerate().filter(|(_, t)| t.space == Space::Workspace) {
        let alive = passes.each_ref().map(|pass| pass.get(id).cloned().unwrap_or_default());
        waiting.push((id, tensor.stride.saturating_mul(tensor.slots), alive));
    }
    waiting.sort_by_key(|(id, bytes, _)| (std::cmp::Reverse(*bytes), *id));

    let mut placed: Vec<(u64, u64, Lifetimes)> = Vec::new();
    let mut end = base;
    for (id, bytes, alive) in waiting {
        let mut taken: Vec<(u64, u64)> = placed
            .iter()
            .filter(|(_, _, other)| conflict(&alive, other))
            .map(|(from, to, _)| (*from, *to))
            .collect();
        taken.sort_unstable();
        let mut offset = base;
        for (from, to) in taken {
            if offset.checked_add(bytes).is_some_and(|end| end <= from) {
                break;
            }
            offset = offset.max(to);
        }
        debug_assert!(offset.is_multiple_of(ALIGN));
        let top = offset.checked_add(bytes).ok_or_else(|| ProgramError::overflow("the arena"))?;
        placed.push((offset, top, alive));
        end = end.max(top);
        if let Some(tensor) = program.tensors.get_mut(id) {
            tensor.offset = offset;
        }
    }
    Ok(end)
}

/// A tensor's uses within one statement.
#[derive(Clone, Copy)]
struct Use {
    region: usize,
    interval: Interval,
    /// The statement reads a value that it has not written before.
    needs: bool,
}

/// Lifetimes of all tensors in a pass that runs these blocks one after the other.
///
/// A repeat's body counts once. A tensor that every statement writes before it reads it holds nothing from one to the next,
/// and lives in each from its first use to its last. Otherwise its value crosses turns or statements, and it lives from the
/// first statement that uses it to the end of the last.
fn lifetimes(program: &Program, blocks: &[&Block]) -> Vec<Vec<Interval>> {
    let mut uses: Vec<Vec<Use>> = vec![Vec::new(); program.tensors.len()];
    let mut regions: Vec<Interval> = Vec::new();
    let mut position = 0usize;
    for statement in blocks.iter().flat_map(|b| &b.statements) {
        let body: &[Op] = match statement {
            Statement::Op(op) => std::slice::from_ref(op),
            Statement::Repeat { body, .. } => body,
        };
        let region = regions.len();
        let begin = position;
        for op in body {
            for (r, access) in accesses(op) {
                let Some(uses) = uses.get_mut(r.tensor.0 as usize) else { continue };
                match uses.last_mut() {
                    Some(last) if last.region == region => last.interval.last = position,
                    _ => uses.push(Use {
                        region,
                        interval: Interval { first: position, last: position },
                        needs: access != Access::Write,
                    }),
                }
            }
            position += 1;
        }
        regions.push(Interval { first: begin, last: position.saturating_sub(1) });
    }
    let whole = |u: &Use| regions.get(u.region).copied().unwrap_or(u.interval);
    uses.iter()
        .map(|uses| match (uses.first(), uses.last()) {
            (Some(first), Some(last)) if uses.iter().any(|u| u.needs) => {
                vec![Interval { first: whole(first).first, last: whole(last).last }]
            }
            _ => uses.iter().map(|u| u.interval).collect(),
        })
        .collect()
}
