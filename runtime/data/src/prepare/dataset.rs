//! Preparing a dataset: index, sample, split, tokenise in parallel, write.

use super::manifest::{FORMAT_VERSION, Manifest, Request, TokenType};
use super::writer::SplitWriter;
use super::{restore_classifiers, same_request};
use crate::durable::{PartialDirectory, write_synced};
use crate::error::DataError;
use crate::pipeline::{self, Means, Step};
use crate::progress::Progress;
use crate::source::{self, Corpus, DocumentRef, Raw, Reader, Skipped, batches, is_validation};
use crate::store::Store;
use crate::tokenizer::Tokenizer;
use crate::tokens::{Layout, Tokenized};
use rayon::prelude::*;
use smolc_plan::{Measured, Plan, Separator, Source, TokenFormat};
use std::path::{Path, PathBuf};

/// One document in so many, of at most so many bytes, is encoded by the general engine as well and compared: the fast engine
/// was probed on other texts than these. It costs a few per cent.
const CHECKED: u64 = 1024;
const CHECKED_BYTES: u64 = 64 << 10;

/// Where a dataset lies once prepared: `DIR/data/NAME`.
pub fn dataset_directory(dir: &Path, name: &str) -> PathBuf {
    dir.join("data").join(name)
}

/// Prepares dataset number `index` of the plan with a tokenizer, or verifies and uses what an earlier call left under `dir`.
///
/// The steps of its pipeline come between the source and the sample; how many documents each kept stands in the manifest, and
/// what a decontamination removed in `removed.jsonl` beside the shards. Shards that are tokenized already are copied.
///
/// `tokenizer` comes from [`prepare_tokenizer`](crate::prepare_tokenizer), which gave it its end-of-document token. The bytes
/// written do not depend on the number of threads (rayon's current pool). Errors: a source that cannot be read or holds no
/// document; a column that a filter reads is missing or of another type; a step that this build cannot carry out; no document
/// is left; a full disk; a directory of another plan ([`DataError::is_mismatch`]) or a damaged one.
pub fn prepare_dataset(
    plan: &Plan,
    index: usize,
    tokenizer: &Tokenizer,
    dir: &Path,
    progress: &dyn Progress,
) -> Result<Measured, DataError> {
    let dataset = plan.datasets.get(index).ok_or(DataError::NoSuch { what: "dataset", index })?;
    if let Source::Tokens { patterns, format } = &dataset.source {
        let layout = match format {
            TokenFormat::Smolc => Layout::Own,
            TokenFormat::Megatron => Layout::Megatron,
            TokenFormat::Datatrove => Layout::Datatrove,
        };
        let open = || Tokenized::find(&dataset.name, layout, patterns);
        return super::tokens::prepare(dataset, open, tokenizer, dir, progress);
    }
    let (eos, eos_id) = tokenizer.end().ok_or(DataError::NoEnd)?;
    let request = Request {
        format: FORMAT_VERSION,
        source: dataset.source.clone(),
        take: dataset.take.clone(),
        validation_per_million: dataset.validation_per_million,
        separator: Separator::Eos,
        eos: eos.to_string(),
        eos_id,
        tokenizer: tokenizer.hash(),
        pipeline: pipeline::identity(plan, dataset),
    };
    let means =
        |tokenizer| Means { tokenizer: Some(tokenizer), dir, progress, before: plan.classifiers.len() };
    let directory = dataset_directory(dir, &dataset.name);
    if directory.exists() {
        let manifest = Store::manifest(&directory)?;
        same_request(&directory, &dataset.name, &manifest.request, &request)?;
        restore_classifiers(plan, dataset, &means(tokenizer))?;
        if let (Some(then), Some(now)) = (&manifest.commit, source::commit(dataset))
            && *then != now
        {
            progress.note(&format!(
                "dataset `{}` was prepared from commit {then}; the hub's cache has {now} now, which is not read",
                dataset.name
            ));
        }
        return Ok(Store::open(&directory)?.manifest_of().measured());
    }
    let steps = pipeline::steps(plan, dataset, &means(tokenizer))?;
    let corpus = Corpus::index(dataset, &steps, progress)?;
    note_left_out(&dataset.name, &corpus, &directory, progress);
    note_pipeline(&dataset.name, &corpus, &directory, progress);
    let attempt = |tokenizer: &Tokenizer, corpus: &Corpus| {
        let partial = PartialDirectory::create(&directory)?;
        progress.begin(&format!("tokenize {}", dataset.name), Some(bytes(&corpus.documents)), "bytes");
        let written = write(corpus, request.clone(), &dataset.name, tokenizer, &partial, progress);
        progress.end();
        Ok((written?, partial))
    };
    let (corpus, (manifest, partial)) = match attempt(tokenizer, &corpus) {
        Err(error @ DataError::EnginesDiffer { .. }) => {
            progress.note(&format!(
                "dataset `{}`: {error}; it is tokenized anew by the general one",
                dataset.name
            ));
            let general = tokenizer.generally(&error.to_string());
            // A sample in tokens was counted by the other one.
            let corpus = match steps.iter().any(|s| matches!(s, Step::SampleTokens { .. })) {
                true => Corpus::index(dataset, &pipeline::steps(plan, dataset, &means(&general))?, progress)?,
                false => corpus,
            };
            let written = attempt(&general, &corpus)?;
            (corpus, written)
        }
        done => (corpus, done?),
    };
    if !steps.is_empty() {
        write_lines(&partial.file("removed.jsonl"), &corpus.pipeline.removed)?;
    }
    finish(&manifest, &corpus.skipped, partial)?;
    Ok(manifest.measured())
}

fn write(
    corpus: &Corpus,
    request: Request,
    name: &str,
    tokenizer: &Tokenizer,
    partial: &PartialDirectory,
    progress: &dyn Progress,
) -> Result<Manifest, DataError> {
    let token_type = TokenType::for_vocabulary(tokenizer.vocab_size());
    let mut train = SplitWriter::create(partial, "train", token_type)?;
    let mut validation = SplitWriter::create(partial, "validation", token_type)?;
    let mut sources = blake3::Hasher::new();
    let mut left = bytes(&corpus.documents);
    let mut reader = Reader::new(corpus);
    let mut todo = batches(&corpus.documents);
    let mut batch = todo.next();
    let mut raw = batch.map(|b| reader.read(b)).transpose()?.unwrap_or_default();
    while let Some(documents) = batch {
        let next = todo.next();
        // The next batch is read while this one is tokenized.
        let (encoded, read) = rayon::join(
            || encode(corpus, documents, raw, tokenizer, request.eos_id, progress),
            || next.map(|b| reader.read(b)).transpose(),
        );
        for (document, ids) in documents.iter().zip(encoded) {
            let to_validation = is_validation(document.hash, request.validation_per_million);
            let writer = if to_validation { &mut validation } else { &mut train };
            // A byte of text takes a token at most; most texts take a third or a quarter of that.
            writer.document(&ids?, document.bytes, left / 3 * token_type.bytes())?;
            left = left.saturating_sub(document.bytes);
            for word in [corpus.key_hash(0, document), document.bytes, document.hash] {
                sources.update(&word.to_le_bytes());
            }
        }
        (batch, raw) = (next, read?.unwrap_or_default());
    }
    let mut manifest = Manifest {
        dataset: name.to_string(),
        request,
        token_type,
        vocabulary: tokenizer.vocab_size() as u64,
        engine: tokenizer.engine().name.to_string(),
        train: train.finish()?,
        validation: validation.finish()?,
        commit: corpus.commit.clone(),
        files: corpus.file_count() as u64,
        skipped: corpus.skipped.len() as u64,
        empty_documents: corpus.empty,
        pipeline: corpus.pipeline.steps.clone(),
        sources: sources.finalize().to_hex().to_string(),
        uid: 0,
    };
    manifest.uid = manifest.content_uid();
    Ok(manifest)
}

/// Writes what belongs beside the shards and gives the directory its name.
pub(super) fn finish(
    manifest: &Manifest,
    skipped: &[Skipped],
    partial: PartialDirectory,
) -> Result<(), DataError> {
    write_lines(&partial.file("skipped.jsonl"), skipped)?;
    let mut json = serde_json::to_vec_pretty(manifest).map_err(|e| DataError::Tokenize(e.to_string()))?;
    json.push(b'\n');
    write_synced(&partial.file("manifest.json"), &json)?;
    partial.commit()
}

fn write_lines<T: serde::Serialize>(path: &Path, items: &[T]) -> Result<(), DataError> {
    let lines: Result<Vec<String>, _> = items.iter().map(serde_json::to_string).collect();
    let lines = lines.map_err(|e| DataError::Tokenize(e.to_string()))?;
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    write_synced(path, text.as_bytes())
}

/// Tokens of each document with the separator behind them, in parallel.
fn encode(
    corpus: &Corpus,
    documents: &[DocumentRef],
    raw: Vec<Raw>,
    tokenizer: &Tokenizer,
    eos_id: u32,
    progress: &dyn Progress,
) -> Vec<Result<Vec<u32>, DataError>> {
    documents
        .par_iter()
        .zip(raw)
        .map(|(document, raw)| {
            let text = Reader::text(corpus, document, raw)?;
            let mut ids = tokenizer.encode_document(&text)?;
            if document.hash.is_multiple_of(CHECKED)
                && document.bytes <= CHECKED_BYTES
                && tokenizer.encode_document_generally(&text)? != ids
            {
                let path = corpus.path(document).to_path_buf();
                return Err(DataError::EnginesDiffer { path, bytes: document.bytes });
            }
            ids.push(eos_id);
            progress.advance(document.bytes);
            Ok(ids)
        })
        .collect()
}

fn note_left_out(name: &str, corpus: &Corpus, directory: &Path, progress: &dyn Progress) {
    if let Some(first) = corpus.skipped.first() {
        progress.note(&format!(
            "dataset `{name}`: {} of {} files could not be used and were left out, such as {} ({}); all are listed in {}",
            corpus.skipped.len(),
            corpus.skipped.len() + corpus.documents.len(),
            first.path,
            first.reason,
            directory.join("skipped.jsonl").display(),
        ));
    }
    if corpus.empty > 0 {
        progress.note(&format!("dataset `{name}`: {} empty documents were left out", corpus.empty));
    }
}

/// What the steps of a pipeline left.
fn note_pipeline(name: &str, corpus: &Corpus, directory: &Path, progress: &dyn Progress) {
    let steps = &corpus.pipeline.steps;
    if steps.is_empty() {
        return;
    }
    let read = steps.first().map_or(0, |s| s.documents_before);
    let left: Vec<String> = steps.iter().map(|s| format!("{} after {}", s.documents, s.step)).collect();
    progress.note(&format!("dataset `{name}`: {read} documents, {}", left.join(", ")));
    if !corpus.pipeline.removed.is_empty() {
        progress.note(&format!(
            "dataset `{name}`: {} documents hold text of a benchmark; they are listed in {}",
            corpus.pipeline.removed.len(),
            directory.join("removed.jsonl").display()
        ));
    }
    for coverage in steps.iter().flat_map(|s| &s.coverage).filter(|c| c.too_short > 0) {
        progress.note(&format!(
            "dataset `{name}`: {} of {} items of `{}` are too short to be looked for",
            coverage.too_short, coverage.items, coverage.benchmark
        ));
    }
}

fn bytes(documents: &[DocumentRef]) -> u64 {
    documents.iter().map(|d| d.bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use crate::tokenizer::{BpeOptions, train};
    use smolc_plan::{Dataset, PLAN_VERSION};
    use std::sync::Mutex;

    struct Notes(Mutex<Vec<String>>);

    impl Progress for Notes {
        fn begin(&self, _: &str, _: Option<u64>, _: &str) {}
        fn advance(&self, _: u64) {}
        fn end(&self) {}
        fn note(&self, text: &str) {
            self.0.lock().unwrap().push(text.into());
        }
    }

    fn trained(texts: &[String]) -> Tokenizer {
        let options = BpeOptions { vocab: 300, special: vec!["<|endoftext|>".into()], split_digits: true };
        let json = train(&options, texts, Path::new("t.json"), &Silent).unwrap();
        Tokenizer::from_json(json, Path::new("t.json")).unwrap().with_end("<|endoftext|>").unwrap()
    }

    /// An engine that passed its probe and is wrong all the same is found out, and nothing of its work is kept.
    #[test]
    fn a_wrong_engine_is_found_out_and_replaced() {
        let root = tempfile::tempdir().unwrap();
        let lines: Vec<String> =
            (0..6000).map(|i| format!("line {i} of these words {}", i * 7919 % 1009)).collect();
        std::fs::write(root.path().join("a.txt"), lines.join("\n")).unwrap();
        let right = trained(&lines);
        let other: Vec<String> = (0..500).map(|i| format!("quite another text, numbered {i}")).collect();
        let wrong = right.with_engine_of(&trained(&other));
        let patterns = vec![root.path().join("a.txt").display().to_string()];
        let plan = Plan {
            version: PLAN_VERSION,
            spec: "test".into(),
            language: 1,
            compiler: "test".into(),
            tokenizers: Vec::new(),
            datasets: vec![Dataset {
                name: "d".into(),
                source: Source::Text { patterns },
                take: None,
                validation_per_million: 0,
                stated_tokens: None,
                stated_documents: None,
                columns: None,
                steps: Vec::new(),
                limit: None,
                measured: None,
            }],
            classifiers: Vec::new(),
            evaluations: Vec::new(),
            sweeps: Vec::new(),
            runs: Vec::new(),
        };
        let notes = Notes(Mutex::default());
        let prepare = |tokenizer: &Tokenizer, name: &str| {
            let dir = root.path().join(name);
            prepare_dataset(&plan, 0, tokenizer, &dir, &notes).unwrap();
            let directory = dataset_directory(&dir, "d");
            let engine = Store::manifest(&directory).unwrap().engine;
            (std::fs::read(directory.join("train.tokens")).unwrap(), engine)
        };
        let (expected, fast) = prepare(&right, "right");
        assert_eq!(fast, right.engine().name);
        assert_eq!(notes.0.lock().unwrap().len(), 0);
        let (found, general) = prepare(&wrong, "wrong");
        assert!(found == expected);
        assert_eq!(general, "tokenizers 0.23.2");
        let notes = notes.0.lock().unwrap();
        assert!(notes.iter().any(|n| n.contains("tokenized anew by the general one")), "{notes:?}");
    }
}
