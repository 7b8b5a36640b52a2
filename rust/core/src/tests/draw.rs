//! Networks and batches drawn from a seed, and naive twins to hold the core against.

use crate::network::activations::Activation;
use crate::network::losses::{Loss, Targets};
use crate::network::{Layer, Network};
use crate::numeric::matrix::{Matrix, MatrixRef};

/// A linear congruential generator (Knuth's MMIX constants): enough for test data.
pub struct Draw(pub u64);

impl Draw {
    /// Uniform on [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `0..count`, which are 256 at most.
    fn byte_below(&mut self, count: usize) -> u8 {
        let drawn = self.uniform() * count as f64;
        (0..=255_u8)
            .find(|&k| drawn < f64::from(k) + 1.0)
            .unwrap_or(0)
    }

    /// The same.
    pub fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte_below(count))
    }

    /// One of the classes.
    pub fn label(&mut self, classes: usize) -> i64 {
        i64::from(self.byte_below(classes))
    }

    /// A matrix of numbers uniform on `[-scale, scale)`, all but a share of `density` zero.
    pub fn matrix(&mut self, rows: usize, cols: usize, scale: f64, density: f64) -> Matrix<f64> {
        let mut number = || {
            let value = scale * (2.0 * self.uniform() - 1.0);
            if self.uniform() < density {
                value
            } else {
                0.0
            }
        };
        Matrix::from_vec((0..rows * cols).map(|_| number()).collect(), rows, cols)
    }
}

/// Parameters and a batch.
pub struct Case {
    pub weights: Vec<Matrix<f64>>,
    pub biases: Vec<Vec<f64>>,
    pub hidden: Vec<Activation>,
    pub loss: Loss,
    pub x: Matrix<f64>,
    pub labels: Vec<i64>,
    pub soft: Matrix<f64>,
    /// A quarter of them zero.
    pub sample_weights: Vec<f64>,
}

/// What a case is drawn by.
#[derive(Debug, Clone)]
pub struct Recipe {
    pub seed: u64,
    pub sizes: Vec<usize>,
    pub samples: usize,
    /// The activations of hidden layers, in turn.
    pub hidden: Vec<Activation>,
    pub loss: Loss,
    pub weight: f64,
    pub input: f64,
    pub density: f64,
}

impl Case {
    pub fn new(recipe: &Recipe) -> Self {
        let mut draw = Draw(recipe.seed);
        let layers = recipe.sizes.windows(2);
        let weights = layers.map(|pair| draw.matrix(pair[0], pair[1], recipe.weight, 1.0));
        let weights: Vec<_> = weights.collect();
        let biases = recipe.sizes[1..].iter();
        let biases = biases.map(|&units| draw.matrix(1, units, recipe.weight, 1.0).into_data());
        let biases = biases.collect();
        let classes = recipe.sizes[recipe.sizes.len() - 1];
        let labels = (0..recipe.samples).map(|_| draw.label(classes));
        let labels = labels.collect();
        let mut soft = draw.matrix(recipe.samples, classes, 1.0, 0.8);
        soft.data_mut().iter_mut().for_each(|t| *t = t.abs());
        let sample_weights = draw.matrix(1, recipe.samples, 2.0, 0.75).into_data();
        Self {
            weights,
            biases,
            hidden: recipe.hidden.clone(),
            loss: recipe.loss,
            x: draw.matrix(
                recipe.samples,
                recipe.sizes[0],
                recipe.input,
                recipe.density,
            ),
            labels,
            soft,
            sample_weights: sample_weights.iter().map(|weight| weight.abs()).collect(),
        }
    }

    pub fn network(&self) -> Network<'_, f64> {
        let last = self.weights.len() - 1;
        let layers = self.weights.iter().zip(&self.biases).enumerate();
        let layers = layers.map(|(l, (weights, bias))| Layer {
            weights: weights.view(),
            bias: Some(bias.as_slice()),
            activation: if l == last {
                Activation::Identity
            } else {
                self.activation(l)
            },
        });
        Network::new(layers.collect(), self.loss).expect("the sizes chain")
    }

    /// The activation of hidden layer `l`.
    pub fn activation(&self, l: usize) -> Activation {
        self.hidden[l % self.hidden.len()]
    }

    /// Labels, if they are not to be soft, and the loss takes them.
    pub fn targets(&self, soft: bool) -> Targets<'_, f64> {
        let takes_labels = matches!(self.loss, Loss::SoftmaxCrossEntropy(_));
        if soft || !takes_labels {
            Targets::dense(self.soft.view())
        } else {
            Targets::labels(&self.labels)
        }
    }
}

/// `a @ b`, by definition.
pub fn product(a: MatrixRef<'_, f64>, b: MatrixRef<'_, f64>) -> Matrix<f64> {
    let mut out = Matrix::zeros(a.rows(), b.cols());
    for i in 0..a.rows() {
        for j in 0..b.cols() {
            out.data_mut()[i * b.cols() + j] =
                (0..a.cols()).map(|k| a.row(i)[k] * b.row(k)[j]).sum();
        }
    }
    out
}

/// The largest absolute difference of two lists; NaN only where one of them is.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}
