//! `smolc score`: how well a model predicts a text.

use super::generate::failure;
use crate::cli::{DeviceChoice, Format, PrecisionChoice, ScoreArgs};
use crate::device::{self, Chosen};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::Folder;
use crate::output::{Console, number};
use crate::threads;
use serde_json::json;
use smolc_plan::Precision;

/// Tokens scored in one batch, about: enough rows to keep the matrix products busy.
const BATCH_TOKENS: u64 = 2048;

/// Prints perplexity and bits per byte; as JSON, every token with its log-probability too.
pub fn execute(args: &ScoreArgs, console: &Console) -> Result<Exit, Failure> {
    let text = read(&args.text)?;
    let folder = Folder::open(&args.model)?;
    let tokens = folder.tokenizer.encode(&text).map_err(|e| Failure::of(Exit::Environment, &e))?;
    let predictions = (tokens.len() as u64).saturating_sub(1).max(1);
    let window = folder.context().min(predictions);
    let batch = (BATCH_TOKENS / window.max(1)).clamp(1, predictions.div_ceil(window.max(1)));
    let choice = device::choose(args.device)?;
    let precision = device::precision(args.precision, folder.precision, &choice)?;
    if choice.device != Chosen::Cpu {
        console.err.line(&format!("{}, in {}", choice.why, precision.name()))?;
    }
    let threads = threads::count(args.threads);
    let loaded = folder.load_on(batch, window, precision, device::backend(choice.device.clone(), threads));
    let mut loaded = match loaded {
        Err(why)
            if args.device == DeviceChoice::Auto
                && choice.device != Chosen::Cpu
                && args.precision != Some(PrecisionChoice::Bf16) =>
        {
            console.err.line(&device::instead(&why))?;
            let cpu = device::backend(Chosen::Cpu, threads);
            Folder::open(&args.model)?.load_on(batch, window, Precision::F32, cpu)?
        }
        loaded => loaded.map_err(|why| device::in_f32(why, precision))?,
    };
    let score = smolc_eval::score(&mut loaded.engine, &loaded.program, &tokens, text.len() as u64, None)
        .map_err(failure)?;
    let printed = match args.format {
        Format::Json => {
            let mut value = json!({
                "version": 1,
                "model": loaded.dir.display().to_string(),
                "text": args.text.display().to_string(),
            });
            let body = serde_json::to_value(&score)
                .map_err(|e| Failure::environment(format!("cannot write the score: {e}")))?;
            if let (Some(object), serde_json::Value::Object(body)) = (value.as_object_mut(), body) {
                object.extend(body);
            }
            format!("{value}\n")
        }
        Format::Text => format!(
            "perplexity      {:.4}\nbits per byte   {:.4}\nnats per token  {:.4}\ntokens          {} scored of {}, in \
             windows of {}\nbytes           {}\n",
            score.perplexity,
            score.bits_per_byte,
            score.nll / score.scored.max(1) as f64,
            number::thousands(score.scored as u64),
            number::thousands(score.tokens.len() as u64),
            number::thousands(score.window as u64),
            number::thousands(score.bytes),
        ),
    };
    console.out.print(&printed)?;
    Ok(Exit::Done)
}

/// The file's text; bytes that are not UTF-8 are named by offset.
fn read(path: &std::path::Path) -> Result<String, Failure> {
    let shown = path.display();
    let bytes =
        std::fs::read(path).map_err(|e| Failure::environment(format!("cannot read `{shown}`: {e}")))?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Failure::environment(format!("`{shown}`: the byte at offset {at} is not UTF-8"))
            .help("convert the file to UTF-8")
    })
}
