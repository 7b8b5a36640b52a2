//! Derivatives of any function from its values: noise, extrapolation, error estimates, kinks and jumps.
//!
//! The caller asks the function at points that lie around x, one element moved at a time. [`judge_all`]
//! says what follows from the values, element by element, and at which steps to ask again.

mod corners;
mod next;
pub(crate) mod noise;
mod row;
pub(crate) mod second;
mod tableau;
mod unit;
mod verdict;

use crate::differentiation::next::Next;
use crate::differentiation::row::{Accuracy, Element, Sample, Side};
use crate::differentiation::unit::unit_of;
use crate::differentiation::verdict::{judge, Buffers, Verdict};

/// The most steps that an element asks for at a time.
pub const MAX_NEW_STEPS: usize = 4;

/// Steps below this part of the widest say nothing beside it, and squares of their quotients would not be
/// numbers: they are left out.
const LEAST_PART: f64 = 1e-60;

/// What was asked, and what the function answered.
///
/// E elements, L steps each, M outputs. A step whose first distance is not positive was not asked.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// For each element 0 for central differences, 1 or -1 for one-sided ones, to the right or left.
    pub sides: &'a [i64],
    /// E x L x 2: how far the element was moved, up and down; one-sided: how far, and nothing.
    pub distances: &'a [f64],
    /// E x L x 2 x M: the values there.
    pub values: &'a [f64],
    /// E x 4: the rounding of the element as a length, the length on which the function is thought to
    /// change, the widest and the smallest step that may be asked for.
    pub elements: &'a [f64],
    /// M: the values at x.
    pub center: &'a [f64],
    /// M: the noise of the values.
    pub noise: &'a [f64],
    /// M: the largest magnitude of the values that the noise was measured with.
    pub magnitude: &'a [f64],
    /// The spacing of the values at 1, by their dtype, and their smallest normal number.
    pub precision: (f64, f64),
    /// Whether no further steps may be asked for.
    pub is_last: bool,
}

/// What follows from [`Answers`].
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    /// 5 x E x M: derivative, error, step, left and right quotient.
    pub numbers: Vec<f64>,
    /// E x M: 0 or what is wrong, as `kobai.differentiate.Status` has it.
    pub status: Vec<i64>,
    /// E x [`MAX_NEW_STEPS`]: the steps to ask next, 0 for none.
    pub next: Vec<f64>,
}

/// Judges every output of every element. The steps to ask next are those of the output that needs them most.
#[must_use]
pub fn judge_all(answers: &Answers<'_>) -> Verdicts {
    let (count, outputs) = (answers.sides.len(), answers.center.len());
    let total = count * outputs;
    let mut verdicts = Verdicts {
        numbers: vec![0.0; 5 * total],
        status: vec![0; total],
        next: vec![0.0; count * MAX_NEW_STEPS],
    };
    let (mut samples, mut buffers) = (Vec::new(), Buffers::default());
    for element in 0..count {
        let mut next = Next::Nothing;
        let length = length_of(answers, element);
        let bounds = bounds(answers, element).in_units_of(length);
        for output in 0..outputs {
            read(answers, element, output, length, &mut samples);
            let center = answers.center[output];
            let accuracy = accuracy(answers, output);
            let quotients = samples
                .iter()
                .flat_map(|sample| sample.quotients(center, accuracy));
            let unit = unit_of(quotients);
            for sample in &mut samples {
                (sample.above, sample.below) = (sample.above / unit, sample.below / unit);
            }
            let verdict = judge(
                &samples,
                Side::from_sign(answers.sides[element]),
                center / unit,
                accuracy.in_units_of(unit),
                bounds,
                answers.is_last,
                &mut buffers,
            );
            next = next.or(verdict.next);
            let verdict = verdict.times(unit, length);
            write(&verdict, element * outputs + output, total, &mut verdicts);
        }
        let steps = &mut verdicts.next[element * MAX_NEW_STEPS..][..MAX_NEW_STEPS];
        next.write_to(steps);
        for step in steps {
            *step *= length;
        }
    }
    verdicts
}

/// The unit of the distances of an element.
fn length_of(answers: &Answers<'_>, element: usize) -> f64 {
    let distances = answers.distances.len() / answers.sides.len();
    let own = &answers.distances[element * distances..][..distances];
    unit_of(own.iter().copied())
}

fn read(
    answers: &Answers<'_>,
    element: usize,
    output: usize,
    length: f64,
    samples: &mut Vec<Sample>,
) {
    let (count, outputs) = (answers.sides.len(), answers.center.len());
    let levels = answers.distances.len() / (2 * count);
    samples.clear();
    let own = &answers.distances[2 * element * levels..][..2 * levels];
    let least = LEAST_PART * own.iter().step_by(2).copied().fold(0.0, f64::max);
    let is_near = |&level: &usize| own[2 * level] >= least;
    samples.extend((0..levels).filter(is_near).map(|level| {
        let at = 2 * (element * levels + level);
        Sample {
            up: answers.distances[at] / length,
            down: answers.distances[at + 1] / length,
            above: answers.values[at * outputs + output],
            below: answers.values[(at + 1) * outputs + output],
        }
    }));
}

fn accuracy(answers: &Answers<'_>, output: usize) -> Accuracy {
    Accuracy {
        noise: answers.noise[output],
        magnitude: answers.magnitude[output],
        epsilon: answers.precision.0,
        smallest: answers.precision.1,
    }
}

fn bounds(answers: &Answers<'_>, element: usize) -> Element {
    let distances = answers.distances.len() / answers.sides.len();
    let own = answers.distances[element * distances..][..distances].iter();
    let asked = own.step_by(2).copied().filter(|&up| up > 0.0);
    let numbers = &answers.elements[4 * element..];
    Element {
        rounding: numbers[0],
        scale: numbers[1],
        widest: numbers[2],
        smallest: numbers[3],
        narrowest: asked.fold(f64::INFINITY, f64::min),
    }
}

fn write(verdict: &Verdict, at: usize, total: usize, verdicts: &mut Verdicts) {
    let numbers = [
        verdict.derivative,
        verdict.error,
        verdict.step,
        verdict.left,
        verdict.right,
    ];
    for (row, number) in numbers.into_iter().enumerate() {
        verdicts.numbers[row * total + at] = number;
    }
    verdicts.status[at] = verdict.status as i64;
}
