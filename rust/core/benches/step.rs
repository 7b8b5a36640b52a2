//! Where a gradient's time goes: the parts of one step, 784-50-10, a batch of 100 with the density
//! of MNIST, or dense. `cargo bench`; medians in microseconds, one thread and all.

use std::hint::black_box;
use std::time::Instant;

use kobai_core::activation::Activation;
use kobai_core::backprop::{backprop, Pass};
use kobai_core::cancel::Cancel;
use kobai_core::forward::Forward;
use kobai_core::goal::{written, Goal};
use kobai_core::input::Batch;
use kobai_core::loss::{mean_loss, Targets};
use kobai_core::matrix::{Matrix, MatrixRef};
use kobai_core::network::{Layer, Network, Parameters};
use kobai_core::node::{multiply, node, Found};
use kobai_core::parallel::{run, Threads};
use kobai_core::pool::num_threads;
use kobai_core::scalar::Scalar;
use kobai_core::shift::Shifter;
use kobai_core::sparse::Sparse;
use kobai_core::transposed::{multiply_transposed, Terms, TransposedProduct};

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
        Network::new(layers).expect("the sizes chain")
    }
}

/// The share of numbers that are not zero.
fn density_of<T: Scalar>(matrix: &Matrix<T>) -> f64 {
    let count = matrix.data().iter().filter(|&&x| x != T::zero()).count();
    count as f64 / matrix.data().len() as f64
}

fn measure<T: Scalar>(problem: &Problem<T>, threads: Threads<'_>) {
    let network = problem.network();
    let targets = Targets::Labels(&problem.labels);
    let x: MatrixRef<'_, T> = problem.x.view();
    let mut room = Sparse::default();
    let batch = Batch::new(x, threads, &mut room);
    let mut forward = Forward::new();
    forward.run(&network, batch.input(), threads);
    let mut gradient = Parameters::filled(&network, T::zero());
    let report = |name: &str, time: f64| println!("    {name:<22}{time:8.1}");
    println!("    density {:.2}", density_of(&problem.x));
    let mut other = Sparse::default();
    report(
        "batch",
        median(|| drop(black_box(Batch::new(x, threads, &mut other)))),
    );
    let mut again = Forward::new();
    report(
        "forward",
        median(|| again.run(&network, batch.input(), threads)),
    );
    report(
        "loss",
        median(|| {
            black_box(mean_loss(forward.probabilities(), &targets));
        }),
    );
    let mut pass = Pass::default();
    report(
        "backprop, with pass",
        median(|| {
            let input = batch.input();
            black_box(backprop(
                &network,
                input,
                &targets,
                &mut pass,
                threads,
                &mut gradient.places(),
            ));
        }),
    );
}

fn measure_node(problem: &Problem<f64>, threads: Threads<'_>) {
    let network = problem.network();
    let targets = Targets::Labels(&problem.labels);
    let mut room = Sparse::default();
    let batch = Batch::new(problem.x.view(), threads, &mut room);
    let mut forward = Forward::new();
    forward.run(&network, batch.input(), threads);
    let cancel = Cancel::new();
    let shifter = Shifter::new(&network, batch.input(), &forward, &targets, &cancel);
    let mut gradient = Parameters::filled(&network, 0.0);
    let mut room = Vec::new();
    let time = median(|| {
        let out = &mut gradient.places();
        let width = (1e-4, usize::MAX);
        let found = node(&shifter, width, (threads, &cancel), &mut room, out);
        if found.expect("nobody cancels") == Found::Coefficients {
            let pass = (batch.input(), &forward);
            multiply(&room, pass, written::<_, f64>(&mut out.layers), threads);
        }
    });
    println!("    {:<22}{time:8.1}", "node");
    let mut out = vec![0.0; SIZES[0] * SIZES[1]];
    let terms = [1, 2].map(|_| drawn::<f64>(SAMPLES, SIZES[1], 1.0, 1e-3));
    let terms = [terms[0].view(), terms[1].view()];
    let input = batch.input();
    for (count, name) in [(1, "  its linear product"), (2, "  with the cubic one")] {
        let time = median(|| {
            let terms = Terms {
                each: terms[..count].to_vec(),
                largest: 1.0,
                are_finite: true,
                are_small: true,
            };
            let product = TransposedProduct::new(input, terms);
            let goal = Goal::<f64>::Written(&mut out);
            multiply_transposed(vec![(product, goal)], threads);
        });
        println!("    {name:<22}{time:8.1}");
    }
}

fn main() {
    for density in [0.19, 1.0] {
        for work in [0, usize::MAX] {
            run(work, |threads| {
                let count = if work == 0 { 1 } else { num_threads() };
                println!("{count} threads");
                println!("  f32");
                measure(&Problem::<f32>::new(density), threads);
                println!("  f64");
                let double = Problem::<f64>::new(density);
                measure(&double, threads);
                measure_node(&double, threads);
            });
        }
    }
}
