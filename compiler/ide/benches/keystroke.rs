//! From a keystroke to diagnostics in a file of 1,000 lines: what the server computes for each change it publishes.
//!
//! `cargo bench -p smolc-ide --bench keystroke`. With SMOLC=path/to/smolc in the environment, also through that program's
//! `smolc lsp`, from the change being written to its diagnostics being read. Results are in `results`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark"
)]

use smolc_check::MemoryWorld;
use smolc_diag::FileId;
use smolc_ide::Overlay;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A clean spec of 1,000 lines: datasets, mixtures and runs.
fn spec() -> String {
    let mut text = String::from(
        "smol 1\nuse std.models.{Llama}\nuse std.schedules.{wsd}\n\nparam root: Path = \"/corpora\"\n\n",
    );
    let mut line = 6;
    let mut i = 0;
    while line < 300 {
        let _ = write!(
            text,
            "/// Dataset number {i}.\ndataset d{i} = parquet(\"{{root}}/d{i}/**/*.parquet\") {{ text: .text, tokens: {}B }}\n\n",
            10_000 + i
        );
        line += 3;
        i += 1;
    }
    let datasets = i;
    let _ =
        writeln!(text, "tokenizer words = bpe {{ vocab: 4096, train: [d0, d1], eos: \"<|endoftext|>\" }}\n");
    let _ = writeln!(
        text,
        "model small = Llama {{\n  layers: 6, hidden: 256, ffn: 704, heads: 8, kv_heads: 4\n  vocab: 4096, context: 256 tokens, tied: true\n}}\n"
    );
    line += 7;
    let mut r = 0;
    while line + 14 <= 1000 {
        let _ = write!(
            text,
            "/// Run {r}.\nrun r{r} {{\n  model: small\n  tokenizer: words\n  batch: 64Ki tokens\n  optimizer: AdamW {{ betas: [0.9, 0.95], weight_decay: 0.1, clip: 1.0 }}\n  lr: wsd(peak: 2e-3, warmup: 100 steps, decay: 20%)\n  checkpoint: every 500 steps, keep 2\n"
        );
        for s in 0..4 {
            let (a, b) = ((4 * r + s) % datasets, (4 * r + s + 7) % datasets);
            let _ = writeln!(text, "  stage s{s} for 1B tokens {{ mix: 60% d{a} + 40% d{b} }}");
        }
        text += "}\n\n";
        line += 14;
        r += 1;
    }
    while line < 1000 {
        text += "// the end\n";
        line += 1;
    }
    text
}

/// Texts as they are while a line is typed: a letter more each time, in the middle of the file. Most of them are broken.
const FIELD: &str = "  validate: every 100 steps and at stage end\n";
/// The same for a line that leaves the spec whole, so that it is checked to the end and lowered.
const COMMENT: &str = "  // validated often enough to see a spike of the loss";

fn keystrokes(text: &str, typed: &str) -> Vec<String> {
    let at = text.match_indices("  checkpoint").nth(20).unwrap().0;
    // A comment begins with its two strokes.
    let (first, end) = if typed == COMMENT { (4, "\n") } else { (1, "") };
    (first..=typed.len()).map(|n| format!("{}{}{end}{}", &text[..at], &typed[..n], &text[at..])).collect()
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{name}: {} keystrokes, median {:.2} ms, 90% {:.2} ms, 99% {:.2} ms, most {:.2} ms",
        times.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    let raw: Vec<String> = times.iter().map(|t| format!("{:.3}", t.as_secs_f64() * 1e3)).collect();
    println!("raw, ms, sorted: {}", raw.join(" "));
}

fn main() {
    let text = spec();
    let world = MemoryWorld::with_file("a.smol", &text);
    let (list, sources) = smolc_ide::diagnostics(&world, "a.smol", &[]);
    assert!(list.is_empty(), "{}", smolc_diag::render::short(&list, &sources));
    println!("{} lines, {} bytes", text.lines().count(), text.len());
    for (name, typed) in [("a field is typed", FIELD), ("a comment is typed", COMMENT)] {
        println!("\n{name}");
        let texts = keystrokes(&text, typed);
        in_process(&texts);
        if let Ok(program) = std::env::var("SMOLC") {
            report("smolc lsp", server(&program, &texts));
        }
    }
}

/// Interleaved, so that other work on the machine falls on all alike.
fn in_process(texts: &[String]) {
    let memo = RefCell::default();
    let (mut afresh, mut kept, mut parsing, mut checking) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..6 {
        for text in texts {
            for memo in [None, Some(&memo)] {
                let base = MemoryWorld::default();
                let world = Overlay { memo, ..Overlay::one(&base, "a.smol", text.clone()) };
                let begin = Instant::now();
                let found = smolc_ide::diagnostics(&world, "a.smol", &[]);
                let took = begin.elapsed();
                assert!(found.0.len() < 50);
                if round == 0 {
                    continue;
                }
                match memo {
                    None => afresh.push(took),
                    Some(memo) => {
                        kept.push(took);
                        let begin = Instant::now();
                        smolc_syntax::parse_with(&mut memo.borrow_mut(), FileId(0), text);
                        parsing.push(begin.elapsed());
                        let begin = Instant::now();
                        smolc_check::check(&world, "a.smol", &[]);
                        checking.push(begin.elapsed());
                    }
                }
            }
        }
    }
    report("in process, everything parsed afresh", afresh);
    report("in process, with the server's memo", kept);
    report("of it, parsing the text", parsing);
    report("of it, parsing and checking", checking);
}

fn server(program: &str, texts: &[String]) -> Vec<Duration> {
    let mut child =
        Command::new(program).arg("lsp").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut send = |body: String| {
        input.write_all(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        input.flush().unwrap();
    };
    let mut receive = || {
        let mut length = 0;
        loop {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            match line.trim().strip_prefix("Content-Length: ") {
                Some(n) => length = n.parse().unwrap(),
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        output.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    };
    let quoted = |text: &str| {
        let mut out = String::from("\"");
        for c in text.chars() {
            match c {
                '"' => out += "\\\"",
                '\\' => out += "\\\\",
                '\n' => out += "\\n",
                c => out.push(c),
            }
        }
        out + "\""
    };
    send(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}"#.into());
    receive();
    send(r#"{"jsonrpc":"2.0","method":"initialized","params":{}}"#.into());
    let mut times = Vec::new();
    let mut version = 0;
    for round in 0..6 {
        for text in texts {
            version += 1;
            let document = format!(r#"{{"uri":"file:///a.smol","languageId":"smol","version":{version}"#);
            let body = match version {
                1 => format!(
                    r#"{{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{{"textDocument":{document},"text":{}}}}}}}"#,
                    quoted(text)
                ),
                _ => format!(
                    r#"{{"jsonrpc":"2.0","method":"textDocument/didChange","params":{{"textDocument":{document}}},"contentChanges":[{{"text":{}}}]}}}}"#,
                    quoted(text)
                ),
            };
            let begin = Instant::now();
            send(body);
            let wanted = format!("\"version\":{version}");
            while !receive().contains(&wanted) {}
            if round > 0 {
                times.push(begin.elapsed());
            }
        }
    }
    send(r#"{"jsonrpc":"2.0","id":2,"method":"shutdown","params":null}"#.into());
    receive();
    send(r#"{"jsonrpc":"2.0","method":"exit","params":null}"#.into());
    child.wait().unwrap();
    times
}
