//! AdamW in f64 from the gradients that the GPU has just computed: what its optimizer must do with them, whatever their own
//! error. (Adam divides a gradient by its own size, so that two runs whose gradients differ by rounding take opposite
//! steps where a gradient is nearly zero; their parameters cannot be compared one by one.)

use super::{failed, relative};
use crate::failure::Failure;
use smolc_engine::{Cuda, Engine};
use smolc_plan::{AdamW, Parameter};

/// One parameter tensor and its moments.
struct State {
    value: Vec<f64>,
    m: Vec<f64>,
    v: Vec<f64>,
}

/// The optimizer's state as f64 arithmetic has it.
pub struct Reference<'a> {
    parameters: &'a [Parameter],
    states: Vec<State>,
}

impl<'a> Reference<'a> {
    /// Starts at the GPU's parameters, moments zero.
    pub fn new(gpu: &Engine<Cuda>, parameters: &'a [Parameter]) -> Result<Reference<'a>, Failure> {
        let mut states = Vec::new();
        for p in parameters {
            let value: Vec<f64> = doubles(gpu.read_parameter(&p.name).map_err(|e| failed(&e))?);
            let n = value.len();
            states.push(State { value, m: vec![0.0; n], v: vec![0.0; n] });
        }
        Ok(Reference { parameters, states })
    }

    /// Step number `step`, from 1, from the gradients that lie on the GPU (kernels/cpu/src/adamw.rs has the formula).
    pub fn update(&mut self, gpu: &Engine<Cuda>, o: &AdamW, lr: f64, step: i32) -> Result<(), Failure> {
        let mut gradients = Vec::new();
        for p in self.parameters {
            gradients.push(doubles(gpu.read_gradient(&p.name).map_err(|e| failed(&e))?));
        }
        let norm = gradients.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
        let scale = o.clip.map_or(1.0, |clip| (clip / (norm + 1e-6)).min(1.0));
        let (bias1, bias2) = (1.0 - o.beta1.powi(step), 1.0 - o.beta2.powi(step));
        for ((p, state), gradient) in self.parameters.iter().zip(&mut self.states).zip(gradients) {
            let keep = if p.decay { 1.0 - lr * o.weight_decay } else { 1.0 };
            let moments = state.m.iter_mut().zip(&mut state.v);
            for ((value, (m, v)), g) in state.value.iter_mut().zip(moments).zip(gradient) {
                let g = g * scale;
                *m += (1.0 - o.beta1) * (g - *m);
                *v = o.beta2 * *v + (1.0 - o.beta2) * g * g;
                *value = *value * keep - lr / bias1 * *m / ((*v / bias2).sqrt() + o.eps);
            }
        }
        Ok(())
    }

    /// The largest relative L2 distance of a parameter tensor on the GPU from this one.
    pub fn worst(&self, gpu: &Engine<Cuda>) -> Result<f64, Failure> {
        let mut worst = 0f64;
        for (p, state) in self.parameters.iter().zip(&self.states) {
            let ours = gpu.read_parameter(&p.name).map_err(|e| failed(&e))?;
            let theirs: Vec<f32> = state.value.iter().map(|v| *v as f32).collect();
            worst = worst.max(relative(&ours, &theirs));
        }
        Ok(worst)
    }
}

fn doubles(values: Vec<f32>) -> Vec<f64> {
    values.into_iter().map(f64::from).collect()
}
