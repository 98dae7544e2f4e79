//! Predictive uncertainty scores and detection metrics: entropy, BALD, AUROC, AUPR, FPR95, ECE
