//! The questions one asks a network, 784-50-10, a batch of 100 with the density of MNIST, or dense:
//! `cargo bench`; medians in microseconds, one thread and all.

use std::hint::black_box;
use std::time::Instant;

use kobai_core::{
    gradient, loss, num_threads, numerical_gradient, set_num_threads, Activation,
    CentralDifference, Layer, Matrix, MatrixRef, Method, Network, Parameters, Scalar,
    SoftmaxCrossEntropy, Targets,
};

const SAMPLES: usize = 100;
const SIZES: [usize; 3] = [784, 50, 10];

/// Numbers in [0, 1), of which a share of `density` is not zero: in runs, as the strokes of a digit.
fn drawn<T: Scalar>(rows: usize, cols: usize, density: f64, scale: f64) -> Matrix<T> {
    const RUN: f64 = 6.0;
    let mut state = 1_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut is_inside = false;
    let mut number = || {
        let leaves = if is_inside { 1.0 - density } else { density };
        if uniform() < leaves / RUN / (1.0 - density).max(1.0 / RUN) {
            is_inside = !is_inside;
        }
        let value = scale * uniform();
        T::from_f64(if is_inside || density >= 1.0 {
            value
        } else {
            0.0
        })
    };
    Matrix::from_vec((0..rows * cols).map(|_| number()).collect(), rows, cols)
}

/// The median time of `work`, in microseconds.
fn median(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..300)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

struct Problem<T> {
    weights: [Matrix<T>; 2],
    biases: [Vec<T>; 2],
    x: Matrix<T>,
    labels: Vec<i64>,
}

impl<T: Scalar> Problem<T> {
    fn new(density: f64) -> Self {
        let layer = |l: usize| drawn(SIZES[l], SIZES[l + 1], 1.0, 0.1);
        Self {
            weights: [layer(0), layer(1)],
            biases: [1, 2].map(|l| vec![T::zero(); SIZES[l]]),
            x: drawn(SAMPLES, SIZES[0], density, 1.0),
            labels: (0..10).cycle().take(SAMPLES).collect(),
        }
    }

    fn network(&self) -> Network<'_, T> {
        let layer = |l: usize, activation| Layer {
            weights: self.weights[l].view(),
            bias: Some(self.biases[l].as_slice()),
            activation,
        };
        let layers = vec![
            layer(0, Activation::Sigmoid),
            layer(1, Activation::Identity),
        ];
        Network::new(layers, SoftmaxCrossEntropy::default()).expect("the sizes chain")
    }
}

/// The share of numbers that are not zero.
fn density_of<T: Scalar>(matrix: &Matrix<T>) -> f64 {
    let count = matrix.data().iter().filter(|&&x| x != T::zero()).count();
    count as f64 / matrix.data().len() as f64
}

fn report(name: &str, time: f64) {
    println!("    {name:<22}{time:8.1}");
}

fn measure<T: Scalar>(problem: &Problem<T>) {
    let network = problem.network();
    let targets = Targets::labels(&problem.labels);
    let x: MatrixRef<'_, T> = problem.x.view();
    println!("    density {:.2}", density_of(&problem.x));
    let forward = || loss(&network, x, &targets).expect("the sizes fit");
    let time = median(|| {
        black_box(forward());
    });
    report("loss", time);
    let mut out = Parameters::filled(&network, T::zero());
    let time = median(|| {
        let loss = gradient(&network, x, &targets, &mut out.as_mut());
        black_box(loss.expect("the sizes fit"));
    });
    report("gradient", time);
}

fn measure_numerical(problem: &Problem<f64>) {
    let network = problem.network();
    let targets = Targets::labels(&problem.labels);
    let mut out = Parameters::filled(&network, 0.0);
    let time = median(|| {
        let difference = CentralDifference {
            h: 1e-4,
            method: Method::Node,
        };
        let (how, places) = (difference, &mut out.as_mut());
        let x = problem.x.view();
        let loss = numerical_gradient(&network, x, &targets, how, || false, places);
        black_box(loss.expect("nobody interrupts"));
    });
    report("numerical gradient", time);
}

fn main() {
    for density in [0.19, 1.0] {
        for threads in [1, 0] {
            set_num_threads(threads);
            println!("{} threads", num_threads());
            println!("  f32");
            measure(&Problem::<f32>::new(density));
            println!("  f64");
            let double = Problem::<f64>::new(density);
            measure(&double);
            measure_numerical(&double);
        }
    }
}
