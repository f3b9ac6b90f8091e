//! The machine a run is meant for.

use crate::eval::Eval;
use crate::value::{Object, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_plan::{Device, Precision, Recompute, Target};

/// A target and the places of its fields; `None` after a report.
pub(super) fn target(
    eval: &mut Eval<'_>,
    block: &Object,
    name: &str,
) -> Option<(Target, Vec<(String, Span)>)> {
    if block.fields.values().any(|f| f.node.is_error()) {
        return None;
    }
    let device = block.object("device")?;
    let device = Device {
        name: device.text("name")?.to_string(),
        memory: device.u64("memory")?,
        bandwidth: device.f64("bandwidth")?,
        peak: device.f64("peak")?,
    };
    let part = |field: &str| block.u64(field).unwrap_or(1);
    for field in ["count", "data_parallel", "tensor_parallel", "pipeline_parallel"] {
        if block.u64(field) == Some(0) {
            let d = Diagnostic::error("smol::target::shape", block.at(field), format!("`{field}` is zero"))
                .help("one device is the least");
            eval.diagnostics.push(d);
            return None;
        }
    }
    let (tensor, pipeline) = (part("tensor_parallel"), part("pipeline_parallel"));
    let sharing = tensor.checked_mul(pipeline)?;
    let (count, data) = match (block.u64("count"), block.u64("data_parallel")) {
        (Some(count), Some(data)) => (count, data),
        (Some(count), None) if count.is_multiple_of(sharing) => (count, count / sharing),
        (Some(count), None) => {
            let d = Diagnostic::error(
                "smol::target::shape",
                block.at("count"),
                format!("{count} devices do not divide into groups of {sharing}"),
            )
            .label(format!("{tensor} tensor-parallel · {pipeline} pipeline-parallel = {sharing}"))
            .help(format!("`count` is a multiple of {sharing}"));
            eval.diagnostics.push(d);
            return None;
        }
        (None, data) => {
            let data = data.unwrap_or(1);
            (data.checked_mul(sharing)?, data)
        }
    };
    if data.checked_mul(sharing) != Some(count) {
        let d = Diagnostic::error(
            "smol::target::shape",
            block.at("count"),
            format!("{data} replicas of {sharing} devices are {}, not {count}", data.saturating_mul(sharing)),
        )
        .help("`count` = `data_parallel` · `tensor_parallel` · `pipeline_parallel`; leave one of them out");
        eval.diagnostics.push(d);
        return None;
    }
    let zero = block.u64("zero").unwrap_or(0);
    if zero > 3 {
        let d = Diagnostic::error(
            "smol::target::shape",
            block.at("zero"),
            format!("there is no ZeRO stage {zero}"),
        )
        .help("0 divides nothing, 1 the optimizer state, 2 gradients too, 3 weights too");
        eval.diagnostics.push(d);
        return None;
    }
    let precision = if block.text("precision") == Some("f32") { Precision::F32 } else { Precision::Bf16 };
    let head_chunk = block.u64("head_chunk").unwrap_or(precision.head_chunk());
    if head_chunk == 0 {
        let d = Diagnostic::error(
            "smol::target::shape",
            block.at("head_chunk"),
            "the head takes at least one token at a time",
        )
        .help(format!("leave it out for {} tokens", precision.head_chunk()));
        eval.diagnostics.push(d);
        return None;
    }
    let utilization = match block.get("utilization").map(|n| &n.value) {
        Some(Value::Number(n, _)) => n.to_f64(),
        _ => 0.4,
    };
    if utilization <= 0.0 || utilization > 1.0 {
        let d = Diagnostic::error(
            "smol::target::shape",
            block.at("utilization"),
            "a share of the peak lies above 0% and is at most 100%",
        );
        eval.diagnostics.push(d);
        return None;
    }
    let target = Target {
        name: name.to_string(),
        device,
        count,
        data_parallel: data,
        tensor_parallel: tensor,
        pipeline_parallel: pipeline,
        zero,
        precision,
        recompute: Recompute::ALL
            .into_iter()
            .find(|level| block.text("recompute") == Some(level.name()))
            .unwrap_or_default(),
        head_chunk,
        utilization,
        price: block.f64("price"),
    };
    Some((target, block.fields.iter().map(|(k, f)| (k.clone(), f.node.span)).collect()))
}
