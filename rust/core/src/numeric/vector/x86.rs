//! The registers of AVX2 and AVX-512.
#![allow(unsafe_code)]

use super::Vector;
use std::arch::x86_64 as arch;

/// For each set of 8 lanes, a permutation that moves these lanes to the front.
static PERMUTATIONS_8: [u64; 256] = permutations::<8, 256>();
/// For each set of 4 lanes, a permutation of half lanes that moves these lanes to the front.
static PERMUTATIONS_4: [u64; 16] = permutations::<4, 16>();

/// For each set of lanes, a permutation that moves these lanes to the front: a byte for each of 8 places,
/// the number of the part that comes there. A part is a lane or, where there are fewer than 8, an equal
/// part of one.
const fn permutations<const LANES: usize, const SETS: usize>() -> [u64; SETS] {
    let parts = 8 / LANES;
    let mut permutations = [0; SETS];
    let mut set = 0;
    while set < SETS {
        let (mut lane, mut place) = (0, 0);
        while lane < LANES {
            let mut part = 0;
            while part < parts && set >> lane & 1 > 0 {
                permutations[set] |= ((lane * parts + part) as u64) << (8 * place);
                place += 1;
                part += 1;
            }
            lane += 1;
        }
        set += 1;
    }
    permutations
}

/// # Safety
/// The processor must have AVX2.
#[inline(always)]
unsafe fn permute(x: arch::__m256, permutation: u64) -> arch::__m256 {
    // SAFETY: asked of the caller.
    unsafe {
        let bytes = arch::_mm_cvtsi64_si128(permutation.cast_signed());
        arch::_mm256_permutevar8x32_ps(x, arch::_mm256_cvtepu8_epi32(bytes))
    }
}

/// "Not equal, or unordered": a NaN is not equal to zero.
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
                // SAFETY: only kernels that are compiled for a level with these instructions use its
                // registers.
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

            // A mask has a bit for each lane.
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
    |mask| permute(x, PERMUTATIONS_8[mask as usize % 256])
);
register!(
    /// 4 numbers of double precision.
    Double4, __m256d, f64, 4,
    _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_fmadd_pd,
    |x| arch::_mm256_movemask_pd(arch::_mm256_cmp_pd::<NONZERO>(x, arch::_mm256_setzero_pd())).cast_unsigned(),
    |mask| arch::_mm256_castps_pd(permute(arch::_mm256_castpd_ps(x), PERMUTATIONS_4[mask as usize % 16]))
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
