//! `smolc doc`: a reference as one HTML file.

use crate::cli::DocArgs;
use crate::doc_html;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{Console, Style};
use crate::spec;
use crate::world::RealWorld;
use smolc_check::World;
use smolc_check::load::STD;
use smolc_ide::{Analysis, ModuleDoc, Overlay, document};

/// Writes the reference of a spec or library, or of the language and its standard library.
pub fn execute(args: &DocArgs, console: &Console) -> Result<Exit, Failure> {
    let (title, modules, language) = match args.spec.to_str() {
        Some("std") => ("The standard library".to_owned(), standard(), true),
        Some(path) => {
            let path = path.strip_prefix("./").unwrap_or(path);
            if let Err(e) = RealWorld.read_file(path) {
                return Err(Failure::environment(format!("cannot read `{path}`: {e}")));
            }
            let (list, sources) = smolc_ide::diagnostics(&RealWorld, path, &[]);
            if !list.is_empty() {
                let shown = spec::render(&list, &sources, &console.err);
                console.err.print(&format!("{}\n\n", shown.trim_end()))?;
            }
            let analysis = Analysis::new(&RealWorld, path, &[]);
            (path.to_owned(), document(&analysis, args.imports), false)
        }
        None => return Err(Failure::usage(format!("the path `{}` is not UTF-8", args.spec.display()))),
    };
    let page = doc_html::page(&title, &modules, language);
    match &args.out {
        None => console.out.print(&page)?,
        Some(path) => {
            files::write_whole(path, &page)?;
            let written = console.err.style(Style::Good, "written");
            console.err.line(&format!("{written} {}", path.display()))?;
        }
    }
    Ok(Exit::Done)
}

/// Every module of the standard library.
fn standard() -> Vec<ModuleDoc> {
    let uses: String = STD.iter().map(|(name, _)| format!("use std.{name}\n")).collect();
    let world = Overlay::one(&RealWorld, "std", format!("smol 1\n{uses}"));
    let analysis = Analysis::new(&world, "std", &[]);
    document(&analysis, true).into_iter().skip(1).collect()
}
