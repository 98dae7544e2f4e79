//! Image datasets with labels: embedded digits, IDX, CIFAR-10, Omniglot, and out-of-distribution sets
