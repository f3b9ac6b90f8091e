//! Plans that lie on a disk: a `plan.json`, or the directory of a run.

use crate::exit::Exit;
use crate::failure::Failure;
use smolc_plan::Plan;
use std::path::{Path, PathBuf};

/// A plan and where it was read.
#[derive(Debug)]
pub struct Stored {
    /// The plan.
    pub plan: Plan,
    /// The file.
    pub file: PathBuf,
}

/// Whether a path on the command line means a stored plan and not a spec.
pub fn is_plan(path: &Path) -> bool {
    path.is_dir() || path.extension().is_some_and(|e| e == "json")
}

/// Reads the plan of `path`: a plan file, a run's directory, or a spec's directory with runs in it (every run of a spec
/// stores the whole plan, so any of them will do, as long as they agree).
pub fn read(path: &Path) -> Result<Stored, Failure> {
    if !path.is_dir() {
        return load(path);
    }
    let own = path.join("plan.json");
    if own.exists() {
        return load(&own);
    }
    let shown = path.display();
    let entries = std::fs::read_dir(path)
        .map_err(|e| Failure::environment(format!("cannot read the directory `{shown}`: {e}")))?;
    let mut files: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|e| e.path().join("plan.json")).filter(|p| p.exists()).collect();
    files.sort();
    let Some(first) = files.first() else {
        return Err(Failure::environment(format!("`{shown}` has no plan.json, and no run in it has one"))
            .help("name a spec, a plan.json, or the directory of a run"));
    };
    let stored = load(first)?;
    for file in files.iter().skip(1) {
        let other = load(file)?;
        if hash(&other.plan)? != hash(&stored.plan)? {
            return Err(Failure::new(
                Exit::OtherPlan,
                format!("`{}` and `{}` hold different plans", first.display(), file.display()),
            )
            .help("name the directory of one run"));
        }
    }
    Ok(stored)
}

/// The hash of a plan, whole.
pub fn hash(plan: &Plan) -> Result<String, Failure> {
    let hash =
        plan.hash().map_err(|e| Failure::new(Exit::Spec, format!("the plan cannot be hashed: {e}")))?;
    Ok(hash.to_string())
}

fn load(file: &Path) -> Result<Stored, Failure> {
    let shown = file.display();
    let bytes =
        std::fs::read(file).map_err(|e| Failure::environment(format!("cannot read `{shown}`: {e}")))?;
    let plan = Plan::from_json(&bytes).map_err(|e| Failure::environment(format!("`{shown}`: {e}")))?;
    Ok(Stored { plan, file: file.to_path_buf() })
}
