//! The experiments of adversarial posterior distillation, as resumable stages
