//! The literal algorithm of the notebook: move one parameter, run the whole forward pass, twice;
//! for every parameter. The oracle for the other two evaluators.

use crate::error::Error;
use crate::finite_difference::quotient::{central_difference, Move, Point};
use crate::network::forward::{Begin, Forward};
use crate::network::input::Input;
use crate::network::losses::Targets;
use crate::network::parameters::Parameters;
use crate::network::Network;
use crate::parallel::cancel::Cancel;
use crate::parallel::context::Context;
use crate::parallel::{for_chunks, Threads};

/// Parameters one task moves, one after the other, on a copy of its own.
const CHUNK: usize = 128;

/// A network of its own parameters, of which those of one weight matrix or bias are moved.
struct Moving<'a> {
    parameters: Parameters<f64>,
    array: usize,
    like: &'a Network<'a, f64>,
    input: Input<'a, f64>,
    targets: &'a Targets<'a, f64>,
    forward: Forward<f64>,
    cancel: &'a Cancel<'a>,
}

impl Point for Moving<'_> {
    type Error = Error;

    fn number(&mut self, place: usize) -> &mut f64 {
        let mut arrays = self.parameters.slices_mut();
        let array = arrays.nth(self.array);
        &mut array.expect("the array is one of the network's")[place]
    }

    fn value(&mut self) -> Result<f64, Error> {
        self.cancel.check()?;
        let network = self.parameters.network(self.like);
        let begin = Begin::Input(self.input);
        self.forward.run(&network, begin, Threads::One);
        Ok(self.like.loss().mean(&self.forward.scored(self.targets)))
    }
}

/// Checks that `h` moves every parameter: to one so large that rounding swallows it, it is nothing.
///
/// # Errors
/// If it does not.
pub fn check_steps(network: &Network<'_, f64>, h: f64) -> Result<(), Error> {
    for (l, layer) in network.layers().iter().enumerate() {
        let arrays = [
            ("weights", layer.weights.data()),
            ("bias", layer.bias.unwrap_or_default()),
        ];
        for (name, numbers) in arrays {
            if let Some(number) = numbers
                .iter()
                .find(|&&number| Move::of(number, h).is_none())
            {
                let got = format!("{h} for {number} in the {name} of layer {}", l + 1);
                return Err(Error::value(
                    "h",
                    "be large enough to move every parameter",
                    got,
                ));
            }
        }
    }
    Ok(())
}

/// The central difference of the mean loss in every parameter, which `h` [moves](check_steps).
///
/// # Errors
/// [`Error::Interrupted`] if cancelled.
pub fn direct(
    network: &Network<'_, f64>,
    input: Input<'_, f64>,
    targets: &Targets<'_, f64>,
    h: f64,
    Context {
        threads, cancel, ..
    }: Context<'_>,
) -> Result<Parameters<f64>, Error> {
    let mut quotients = Parameters::filled(network, 0.0);
    for (array, out) in quotients.slices_mut().enumerate() {
        for_chunks(threads, out, CHUNK, |chunk, out| {
            if cancel.check().is_err() {
                return; // before the copy below, of which a large network has thousands to come
            }
            let mut moving = Moving {
                parameters: Parameters::copied(network),
                array,
                like: network,
                input,
                targets,
                forward: Forward::new(),
                cancel,
            };
            let places = chunk * CHUNK..chunk * CHUNK + out.len();
            // The only failure is the cancellation that is checked for below.
            let _ = central_difference(&mut moving, places, h, out);
        });
    }
    cancel.check()?;
    Ok(quotients)
}
