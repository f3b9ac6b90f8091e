use super::*;
use smolc_check::MemoryWorld;
use std::path::Path;

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs").join(name);
    page_of(name, &std::fs::read_to_string(path).unwrap())
}

fn page_of(name: &str, text: &str) -> String {
    let world = MemoryWorld { home: Some("/home/user".into()), ..MemoryWorld::with_file(name, text) };
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

/// Time, memory and cost of a run on a machine; the cost only where the spec says what an hour costs.
#[test]
fn a_target_gives_time_memory_and_cost() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/smollm2-1.7b.smol");
    let text = std::fs::read_to_string(path).unwrap();
    let aimed = |target: &str| {
        let text = text.replace(
            "\nrun pretrain {",
            &format!("\nuse std.targets.{{h100}}\n{target}\nrun pretrain {{\n  target: cluster"),
        );
        page_of("aimed.smol", &text)
    };
    let html = aimed("target cluster { device: h100, count: 256 }");
    for part in [
        "Time and cost on cluster",
        "Memory of a device of cluster",
        "13d 18h",
        "84\u{202f}621",
        "the target states no <code>price</code>",
        // 2, 12 and 4 bytes a parameter.
        "<td>3.19 GiB</td><td>19.1 GiB</td><td>6.38 GiB</td>",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let html = aimed("target cluster { device: h100, count: 256, price: 2.5 }");
    // 84,621.4 hours at 2.5.
    assert!(
        html.contains("211\u{202f}554 at 2.5 an hour and device") && html.contains("<span>cost</span>"),
        "{html}"
    );
    assert!(!page("smollm2-1.7b.smol").contains("Time and cost"));
}

/// Of many datasets the largest have a color each, the others one; every share is in a table.
#[test]
fn many_datasets_are_drawn_together() {
    let html = page("smollm3.smol");
    for part in ["60 others", "Shares of the 11 largest datasets", "<h2>Shares</h2>", "19.8876%", "long_64k"]
    {
        assert!(html.contains(part), "{part}");
    }
    // A dataset has one color on the whole page.
    let colors: std::collections::BTreeSet<&str> = html
        .match_indices("</i>fineweb_edu</td>")
        .filter_map(|(end, _)| html[..end].rsplit("<i class=\"swatch ").next())
        .collect();
    assert_eq!(colors.len(), 1, "{colors:?}");
}

/// What a reader of the appendix asks of data and scores: the source of the hub, what was cleaned and how, what a classifier
/// learned from, how each evaluation is done, where a run begins.
#[test]
fn data_and_evaluations_are_told() {
    let html = page_of("clean.smol", include_str!("clean.smol"));
    for part in [
        "<code>hub HuggingFaceFW/fineweb-edu/sample-10BT (train)</code>",
        "where .language == &quot;en&quot; and edu(.text) &gt;= 3, near duplicates dropped (14x8 hashes of 5 words), \
         decontaminated against hellaswag, gsm8k (13 words)",
        ">a sample of 50%<",
        "<code>.score</code> from sequences of 1 to 2 words of <code>.content</code>",
        "right choice has the highest log-probability a character",
        "5, chosen for every question",
        "equal numbers, answers of 256 tokens at most",
        "<dt>Begins from</dt><dd>a after 20,000 steps, with its weights</dd>",
        "<dt>Evaluation</dt><dd>hellaswag, gsm8k every 5,000 steps and at the end</dd>",
    ] {
        assert!(html.contains(part), "{part}");
    }
}
