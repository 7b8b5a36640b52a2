//! The registers of AVX2 and AVX-512.
#![allow(unsafe_code)]

use super::Vector;
use std::arch::x86_64 as arch;

/// For each set of 8 lanes, which lane comes at each place: those of the set first.
static OF_EIGHT: [u64; 256] = orders::<8, 256>();
/// For each set of 4 lanes, which half of a lane comes at each place.
static OF_FOUR: [u64; 16] = orders::<4, 16>();

/// For each set of lanes, the order in which it comes first: a byte for each of 8 places, which are
/// lanes or, of fewer, equal parts of them.
const fn orders<const LANES: usize, const SETS: usize>() -> [u64; SETS] {
    let parts = 8 / LANES;
    let mut orders = [0; SETS];
    let mut set = 0;
    while set < SETS {
        let (mut lane, mut place) = (0, 0);
        while lane < LANES {
            let mut part = 0;
            while part < parts && set >> lane & 1 > 0 {
                orders[set] |= ((lane * parts + part) as u64) << (8 * place);
                place += 1;
                part += 1;
            }
            lane += 1;
        }
        set += 1;
    }
    orders
}

/// # Safety
/// The processor must have AVX2.
#[inline(always)]
unsafe fn in_order(x: arch::__m256, order: u64) -> arch::__m256 {
    // SAFETY: asked of the caller.
    unsafe {
        let order = arch::_mm_cvtsi64_si128(order.cast_signed());
        arch::_mm256_permutevar8x32_ps(x, arch::_mm256_cvtepu8_epi32(order))
    }
}

/// A NaN is not equal to zero.
const NONZERO: i32 = arch::_CMP_NEQ_UQ;

macro_rules! register {
    ($(#[$doc:meta])* $name:ident, $inner:ident, $t:ty, $lanes:expr,
     $splat:ident, $load:ident, $store:ident, $fma:ident,
     |$x:ident| $nonzero:expr, |$mask:ident| $compressed:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(arch::$inner);

        impl Vector<$t> for $name {
            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat(x: $t) -> Self {
                // SAFETY: only kernels compiled for a level that has the instructions use
                // its registers.
                Self(unsafe { arch::$splat(x) })
            }

            #[inline(always)]
            unsafe fn load(at: *const $t) -> Self {
                // SAFETY: asked of the caller; instructions as above.
                Self(unsafe { arch::$load(at) })
            }

            #[inline(always)]
            unsafe fn store(self, at: *mut $t) {
                // SAFETY: asked of the caller; instructions as above.
                unsafe { arch::$store(at, self.0) };
            }

            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: instructions as above.
                Self(unsafe { arch::$fma(self.0, b.0, c.0) })
            }

            #[inline(always)]
            fn nonzero(self) -> u64 {
                let $x = self.0;
                // SAFETY: instructions as above.
                u64::from(unsafe { $nonzero })
            }

            // A mask has a bit a lane.
            #[allow(clippy::cast_possible_truncation)]
            #[inline(always)]
            fn compress(self, $mask: u64) -> Self {
                let $x = self.0;
                // SAFETY: instructions as above.
                Self(unsafe { $compressed })
            }
        }
    };
}

register!(
    /// 8 numbers of single precision.
    Single8, __m256, f32, 8,
    _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps,
    |x| arch::_mm256_movemask_ps(arch::_mm256_cmp_ps::<NONZERO>(x, arch::_mm256_setzero_ps())).cast_unsigned(),
    |mask| in_order(x, OF_EIGHT[mask as usize % 256])
);
register!(
    /// 4 numbers of double precision.
    Double4, __m256d, f64, 4,
    _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_fmadd_pd,
    |x| arch::_mm256_movemask_pd(arch::_mm256_cmp_pd::<NONZERO>(x, arch::_mm256_setzero_pd())).cast_unsigned(),
    |mask| arch::_mm256_castps_pd(in_order(arch::_mm256_castpd_ps(x), OF_FOUR[mask as usize % 16]))
);
register!(
    /// 16 numbers of single precision.
    Single16, __m512, f32, 16,
    _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps,
    |x| arch::_mm512_cmp_ps_mask::<NONZERO>(x, arch::_mm512_setzero_ps()),
    |mask| arch::_mm512_maskz_compress_ps(mask as u16, x)
);
register!(
    /// 8 numbers of double precision.
    Double8, __m512d, f64, 8,
    _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_fmadd_pd,
    |x| arch::_mm512_cmp_pd_mask::<NONZERO>(x, arch::_mm512_setzero_pd()),
    |mask| arch::_mm512_maskz_compress_pd(mask as u8, x)
);
