//! Datasets of the Hugging Face hub, as its own tools have left them in their cache.
//!
//! Nothing is fetched here: `hf download --repo-type dataset OWNER/NAME` does that, once, where there is a network. The cache
//! lies at `HF_HUB_CACHE`, or `hub` below `HF_HOME`, or `~/.cache/huggingface/hub`; a repository is
//! `datasets--OWNER--NAME/{refs/BRANCH, snapshots/COMMIT/…}` (huggingface_hub, "Understand caching").
//!
//! Which files a subset and a split are is what the repository's README.md says in its header (`configs`, each with
//! `data_files`); without it, a subset is a directory and a split is told from names, `train-00000-of-00010.parquet` or
//! `test/part.jsonl` (Hugging Face, "Structure your repository"). Where no name tells a split, all files are `train`.

use super::Skipped;
use super::pattern::SourceFile;
use crate::error::DataError;
use crate::suggest::did_you_mean;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is asked of the hub.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// For messages: `` dataset `x` ``.
    pub(crate) place: &'a str,
    /// `OWNER/NAME`
    pub(crate) repository: &'a str,
    /// Subset.
    pub(crate) config: Option<&'a str>,
    /// Split.
    pub(crate) split: &'a str,
    /// Branch, tag or commit; `main` where it is not said.
    pub(crate) revision: Option<&'a str>,
}

/// The files of a split.
#[derive(Debug)]
pub(crate) struct Found {
    /// In the order of their paths in the repository.
    pub(crate) files: Vec<SourceFile>,
    /// Data files that no split's name is found in, where others have one.
    pub(crate) skipped: Vec<Skipped>,
    /// The commit they are of.
    pub(crate) commit: String,
    /// Parquet; JSON lines otherwise.
    pub(crate) parquet: bool,
}

/// Where the hub's tools keep what they have fetched; `None` where the machine has no home.
pub fn cache() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable("HF_HUB_CACHE")
        .or_else(|| variable("HF_HOME").map(|home| home.join("hub")))
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("huggingface/hub")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/huggingface/hub")))
}

/// The files of a subset and split in the cache.
///
/// Errors ([`DataError::Hub`]): the repository, the revision, the subset or the split is not there; the files are neither
/// Parquet nor JSON lines; the header of README.md cannot be read.
pub(crate) fn find(wanted: &Wanted<'_>) -> Result<Found, DataError> {
    let Some(cache) = cache() else {
        return Err(wanted.error("has no cache to be looked for in", "set HF_HOME"));
    };
    find_in(wanted, &cache)
}

fn find_in(wanted: &Wanted<'_>, cache: &Path) -> Result<Found, DataError> {
    let repository = cache.join(format!("datasets--{}", wanted.repository.replace('/', "--")));
    let commit = wanted.commit(&repository)?;
    let root = repository.join("snapshots").join(&commit);
    let mut all = Vec::new();
    list(&root, "", &mut all)?;
    all.sort();
    let (mut chosen, skipped) = match wanted.declared(&root)? {
        Some(patterns) => (wanted.matching(&all, &patterns)?, Vec::new()),
        None => wanted.named(&all)?,
    };
    chosen.sort_unstable();
    let parquet = wanted.one_format(&chosen)?;
    let file = |name: &String| {
        let path = root.join(name);
        let length = std::fs::metadata(&path).map_err(|e| DataError::io("read", &path, e))?.len();
        Ok(SourceFile::new(path, name.clone().into_bytes(), length))
    };
    let files = chosen.iter().map(file).collect::<Result<Vec<_>, DataError>>()?;
    let skipped = skipped
        .into_iter()
        .map(|name| Skipped {
            path: root.join(name).display().to_string(),
            reason: "no split is named in its path".into(),
        })
        .collect();
    Ok(Found { files, skipped, commit, parquet })
}

/// Paths below the root of what can hold data, `/` between names.
fn list(directory: &Path, prefix: &str, out: &mut Vec<String>) -> Result<(), DataError> {
    let entries = std::fs::read_dir(directory).map_err(|e| DataError::io("list", directory, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| DataError::io("list", directory, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        // Follows links: the files of a snapshot are links into the cache's blobs.
        let metadata =
            std::fs::metadata(entry.path()).map_err(|e| DataError::io("read", &entry.path(), e))?;
        if metadata.is_dir() {
            list(&entry.path(), &format!("{path}/"), out)?;
        } else {
            out.push(path);
        }
    }
    Ok(())
}

/// `configs` of a README's header.
#[derive(Debug, Deserialize)]
struct Header {
    #[serde(default)]
    configs: Vec<Config>,
}

#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default = "default_name")]
    config_name: String,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    data_files: Option<DataFiles>,
    #[serde(default)]
    data_dir: Option<String>,
}

fn default_name() -> String {
    "default".into()
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum DataFiles {
    One(String),
    Several(Vec<String>),
    Splits(Vec<SplitFiles>),
}

#[derive(Debug, Deserialize)]
struct SplitFiles {
    split: String,
    path: Patterns,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Patterns {
    One(String),
    Several(Vec<String>),
}

impl Wanted<'_> {
    fn error(&self, what: impl Into<String>, help: impl Into<String>) -> DataError {
        DataError::Hub {
            place: self.place.to_string(),
            repository: self.repository.to_string(),
            what: what.into(),
            help: help.into(),
        }
    }

    fn fetch(&self) -> String {
        let revision = self.revision.map(|r| format!(" --revision {r}")).unwrap_or_default();
        format!(
            "fetch it where there is a network: hf download --repo-type dataset {}{revision}",
            self.repository
        )
    }

    /// The commit of the revision, of which there is a snapshot.
    fn commit(&self, repository: &Path) -> Result<String, DataError> {
        if !repository.is_dir() {
            return Err(self.error(format!("is not in the cache ({})", repository.display()), self.fetch()));
        }
        let revision = self.revision.unwrap_or("main");
        let absent = |snapshot: &Path| {
            let place = snapshot.display();
            let what = format!("has no snapshot of revision `{revision}` in the cache ({place})");
            self.error(what, self.fetch())
        };
        // A branch may have slashes in its name, but lead nowhere else.
        if revision.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(absent(repository));
        }
        let reference = repository.join("refs").join(revision);
        let commit = match std::fs::read_to_string(&reference) {
            Ok(text) => text.trim().to_string(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => revision.to_string(),
            Err(e) => return Err(DataError::io("read", &reference, e)),
        };
        let snapshot = repository.join("snapshots").join(&commit);
        if commit.is_empty() || commit.contains(['/', '\\']) || commit == ".." || !snapshot.is_dir() {
            return Err(absent(&snapshot));
        }
        Ok(commit)
    }

    /// The patterns that the README's header gives the subset and split; `None` where it has no `data_files`.
    fn declared(&self, root: &Path) -> Result<Option<Vec<String>>, DataError> {
        let path = root.join("README.md");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(DataError::io("read", &path, e)),
        };
        let mut lines = text.lines();
        if lines.next().map(str::trim_end) != Some("---") {
            return Ok(None);
        }
        let header: Vec<&str> = lines.take_while(|line| line.trim_end() != "---").collect();
        let header: Header = serde_saphyr::from_str(&header.join("\n")).map_err(|e| {
            self.error(
                format!("has a header that cannot be read in {}: {e}", path.display()),
                "name its files in `parquet(\"…\")` or `jsonl(\"…\")` instead",
            )
        })?;
        if header.configs.is_empty() {
            return Ok(None);
        }
        let config = self.subset(&header.configs)?;
        let below =
            config.data_dir.as_deref().map(|d| format!("{}/", d.trim_matches('/'))).unwrap_or_default();
        let splits = match &config.data_files {
            None if below.is_empty() => return Ok(None),
            None => vec![("train".to_string(), vec![format!("{below}**")])],
            Some(DataFiles::One(pattern)) => vec![("train".to_string(), vec![pattern.clone()])],
            Some(DataFiles::Several(patterns)) => vec![("train".to_string(), patterns.clone())],
            Some(DataFiles::Splits(splits)) => splits
                .iter()
                .map(|s| {
                    let patterns = match &s.path {
                        Patterns::One(pattern) => vec![pattern.clone()],
                        Patterns::Several(patterns) => patterns.clone(),
                    };
                    (s.split.clone(), patterns.iter().map(|p| format!("{below}{p}")).collect())
                })
                .collect(),
        };
        match splits.iter().find(|(name, _)| name == self.split) {
            Some((_, patterns)) => Ok(Some(patterns.clone())),
            None => Err(self.no_split(splits.iter().map(|(name, _)| name.as_str()))),
        }
    }

    fn subset<'c>(&self, configs: &'c [Config]) -> Result<&'c Config, DataError> {
        let names = || configs.iter().map(|c| format!("`{}`", c.config_name)).collect::<Vec<_>>().join(", ");
        if let Some(name) = self.config {
            return configs.iter().find(|c| c.config_name == name).ok_or_else(|| {
                let all: Vec<String> = configs.iter().map(|c| c.config_name.clone()).collect();
                let near = did_you_mean(name, &all);
                self.error(format!("has no subset `{name}`{near}"), format!("its subsets: {}", names()))
            });
        }
        let only = (configs.len() == 1).then(|| configs.first()).flatten();
        configs
            .iter()
            .find(|c| c.default)
            .or_else(|| configs.iter().find(|c| c.config_name == "default"))
            .or(only)
            .ok_or_else(|| {
                self.error(
                    "has several subsets and no default one",
                    format!("say `config:`, one of {}", names()),
                )
            })
    }

    fn no_split<'n>(&self, names: impl Iterator<Item = &'n str>) -> DataError {
        let names: Vec<String> = names.collect::<BTreeSet<_>>().into_iter().map(str::to_string).collect();
        let near = did_you_mean(self.split, &names);
        let names: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
        self.error(
            format!("has no split `{}`{near}", self.split),
            format!("its splits: {}", names.join(", ")),
        )
    }

    fn matching(&self, all: &[String], patterns: &[String]) -> Result<Vec<String>, DataError> {
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        let mut chosen = BTreeSet::new();
        for pattern in patterns {
            let text = pattern.trim_start_matches("./");
            let compiled = glob::Pattern::new(text).map_err(|e| {
                self.error(
                    format!("declares the files `{pattern}`, which is no pattern: {e}"),
                    "name its files in `parquet(\"…\")` or `jsonl(\"…\")` instead",
                )
            })?;
            let below = format!("{}/", text.trim_end_matches('/'));
            let before = chosen.len();
            // What names a directory means what lies in it.
            chosen.extend(
                all.iter().filter(|f| compiled.matches_with(f, options) || f.starts_with(&below)).cloned(),
            );
            if chosen.len() == before {
                return Err(self.error(
                    format!("has no file `{pattern}` in the cache, which its README declares"),
                    self.fetch(),
                ));
            }
        }
        Ok(chosen.into_iter().filter(|f| kind(f) != Kind::None).collect())
    }

    /// The files whose path names the split, below the directory that the subset is.
    fn named(&self, all: &[String]) -> Result<(Vec<String>, Vec<String>), DataError> {
        let below = self.config.map(|c| format!("{}/", c.trim_matches('/'))).unwrap_or_default();
        let data: Vec<&String> =
            all.iter().filter(|f| f.starts_with(&below) && kind(f) != Kind::None).collect();
        if data.is_empty() {
            let (what, help) = match self.config {
                Some(config) => (
                    format!("has no data file below `{config}/`"),
                    "leave `config:` out, or fetch the whole repository",
                ),
                None => ("has no data file in the cache".to_string(), "fetch the whole repository"),
            };
            return Err(
                self.error(what, format!("{help}: hf download --repo-type dataset {}", self.repository))
            );
        }
        let splits: Vec<Option<String>> =
            data.iter().map(|f| split_of(f.strip_prefix(&below).unwrap_or(f))).collect();
        if splits.iter().all(Option::is_none) {
            if self.split == "train" {
                return Ok((data.into_iter().cloned().collect(), Vec::new()));
            }
            return Err(self.no_split(["train"].into_iter()));
        }
        let (mut chosen, mut skipped) = (Vec::new(), Vec::new());
        for (file, split) in data.iter().zip(&splits) {
            match split.as_deref() {
                Some(name) if name == self.split => chosen.push((*file).clone()),
                Some(_) => {}
                None => skipped.push((*file).clone()),
            }
        }
        if chosen.is_empty() {
            return Err(self.no_split(splits.iter().flatten().map(String::as_str)));
        }
        Ok((chosen, skipped))
    }

    fn one_format(&self, chosen: &[String]) -> Result<bool, DataError> {
        let instead =
            "convert them to Parquet or JSON lines, or name some in `parquet(\"…\")` or `jsonl(\"…\")`";
        for file in chosen {
            if kind(file) == Kind::Other {
                return Err(
                    self.error(format!("holds `{file}`, which is neither Parquet nor JSON lines"), instead)
                );
            }
        }
        let parquet = chosen.iter().filter(|f| kind(f) == Kind::Parquet).count();
        match parquet {
            0 if chosen.is_empty() => {
                Err(self.error(format!("has no data file in split `{}`", self.split), self.fetch()))
            }
            0 => Ok(false),
            n if n == chosen.len() => Ok(true),
            n => Err(self.error(
                format!("has {n} Parquet files among {} of split `{}`", chosen.len(), self.split),
                instead,
            )),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Parquet,
    Lines,
    /// Data in a form that is not read.
    Other,
    /// No data.
    None,
}

fn kind(file: &str) -> Kind {
    let name = file.strip_suffix(".gz").or_else(|| file.strip_suffix(".zst")).unwrap_or(file);
    let name = name.rsplit('/').next().unwrap_or(name);
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("parquet") => Kind::Parquet,
        Some("jsonl" | "ndjson") => Kind::Lines,
        // A repository has small JSON files that are no data; as data they are lines more often than not.
        Some("json") if !name.ends_with("dataset_infos.json") => Kind::Lines,
        Some("csv" | "tsv" | "arrow" | "tar" | "zip" | "xml" | "bz2" | "xz" | "7z") => Kind::Other,
        _ => Kind::None,
    }
}

/// The split that a path names.
fn split_of(path: &str) -> Option<String> {
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
    // `train_sft-00000-of-00004.parquet`: any name of a split.
    let stem = name.split('.').next().unwrap_or(name);
    if let Some((before, total)) = stem.rsplit_once("-of-")
        && total.len() == 5
        && total.bytes().all(|b| b.is_ascii_digit())
        && let Some((split, number)) = before.rsplit_once('-')
        && number.len() == 5
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        return Some(split.to_string());
    }
    let words = stem.split(|c: char| !c.is_ascii_alphabetic());
    let directories = directories.rsplit('/').flat_map(|d| d.split(|c: char| !c.is_ascii_alphabetic()));
    words.chain(directories).find_map(|word| match word {
        "train" | "training" => Some("train".to_string()),
        "validation" | "valid" | "val" | "dev" => Some("validation".to_string()),
        "test" | "testing" | "eval" | "evaluation" => Some("test".to_string()),
        _ => None,
    })
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
