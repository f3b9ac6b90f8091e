//! The machine a run is meant for, and how its work is divided.

use crate::program::Precision;
use serde::{Deserialize, Serialize};

/// A kind of device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// What it is called.
    pub name: String,
    /// Memory, bytes.
    pub memory: u64,
    /// Memory bandwidth, bytes a second.
    pub bandwidth: f64,
    /// Dense matrix products in the target's precision, FLOP a second.
    pub peak: f64,
}

/// What of the activations is kept for the backward pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recompute {
    /// All of it.
    #[default]
    None,
    /// What matrix products and attention made; the outputs of norms and of SwiGLU, which cost bandwidth only, are computed
    /// again.
    Elementwise,
    /// The input of each layer; the rest is computed again (Chen et al., Training Deep Nets with Sublinear Memory Cost,
    /// 2016).
    Layers,
}

impl Recompute {
    /// Every level, from the least computation to the least memory.
    pub const ALL: [Recompute; 3] = [Recompute::None, Recompute::Elementwise, Recompute::Layers];

    /// As a spec writes it.
    pub fn name(self) -> &'static str {
        match self {
            Recompute::None => "none",
            Recompute::Elementwise => "elementwise",
            Recompute::Layers => "layers",
        }
    }
}

/// Devices and the division of work among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name in the spec.
    pub name: String,
    /// The device.
    pub device: Device,
    /// How many of them.
    pub count: u64,
    /// Replicas that each take a part of the batch.
    pub data_parallel: u64,
    /// Devices that share every layer.
    pub tensor_parallel: u64,
    /// Groups of layers.
    pub pipeline_parallel: u64,
    /// What the replicas divide among them (ZeRO): 0 nothing, 1 optimizer state, 2 and gradients, 3 and weights.
    pub zero: u64,
    /// Precision.
    pub precision: Precision,
    /// Recomputation.
    pub recompute: Recompute,
    /// Tokens whose logits exist at one time, at most.
    pub head_chunk: u64,
    /// Share of the peak that training is assumed to reach, for times and costs.
    pub utilization: f64,
    /// Price of a device for an hour, in whatever currency the spec's author thinks in; for costs.
    pub price: Option<f64>,
}
