//! The three evaluators of one quotient, and backpropagation, agree.

use super::draw::{distance, Case, Recipe};
use crate::api::{gradient, loss, numerical_gradient, scores};
use crate::error::Error;
use crate::finite_difference::node::analyticity::analytic_radii;
use crate::finite_difference::node::degree::LayerDegree;
use crate::finite_difference::perturb::PerturbedLoss;
use crate::finite_difference::{CentralDifference, Method};
use crate::network::activations::Activation;
use crate::network::forward::{Begin, Forward};
use crate::network::input::Input;
use crate::network::losses::{Loss, SoftmaxCrossEntropy, SquaredError, Targets};
use crate::network::parameters::Parameters;
use crate::network::Network;
use crate::parallel::cancel::Cancel;
use crate::parallel::pool::set_num_threads;
use crate::parallel::Threads;
use proptest::prelude::*;

const H: f64 = 1e-4;

fn numerical(case: &Case, soft: bool, h: f64, method: Method) -> Parameters<f64> {
    let (network, targets) = (case.network(), case.targets(soft));
    // What stood there before must not matter.
    let mut out = Parameters::filled(&network, f64::NAN);
    let how = CentralDifference { h, method };
    let places = &mut out.as_mut();
    numerical_gradient(&network, case.x.view(), &targets, how, || false, places)
        .expect("the sizes fit");
    out
}

fn exact(case: &Case, soft: bool) -> Parameters<f64> {
    let network = case.network();
    let mut out = Parameters::filled(&network, f64::NAN);
    let places = &mut out.as_mut();
    gradient(&network, case.x.view(), &case.targets(soft), places).expect("the sizes fit");
    out
}

fn apart(a: &Parameters<f64>, b: &Parameters<f64>) -> f64 {
    a.slices()
        .zip(b.slices())
        .map(|(a, b)| distance(a, b))
        .fold(0.0, f64::max)
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    // One layer, one hidden layer, or two; beyond a block of lanes now and then.
    prop::collection::vec(prop_oneof![1..6_usize, 7..19_usize], 2..=4)
}

/// The activation of each hidden layer; only such as have no kink, unless they may.
fn activations(may_have_kinks: bool) -> impl Strategy<Value = Vec<Activation>> {
    let all = Activation::ALL.iter().copied();
    let some = all.filter(|f| may_have_kinks || f.certificate().kinks.is_empty());
    prop::collection::vec(prop::sample::select(some.collect::<Vec<_>>()), 2)
}

fn losses() -> impl Strategy<Value = Loss> {
    prop_oneof![
        Just(SoftmaxCrossEntropy::default().into()),
        Just(SquaredError.into())
    ]
}

prop_compose! {
    fn recipe(hidden: Vec<Activation>, loss: Loss)(
        seed in any::<u64>(),
        sizes in sizes(),
        samples in 1..5_usize,
        weight in prop_oneof![Just(0.01), Just(0.5), Just(3.0)],
        density in prop_oneof![Just(1.0), Just(0.2)],
    ) -> Recipe {
        let hidden = hidden.clone();
        Recipe { seed, sizes, samples, hidden, loss, weight, input: 1.0, density }
    }
}

prop_compose! {
    fn any_recipe(may_have_kinks: bool)(
        hidden in activations(may_have_kinks),
        loss in losses(),
    )(
        // Saturating, too.
        weight in prop_oneof![Just(1e-4), Just(0.5), Just(3.0), Just(30.0)],
        recipe in recipe(hidden, loss),
    ) -> Recipe {
        Recipe { weight, ..recipe }
    }
}

fn softmax() -> Loss {
    SoftmaxCrossEntropy::default().into()
}

/// How large the mean loss and its quotients are, and 1 at least: by what they are rounded.
fn size(case: &Case, quotients: &Parameters<f64>) -> f64 {
    let loss = loss(&case.network(), case.x.view(), &case.targets(true)).expect("the sizes fit");
    let quotients = quotients.slices().flatten();
    quotients.fold(1.0 + loss, |most, q| most.max(q.abs()))
}

fn assert_agreement(recipe: &Recipe) {
    let case = Case::new(recipe);
    for soft in [false, true] {
        let direct = numerical(&case, soft, H, Method::Direct);
        let incremental = numerical(&case, soft, H, Method::Incremental);
        let node = numerical(&case, soft, H, Method::Node);
        assert!(
            apart(&direct, &incremental) < 1e-9,
            "incremental, {soft}: {recipe:?}"
        );
        assert!(apart(&direct, &node) < 1e-9, "node, {soft}: {recipe:?}");
    }
}

proptest! {
    #[test]
    fn evaluators_agree_for_sigmoids(recipe in recipe(vec![Activation::Sigmoid], softmax())) {
        assert_agreement(&recipe);
    }

    #[test]
    fn evaluators_agree_for_rectifiers(recipe in recipe(vec![Activation::Relu], softmax())) {
        assert_agreement(&recipe);
    }

    #[test]
    fn evaluators_agree_for_all_activations_and_losses(recipe in any_recipe(true)) {
        let case = Case::new(&recipe);
        let direct = numerical(&case, true, H, Method::Direct);
        for method in [Method::Incremental, Method::Node] {
            let other = apart(&direct, &numerical(&case, true, H, method));
            prop_assert!(other <= 1e-9 * size(&case, &direct), "{method:?}: {other}");
        }
    }

    #[test]
    fn backpropagation_is_the_limit_for_all(recipe in any_recipe(false)) {
        let case = Case::new(&recipe);
        let exact = exact(&case, true);
        // What the two differ by falls with the square of the half-width.
        let [wide, narrow] = [4.0 * H, H].map(|h| {
            apart(&exact, &numerical(&case, true, h, Method::Node))
        });
        let rounding = 1e-10 * size(&case, &exact);
        prop_assert!(narrow <= 0.08 * wide + rounding, "{narrow}, {wide}");
    }

    #[test]
    fn backpropagation_is_the_limit(
        recipe in recipe(vec![Activation::Sigmoid], softmax()),
        soft: bool,
    ) {
        let recipe = Recipe { weight: recipe.weight.min(0.5), ..recipe };
        let case = Case::new(&recipe);
        let exact = exact(&case, soft);
        let quotient = numerical(&case, soft, H, Method::Incremental);
        prop_assert!(apart(&exact, &quotient) < 1e-7);
    }
}

#[test]
fn smooth_networks_are_interpolated_whole_with_few_terms() {
    let smooth = Activation::ALL.iter();
    let smooth = smooth.filter(|f| f.certificate().kinks.is_empty());
    for (&hidden, loss) in smooth.flat_map(|f| [(f, softmax()), (f, SquaredError.into())]) {
        for (sizes, distance) in [
            (&[40, 20, 10][..], 1.0),
            (&[9, 8, 7, 3], 1.0),
            (&[6, 5, 2], 1e-6),
        ] {
            let mut case = Case::new(&Recipe {
                loss,
                ..plain(sizes, 20, hidden)
            });
            if matches!(loss, Loss::SquaredError(_)) {
                // Scores as far as that from their targets.
                let scores = scores(&case.network(), case.x.view()).expect("the sizes fit");
                let soft = case.soft.data_mut().iter_mut().zip(scores.data());
                soft.for_each(|(t, score)| *t = score + distance * *t);
            }
            let (network, targets, cancel) = (case.network(), case.targets(true), Cancel::new());
            let input = Input::Dense(case.x.view());
            let mut forward = Forward::new();
            forward.run(&network, Begin::Input(input), Threads::One);
            let perturbed = PerturbedLoss::new(&network, input, &forward, &targets, &cancel);
            for (l, radii) in analytic_radii(&network).iter().enumerate() {
                let degree = LayerDegree::new(&perturbed, l, (radii, H), Threads::One);
                let message = format!("{hidden:?}, {loss:?}, {sizes:?}, {distance}: {degree:?}");
                assert!(!degree.has_exceptions() && degree.terms <= 3, "{message}");
            }
        }
    }
}

fn plain(sizes: &[usize], samples: usize, hidden: Activation) -> Recipe {
    Recipe {
        seed: 7,
        sizes: sizes.to_vec(),
        samples,
        hidden: vec![hidden],
        loss: softmax(),
        weight: 0.3,
        input: 1.0,
        density: 0.5,
    }
}

#[test]
fn kinks_inside_the_interval_are_evaluated_exactly() {
    // Pre-activations within a hundredth of the kink, and exactly on it; h moves across.
    let mut case = Case::new(&plain(&[4, 9, 7, 3], 6, Activation::Relu));
    for weight in &mut case.weights[..2] {
        weight.data_mut().iter_mut().for_each(|w| *w *= 1e-2);
    }
    case.biases[0].fill(0.0);
    case.biases[1].fill(0.0);
    for h in [1e-4, 1e-2, 1e-1] {
        let direct = numerical(&case, true, h, Method::Direct);
        let node = numerical(&case, true, h, Method::Node);
        assert!(
            apart(&direct, &node) < 1e-9,
            "h = {h}: {}",
            apart(&direct, &node)
        );
    }
    // The kinks matter: with them, the quotient is far from the derivative.
    let exact = exact(&case, true);
    let direct = numerical(&case, true, 1e-2, Method::Direct);
    assert!(apart(&exact, &direct) > 1e-4);
}

#[test]
fn wide_intervals_need_more_terms_or_the_incremental_evaluator() {
    for (input, h) in [(255.0, 1e-4), (255.0, 1e-3), (1.0, 0.3), (1e3, 1e-3)] {
        let recipe = Recipe {
            input,
            ..plain(&[5, 11, 4], 5, Activation::Sigmoid)
        };
        let case = Case::new(&recipe);
        let direct = numerical(&case, false, h, Method::Direct);
        let node = numerical(&case, false, h, Method::Node);
        // The literal quotient's own rounding: that of pre-activations of size `input`.
        let rounding = 1e-9_f64.max(1e-15 * input / h);
        assert!(
            apart(&direct, &node) < rounding,
            "{input}, {h}: {}",
            apart(&direct, &node)
        );
    }
}

#[test]
fn shifts_that_carry_a_class_across_the_softmax_are_evaluated_whole() {
    // Scores (40, 0): shifting the first by 50 turns a certain answer over; by 800, exp overflows.
    let mut case = Case::new(&plain(&[1, 2], 1, Activation::Sigmoid));
    case.biases[0].copy_from_slice(&[40.0, 0.0]);
    case.weights[0].data_mut().fill(0.0);
    case.labels.fill(0);
    for input in [5e4, 2e5, 5e5, 8e6] {
        case.x.data_mut().fill(input);
        let direct = numerical(&case, false, H, Method::Direct);
        for method in [Method::Incremental, Method::Node] {
            let other = numerical(&case, false, H, method);
            let scale = direct
                .slices()
                .flatten()
                .fold(1.0, |m: f64, q| m.max(q.abs()));
            assert!(apart(&direct, &other) < 1e-9 * scale, "{input}, {method:?}");
        }
    }
}

#[test]
fn a_loss_that_is_no_number_has_no_quotient_that_is() {
    let mut case = Case::new(&plain(&[4, 6, 3], 3, Activation::Sigmoid));
    case.x.data_mut()[5] = f64::NAN;
    for method in [Method::Direct, Method::Incremental, Method::Node] {
        let quotients = numerical(&case, false, H, method);
        assert!(
            quotients.slices().flatten().all(|q| q.is_nan()),
            "{method:?}"
        );
    }
}

#[test]
fn zeros_are_not_skipped_before_an_infinite_weight() {
    let mut case = Case::new(&Recipe {
        density: 0.1,
        ..plain(&[40, 6, 3], 3, Activation::Sigmoid)
    });
    case.weights[0].data_mut().fill(f64::INFINITY);
    let network = case.network();
    let loss = crate::api::loss(&network, case.x.view(), &case.targets(false)).unwrap();
    assert!(loss.is_nan());
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let case = Case::new(&plain(&[300, 70, 10], 400, Activation::Sigmoid));
    let everything = || {
        let exact = exact(&case, true);
        let node = numerical(&case, true, H, Method::Node);
        let incremental = numerical(&case, false, H, Method::Incremental);
        (exact, node, incremental)
    };
    set_num_threads(1);
    let alone = everything();
    for threads in [2, 3, 8] {
        set_num_threads(threads);
        assert!(everything() == alone, "{threads} threads");
    }
    set_num_threads(0);
}

#[test]
fn a_long_computation_can_be_interrupted() {
    let case = Case::new(&plain(&[300, 50, 10], 60, Activation::Sigmoid));
    let targets = case.targets(false);
    let mut looks = 0;
    let mut interrupted = || {
        looks += 1;
        looks == 3
    };
    let network = case.network();
    let mut out = Parameters::filled(&network, 0.0);
    let answer = numerical_gradient(
        &network,
        case.x.view(),
        &targets,
        CentralDifference {
            h: H,
            method: Method::Direct,
        },
        &mut interrupted,
        &mut out.as_mut(),
    );
    assert_eq!(answer.unwrap_err(), Error::Interrupted);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let case = Case::new(&plain(&[4, 6, 3], 3, Activation::Sigmoid));
    let network = case.network();
    let message = |network: &Network<'_, f64>, x, targets: Targets<'_, f64>, h| {
        let mut out = Parameters::filled(network, 0.0);
        let method = Method::Node;
        let (how, places) = (CentralDifference { h, method }, &mut out.as_mut());
        let answer = numerical_gradient(network, x, &targets, how, || false, places);
        answer.unwrap_err().to_string()
    };
    let x = case.x.view();
    let said = message(&network, case.soft.view(), case.targets(true), H);
    assert_eq!(
        said,
        "x must have 4 columns, one an input, got shape (3, 3)"
    );
    let said = message(&network, x, Targets::labels(&[0, 1]), H);
    assert_eq!(
        said,
        "t must have shape (3, 3), or (3,) for labels, got shape (2,)"
    );
    for wrong in [3, -1] {
        let said = message(&network, x, Targets::labels(&[0, wrong, 1]), H);
        assert_eq!(
            said,
            format!("t must hold labels in 0..2 only, got {wrong} at position 1")
        );
    }
    let said = message(&network, x.row_range(0, 0), Targets::labels(&[]), H);
    assert_eq!(said, "x must hold at least one sample, got shape (0, 4)");
    for h in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let said = message(&network, x, case.targets(true), h);
        assert_eq!(said, format!("h must be a positive finite number, got {h}"));
    }
    let other = Case::new(&plain(&[4, 5, 3], 3, Activation::Sigmoid));
    let mut out = Parameters::filled(&other.network(), 0.0);
    let answer = gradient(&network, x, &case.targets(true), &mut out.as_mut());
    assert_eq!(
        answer.unwrap_err().to_string(),
        "out must have the network's shapes, got 2 layers of other sizes"
    );
}
