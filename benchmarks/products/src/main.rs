//! Which crate multiplies matrices of kobai's shapes fastest: `make bench-products`.
//!
//! The three products of a step of several networks, in both types, by one thread (kobai cuts products
//! among threads itself); medians over interleaved rounds.

use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use private_gemm_x86 as kernels;

/// `m, k, n` and whether each factor is read transposed: what a block of rows of a batch takes, of the
/// networks 784-50-10, 784-200-10, 30-100-3 and 10-50-3.
const SHAPES: [(&str, [usize; 3], [bool; 2]); 14] = [
    ("x @ W", [50, 784, 50], [false, false]),
    ("x.T @ D", [98, 100, 50], [true, false]),
    ("D @ W.T", [50, 10, 50], [false, true]),
    ("z @ W2", [50, 50, 10], [false, false]),
    ("z.T @ D2", [50, 100, 10], [true, false]),
    ("x @ W", [50, 784, 200], [false, false]),
    ("x.T @ D", [98, 100, 200], [true, false]),
    ("D @ W.T", [50, 10, 200], [false, true]),
    ("x @ W", [32, 30, 100], [false, false]),
    ("x.T @ D", [30, 64, 100], [true, false]),
    ("D @ W.T", [32, 3, 100], [false, true]),
    ("x @ W", [16, 10, 50], [false, false]),
    ("x.T @ D", [10, 32, 50], [true, false]),
    ("z @ W2", [16, 50, 3], [false, false]),
];
const ROUNDS: usize = 200;
const CONTENDERS: [&str; 5] = [
    "faer",
    "its kernels",
    "its kernels, AVX2",
    "gemm",
    "matrixmultiply",
];

/// Row and column stride of a factor stored row after row, perhaps transposed.
fn strides(rows: usize, cols: usize, transposed: bool) -> [isize; 2] {
    if transposed {
        [1, rows as isize]
    } else {
        [cols as isize, 1]
    }
}

struct Product<T> {
    size: [usize; 3],
    a: (Vec<T>, [isize; 2]),
    b: (Vec<T>, [isize; 2]),
    c: Vec<T>,
}

macro_rules! contenders {
    ($t:ty, $mm:path, $kind:expr) => {
        impl Product<$t> {
            fn new([m, k, n]: [usize; 3], [ta, tb]: [bool; 2]) -> Self {
                let fill = |len: usize| (0..len).map(|i| (i % 17) as $t / 17.0).collect();
                Self {
                    size: [m, k, n],
                    a: (fill(m * k), strides(m, k, ta)),
                    b: (fill(k * n), strides(k, n, tb)),
                    c: vec![0.0; m * n],
                }
            }

            fn matrixmultiply(&mut self) {
                let [m, k, n] = self.size;
                let ([ra, ca], [rb, cb]) = (self.a.1, self.b.1);
                let (a, b, c) = (self.a.0.as_ptr(), self.b.0.as_ptr(), self.c.as_mut_ptr());
                // SAFETY: the vectors hold m * k, k * n and m * n elements.
                unsafe { $mm(m, k, n, 1.0, a, ra, ca, b, rb, cb, 0.0, c, n as isize, 1) }
            }

            fn gemm(&mut self) {
                let [m, k, n] = self.size;
                let ([ra, ca], [rb, cb]) = (self.a.1, self.b.1);
                let (a, b, c) = (self.a.0.as_ptr(), self.b.0.as_ptr(), self.c.as_mut_ptr());
                // SAFETY: the vectors hold m * k, k * n and m * n elements.
                unsafe {
                    gemm::gemm(
                        m, n, k, c, 1, n as isize, false, a, ca, ra, b, cb, rb, 0.0, 1.0, false,
                        false, false, gemm::Parallelism::None,
                    );
                }
            }

            fn kernels(&mut self, level: kernels::InstrSet) {
                let [m, k, n] = self.size;
                let ([ra, ca], [rb, cb]) = (self.a.1, self.b.1);
                let (none, one): (*const (), $t) = (std::ptr::null(), 1.0);
                // SAFETY: as above; the processor has been found to have the instructions.
                unsafe {
                    kernels::gemm(
                        $kind, kernels::IType::U64, level, m, n, k,
                        self.c.as_mut_ptr().cast(), n as isize, 1, none, none, kernels::DstKind::Full,
                        kernels::Accum::Replace, self.a.0.as_ptr().cast(), ra, ca, false, none, 0,
                        self.b.0.as_ptr().cast(), rb, cb, false, (&raw const one).cast(), 1,
                    );
                }
            }

            fn faer(&mut self) {
                let [m, k, n] = self.size;
                fn view_of<'a>(
                    data: &'a (Vec<$t>, [isize; 2]),
                    rows: usize,
                    cols: usize,
                ) -> MatRef<'a, $t> {
                    if data.1[0] == 1 {
                        MatRef::from_column_major_slice(&data.0, rows, cols)
                    } else {
                        MatRef::from_row_major_slice(&data.0, rows, cols)
                    }
                }
                let out = MatMut::from_row_major_slice_mut(&mut self.c, m, n);
                let (a, b) = (view_of(&self.a, m, k), view_of(&self.b, k, n));
                matmul(out, Accum::Replace, a, b, 1.0, Par::Seq);
            }

            fn times(mut self) -> [f64; 5] {
                let [m, k, n] = self.size;
                let calls = (2_000_000 / (m * k * n)).clamp(2, 100);
                let wide = std::arch::is_x86_feature_detected!("avx512f");
                let best = if wide { kernels::InstrSet::Avx512 } else { kernels::InstrSet::Avx256 };
                let mut times = [(); 5].map(|()| Vec::with_capacity(ROUNDS));
                for _ in 0..ROUNDS {
                    for (which, times) in times.iter_mut().enumerate() {
                        let start = Instant::now();
                        for _ in 0..calls {
                            match which {
                                0 => self.faer(),
                                1 => self.kernels(best),
                                2 => self.kernels(kernels::InstrSet::Avx256),
                                3 => self.gemm(),
                                _ => self.matrixmultiply(),
                            }
                        }
                        times.push(start.elapsed().as_secs_f64() * 1e6 / calls as f64);
                    }
                }
                times.map(|mut times| {
                    times.sort_by(f64::total_cmp);
                    times[ROUNDS / 2]
                })
            }
        }
    };
}

contenders!(f32, matrixmultiply::sgemm, kernels::DType::F32);
contenders!(f64, matrixmultiply::dgemm, kernels::DType::F64);

fn main() {
    println!("| product | m, k, n | type | {} |", CONTENDERS.join(" | "));
    println!("|---|---|---|{}", "--:|".repeat(CONTENDERS.len()));
    for (name, size, transposed) in SHAPES {
        let single = Product::<f32>::new(size, transposed).times();
        let double = Product::<f64>::new(size, transposed).times();
        for (kind, times) in [("f32", single), ("f64", double)] {
            let [m, k, n] = size;
            let times = times.map(|time| format!("{time:.2} us"));
            println!("| {name} | {m}, {k}, {n} | {kind} | {} |", times.join(" | "));
        }
    }
}
