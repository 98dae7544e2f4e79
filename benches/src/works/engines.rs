//! One gradient by each engine of fc1: the fused one, and automatic differentiation, which a network without an engine of its own has.
//!
//! Automatic differentiation takes 1.3 times as long (Zen 3): it copies θ, packs the factors of its products and adds up a gradient of its own.

use apd_nn::{Autodiff, CloneModel as _, Model as _, Threads};

use super::parts::gradient;
use super::predict::FC1;
use super::sgld::flop;
use crate::work::{Runner, Work};

pub(super) fn works() -> Vec<Work> {
    let row = |name: &str, make: fn() -> Box<dyn Runner>| Work {
        name: name.into(),
        unit: "gradient of 100 rows, one thread",
        flop: flop(FC1),
        make: Box::new(make),
        ..Work::default()
    };
    vec![
        row("gradient-fc1", || Box::new(gradient(FC1, |network| network.engine(Threads::Serial)))),
        row("gradient-fc1-autodiff", || {
            Box::new(gradient(FC1, |network| Box::new(Autodiff::new(network.clone_model(), Threads::Serial))))
        }),
    ]
}
