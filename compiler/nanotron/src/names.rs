//! Names of the language for what a configuration calls by a path or in prose.

/// The last part of a path that says something.
pub fn folder_name(folder: &str) -> String {
    let parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    let telling = parts.iter().rev().find(|p| !["standard", "tokenized", "data", "train"].contains(*p));
    identifier(telling.copied().unwrap_or("data"))
}

/// A name of the language: letters, digits and underscores, not beginning with a digit, no keyword.
pub fn identifier(text: &str) -> String {
    let mut name: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    while name.contains("__") {
        name = name.replace("__", "_");
    }
    let name = name.trim_matches('_').to_owned();
    match name.chars().next() {
        None => "data".into(),
        Some(c) if c.is_ascii_digit() => format!("d_{name}"),
        Some(_)
            if [
                "t",
                "end",
                "at",
                "rest",
                "drop",
                "if",
                "then",
                "else",
                "and",
                "or",
                "not",
                "with",
                "run",
                "mix",
                "stage",
                "model",
                "words",
                "network",
                "root",
                "over",
                "from",
                "none",
                "true",
                "false",
                "every",
                "keep",
                "eval",
                "use",
                "fn",
                "let",
                "param",
                "dataset",
                "tokenizer",
                "suite",
                "sweep",
                "target",
                "schedule",
                "classifier",
                "for",
                "until",
            ]
            .contains(&name.as_str()) =>
        {
            format!("{name}_set")
        }
        Some(_) => name,
    }
}

pub fn unique(name: &str, taken: &[&str]) -> String {
    if !taken.contains(&name) {
        return name.to_owned();
    }
    (2u32..)
        .map(|n| format!("{name}_{n}"))
        .find(|n| !taken.contains(&n.as_str()))
        .unwrap_or_else(|| name.to_owned())
}
