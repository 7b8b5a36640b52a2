//! Many steps in one call come to the numbers of steps taken one by one, bit for bit.

use super::draw::{Case, Recipe};
use crate::api::{gradient, numerical_gradient};
use crate::error::Error;
use crate::finite_difference::{CentralDifference, Method};
use crate::gradient::updates::Update;
use crate::network::activations::Activation;
use crate::network::losses::{SoftmaxCrossEntropy, TargetValues, Targets};
use crate::network::parameters::Parameters;
use crate::network::{Layer, Network};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::scalar::Scalar;
use crate::parallel::pool::set_num_threads;
use crate::training::minibatch::Dataset;
use crate::training::{train, Batches, Gradient, OptimizerSteps};
use proptest::prelude::*;

const LR: f64 = 0.5;
const NODE: Gradient = Gradient::Numerical(CentralDifference {
    h: 1e-4,
    method: Method::Node,
});

/// The optimizers, each with scalars for its formula.
const OPTIMIZERS: [(&str, &[f64]); 8] = [
    ("sgd", &[LR]),
    ("momentum", &[0.875, LR]),
    ("nesterov", &[0.875, LR, 0.875 * 0.875, 1.875 * LR]),
    ("adagrad", &[0.01, 1e-7]),
    ("rmsprop", &[0.99, 0.01, 0.01, 1e-7]),
    ("adam", &[0.001, 0.1, 0.001, 1e-7]),
    ("adamw", &[0.001, 0.1, 0.001, 1e-7, 0.01]),
    ("adamw", &[0.001, 0.1, 0.001, 1e-7, 0.0]),
];

/// A step of one parameter by the definition, its operations in the order of the Python package.
fn step<T: Scalar>(
    (name, scalars): (&str, &[f64]),
    is_bias: bool,
    (p, g): (&mut T, T),
    (first, second): (&mut T, &mut T),
) {
    let scalar = |i: usize| T::from_f64(scalars[i]);
    match name {
        "sgd" => *p -= scalar(0) * g,
        "momentum" => {
            *first = scalar(0) * *first - scalar(1) * g;
            *p += *first;
        }
        "nesterov" => {
            *p += scalar(2) * *first - scalar(3) * g;
            *first = scalar(0) * *first - scalar(1) * g;
        }
        "adagrad" => {
            *first += g * g;
            *p -= scalar(0) * g / (first.sqrt() + scalar(1));
        }
        "rmsprop" => {
            *first = scalar(0) * *first + scalar(1) * g * g;
            *p -= scalar(2) * g / (first.sqrt() + scalar(3));
        }
        _ => {
            *first += scalar(1) * (g - *first);
            *second += scalar(2) * (g * g - *second);
            if name == "adamw" && !is_bias {
                *p -= scalar(4) * *p;
            }
            *p -= scalar(0) * *first / (second.sqrt() + scalar(3));
        }
    }
}

/// What a run of steps is taken by.
#[derive(Debug, Clone, Copy)]
struct Way {
    optimizer: (&'static str, &'static [f64]),
    gradient: Gradient,
    weight_decay: f64,
    is_weighted: bool,
    threads: usize,
}

/// A number bit for bit, but for what kind of NaN it is.
fn bits<T: Scalar>(x: T) -> u64 {
    if x.is_nan() {
        u64::MAX
    } else {
        x.widen().to_bits()
    }
}

fn all_bits<T: Scalar>(parameters: &Parameters<T>) -> Vec<u64> {
    parameters.slices().flatten().map(|&x| bits(x)).collect()
}

fn rows<T: Scalar>(from: MatrixRef<'_, T>, samples: &[usize]) -> Matrix<T> {
    let data = samples.iter().flat_map(|&n| from.row(n)).copied().collect();
    Matrix::from_vec(data, samples.len(), from.cols())
}

/// The gradient of a batch, and its loss.
fn gradient_by<T: Scalar>(
    way: Gradient,
    network: &Network<'_, T>,
    (x, targets): (MatrixRef<'_, T>, Targets<'_, T>),
) -> Result<(u64, Parameters<f64>), Error> {
    let widened = |numbers: Vec<T>| numbers.iter().map(|x| x.widen()).collect::<Vec<_>>();
    match way {
        Gradient::Backprop => {
            let mut out = Parameters::filled(network, T::zero());
            let loss = gradient(network, x, &targets, &mut out.as_mut())?;
            Ok((bits(loss), out.map(widened)))
        }
        Gradient::Numerical(difference) => {
            let mut out = Parameters::filled(network, 0.0);
            let own = Parameters::copied(network).map(widened);
            let (network, x) = (own.network(network), x.cast::<f64>());
            let soft;
            let weights = targets.weights();
            let targets = match targets.values() {
                TargetValues::Labels(labels) => Targets::labels(labels),
                TargetValues::Dense(t) => {
                    soft = t.cast::<f64>();
                    Targets::dense(soft.view())
                }
            };
            let targets = targets.weighted(weights);
            let out_slices = &mut out.as_mut();
            let never = || false;
            let loss =
                numerical_gradient(&network, x.view(), &targets, difference, never, out_slices)?;
            Ok((bits(T::from_f64(loss)), out))
        }
    }
}

fn one_by_one<T: Scalar>(
    network: &Network<'_, T>,
    (x, targets): (MatrixRef<'_, T>, Targets<'_, T>),
    batches: &[Vec<usize>],
    way: Way,
) -> Result<(Vec<u64>, Vec<u64>), Error> {
    let mut own = Parameters::copied(network);
    let mut states = [(); 2].map(|()| Parameters::filled(network, T::zero()));
    let mut losses = Vec::new();
    for samples in batches {
        let batch = rows(x, samples);
        let weights = targets.weights();
        let weights = weights.map(|all| samples.iter().map(|&n| all[n]).collect::<Vec<_>>());
        let (labels, soft);
        let targets = match targets.values() {
            TargetValues::Labels(all) => {
                labels = samples.iter().map(|&n| all[n]).collect::<Vec<_>>();
                Targets::labels(&labels)
            }
            TargetValues::Dense(all) => {
                soft = rows(all, samples);
                Targets::dense(soft.view())
            }
        };
        let data = (batch.view(), targets.weighted(weights.as_deref()));
        let (loss, slopes) = gradient_by(way.gradient, &own.network(network), data)?;
        losses.push(loss);
        let arrays = own.slices_mut().zip(slopes.slices()).enumerate();
        for (i, (own, slopes)) in arrays {
            let [first, second] = &mut states;
            let states = first.slices_mut().zip(second.slices_mut()).nth(i);
            let (first, second) = states.expect("as many arrays");
            let states = first.iter_mut().zip(second);
            for ((p, &g), states) in own.iter_mut().zip(slopes).zip(states) {
                step(way.optimizer, i % 2 == 1, (p, T::from_f64(g)), states);
            }
        }
    }
    Ok((losses, all_bits(&own)))
}

fn in_one_call<T: Scalar>(
    network: &Network<'_, T>,
    data: &Dataset<'_, T, T>,
    batches: &[Vec<usize>],
    way: Way,
) -> Result<(Vec<u64>, Vec<u64>), Error> {
    let (name, scalars) = way.optimizer;
    let update = Update::from_scalars(name, scalars)?;
    let zeros = || Parameters::filled(network, T::zero());
    let mut states = (0..update.states()).map(|_| zeros()).collect();
    let mut own = Parameters::copied(network);
    let mut losses = Vec::new();
    // In two calls: the second goes on where the first has ended.
    for batches in batches.chunks(2) {
        let samples = batches.concat();
        let sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
        let updates = vec![update; sizes.len()];
        let batches = Batches {
            samples: &samples,
            sizes: &sizes,
        };
        let optimizer = OptimizerSteps {
            updates: &updates,
            weight_decays: None,
            states,
        };
        let network = own.network(network);
        let trained = train(&network, data, batches, optimizer, way.gradient)?;
        losses.extend(trained.losses);
        (own, states) = (trained.parameters, trained.states);
    }
    let losses = losses.into_iter().map(|loss| bits(T::from_f64(loss)));
    Ok((losses.collect(), all_bits(&own)))
}

/// What happens to the data at some sample.
#[derive(Debug, Clone, Copy)]
enum Event {
    None,
    Full,
    HalfFull,
    Input(f64),
    Weight(f64),
}

fn assert_same<T: Scalar>(case: &Case, batches: &[Vec<usize>], soft: bool, way: Way) {
    let weights: Vec<_> = case.weights.iter().map(|w| w.view().cast::<T>()).collect();
    let cast = |x: &Vec<f64>| x.iter().map(|&x| T::from_f64(x)).collect::<Vec<_>>();
    let biases: Vec<_> = case.biases.iter().map(cast).collect();
    let network = case.network();
    let layers = network.layers().iter().zip(weights.iter().zip(&biases));
    let layers = layers.map(|(like, (weights, bias))| Layer {
        weights: weights.view(),
        bias: Some(bias.as_slice()),
        activation: like.activation,
    });
    let network = Network::new(layers.collect(), case.network().loss()).expect("the sizes chain");
    let network = network
        .with_weight_decay(way.weight_decay)
        .expect("it is small");
    let (x, t) = (case.x.view().cast::<T>(), case.soft.view().cast::<T>());
    let targets = if soft {
        Targets::dense(t.view())
    } else {
        Targets::labels(&case.labels)
    };
    let targets = targets.weighted(way.is_weighted.then_some(&case.sample_weights[..]));
    let wanted = one_by_one(&network, (x.view(), targets), batches, way).expect("the sizes fit");
    set_num_threads(way.threads);
    let data = Dataset {
        x: x.view().into(),
        targets,
    };
    let found = in_one_call(&network, &data, batches, way).expect("the sizes fit");
    assert!(found.0 == wanted.0, "losses differ");
    assert!(found.1 == wanted.1, "parameters differ");
    set_num_threads(0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn many_steps_are_single_steps(
        seed: u64,
        inputs in prop_oneof![20..70_usize, 120..300_usize],
        hidden in prop::collection::vec(20..40_usize, 0..=2),
        samples in 60..140_usize,
        event in prop_oneof![
            Just(Event::None),
            Just(Event::Full),
            Just(Event::HalfFull),
            Just(Event::Input(f64::NAN)),
            Just(Event::Input(f64::INFINITY)),
            Just(Event::Weight(f64::NEG_INFINITY)),
            Just(Event::Weight(1e200)),
        ],
        activation in prop_oneof![Just(Activation::Relu), Just(Activation::Sigmoid)],
        single: bool,
        soft: bool,
        threads in 1..5_usize,
        optimizer in prop::sample::select(&OPTIMIZERS[..]),
        gradient in prop_oneof![Just(Gradient::Backprop), Just(NODE)],
        weight_decay in prop_oneof![Just(0.0), Just(0.01)],
        is_weighted: bool,
    ) {
        let way = Way { optimizer, gradient, weight_decay, is_weighted, threads };
        let recipe = Recipe {
            seed,
            sizes: [vec![inputs], hidden, vec![10]].concat(),
            samples: 2 * samples + 30,
            hidden: vec![activation],
            loss: SoftmaxCrossEntropy::default().into(),
            weight: 0.3,
            input: 1.0,
            density: 0.2,
        };
        let mut case = Case::new(&recipe);
        // As pixels are: then an infinite weight need not make everything infinite.
        case.x.data_mut().iter_mut().for_each(|x| *x = x.abs());
        // A short batch at the end, and what is odd in the second.
        let batches: Vec<Vec<usize>> =
            vec![(0..samples).collect(), (samples..2 * samples).rev().collect(), (3..30).collect()];
        let (full, half) = (samples * inputs..2 * samples * inputs, inputs / 2);
        match event {
            Event::None => (),
            Event::Full => case.x.data_mut()[full].fill(0.5),
            Event::HalfFull => {
                for row in case.x.data_mut()[full].chunks_exact_mut(inputs) {
                    row[..half].fill(0.5);
                    row[half..].fill(0.0);
                }
            }
            Event::Input(x) => case.x.data_mut()[samples * inputs + 3] = x,
            Event::Weight(w) => case.weights[0].data_mut()[5] = w,
        }
        if single {
            assert_same::<f32>(&case, &batches, soft, way);
        } else {
            assert_same::<f64>(&case, &batches, soft, way);
        }
    }
}
