//! Rows that are kept as lists against the same rows in tiles, bit for bit, and against the definition.

use super::draw::{distance, product, Draw};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::scalar::Scalar;
use crate::parallel::{block_rows, Threads};
use crate::sparse::csr::CsrRef;
use crate::sparse::rows::RowsRef;
use crate::sparse::shard::Form;
use crate::sparse::transposed_times_dense::ElementMap;
use crate::sparse::Sparse;
use proptest::prelude::*;

/// A matrix by its elements, and some zeros among them.
struct Elements<S> {
    values: Vec<S>,
    columns: Vec<u32>,
    starts: Vec<usize>,
    cols: usize,
}

impl<S: Scalar> Elements<S> {
    /// Of all rows; every 397th zero or so is stored, too.
    fn of(x: MatrixRef<'_, S>) -> Self {
        let mut own = Self {
            values: Vec::new(),
            columns: Vec::new(),
            starts: vec![0],
            cols: x.cols(),
        };
        for n in 0..x.rows() {
            for (column, &value) in (0_u32..).zip(x.row(n)) {
                if value != S::zero() || (n + column as usize).is_multiple_of(397) {
                    own.values.push(value);
                    own.columns.push(column);
                }
            }
            own.starts.push(own.values.len());
        }
        own
    }

    fn view(&self) -> RowsRef<'_, S> {
        let csr = CsrRef::new(&self.values, &self.columns, &self.starts, self.cols);
        RowsRef::Csr(csr.expect("elements in order"))
    }
}

fn filled<S: Scalar>(rows: RowsRef<'_, S>) -> (Sparse<S>, Form) {
    let mut sparse = Sparse::default();
    sparse.reshape((rows.rows(), rows.cols()), block_rows(rows.rows()), 0.5);
    let rows = rows.of_range(0..rows.rows());
    assert_eq!(sparse.try_fill::<S, S>(&rows, Threads::One), Ok(()));
    (sparse, rows.form())
}

fn bits<S: Scalar>(numbers: &[S]) -> Vec<u64> {
    numbers.iter().map(|x| x.widen().to_bits()).collect()
}

fn times<S: Scalar>(x: &Sparse<S>, matrix: MatrixRef<'_, S>, bias: Option<&[S]>) -> (Vec<S>, bool) {
    let units = matrix.cols();
    let mut out = vec![S::nan(); x.rows() * units];
    let mut is_right = true;
    let are_finite = Default::default();
    let blocks = out.chunks_mut(block_rows(x.rows()) * units);
    for (b, out) in blocks.enumerate() {
        is_right &= x.times(b, (matrix, &are_finite), bias, out);
    }
    (out, is_right)
}

fn transposed_times<S: Scalar>(
    x: &Sparse<S>,
    map: ElementMap<S>,
    matrix: MatrixRef<'_, S>,
) -> Vec<S> {
    let mut all = Vec::new();
    for shard in x.shards() {
        let columns = 0..shard.columns().len();
        let mut out = vec![S::nan(); columns.len() * matrix.cols()];
        shard.transposed_times(&columns, map, matrix, &mut out);
        all.extend(out);
    }
    all
}

/// Asserts that lists and tiles of `x` give the same bits in all products.
fn agree<S: Scalar>(x: MatrixRef<'_, S>, weights: MatrixRef<'_, S>, deltas: MatrixRef<'_, S>) {
    let elements = Elements::of(x);
    let (lists, form) = filled(elements.view());
    let (tiles, other) = filled(RowsRef::Dense(x));
    assert_eq!((form, other), (Form::Lists, Form::Tiles));
    assert_eq!(bits(lists.to_dense(0..x.rows()).data()), {
        let positive = x.data().iter().map(|&x| x + S::zero());
        bits(&positive.collect::<Vec<_>>())
    });
    assert_eq!(bits(&[lists.max_abs()]), bits(&[tiles.max_abs()]));
    let bias = Some(&weights.data()[..weights.cols()]);
    for bias in [None, bias] {
        let (found, is_right) = times(&lists, weights, bias);
        let (wanted, was_right) = times(&tiles, weights, bias);
        assert_eq!((bits(&found), is_right), (bits(&wanted), was_right));
    }
    let third = S::from_f64(1.0 / 3.0);
    for map in [ElementMap::Plain, ElementMap::OddChebyshev(1, third)] {
        let found = transposed_times(&lists, map, deltas);
        assert_eq!(bits(&found), bits(&transposed_times(&tiles, map, deltas)));
    }
    for (list, tile) in lists.shards().iter().zip(tiles.shards()) {
        let columns = 0..list.columns().len();
        assert_eq!(list.count_in(&columns), tile.count_in(&columns));
        assert_eq!(bits(list.to_dense().data()), bits(tile.to_dense().data()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn lists_and_tiles_have_the_same_products(
        seed: u64,
        (n, d, h) in (1..150_usize, 64..500_usize, 1..240_usize),
        density in prop_oneof![Just(0.0), Just(0.001), Just(0.008)],
    ) {
        let mut draw = Draw(seed);
        let x = draw.matrix(n, d, 1.0, density);
        let (w, deltas) = (draw.matrix(d, h, 1.0, 1.0), draw.matrix(n, h, 1.0, 1.0));
        prop_assume!(x.data().iter().filter(|&&x| x != 0.0).count() * 2 < n * (d / 64));
        agree(x.view(), w.view(), deltas.view());
        let single = |matrix: &Matrix<f64>| matrix.view().cast::<f32>();
        agree(single(&x).view(), single(&w).view(), single(&deltas).view());
        let elements = Elements::of(x.view());
        let (lists, _) = filled(elements.view());
        let (found, _) = times(&lists, w.view(), None);
        prop_assert!(distance(&found, product(x.view(), w.view()).data()) < 1e-12);
        let found = transposed_times(&lists, ElementMap::Plain, deltas.view());
        let wanted = product(x.view().transposed().view(), deltas.view());
        prop_assert!(distance(&found, wanted.data()) < 1e-12);
    }
}

#[test]
fn what_is_not_finite_is_found_in_rows_and_weights() {
    let mut draw = Draw(1);
    let mut x = draw.matrix(70, 300, 1.0, 0.005);
    let mut w = draw.matrix(300, 9, 1.0, 1.0);
    let deltas = draw.matrix(70, 9, 1.0, 1.0);
    x.data_mut()[77] = f64::NEG_INFINITY;
    agree(x.view(), w.view(), deltas.view());
    x.data_mut()[700] = f64::NAN;
    // In a row of the weights that no element meets, too.
    w.data_mut()[299 * 9] = f64::INFINITY;
    let elements = Elements::of(x.view());
    assert!(!times(&filled(elements.view()).0, w.view(), None).1);
    agree(x.view(), w.view(), deltas.view());
}

#[test]
fn a_buffer_may_change_its_form() {
    let mut draw = Draw(2);
    let empty = draw.matrix(40, 200, 1.0, 0.005);
    let full = draw.matrix(40, 200, 1.0, 0.3);
    let mut sparse = Sparse::<f64>::default();
    for x in [&empty, &full, &empty] {
        let elements = Elements::of(x.view());
        sparse.reshape((40, 200), block_rows(40), 0.5);
        let rows = elements.view().of_range(0..40);
        assert_eq!(sparse.try_fill::<f64, f64>(&rows, Threads::One), Ok(()));
        assert!(sparse.is_sparse());
        assert_eq!(bits(sparse.to_dense(0..40).data()), {
            let positive = x.data().iter().map(|&x| x + 0.0);
            bits(&positive.collect::<Vec<_>>())
        });
    }
}
