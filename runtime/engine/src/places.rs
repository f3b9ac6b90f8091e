//! Where a program's tensors, spaces and parameters lie in the arena, in words.

use crate::backend::Segment;
use crate::bind;
use crate::error::EngineError;
use smolc_plan::{Parameter, Program, Space, Tensor};
use std::collections::HashMap;
use std::ops::Range;

/// A part of a space.
pub(crate) fn part(words: &Range<usize>, from: usize, count: usize) -> Result<Range<usize>, EngineError> {
    let start = words.start.saturating_add(from);
    match start.checked_add(count).filter(|end| *end <= words.end) {
        Some(end) => Ok(start..end),
        None => Err(EngineError::Program(format!("values {from} to {} of {}", from + count, words.len()))),
    }
}

/// The words of a named tensor with one slot.
pub(crate) fn named(program: &Program, name: &str) -> Result<Range<usize>, EngineError> {
    let tensor = program
        .tensors
        .iter()
        .find(|t| t.name == name)
        .ok_or_else(|| EngineError::Program(format!("it has no tensor `{name}`")))?;
    let words = bind::words(program, tensor)?;
    let length = tensor.shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d)).unwrap_or(u64::MAX);
    Ok(words.start..words.start.saturating_add(bind::word_count(length)?).min(words.end))
}

/// The words of a whole space, whose tensors lie one after the other.
pub(crate) fn space(program: &Program, space: Space) -> Result<Range<usize>, EngineError> {
    let mut whole: Option<Range<usize>> = None;
    for tensor in program.tensors.iter().filter(|t| t.space == space) {
        let words = bind::words(program, tensor)?;
        whole = match whole {
            None => Some(words),
            Some(w) if w.end == words.start => Some(w.start..words.end),
            Some(_) => {
                return Err(EngineError::Program(format!("`{}` is apart from its space", tensor.name)));
            }
        };
    }
    Ok(whole.unwrap_or(0..0))
}

/// The words of a parameter: whole rows of its tensor's slot.
pub(crate) fn place(program: &Program, p: &Parameter) -> Result<Range<usize>, EngineError> {
    let bad = || EngineError::Program(format!("parameter `{}` does not fit into the program", p.name));
    let tensor: &Tensor = program.tensors.get(p.tensor.0 as usize).ok_or_else(bad)?;
    let words = bind::words(program, tensor)?;
    let product = |shape: &[u64]| shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d)).ok_or_else(bad);
    let width = product(tensor.shape.get(1..).unwrap_or_default())?;
    let size = product(&p.shape)?;
    let slot = p.layer.unwrap_or(0).checked_mul(tensor.stride / 4).ok_or_else(bad)?;
    let start = p.row.checked_mul(width).and_then(|n| n.checked_add(slot)).ok_or_else(bad)?;
    let start = words.start.checked_add(bind::word_count(start)?).ok_or_else(bad)?;
    let end = start.checked_add(bind::word_count(size)?).ok_or_else(bad)?;
    if tensor.space != Space::Parameter || end > words.end { Err(bad()) } else { Ok(start..end) }
}

/// Runs of parameters with and without weight decay, neighbours joined. Padding between tensors is zero and stays zero,
/// so it belongs to whichever run is before it.
pub(crate) fn segments(
    program: &Program,
    parameters: &[Parameter],
    places: &HashMap<String, Range<usize>>,
    whole: &Range<usize>,
) -> Result<Vec<Segment>, EngineError> {
    let mut list: Vec<(usize, bool)> =
        parameters.iter().filter_map(|p| places.get(&p.name).map(|r| (r.start, p.decay))).collect();
    list.sort_unstable_by_key(|(start, _)| *start);
    if list.is_empty() || program.tensors.is_empty() {
        return Err(EngineError::Program("it has no parameters".into()));
    }
    let mut segments: Vec<Segment> = Vec::new();
    let mut from = whole.start;
    for (i, (_, decay)) in list.iter().enumerate() {
        let to = list.get(i + 1).map_or(whole.end, |(start, _)| *start);
        match segments.last_mut() {
            Some(last) if last.decay == *decay => last.len += to - from,
            _ => segments.push(Segment { len: to - from, decay: *decay }),
        }
        from = to;
    }
    Ok(segments)
}
