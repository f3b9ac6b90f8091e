//! What a condition costs a row, and which columns it reads.

use super::super::typed::{Float, Int, Node, Slot, TextNode, Truth};
use crate::builtins::Eval;

/// Rough cycles a row, to order the operands of `and` and `or`.
pub(super) fn truth(node: &Truth) -> u32 {
    match node {
        Truth::Const(_) | Truth::Column(_) => 0,
        Truth::Not(x) => truth(x),
        Truth::And(a, b) | Truth::Or(a, b) | Truth::Truths { a, b, .. } => truth(a) + truth(b),
        Truth::Ints(_, Int::Length(x), Int::Const(_)) | Truth::Ints(_, Int::Const(_), Int::Length(x)) => {
            text(x) + 6
        }
        Truth::Ints(_, a, b) => int(a) + int(b) + 1,
        Truth::Floats(_, a, b) => float(a) + float(b) + 1,
        Truth::Mixed(_, a, b) => int(a) + float(b) + 8,
        Truth::Texts { a, b, .. } => text(a) + text(b),
        Truth::Match(super::super::TextMatch::Contains, a, b) => text(a) + text(b) + 200,
        Truth::Match(_, a, b) => text(a) + text(b),
        Truth::IsNull(x) => match &**x {
            Node::Int(x) => int(x),
            Node::Float(x) => float(x),
            Node::Truth(x) => truth(x),
            Node::Text(_) => 0,
        },
        Truth::Select(c, a, b) => truth(c) + truth(a) + truth(b),
    }
}

pub(super) fn int(node: &Int) -> u32 {
    match node {
        Int::Const(_) | Int::Column(_) => 0,
        Int::Two { a, b, .. } => int(a) + int(b) + 1,
        Int::Abs { x, .. } => int(x) + 1,
        Int::Length(_) => 300,
        Int::Select(c, a, b) => truth(c) + int(a) + int(b) + 4,
    }
}

pub(super) fn float(node: &Float) -> u32 {
    match node {
        Float::Const(_) | Float::Column(_) => 0,
        Float::Int(x) => int(x) + 1,
        Float::Neg(x) => float(x) + 1,
        Float::Two(_, a, b) => float(a) + float(b) + 1,
        Float::CallOne(eval, x) => float(x) + call(eval),
        Float::CallTwo(eval, a, b) => float(a) + float(b) + call(eval),
        Float::Select(c, a, b) => truth(c) + float(a) + float(b) + 4,
    }
}

fn call(eval: &Eval) -> u32 {
    match eval {
        Eval::One { .. } | Eval::Two { .. } => 4,
        Eval::HostOne { .. } | Eval::HostTwo { .. } => 40,
    }
}

fn text(node: &TextNode) -> u32 {
    match node {
        TextNode::Const(text) if text.len() <= super::textual::INLINE => 0,
        TextNode::Const(_) => 6,
        TextNode::Column(_) => 5,
    }
}

/// Every column read, as often as it is read.
pub(super) fn slots_of_truth(node: &Truth, found: &mut dyn FnMut(&Slot)) {
    match node {
        Truth::Const(_) => {}
        Truth::Column(slot) => found(slot),
        Truth::Not(x) => slots_of_truth(x, found),
        Truth::And(a, b) | Truth::Or(a, b) | Truth::Truths { a, b, .. } => {
            slots_of_truth(a, found);
            slots_of_truth(b, found);
        }
        Truth::Ints(_, a, b) => {
            slots_of_int(a, found);
            slots_of_int(b, found);
        }
        Truth::Floats(_, a, b) => {
            slots_of_float(a, found);
            slots_of_float(b, found);
        }
        Truth::Mixed(_, a, b) => {
            slots_of_int(a, found);
            slots_of_float(b, found);
        }
        Truth::Texts { a, b, .. } | Truth::Match(_, a, b) => {
            slots_of_text(a, found);
            slots_of_text(b, found);
        }
        Truth::IsNull(x) => match &**x {
            Node::Int(x) => slots_of_int(x, found),
            Node::Float(x) => slots_of_float(x, found),
            Node::Truth(x) => slots_of_truth(x, found),
            Node::Text(x) => slots_of_text(x, found),
        },
        Truth::Select(c, a, b) => {
            slots_of_truth(c, found);
            slots_of_truth(a, found);
            slots_of_truth(b, found);
        }
    }
}

fn slots_of_int(node: &Int, found: &mut dyn FnMut(&Slot)) {
    match node {
        Int::Const(_) => {}
        Int::Column(slot) => found(slot),
        Int::Two { a, b, .. } => {
            slots_of_int(a, found);
            slots_of_int(b, found);
        }
        Int::Abs { x, .. } => slots_of_int(x, found),
        Int::Length(x) => slots_of_text(x, found),
        Int::Select(c, a, b) => {
            slots_of_truth(c, found);
            slots_of_int(a, found);
            slots_of_int(b, found);
        }
    }
}

fn slots_of_float(node: &Float, found: &mut dyn FnMut(&Slot)) {
    match node {
        Float::Const(_) => {}
        Float::Column(slot) => found(slot),
        Float::Int(x) => slots_of_int(x, found),
        Float::Neg(x) | Float::CallOne(_, x) => slots_of_float(x, found),
        Float::Two(_, a, b) | Float::CallTwo(_, a, b) => {
            slots_of_float(a, found);
            slots_of_float(b, found);
        }
        Float::Select(c, a, b) => {
            slots_of_truth(c, found);
            slots_of_float(a, found);
            slots_of_float(b, found);
        }
    }
}

fn slots_of_text(node: &TextNode, found: &mut dyn FnMut(&Slot)) {
    if let TextNode::Column(slot) = node {
        found(slot);
    }
}
