//! Networks of any activations and any loss: the three evaluators and backpropagation agree.

use super::draw::{distance, Draw};
use crate::api::{gradient, loss, numerical_gradient};
use crate::finite_difference::{CentralDifference, Method};
use crate::network::activations::Activation;
use crate::network::losses::{Loss, Targets};
use crate::network::parameters::Parameters;
use crate::network::{Layer, Network};
use crate::numeric::matrix::Matrix;
use proptest::prelude::*;

/// The losses, each with the numbers of its formula.
const LOSSES: [(&str, &[f64]); 9] = [
    ("cross_entropy", &[1e-7]),
    ("cross_entropy", &[0.0]),
    ("squared_error", &[]),
    ("binary_cross_entropy", &[]),
    ("absolute_error", &[]),
    ("huber", &[0.7]),
    ("pinball", &[0.1]),
    ("pinball", &[0.9]),
    ("poisson", &[]),
];

const H: f64 = 1e-4;

/// A network and a batch.
#[derive(Debug, Clone)]
struct Setting {
    seed: u64,
    sizes: Vec<usize>,
    activations: Vec<Activation>,
    loss: usize,
    samples: usize,
    weight: f64,
    density: f64,
    with_labels: bool,
    is_weighted: bool,
}

struct Drawn {
    weights: Vec<Matrix<f64>>,
    biases: Vec<Vec<f64>>,
    x: Matrix<f64>,
    labels: Vec<i64>,
    rows: Matrix<f64>,
    sample_weights: Vec<f64>,
}

impl Setting {
    fn loss(&self) -> Loss {
        let (name, settings) = LOSSES[self.loss];
        Loss::from_name(name, settings).expect("it is one of the losses")
    }

    fn is_classifier(&self) -> bool {
        LOSSES[self.loss].0 == "cross_entropy"
    }

    fn draw(&self) -> Drawn {
        let mut draw = Draw(self.seed);
        let outputs = self.sizes[self.sizes.len() - 1];
        let pairs = self.sizes.windows(2);
        let weights = pairs.map(|pair| draw.matrix(pair[0], pair[1], self.weight, 1.0));
        let weights = weights.collect();
        let biases = self.sizes[1..].iter();
        let biases = biases.map(|&units| draw.matrix(1, units, self.weight, 1.0).into_data());
        let biases = biases.collect();
        let mut rows = draw.matrix(self.samples, outputs, 1.0, 0.8);
        if ["cross_entropy", "binary_cross_entropy", "poisson"].contains(&LOSSES[self.loss].0) {
            rows.data_mut().iter_mut().for_each(|t| *t = t.abs());
        }
        Drawn {
            weights,
            biases,
            x: draw.matrix(self.samples, self.sizes[0], 1.0, self.density),
            labels: (0..self.samples).map(|_| draw.label(outputs)).collect(),
            rows,
            sample_weights: (0..self.samples).map(|n| (n % 3) as f64).collect(),
        }
    }
}

impl Drawn {
    fn network(&self, setting: &Setting) -> Network<'_, f64> {
        let last = self.weights.len() - 1;
        let layers = self.weights.iter().zip(&self.biases).enumerate();
        let layers = layers.map(|(l, (weights, bias))| Layer {
            weights: weights.view(),
            bias: Some(bias.as_slice()),
            activation: if l == last {
                Activation::Identity
            } else {
                setting.activations[l]
            },
        });
        Network::new(layers.collect(), setting.loss()).expect("the sizes chain")
    }

    fn targets(&self, setting: &Setting) -> Targets<'_, f64> {
        let targets = if setting.with_labels && setting.is_classifier() {
            Targets::labels(&self.labels)
        } else {
            Targets::dense(self.rows.view())
        };
        // Some sample counts.
        let is_weighted = setting.is_weighted && setting.samples > 1;
        targets.weighted(is_weighted.then_some(&self.sample_weights[..]))
    }
}

fn apart(a: &Parameters<f64>, b: &Parameters<f64>) -> f64 {
    let pairs = a.slices().zip(b.slices());
    pairs.map(|(a, b)| distance(a, b)).fold(0.0, f64::max)
}

fn assert_agreement(setting: &Setting) {
    let drawn = setting.draw();
    let (network, targets) = (drawn.network(setting), drawn.targets(setting));
    let x = drawn.x.view();
    let by = |method| {
        let mut out = Parameters::filled(&network, f64::NAN);
        let difference = CentralDifference { h: H, method };
        numerical_gradient(
            &network,
            x,
            &targets,
            difference,
            || false,
            &mut out.as_mut(),
        )
        .expect("the sizes fit");
        out
    };
    // A quotient is rounded as the loss is, over twice the half-width.
    let mean = loss(&network, x, &targets).expect("the sizes fit");
    let scale = 1.0 + mean.abs();
    let direct = by(Method::Direct);
    for method in [Method::Incremental, Method::Node] {
        let error = apart(&direct, &by(method));
        assert!(
            error < 1e-9 * scale,
            "{method:?}: {error}, {mean}, {setting:?}"
        );
    }
    let has_kinks = ["absolute_error", "huber", "pinball"].contains(&LOSSES[setting.loss].0)
        || setting
            .activations
            .iter()
            .any(|a| !a.certificate().kinks.is_empty());
    if setting.weight < 1.0 && !has_kinks {
        let mut exact = Parameters::filled(&network, f64::NAN);
        gradient(&network, x, &targets, &mut exact.as_mut()).expect("the sizes fit");
        let error = apart(&direct, &exact);
        assert!(
            error < 1e-6 * scale,
            "backpropagation: {error}, {mean}, {setting:?}"
        );
    }
}

fn settings() -> impl Strategy<Value = Setting> {
    let sizes = prop::collection::vec(prop_oneof![1..6_usize, 7..12_usize], 2..=5);
    sizes.prop_flat_map(|sizes| {
        let hidden = sizes.len() - 2;
        let activations = prop::collection::vec(prop::sample::select(Activation::ALL), hidden);
        let weight = prop_oneof![Just(0.01), Just(0.5), Just(2.0)];
        let density = prop_oneof![Just(1.0), Just(0.3)];
        let flags = (any::<bool>(), any::<bool>());
        let numbers = (any::<u64>(), 0..LOSSES.len(), 1..6_usize);
        (Just(sizes), activations, numbers, weight, density, flags).prop_map(
            |(sizes, activations, (seed, loss, samples), weight, density, flags)| Setting {
                seed,
                sizes,
                activations,
                loss,
                samples,
                weight,
                density,
                with_labels: flags.0,
                is_weighted: flags.1,
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn evaluators_agree_on_any_network(setting in settings()) {
        assert_agreement(&setting);
    }
}
