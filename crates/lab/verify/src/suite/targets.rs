//! Targets that are not Gaussian, with full batches.
//!
//! * [`limits`]: every sampler, in the limit of small steps.
//! * [`exchange`]: replica exchange between two far modes, in the same limit.
//! * [`exact`]: chains on the line, whose discretized law follows by propagating its density on a grid: SGLD, preconditioned SGLD,
//!   and cyclical step sizes, which jump between modes.

mod exact;
mod exchange;
mod limits;

use crate::Test;

/// The tests of the family.
pub(super) fn tests() -> Vec<Test> {
    let mut tests = exact::tests();
    tests.extend(limits::tests());
    tests.extend(exchange::tests());
    tests
}
