//! `smolc doctor`: the machine, one line a finding, with the fix where something is worse than it could be.

use crate::cli::{DoctorArgs, Format};
use crate::doctor::{Finding, Level, Machine, examine};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, Stream, Style, number, table};

/// Prints the findings. Warnings are advice, so the exit code is always 0.
pub fn execute(args: &DoctorArgs, console: &Console) -> Result<Exit, Failure> {
    let findings = examine(&Machine::here());
    let text = match args.format {
        Format::Text => render(&findings, &console.out),
        Format::Json => {
            let value = serde_json::json!({ "version": 1, "findings": findings });
            format!("{value:#}\n")
        }
    };
    console.out.print(&text)?;
    Ok(Exit::Done)
}

fn render(findings: &[Finding], out: &Stream) -> String {
    let wide = findings.iter().map(|f| f.what.len()).max().unwrap_or(0);
    // "warn" and the subject, each followed by two spaces.
    let indent = 6 + wide + 2;
    let room = out.width.saturating_sub(indent).max(20);
    let mut text = String::new();
    for finding in findings {
        let (mark, style) = match finding.level {
            Level::Ok => ("ok", Style::Good),
            Level::Info => ("-", Style::Dim),
            Level::Warn => ("warn", Style::Warning),
        };
        let mark = out.style(style, &format!("{mark:<4}"));
        let name = out.style(Style::Name, &format!("{:<wide$}", finding.what));
        let mut lines = table::wrap(&finding.found, room);
        if let Some(fix) = &finding.fix {
            lines.extend(table::wrap(&format!("fix: {fix}"), room));
        }
        text.push_str(&format!("{mark}  {name}  {}\n", lines.join(&format!("\n{}", " ".repeat(indent)))));
    }
    let warnings = findings.iter().filter(|f| f.level == Level::Warn).count() as u64;
    let summary = match warnings {
        0 => out.style(Style::Good, "everything smolc needs is here"),
        n => out.style(Style::Warning, &number::count(n, "warning", "warnings")),
    };
    text.push_str(&format!("\n{summary}\n"));
    text
}
