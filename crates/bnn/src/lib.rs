//! Bayesian neural networks: likelihood, prior and minibatch as a potential; prediction over many networks
