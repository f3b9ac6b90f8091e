//! The TextMate grammar of the VS Code extension against the grammar of the compiler: the words, units and marks of the one
//! are those of the other. And the other set-ups: what they name is there.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// All quoted words of a grammar rule that are letters only.
fn words(grammar: &str, rule: &str) -> Vec<String> {
    let line = grammar.lines().skip_while(|l| !l.starts_with(rule)).take(2).collect::<Vec<_>>().join(" ");
    let end = line.find(" }").unwrap_or(line.len());
    line[..end]
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|w| !w.is_empty() && w.chars().all(|c| c.is_ascii_lowercase()))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_word_of_the_language_is_colored() {
    let grammar = read("compiler/syntax/src/grammar.pest");
    let textmate = read("editors/vscode/syntaxes/smol.tmLanguage.json");
    let emacs = read("editors/emacs/smol-mode.el");
    let colored = |word: &str| {
        textmate
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .any(|w| w == word || w.strip_prefix('b') == Some(word))
    };
    let mut all = words(&grammar, "reserved");
    all.extend(words(&grammar, "define_keyword"));
    for piece in grammar.split("kw_").skip(1) {
        if let Some(word) = piece.split_once("= @{ \"").and_then(|(_, r)| r.split_once('"')) {
            all.push(word.0.to_owned());
        }
    }
    all.retain(|w| w.chars().all(|c| c.is_ascii_lowercase()));
    assert!(all.len() > 40, "{all:?}");
    for word in &all {
        assert!(colored(word), "`{word}` is not in the TextMate grammar");
        assert!(
            *word == "end" || emacs.contains(&format!("\"{word}\"")),
            "`{word}` is not in the Emacs mode"
        );
    }
    // No word that the grammar does not have.
    for rule in ["\"item\"", "\"word\"", "\"member\""] {
        let body = textmate.split(rule).nth(1).unwrap();
        let body = &body[..body.find("\n    }").unwrap()];
        for word in body.split(|c: char| !c.is_ascii_lowercase()).filter(|w| w.len() > 2) {
            let word = word.strip_prefix('b').filter(|w| all.iter().any(|a| a == w)).unwrap_or(word);
            let known = all.iter().any(|a| a == word)
                || [
                    "match",
                    "name",
                    "patterns",
                    "keyword",
                    "declaration",
                    "control",
                    "operator",
                    "constant",
                    "language",
                    "smol",
                    "entity",
                    "word",
                    "captures",
                ]
                .contains(&word);
            assert!(known, "{rule}: `{word}` is no word of the language");
        }
    }
}

#[test]
fn units_and_marks_are_those_of_the_compiler() {
    let textmate = read("editors/vscode/syntaxes/smol.tmLanguage.json");
    let numbers = read("compiler/syntax/src/build/number.rs");
    let table = &numbers[numbers.find("UNITS").unwrap()..numbers.find("OTHER_WORDS").unwrap()];
    let units: Vec<&str> = table.split("(\"").skip(1).map(|u| u.split('"').next().unwrap()).collect();
    assert!(units.len() >= 15, "{units:?}");
    for unit in units {
        let plural = unit.strip_suffix('s').filter(|u| u.len() > 1).map(|u| format!("{u}s?"));
        let there = textmate.contains(&format!("|{unit}|"))
            || textmate.contains(&format!("({unit}|"))
            || textmate.contains(&format!("|{unit})"))
            || [plural, Some(format!("{unit}s?"))].iter().flatten().any(|u| textmate.contains(u.as_str()));
        assert!(there, "the unit `{unit}` is not in the TextMate grammar");
    }
    let grammar = read("compiler/syntax/src/grammar.pest");
    let marks = &grammar[grammar.find("t_mark").unwrap()..grammar.find("t_unknown").unwrap()];
    let operators = textmate.split("keyword.operator.smol").nth(1).unwrap();
    for mark in marks.split('"').skip(1).step_by(2).filter(|m| m.len() == 2 && *m != "::") {
        let escaped: String =
            mark.chars().map(|c| if "|.".contains(c) { format!("\\\\{c}") } else { c.to_string() }).collect();
        assert!(operators.contains(&escaped), "`{mark}` is not in the TextMate grammar");
    }
}

#[test]
fn set_ups_start_the_server_and_name_the_language() {
    let helix = read("editors/helix/languages.toml");
    assert!(helix.contains("command = \"smolc\"") && helix.contains("args = [\"lsp\"]"));
    assert!(helix.contains("file-types = [\"smol\"]") && helix.contains("comment-token = \"//\""));
    assert!(read("editors/neovim/smol.lua").contains("\"lsp\""));
    assert!(read("editors/emacs/smol-mode.el").contains("(smol-mode . (\"smolc\" \"lsp\"))"));
    let zed = read("editors/zed/extension.toml");
    assert!(zed.contains("languages = [\"smol\"]"));
    assert!(read("editors/zed/languages/smol/config.toml").contains("name = \"smol\""));
    assert!(read("editors/zed/src/lib.rs").contains("vec![\"lsp\".into()]"));
    // What the lenses of the server name is registered by the extension.
    let extension = read("editors/vscode/src/extension.ts");
    let lenses = read("compiler/ide/src/lenses.rs");
    for command in lenses.split('"').filter(|w| w.starts_with("smolc.") && !w.contains(' ')) {
        assert!(extension.contains(&format!("registerCommand(\"{command}\"")), "{command}");
    }
    let package = read("editors/vscode/package.json");
    for file in ["./language-configuration.json", "./syntaxes/smol.tmLanguage.json", "./snippets/smol.json"] {
        assert!(package.contains(file) && root().join("editors/vscode").join(file).exists(), "{file}");
    }
}

/// Snippets that stand by themselves parse once their places are filled in.
#[test]
fn snippets_parse() {
    let text = read("editors/vscode/snippets/smol.json");
    let mut count = 0;
    for body in text.split("\"body\": ").skip(1) {
        let body = body.trim_start();
        let mut filled = String::new();
        let lines: Vec<String> = if body.starts_with('[') {
            body[1..body.find("\n    ]").unwrap()]
                .lines()
                .filter_map(|l| {
                    l.trim().trim_end_matches(',').strip_prefix('"')?.strip_suffix('"').map(str::to_owned)
                })
                .collect()
        } else {
            vec![body.lines().next().unwrap().trim_start_matches('"').trim_end_matches('"').to_owned()]
        };
        for line in lines {
            let line = line.replace("\\\"", "\"");
            let mut rest = line.as_str();
            while let Some(at) = rest.find('$') {
                filled.push_str(&rest[..at]);
                rest = &rest[at + 1..];
                match rest.strip_prefix('{') {
                    Some(inner) => {
                        // A brace within a place is written `\}`.
                        let mut close = inner.find('}').unwrap();
                        while inner[..close].ends_with('\\') {
                            close += 1 + inner[close + 1..].find('}').unwrap();
                        }
                        let inside = &inner[..close];
                        filled.push_str(&inside.split_once(':').map_or("", |x| x.1).replace('\\', ""));
                        rest = &inner[close + 1..];
                    }
                    None => {
                        filled.push_str("prose");
                        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                    }
                }
            }
            filled.push_str(rest);
            filled.push('\n');
        }
        let whole = match filled.as_str() {
            f if f.starts_with("smol 1") => f.to_owned(),
            f if f.starts_with("stage") => format!("smol 1\nrun r {{\n  {f}}}\n"),
            f if f.starts_with('#') => format!("smol 1\n{f}let a = 1\n"),
            f => format!("smol 1\n{f}"),
        };
        let errors = smolc_syntax::parse(smolc_diag::FileId(0), &whole).diagnostics;
        assert!(errors.is_empty(), "{whole}\n{errors:?}");
        count += 1;
    }
    assert!(count >= 5, "{count}");
}
