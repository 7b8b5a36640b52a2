//! The products of an input with dense matrices against their definition.

use super::draw::{distance, product, Draw};
use crate::gradient::prepared::{Prepared, PreparedLayer, Terms};
use crate::gradient::sink::{GradientSink, WriteMut};
use crate::network::input::{Batch, Input};
use crate::network::parameters::{LayerParts, PerLayer};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::scalar::Scalar;
use crate::parallel::{block_rows, Threads};
use crate::sparse::Sparse;
use proptest::prelude::*;

/// What the inputs of weighed products are divided by: those drawn are 1 at most.
const LARGEST: f32 = 1.5;

/// Delivers the gradient of a layer without a bias that reads `input`.
fn deliver<T: Scalar>(
    input: Input<'_, T>,
    each: Vec<MatrixRef<'_, T>>,
    quotients: Option<&[T]>,
    out: &mut [T],
) {
    let max_input = T::from_f64(LARGEST.into());
    let layer = PreparedLayer {
        input: None,
        terms: Terms::many(each, None, max_input, true),
        groups: Vec::new(),
        quotients: quotients.map(|weights| LayerParts {
            weights,
            bias: None,
        }),
    };
    let sinks = LayerParts {
        weights: GradientSink::<T, T>::Write(WriteMut::to(out)),
        bias: None,
    };
    let (layers, sinks) = (vec![layer], vec![sinks]);
    Prepared { layers }.deliver(input, PerLayer { layers: sinks }, Threads::One);
}

proptest! {
    #[test]
    fn times_is_the_product(
        seed: u64,
        (n, d, h) in (1..40_usize, 1..40_usize, 1..150_usize),
        density in prop_oneof![Just(0.0), Just(0.1), Just(1.0)],
        with_bias: bool,
    ) {
        let mut draw = Draw(seed);
        let (x, w) = (draw.matrix(n, d, 1.0, density), draw.matrix(d, h, 1.0, 1.0));
        let bias = draw.matrix(1, h, 1.0, 1.0).into_data();
        let bias = with_bias.then_some(bias.as_slice());
        let mut wanted = product(x.view(), w.view());
        for row in wanted.data_mut().chunks_exact_mut(h) {
            row.iter_mut().zip(bias.unwrap_or_default()).for_each(|(y, b)| *y += b);
        }
        let mut room = Sparse::default();
        let batch = Batch::new(x.view(), Threads::One, &mut room);
        for input in [batch.input(), Input::Dense(x.view())] {
            let mut out = vec![f64::NAN; n * h];
            let blocks = out.chunks_mut(block_rows(n) * h).enumerate();
            let are_finite = Default::default();
            blocks.for_each(|(b, out)| input.times(b * block_rows(n), (w.view(), &are_finite), bias, out));
            prop_assert!(distance(&out, wanted.data()) < 1e-12);
        }
    }

    #[test]
    fn odd_polynomials_are_summed(
        seed: u64,
        (n, d, h) in (1..150_usize, 1..150_usize, 1..80_usize),
        terms in 1..4_usize,
        density in prop_oneof![Just(0.0), Just(0.1), Just(1.0)],
    ) {
        let mut draw = Draw(seed);
        let x = draw.matrix(n, d, 1.0, density);
        let c: Vec<_> = (0..terms).map(|_| draw.matrix(n, h, 1.0, 1.0)).collect();
        let mut wanted = Matrix::zeros(d, h);
        for i in 0..d {
            for j in 0..h {
                let weighed = |x: f64, p: usize| {
                    let u = x / f64::from(LARGEST);
                    match p {
                        0 => x,
                        1 => 4.0 * u.powi(3) - 3.0 * u,
                        _ => 16.0 * u.powi(5) - 20.0 * u.powi(3) + 5.0 * u,
                    }
                };
                let term = |n: usize, p: usize| weighed(x.row(n)[i], p) * c[p].row(n)[j];
                let all = (0..n).flat_map(|n| (0..terms).map(move |p| (n, p)));
                wanted.data_mut()[i * h + j] = all.map(|(n, p)| term(n, p)).sum();
            }
        }
        let mut room = Sparse::default();
        let batch = Batch::new(x.view(), Threads::One, &mut room);
        for input in [batch.input(), Input::Dense(x.view())] {
            let terms: Vec<_> = c.iter().map(Matrix::view).collect();
            let mut out = vec![f64::NAN; d * h];
            deliver(input, terms, None, &mut out);
            prop_assert!(distance(&out, wanted.data()) < 1e-12);
        }
    }

    #[test]
    fn single_precision_takes_the_same_way(
        seed: u64,
        (n, d, h) in (1..40_usize, 1..150_usize, 1..150_usize),
    ) {
        let mut draw = Draw(seed);
        let (x, w) = (draw.matrix(n, d, 1.0, 0.1), draw.matrix(d, h, 1.0, 1.0));
        let c = draw.matrix(n, h, 1.0, 1.0);
        let (single_x, single_w) = (x.view().cast::<f32>(), w.view().cast::<f32>());
        let single_c = c.view().cast::<f32>();
        let mut room = Sparse::default();
        let batch = Batch::new(single_x.view(), Threads::One, &mut room);
        let widened = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let mut out = vec![f32::NAN; n * h];
        let blocks = out.chunks_mut(block_rows(n) * h).enumerate();
        let are_finite = Default::default();
        blocks.for_each(|(b, out)| batch.input().times(b * block_rows(n), (single_w.view(), &are_finite), None, out));
        prop_assert!(distance(&widened(&out), product(x.view(), w.view()).data()) < 1e-4);
        let mut out = vec![f32::NAN; d * h];
        deliver(batch.input(), vec![single_c.view()], None, &mut out);
        let wanted = product(x.view().transposed().view(), c.view());
        prop_assert!(distance(&widened(&out), wanted.data()) < 1e-4);
    }
}
