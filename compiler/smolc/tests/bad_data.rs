//! Data, disks and run directories that are not as they should be: a message, exit code 3, nothing lost.
// Helpers of tests count as code to clippy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm
)]

mod common;

use common::{Project, spec};
use std::fs;
use std::path::{Path, PathBuf};

/// Flips a bit in the middle of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn checkpoints(project: &Project) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = fs::read_dir(project.path().join("runs/tiny/pretrain/checkpoints"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir() && p.extension().is_none())
        .collect();
    dirs.sort();
    dirs
}

#[test]
fn text_that_is_not_there_is_named() {
    let project = Project::new(30);
    fs::remove_file(project.path().join("lists.txt")).unwrap();
    project.smolc(&["run", "tiny.smol"]).exits(3).says(&["lists"]);
}

#[test]
fn an_empty_dataset_is_named() {
    let project = Project::new(30);
    project.write("lists.txt", "");
    project.smolc(&["run", "tiny.smol"]).exits(3).says(&["lists"]);
    project.write("lists.txt", "\n\n\n");
    project.smolc(&["run", "tiny.smol"]).exits(3).says(&["lists"]);
}

#[test]
fn a_directory_is_not_a_file() {
    let project = Project::new(30);
    fs::remove_file(project.path().join("lists.txt")).unwrap();
    fs::create_dir(project.path().join("lists.txt")).unwrap();
    project.smolc(&["run", "tiny.smol"]).exits(3).says(&["lists"]);
}

#[test]
fn bytes_that_are_not_text_are_named_by_offset() {
    let project = Project::new(30);
    let mut text = common::words(2, 800, 8).into_bytes();
    text[1000] = 0xff;
    project.write("lists.txt", text);
    project.smolc(&["run", "tiny.smol"]).exits(3).says(&["lists.txt", "1000", "UTF-8"]);
}

#[test]
fn a_dataset_shorter_than_a_window_is_refused() {
    let project = Project::new(30);
    project.write("lists.txt", "ka\nlo\n");
    project.smolc(&["run", "tiny.smol"]).exits(3).says(&["lists"]);
}

#[test]
fn a_damaged_shard_is_found_before_training() {
    let project = Project::new(30);
    project.smolc(&["run", "tiny.smol"]).exits(0);
    // The run is made to look unfinished, so that it would train.
    fs::remove_dir_all(project.path().join("runs/tiny/pretrain")).unwrap();
    damage(&project.path().join("runs/tiny/data/tales/train.tokens"));
    project.smolc(&["run", "tiny.smol"]).exits(3).says(&["train.tokens", "damaged", "remove"]);
}

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before() {
    let project = Project::new(60);
    project.smolc(&["run", "tiny.smol"]).exits(0);
    let weights = fs::read(project.path().join("runs/tiny/pretrain/model/model.safetensors")).unwrap();
    fs::remove_dir_all(project.path().join("runs/tiny/pretrain/model")).unwrap();
    // The newest is cut off in the middle.
    let newest = checkpoints(&project).pop().unwrap();
    let state = newest.join("state.safetensors");
    let bytes = fs::read(&state).unwrap();
    fs::write(&state, &bytes[..bytes.len() / 2]).unwrap();
    project.smolc(&["run", "tiny.smol"]).exits(0).says(&["cannot be used", "continuing after step"]);
    let again = fs::read(project.path().join("runs/tiny/pretrain/model/model.safetensors")).unwrap();
    assert!(weights == again, "the weights differ");

    // When none is left, nothing is overwritten.
    fs::remove_dir_all(project.path().join("runs/tiny/pretrain/model")).unwrap();
    for dir in checkpoints(&project) {
        damage(&dir.join("state.safetensors"));
    }
    project.smolc(&["run", "tiny.smol"]).exits(3).says(&["none of the checkpoints"]);
}

#[test]
fn a_directory_of_somebody_else_is_left_alone() {
    let project = Project::new(30);
    project.write("mine/thesis.txt", "precious");
    project.smolc(&["run", "tiny.smol", "--out", "mine"]).exits(5).says(&["thesis.txt", "--out"]);
    assert_eq!(project.read("mine/thesis.txt"), "precious");
    assert_eq!(fs::read_dir(project.path().join("mine")).unwrap().count(), 1);
    project.smolc(&["run", "tiny.smol", "--out", "tales.txt"]).exits(3);
}

#[test]
fn a_loss_that_is_not_a_number_stops_with_code_4() {
    let project = Project::new(60);
    project.write(
        "tiny.smol",
        spec(60).replace("clip: 1.0", "clip: 1e30").replace("peak: Rate = 4e-3", "peak: Rate = 1e30"),
    );
    let checked = project.smolc(&["check", "tiny.smol"]);
    if checked.code != 0 {
        eprintln!("SKIPPED: the checker refuses a rate of 1e30: {}", checked.out);
        return;
    }
    project.smolc(&["run", "tiny.smol"]).exits(4).says(&["step", "stage"]);
}

/// A small file system of its own, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Option<SmallDisk> {
        fs::create_dir_all(at).unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at)
            .stderr(std::process::Stdio::null())
            .status()
            .is_ok_and(|s| s.success());
        mounted.then(|| SmallDisk(at.to_path_buf()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let project = Project::new(60);
    // Room for the data (about 100 KiB), not for a checkpoint (about 300 KiB).
    let Some(disk) = SmallDisk::mount(&project.path().join("disk"), "256k") else {
        eprintln!("SKIPPED: a small file system cannot be mounted here (root is needed)");
        return;
    };
    project.smolc(&["run", "tiny.smol", "--out", "disk/run"]).exits(3).says(&["disk is full"]);
    let bigger = std::process::Command::new("mount")
        .args(["-o", "remount,size=64m"])
        .arg(&disk.0)
        .status()
        .is_ok_and(|s| s.success());
    assert!(bigger);
    project.smolc(&["run", "tiny.smol", "--out", "disk/run"]).exits(0).prints(&["finished"]);
}
