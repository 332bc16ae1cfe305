//! The map's own hashing: a multiplication for each word, with a seed for each map.
//!
//! Seeded from the chance of the task that makes the map (D7), so that a replay has the same order in `range`. What it is NOT: a defence against somebody who can choose keys and measure times; give the
//! map std's `RandomState` then (`Map::with_hasher`).

use core::hash::{BuildHasher, Hasher};

/// Odd numbers without a pattern: of the square roots of 2 and 3.
const A: u64 = 0x6a09_e667_f3bc_c909;
const B: u64 = 0xbb67_ae85_84ca_a73b;

/// Both halves of a product: each bit of either factor reaches about half of them.
#[inline(always)]
const fn fold(a: u64, b: u64) -> u64 {
    let p = (a as u128).wrapping_mul(b as u128);
    (p as u64) ^ ((p >> 64) as u64)
}

/// Makes hashers with one seed.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Seeded {
        #[cfg(not(loom))]
        let seed = crate::sched::enter().map_or(A, |cx| {
            let seed = crate::sched::rand(cx);
            cx.exit();
            seed
        });
        #[cfg(loom)]
        let seed = A;
        Seeded(seed)
    }
}

impl BuildHasher for Seeded {
    type Hasher = Mixer;
    #[inline(always)]
    fn build_hasher(&self) -> Mixer {
        Mixer(self.0)
    }
}

/// See the file's head.
pub struct Mixer(u64);

impl Mixer {
    #[inline(always)]
    fn mix(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word ^ B, A)
    }
}

impl Hasher for Mixer {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for w in words {
            self.mix(u64::from_le_bytes(*w))
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            last[7] = rest.len() as u8; // so that zeros at the end count
            self.mix(u64::from_le_bytes(last))
        }
    }
    #[inline(always)]
    fn write_u8(&mut self, n: u8) {
        self.mix(u64::from(n))
    }
    #[inline(always)]
    fn write_u16(&mut self, n: u16) {
        self.mix(u64::from(n))
    }
    #[inline(always)]
    fn write_u32(&mut self, n: u32) {
        self.mix(u64::from(n))
    }
    #[inline(always)]
    fn write_u64(&mut self, n: u64) {
        self.mix(n)
    }
    #[inline(always)]
    fn write_usize(&mut self, n: usize) {
        self.mix(n as u64)
    }
    #[inline(always)]
    fn finish(&self) -> u64 {
        fold(self.0, B)
    }
}
