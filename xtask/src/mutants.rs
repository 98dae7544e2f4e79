//! The usual mistakes, put into the samplers one at a time: does a test notice?
//!
//! Works on a copy, so that nothing here is ever left broken. A mutation whose text is no longer found is an error: the table has to
//! follow the code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

#[cfg(test)]
mod tests;

/// Where the samplers' code lies.
const SOURCES: &str = "crates/sgmcmc/src";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only mutations whose names contain this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Ask only the unit tests of the samplers, not the laws, which take longer
    #[arg(long)]
    unit_tests: bool,
}

/// One mistake: in `file`, `from` becomes `to`.
struct Mutation {
    name: &'static str,
    /// Of the samplers' code, or of another crate where it begins with `crates/`.
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

impl Mutation {
    fn path(&self, root: &Path) -> PathBuf {
        if self.file.starts_with("crates/") { root.join(self.file) } else { root.join(SOURCES).join(self.file) }
    }

    /// The crate whose unit tests are asked, and which of them: without those of code that no mutation is in, which take most of the time.
    fn unit_tests(&self) -> (&'static str, &'static [&'static str]) {
        match self.file {
            "hamiltonian/metric.rs" => ("apd-sgmcmc", &["hamiltonian::metric"]),
            file if file.starts_with("crates/bnn/") => ("apd-bnn", &["prior", "potential::tests"]),
            _ => ("apd-sgmcmc", &["--skip", "hamiltonian", "--skip", "replica"]),
        }
    }

    /// The families of laws and the samplers that it breaks: those that its name begins with, as `verify-samplers --only` takes them; none
    /// where there are but unit tests.
    fn laws(&self) -> String {
        let subject = self.name.split(':').next().unwrap_or_default();
        match subject {
            "tuning" | "scales" => String::new(),
            "units" => "directions".to_owned(),
            "one row of noise for all steps" | "chain" => "SGLD".to_owned(),
            "metric" => "hamiltonian".to_owned(),
            "minibatches" | "control variate" => "minibatch,estimators".to_owned(),
            samplers => samplers.replace(", ", ","),
        }
    }
}

const fn mutation(name: &'static str, file: &'static str, from: &'static str, to: &'static str) -> Mutation {
    Mutation { name, file, from, to }
}

const MUTATIONS: &[Mutation] = &[
    mutation("SGLD: noise × √2", "sampler/sgld.rs", "variance.sqrt() as f32", "(2.0 * variance).sqrt() as f32"),
    mutation("SGLD: variance for standard deviation", "sampler/sgld.rs", "variance.sqrt() as f32", "variance as f32"),
    mutation("SGLD: the ½ missing", "sampler/sgld.rs", "(0.5 * epsilon) as f32", "epsilon as f32"),
    mutation("SGLD: wrong sign", "sampler/sgld.rs", "noise * z - drift * g", "noise * z + drift * g"),
    mutation("one row of noise for all steps", "sampler.rs", "step: self.step }", "step: 0 }"),
    mutation(
        "pSGLD: noise × G instead of √G",
        "sampler/psgld.rs",
        "noise * metric.sqrt() * z - drift * metric * g;",
        "noise * metric * z - drift * metric * g;",
    ),
    mutation("pSGLD: N dropped", "sampler/psgld.rs", "1.0 / self.per as f64", "1.0"),
    mutation("SGHMC: noise × √2", "sampler/sghmc.rs", "variance.sqrt() as f32", "(2.0 * variance).sqrt() as f32"),
    mutation("SGHMC: the estimate of the noise added", "sampler/sghmc.rs", "wanted - brought", "wanted + brought"),
    mutation("SGHMC, SGNHT: momentum forgotten", "sampler/sghmc.rs", "keep * *u +", "0.0 * keep * *u +"),
    mutation("SGHMC, SGNHT: wrong sign", "sampler/sghmc.rs", "(noise * z - drift * g)", "(noise * z + drift * g)"),
    mutation("SGNHT: the thermostat's sign", "sampler/sgnht.rs", "*thermostat += sum", "*thermostat -= sum"),
    mutation("SGNHT: noise × √2", "sampler/sgnht.rs", "variance.sqrt() as f32", "(2.0 * variance).sqrt() as f32"),
    mutation(
        "SGNHT: the thermostat aims at twice T",
        "sampler/sgnht.rs",
        "let target = self",
        "let target = 2.0 * self",
    ),
    mutation("BAOAB: noise of SGHMC", "sampler/baoab.rs", "self.friction * (2.0 - self.friction)", "self.friction"),
    mutation("BAOAB: half kicks", "sampler/baoab.rs", "if *started { epsilon }", "if *started { 0.5 * epsilon }"),
    mutation("BAOAB: variance for standard deviation", "sampler/baoab.rs", "variance.sqrt() as f32", "variance as f32"),
    mutation(
        "chain: stale gradient",
        "chain.rs",
        "        let value = self.evaluate()?;\n        let weight",
        "        let value = if self.step % 2 == 1 { self.value.unwrap_or(0.0) } else { self.evaluate()? };\n        let weight",
    ),
    mutation("minibatches: N/B dropped", "potential.rs", "num_data as f64 / indices.len() as f64", "1.0"),
    mutation(
        "control variate: the full gradient dropped",
        "potential/control_variate.rs",
        "(*g - center) + full",
        "*g - center",
    ),
    mutation(
        "microcanonical: d for d − 1",
        "microcanonical/dynamics.rs",
        "self.work.len() as f64 - 1.0)",
        "self.work.len() as f64)",
    ),
    mutation(
        "microcanonical: K left out of the energy",
        "microcanonical/dynamics.rs",
        "kinetic + (point",
        "0.0 * kinetic + (point",
    ),
    mutation(
        "microcanonical: cosh for sinh",
        "microcanonical/dynamics.rs",
        "along * (1.0 - zeta))",
        "along * (1.0 + zeta))",
    ),
    mutation(
        "microcanonical: refreshed as if d were 1",
        "microcanonical/dynamics.rs",
        "exp_m1() / self.work.len() as f64",
        "exp_m1()",
    ),
    mutation(
        "microcanonical: a stale gradient for the last turn",
        "microcanonical/dynamics.rs",
        "self.evaluator.evaluate(point);\n            if",
        "if part > 0.5 { self.evaluator.evaluate(point) }\n            if",
    ),
    mutation(
        "microcanonical: half of the energy tested",
        "microcanonical/chain.rs",
        "choices.uniform() < (-error).exp()",
        "choices.uniform() < (-0.5 * error).exp()",
    ),
    mutation(
        "microcanonical: energy for all dimensions",
        "microcanonical/warmup.rs",
        "error * error / (dim as f64 * wanted)",
        "error * error / wanted",
    ),
    mutation(
        "microcanonical: a step size for E ΔE² ∝ ε³",
        "microcanonical/warmup.rs",
        "(self.weight / self.sum).powf(1.0 / 6.0)",
        "(self.weight / self.sum).powf(1.0 / 3.0)",
    ),
    mutation("MCLMC: d for d − 1", "sampler/mclmc.rs", "dim.saturating_sub(1).max(1) as f64", "dim.max(1) as f64"),
    mutation("MCLMC: cosh for sinh", "sampler/mclmc.rs", "(with + against * zeta);", "(with - against * zeta);"),
    mutation(
        "MCLMC: refreshed as if d were 1",
        "sampler/mclmc.rs",
        "(1.0 - kept * kept) / dim as f64",
        "(1.0 - kept * kept)",
    ),
    mutation("MCLMC: any length", "sampler/mclmc.rs", "let scale = (1.0 / sum.sqrt()) as f32;", "let scale = 1.0;"),
    mutation("MCLMC: no half kick", "sampler/mclmc.rs", "if first { 0.5 } else { 1.0 }", "1.0"),
    mutation("MCLMC: outliers counted, not clipped", "sampler/mclmc.rs", "delta.min(self.max_turn)", "delta"),
    mutation(
        "MCLMC: energy without δ",
        "sampler/mclmc.rs",
        "delta - std::f64::consts::LN_2 + stretch.ln()",
        "stretch.ln()",
    ),
    mutation(
        "MCLMC: half of the noise seen",
        "sampler/mclmc.rs",
        "2.0 * self.temperature / epsilon",
        "self.temperature / epsilon",
    ),
    mutation(
        "tuning: minibatches as if with replacement",
        "tuning.rs",
        "(1.0 - batch.min(n) as f64 / (n + 1) as f64)",
        "1.0",
    ),
    mutation(
        "tuning: units without the prior",
        "tuning.rs",
        "(v * per_term + precision)",
        "(v * per_term + 1e-9 * precision)",
    ),
    mutation("tuning: curvature over half of the difference", "tuning.rs", "(0.5 / length)", "(1.0 / length)"),
    mutation("tuning: mean curvature of a step, not a unit", "tuning.rs", "(along / square)", "along"),
    mutation("tuning: noise at the center", "tuning.rs", "|(moved, r)| *moved += r", "|(moved, r)| *moved += 0.0 * r"),
    mutation("tuning: four times tr V²", "tuning.rs", "(0.5 * product).powi(2)", "product.powi(2)"),
    mutation(
        "tuning: SGLD for half of the noise",
        "tuning/settings.rs",
        "Sgld::new(constant(short.min(4.0 * budget / v))",
        "Sgld::new(constant(short.min(8.0 * budget / v))",
    ),
    mutation(
        "tuning: pSGLD without its damping",
        "tuning/settings.rs",
        "constant(epsilon * damping)",
        "constant(epsilon)",
    ),
    mutation(
        "tuning: SGHMC with half of the friction",
        "tuning/settings.rs",
        "with_momentum(short, v, budget, |share| share, 0.5)",
        "with_momentum(short, v, budget, |share| 0.5 * share, 0.5)",
    ),
    mutation(
        "tuning: BAOAB with half of the friction",
        "tuning/settings.rs",
        "2.0 * share / (1.0 + share)",
        "share / (1.0 + share)",
    ),
    mutation(
        "tuning: SGNHT for noise that is alike",
        "tuning/settings.rs",
        "with_momentum(short.min(2.0 / v), w, budget",
        "with_momentum(short.min(2.0 / v), 0.0 * w, budget",
    ),
    mutation(
        "tuning: MCLMC for noise that is alike",
        "tuning/settings.rs",
        "with_momentum(longest, w, 0.5 * budget",
        "with_momentum(longest, 0.0 * w, 0.5 * budget",
    ),
    mutation(
        "tuning: MCLMC's noise counted as SGLD's",
        "sampler/mclmc.rs",
        "step_size * variance / 12.0",
        "step_size * variance / 4.0",
    ),
    mutation("units: slopes by 1/s", "potential/rescaled.rs", "|(g, &s)| *g *= s", "|(g, &s)| *g /= s"),
    mutation("units: curvature by s", "potential/rescaled.rs", "*h *= s * s", "*h *= s"),
    mutation("scales: no volume in U", "crates/bnn/src/prior/scales.rs", "value + count * f64::from(psi)", "value"),
    mutation("scales: no volume in the slope", "crates/bnn/src/prior/scales.rs", "slope + count", "slope"),
    mutation("scales: 1/σ for σ", "crates/bnn/src/prior/scales.rs", "(-psi).exp()", "psi.exp()"),
    mutation("scales: weights pulled as if σ were 1", "crates/bnn/src/prior/scales.rs", "*slope *= self.rates[l];", ""),
    mutation(
        "scales: their prior's slope in other units",
        "crates/bnn/src/prior/scales.rs",
        "z / self.prior.sd)",
        "z)",
    ),
    mutation("metric: from draws alone", "adaptation.rs", "(of_position / of_gradient).sqrt()", "*of_position"),
    mutation("metric: the temperature forgotten", "adaptation.rs", "temperature * (of_position", "(of_position"),
    mutation("metric: forces in no units", "hamiltonian/metric.rs", "* self.scales[i] / temperature", "/ temperature"),
    mutation(
        "metric: the covariance of forces, not its inverse",
        "hamiltonian/metric.rs",
        "let (root, inverse) = (power(0.5), power(-0.5));",
        "let (root, inverse) = (power(-0.5), power(0.5));",
    ),
    mutation(
        "schedules: noise while a cycle explores",
        "sampler/sgld.rs",
        "if self.step_size.samples(update.step)",
        "if true",
    ),
];

/// Tries every mutation and prints who caught it; whether all were caught.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let root = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    let tree = root.join("target/mutants/tree");
    copy(&root, &tree)?;
    let wanted = |mutation: &&Mutation| options.only.as_ref().is_none_or(|text| mutation.name.contains(text.as_str()));
    let mut survivors = 0;
    println!("{:<48} {:>6}  caught by", "mutation", "s");
    for mutation in MUTATIONS.iter().filter(wanted) {
        let start = Instant::now();
        let path = mutation.path(&tree);
        let sound = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let found = sound.matches(mutation.from).count();
        ensure!(found == 1, "{}: `{}` is {found} times in {}", mutation.name, mutation.from, mutation.file);
        fs::write(&path, sound.replace(mutation.from, mutation.to))?;
        let ((package, which), laws) = (mutation.unit_tests(), mutation.laws());
        let unit = caught(&tree, &[&["-p", package, "--lib", "--"][..], which].concat(), "")?;
        let laws = if options.unit_tests || laws.is_empty() {
            None
        } else {
            caught(&tree, &["-p", "apd-verify", "--test", "quick"], &laws)?
        };
        fs::write(&path, sound)?;
        survivors += usize::from(unit.is_none() && laws.is_none());
        let said = match (unit, laws) {
            (None, None) => "NOTHING".to_owned(),
            (unit, laws) => [unit, laws].into_iter().flatten().collect::<Vec<_>>().join("; "),
        };
        println!("{:<48} {:>6.0}  {said}", mutation.name, start.elapsed().as_secs_f64());
    }
    println!("{survivors} survivors");
    Ok(survivors == 0)
}

/// The first failure of these tests on the copy, if there is one; of laws, only some are asked.
fn caught(tree: &Path, which: &[&str], laws: &str) -> Result<Option<String>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(tree)
        .args(["test", "--quiet", "--locked"])
        .args(which)
        .env("CARGO_TARGET_DIR", tree.with_file_name("target"))
        .env("RUST_BACKTRACE", "0")
        .env("APD_VERIFY_ONLY", laws)
        .output()?;
    if output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let compiled = text.contains("test result");
    ensure!(!text.contains("no family and no sampler"), "no law is about {laws}");
    ensure!(compiled, "the mutation does not compile:\n{}", String::from_utf8_lossy(&output.stderr));
    let failed = text.lines().filter(|line| line.starts_with("---- ")).count();
    let first = text.lines().find_map(|line| line.strip_prefix("---- ")?.strip_suffix(" stdout ----"));
    // Of the laws, the rows that failed; each is printed with its family, sampler and case.
    let rows: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("failed: ")).collect();
    Ok(Some(match rows.first() {
        Some(row) => format!("{} laws ({row})", rows.len()),
        None => format!("{failed} unit tests ({})", first.unwrap_or("?")),
    }))
}

/// All that git knows of, as it is now.
fn copy(root: &Path, tree: &Path) -> Result<()> {
    let listed =
        Command::new("git").current_dir(root).args(["ls-files", "-z"]).output().context("git did not start")?;
    ensure!(listed.status.success(), "git ls-files: {}", listed.status);
    for name in String::from_utf8(listed.stdout)?.split('\0').filter(|name| !name.is_empty()) {
        let (from, to): (PathBuf, PathBuf) = (root.join(name), tree.join(name));
        let bytes = fs::read(&from).with_context(|| format!("{}", from.display()))?;
        // Unchanged files keep their time, so that cargo compiles only what a mutation touches.
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
        fs::write(&to, bytes)?;
    }
    Ok(())
}
