//! `smolc generate`: a prompt continued, token by token, on standard output.

use crate::cli::{DeviceChoice, GenerateArgs, PrecisionChoice};
use crate::device::{self, Chosen};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::Folder;
use crate::output::{Console, Style, number};
use crate::threads;
use smolc_data::Tokenizer;
use smolc_engine::hf::Special;
use smolc_engine::{Cuda, CudaDecoder, Stepping};
use smolc_eval::{Decoder, EvalError, Reader, Sampling, Stop, TextStream, Weights, generate};
use std::io;
use std::ops::ControlFlow;
use std::time::Instant;

/// Prints the prompt and its continuation; on a terminal, a line about it to standard error.
pub fn execute(args: &GenerateArgs, console: &Console) -> Result<Exit, Failure> {
    let sampling = Sampling {
        temperature: args.temperature,
        top_k: args.top_k.map(std::num::NonZeroUsize::get),
        top_p: args.top_p.unwrap_or(1.0),
        min_p: args.min_p.unwrap_or(0.0),
        seed: args.seed,
    };
    sampling.verify().map_err(|e| Failure::usage(e.to_string()))?;
    let threads = threads::count(args.threads);
    let folder = Folder::open(&args.model)?;
    let mut prompt = folder.tokenizer.encode(&args.prompt).map_err(|e| Failure::of(Exit::Environment, &e))?;
    if prompt.is_empty() {
        // A text begins where another has ended.
        prompt.extend(folder.special.bos.or(folder.special.eos.first().copied()));
    }
    let context = usize::try_from(folder.context()).unwrap_or(usize::MAX);
    // A long context would cost memory for a cache that is never filled.
    let wanted = prompt.len().saturating_add(usize::try_from(args.max_tokens).unwrap_or(usize::MAX));
    let held = context.min(wanted).max(1);
    if prompt.len() > context {
        return Err(failure(EvalError::PromptTooLong { tokens: prompt.len(), context }));
    }
    let choice = device::choose(args.device)?;
    let precision = device::precision(args.precision, folder.precision, &choice)?;
    if let Chosen::Cuda(_) = choice.device {
        if console.err.terminal {
            console.err.line(&format!("{}, in {}", choice.why, precision.name()))?;
        }
        let open = |bytes| Cuda::open(&device::search(), &device::cache(), bytes, threads);
        let why = match folder.load_on(1, held as u64, precision, open) {
            Ok(mut l) => {
                match CudaDecoder::new(&mut l.engine, &l.program, &l.model, held, Stepping::default()) {
                    Ok(mut decoder) => {
                        let (tokenizer, special) = (&l.tokenizer, &l.special);
                        return continue_text(
                            &mut decoder,
                            &prompt,
                            &sampling,
                            tokenizer,
                            special,
                            args,
                            console,
                        );
                    }
                    Err(e) => Failure::of(Exit::Environment, &e),
                }
            }
            Err(why) => why,
        };
        if args.device != DeviceChoice::Auto || args.precision == Some(PrecisionChoice::Bf16) {
            return Err(device::in_f32(why, precision));
        }
        console.err.line(&device::instead(&why))?;
    }
    let loaded = Folder::open(&args.model)?.load(1, 1, threads)?;
    let weights = Weights::of(&loaded.engine, &loaded.program).map_err(failure)?;
    let mut decoder = Decoder::new(weights, &loaded.model, held, threads).map_err(failure)?;
    continue_text(&mut decoder, &prompt, &sampling, &loaded.tokenizer, &loaded.special, args, console)
}

/// Prints the prompt and what follows it, as it comes.
fn continue_text(
    decoder: &mut impl Reader,
    prompt: &[u32],
    sampling: &Sampling,
    tokenizer: &Tokenizer,
    special: &Special,
    args: &GenerateArgs,
    console: &Console,
) -> Result<Exit, Failure> {
    let out = &console.out;
    out.print(&out.style(Style::Dim, &args.prompt))?;
    let mut stream = TextStream::after(prompt);
    let decode = |ids: &[u32]| tokenizer.decode(ids);
    // A callback cannot fail, so the first failure is kept and ends the generation.
    let mut trouble: Option<Failure> = None;
    let began = Instant::now();
    let max_tokens = usize::try_from(args.max_tokens).unwrap_or(usize::MAX);
    let generated = generate(decoder, prompt, sampling, max_tokens, &special.eos, &mut |token| {
        let shown = stream
            .push(token, decode)
            .map_err(|e| Failure::of(Exit::Environment, &e))
            .and_then(|text| out.print(&text).map_err(Failure::from));
        match shown {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                trouble = Some(failure);
                ControlFlow::Break(())
            }
        }
    })
    .map_err(failure)?;
    if let Some(failure) = trouble {
        return Err(failure);
    }
    let rest = stream.finish(decode).map_err(|e| Failure::of(Exit::Environment, &e))?;
    out.print(&format!("{rest}\n"))?;
    if console.err.terminal && out.terminal {
        let why = match generated.stop {
            Stop::EndOfText => "the model ended the text",
            Stop::MaxTokens => "--max-tokens reached",
            Stop::Context => "the context is full",
            Stop::Caller => "stopped",
        };
        let speed = generated.tokens.len() as f64 / began.elapsed().as_secs_f64().max(1e-9);
        let line = format!(
            "{}, {speed:.0} tokens/s; {why}",
            number::count(generated.tokens.len() as u64, "token", "tokens")
        );
        ignore_missing(console.err.line(&console.err.style(Style::Dim, &line)));
    }
    Ok(Exit::Done)
}

/// The remark is a courtesy: that nobody can read it is no failure.
fn ignore_missing(_: io::Result<()>) {}

/// Options are refused by the command line; what is left is about the model and its folder.
pub(super) fn failure(error: EvalError) -> Failure {
    Failure::of(Exit::Environment, &error)
}
