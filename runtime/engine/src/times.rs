//! Where the time of a step goes.

use std::time::Duration;

macro_rules! kinds {
    ($($variant:ident => $name:literal),* $(,)?) => {
        /// What time is counted under: the operators, and what the engine does around them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the operators are described in the plan
        pub enum Kind { $($variant),* }

        impl Kind {
            /// Every kind, in the order of [`Kind::index`].
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];

            /// The name in ledgers and reports.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name),* }
            }

            /// Place in [`Kind::ALL`].
            pub fn index(self) -> usize {
                self as usize
            }
        }
    };
}

kinds! {
    Zero => "zero",
    Embed => "embed",
    EmbedBackward => "embed_backward",
    RmsNorm => "rms_norm",
    RmsNormBackward => "rms_norm_backward",
    Linear => "linear",
    LinearBackward => "linear_backward",
    Rope => "rope",
    RopeBackward => "rope_backward",
    Attention => "attention",
    AttentionBackward => "attention_backward",
    Swiglu => "swiglu",
    SwigluBackward => "swiglu_backward",
    HeadCrossEntropy => "head_cross_entropy",
    Inputs => "inputs",
    GradNorm => "grad_norm",
    Adamw => "adamw",
}

/// Time spent so far, by kind.
pub(crate) struct Times(Vec<(&'static str, Duration)>);

impl Times {
    pub fn new() -> Times {
        Times(Kind::ALL.iter().map(|k| (k.name(), Duration::ZERO)).collect())
    }

    pub fn add(&mut self, kind: Kind, spent: Duration) {
        if let Some((_, total)) = self.0.get_mut(kind.index()) {
            *total += spent;
        }
    }

    pub fn reset(&mut self) {
        self.0.iter_mut().for_each(|(_, total)| *total = Duration::ZERO);
    }

    pub fn as_slice(&self) -> &[(&'static str, Duration)] {
        &self.0
    }
}
