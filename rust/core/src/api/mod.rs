//! The four questions one asks a network, each from arrays to arrays: sizes are checked, threads
//! chosen, and the parts called.

pub(crate) mod demand;
pub(crate) mod held_rows;

use crate::api::demand::Sizes;
use crate::error::Error;
use crate::finite_difference::{CentralDifference, Quotients};
use crate::gradient::backprop::Backprop;
use crate::gradient::sink::write_to;
use crate::network::forward::{Begin, Forward};
use crate::network::input::{Batch, BatchRows, Input};
use crate::network::losses::{Target, Targets};
use crate::network::parameters::ParametersMut;
use crate::network::Network;
use crate::numeric::matrix::Matrix;
use crate::numeric::scalar::Scalar;
use crate::parallel::cancel::Cancel;
use crate::parallel::context::Context;
use crate::parallel::matmul_memory::prepare_thread;
use crate::parallel::memory::ensure_memory;
use crate::parallel::tuning::MIN_WATCHED_FLOPS;
use crate::parallel::workspace::{with_workspace, MemoryNeed};
use crate::parallel::{run, run_watched, Threads};
use crate::sparse::Sparse;

/// What backpropagation works in.
#[derive(Debug, Default)]
struct Workspace<T> {
    batch: Sparse<T>,
    backprop: Backprop<T>,
}

/// What a numerical gradient works in.
#[derive(Debug, Default)]
struct NumericalWorkspace {
    batch: Sparse<f64>,
    quotients: Quotients,
}

/// Calls `compute` with a workspace for so many samples, once what it takes has been granted.
fn in_workspace<T: Scalar, W: Default + 'static, R>(
    network: &Network<'_, T>,
    samples: usize,
    demand: MemoryNeed,
    compute: impl FnOnce(&mut W) -> R,
) -> Result<R, Error> {
    prepare_thread()?;
    let numbers = samples.saturating_mul(network.inputs().saturating_add(network.units()));
    let layers = network.layers().iter();
    let layers = layers.flat_map(|layer| [layer.inputs(), layer.units()]);
    let sizes = std::iter::once(samples).chain(layers);
    with_workspace(sizes, demand, numbers, compute)
}

/// The scores of each sample, shape (samples, classes).
///
/// # Errors
/// If `x` does not fit the network.
pub fn scores<'a, T: Scalar>(
    network: &Network<'_, T>,
    x: impl Into<BatchRows<'a, T>>,
) -> Result<Matrix<T>, Error> {
    Ok(forward_pass(network, x)?.into_scores())
}

/// What the loss makes of the scores of each sample, shape (samples, classes).
///
/// # Errors
/// If `x` does not fit the network.
pub fn outputs<'a, T: Scalar>(
    network: &Network<'_, T>,
    x: impl Into<BatchRows<'a, T>>,
) -> Result<Matrix<T>, Error> {
    Ok(forward_pass(network, x)?.into_outputs())
}

/// The mean loss.
///
/// # Errors
/// If `x` or the targets do not fit the network, or there is no sample.
pub fn loss<'a, T: Scalar>(
    network: &Network<'_, T>,
    x: impl Into<BatchRows<'a, T>>,
    targets: &Targets<'_, T>,
) -> Result<T, Error> {
    let x = x.into();
    check_batch(network, (x.rows(), x.cols()), targets)?;
    let forward = forward_pass(network, x)?;
    Ok(network.penalized(network.loss().mean(&forward.scored(targets))))
}

/// How many samples have their largest score where their target is largest; of equals, the first
/// counts. Where a score or a weight of the target is NaN, none is the largest: such a sample is not
/// answered right.
///
/// # Errors
/// If `x` or the targets do not fit the network, or there is no sample.
pub fn correct<'a, T: Scalar>(
    network: &Network<'_, T>,
    x: impl Into<BatchRows<'a, T>>,
    targets: &Targets<'_, T>,
) -> Result<usize, Error> {
    let x = x.into();
    check_batch(network, (x.rows(), x.cols()), targets)?;
    let scores = forward_pass(network, x)?.into_scores();
    let is_correct = |&n: &usize| {
        let answer = largest(scores.row(n));
        let wanted = match targets.sample(n) {
            Target::Label(k) => Some(k),
            Target::Dense(t) => largest(t),
        };
        answer.is_some() && answer == wanted
    };
    Ok((0..x.rows()).filter(is_correct).count())
}

/// The place of the first largest value; none where one of them is NaN.
fn largest<T: Scalar>(values: &[T]) -> Option<usize> {
    let mut place = 0;
    for (k, value) in values.iter().enumerate() {
        if value.is_nan() {
            return None;
        }
        if *value > values[place] {
            place = k;
        }
    }
    Some(place)
}

/// The mean loss; its gradient by backpropagation goes to `out`.
///
/// # Errors
/// If `x`, the targets or `out` do not fit the network, or there is no sample.
pub fn gradient<'a, T: Scalar>(
    network: &Network<'_, T>,
    x: impl Into<BatchRows<'a, T>>,
    targets: &Targets<'_, T>,
    out: &mut ParametersMut<'_, T>,
) -> Result<T, Error> {
    let x = x.into();
    check_batch(network, (x.rows(), x.cols()), targets)?;
    check_out(network, out)?;
    let work = network.flops().saturating_mul(x.rows()).saturating_mul(3);
    run(work, |threads| {
        let demand = Sizes::new(network, x.rows(), threads.count()).backprop();
        in_workspace(network, x.rows(), demand, |own: &mut Workspace<T>| {
            let batch = Batch::new(x, threads, &mut own.batch);
            let (input, backprop) = (batch.input(), &mut own.backprop);
            write_gradient(backprop, network, input, targets, out, threads)
        })
    })
}

/// The mean loss of a batch; its gradient goes to `out`. All of them fit each other.
fn write_gradient<T: Scalar>(
    backprop: &mut Backprop<T>,
    network: &Network<'_, T>,
    input: Input<'_, T>,
    targets: &Targets<'_, T>,
    out: &mut ParametersMut<'_, T>,
    threads: Threads<'_>,
) -> T {
    backprop.prepare(network, Begin::Input(input), targets, threads);
    let sinks = write_to::<T, T>(network, out);
    backprop.prepared().deliver(input, sinks, threads);
    network.penalized(backprop.loss(network.loss(), targets))
}

/// The mean loss; its central difference in every parameter goes to `out`.
///
/// During a long computation `interrupted` is called every few milliseconds on the calling
/// thread; once it answers true, the computation ends.
///
/// # Errors
/// If `x`, the targets or `out` do not fit the network, there is no sample, `h` is not a positive finite
/// number, or the computation was interrupted.
pub fn numerical_gradient<'a>(
    network: &Network<'_, f64>,
    x: impl Into<BatchRows<'a, f64>>,
    targets: &Targets<'_, f64>,
    difference: CentralDifference,
    interrupted: impl FnMut() -> bool + Send,
    out: &mut ParametersMut<'_, f64>,
) -> Result<f64, Error> {
    let x = x.into();
    check_batch(network, (x.rows(), x.cols()), targets)?;
    check_out(network, out)?;
    difference.check()?;
    let mut compute = |threads: Threads<'_>, cancel: &Cancel<'_>, max_flops| {
        let demand = Sizes::new(network, x.rows(), threads.count()).numerical(difference.method);
        in_workspace(network, x.rows(), demand, |own: &mut NumericalWorkspace| {
            let batch = Batch::new(x, threads, &mut own.batch);
            let (input, quotients) = (batch.input(), &mut own.quotients);
            let context = Context {
                threads,
                cancel,
                max_flops,
            };
            let begin = (Begin::Input(input), input);
            let prepared = quotients.prepare(network, begin, targets, difference, context)?;
            Ok(prepared.map(|()| {
                let sinks = write_to::<f64, f64>(network, out);
                quotients.prepared().deliver(input, sinks, threads);
                network.penalized(quotients.loss())
            }))
        })?
    };
    let work = difference.method.flops(network, x.rows());
    if work < MIN_WATCHED_FLOPS {
        // Nobody looks for interrupts: what turns out to be long is begun once more.
        let never = Cancel::new();
        if let Some(loss) = run(work, |threads| compute(threads, &never, MIN_WATCHED_FLOPS))? {
            return Ok(loss);
        }
    }
    let work = work.max(MIN_WATCHED_FLOPS);
    let loss = run_watched(work, interrupted, |threads, cancel| {
        compute(threads, cancel, usize::MAX)
    })?;
    // Nothing takes more than the most there is.
    Ok(loss.unwrap_or(f64::NAN))
}

fn check_out<T: Scalar>(network: &Network<'_, T>, out: &ParametersMut<'_, T>) -> Result<(), Error> {
    if out.fit(network) {
        return Ok(());
    }
    let got = format!("{} layers of other sizes", out.layers.len());
    Err(Error::value("out", "have the network's shapes", got))
}

fn forward_pass<'a, T: Scalar>(
    network: &Network<'_, T>,
    x: impl Into<BatchRows<'a, T>>,
) -> Result<Forward<T>, Error> {
    let x = x.into();
    check_input(network, (x.rows(), x.cols()))?;
    let work = network.flops().saturating_mul(x.rows());
    prepare_thread()?;
    run(work, |threads| {
        ensure_memory(Sizes::new(network, x.rows(), threads.count()).forward())?;
        let mut forward = Forward::new();
        forward.run_stream(network, x, threads);
        Ok(forward)
    })
}

fn check_input<T: Scalar>(
    network: &Network<'_, T>,
    (rows, cols): (usize, usize),
) -> Result<(), Error> {
    if cols == network.inputs() {
        return Ok(());
    }
    let wanted = format!("have {} columns, one an input", network.inputs());
    Err(Error::value("x", wanted, format!("shape ({rows}, {cols})")))
}

/// Checks that inputs of shape `(rows, cols)` and targets fit the network and each other.
///
/// # Errors
/// If not, or if there is no sample.
pub fn check_batch<T: Scalar>(
    network: &Network<'_, T>,
    (rows, cols): (usize, usize),
    targets: &Targets<'_, T>,
) -> Result<(), Error> {
    check_input(network, (rows, cols))?;
    if rows == 0 {
        let got = format!("shape ({rows}, {cols})");
        return Err(Error::value("x", "hold at least one sample", got));
    }
    network.loss().check(targets, (rows, network.classes()))
}
