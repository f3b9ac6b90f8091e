use super::*;
use crate::error::TrainError;
use std::fs;

struct Three([Vec<f32>; 3]);

impl Spaces for Three {
    fn values(&self) -> usize {
        self.0[0].len()
    }
    fn put(&mut self, index: usize, from: usize, values: &[f32]) -> Result<(), String> {
        self.0[index][from..from + values.len()].copy_from_slice(values);
        Ok(())
    }
}

impl Source for Three {
    fn values(&self) -> usize {
        self.0[0].len()
    }
    fn read(&self, index: usize, from: usize, out: &mut [f32]) -> std::io::Result<()> {
        out.copy_from_slice(&self.0[index][from..from + out.len()]);
        Ok(())
    }
}

const N: usize = 20_000;
const V: usize = 33;

fn spaces(step: u64) -> [Vec<f32>; 3] {
    [1u64, 2, 3].map(|k| (0..N as u64).map(|i| ((i * k + step) as f32).sin()).collect())
}

fn save(dir: &Path, step: u64) {
    let state = State {
        format: FORMAT,
        plan: "p".into(),
        step,
        next_sample: 4 * step,
        ledger_bytes: 10 * step,
        seconds: 0.1 + step as f64,
        recent_losses: vec![0.1, 1.0 / 3.0],
    };
    let [a, b, c] = spaces(step);
    let written = write(dir, &state, &Three([a, b, c]), &vec![step; V]).unwrap();
    let on_disk: u64 =
        fs::read_dir(&written.path).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(on_disk, written.bytes);
}

fn load(dir: &Path) -> Result<(Option<u64>, usize), TrainError> {
    let mut three = Three([vec![0.0; N], vec![0.0; N], vec![0.0; N]]);
    let resume = resume(dir, "p", &mut three, V)?;
    let step = resume.found.map(|found| {
        assert_eq!(three.0, spaces(found.state.step));
        assert_eq!(found.counts, vec![found.state.step; V]);
        assert_eq!(found.state.recent_losses, [0.1, 1.0 / 3.0]);
        found.state.step
    });
    Ok((step, resume.damaged.len()))
}

#[test]
fn what_was_written_is_read_and_only_the_newest_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(load(dir.path()).unwrap(), (None, 0));
    for step in [5, 10, 1_000_000_000_000, 15] {
        save(dir.path(), step);
    }
    assert_eq!(load(dir.path()).unwrap(), (Some(1_000_000_000_000), 0));
    prune(dir.path(), 2).unwrap();
    assert_eq!(list(dir.path()).unwrap(), [15, 1_000_000_000_000]);
    prune(dir.path(), 0).unwrap();
    assert_eq!(list(dir.path()).unwrap(), [1_000_000_000_000]);
}

#[test]
fn the_tensor_file_is_safetensors() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), 7);
    let bytes = fs::read(path(dir.path(), 7).join(TENSORS)).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let moment = tensors.tensor("moment2").unwrap();
    assert_eq!(moment.shape(), [N]);
    let third: Vec<u8> = spaces(7)[2].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(moment.data(), third);
}

/// Every kind of damage to the newest checkpoint: the older one is taken, the damaged one is set aside, not deleted.
#[test]
fn a_damaged_newest_checkpoint_yields_to_the_older_one() {
    type Damage = Box<dyn Fn(&Path)>;
    let damages: Vec<(&str, Damage)> = vec![
        ("truncated tensors", Box::new(|d| cut(&d.join(TENSORS), 1))),
        ("empty tensors", Box::new(|d| fs::write(d.join(TENSORS), b"").unwrap())),
        ("first bit", Box::new(|d| flip(&d.join(TENSORS), 0))),
        ("a bit of the data", Box::new(|d| flip(&d.join(TENSORS), 100_000))),
        ("a bit of the state", Box::new(|d| flip(&d.join(STATE), 30))),
        ("truncated state", Box::new(|d| cut(&d.join(STATE), 3))),
        ("truncated manifest", Box::new(|d| cut(&d.join(MANIFEST), 9))),
        ("a bit of the manifest", Box::new(|d| flip(&d.join(MANIFEST), 90))),
        ("no manifest", Box::new(|d| fs::remove_file(d.join(MANIFEST)).unwrap())),
        ("no tensors", Box::new(|d| fs::remove_file(d.join(TENSORS)).unwrap())),
        (
            "empty directory",
            Box::new(|d| {
                fs::remove_dir_all(d).unwrap();
                fs::create_dir(d).unwrap();
            }),
        ),
    ];
    for (what, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), 1);
        save(dir.path(), 2);
        damage(&path(dir.path(), 2));
        assert_eq!(load(dir.path()).unwrap(), (Some(1), 1), "{what}");
        assert!(dir.path().join("step-000000002.damaged").exists(), "{what}");
        // The next one takes its place, and pruning does not count it.
        save(dir.path(), 2);
        prune(dir.path(), 1).unwrap();
        assert_eq!(load(dir.path()).unwrap(), (Some(2), 0), "{what}");
        assert!(dir.path().join("step-000000002.damaged").exists(), "{what}");
    }
}

#[test]
fn no_usable_checkpoint_is_an_error_and_not_step_0() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), 1);
    save(dir.path(), 2);
    for step in [1, 2] {
        cut(&path(dir.path(), step).join(TENSORS), 8);
    }
    for _ in 0..2 {
        let error = load(dir.path()).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, TrainError::NoCheckpoint { .. }));
        assert!(text.contains("step-000000001") && text.contains("step-000000002"), "{text}");
    }
}

#[test]
fn another_plan_or_size_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), 1);
    let mut three = Three([vec![0.0; N], vec![0.0; N], vec![0.0; N]]);
    assert!(resume(dir.path(), "q", &mut three, V).is_err());
    assert!(resume(dir.path(), "p", &mut three, V + 1).is_err());
    let mut small = Three([vec![0.0; 2], vec![0.0; 2], vec![0.0; 2]]);
    assert!(resume(dir.path(), "p", &mut small, V).is_err());
}

#[test]
fn what_a_killed_process_left_is_overlooked_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let temporary = dir.path().join(TEMPORARY);
    fs::create_dir(&temporary).unwrap();
    fs::write(temporary.join(TENSORS), b"half").unwrap();
    assert_eq!(load(dir.path()).unwrap(), (None, 0));
    save(dir.path(), 3);
    assert!(!temporary.exists());
    assert_eq!(load(dir.path()).unwrap(), (Some(3), 0));
}

fn cut(path: &Path, by: u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - by).unwrap();
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}
