use super::*;
use std::fs;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A cache with one repository, `who/what`, at [`COMMIT`], which `main` is.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new(files: &[(&str, &str)]) -> Cache {
        let cache = Cache(tempfile::tempdir().unwrap());
        let repository = cache.0.path().join("datasets--who--what");
        fs::create_dir_all(repository.join("refs")).unwrap();
        fs::write(repository.join("refs/main"), COMMIT).unwrap();
        fs::create_dir_all(repository.join("blobs")).unwrap();
        let root = repository.join("snapshots").join(COMMIT);
        fs::create_dir_all(&root).unwrap();
        for (i, (name, text)) in files.iter().enumerate() {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let blob = repository.join("blobs").join(i.to_string());
            fs::write(&blob, text).unwrap();
            #[cfg(unix)]
            std::os::unix::fs::symlink(&blob, &path).unwrap();
            #[cfg(not(unix))]
            fs::copy(&blob, &path).unwrap();
        }
        cache
    }

    fn names(&self, config: Option<&str>, split: &str) -> Result<Vec<String>, String> {
        self.find(config, split, None)
            .map(|found| found.files.iter().map(|f| String::from_utf8(f.key.clone()).unwrap()).collect())
    }

    fn find(&self, config: Option<&str>, split: &str, revision: Option<&str>) -> Result<Found, String> {
        let wanted = Wanted { place: "dataset `x`", repository: "who/what", config, split, revision };
        find_in(&wanted, self.0.path()).map_err(|e| e.to_string())
    }
}

#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T, String>, parts: &[&str]) {
    let message = result.unwrap_err();
    for part in parts {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
}

#[test]
fn splits_are_told_from_names() {
    let cache = Cache::new(&[
        ("README.md", "# No header\n"),
        (".gitattributes", ""),
        ("data/train-00000-of-00002.parquet", "a"),
        ("data/train-00001-of-00002.parquet", "bb"),
        ("data/train_sft-00000-of-00001.parquet", "c"),
        ("data/test-00000-of-00001.parquet", "d"),
        ("odd.parquet", "e"),
    ]);
    let found = cache.find(None, "train", None).unwrap();
    assert!(found.parquet && found.commit == COMMIT);
    assert_eq!(found.files.iter().map(|f| f.length).collect::<Vec<_>>(), [1, 2]);
    // What belongs to no split is said, not passed over.
    assert!(
        found.skipped.len() == 1 && found.skipped[0].path.ends_with("odd.parquet"),
        "{:?}",
        found.skipped
    );
    assert_eq!(cache.names(None, "train_sft").unwrap(), ["data/train_sft-00000-of-00001.parquet"]);
    says(cache.names(None, "validation"), &["has no split `validation`", "`test`, `train`, `train_sft`"]);
    says(cache.names(None, "tran"), &["did you mean `train`?"]);
}

#[test]
fn directories_name_subsets_and_splits() {
    let cache = Cache::new(&[
        ("en/train/a.jsonl.gz", "1"),
        ("en/train/b.jsonl.gz", "2"),
        ("en/dev/a.jsonl.gz", "3"),
        ("fr/part.jsonl", "4"),
    ]);
    assert_eq!(cache.names(Some("en"), "train").unwrap(), ["en/train/a.jsonl.gz", "en/train/b.jsonl.gz"]);
    assert_eq!(cache.names(Some("en"), "validation").unwrap(), ["en/dev/a.jsonl.gz"]);
    assert!(!cache.find(Some("fr"), "train", None).unwrap().parquet);
    says(cache.names(Some("fr"), "test"), &["no split `test`", "its splits: `train`"]);
    says(cache.names(Some("de"), "train"), &["no data file below `de/`"]);
}

#[test]
fn the_header_of_the_readme_decides() {
    let header = "---\nlicense: mit\nconfigs:\n- config_name: main\n  default: true\n  data_files:\n  - split: train\n    \
                  path: main/train-*\n  - split: test\n    path: [main/test-*, extra/test.parquet]\n- config_name: all\n  \
                  data_files: '**/*.parquet'\n- config_name: below\n  data_dir: extra\n---\n# Card\n";
    let cache = Cache::new(&[
        ("README.md", header),
        ("main/train-00000.parquet", ""),
        ("main/test-00000.parquet", ""),
        ("extra/test.parquet", ""),
        ("extra/notes.txt", ""),
    ]);
    assert_eq!(cache.names(None, "train").unwrap(), ["main/train-00000.parquet"]);
    assert_eq!(cache.names(Some("main"), "test").unwrap(), ["extra/test.parquet", "main/test-00000.parquet"]);
    assert_eq!(cache.names(Some("all"), "train").unwrap().len(), 3);
    assert_eq!(cache.names(Some("below"), "train").unwrap(), ["extra/test.parquet"]);
    says(
        cache.names(Some("mains"), "train"),
        &["no subset `mains`; did you mean `main`?", "`main`, `all`, `below`"],
    );
    says(cache.names(None, "validation"), &["no split `validation`", "its splits: `test`, `train`"]);
}

#[test]
fn what_is_not_there_says_how_to_get_it() {
    let cache = Cache::new(&[("train.parquet", "")]);
    let fetch = "hf download --repo-type dataset who/what";
    says(cache.find(None, "train", Some("v2")), &["no snapshot of revision `v2`", fetch, "--revision v2"]);
    says(cache.find(None, "train", Some("../..")), &["no snapshot"]);
    assert!(cache.find(None, "train", Some(COMMIT)).is_ok());
    let empty = tempfile::tempdir().unwrap();
    let wanted =
        Wanted { place: "dataset `x`", repository: "who/what", config: None, split: "train", revision: None };
    says(
        find_in(&wanted, empty.path()).map_err(|e| e.to_string()),
        &["dataset `x`: `who/what`", "not in the cache", fetch],
    );
    // A cache that another tool has cut short: declared, not fetched.
    let cut = Cache::new(&[("README.md", "---\nconfigs:\n- data_files: data/*.parquet\n---\n")]);
    says(cut.names(None, "train"), &["no file `data/*.parquet` in the cache", fetch]);
    says(
        Cache::new(&[("README.md", "---\nconfigs: [\n---\n")]).names(None, "train"),
        &["header that cannot be read"],
    );
}

#[test]
fn forms_that_are_not_read_are_named() {
    says(
        Cache::new(&[("train.csv", "")]).names(None, "train"),
        &["`train.csv`", "neither Parquet nor JSON lines"],
    );
    says(
        Cache::new(&[("train.parquet", ""), ("train.jsonl", "")]).names(None, "train"),
        &["1 Parquet files among 2"],
    );
    says(Cache::new(&[("notes.txt", "")]).names(None, "train"), &["no data file"]);
}
