use super::*;
use smolc_check::MemoryWorld;
use std::path::Path;

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let world = MemoryWorld { home: Some("/home/user".into()), ..MemoryWorld::with_file(name, &text) };
    let checked = smolc_check::check(&world, name, &[]);
    let plan = smolc_lower::lower(&checked.spec).unwrap();
    let all: Vec<usize> = (0..plan.runs.len()).collect();
    render(&plan, &all).unwrap()
}

#[test]
fn a_page_stands_alone_and_has_every_number() {
    let html = page("smollm2-1.7b.smol");
    for foreign in ["http://", "https://", "<script", "@import", "url(", "<img", "<link"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    for part in [
        "1\u{202f}711\u{202f}376\u{202f}384",
        "Mixture over tokens",
        "Learning rate over tokens",
        "learning rate (× 10⁻⁴)",
        ">foundation<",
        ">54%<",
        ">11.73<",
        "0.08% open_web_math",
        "prefers-color-scheme:dark",
        "1.21 × 10²³",
        "optimizer moments",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("NaN") && !html.contains("inf%"), "a number that is none");
    // Each figure is drawn for wide and for narrow windows.
    assert_eq!(html.matches("<svg").count(), 4);
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
}

#[test]
fn an_unknown_size_is_a_question_mark() {
    let html = page("quickstart.smol");
    assert!(html.contains("? epochs") && html.contains("byte-level BPE trained on docs, code"));
    assert!(!html.contains("NaN"));
}
