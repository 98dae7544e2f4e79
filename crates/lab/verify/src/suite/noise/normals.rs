//! Addressed normals: marginal law, independence, addresses.

use apd_seed::Seed;
use statrs::function::erf::erfc;

use crate::{Expect, Half, Test, Trial};

/// Writes elements `offset`, … of row `step` of a node's normals.
type Fill = fn(node: Seed, step: u64, offset: usize, out: &mut [f64]);

/// A generator, by what is wrong with it.
type Faulty = (&'static str, Fill);
/// What is checked of a generator.
type Aspect = fn(Fill, Half) -> Trial;

/// Numbers in a row.
const ROW: usize = 4096;

fn single(node: Seed, step: u64, offset: usize, out: &mut [f64]) {
    let mut z = vec![0.0_f32; out.len()];
    node.normals().fill(step, offset, &mut z);
    out.iter_mut().zip(&z).for_each(|(out, &z)| *out = f64::from(z));
}

fn double(node: Seed, step: u64, offset: usize, out: &mut [f64]) {
    node.normals().fill_f64(step, offset, out);
}

fn rows(half: Half) -> u64 {
    if half == Half::Quick { 256 } else { 2048 }
}

/// `rows` rows of a node, one after another.
fn table(fill: Fill, node: Seed, rows: u64) -> Vec<f64> {
    let mut table = vec![0.0; ROW * rows as usize];
    for (step, row) in table.chunks_mut(ROW).enumerate() {
        fill(node, step as u64, 0, row);
    }
    table
}

/// P(Z ≤ z).
fn cumulative(z: f64) -> f64 {
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

/// One number: moments, distance from the normal law, counts in equal cells and in the tails.
fn marginal(fill: Fill, half: Half) -> Trial {
    let z = table(fill, Seed::root(31).child("marginal"), rows(half));
    let mut trial = Trial::default();
    for (power, expected) in [(1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0), (6, 15.0)] {
        let powers: Vec<f64> = z.iter().map(|z| z.powi(power)).collect();
        trial.mean(format!("E z^{power}"), expected, &powers);
    }
    let uniform: Vec<f64> = z.iter().map(|&z| cumulative(z)).collect();
    trial.kolmogorov_smirnov("all", &uniform);
    let mut cells = [0; 64];
    for u in uniform {
        cells[((u * 64.0) as usize).min(63)] += 1;
    }
    trial.uniform("64 cells of equal probability", &cells);
    trial.chi_squared("|z| between 0, 1, 2, 3, 3.5, 4, 4.5, ∞", tails(&z), 6);
    trial
}

fn tails(z: &[f64]) -> f64 {
    let bounds = [0.0, 1.0, 2.0, 3.0, 3.5, 4.0, 4.5, f64::INFINITY];
    let beyond = |bound: f64| 2.0 * cumulative(-bound);
    let cell = |pair: &[f64]| {
        let expected = z.len() as f64 * (beyond(pair[0]) - beyond(pair[1]));
        let count = z.iter().filter(|z| (pair[0]..pair[1]).contains(&z.abs())).count() as f64;
        (count - expected).powi(2) / expected
    };
    bounds.windows(2).map(cell).sum()
}

/// Two numbers: correlation, of squares, and of a number with a square.
///
/// The products in each sum share factors but are uncorrelated, so that their own variance gives the sum's.
fn pairs(trial: &mut Trial, what: &str, pairs: impl Iterator<Item = (f64, f64)> + Clone) {
    let square = |x: f64| x * x - 1.0;
    let check = |trial: &mut Trial, name: &str, product: &dyn Fn((f64, f64)) -> f64| {
        trial.mean(format!("{what}, {name}"), 0.0, &pairs.clone().map(product).collect::<Vec<_>>());
    };
    check(trial, "numbers", &|(x, y)| x * y);
    check(trial, "squares", &|(x, y)| square(x) * square(y));
    check(trial, "number and square", &|(x, y)| x * square(y));
}

/// Neighbors in time and space, the borders of vector lanes and chunks, other chains, other names, other seeds.
fn independence(fill: Fill, half: Half) -> Trial {
    let mut trial = Trial::default();
    let node = |root, chain, name| Seed::root(root).child("chain").index(chain).child(name);
    let rows = rows(half);
    let z = table(fill, node(32, 0, "noise"), rows);
    let inside = |lag: usize| z.chunks(ROW).flat_map(move |row| row.iter().copied().zip(row[lag..].iter().copied()));
    for lag in [1, 2, 16, 32, 48, 64, 1024, 2048] {
        pairs(&mut trial, &format!("coordinates {lag} apart"), inside(lag));
    }
    for lag in [1, 2, 7] {
        pairs(&mut trial, &format!("steps {lag} apart"), z.iter().copied().zip(z[lag * ROW..].iter().copied()));
    }
    let others =
        [("chains", node(32, 1, "noise")), ("names", node(32, 0, "minibatch")), ("seeds", node(33, 0, "noise"))];
    for (what, other) in others {
        let other = table(fill, other, rows);
        pairs(&mut trial, what, z.iter().copied().zip(other));
    }
    trial
}

/// Any range is that part of the row: whole tiles, parts of tiles, across chunks, far out.
fn addresses(fill: Fill, _: Half) -> Trial {
    let mut trial = Trial::default();
    let node = Seed::root(34).child("addresses");
    for base in [0, 1 << 20, (1 << 40) + 5] {
        let mut whole = vec![0.0; 3000];
        fill(node, 3, base, &mut whole);
        for (offset, len) in
            [(0, 1), (1, 1), (1, 63), (16, 32), (63, 2), (64, 64), (100, 1), (1000, 100), (1024, 1024), (2999, 1)]
        {
            let mut part = vec![0.0; len];
            fill(node, 3, base + offset, &mut part);
            trial.require(format!("{len} numbers at {base} + {offset}"), part == whole[offset..offset + len]);
        }
        let mut again = vec![0.0; 3000];
        fill(node, 3, base, &mut again);
        trial.require("the same numbers again", again == whole);
        fill(node, 4, base, &mut again);
        trial.require("other numbers at another step", again.iter().zip(&whole).all(|(a, b)| a != b));
    }
    trial
}

/// Mutations, and the aspect that must see each.
const MARGINAL: [Faulty; 4] = [
    ("uniform with variance 1", |node, step, offset, out| {
        single(node, step, offset, out);
        out.iter_mut().for_each(|z| *z = 12_f64.sqrt() * (cumulative(*z) - 0.5));
    }),
    ("deviation 1.01", |node, step, offset, out| {
        single(node, step, offset, out);
        out.iter_mut().for_each(|z| *z *= 1.01);
    }),
    ("a sum of twelve uniforms", |node, step, offset, out| {
        let mut parts = vec![0.0; 12 * out.len()];
        single(node, step, 12 * offset, &mut parts);
        for (z, parts) in out.iter_mut().zip(parts.chunks(12)) {
            *z = parts.iter().map(|&part| cumulative(part)).sum::<f64>() - 6.0;
        }
    }),
    ("clipped at 4", |node, step, offset, out| {
        single(node, step, offset, out);
        out.iter_mut().for_each(|z| *z = z.clamp(-3.999, 3.999));
    }),
];

const INDEPENDENCE: [Faulty; 6] = [
    ("the same row at every step", |node, _, offset, out| single(node, 0, offset, out)),
    ("the first 1024 again and again", |node, step, offset, out| {
        let mut block = [0.0; 1024];
        single(node, step, 0, &mut block);
        out.iter_mut().enumerate().for_each(|(i, z)| *z = block[(offset + i) % 1024]);
    }),
    ("correlation 0.02 of neighbors", |node, step, offset, out| {
        let mut next = vec![0.0; out.len() + 1];
        single(node, step, offset, &mut next);
        for (z, pair) in out.iter_mut().zip(next.windows(2)) {
            *z = (pair[0] + 0.02 * pair[1]) / 1.0004_f64.sqrt();
        }
    }),
    ("neighbors equal but for their signs", |node, step, offset, out| {
        let mut whole = vec![0.0; offset + out.len() + 1];
        single(node, step, 0, &mut whole);
        for (i, z) in out.iter_mut().enumerate() {
            let at = offset + i;
            *z = if at % 2 == 1 { whole[at - 1].abs().copysign(whole[at]) } else { whole[at] };
        }
    }),
    ("every chain the same", |_, step, offset, out| single(Seed::root(32), step, offset, out)),
    ("cosine and sine of a lane the same", |node, step, offset, out| {
        let mut whole = vec![0.0; offset + out.len()];
        single(node, step, 0, &mut whole);
        out.iter_mut().enumerate().for_each(|(i, z)| *z = whole[(offset + i) & !16]);
    }),
];

const ADDRESSES: [Faulty; 3] = [
    ("the offset ignored", |node, step, _, out| single(node, step, 0, out)),
    ("the offset rounded to whole tiles", |node, step, offset, out| single(node, step, offset & !63, out)),
    ("the step ignored", |node, _, offset, out| single(node, 0, offset, out)),
];

pub(super) fn tests() -> Vec<Test> {
    let aspects: [(&str, Aspect, &[Faulty]); 3] = [
        ("moments, law and tails of a number", marginal, &MARGINAL),
        ("independence of two numbers", independence, &INDEPENDENCE),
        ("any range is a part of the row", addresses, &ADDRESSES),
    ];
    let mut tests = Vec::new();
    let mut add = |sampler: &str, case: &str, half, expect, aspect: Aspect, fill: Fill| {
        let run = Box::new(move || aspect(fill, half));
        tests.push(Test { family: "noise", sampler: sampler.into(), case: case.into(), half, expect, run });
    };
    for (case, aspect, mutations) in aspects {
        for (name, fill) in [("normals, f32", single as Fill), ("normals, f64", double)] {
            add(name, case, Half::Quick, Expect::Accept, aspect, fill);
            add(name, &format!("{case}, 8 times as many"), Half::Full, Expect::Accept, aspect, fill);
        }
        for &(mutation, fill) in mutations {
            add("normals", mutation, Half::Quick, Expect::Reject, aspect, fill);
        }
    }
    tests
}
