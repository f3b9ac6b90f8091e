//! Drawing in the places where drawing goes wrong: no text, the end of it, long lines, control characters, other files.

use smolc_diag::{Diagnostic, Sources, Span, render};

fn draw(text: &str, start: usize, end: usize) -> String {
    let mut sources = Sources::default();
    let file = sources.add("a.smol", text);
    let d = Diagnostic::error("smol::syntax::value", Span::new(file, start, end), "title")
        .label("LABEL")
        .help("help");
    render::graphical(&[d], &sources, 80, false)
}

#[test]
fn every_place_is_drawn_with_its_label() {
    let long = format!("let a = {}\n", "x, ".repeat(5000));
    for text in [
        "",
        "\n",
        "a",
        "a\n",
        "a\r\nb\r\n",
        "\t\ta\n",
        "世界 é \u{1F600}\n",
        "a\n\n\n",
        "\u{FEFF}a\n",
        &long,
        "\r",
        "a\u{1b}[31mb\n",
    ] {
        let mut at: Vec<usize> = (0..=text.len()).filter(|i| text.is_char_boundary(*i)).collect();
        at.retain(|i| *i < 40 || *i + 40 > text.len());
        for &s in &at {
            for &e in at.iter().filter(|e| **e >= s) {
                let drawn = draw(text, s, e);
                assert!(drawn.contains("LABEL") && drawn.contains("help"), "{text:?} {s}..{e}\n{drawn}");
                assert!(drawn.lines().all(|l| l.chars().count() <= 120), "{s}..{e}\n{drawn}");
                assert!(!drawn.contains('\u{1b}') && !drawn.contains("Failed to read"), "{drawn}");
            }
        }
    }
}

#[test]
fn a_place_outside_of_the_file_is_drawn_too() {
    for (s, e) in [(100, 200), (1, 100), (5, 3)] {
        assert!(draw("é\nb\n", s, e).contains("LABEL"));
    }
}

#[test]
fn lines_are_counted_as_in_the_file() {
    let text: String = (1..=400).map(|i| format!("line {i}\n")).collect();
    let at = text.find("line 321").unwrap();
    let drawn = draw(&text, at, at + 4);
    assert!(drawn.contains("[a.smol:321:1]") && drawn.contains(" 321 │ line 321"), "{drawn}");
}

#[test]
fn labels_of_other_files_follow() {
    let mut sources = Sources::default();
    let a = sources.add("a.smol", "one\ntwo\n");
    let b = sources.add("b.smol", "three\n");
    let d = Diagnostic::error("smol::syntax::value", Span::new(a, 4, 7), "title")
        .label("here")
        .also(Span::new(b, 0, 5), "there")
        .also(Span::new(a, 0, 3), "above");
    let drawn = render::graphical(std::slice::from_ref(&d), &sources, 80, false);
    for piece in ["here", "there", "above", "b.smol:1:1", "three"] {
        assert!(drawn.contains(piece), "no {piece}\n{drawn}");
    }
    assert!(render::graphical(std::slice::from_ref(&d), &sources, 80, true).contains('\u{1b}'));
    assert_eq!(render::short(&[d], &sources), "a.smol:2:1: error[smol::syntax::value]: title\n");
}
