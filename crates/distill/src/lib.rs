//! Adversarial posterior distillation: a GAN over points in R^d with a structured WGAN-GP step
