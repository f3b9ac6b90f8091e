//! Learning the weights.

use super::Linear;
use super::features::{Feature, features, total};
use super::quality::{Quality, quality};
use crate::progress::Progress;
use crate::source::is_validation;
use rayon::prelude::*;
use smolc_plan::Classifier;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Documents held out, per million.
const HELD_OUT: u32 = 100_000;

/// Share of its error that a document is moved by at first.
const RATE: f64 = 0.5;

/// Documents scored between two looks at the progress.
const TOLD: usize = 256;

/// Labelled documents as features, each distinct sequence 8 bytes.
pub(crate) struct Examples {
    ngrams: usize,
    buckets: usize,
    features: Vec<Feature>,
    /// Where the features of an example end, its label, and whether it is held out.
    each: Vec<(usize, f64, bool)>,
}

/// What was learned, and from how much.
pub(crate) struct Learned {
    pub(crate) model: Linear,
    /// Documents that the weights were learned from.
    pub(crate) documents: u64,
    /// Documents held out.
    pub(crate) held_out: u64,
    /// `None` where no document was held out.
    pub(crate) quality: Option<Quality>,
}

impl Examples {
    pub(crate) fn new(planned: &Classifier) -> Examples {
        Examples {
            ngrams: usize::try_from(planned.ngrams).unwrap_or(usize::MAX),
            buckets: usize::try_from(planned.buckets).unwrap_or(usize::MAX),
            features: Vec::new(),
            each: Vec::new(),
        }
    }

    /// What makes the features of a text, for [`Examples::add`]; may run anywhere.
    pub(crate) fn read(&self) -> impl Fn(&str) -> Read + Sync + use<> {
        let (ngrams, buckets) = (self.ngrams, self.buckets);
        move |text| Read(features(text, ngrams, buckets))
    }

    /// One more document: copies of a text, by its hash, are all held out or none is.
    pub(crate) fn add(&mut self, read: Read, label: f64, hash: u64) {
        self.features.extend(read.0);
        self.each.push((self.features.len(), label, is_validation(hash, HELD_OUT)));
    }

    fn example(&self, index: usize) -> Option<(&[Feature], f64)> {
        let (end, label, _) = *self.each.get(index)?;
        let begin = index.checked_sub(1).map_or(Some(0), |before| Some(self.each.get(before)?.0))?;
        Some((self.features.get(begin..end)?, label))
    }

    fn indices(&self, held_out: bool) -> Vec<usize> {
        let each = self.each.iter().enumerate();
        each.filter(|(_, (_, _, held))| *held == held_out).map(|(index, _)| index).collect()
    }
}

/// The features of a text.
pub(crate) struct Read(Vec<Feature>);

/// Learns from the examples that are not held out; in words why nothing can be learned.
pub(crate) fn train(
    planned: &Classifier,
    examples: &Examples,
    progress: &dyn Progress,
) -> Result<Learned, String> {
    let learned = examples.indices(false);
    let held = examples.indices(true);
    let labels: Vec<f64> = examples.each.iter().map(|(_, label, _)| *label).collect();
    let of = |index: &usize| labels.get(*index).copied().unwrap_or(0.0);
    let Some(first) = learned.first().map(of) else {
        return Err(match held.len() {
            0 => "no document has a label".into(),
            n => format!("its {n} documents with a label are all held out; give it more"),
        });
    };
    if learned.iter().all(|index| of(index) == first) {
        return Err(format!(
            "every one of {} documents has the label {first}, so there is nothing to tell apart",
            learned.len()
        ));
    }
    let mean = learned.iter().map(of).sum::<f64>() / learned.len() as f64;
    let weights = vec![0f32; examples.buckets];
    let Some(mut model) = Linear::new(planned, mean, weights) else {
        return Err(format!("{} features are too many", planned.buckets));
    };
    let total_steps = planned.epochs.saturating_mul(learned.len() as u64);
    progress.begin(&format!("train {}", planned.name), Some(total_steps), "documents");
    let mut done = 0u64;
    for epoch in 0..planned.epochs {
        let mut order: Vec<(u64, usize)> =
            learned.iter().map(|&i| (key(planned.seed, epoch, i), i)).collect();
        order.sort_unstable();
        for part in order.chunks(TOLD) {
            for (_, index) in part {
                if let Some((features, label)) = examples.example(*index) {
                    let rate = RATE * (1.0 - done as f64 / total_steps as f64);
                    model.step(features, label, rate);
                }
                done += 1;
            }
            progress.advance(part.len() as u64);
        }
    }
    progress.end();
    let score = |index: &usize| {
        let (features, label) = examples.example(*index).unwrap_or((&[], 0.0));
        (label, model.of(features))
    };
    let pairs: Vec<(f64, f64)> = held.par_iter().map(score).collect();
    let quality = quality(&pairs, mean, &labels);
    Ok(Learned { documents: learned.len() as u64, held_out: held.len() as u64, quality, model })
}

impl Linear {
    /// Moves the score of a document towards its label.
    fn step(&mut self, features: &[Feature], label: f64, rate: f64) {
        let m = total(features);
        let by = rate * (label - self.of(features));
        for feature in features {
            if let Some(weight) = self.weights.get_mut(feature.bucket as usize) {
                *weight = (f64::from(*weight) + by * feature.value(m)) as f32;
            }
        }
    }
}

/// Number that decides when an example's turn is.
fn key(seed: u64, epoch: u64, index: usize) -> u64 {
    let mut bytes = [0u8; 16];
    let (first, second) = bytes.split_at_mut(8);
    first.copy_from_slice(&epoch.to_le_bytes());
    second.copy_from_slice(&(index as u64).to_le_bytes());
    xxh3_64_with_seed(&bytes, seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use xxhash_rust::xxh3::xxh3_64;

    fn planned() -> Classifier {
        Classifier {
            name: "good".into(),
            train: 0,
            text: "text".into(),
            label: "score".into(),
            ngrams: 2,
            buckets: 1 << 16,
            epochs: 5,
            seed: 7,
        }
    }

    fn examples(planned: &Classifier, all: &[(String, f64)]) -> Examples {
        let mut examples = Examples::new(planned);
        let read = examples.read();
        for (text, label) in all {
            examples.add(read(text), *label, xxh3_64(text.as_bytes()));
        }
        examples
    }

    /// Labels 0 to 3 that are how many of the words `proof`, `lemma` and `theorem` a text of many others has.
    fn corpus(n: u64) -> Vec<(String, f64)> {
        let of = |i: u64| {
            let number = |j: u64| xxh3_64_with_seed(&j.to_le_bytes(), i);
            let mut words: Vec<String> = (0..20).map(|j| format!("word{}", number(j) % 300)).collect();
            let mut label = 0.0;
            for (bit, word) in ["proof", "lemma", "theorem"].into_iter().enumerate() {
                if number(99) >> bit & 1 == 1 {
                    words.insert(number(100 + bit as u64) as usize % words.len(), word.into());
                    label += 1.0;
                }
            }
            (words.join(" "), label)
        };
        (0..n).map(of).collect()
    }

    #[test]
    fn a_step_follows_the_gradient() {
        let planned = planned();
        let mut model = Linear::new(&planned, 1.0, vec![0.0; 1 << 16]).unwrap();
        let found = features("a b a", 2, 1 << 16);
        // The error of its document shrinks by the rate, because the features have norm 1.
        for _ in 0..3 {
            let before = 5.0 - model.of(&found);
            model.step(&found, 5.0, 0.5);
            let after = 5.0 - model.of(&found);
            assert!((after - 0.5 * before).abs() < 1e-5, "{before} {after}");
        }
        // The squared error, differentiated by finite differences, is what the step moves along.
        let mut model = Linear::new(&planned, 1.0, vec![0.25; 1 << 16]).unwrap();
        let loss = |model: &Linear| 0.5 * (5.0 - model.of(&found)).powi(2);
        let rate = 1e-3;
        let slopes: Vec<f64> = found
            .iter()
            .map(|f| {
                let mut moved = model.clone();
                moved.weights[f.bucket as usize] += 0.125;
                let mut back = model.clone();
                back.weights[f.bucket as usize] -= 0.125;
                (loss(&moved) - loss(&back)) / 0.25
            })
            .collect();
        let before = model.weights.clone();
        model.step(&found, 5.0, rate);
        for (f, slope) in found.iter().zip(slopes) {
            let by = f64::from(model.weights[f.bucket as usize]) - f64::from(before[f.bucket as usize]);
            assert!((by + rate * slope).abs() < 1e-6, "{by} {slope}");
        }
    }

    #[test]
    fn what_can_be_told_is_learned() {
        let planned = planned();
        let learned = train(&planned, &examples(&planned, &corpus(4000)), &Silent).ok().unwrap();
        assert_eq!(learned.documents + learned.held_out, 4000);
        assert!((300..500).contains(&learned.held_out), "{}", learned.held_out);
        let quality = learned.quality.unwrap();
        assert!((quality.rmse_of_mean - 0.75f64.sqrt()).abs() < 0.1, "{quality:?}");
        assert!(quality.rmse < 0.5 * quality.rmse_of_mean, "{quality:?}");
        let classes = quality.classes.unwrap();
        assert_eq!(classes.labels, [0, 1, 2, 3]);
        assert!(classes.accuracy > 0.8 && classes.macro_f1 > 0.7, "{classes:?}");
        assert_eq!(classes.confusion.iter().flatten().sum::<u64>(), learned.held_out);
        assert!(
            learned.model.score("a proof of the lemma and theorem") > learned.model.score("some other words")
        );
    }

    #[test]
    fn the_bits_do_not_depend_on_threads_and_do_on_the_seed() {
        let weights = |threads: usize, seed: u64| {
            let planned = Classifier { seed, ..planned() };
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let learned = train(&planned, &examples(&planned, &corpus(500)), &Silent).ok().unwrap();
                let bits: Vec<u32> = learned.model.weights.iter().map(|w| w.to_bits()).collect();
                (bits, learned.quality)
            })
        };
        let one = weights(1, 7);
        assert!(weights(3, 7) == one);
        assert!(weights(1, 8).0 != one.0);
    }

    #[test]
    fn nothing_to_learn_from_is_said() {
        let planned = planned();
        let reason =
            |all: &[(String, f64)]| train(&planned, &examples(&planned, all), &Silent).err().unwrap();
        assert!(reason(&[]).contains("no document has a label"));
        let same: Vec<(String, f64)> = corpus(50).into_iter().map(|(text, _)| (text, 3.0)).collect();
        assert!(reason(&same).contains("has the label 3"), "{}", reason(&same));
    }
}
