use super::*;

struct Exp<'a>(&'a [f32], &'a mut [f32]);
impl Kernel for Exp<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (x, y) in self.0.chunks(LANES).zip(self.1.chunks_mut(LANES)) {
            // SAFETY: the head is as long as the chunk.
            unsafe { exp(L::load_head(x.as_ptr(), x.len())).store_head(y.as_mut_ptr(), y.len()) };
        }
    }
}

fn inputs() -> Vec<f32> {
    let mut x: Vec<f32> = (-900_000..900_000).map(|i| i as f32 * 1e-4).collect();
    x.extend([
        0.0,
        -0.0,
        -87.33,
        -87.34,
        88.37,
        88.38,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        1e-30,
        -1e-30,
    ]);
    x
}

#[test]
fn exp_is_within_an_ulp_and_a_half() {
    let x = inputs();
    let mut y = vec![f32::NAN; x.len()];
    dispatch(Exp(&x, &mut y));
    let mut worst = 0f64;
    for (&x, &y) in x.iter().zip(&y) {
        if x.is_nan() {
            assert!(y.is_nan());
        } else if x < -87.33 {
            assert_eq!(y, 0.0);
        } else {
            let truth = f64::from(x.min(88.37)).exp();
            let ulp = f64::from(f32::from_bits(y.to_bits() & 0x7f80_0000)) * 2f64.powi(-23);
            worst = worst.max((f64::from(y) - truth).abs() / ulp);
        }
    }
    assert!(worst < 1.5, "worst {worst} ulp");
}

#[test]
fn all_implementations_agree_bit_for_bit() {
    let x = inputs();
    let mut best = vec![0.0; x.len()];
    dispatch(Exp(&x, &mut best));
    let mut other = vec![0.0; x.len()];
    Exp(&x, &mut other).run::<portable::Portable>();
    let same = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
    };
    assert!(same(&best, &other));
    #[cfg(target_arch = "x86_64")]
    if avx2::available() {
        let mut other = vec![0.0; x.len()];
        // SAFETY: detected.
        unsafe { avx2::run(Exp(&x, &mut other)) };
        assert!(same(&best, &other));
    }
}
