//! Stochastic-gradient MCMC on R^d: samplers, schedules, chains
