//! `#[allow(smol::data::epochs, reason = "…")]`: silences a lint on an item or a member.
//!
//! A lint is silenced where its own place lies inside the item that allows it. Errors cannot be silenced, and an `allow`
//! says why: whoever reads the spec next should not have to guess.

use crate::load::Program;
use smolc_diag::suggest::nearest;
use smolc_diag::{Applicability, Diagnostic, Severity, Span};
use smolc_syntax::ast::{Attribute, Item, ItemKind, Member, MemberKind};

/// Codes that may be allowed.
pub const LINTS: &[&str] = &[
    "smol::data::alias",
    "smol::data::contamination",
    "smol::data::empty",
    "smol::data::epochs",
    "smol::data::epochs_total",
    "smol::data::filter",
    "smol::data::held_out",
    "smol::data::repeats",
    "smol::data::sample",
    "smol::data::tokenizer",
    "smol::data::validation",
    "smol::mix::starved",
    "smol::model::head_size",
    "smol::model::init",
    "smol::model::padding",
    "smol::model::theta",
    "smol::name::shadowed",
    "smol::name::twice",
    "smol::name::unused",
    "smol::objective::packing",
    "smol::optimizer::unusual",
    "smol::run::carry",
    "smol::schedule::anneal",
    "smol::schedule::floor",
    "smol::schedule::jump",
    "smol::schedule::peak",
    "smol::schedule::unfinished",
    "smol::schedule::unproven",
    "smol::stage::at_once",
    "smol::stage::late",
    "smol::time::interval",
    "smol::time::rounds",
];

/// Checks every attribute and takes away the lints they allow.
pub fn apply(program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    let mut allowed: Vec<(String, Span)> = Vec::new();
    let mut own = Vec::new();
    for module in &program.modules {
        for item in &module.ast.items {
            attributes(&item.attributes, item.span, &mut allowed, &mut own);
            for member in members(item) {
                nested(member, &mut allowed, &mut own);
            }
        }
    }
    let inside = |d: &Diagnostic| {
        let p = d.primary.span;
        allowed
            .iter()
            .any(|(code, s)| *code == d.code && s.file == p.file && s.start <= p.start && p.end <= s.end)
    };
    diagnostics.retain(|d| d.severity == Severity::Error || !inside(d));
    diagnostics.extend(own);
}

fn members(item: &Item) -> &[Member] {
    match &item.kind {
        ItemKind::Run(run) => &run.body,
        ItemKind::Sweep { body, .. } | ItemKind::Target { body, .. } => body,
        ItemKind::Use(_)
        | ItemKind::Param { .. }
        | ItemKind::Let { .. }
        | ItemKind::Fn(_)
        | ItemKind::Define { .. }
        | ItemKind::Error { .. } => &[],
    }
}

fn nested(member: &Member, allowed: &mut Vec<(String, Span)>, out: &mut Vec<Diagnostic>) {
    attributes(&member.attributes, member.span, allowed, out);
    let body: &[Member] = match &member.kind {
        MemberKind::Stage(stage) => &stage.body,
        MemberKind::Run(run) => &run.body,
        MemberKind::Field { .. } | MemberKind::Drop { .. } | MemberKind::Error { .. } => &[],
    };
    body.iter().for_each(|m| nested(m, allowed, out));
}

fn attributes(list: &[Attribute], span: Span, allowed: &mut Vec<(String, Span)>, out: &mut Vec<Diagnostic>) {
    for attribute in list {
        if attribute.name.text != "allow" {
            out.push(
                Diagnostic::error(
                    "smol::allow::unknown",
                    attribute.name.span,
                    format!("there is no attribute `{}`", attribute.name.text),
                )
                .help("the one attribute is `#[allow(CODE, reason = \"…\")]`"),
            );
            continue;
        }
        let reason = attribute.reason.as_deref().map(str::trim).filter(|r| !r.is_empty());
        if reason.is_none() {
            out.push(
                Diagnostic::warning("smol::allow::reason", attribute.span, "this `allow` gives no reason")
                    .help("say why: `#[allow(smol::data::epochs, reason = \"…\")]`"),
            );
        }
        for code in &attribute.codes {
            if LINTS.contains(&code.text.as_str()) {
                allowed.push((code.text.clone(), span));
                continue;
            }
            let message = match smolc_diag::codes::page(&code.text) {
                Some(_) => format!("`{}` is no lint and cannot be allowed", code.text),
                None => format!("there is no lint `{}`", code.text),
            };
            let d = Diagnostic::error("smol::allow::unknown", code.span, message);
            out.push(match nearest(&code.text, LINTS.iter().copied()) {
                Some(near) => {
                    d.help(format!("did you mean `{near}`?")).fix(code.span, near, Applicability::Unsafe)
                }
                None if smolc_diag::codes::page(&code.text).is_some() => {
                    d.help("only lints are; correct what it reports")
                }
                None => d.help("`smolc explain --list` names every code"),
            });
        }
    }
}
