//! Uniform numbers, names, permutations, minibatches.

use std::collections::HashSet;

use apd_seed::{Minibatches, Seed, Stream};

use crate::{Expect, Half, Test, Trial};

const NODE: Seed = Seed::root(35).child("minibatches");

/// A stream: uniform numbers and integers, neighbors independent.
fn uniform(next: Next) -> Trial {
    let mut trial = Trial::default();
    let mut stream = NODE.child("uniform").stream();
    let u: Vec<f64> = (0..1 << 19).map(|_| next(&mut stream)).collect();
    trial.require("all in [0, 1)", u.iter().all(|u| (0.0..1.0).contains(u)));
    trial.kolmogorov_smirnov("all", &u);
    for lag in [1, 2, 32] {
        let products: Vec<f64> = u.iter().zip(&u[lag..]).map(|(x, y)| (x - 0.5) * (y - 0.5)).collect();
        trial.mean(format!("neighbors {lag} apart"), 0.0, &products);
    }
    let mut cells = vec![0; 4096];
    for pair in u.chunks_exact(2) {
        cells[(pair[0] * 64.0) as usize * 64 + (pair[1] * 64.0) as usize] += 1;
    }
    trial.uniform("64 × 64 cells of pairs", &cells);
    for (row, bit) in [(0, 2), (1, 4), (2, 8)] {
        let low = u.iter().map(|u| (u * 2_f64.powi(20)).floor() as u64 / bit % 2);
        let ones = low.sum::<u64>();
        trial.uniform(format!("low bit {row}"), &[ones, u.len() as u64 - ones]);
    }
    trial
}

/// Integers below n, for n that do not divide 2³².
fn integers(below: fn(&mut Stream, u32) -> u32) -> Trial {
    let mut trial = Trial::default();
    for n in [2, 3, 7, 100, 3 << 30] {
        let mut stream = NODE.child("integers").index(u64::from(n)).stream();
        // 96 divides 3·2³⁰.
        let cells = if n > 100 { 96 } else { n };
        let mut counts = vec![0; cells as usize];
        for _ in 0..200_000 {
            counts[(u64::from(below(&mut stream, n)) * u64::from(cells) / u64::from(n)) as usize] += 1;
        }
        trial.uniform(format!("integers below {n}"), &counts);
    }
    trial
}

/// A way to reach a node: root/name/index.
type Tree = fn(root: u64, name: &str, index: u64) -> Seed;

/// No two nodes share a stream; the first words of siblings are independent.
fn names(tree: Tree) -> Trial {
    let mut trial = Trial::default();
    let names = ["noise", "minibatch", "initial", "momentum", "choices", "chain", "1", ""];
    let mut words = HashSet::new();
    let mut nodes = 0;
    for root in 0..10 {
        for name in names {
            let first = |index| tree(root, name, index).stream().uniform();
            let siblings: Vec<f64> = (0..1000).map(first).collect();
            nodes += siblings.len();
            words.extend(siblings.iter().map(|u| u.to_bits()));
            if root == 0 {
                trial.kolmogorov_smirnov(format!("first words of the children of {name:?}"), &siblings);
                let products: Vec<f64> = siblings.windows(2).map(|u| (u[0] - 0.5) * (u[1] - 0.5)).collect();
                trial.mean(format!("neighbors among the children of {name:?}"), 0.0, &products);
            }
        }
    }
    // 53 bits: two of 80 000 agree by chance with probability 4·10⁻⁷.
    trial.require(format!("{nodes} nodes have {} first words", words.len()), words.len() == nodes);
    let (a, b) = (Seed::root(1).child("a").child("b"), Seed::root(1).child("b").child("a"));
    trial.require("a/b is not b/a", a != b);
    trial.require("a name is not an index", Seed::root(1).child("1") != Seed::root(1).index(1));
    trial
}

/// The minibatches of `epochs` epochs, one after another.
type Visit = fn(node: Seed, items: usize, batch: usize, epochs: u64) -> Vec<Vec<u32>>;

fn real(node: Seed, items: usize, batch: usize, epochs: u64) -> Vec<Vec<u32>> {
    let mut minibatches = Minibatches::new(node, items, batch);
    (0..epochs * minibatches.per_epoch()).map(|step| minibatches.indices(step).to_vec()).collect()
}

/// Epochs as one list of items each, made into minibatches.
fn cut(items: usize, batch: usize, epochs: u64, mut order: impl FnMut(u64) -> Vec<u32>) -> Vec<Vec<u32>> {
    let whole = items / batch * batch;
    (0..epochs).flat_map(|e| order(e)[..whole].chunks(batch).map(<[u32]>::to_vec).collect::<Vec<_>>()).collect()
}

/// Each item and each pair equally often wherever they stand, no item twice in an epoch, epochs independent.
fn minibatches(visit: Visit) -> Trial {
    let mut trial = Trial::default();
    let (items, batch, epochs) = (7, 3, 40_000);
    let visited = visit(NODE.child("seven"), items, batch, epochs);
    let epoch = items / batch;
    trial.require("two minibatches of three in an epoch", visited.len() == epoch * epochs as usize);
    trial.require("all of them full", visited.iter().all(|minibatch| minibatch.len() == batch));
    let orders: Vec<Vec<usize>> =
        visited.chunks(epoch).map(|e| e.iter().flatten().map(|&n| n as usize).collect()).collect();
    let distinct = |order: &Vec<usize>| order.iter().collect::<HashSet<_>>().len() == order.len();
    trial.require("no item twice in an epoch", orders.iter().all(distinct));
    for place in 0..epoch * batch {
        let mut counts = vec![0; items];
        orders.iter().for_each(|order| counts[order[place]] += 1);
        trial.uniform(format!("item at place {place}"), &counts);
    }
    // Within a minibatch, and between the two of an epoch.
    for (a, b) in [(0, 1), (1, 2), (0, 3), (2, 5)] {
        let mut counts = vec![0; items * items];
        orders.iter().for_each(|order| counts[order[a] * items + order[b]] += 1);
        let pairs: Vec<u64> = (0..items * items).filter(|i| i / items != i % items).map(|i| counts[i]).collect();
        trial.uniform(format!("pair at places {a} and {b}"), &pairs);
    }
    if trial.rejected() {
        return trial;
    }
    let (items, epochs) = (4, 40_000);
    let visited = visit(NODE.child("four"), items, 1, epochs);
    let code = |order: &[Vec<u32>]| order.iter().fold(0, |code, n| 4 * code + n[0] as usize);
    let codes: Vec<usize> = visited.chunks(items).map(code).collect();
    let permutations: Vec<usize> =
        (0..256).filter(|code| (0..4).map(|k| code >> (2 * k) & 3).collect::<HashSet<_>>().len() == 4).collect();
    let mut counts = vec![0; 256 * 256];
    codes.chunks_exact(2).for_each(|pair| counts[256 * pair[0] + pair[1]] += 1);
    let cells = permutations.iter().flat_map(|a| permutations.iter().map(move |b| 256 * a + b));
    trial.uniform("an epoch's order and the next one's", &cells.map(|cell| counts[cell]).collect::<Vec<_>>());
    trial
}

/// A chain's noise, minibatches and everything of its neighbors are streams of their own.
fn chains() -> Trial {
    let mut trial = Trial::default();
    let chain = |c: u64| Seed::root(36).child("chain").index(c);
    let order = |c| Minibatches::new(chain(c).child("minibatch"), 1000, 10).indices(0).to_vec();
    trial.require("other minibatches in another chain", order(0) != order(1));
    trial.require("the same minibatches in the same chain", order(0) == order(0));
    let mut z = vec![0.0; 4096];
    chain(0).child("noise").normals().fill_f64(0, 0, &mut z);
    let mut stream = chain(0).child("minibatch").stream();
    let products: Vec<f64> = z.iter().map(|z| z * (stream.uniform() - 0.5)).collect();
    trial.mean("noise and the stream of the minibatches", 0.0, &products);
    let mut stream = chain(0).child("noise").stream();
    let products: Vec<f64> = z.iter().map(|z| z * (stream.uniform() - 0.5)).collect();
    trial.mean("the normals and the stream of one node", 0.0, &products);
    trial
}

/// The next number of a stream.
type Next = fn(&mut Stream) -> f64;

const UNIFORM: [(&str, Next); 3] = [
    ("squeezed by 1 %", |stream| 0.99 * stream.uniform()),
    ("only 256 values", |stream| (stream.uniform() * 256.0).floor() / 256.0),
    ("every number twice", |stream| {
        let position = stream.position();
        stream.seek(position & !3);
        let u = stream.uniform();
        stream.seek(position + 2);
        u
    }),
];

const TREES: [(&str, Tree); 4] = [
    ("the name ignored", |root, _, index| Seed::root(root).index(index)),
    ("the index ignored", |root, name, _| Seed::root(root).child(name)),
    ("the root ignored", |_, name, index| Seed::root(0).child(name).index(index)),
    ("root and index added up", |root, name, index| Seed::root(root + index).child(name)),
];

const VISITS: [(&str, Visit); 6] = [
    ("the same order in every epoch", |node, items, batch, epochs| {
        cut(items, batch, epochs, |_| node.stream().permutation(items))
    }),
    ("drawn with replacement", |node, items, batch, epochs| {
        let draw = |e| {
            let mut stream = node.index(e).stream();
            (0..items).map(|_| stream.below(items as u32)).collect()
        };
        cut(items, batch, epochs, draw)
    }),
    ("rotations only", |node, items, batch, epochs| {
        let rotation = |e| {
            let first = node.index(e).stream().below(items as u32);
            (0..items as u32).map(|i| (first + i) % items as u32).collect()
        };
        cut(items, batch, epochs, rotation)
    }),
    ("a shuffle that swaps with any place", |node, items, batch, epochs| {
        let shuffle = |e| {
            let mut stream = node.index(e).stream();
            let mut order: Vec<u32> = (0..items as u32).collect();
            (0..items).for_each(|i| order.swap(i, stream.below(items as u32) as usize));
            order
        };
        cut(items, batch, epochs, shuffle)
    }),
    ("an order used for two epochs", |node, items, batch, epochs| {
        cut(items, batch, epochs, |e| node.index(e / 2).stream().permutation(items))
    }),
    ("the last item never visited", |node, items, batch, epochs| {
        let order = |e| {
            let mut order = node.index(e).stream().permutation(items - 1);
            order.push(items as u32 - 1);
            order
        };
        cut(items, batch, epochs, order)
    }),
];

pub(super) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |sampler: &str, case: &str, expect, run: Box<dyn Fn() -> Trial + Send + Sync>| {
        tests.push(Test {
            family: "noise",
            sampler: sampler.into(),
            case: case.into(),
            half: Half::Quick,
            expect,
            run,
        });
    };
    add("stream", "uniform numbers", Expect::Accept, Box::new(|| uniform(Stream::uniform)));
    add("stream", "uniform f32", Expect::Accept, Box::new(|| uniform(|stream| f64::from(stream.uniform_f32()))));
    add("stream", "integers", Expect::Accept, Box::new(|| integers(Stream::below)));
    let modulo: fn(&mut Stream, u32) -> u32 =
        |stream, n| ((stream.uniform() * 2_f64.powi(32)) as u64 % u64::from(n)) as u32;
    add("stream", "integers by the remainder", Expect::Reject, Box::new(move || integers(modulo)));
    for (mutation, next) in UNIFORM {
        add("stream", mutation, Expect::Reject, Box::new(move || uniform(next)));
    }
    let tree: Tree = |root, name, index| Seed::root(root).child(name).index(index);
    add("seed", "no two nodes share a stream", Expect::Accept, Box::new(move || names(tree)));
    for (mutation, tree) in TREES {
        add("seed", mutation, Expect::Reject, Box::new(move || names(tree)));
    }
    add("minibatches", "items, pairs, orders", Expect::Accept, Box::new(|| minibatches(real)));
    add("minibatches", "streams of a chain", Expect::Accept, Box::new(chains));
    for (mutation, visit) in VISITS {
        add("minibatches", mutation, Expect::Reject, Box::new(move || minibatches(visit)));
    }
    tests
}
