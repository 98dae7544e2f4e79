use super::{Draws, Parameter};
use crate::Warning;

/// Chains x ← z of different lengths, of a number and a 2 × 2 matrix.
fn draws(lengths: &[usize]) -> Draws {
    let chain = |(c, &length): (usize, &usize)| {
        let mut positions = vec![0.0; 5 * length];
        apd_seed::Seed::root(4).normals().fill_f64(c as u64, 0, &mut positions);
        positions.iter_mut().step_by(5).for_each(|x| *x = 1e4 + 1e-3 * *x);
        positions
    };
    Draws::new([("mu", vec![]), ("w", vec![2, 2])], lengths.iter().enumerate().map(chain))
}

#[test]
fn parameters_have_names_and_places() {
    let draws = draws(&[30, 30]);
    let w = Parameter { name: "w".into(), shape: vec![2, 2], offset: 1 };
    assert_eq!((draws.dim(), draws.chains(), &draws.parameters()[1]), (5, 2, &w));
    assert_eq!(draws.positions(1).len(), 30);
    let (position, value) = (draws.positions(1).nth(7).unwrap(), draws.values("w", 1).nth(7).unwrap());
    assert_eq!((value, draws.values("mu", 1).nth(7).unwrap()), (&position[1..], &position[..1]));
    let names: Vec<String> = draws.summary().rows.into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["mu", "w[0, 0]", "w[0, 1]", "w[1, 0]", "w[1, 1]"]);
}

/// Of unequal chains as many draws count as the shortest has.
#[test]
fn lengths_may_differ() {
    assert_eq!(draws(&[30, 50, 41]).summary(), draws(&[30, 30, 30]).summary());
    assert_eq!(draws(&[30, 50, 41]).positions(1).len(), 50);
    let rows = draws(&[30, 0]).summary().rows;
    assert_eq!(
        rows[0].diagnosis.as_ref().unwrap_err().to_string(),
        "0 draws per chain are too few: at least 4 are needed"
    );
    assert!(draws(&[]).summary().rows[4].diagnosis.is_err());
}

/// As many digits as the error leaves, and what cannot be said is said.
#[test]
fn summaries_are_tables() {
    let mut draws = draws(&[1000, 1000]);
    draws.kept()[1].positions.iter_mut().skip(3).step_by(5).for_each(|x| *x = 1.0);
    draws.kept()[0].positions.iter_mut().skip(3).step_by(5).for_each(|x| *x = 1.0);
    draws.kept()[1].warnings.push(Warning::Stuck { draws: 9 });
    let table = draws.summary().to_string();
    println!("{table}");
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["mean", "sd", "MCSE", "R-hat", "ESS", "bulk", "ESS", "tail"]);
    assert_eq!((lines.len(), lines[1][0], lines[1].len()), (7, "mu", 7));
    // An error of 0.001/√2000: digits to 10⁻⁶.
    assert_eq!([lines[1][1], lines[1][2]].map(|number| number.split_once('.').unwrap().1.len()), [6, 6]);
    assert!((lines[1][1].parse::<f64>().unwrap() - 1e4).abs() < 1e-4);
    assert!(lines[1][5].parse::<f64>().unwrap() > 1500.0);
    assert!(table.contains("w[1, 0] all draws are 1:"));
    assert_eq!(lines[6].join(" "), "chain 1: the chain is stuck: its 9 draws are all at one place");
}

#[test]
#[should_panic(expected = "beyond whole positions of 2")]
fn chains_are_whole_positions() {
    let _ = Draws::new([("x", vec![2])], [vec![1.0, 2.0, 3.0]]);
}
