//! The words that begin items and members.

/// Keywords that begin an item.
pub(crate) const ITEMS: [&str; 15] = [
    "use",
    "param",
    "let",
    "fn",
    "tokenizer",
    "dataset",
    "classifier",
    "mix",
    "model",
    "schedule",
    "eval",
    "suite",
    "run",
    "sweep",
    "target",
];

/// Whether a word begins an item.
pub(crate) fn is_item(word: &str) -> bool {
    ITEMS.contains(&word)
}

/// Items whose body is a block of members behind a head.
pub(crate) fn has_body(word: &str) -> bool {
    matches!(word, "run" | "sweep" | "target" | "stage")
}

/// What an item of a keyword looks like.
pub(crate) fn example(keyword: &str) -> &'static str {
    match keyword {
        "use" => "use std.schedules.{wsd, linear}",
        "param" => "param root: Path = \".\"",
        "let" => "let window = 2048 tokens",
        "fn" => "fn flat(peak: Rate) -> Schedule = at t => peak",
        "tokenizer" => "tokenizer words = bpe { vocab: 4096, train: [docs, code] }",
        "dataset" => "dataset docs = files(\"docs/**/*.md\")",
        "classifier" => {
            "classifier edu = linear_ngrams { train: data.annotated, text: .content, label: .score }"
        }
        "mix" => "mix web = 60% data.fineweb_edu + 40% data.dclm",
        "model" => "model small = Llama { layers: 6, hidden: 256 }",
        "schedule" => "schedule warm = wsd(peak: 5e-4, warmup: 2000 steps, decay: 10%)",
        "eval" => "eval quick = perplexity { data: data.heldout }",
        "suite" => "suite base = [hellaswag, arc]",
        "run" => "run sft from pretrain at 3T tokens { … }",
        "sweep" => "sweep ratio over share in [20%, 40%] { … }",
        "target" => "target node { … }",
        "stage" => "stage anneal for 1T tokens { mix: 60% docs + 40% code }",
        "drop" => "drop name",
        _ => "name: value",
    }
}
