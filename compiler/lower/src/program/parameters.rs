//! Weights: what the program calls them, and what Hugging Face calls them.

use super::dimensions::Dimensions;
use super::table::Table;
use super::{Decay, ProgramError};
use smolc_plan::program::Dtype;
use smolc_plan::{Model, Parameter, Precision, Space, TensorId};

/// The weights of the program, or their gradients: the same fields in the same order.
pub(super) struct Weights {
    pub embed: TensorId,
    pub norm1: TensorId,
    pub qkv: TensorId,
    pub qkv_bias: Option<TensorId>,
    pub o: TensorId,
    pub norm2: TensorId,
    pub gate_up: TensorId,
    pub down: TensorId,
    pub norm: TensorId,
    /// The embedding itself when it is tied.
    pub head: TensorId,
}

/// Declares the weights. q, k and v are rows of one tensor, and so are gate and up: one product instead of three or two.
pub(super) fn declare(table: &mut Table, model: &Model, dims: &Dimensions) -> Result<Weights, ProgramError> {
    let mut add =
        |name: &str, shape: &[u64], slots| table.add(name, shape, Dtype::F32, Space::Parameter, slots);
    let (d, n) = (dims.hidden, model.layers);
    let embed = add("embed.weight", &[dims.vocab, d], 1)?;
    Ok(Weights {
        embed,
        norm1: add("norm1.weight", &[d], n)?,
        qkv: add("qkv.weight", &[dims.qkv, d], n)?,
        qkv_bias: if dims.bias { Some(add("qkv.bias", &[dims.qkv], n)?) } else { None },
        o: add("o.weight", &[d, dims.q], n)?,
        norm2: add("norm2.weight", &[d], n)?,
        gate_up: add("gate_up.weight", &[dims.gate_up, d], n)?,
        down: add("down.weight", &[d, dims.ffn], n)?,
        norm: add("norm.weight", &[d], 1)?,
        head: if dims.tied { embed } else { add("head.weight", &[dims.vocab, d], 1)? },
    })
}

/// What the products read: the weights themselves, or in bf16 their copies.
pub(super) fn read(table: &mut Table, w: &Weights) -> Result<Weights, ProgramError> {
    match table.precision() {
        Precision::F32 => w.each(&mut Ok),
        Precision::Bf16 => w.each(&mut |of| table.rounded(of)),
    }
}

/// Declares gradients and both Adam moments, each space in the order of the weights so that all have one layout.
pub(super) fn declare_training(table: &mut Table, w: &Weights) -> Result<Weights, ProgramError> {
    let grads = shadow(table, "grad.", w, Space::Gradient)?;
    shadow(table, "adam.m.", w, Space::Moment1)?;
    shadow(table, "adam.v.", w, Space::Moment2)?;
    Ok(grads)
}

fn shadow(table: &mut Table, prefix: &str, w: &Weights, space: Space) -> Result<Weights, ProgramError> {
    w.each(&mut |of| table.shadow(prefix, of, space))
}

impl Weights {
    /// Another set of the same fields; a tied head stays tied.
    fn each(
        &self,
        of: &mut dyn FnMut(TensorId) -> Result<TensorId, ProgramError>,
    ) -> Result<Weights, ProgramError> {
        let embed = of(self.embed)?;
        Ok(Weights {
            embed,
            norm1: of(self.norm1)?,
            qkv: of(self.qkv)?,
            qkv_bias: self.qkv_bias.map(&mut *of).transpose()?,
            o: of(self.o)?,
            norm2: of(self.norm2)?,
            gate_up: of(self.gate_up)?,
            down: of(self.down)?,
            norm: of(self.norm)?,
            head: if self.head == self.embed { embed } else { of(self.head)? },
        })
    }
}

/// How a parameter begins.
#[derive(Clone, Copy)]
enum Start {
    Normal(f64),
    Value(f64),
}

/// The table of parameters under their names in `model.safetensors`, from the embedding to the head.
pub(super) fn table(w: &Weights, model: &Model, dims: &Dimensions, decay: Decay) -> Vec<Parameter> {
    let mut all = Vec::new();
    let mut add = |name: String,
                   tensor: TensorId,
                   layer: Option<u64>,
                   row: u64,
                   shape: &[u64],
                   start: Start| {
        let (init_std, init_value) = match start {
            Start::Normal(std) => (Some(std), 0.0),
            Start::Value(value) => (None, value),
        };
        let decay = match decay {
            Decay::All => true,
            Decay::Matrices => shape.len() > 1,
            Decay::NoEmbedding => tensor != w.embed,
        };
        all.push(Parameter { name, shape: shape.to_vec(), tensor, layer, row, init_std, init_value, decay });
    };
    let std = Start::Normal(model.init.std);
    // Two projections a layer write into the residual stream; smaller ones keep its variance from growing with depth.
    let residual = Start::Normal(model.init.std / (2.0 * model.layers as f64).sqrt());
    let (d, f, one, zero) = (dims.hidden, dims.ffn, Start::Value(1.0), Start::Value(0.0));
    add("model.embed_tokens.weight".into(), w.embed, None, 0, &[dims.vocab, d], std);
    for i in 0..model.layers {
        let mut layer = |name: &str, tensor, row, shape: &[u64], start| {
            add(format!("model.layers.{i}.{name}"), tensor, Some(i), row, shape, start);
        };
        layer("input_layernorm.weight", w.norm1, 0, &[d], one);
        let rows = [("q", 0, dims.q), ("k", dims.q, dims.kv), ("v", dims.q + dims.kv, dims.kv)];
        for (part, row, n) in rows {
            layer(&format!("self_attn.{part}_proj.weight"), w.qkv, row, &[n, d], std);
            if let Some(bias) = w.qkv_bias {
                layer(&format!("self_attn.{part}_proj.bias"), bias, row, &[n], zero);
            }
        }
        layer("self_attn.o_proj.weight", w.o, 0, &[d, dims.q], residual);
        layer("post_attention_layernorm.weight", w.norm2, 0, &[d], one);
        layer("mlp.gate_proj.weight", w.gate_up, 0, &[f, d], std);
        layer("mlp.up_proj.weight", w.gate_up, f, &[f, d], std);
        layer("mlp.down_proj.weight", w.down, 0, &[d, f], residual);
    }
    add("model.norm.weight".into(), w.norm, None, 0, &[d], one);
    if w.head != w.embed {
        add("lm_head.weight".into(), w.head, None, 0, &[dims.vocab, d], std);
    }
    all
}
