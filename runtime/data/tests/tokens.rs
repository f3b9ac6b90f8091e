//! Sources that are tokenized already: read as they are, checked, and the same shards as from the text.
// Helpers of tests count as code to clippy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]

mod common;

use common::*;
use proptest::prelude::*;
use smolc_data::{
    DataError, Ends, Layout, Silent, Split, Store, Tokenized, Tokenizer, dataset_directory, prepare_dataset,
    prepare_tokens,
};
use smolc_plan::Measured;
use std::path::{Path, PathBuf};

/// A file of Megatron-LM as its writer lays it out; each document may have several sequences.
fn megatron(path: &Path, code: u8, documents: &[Vec<Vec<i64>>]) -> PathBuf {
    let put = |id: i64| -> Vec<u8> {
        match code {
            1 => (id as u8).to_le_bytes().to_vec(),
            3 => (id as i16).to_le_bytes().to_vec(),
            4 => (id as i32).to_le_bytes().to_vec(),
            5 => id.to_le_bytes().to_vec(),
            8 => (id as u16).to_le_bytes().to_vec(),
            _ => unreachable!(),
        }
    };
    let mut bin = Vec::new();
    let (mut lengths, mut offsets, mut indices, mut count) = (vec![], vec![], vec![0i64], 0i64);
    for document in documents {
        for sequence in document {
            lengths.extend((sequence.len() as i32).to_le_bytes());
            offsets.extend((bin.len() as i64).to_le_bytes());
            sequence.iter().for_each(|&id| bin.extend(put(id)));
            count += 1;
        }
        indices.push(count);
    }
    let mut idx = b"MMIDIDX\0\0".to_vec();
    idx.extend(1u64.to_le_bytes());
    idx.push(code);
    idx.extend(count.to_le_bytes());
    idx.extend((indices.len() as u64).to_le_bytes());
    idx.extend(lengths);
    idx.extend(offsets);
    indices.iter().for_each(|i| idx.extend(i.to_le_bytes()));
    std::fs::write(path.with_extension("bin"), bin).unwrap();
    std::fs::write(path.with_extension("idx"), idx).unwrap();
    path.with_extension("bin")
}

/// A file of datatrove, with `width` bytes for an id.
fn datatrove(path: &Path, width: usize, documents: &[Vec<i64>], metadata: Option<&str>) -> PathBuf {
    let bytes: Vec<u8> =
        documents.iter().flatten().flat_map(|id| id.to_le_bytes()[..width].to_vec()).collect();
    let mut end = 0;
    let ends: Vec<u8> = documents
        .iter()
        .flat_map(|d| {
            end += d.len() as u64;
            end.to_le_bytes()
        })
        .collect();
    let ds = path.with_extension("ds");
    std::fs::write(&ds, bytes).unwrap();
    std::fs::write(path.with_extension("ds.index"), ends).unwrap();
    if let Some(metadata) = metadata {
        std::fs::write(path.with_extension("ds.metadata"), metadata).unwrap();
    }
    ds
}

struct World {
    tokenizer: Tokenizer,
    dir: tempfile::TempDir,
    measured: Measured,
}

/// Documents prepared from text in `data/text`, a fifth of them for validation.
fn world(validation_per_million: u32) -> World {
    let (root, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_corpus(root.path());
    let mut d = dataset("text", files(root.path(), "**/*.md"));
    d.validation_per_million = validation_per_million;
    let plan = plan(vec![d], 280);
    let tokenizer = tokenizer(&plan, dir.path());
    let measured = prepare_dataset(&plan, 0, &tokenizer, dir.path(), &Silent).unwrap();
    World { tokenizer, dir, measured }
}

impl World {
    /// Ids of each document of a split of a prepared dataset, separators included.
    fn documents(&self, name: &str, split: Split) -> Vec<Vec<i64>> {
        let store = Store::open(&dataset_directory(self.dir.path(), name)).unwrap();
        let view = store.split(split);
        let mut ids = vec![0; view.len() as usize];
        assert!(view.copy(0, &mut ids));
        let mut begin = 0;
        let document = |&end: &u64| {
            let ids = ids[begin..end as usize].iter().map(|&id| i64::from(id)).collect();
            begin = end as usize;
            ids
        };
        view.ends().iter().map(document).collect()
    }

    fn import(&self, name: &str, layout: Layout, paths: &[PathBuf]) -> Result<Measured, DataError> {
        let tokenized = Tokenized::open(layout, paths)?;
        let d = dataset(name, files(self.dir.path(), name));
        prepare_tokens(&d, &tokenized, &self.tokenizer, self.dir.path(), &Silent)
    }

    fn refused(&self, layout: Layout, path: &Path) -> String {
        let error = self.import("refused", layout, &[path.to_path_buf()]).unwrap_err();
        assert!(!dataset_directory(self.dir.path(), "refused").exists());
        error.to_string()
    }
}

fn without_end(documents: &[Vec<i64>]) -> Vec<Vec<i64>> {
    documents.iter().map(|d| d[..d.len() - 1].to_vec()).collect()
}

#[test]
fn the_same_shards_as_from_the_text() {
    let w = world(0);
    let documents = w.documents("text", Split::Train);
    assert_eq!(documents.len(), 40);
    let at = |name: &str| w.dir.path().join(name);
    let one_each = |d: &[Vec<i64>]| d.iter().map(|d| vec![d.clone()]).collect::<Vec<_>>();
    // Two sequences a document, and one that is empty.
    let two: Vec<Vec<Vec<i64>>> =
        documents.iter().map(|d| vec![d[..3].to_vec(), vec![], d[3..].to_vec()]).collect();
    let open = without_end(&documents);
    let cases: Vec<(&str, Layout, Vec<PathBuf>)> = vec![
        ("m16", Layout::Megatron, vec![megatron(&at("m16"), 8, &one_each(&documents))]),
        ("i16", Layout::Megatron, vec![megatron(&at("i16"), 3, &one_each(&documents))]),
        ("m32", Layout::Megatron, vec![megatron(&at("m32"), 4, &two)]),
        ("m64", Layout::Megatron, vec![megatron(&at("m64"), 5, &one_each(&open))]),
        (
            "two",
            Layout::Megatron,
            vec![
                megatron(&at("two1"), 8, &one_each(&open[..15])),
                megatron(&at("two2"), 4, &one_each(&open[15..])),
            ],
        ),
        (
            "d16",
            Layout::Datatrove,
            vec![datatrove(&at("d16"), 2, &documents, Some("smol|2\n100\n100 tokens"))],
        ),
        ("d32", Layout::Datatrove, vec![datatrove(&at("d32"), 4, &open, Some("Unknown Tokenizer|4\n1"))]),
        ("d", Layout::Datatrove, vec![datatrove(&at("d"), 4, &documents, None)]),
        ("own", Layout::Own, vec![dataset_directory(w.dir.path(), "text")]),
    ];
    for (name, layout, paths) in cases {
        let measured = w.import(name, layout, &paths).unwrap();
        assert!(w.documents(name, Split::Train) == documents, "{name}");
        assert_eq!(
            (measured.documents, measured.tokens),
            (w.measured.documents, w.measured.tokens),
            "{name}"
        );
        // Again: what is there is used.
        assert_eq!(w.import(name, layout, &paths).unwrap(), measured);
    }
}

#[test]
fn files_are_found_by_patterns() {
    let w = world(0);
    let documents = w.documents("text", Split::Train);
    let at = |name: &str| w.dir.path().join(name);
    datatrove(&at("b_0"), 2, &documents[..30], None);
    datatrove(&at("b_1"), 2, &documents[30..], None);
    let pattern = |p: &str| vec![at(p).to_str().unwrap().to_string()];
    let found = Tokenized::find("d", Layout::Datatrove, &pattern("b_*.ds")).unwrap();
    assert_eq!((found.documents(), found.tokens()), (40, w.measured.tokens));
    let own = Tokenized::find("d", Layout::Own, &pattern("data/*")).unwrap();
    assert_eq!((own.documents(), own.tokens()), (40, w.measured.tokens));
    let error = Tokenized::find("d", Layout::Megatron, &pattern("*.bin")).unwrap_err();
    assert!(matches!(error, DataError::NoMatch { .. }), "{error}");
}

#[test]
fn splits_are_made_by_ids_and_those_of_our_shards_are_kept() {
    let w = world(200_000);
    let own = dataset_directory(w.dir.path(), "text");
    w.import("again", Layout::Own, std::slice::from_ref(&own)).unwrap();
    for split in [Split::Train, Split::Validation] {
        assert!(!w.documents("text", split).is_empty());
        assert!(w.documents("again", split) == w.documents("text", split));
    }
    let split = |name: &str, layout, path: &Path| {
        let tokenized = Tokenized::open(layout, &[path.to_path_buf()]).unwrap();
        let mut d = dataset(name, files(w.dir.path(), name));
        d.validation_per_million = 300_000;
        prepare_tokens(&d, &tokenized, &w.tokenizer, w.dir.path(), &Silent)
    };
    let error = split("twice", Layout::Own, &own).unwrap_err();
    assert!(error.to_string().contains("leave `split` out"), "{error}");
    // A document's side depends on its ids, not on whether its separator was written.
    let documents = w.documents("text", Split::Train);
    let closed = datatrove(&w.dir.path().join("closed"), 2, &documents, None);
    let open = datatrove(&w.dir.path().join("open"), 2, &without_end(&documents), None);
    let (a, b) =
        (split("a", Layout::Datatrove, &closed).unwrap(), split("b", Layout::Datatrove, &open).unwrap());
    assert_eq!(a, b);
    assert!(a.validation_documents > 3 && a.documents > 10, "{a:?}");
}

#[test]
fn ids_and_ends_are_surveyed() {
    let w = world(0);
    let at = |name: &str| w.dir.path().join(name);
    let bad = vec![vec![1, 2, 0], vec![3, 280, 0]];
    let said = w.refused(Layout::Datatrove, &datatrove(&at("bad"), 2, &bad, None));
    assert!(said.contains("token 4 (document 1) is 280") && said.contains("280 tokens"), "{said}");
    let negative = [vec![vec![1, 2]], vec![vec![-5]]];
    let said = w.refused(Layout::Megatron, &megatron(&at("negative"), 4, &negative));
    assert!(said.contains("token 2 (document 1) is -5"), "{said}");
    let mixed = vec![vec![1, 0], vec![2, 3], vec![4, 0]];
    let said = w.refused(Layout::Datatrove, &datatrove(&at("mixed"), 2, &mixed, None));
    assert!(said.contains("2 of 3 documents end with") && said.contains("document 1 is the first"), "{said}");
    let survey = |documents: &[Vec<i64>]| {
        let path = datatrove(&at("s"), 4, documents, None);
        Tokenized::open(Layout::Datatrove, &[path]).unwrap().survey(280, 0).unwrap()
    };
    let s = survey(&[vec![1, 0, 2, 0, 3, 0], vec![], vec![0]]);
    assert_eq!((s.ends, s.inside, s.empty), (Ends::All, 2, 1));
    let s = survey(&[vec![1, 0, 2], vec![3]]);
    assert_eq!((s.ends, s.inside, s.empty), (Ends::None, 1, 0));
    let nothing = w.import("nothing", Layout::Datatrove, &[datatrove(&at("n"), 2, &[vec![], vec![]], None)]);
    assert!(matches!(nothing, Err(DataError::EmptyDataset { empty: 2, .. })));
}

#[test]
fn files_of_another_layout_say_why() {
    let w = world(0);
    let path = w.dir.path().join("x");
    let documents = [vec![vec![1, 2, 3]], vec![vec![4, 5], vec![6]]];
    let bin = megatron(&path, 8, &documents);
    let idx = path.with_extension("idx");
    let good = std::fs::read(&idx).unwrap();
    let change = |at: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&idx, changed).unwrap();
        w.refused(Layout::Megatron, &bin)
    };
    for (at, bytes, expected) in [
        (0, &b"NUMPY"[..], "does not begin with MMIDIDX"),
        (9, &[2], "version 2"),
        (17, &[7], "f32 (type 7)"),
        (17, &[2], "i8 (type 2)"),
        (17, &[6], "f64 (type 6)"),
        (17, &[9], "unknown type 9"),
        (17, &[4], "12"),
        (18, &[200], "200 sequences"),
        (18, &[255; 8], "more than fit 64 bits"),
        (34, &[9], "sequence 1 begins at byte"),
        (34 + 12 + 24, &[1], "first document index is 1"),
        (34 + 12 + 24 + 8, &[7], "document index 1 is 7"),
        (34 + 12 + 24 + 16, &[2], "last document index is 2"),
    ] {
        let said = change(at, bytes);
        assert!(said.contains("x.idx") && said.contains(expected), "{expected}: {said}");
    }
    std::fs::write(&idx, &good[..20]).unwrap();
    assert!(w.refused(Layout::Megatron, &bin).contains("less than its header"));
    std::fs::write(&idx, &good).unwrap();
    std::fs::write(&bin, [0; 10]).unwrap();
    let said = w.refused(Layout::Megatron, &bin);
    assert!(said.contains("6 tokens of 2 bytes") && said.contains("10 bytes"), "{said}");
    std::fs::remove_file(&idx).unwrap();
    assert!(w.refused(Layout::Megatron, &bin).contains("x.idx is missing"));

    let ds = datatrove(&path, 2, &[vec![1, 2, 0], vec![3, 0]], Some("t|4\n5"));
    assert!(w.refused(Layout::Datatrove, &ds).contains("an id takes 4 bytes, and its length says 2"));
    std::fs::remove_file(path.with_extension("ds.metadata")).unwrap();
    std::fs::write(&ds, [0; 11]).unwrap();
    assert!(w.refused(Layout::Datatrove, &ds).contains("ends at token 5"));
    std::fs::write(path.with_extension("ds.index"), [5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])
        .unwrap();
    assert!(w.refused(Layout::Datatrove, &ds).contains("document 1 ends before"));
    std::fs::write(path.with_extension("ds.index"), [0; 9]).unwrap();
    assert!(w.refused(Layout::Datatrove, &ds).contains("no whole number"));
    std::fs::write(path.with_extension("ds.loss"), [1]).unwrap();
    assert!(w.refused(Layout::Datatrove, &ds).contains("count in the loss"));
    std::fs::remove_file(path.with_extension("ds.loss")).unwrap();
    std::fs::remove_file(path.with_extension("ds.index")).unwrap();
    assert!(w.refused(Layout::Datatrove, &ds).contains("x.ds.index is missing"));
    let text = dataset_directory(w.dir.path(), "text");
    std::fs::write(text.join("train.ends"), b"").unwrap();
    assert!(w.refused(Layout::Own, &text).contains("damaged"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// Whatever stands in an index: an error or documents within the file.
    #[test]
    fn hostile_indices_are_refused_or_harmless(
        lengths in prop::collection::vec(0usize..6, 1..8),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let documents: Vec<Vec<Vec<i64>>> = lengths.iter().map(|&n| vec![vec![1; n]]).collect();
        let flat: Vec<Vec<i64>> = documents.iter().map(|d| d[0].clone()).collect();
        let path = dir.path().join("x");
        let cases = [
            (Layout::Megatron, megatron(&path, 8, &documents), path.with_extension("idx")),
            (Layout::Datatrove, datatrove(&path, 2, &flat, None), path.with_extension("ds.index")),
        ];
        for (layout, file, index) in cases {
            let mut bytes = std::fs::read(&index).unwrap();
            for (place, byte) in &changes {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            if let Some(cut) = cut {
                let cut = cut.index(bytes.len());
                bytes.truncate(cut);
            }
            std::fs::write(&index, bytes).unwrap();
            if let Ok(tokenized) = Tokenized::open(layout, &[file]) {
                prop_assert!(tokenized.tokens() <= 64);
                let _ = tokenized.survey(10, 0);
            }
        }
    }
}
