//! The page: style sheet and frame. One file, no script, nothing fetched.

use crate::figure::Figure;
use std::fmt::Write;

/// Text as HTML.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A figure with its legend and caption, drawn once for wide windows and once for narrow ones: scaling one drawing would
/// make its labels too small to read on a phone.
pub fn figure(number: usize, figure: &Figure) -> String {
    let mut s = format!("<figure><h2>{}</h2>", figure.heading);
    if !figure.legend.is_empty() {
        s.push_str(r#"<div class="legend">"#);
        for (class, text) in &figure.legend {
            let _ = write!(s, r#"<span><i class="swatch {class}"></i>{}</span>"#, escape(text));
        }
        s.push_str("</div>");
    }
    s.push_str(&figure.chart.svg(960.0, figure.height, "wide"));
    s.push_str(&figure.chart.svg(368.0, (figure.height * 0.8).max(230.0), "narrow"));
    let _ =
        write!(s, "<figcaption><b>Figure {number}.</b> {}</figcaption></figure>", escape(&figure.caption));
    s
}

/// The whole page around `body`.
pub fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{}</title><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>\n",
        escape(title)
    )
}

/// Colors after Okabe and Ito (2008), which readers with color blindness can tell apart; lighter ones on dark.
const STYLE: &str = "
:root{--bg:#fff;--fg:#1a1c1f;--soft:#5d646d;--line:#dfe3e8;--band:#f6f7f9;--raw:#b9c0c9;--ink:#22262b;
--k0:#0072b2;--k1:#d55e00;--k2:#009e73;--k3:#cc79a7;--k4:#b8860b;--k5:#56b4e9;--k6:#7a5195;--k7:#6b6b6b;
--good:#0a7d4f;--bad:#b3261e;--waiting:#8a6100}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e7eaee;--soft:#9aa4af;--line:#2c3238;--band:#1a1e22;
--raw:#4c555f;--ink:#f1f4f7;--k0:#4aa8e0;--k1:#ff8a3c;--k2:#2fc99a;--k3:#e59ac4;--k4:#e2b93b;--k5:#8fd0f5;--k6:#b58bd6;
--k7:#a0a0a0;--good:#4cc38a;--bad:#ff7b72;--waiting:#e2b93b}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
main{max-width:1000px;margin:0 auto;padding:28px 16px 48px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px}h2{font-size:17px;margin:0 0 6px}
.sub{color:var(--soft);margin:0 0 20px}.badge{font-size:13px;font-weight:600;border:1px solid;border-radius:99px;
padding:1px 10px;margin-left:10px;vertical-align:4px;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}.waiting{color:var(--waiting)}
.key{display:grid;grid-template-columns:repeat(auto-fit,minmax(148px,1fr));gap:10px;margin:0 0 26px}
.key div{background:var(--band);border-radius:8px;padding:10px 14px}.key b{display:block;font-size:20px;white-space:nowrap;
font-variant-numeric:tabular-nums}.key span{color:var(--soft);font-size:13px}
figure,section{margin:0 0 34px}figcaption,.note{color:var(--soft);font-size:13px;margin-top:4px}
svg{display:block;width:100%;height:auto;overflow:visible}.narrow{display:none}
@media(max-width:640px){.wide{display:none}.narrow{display:block}h1{font-size:22px}}
.legend{display:flex;flex-wrap:wrap;gap:2px 18px;font-size:13px;margin:0 0 4px;color:var(--soft)}
.swatch{display:inline-block;width:18px;height:0;border-top:3px solid currentColor;margin-right:6px;vertical-align:4px}
.swatch.area{height:11px;border:0;border-radius:2px;background:currentColor;opacity:.75;vertical-align:-1px}
.swatch.raw,i.part.raw{color:var(--raw)}.swatch.train{color:var(--ink)}.swatch.planned{color:var(--ink);
border-top:2px dashed currentColor}
.c0{color:var(--k0)}.c1{color:var(--k1)}.c2{color:var(--k2)}.c3{color:var(--k3)}.c4{color:var(--k4)}
.c5{color:var(--k5)}.c6{color:var(--k6)}.c7{color:var(--k7)}
svg text{font-size:12px;fill:var(--soft)}text.tick.y{text-anchor:end}text.tick.x,text.stage,text.label{text-anchor:middle}
text.label{font-size:12.5px}text.stage{fill:var(--fg);font-weight:600}text.level{text-anchor:end;fill:var(--fg);
paint-order:stroke;stroke:var(--bg);stroke-width:3px}
text.mark{text-anchor:middle;fill:#fff;font-weight:600;paint-order:stroke;stroke:#0009;stroke-width:2.5px}
rect.band{fill:none}rect.odd{fill:var(--band)}line.grid{stroke:var(--line)}line.axis{stroke:var(--soft)}
line.boundary{stroke:var(--soft);stroke-dasharray:2 3}line.level{stroke:var(--fg);stroke-dasharray:6 4}
path.curve{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
path.raw{color:var(--raw);stroke-width:1}path.train{color:var(--ink)}path.planned{color:var(--ink);
stroke-dasharray:5 4;stroke-width:1.5;stroke-linecap:butt}path.area{fill:currentColor;opacity:.75}
circle{fill:currentColor;stroke:var(--bg);stroke-width:1}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-size:13px;color:var(--soft);font-weight:600}th:first-child,td:first-child{text-align:left;padding-left:0}
dl{margin:0;display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:0 32px}
@media(max-width:640px){dl{grid-template-columns:1fr}}
dl div{display:flex;gap:12px;padding:5px 0;border-bottom:1px solid var(--line)}dt{color:var(--soft);flex:0 0 120px}
dd{margin:0;overflow-wrap:anywhere}code{font-size:13px}
.bars{display:grid;grid-template-columns:max-content 1fr max-content;gap:4px 12px;align-items:center;font-size:13px;
font-variant-numeric:tabular-nums}.bars b{background:var(--band);border-radius:3px;height:12px}
.bars{margin-bottom:14px}.bars b{display:flex;overflow:hidden}.bars i{display:block;height:12px;background:var(--k0)}
.bars i.part{background:currentColor}i.part+i.part{box-shadow:-1px 0 0 var(--bg)}.mix{white-space:normal;text-align:left;min-width:300px}
.words{white-space:normal;text-align:left;min-width:200px}
.share{display:inline-block;margin-right:10px;white-space:nowrap}h1.run{margin-top:40px;border-top:1px solid var(--line);
padding-top:20px}.swatch.area{margin-right:5px}.s1{filter:brightness(1.45) saturate(.75)}
.s2{filter:brightness(.62)}.bars span:last-child,.bars b+span{text-align:right}
ul{margin:0;padding-left:20px}
@media print{body{font-size:11px}figure{break-inside:avoid}}
";
