//! Networks of any scale, whose units jump, saturate and cancel: what the evaluators differ by is rounding.

use super::draw::{Case, Draw, Recipe};
use super::rounding::of_loss;
use crate::api::{loss, numerical_gradient};
use crate::finite_difference::{CentralDifference, Method};
use crate::network::activations::Activation;
use crate::network::losses::{Loss, SoftmaxCrossEntropy, SquaredError};
use crate::network::parameters::Parameters;
use proptest::prelude::*;

/// Scales of weights: mostly usual ones, sometimes any.
fn scale() -> impl Strategy<Value = f64> {
    let usual = prop::sample::select(vec![0.1, 1.0, 1.0, 10.0, 100.0, 1e4, 1e8, 1e10]);
    prop_oneof![4 => usual, 1 => (-300..300_i32).prop_map(|power| 10.0_f64.powi(power))]
}

/// A case, its layers scaled, its pre-activations of one sample about zero where `is_near` says so.
fn drawn(recipe: &Recipe, scales: &[f64], is_near: &[bool], moved: (u64, f64)) -> Case {
    let mut case = Case::new(recipe);
    for (l, scale) in scales.iter().enumerate() {
        for w in case.weights[l].data_mut() {
            *w *= scale;
        }
    }
    let mut draw = Draw(moved.0);
    for l in 0..case.weights.len() {
        if !is_near[l] {
            continue;
        }
        // About zero after one of the parameters below has moved.
        let mut own = Parameters::copied(&case.network());
        let below = draw.below(l + 1);
        let weights = &mut own.layers[below].weights;
        let place = draw.below(weights.len());
        weights[place] += moved.1;
        let sums = pre_activations(&own, &case, case.x.row(0), l);
        for (bias, sum) in case.biases[l].iter_mut().zip(sums) {
            let centred = *bias - sum + 3.0 * draw.uniform() - 1.5;
            *bias = if centred.is_finite() { centred } else { *bias };
        }
    }
    case
}

fn pre_activations(own: &Parameters<f64>, case: &Case, x: &[f64], l: usize) -> Vec<f64> {
    let mut z = x.to_vec();
    for (depth, layer) in own.layers[..=l].iter().enumerate() {
        let bias = layer.bias.as_deref().unwrap_or_default();
        let mut sums = bias.to_vec();
        for (i, z) in z.iter().enumerate() {
            let row = layer.weights.chunks_exact(bias.len()).nth(i);
            for (sum, w) in sums.iter_mut().zip(row.unwrap_or_default()) {
                *sum += z * w;
            }
        }
        if depth < l {
            case.activation(depth).apply(&mut sums);
        }
        z = sums;
    }
    z
}

fn quotients(case: &Case, soft: bool, h: f64, method: Method) -> Option<Parameters<f64>> {
    let network = case.network();
    let mut out = Parameters::filled(&network, f64::NAN);
    let (targets, places) = (case.targets(soft), &mut out.as_mut());
    let how = CentralDifference { h, method };
    // The literal loop refuses where a move is lost in a large parameter.
    numerical_gradient(&network, case.x.view(), &targets, how, || false, places).ok()?;
    Some(out)
}

/// How far two evaluators may be apart: `1e-9` of the size of the loss, and what rounding does to the loss
/// where the parameter is moved to, and to the step by which `direct` divides.
fn allowed(case: &Case, soft: bool, h: f64, direct: &Parameters<f64>) -> Vec<Vec<f64>> {
    let network = case.network();
    let mut own = Parameters::copied(&network);
    let (targets, x) = (case.targets(soft), case.x.view());
    let (_, size) = of_loss(&network, x, &targets);
    let mut all: Vec<Vec<f64>> = own.slices().map(<[f64]>::to_vec).collect();
    for (array, (allowed, direct)) in all.iter_mut().zip(direct.slices()).enumerate() {
        for (place, (allowed, direct)) in allowed.iter_mut().zip(direct).enumerate() {
            let kept = *allowed;
            let step = f64::EPSILON * (1.0 + kept.abs() / h) * direct.abs();
            let mut off_at = |value: f64| {
                set(&mut own, (array, place), value);
                of_loss(&own.network(&network), x, &targets).0
            };
            let off = off_at(kept + h) + off_at(kept - h);
            *allowed = 1e-9 * size + off / h + step;
            set(&mut own, (array, place), kept);
        }
    }
    all
}

fn set(own: &mut Parameters<f64>, (array, place): (usize, usize), value: f64) {
    let mut slices = own.slices_mut();
    slices.nth(array).expect("one of them")[place] = value;
}

fn assert_agreement(case: &Case, soft: bool, h: f64) {
    let value = loss(&case.network(), case.x.view(), &case.targets(soft));
    if !value.expect("the sizes fit").is_finite() {
        return;
    }
    let Some(direct) = quotients(case, soft, h, Method::Direct) else {
        return;
    };
    let allowed = allowed(case, soft, h, &direct);
    for method in [Method::Incremental, Method::Node] {
        let other = quotients(case, soft, h, method).expect("no move is lost");
        let pairs = direct.slices().zip(other.slices()).zip(&allowed);
        for (array, ((direct, other), allowed)) in pairs.enumerate() {
            for (place, ((a, b), allowed)) in direct.iter().zip(other).zip(allowed).enumerate() {
                // Where sums overflow, nothing can be said.
                let agree = (a - b).abs() <= *allowed || a.is_nan() && b.is_nan();
                assert!(
                    agree || !allowed.is_finite(),
                    "{method:?}, array {array}, place {place}: {a} or {b}, {allowed} apart"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn evaluators_agree_to_rounding_at_any_scale(
        seed: u64,
        sizes in prop::collection::vec(1..5_usize, 2..=4),
        samples in 1..4_usize,
        scales in prop::collection::vec(scale(), 3),
        near in prop::collection::vec(prop::bool::weighted(0.4), 3),
        hidden in prop::collection::vec(prop::sample::select(Activation::ALL), 2),
        input in prop_oneof![Just(1.0), Just(255.0), (-30..30_i32).prop_map(|p| 10.0_f64.powi(p))],
        width in prop_oneof![Just(-4), -8..2_i32],
        soft: bool,
        loss in prop_oneof![
            Just(Loss::from(SoftmaxCrossEntropy::default())),
            Just(Loss::from(SquaredError)),
        ],
        mass in prop_oneof![Just(1.0), (-12..12_i32).prop_map(|p| 10.0_f64.powi(p))],
    ) {
        let h = 10.0_f64.powi(width);
        let recipe =
            Recipe { seed, sizes, samples, hidden, loss, weight: 1.0, input, density: 0.8 };
        let layers = recipe.sizes.len() - 1;
        let mut case = drawn(&recipe, &scales[..layers], &near[..layers], (seed, h));
        // Soft targets of either sign, which sum to anything.
        let mut draw = Draw(seed ^ 1);
        case.soft.data_mut().iter_mut().for_each(|t| *t *= mass * (1.2 - 0.4 * draw.uniform() * 4.0));
        assert_agreement(&case, soft, h);
    }
}
