//! From a keystroke to diagnostics in a file of 1,000 lines: what the server computes for each change it publishes.
//!
//! `cargo bench -p smolc-ide --bench keystroke`. With SMOLC=path/to/smolc in the environment, also through that program's
//! `smolc lsp`, from the change being written to its diagnostics being read; several programs, `:` between them, take
//! turns, so that a machine that slows down does so for all. Results are in `results`.
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
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
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
        if let Ok(programs) = std::env::var("SMOLC") {
            servers(&programs.split(':').collect::<Vec<_>>(), &texts);
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

/// The same keystrokes through one `smolc lsp` after another, each text through all before the next.
fn servers(programs: &[&str], texts: &[String]) {
    let mut running: Vec<(Server, Vec<Duration>)> =
        programs.iter().map(|p| (Server::start(p), Vec::new())).collect();
    for round in 0..6 {
        for text in texts {
            for (server, times) in &mut running {
                let took = server.change(text);
                if round > 0 {
                    times.push(took);
                }
            }
        }
    }
    for (program, (server, times)) in programs.iter().zip(running) {
        server.stop();
        report(&format!("{program} lsp"), times);
    }
}

struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    version: u32,
}

impl Server {
    fn start(program: &str) -> Server {
        let mut child =
            Command::new(program).arg("lsp").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut server = Server { child, input, output, version: 0 };
        server.send(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}"#);
        server.receive();
        server.send(r#"{"jsonrpc":"2.0","method":"initialized","params":{}}"#);
        server
    }

    /// From the change being written to its diagnostics being read.
    fn change(&mut self, text: &str) -> Duration {
        self.version += 1;
        let version = self.version;
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
        self.send(&body);
        let wanted = format!("\"version\":{version}");
        while !self.receive().contains(&wanted) {}
        begin.elapsed()
    }

    fn stop(mut self) {
        self.send(r#"{"jsonrpc":"2.0","id":2,"method":"shutdown","params":null}"#);
        self.receive();
        self.send(r#"{"jsonrpc":"2.0","method":"exit","params":null}"#);
        self.child.wait().unwrap();
    }

    fn send(&mut self, body: &str) {
        self.input.write_all(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    fn receive(&mut self) -> String {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).unwrap();
            match line.trim().strip_prefix("Content-Length: ") {
                Some(n) => length = n.parse().unwrap(),
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }
}

/// A text as JSON.
fn quoted(text: &str) -> String {
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
}
