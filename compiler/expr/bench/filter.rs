//! The filter `score >= 3 and language == "en" and length(text) < 8000` on columns in memory: makes the columns, and
//! times the filter on demand. `bench/compare.py` drives it beside DuckDB and polars; see `bench/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)] // a benchmark may panic

use smolc_expr::Binary;
use smolc_expr::row::{Batch, Column, DataType, Field, Filter, Offsets, RowExpr, Selection, Text, Values};
use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

/// Rows of a record batch.
const BATCH: usize = 65_536;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["generate", dir, rows, median, sigma] => {
            generate(Path::new(dir), rows.parse().unwrap(), median.parse().unwrap(), sigma.parse().unwrap())
        }
        ["serve", dir] => serve(Path::new(dir)),
        _ => println!("usage: filter generate DIR ROWS MEDIAN SIGMA | filter serve DIR"),
    }
}

fn filter() -> RowExpr {
    let column = |name: &str| Box::new(RowExpr::Column(name.into()));
    let binary = |op, a, b| Box::new(RowExpr::Binary(op, a, Box::new(b)));
    let score = binary(Binary::Ge, column("score"), RowExpr::Int(3));
    let language = binary(Binary::Eq, column("language"), RowExpr::Text("en".into()));
    let length = binary(Binary::Lt, Box::new(RowExpr::Length(column("text"))), RowExpr::Int(8000));
    *binary(Binary::And, binary(Binary::And, score, *language), *length)
}

/// splitmix64 (Steele et al. 2014), and a normal deviate by Box and Muller.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Shares of documents by language, and characters that its text is made of.
const LANGUAGES: [(&str, f64, &str); 7] = [
    ("en", 0.55, "the quick brown fox jumps over a lazy dog, and then it sat down.\n"),
    ("ru", 0.12, "съешь же ещё этих мягких французских булок, да выпей чаю.\n"),
    ("de", 0.10, "zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n"),
    ("fr", 0.09, "portez ce vieux whisky au juge blond qui fume, où ça vous plaît.\n"),
    ("zh", 0.07, "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心。\n"),
    ("es", 0.06, "el pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia.\n"),
    ("und", 0.01, "0123456789 abcdef\n"),
];

/// Columns as raw little-endian files. Scores are normal with mean 1.4 and deviation 1.1, cut to 0…5, as an educational
/// classifier's are; lengths in characters are log-normal. One English text in five has a few characters beyond ASCII.
fn generate(dir: &Path, rows: usize, median: f64, sigma: f64) {
    std::fs::create_dir_all(dir).unwrap();
    let create = |name: &str| BufWriter::with_capacity(1 << 20, File::create(dir.join(name)).unwrap());
    let (mut scores, mut languages, mut language_ends, mut texts, mut text_ends) = (
        create("score.f64"),
        create("language.bytes"),
        create("language.i32"),
        create("text.bytes"),
        create("text.i64"),
    );
    let r = &mut Random(20_260_701);
    let pools: Vec<Vec<char>> = LANGUAGES.iter().map(|(_, _, text)| text.chars().collect()).collect();
    let (mut language_end, mut text_end) = (0i32, 0i64);
    language_ends.write_all(&language_end.to_le_bytes()).unwrap();
    text_ends.write_all(&text_end.to_le_bytes()).unwrap();
    let mut text = String::new();
    for _ in 0..rows {
        let score = (1.4 + 1.1 * r.normal()).clamp(0.0, 5.0);
        scores.write_all(&score.to_le_bytes()).unwrap();
        let mut at = r.unit();
        let which = LANGUAGES.iter().position(|(_, share, _)| {
            at -= share;
            at < 0.0
        });
        let which = which.unwrap_or(0);
        languages.write_all(LANGUAGES[which].0.as_bytes()).unwrap();
        language_end += LANGUAGES[which].0.len() as i32;
        language_ends.write_all(&language_end.to_le_bytes()).unwrap();
        let length = (median * (sigma * r.normal()).exp()).clamp(20.0, 200_000.0) as usize;
        let start = r.next() as usize % pools[which].len();
        text.clear();
        text.extend(pools[which].iter().cycle().skip(start).take(length));
        if which == 0 && r.unit() < 0.2 {
            text.replace_range(0..1, "’");
        }
        texts.write_all(text.as_bytes()).unwrap();
        text_end += text.len() as i64;
        text_ends.write_all(&text_end.to_le_bytes()).unwrap();
    }
    for file in [scores, languages, language_ends, texts, text_ends] {
        file.into_inner().unwrap().sync_all().unwrap();
    }
}

/// Answers each line `jit|unread|interpreter THREADS` with `rows kept, nanoseconds`, until the input ends. The check of the
/// columns tells which texts are ASCII; `unread` is machine code on columns of which only the offsets were checked.
fn serve(dir: &Path) {
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let columns = Columns {
        scores: numbers(&read("score.f64"), f64::from_le_bytes),
        language_ends: numbers(&read("language.i32"), i32::from_le_bytes),
        text_ends: numbers(&read("text.i64"), i64::from_le_bytes),
        languages: read("language.bytes"),
        texts: read("text.bytes"),
    };
    let begin = Instant::now();
    let texts = str::from_utf8(&columns.texts).expect("UTF-8");
    let languages = str::from_utf8(&columns.languages).expect("UTF-8");
    let unread = columns.batches(
        |ends| Text::of_str(Offsets::I32(ends), languages).unwrap(),
        |ends| Text::of_str(Offsets::I64(ends), texts).unwrap(),
    );
    let unread_checked = begin.elapsed();
    let begin = Instant::now();
    let batches = columns.batches(
        |ends| Text::new(Offsets::I32(ends), &columns.languages).unwrap(),
        |ends| Text::new(Offsets::I64(ends), &columns.texts).unwrap(),
    );
    let checked = begin.elapsed();
    let fields = [
        Field::new("score", DataType::F64),
        Field::new("language", DataType::Text32),
        Field::new("text", DataType::Text64),
    ];
    let begin = Instant::now();
    let jit = Filter::new(&filter(), &fields).unwrap();
    let compiled = begin.elapsed();
    let interpreter = Filter::interpreted(&filter(), &fields).unwrap();
    if let Some(reason) = jit.interpreter_reason() {
        eprintln!("no machine code: {reason}");
    }
    println!(
        "ready {} rows, checked in {checked:?} (by the standard library alone in {unread_checked:?}), compiled in \
         {compiled:?}: {}",
        columns.scores.len(),
        filter()
    );
    let mut selections = vec![Selection::new(); batches.len()];
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (means, threads) = line.split_once(' ').unwrap();
        let (filter, batches) = match means {
            "jit" => (&jit, &batches),
            "unread" => (&jit, &unread),
            _ => (&interpreter, &batches),
        };
        let begin = Instant::now();
        let kept = run(filter, batches, &mut selections, threads.parse().unwrap());
        println!("{kept} {}", begin.elapsed().as_nanos());
    }
}

struct Columns {
    scores: Vec<f64>,
    language_ends: Vec<i32>,
    text_ends: Vec<i64>,
    languages: Vec<u8>,
    texts: Vec<u8>,
}

impl Columns {
    fn batches<'a>(
        &'a self,
        language: impl Fn(&'a [i32]) -> Text<'a>,
        text: impl Fn(&'a [i64]) -> Text<'a>,
    ) -> Vec<Batch<'a>> {
        let rows = self.scores.len();
        let batch = |from: usize| {
            let to = rows.min(from + BATCH);
            let (language, text) =
                (language(&self.language_ends[from..=to]), text(&self.text_ends[from..=to]));
            let values = [Values::F64(&self.scores[from..to]), Values::Text(language), Values::Text(text)];
            Batch::new(to - from, values.map(|values| Column::new(values, None).unwrap()).to_vec()).unwrap()
        };
        (0..rows).step_by(BATCH).map(batch).collect()
    }
}

/// Fills a selection a batch, on `threads` threads with as many batches each.
fn run(filter: &Filter, batches: &[Batch<'_>], selections: &mut [Selection], threads: usize) -> usize {
    let part = |batches: &[Batch<'_>], selections: &mut [Selection]| {
        let pairs = batches.iter().zip(selections);
        pairs.map(|(batch, selection)| filter.select(batch, selection).unwrap()).sum::<usize>()
    };
    let each = batches.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let mut parts = batches.chunks(each).zip(selections.chunks_mut(each));
        let own = parts.next();
        let others: Vec<_> =
            parts.map(|(batches, selections)| scope.spawn(move || part(batches, selections))).collect();
        let own = own.map_or(0, |(batches, selections)| part(batches, selections));
        own + others.into_iter().map(|other| other.join().unwrap()).sum::<usize>()
    })
}

fn numbers<const BYTES: usize, T>(bytes: &[u8], number: fn([u8; BYTES]) -> T) -> Vec<T> {
    let (numbers, rest) = bytes.as_chunks::<BYTES>();
    assert!(rest.is_empty(), "a column is cut off");
    numbers.iter().copied().map(number).collect()
}
