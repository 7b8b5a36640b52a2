//! Which crate multiplies matrices of kobai's shapes fastest: `make bench-products`.
//!
//! The three products of a step, 784-50-10 and a batch of 100, in both types, by one thread and by
//! two; medians over interleaved rounds.

use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// `m, k, n` and whether each factor is read transposed.
const SHAPES: [(&str, [usize; 3], [bool; 2]); 3] = [
    ("x @ W", [100, 784, 50], [false, false]),
    ("x.T @ D", [784, 100, 50], [true, false]),
    ("D @ W.T", [100, 50, 784], [false, true]),
];
const ROUNDS: usize = 60;
const CALLS: usize = 5;

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
    ($t:ty, $mm:path) => {
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

            fn gemm(&mut self, threads: usize) {
                let [m, k, n] = self.size;
                let ([ra, ca], [rb, cb]) = (self.a.1, self.b.1);
                let (a, b, c) = (self.a.0.as_ptr(), self.b.0.as_ptr(), self.c.as_mut_ptr());
                let parallel = match threads {
                    1 => gemm::Parallelism::None,
                    _ => gemm::Parallelism::Rayon(threads),
                };
                // SAFETY: the vectors hold m * k, k * n and m * n elements.
                unsafe {
                    gemm::gemm(
                        m, n, k, c, 1, n as isize, false, a, ca, ra, b, cb, rb, 0.0, 1.0, false,
                        false, false, parallel,
                    );
                }
            }

            fn faer(&mut self, threads: usize) {
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
                let parallel = if threads == 1 { Par::Seq } else { Par::rayon(threads) };
                let (a, b) = (view_of(&self.a, m, k), view_of(&self.b, k, n));
                matmul(out, Accum::Replace, a, b, 1.0, parallel);
            }

            fn times(mut self, threads: usize) -> [f64; 3] {
                let mut times = [(); 3].map(|()| Vec::with_capacity(ROUNDS));
                for _ in 0..ROUNDS {
                    for (which, times) in times.iter_mut().enumerate() {
                        let start = Instant::now();
                        for _ in 0..CALLS {
                            match which {
                                0 => self.matrixmultiply(),
                                1 => self.gemm(threads),
                                _ => self.faer(threads),
                            }
                        }
                        times.push(start.elapsed().as_secs_f64() * 1e6 / CALLS as f64);
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

contenders!(f32, matrixmultiply::sgemm);
contenders!(f64, matrixmultiply::dgemm);

fn main() {
    let threads: usize = std::env::args().nth(1).map_or(1, |text| text.parse().expect("threads"));
    println!("| product | m, k, n | type | threads | matrixmultiply | gemm | faer |");
    println!("|---|---|---|--:|--:|--:|--:|");
    for (name, size, transposed) in SHAPES {
        let single = Product::<f32>::new(size, transposed).times(threads);
        let double = Product::<f64>::new(size, transposed).times(threads);
        for (kind, [mm, gemm, faer]) in [("f32", single), ("f64", double)] {
            let [m, k, n] = size;
            println!(
                "| {name} | {m}, {k}, {n} | {kind} | {threads} | {mm:.0} us | {gemm:.0} us | {faer:.0} us |"
            );
        }
    }
}
