//! Compiles the emulator and the kernels as C++17, each kernel file in three kinds: plain, instrumented for the race
//! detector, and once for every injected bug of `tests/bugs`.
//!
//! A bug is a file: `kernel:` names the file that is compiled and `file:` the one that is changed, then the text to replace
//! between `<<<<`, `====` and `>>>>`. The text must occur exactly once, so that a bug that no longer applies fails the build
//! instead of passing unseen.
// A build script may panic, and speaks to cargo by printing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{env, fs, thread};

struct Unit {
    /// Library and function name: `plain_swiglu`.
    id: String,
    /// Value of EMU_VARIANT.
    variant: String,
    file: PathBuf,
    /// Searched before the kernels' own folder.
    patched: Option<PathBuf>,
}

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let (cpp, kernels, bugs) = (root.join("cpp"), root.join("../cuda/src"), root.join("tests/bugs"));
    for folder in [&cpp, &kernels, &bugs] {
        println!("cargo:rerun-if-changed={}", folder.display());
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(emulated)");
    if let Some(why) = cannot_build() {
        println!(
            "cargo:warning=the emulator of the CUDA kernels is left out, and its tests are skipped: {why}"
        );
        return;
    }
    println!("cargo:rustc-cfg=emulated");

    let mut units = Vec::new();
    for file in files(&kernels, "cu") {
        let stem = file.file_stem().unwrap().to_str().unwrap().to_string();
        for variant in ["plain", "race"] {
            units.push(Unit {
                id: format!("{variant}_{stem}"),
                variant: variant.into(),
                file: file.clone(),
                patched: None,
            });
        }
    }
    for bug in files(&bugs, "bug") {
        units.push(patch(&bug, &kernels, &out));
    }
    // The files that take longest first: attention.
    units.sort_by_key(|u| std::cmp::Reverse(fs::metadata(&u.file).unwrap().len()));

    let mut keep = String::from("extern \"C\" {\n");
    for unit in &units {
        keep += &format!("void emu_keep_{}();\n", unit.id);
    }
    keep += "void emu_keep_kernels() {\n";
    for unit in &units {
        keep += &format!("    emu_keep_{}();\n", unit.id);
    }
    keep += "}\n}\n";
    let keep_file = out.join("keep.cpp");
    fs::write(&keep_file, keep).unwrap();

    // The run time last: the kernels refer to it.
    let queue = Mutex::new(units.iter().rev().collect::<Vec<_>>());
    let jobs = env::var("NUM_JOBS").ok().and_then(|n| n.parse().ok()).unwrap_or(1usize).clamp(1, 16);
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let Some(unit) = queue.lock().unwrap().pop() else { break };
                    compile(unit, &cpp, &kernels, &out);
                }
            });
        }
    });
    let mut runtime = base(&cpp, &kernels);
    runtime.opt_level(3).file(&keep_file);
    for file in files(&cpp, "cpp") {
        runtime.file(file);
    }
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=emulator_runtime");
    for unit in &units {
        println!("cargo:rustc-link-lib=static={}", unit.id);
    }
    runtime.cargo_metadata(false).compile("emulator_runtime");
    println!("cargo:rustc-link-lib=static=emulator_runtime");
    println!("cargo:rustc-link-lib=dylib=stdc++");
    println!("cargo:rustc-link-lib=dylib=pthread");
}

/// Why the emulator cannot be built here, if so: it is for tests, so nothing else should fail with it.
fn cannot_build() -> Option<String> {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return Some("it is written for Linux".into());
    }
    let compiler = match cc::Build::new().cpp(true).try_get_compiler() {
        Ok(compiler) => compiler,
        Err(error) => return Some(error.to_string()),
    };
    let found = compiler.to_command().arg("--version").output().is_ok_and(|o| o.status.success());
    (!found).then(|| format!("no C++ compiler ({} does not run)", compiler.path().display()))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    files
}

fn base(cpp: &Path, kernels: &Path) -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .include(cpp)
        .include(kernels)
        .warnings(true)
        .debug(false)
        // The kernels state where a multiply-add is fused; the compiler must not add its own.
        .flag("-ffp-contract=off")
        .flag_if_supported("-fno-strict-aliasing")
        .flag_if_supported("-Wno-psabi");
    build
}

/// One translation unit: the emulator's interface, then the kernel file in an anonymous namespace, so that the kinds do not
/// share a symbol.
fn compile(unit: &Unit, cpp: &Path, kernels: &Path, out: &Path) {
    let wrapper = out.join(format!("{}.cpp", unit.id));
    let text = format!(
        "#define EMU_VARIANT \"{}\"\n#include \"emulator.h\"\nnamespace {{\n#include \"{}\"\n}}\nextern \"C\" void emu_keep_{}() {{}}\n",
        unit.variant,
        unit.file.display(),
        unit.id
    );
    if fs::read_to_string(&wrapper).ok().as_deref() != Some(&text) {
        fs::write(&wrapper, text).unwrap();
    }
    let mut build = cc::Build::new();
    if let Some(patched) = &unit.patched {
        build.include(patched);
    }
    build
        .cpp(true)
        .std("c++17")
        .include(cpp)
        .include(kernels)
        .debug(false)
        .flag("-ffp-contract=off")
        .flag_if_supported("-fno-strict-aliasing")
        .flag_if_supported("-Wno-psabi")
        .flag_if_supported("-Wno-unused-function")
        .opt_level(if unit.variant == "plain" { 2 } else { 1 });
    if unit.variant != "plain" {
        // Instrumentation only: the calls end in race.cpp; the sanitizer's own run time is not linked.
        build.flag("-fsanitize=thread");
    }
    build.warnings(false).cargo_metadata(false).file(&wrapper).compile(&unit.id);
}

/// The instances of attention that the trials in `tests/kernels/bugs.rs` launch; the others would take most of the time that
/// the bugs need to compile.
const INSTANCES: &[(&str, &[&str])] = &[
    ("attention_forward.cu", &["ATTENTION_FORWARD(64, 3)"]),
    ("attention_forward_hopper.cu", &["ATTENTION_FORWARD_HOPPER(64, 512, heads, true)"]),
    ("attention_backward.cu", &["ATTENTION_DELTA(bf16, bf16)", "ATTENTION_DKDV(64)", "ATTENTION_DQ(64, 3)"]),
    ("attention_backward_hopper.cu", &["ATTENTION_BACKWARD_HOPPER(64)"]),
    ("attention_dq_finish.cu", &["ATTENTION_DQ_FINISH(64)"]),
    ("attention_f32.cu", &["ATTENTION_F32(16)"]),
];

fn only_what_the_bugs_run(kernel: &str, text: &str) -> String {
    let Some((_, kept)) = INSTANCES.iter().find(|(name, _)| *name == kernel) else { return text.to_string() };
    for instance in *kept {
        assert!(text.lines().any(|l| l == *instance), "{kernel} has no line {instance}: see INSTANCES");
    }
    text.lines()
        .filter(|l| kept.contains(l) || !(l.starts_with("ATTENTION_") && l.ends_with(')')))
        .fold(String::new(), |text, line| text + line + "\n")
}

fn patch(bug: &Path, kernels: &Path, out: &Path) -> Unit {
    let name = bug.file_stem().unwrap().to_str().unwrap().to_string();
    let text = fs::read_to_string(bug).unwrap();
    let field = |key: &str| {
        let prefix = format!("{key}: ");
        text.lines()
            .find_map(|l| l.strip_prefix(prefix.as_str()))
            .unwrap_or_else(|| panic!("{name}: no `{key}:`"))
            .trim()
    };
    // `file` is what is changed, a kernel or a header; `kernel` is the file that is compiled.
    let (file, kernel) = (field("file"), field("kernel"));
    let between = |from: &str, to: &str| {
        let start = text.find(from).unwrap_or_else(|| panic!("{name}: no {from}")) + from.len();
        let end = start + text[start..].find(to).unwrap_or_else(|| panic!("{name}: no {to}"));
        text[start..end].to_string()
    };
    let (old, new) = (between("<<<<\n", "====\n"), between("====\n", ">>>>"));
    let source = fs::read_to_string(kernels.join(file)).unwrap_or_else(|e| panic!("{name}: {file}: {e}"));
    let occurrences = source.matches(old.as_str()).count();
    assert!(occurrences == 1, "bug {name}: its text occurs {occurrences} times in {file}, not once");
    // A copy of every source: headers find each other next to themselves first.
    let folder = out.join("bugs").join(&name);
    fs::create_dir_all(folder.join("common")).unwrap();
    for from in ["", "common"] {
        for extension in ["cu", "cuh"] {
            for path in files(&kernels.join(from), extension) {
                fs::copy(&path, folder.join(from).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    fs::write(folder.join(file), source.replace(old.as_str(), new.as_str())).unwrap();
    let file = folder.join(kernel);
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, only_what_the_bugs_run(kernel, &whole)).unwrap();
    Unit { id: format!("bug_{name}"), variant: format!("bug:{name}"), file, patched: Some(folder) }
}
