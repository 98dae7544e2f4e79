//! Points of curves: what a step costs against the number of parameters, of networks, of chains.

use super::predict::{FC1, prediction, weights};
use super::sgld::{BATCH, EXAMPLES, chains, flop};
use super::wgan::{critic, held};
use crate::work::{Role, Work};

/// Widths n of networks n-n-10, whose d = n² + 11n + 10 are near powers of ten.
const SQUARE: [usize; 5] = [27, 95, 311, 995, 3157];
/// Enough for a minibatch never to be in the cache of the last one, few enough for the widest network's inputs.
const FEW_EXAMPLES: usize = 2000;

pub(super) fn works() -> Vec<Work> {
    let mut all = Vec::new();
    for width in SQUARE {
        let widths = [width, width, 10];
        let dim = weights(&widths) + widths[1] + widths[2];
        all.push(Work {
            name: format!("sgld-step-d-{dim}"),
            flop: flop(&widths),
            // Of each chain: position, gradient and what the sampler keeps of the last good one.
            held: (4 * (rayon::current_num_threads() * 3 * dim + FEW_EXAMPLES * width)) as f64,
            role: Role::Point { curve: "SGLD chain-step against parameters d", at: dim as f64 },
            make: Box::new(move || Box::new(chains(&widths, FEW_EXAMPLES, rayon::current_num_threads()))),
            ..Work::default()
        });
    }
    for dim in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        let rows = BATCH;
        all.push(Work {
            name: format!("wgan-critic-d-{dim}"),
            held: held(dim, rows),
            role: Role::Point { curve: "WGAN-GP critic update against parameters d", at: dim as f64 },
            ..critic(dim, rows)
        });
    }
    for networks in [10, 30, 100, 300] {
        all.push(Work {
            role: Role::Point { curve: "prediction for 2000 inputs against networks S", at: networks as f64 },
            ..prediction(format!("predict-s-{networks}"), FC1, networks, 2000)
        });
    }
    for count in [1, 2, 4] {
        all.push(Work {
            name: format!("sgld-chains-{count}"),
            flop: flop(FC1),
            role: Role::Point { curve: "SGLD chain-step of the whole machine against chains", at: count as f64 },
            make: Box::new(move || Box::new(chains(FC1, EXAMPLES, count))),
            ..Work::default()
        });
    }
    all
}
