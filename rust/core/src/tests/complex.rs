//! Complex arithmetic, and naive twins of activations and losses over it.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::network::activations::Activation;
use crate::network::losses::Loss;

/// A complex number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Complex {
    pub re: f64,
    pub im: f64,
}

/// A real number as a complex one.
pub fn real(re: f64) -> Complex {
    Complex { re, im: 0.0 }
}

impl Complex {
    /// The number of that size and angle.
    pub fn polar(size: f64, angle: f64) -> Self {
        Self {
            re: size * angle.cos(),
            im: size * angle.sin(),
        }
    }

    pub fn size(self) -> f64 {
        self.re.hypot(self.im)
    }

    pub fn exp(self) -> Self {
        Self::polar(self.re.exp(), self.im)
    }

    pub fn ln(self) -> Self {
        Self {
            re: self.size().ln(),
            im: self.im.atan2(self.re),
        }
    }
}

impl Add for Complex {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            re: self.re + other.re,
            im: self.im + other.im,
        }
    }
}

impl Neg for Complex {
    type Output = Self;
    fn neg(self) -> Self {
        Self {
            re: -self.re,
            im: -self.im,
        }
    }
}

impl Sub for Complex {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Complex {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }
}

impl Div for Complex {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let square = other.re * other.re + other.im * other.im;
        let product = self
            * Self {
                re: other.re,
                im: -other.im,
            };
        Self {
            re: product.re / square,
            im: product.im / square,
        }
    }
}

/// An activation by its definition; of one with kinks the branch at the real number `at`.
pub fn activation(activation: Activation, a: Complex, at: f64) -> Complex {
    let one = real(1.0);
    match activation {
        Activation::Identity => a,
        Activation::Relu | Activation::LeakyRelu | Activation::Elu if at > 0.0 => a,
        Activation::Sigmoid if a.re < 0.0 => a.exp() / (one + a.exp()),
        Activation::Sigmoid => one / (one + (-a).exp()),
        Activation::Relu => real(0.0),
        Activation::Tanh if a.re < 0.0 => -self::activation(activation, -a, at),
        Activation::Tanh => {
            let e = (real(-2.0) * a).exp();
            (one - e) / (one + e)
        }
        Activation::LeakyRelu => real(0.01) * a,
        Activation::Elu => {
            // exp(a) - 1 = 2 exp(a / 2) sinh(a / 2), but for tiny numbers.
            if a.size() < 1e-5 {
                a + real(0.5) * a * a
            } else {
                a.exp() - one
            }
        }
        Activation::Softplus if a.re > 0.0 => a + (one + (-a).exp()).ln(),
        Activation::Softplus if a.re < -36.0 => a.exp(),
        Activation::Softplus => (one + a.exp()).ln(),
        Activation::Silu => a * self::activation(Activation::Sigmoid, a, at),
        Activation::Gelu => a * normal_cdf(a),
    }
}

/// The distribution function of the normal distribution: by its Taylor series over the density, or far out by
/// the continued fraction of its tail (Abramowitz and Stegun, 26.2.10 and 26.2.14).
fn normal_cdf(w: Complex) -> Complex {
    if w.re > 3.0 {
        return real(1.0) - normal_cdf(-w);
    }
    if w.re < -3.0 {
        let mut fraction = real(0.0);
        for n in (1..200).rev() {
            fraction = real(f64::from(n)) / (-w + fraction);
        }
        let density = (real(-0.5) * w * w).exp() / real((2.0 * std::f64::consts::PI).sqrt());
        return density / (-w + fraction);
    }
    let (mut term, mut sum) = (w, w);
    for k in 1..400 {
        term = term * w * w / real(f64::from(2 * k + 1));
        sum = sum + term;
    }
    let density = (real(-0.5) * w * w).exp() / real((2.0 * std::f64::consts::PI).sqrt());
    real(0.5) + density * sum
}

/// The loss of a sample by its definition; `t` has a weight for each class.
pub fn loss(loss: Loss, scores: &[Complex], t: &[f64]) -> Complex {
    let sum = |terms: &mut dyn Iterator<Item = Complex>| terms.fold(real(0.0), Add::add);
    match loss {
        Loss::SoftmaxCrossEntropy(loss) => {
            let top = scores.iter().fold(f64::MIN, |top, s| top.max(s.re));
            let exps: Vec<_> = scores.iter().map(|&s| (s - real(top)).exp()).collect();
            let total = sum(&mut exps.iter().copied());
            let terms = exps.iter().zip(t);
            sum(&mut terms.map(|(&e, &t)| real(-t) * (e / total + real(loss.epsilon)).ln()))
        }
        Loss::SquaredError(_) => {
            let errors = scores.iter().zip(t).map(|(&s, &t)| s - real(t));
            real(0.5) * sum(&mut errors.map(|e| e * e))
        }
        Loss::CrossEntropy(_) => {
            let top = scores.iter().fold(f64::MIN, |top, s| top.max(s.re));
            let total = sum(&mut scores.iter().map(|&s| (s - real(top)).exp()));
            let all = real(top) + total.ln();
            sum(&mut scores.iter().zip(t).map(|(&s, &t)| real(t) * (all - s)))
        }
        Loss::BinaryCrossEntropy(_) => sum(&mut scores
            .iter()
            .zip(t)
            .map(|(&s, &t)| activation(Activation::Softplus, s, s.re) - real(t) * s)),
        Loss::Poisson(_) => sum(&mut scores.iter().zip(t).map(|(&s, &t)| s.exp() - real(t) * s)),
        Loss::AbsoluteError(_) | Loss::Huber(_) | Loss::Pinball(_) => {
            unreachable!("polynomials between their kinks")
        }
    }
}

/// The derivative of a real function: by a step so small, and across the real line, that nothing cancels
/// (Squire and Trapp, "Using complex variables to estimate derivatives of real functions", 1998).
pub fn derivative(f: impl Fn(Complex) -> Complex, at: f64) -> f64 {
    const STEP: f64 = 1e-60;
    f(Complex { re: at, im: STEP }).im / STEP
}
