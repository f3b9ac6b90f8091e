//! `smol::name::twice`: a list that names one thing twice, where another one was meant.

use crate::value::Node;
use smolc_diag::Diagnostic;

/// Reports what stands in a list a second time. `name` tells what an element is, `None` where it has no name.
pub fn check(list: &[Node], name: impl Fn(&Node) -> Option<String>, what: &str, out: &mut Vec<Diagnostic>) {
    let mut seen: Vec<(String, &Node)> = Vec::new();
    for node in list {
        let Some(name) = name(node) else { continue };
        match seen.iter().find(|(known, _)| *known == name) {
            Some((_, first)) => out.push(
                Diagnostic::warning("smol::name::twice", node.span, format!("{what} `{name}` twice"))
                    .label("again here")
                    .also(first.span, "first here")
                    .help("name the one that was meant, or leave it out"),
            ),
            None => seen.push((name, node)),
        }
    }
}
