//! Tokens a second of generation, one text at a time, with the step as one graph and launch by launch.

use super::shapes::{Batch, model};
use super::train::copy_bandwidth;
use super::{failed, for_one_text, on_gpu};
use crate::cli::GpuDecodeArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use smolc_engine::{CudaDecoder, SamplingSettings, Stepping};
use smolc_plan::{Model, Precision};
use std::time::Instant;

/// What the shapes are measured with: every filter at work, as people sample.
const SETTINGS: SamplingSettings =
    SamplingSettings { temperature: 0.8, top_p: 0.95, min_p: 0.01, top_k: 50, seed: 1, counter: 0 };

/// Bytes that a token behind `length` others must read: every weight of a product and of a norm once, a row of the
/// embedding, and the keys and values of the whole text.
fn bytes_per_token(model: &Model, precision: Precision, length: u64) -> u64 {
    let (d, h) = (model.hidden, model.head_dim);
    let qkv = (model.heads + 2 * model.kv_heads) * h;
    let layer = d * qkv + model.heads * h * d + 3 * d * model.ffn + 2 * d;
    let weights = model.layers * layer + model.vocab * d + 2 * d;
    let cache = 2 * model.layers * length * model.kv_heads * h;
    let each = if precision == Precision::Bf16 { 2 } else { 4 };
    each * (weights + cache)
}

/// Seconds to the first token of a continuation, and of one of the others; the tokens.
struct Run {
    first: f64,
    each: f64,
    tokens: Vec<u32>,
}

fn run(decoder: &mut CudaDecoder<'_>, prompt: &[u32], tokens: usize) -> Result<Run, Failure> {
    let mut drawn = Vec::with_capacity(tokens);
    let begin = Instant::now();
    decoder.begin(prompt, &SETTINGS, tokens).map_err(|e| failed(&e))?;
    let mut first = 0.0;
    while drawn.len() < tokens {
        let token = decoder.token().map_err(|e| failed(&e))?;
        drawn.push(token.ok_or_else(|| Failure::environment("a logit is not finite"))?);
        if drawn.len() == 1 {
            first = begin.elapsed().as_secs_f64();
        }
    }
    let each = (begin.elapsed().as_secs_f64() - first) / (tokens - 1) as f64;
    Ok(Run { first, each, tokens: drawn })
}

pub fn execute(args: &GpuDecodeArgs, console: &Console) -> Result<Exit, Failure> {
    let Some(model) = model(&args.model) else {
        return Err(Failure::usage(format!(
            "no model `{}`; there are 135m, 360m, 1.7b, tiny-gqa3, …",
            args.model
        )));
    };
    let precision = Precision::from(args.precision);
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let longest = args.prompts.iter().max().copied().unwrap_or(0) + args.tokens;
    if args.prompts.contains(&0) || args.tokens < 2 || longest > model.context {
        let context = model.context;
        return Err(Failure::usage(format!(
            "prompts of {:?} and {} tokens; a prompt has at least one token, two at least are drawn, and all fit into the \
             context of {context}",
            args.prompts, args.tokens
        )));
    }
    let mut csv = String::from(
        "system,model,precision,prompt,tokens,step,launches,first_token_s,ms_per_token,tokens_per_s,bytes_per_token,share_of_copy\n",
    );
    console.out.print(&csv)?;
    let (program, parameters) = for_one_text(&model, longest, precision)?;
    let mut gpu = on_gpu(&model, &program, &parameters)?;
    gpu.initialize(1).map_err(|e| failed(&e))?;
    let copy = copy_bandwidth(gpu.backend_mut())?;
    let mut different = 0;
    for prompt in &args.prompts {
        let batch = Batch::new(1, model.vocab, 1, size(*prompt), false);
        let text = batch.micro().tokens;
        // As `smolc generate` makes it: as long as it must be.
        let context = size(prompt + args.tokens);
        let mut tokens: Option<Vec<u32>> = None;
        for graph in [true, false] {
            let stepping = Stepping { graph, ahead: true };
            let mut decoder =
                CudaDecoder::new(&mut gpu, &program, &model, context, stepping).map_err(|e| failed(&e))?;
            // The first run plans the prompt's products and warms up.
            let mut best = run(&mut decoder, text, size(args.tokens))?;
            for _ in 0..args.repeats {
                let next = run(&mut decoder, text, size(args.tokens))?;
                different += usize::from(next.tokens != best.tokens);
                best.first = best.first.min(next.first);
                best.each = best.each.min(next.each);
            }
            different += usize::from(tokens.as_ref().is_some_and(|t| *t != best.tokens));
            // On average half of the continuation stands before a token.
            let bytes = bytes_per_token(&model, precision, prompt + args.tokens / 2);
            let line = format!(
                "smolc,{},{},{prompt},{},{},{},{:.6},{:.5},{:.1},{bytes},{:.4}\n",
                args.model,
                precision.name(),
                args.tokens,
                if graph { "graph" } else { "launches" },
                if graph { 1 } else { decoder.launches() },
                best.first,
                best.each * 1e3,
                1.0 / best.each,
                bytes as f64 / best.each / 1e9 / copy,
            );
            tokens.get_or_insert(best.tokens);
            console.out.print(&line)?;
            csv.push_str(&line);
        }
    }
    if let Some(path) = &args.out {
        std::fs::write(path, csv).map_err(|e| Failure::environment(format!("{}: {e}", path.display())))?;
    }
    if different > 0 {
        console
            .out
            .line(&format!("FAILED: {different} continuations differ from the first of their prompt"))?;
        return Ok(Exit::Numerics);
    }
    Ok(Exit::Done)
}
