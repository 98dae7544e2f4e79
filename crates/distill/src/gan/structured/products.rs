//! The small products A, K, G and w, through which alone an update sees R^d, and the losses' derivatives in them.

use crate::kernel::Element;

/// How A, K, G and w lie in one buffer, one after the other.
#[derive(Clone, Copy)]
pub(super) struct Shapes {
    pub(super) hidden: usize,
    pub(super) batch: usize,
    /// Whether the loss needs K; its part is empty otherwise.
    pub(super) gram: bool,
}

impl Shapes {
    pub(super) fn len(self) -> usize {
        self.critic_part() + self.hidden * (self.hidden + 1)
    }

    /// Length of A and K, which depend on the critic alone.
    pub(super) fn critic_part(self) -> usize {
        self.hidden * self.batch + self.gram_len()
    }

    pub(super) fn gram_len(self) -> usize {
        if self.gram { self.hidden * self.hidden } else { 0 }
    }

    pub(super) fn split<T>(self, buffer: &[T]) -> Products<'_, T> {
        let (real, rest) = buffer.split_at(self.hidden * self.batch);
        let (gram, rest) = rest.split_at(self.gram_len());
        let (cross, shift) = rest.split_at(self.hidden * self.hidden);
        Products { real, gram, cross, shift }
    }

    /// Copies K, summed on and above its diagonal only, below it.
    pub(super) fn mirror_gram<T: Element>(self, buffer: &mut [T]) {
        let gram = &mut buffer[self.hidden * self.batch..][..self.gram_len()];
        let h = self.hidden;
        for i in 0..gram.len() / h {
            for j in 0..i {
                gram[i * h + j] = gram[j * h + i];
            }
        }
    }
}

/// A, K, G, w of the module's documentation, row-major.
pub(super) struct Products<'a, T> {
    pub(super) real: &'a [T],
    pub(super) gram: &'a [T],
    pub(super) cross: &'a [T],
    pub(super) shift: &'a [T],
}

/// Derivatives of the critic's loss.
pub(super) struct CriticGradient<T> {
    /// ∂A, B × h.
    pub(super) real: Vec<T>,
    /// ∂K + ∂Kᵀ, h × h; empty without a penalty.
    pub(super) gram: Vec<T>,
    /// ∂G, h × h.
    pub(super) cross: Vec<T>,
    /// ∂w, h.
    pub(super) shift: Vec<T>,
    pub(super) head: Vec<T>,
}

/// Derivatives of the generator's loss.
pub(super) struct GeneratorGradient<T> {
    /// ∂Gᵀ, h × h.
    pub(super) cross: Vec<T>,
    /// ∂w, h.
    pub(super) shift: Vec<T>,
    pub(super) trunk: Vec<T>,
}
