//! References as HTML: one file, no scripts, nothing fetched.

mod markdown;

use markdown::{escape, inline, markdown};
use smolc_check::schema::{self, Presence, Schema};
use smolc_check::types::NAMED;
use smolc_ide::{ItemDoc, ModuleDoc};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// The page of some modules; with `language`, also of the records, functions and types of the compiler.
pub fn page(title: &str, modules: &[ModuleDoc], language: bool) -> String {
    let mut nav = String::new();
    let mut main = String::new();
    for module in modules {
        let _ = writeln!(nav, "<p class=\"module\">{}</p><ul>", escape(&module.path));
        main.push_str("<section>");
        // A page of one module has its name above it already.
        if module.path != title {
            let _ = writeln!(main, "<h2>{}</h2>", escape(&module.path));
        }
        main.push_str(&markdown(&module.docs));
        for one in &module.items {
            let id = anchor(&module.path, &one.name);
            let _ = writeln!(nav, "<li><a href=\"#{id}\">{}</a></li>", escape(&one.name));
            item(&mut main, &id, one);
        }
        nav.push_str("</ul>");
        main.push_str("</section>\n");
    }
    if language {
        compiler(&mut nav, &mut main);
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style></head>\n<body>\n<nav>{nav}</nav>\n<main>\n<h1>{title}</h1>\n{main}\
         <footer>smolc {version}</footer></main></body></html>\n",
        title = escape(title),
        version = env!("CARGO_PKG_VERSION"),
    )
}

fn item(out: &mut String, id: &str, one: &ItemDoc) {
    let _ = writeln!(
        out,
        "<article id=\"{id}\"><h3><span class=\"keyword\">{}</span> {}</h3>",
        escape(&one.keyword),
        escape(&one.name)
    );
    // What fits on a line is shown; longer sources unfold.
    let short = !one.source.contains('\n');
    if short || one.head != format!("{} {}", one.keyword, one.name) {
        let shown = if short { &one.source } else { &one.head };
        let _ = writeln!(out, "<pre class=\"head\">{}</pre>", escape(shown));
    }
    out.push_str(&markdown(&one.docs));
    if !one.value.is_empty() && one.value != one.source {
        let _ = writeln!(out, "<p class=\"value\">{}</p>", escape(&one.value));
    }
    if !one.fields.is_empty() {
        out.push_str("<table><thead><tr><th>field</th><th>value</th><th></th></tr></thead><tbody>\n");
        for (name, value, doc) in &one.fields {
            let _ = writeln!(
                out,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escape(name),
                escape(value),
                inline(doc)
            );
        }
        out.push_str("</tbody></table>\n");
    }
    if !short {
        let _ =
            writeln!(out, "<details><summary>source</summary><pre>{}</pre></details>", escape(&one.source));
    }
    out.push_str("</article>\n");
}

fn anchor(path: &str, name: &str) -> String {
    let clean = |t: &str| t.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-");
    format!("{}.{}", clean(path), clean(name))
}

/// Records, functions and types that the compiler itself provides.
fn compiler(nav: &mut String, main: &mut String) {
    nav.push_str("<p class=\"module\">records</p><ul>");
    main.push_str("<section><h2>Records</h2>\n");
    for one in schema::ALL {
        let id = anchor("record", one.name);
        let _ = writeln!(nav, "<li><a href=\"#{id}\">{}</a></li>", escape(one.name));
        record(main, &id, one);
    }
    nav.push_str("</ul><p class=\"module\">functions</p><ul>");
    main.push_str("</section>\n<section><h2>Functions</h2>\n");
    for (name, signature, doc) in smolc_ide::builtin_docs() {
        let id = anchor("function", name);
        let _ = writeln!(nav, "<li><a href=\"#{id}\">{}</a></li>", escape(name));
        let _ = writeln!(
            main,
            "<article id=\"{id}\"><pre class=\"head\">{}</pre>{}</article>",
            escape(signature),
            markdown(doc)
        );
    }
    nav.push_str("</ul><p class=\"module\"><a href=\"#types\">types</a></p>");
    main.push_str("</section>\n<section id=\"types\"><h2>Types</h2><table><tbody>\n");
    for (name, ty) in NAMED {
        let _ = writeln!(main, "<tr><td><code>{name}</code></td><td>{}</td></tr>", inline(&ty.phrase()));
    }
    main.push_str("</tbody></table></section>\n");
}

fn record(out: &mut String, id: &str, one: &Schema) {
    let _ = writeln!(out, "<article id=\"{id}\"><h3>{}</h3>{}", escape(one.name), markdown(one.doc));
    out.push_str(
        "<table><thead><tr><th>field</th><th>takes</th><th>default</th><th></th></tr></thead><tbody>\n",
    );
    for field in one.fields {
        let default = match field.presence {
            Presence::Required => "<em>required</em>".to_owned(),
            Presence::Default(text) => inline(text),
        };
        let _ = writeln!(
            out,
            "<tr><td><code>{}</code></td><td>{}</td><td>{default}</td><td>{}</td></tr>",
            escape(field.name),
            inline(&field.ty.phrase()),
            inline(field.doc)
        );
    }
    out.push_str("</tbody></table></article>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_spec_becomes_markup() {
        let evil = "<script>alert(1)</script>&\"'";
        let one = ItemDoc {
            name: "x".into(),
            keyword: "let".into(),
            head: evil.into(),
            docs: format!("{evil}\n\n`{evil}`\n\n- {evil}"),
            value: evil.into(),
            fields: vec![(evil.into(), evil.into(), evil.into())],
            source: format!("{evil}\n{evil}"),
        };
        let module = ModuleDoc { path: evil.into(), docs: evil.into(), items: vec![one] };
        let text = page(evil, &[module], true);
        assert!(!text.contains("<script") && text.matches("&lt;script&gt;").count() >= 10);
        for tag in ["section", "article", "table", "ul", "pre", "details", "main", "nav"] {
            let opened =
                text.matches(&format!("<{tag}>")).count() + text.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, text.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}
