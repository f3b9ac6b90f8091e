//! What a user sees when `smolc` itself is wrong.

use std::io::Write;
use std::panic::PanicHookInfo;

/// Where to report; the repository of the package.
const REPORT: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/issues");

/// Replaces the panic message. A backtrace is printed only when `RUST_BACKTRACE` asks for one.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        // A decoder of another crate that fell over damaged data: the error that comes of it says so.
        if smolc_data::panics_are_caught() {
            return;
        }
        // Standard error may be closed; there is nowhere else to complain.
        let _ = std::io::stderr().write_all(message(info).as_bytes());
        if std::env::var("RUST_BACKTRACE").is_ok_and(|v| v != "0") {
            let trace = std::backtrace::Backtrace::force_capture();
            let _ = writeln!(std::io::stderr(), "{trace}");
        }
    }));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let what = info.payload_as_str().unwrap_or("no message");
    let place = info.location().map_or_else(String::new, |l| format!(" at {}:{}", l.file(), l.line()));
    let command: Vec<String> = std::env::args().collect();
    format!(
        "\nerror: this is a bug in smolc, not in your spec\n\n  smolc {version} ({os} {arch})\n  {what}{place}\n  \
         command: {command}\n\n help: please report it with the lines above and the spec: {REPORT}\n help: a backtrace \
         is printed when RUST_BACKTRACE=1 is set; checkpoints already written are whole\n",
        version = env!("CARGO_PKG_VERSION"),
        os = std::env::consts::OS,
        arch = std::env::consts::ARCH,
        command = command.join(" "),
    )
}
