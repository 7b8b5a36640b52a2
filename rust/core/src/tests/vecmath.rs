//! The vector functions against the standard library's, within the bounds their comments state.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Baseline, Fused, Kernel, Level};
use crate::numeric::vecmath::{exp, exp_m1, ln, sigmoid, tanh};

/// A function over a list, at the best level of instructions.
struct Over<'a, T, F>(&'a mut [T], F);

macro_rules! function {
    ($name:ident) => {
        #[derive(Clone, Copy)]
        struct $name;
        impl<T: Scalar> Kernel for Over<'_, T, $name> {
            type Output = ();
            #[inline(always)]
            fn run<L: Level>(self) {
                for x in self.0 {
                    *x = function_of!($name, T, L)(*x);
                }
            }
        }
    };
}

macro_rules! function_of {
    (Exp, $t:ty, $r:ty) => {
        exp::<$t, $r>
    };
    (ExpM1, $t:ty, $r:ty) => {
        exp_m1::<$t, $r>
    };
    (Tanh, $t:ty, $r:ty) => {
        tanh::<$t, $r>
    };
    (Ln, $t:ty, $r:ty) => {
        ln::<$t, $r>
    };
    (Sigmoid, $t:ty, $r:ty) => {
        sigmoid::<$t, $r>
    };
}

function!(Exp);
function!(ExpM1);
function!(Tanh);
function!(Ln);
function!(Sigmoid);

/// The number of representable numbers between two of the same sign.
fn ulps_64(a: f64, b: f64) -> u64 {
    a.to_bits().abs_diff(b.to_bits())
}

fn ulps_32(a: f32, b: f32) -> u32 {
    a.to_bits().abs_diff(b.to_bits())
}

const COUNT: i32 = 2_000_000;

/// Even steps from `low` to `high`.
fn sweep(low: f64, high: f64) -> impl Iterator<Item = f64> {
    (0..=COUNT).map(move |i| low + (high - low) * f64::from(i) / f64::from(COUNT))
}

#[test]
fn exp_is_within_its_bound_at_every_level() {
    for x in sweep(-708.0, 709.7) {
        let mut best = [x];
        dispatch(Over(&mut best, Exp));
        assert!(ulps_64(best[0], x.exp()) <= 2, "{x}");
        assert!(ulps_64(exp::<f64, Baseline>(x), x.exp()) <= 3, "{x}");
    }
    for x in sweep(-87.0, 88.7).map(f32::from_f64) {
        let exact = f32::from_f64(x.widen().exp());
        let mut best = [x];
        dispatch(Over(&mut best, Exp));
        assert!(ulps_32(best[0], exact) <= 1, "{x}");
        assert!(ulps_32(exp::<f32, Baseline>(x), exact) <= 2, "{x}");
    }
}

#[test]
fn exp_goes_subnormal_and_overflows_as_it_should() {
    for x in sweep(-746.0, -708.0) {
        assert!((exp::<f64, Fused>(x) - x.exp()).abs() <= 5e-324, "{x}");
    }
    for x in sweep(-104.0, -87.0).map(f32::from_f64) {
        let exact = f32::from_f64(x.widen().exp());
        assert!((exp::<f32, Fused>(x) - exact).abs() <= 1e-45, "{x}");
    }
    for (x, y) in [
        (710.0, f64::INFINITY),
        (f64::INFINITY, f64::INFINITY),
        (0.0, 1.0),
    ] {
        assert_eq!(exp::<f64, Fused>(x).to_bits(), y.to_bits());
    }
    assert_eq!(exp::<f64, Fused>(f64::NEG_INFINITY).to_bits(), 0);
    assert_eq!(exp::<f32, Fused>(f32::NEG_INFINITY).to_bits(), 0);
    assert_eq!(exp::<f32, Fused>(89.0).to_bits(), f32::INFINITY.to_bits());
    assert!(exp::<f64, Fused>(f64::NAN).is_nan() && exp::<f32, Fused>(f32::NAN).is_nan());
}

#[test]
fn ln_is_within_its_bound_at_every_level() {
    let powers = sweep(-300.0, 300.0).map(|p| 10.0_f64.powf(p));
    for x in powers.chain(sweep(1e-7, 1.0 + 1e-7)) {
        let mut best = [x];
        dispatch(Over(&mut best, Ln));
        assert!(ulps_64(best[0], x.ln()) <= 2, "{x}");
        assert!(ulps_64(ln::<f64, Baseline>(x), x.ln()) <= 3, "{x}");
    }
    let powers = sweep(-37.0, 38.0).map(|p| f32::from_f64(10.0_f64.powf(p)));
    for x in powers.chain(sweep(1e-7, 1.0 + 1e-7).map(f32::from_f64)) {
        let exact = f32::from_f64(x.widen().ln());
        let mut best = [x];
        dispatch(Over(&mut best, Ln));
        assert!(ulps_32(best[0], exact) <= 1, "{x}");
        assert!(ulps_32(ln::<f32, Baseline>(x), exact) <= 2, "{x}");
    }
    assert!(ln::<f64, Fused>(f64::NAN).is_nan() && ln::<f32, Fused>(f32::NAN).is_nan());
    assert_eq!(ln::<f64, Fused>(1.0).to_bits(), 0);
}

#[test]
fn sigmoid_is_within_two_roundings_of_its_definition() {
    for x in sweep(-700.0, 700.0).chain(sweep(-5.0, 5.0)) {
        let e = (-x.abs()).exp();
        let exact = if x < 0.0 { e } else { 1.0 } / (1.0 + e);
        let mut best = [x];
        dispatch(Over(&mut best, Sigmoid));
        assert!(ulps_64(best[0], exact) <= 4, "{x}");
    }
    let ends = [f64::INFINITY, f64::NEG_INFINITY].map(sigmoid::<f64, Fused>);
    assert_eq!(ends.map(f64::to_bits), [1.0_f64.to_bits(), 0]);
    assert!(sigmoid::<f64, Fused>(f64::NAN).is_nan());
}

/// Numbers of every size, of both signs.
fn sizes(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let powers = sweep(low, high).map(|p| 10.0_f64.powf(p));
    powers.flat_map(|x| [x, -x])
}

#[test]
fn exp_m1_is_within_its_bound_at_every_level() {
    for x in sizes(-300.0, 2.9).map(|x| -x.abs()) {
        let mut best = [x];
        dispatch(Over(&mut best, ExpM1));
        assert!(ulps_64(best[0], x.exp_m1()) <= 3, "{x}");
        assert!(ulps_64(exp_m1::<f64, Baseline>(x), x.exp_m1()) <= 3, "{x}");
    }
    for x in sizes(-37.0, 2.0).map(|x| f32::from_f64(-x.abs())) {
        let exact = f32::from_f64(x.widen().exp_m1());
        let mut best = [x];
        dispatch(Over(&mut best, ExpM1));
        assert!(ulps_32(best[0], exact) <= 2, "{x}");
        assert!(ulps_32(exp_m1::<f32, Baseline>(x), exact) <= 2, "{x}");
    }
    assert!(exp_m1::<f64, Fused>(f64::NAN).is_nan() && exp_m1::<f32, Fused>(f32::NAN).is_nan());
}

#[test]
fn tanh_is_within_two_roundings_of_its_definition() {
    for x in sizes(-300.0, 2.5).chain(sweep(-3.0, 3.0)) {
        let mut best = [x];
        dispatch(Over(&mut best, Tanh));
        assert!(ulps_64(best[0], x.tanh()) <= 5, "{x}");
    }
    for x in sizes(-37.0, 2.0).map(f32::from_f64) {
        let exact = f32::from_f64(x.widen().tanh());
        let mut best = [x];
        dispatch(Over(&mut best, Tanh));
        assert!(ulps_32(best[0], exact) <= 4, "{x}");
    }
    let ends = [f64::INFINITY, f64::NEG_INFINITY, -0.0].map(tanh::<f64, Fused>);
    assert_eq!(
        ends.map(f64::to_bits),
        [1.0_f64, -1.0, -0.0].map(f64::to_bits)
    );
    assert!(tanh::<f64, Fused>(f64::NAN).is_nan());
}
