//! `apd distill`: from a bank to a generator, and what that loses.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use apd::bnn::{LikelihoodConfig, likelihood::Gaussian};
use apd_distill::{
    ConditionalConfig, Config, Distilled, Format, Loss as GanLoss, ResidualModel, Standardization, SubspaceConfig,
};
use apd_nn::Model as _;
use apd_points::{Posterior as _, write_atomic};
use apd_seed::Seed;
use apd_store::{Bank, Lock, checkpoint};
use apd_tasks::{Context, Distiller, Error, FunctionSpace, Loss, NetName, ROWS, Search, Verdict, smallest};

use crate::arguments::{Bits, Distill, Distiller as Wanted, Preparation, Task};
use crate::fit::described;
use crate::output::say;
use crate::paths::{check_writable, with_ending};
use crate::predict::check_width;
use crate::progress::{Terminal, stop_on_signals};
use crate::reproduce::threads;
use crate::usage::Usage;

/// What `--distiller auto` may lose unless it is told.
const MAX_LOSS: f64 = 0.005;

/// Distills a bank, ours or any n×d float32 array, into a generator file.
pub(crate) fn distill(arguments: &Distill) -> Result<()> {
    threads(arguments.threads)?;
    let distiller = distiller(arguments)?;
    check_writable(&arguments.out)?;
    stop_on_signals()?;
    let lock = lock(&arguments.out)?;
    let bank = rows(&arguments.bank)?;
    let space = function_space(arguments, &bank)?;
    let terminal = Terminal::new();
    let (context, seed) = (Context::of(&terminal), Seed::root(arguments.seed));
    let state = with_ending(&arguments.out, "ckpt");
    let judged = with_ending(&arguments.out, "judge.ckpt");
    let stopped = |error| match error {
        Error::Stopped => anyhow::anyhow!("stopped; the same command goes on from {}", state.display()),
        error => error.into(),
    };

    let max_loss = arguments.max_loss.unwrap_or(MAX_LOSS);
    let (distiller, verdict) = match (distiller, &space) {
        (Choice::Auto, Some(space)) => {
            let search = smallest(context, &bank, space, max_loss, seed).map_err(stopped)?;
            say_search(&search, bank.dim())?;
            let Some(place) = search.smallest else { bail!("{}", missed(&search, max_loss, bank.dim())) };
            let tried = &search.tried[place];
            let verdict = Verdict::new(tried.loss, search.redraw, search.held_out);
            (tried.distiller.clone(), Some(verdict))
        }
        (Choice::Auto, None) => bail!(Usage("--distiller auto looks at predictions: it takes --inputs".into())),
        (Choice::One(distiller), _) => (distiller, None),
    };
    let verdict = match (&space, verdict) {
        (Some(space), None) => Some(distiller.judge(context, &bank, space, seed, &judged).map_err(stopped)?),
        (_, verdict) => verdict,
    };
    let generator = distiller.fit(context, &bank, space.as_ref(), seed, &state).map_err(stopped)?;
    save(&terminal, &generator, &bank, arguments)?;
    if let (Some(verdict), Some(space)) = (verdict, &space) {
        say_verdict(&verdict, space, &bank)?;
    }
    checkpoint::remove(&state)?;
    checkpoint::remove(&judged)?;
    lock.remove();
    Ok(())
}

/// What the arguments ask for.
enum Choice {
    Auto,
    One(Distiller),
}

fn distiller(arguments: &Distill) -> Result<Choice> {
    let usage = |text: &str| Err(Usage(text.to_owned()).into());
    let of_a_gan = arguments.iterations.is_some() || arguments.standardization.is_some();
    let of_directions = arguments.rank.is_some();
    let default = match () {
        () if of_a_gan => Some(Wanted::Apd),
        () if of_directions => Some(Wanted::Subspace),
        () if arguments.rows.is_some() => Some(Wanted::Rows),
        // A format is one of directions as of rows.
        () if arguments.format.is_some() => Some(Wanted::Subspace),
        () => None,
    };
    let wanted = arguments.distiller.or(default);
    let is_auto = wanted == Some(Wanted::Auto);
    if arguments.max_loss.is_some() && !is_auto {
        return usage("--max-loss is a setting of --distiller auto");
    }
    if let Some(loss) = arguments.max_loss.filter(|loss| !(*loss >= 0.0 && loss.is_finite())) {
        return usage(&format!("--max-loss {loss}: must be at least 0 and finite"));
    }
    let Some(wanted) = wanted else { return Ok(Choice::One(Distiller::Default)) };
    let has_directions = matches!(wanted, Wanted::Subspace | Wanted::Path | Wanted::Adversarial);
    let is_a_gan = !has_directions && !matches!(wanted, Wanted::Auto | Wanted::Rows);
    if of_a_gan && !is_a_gan {
        return usage("--iterations and --standardization are settings of a GAN of all weights: --distiller apd, say");
    }
    if of_directions && !has_directions {
        return usage("--rank is a setting of --distiller subspace, path or adversarial");
    }
    if arguments.format.is_some() && !has_directions && wanted != Wanted::Rows {
        return usage("--format is a setting of --distiller subspace, path, adversarial or rows");
    }
    if arguments.rows.is_some() && wanted != Wanted::Rows {
        return usage("--rows is a setting of --distiller rows");
    }
    let format = match arguments.format {
        None | Some(Bits::Int8) => Format::Int8,
        Some(Bits::Int6) => Format::Int6,
        Some(Bits::F32) => Format::F32,
        Some(Bits::F16) => Format::F16,
    };
    let conditional = |residuals| {
        let default = ConditionalConfig::default();
        let config = ConditionalConfig { rank: arguments.rank.unwrap_or(default.rank), format, residuals, ..default };
        config.validate().map_err(|e| Usage(e.to_string()))?;
        anyhow::Ok(Distiller::Conditional(config))
    };
    Ok(Choice::One(match wanted {
        Wanted::Auto => return Ok(Choice::Auto),
        Wanted::Rows => Distiller::Rows { count: arguments.rows.map_or(ROWS, std::num::NonZeroUsize::get), format },
        Wanted::Subspace => {
            let default = SubspaceConfig::default();
            Distiller::Subspace(SubspaceConfig { rank: arguments.rank.unwrap_or(default.rank), format, ..default })
        }
        Wanted::Path => conditional(ResidualModel::Gaussian)?,
        Wanted::Adversarial => conditional(ResidualModel::Adversarial)?,
        Wanted::Apd | Wanted::Gan1 | Wanted::WganGp => gan(arguments, Config::gan1())?,
        Wanted::MnistBs32 => gan(arguments, Config::mnist_bs32())?,
        Wanted::Toy2d => gan(arguments, Config::toy2d())?,
        Wanted::Cnn => gan(arguments, Config::cnn())?,
        Wanted::Wgan => gan(arguments, Config::gan1().with_loss(GanLoss::Wgan))?,
        Wanted::Dcgan => gan(arguments, Config::gan1().with_loss(GanLoss::Dcgan))?,
        Wanted::Lsgan => gan(arguments, Config::gan1().with_loss(GanLoss::Lsgan))?,
    }))
}

fn gan(arguments: &Distill, preset: Config) -> Result<Distiller> {
    let mut config = preset.with_moments();
    if let Some(standardization) = arguments.standardization {
        config.standardization = match standardization {
            Preparation::None => Standardization::None,
            Preparation::Center => Standardization::Center,
            Preparation::Standardize => Standardization::Standardize,
        };
    }
    config.iterations = arguments.iterations.unwrap_or(config.iterations);
    config.validate().map_err(|e| Usage(e.to_string()))?;
    Ok(Distiller::Gan(config))
}

/// One process at a time writes a generator, and goes on from its checkpoint.
fn lock(out: &Path) -> Result<Lock> {
    let path = with_ending(out, "lock");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Lock::acquire(folder, &name).map_err(|error| match error {
        apd_store::Error::Locked { process, .. } => {
            let process = process.map_or(String::new(), |process| format!(" (process {process})"));
            let advice = "wait for it, stop it and go on by the same command, or choose another --out";
            anyhow::anyhow!("{}: another `apd distill`{process} is at work on it: {advice}", out.display())
        }
        error => error.into(),
    })
}

/// A bank to distill.
fn rows(path: &Path) -> Result<Bank> {
    let bank = Bank::open(path)?;
    if !bank.has_equal_weights() {
        bail!(
            "{}: rows of unequal weights, where a distiller takes all for equal: resample them by their weights",
            path.display()
        );
    }
    Ok(bank)
}

/// The network and its inputs, if they are given.
fn function_space(arguments: &Distill, bank: &Bank) -> Result<Option<FunctionSpace>> {
    let Some(inputs) = &arguments.inputs else { return Ok(None) };
    let inputs = apd_data::user_inputs(inputs)?;
    let Some(net) = arguments.net.clone().or_else(|| net_of(bank)) else {
        bail!(Usage(format!("--net: {} does not say whose weights its rows are", arguments.bank.display())));
    };
    let network = if net.ends_with(".toml") {
        let network = described(&net)?;
        let (found, expected) = (bank.dim(), network.row_len());
        if found != expected {
            let path = arguments.bank.display();
            bail!("{path}: {found} parameters a network, where that of {net} has {expected}");
        }
        network
    } else {
        let net: NetName = net.parse().map_err(|e| Usage(format!("--net: {e}, and ends not with .toml")))?;
        net.takes(inputs.ncols()).map_err(|e| Usage(e.to_string()))?;
        check_width(net, arguments.classes.get(), &arguments.bank, bank.dim(), inputs.ncols())?;
        net.network(inputs.ncols(), arguments.classes.get())
    };
    let likelihood = match arguments.task {
        Some(Task::Regression) => LikelihoodConfig::Gaussian(Gaussian { sd: 1.0 }),
        None | Some(Task::Classification) => LikelihoodConfig::Categorical,
    };
    let ood = arguments.ood.iter().map(apd_data::user_inputs).collect::<Result<Vec<_>, _>>()?;
    let space = FunctionSpace::new(network, likelihood, &bank.header().layout, &inputs, &ood);
    Ok(Some(space.with_context(|| arguments.bank.display().to_string())?.bounded_by(bank)))
}

/// The network that a bank of ours names among the settings of its run.
fn net_of(bank: &Bank) -> Option<String> {
    let config: toml::Table = bank.header().metadata.get("config")?.parse().ok()?;
    Some(config.get("net")?.as_str()?.to_owned())
}

fn save(terminal: &Terminal, generator: &Distilled, bank: &Bank, arguments: &Distill) -> Result<()> {
    use apd_tasks::Progress as _;
    write_atomic(&arguments.out, &apd_tasks::generator_file(generator, bank)?)?;
    terminal.note(&format!(
        "{}: {} parameters a network, {:.1} MB = {:.1} networks",
        arguments.out.display(),
        generator.dim(),
        generator.bytes() as f64 / 1e6,
        in_networks(generator.bytes(), generator.dim())
    ));
    Ok(())
}

fn in_networks(bytes: usize, dim: usize) -> f64 {
    bytes as f64 / (4 * dim) as f64
}

/// One line, in which a figure of a redraw follows each, for what is small.
fn say_verdict(verdict: &Verdict, space: &FunctionSpace, bank: &Bank) -> Result<()> {
    let Verdict { distilled, redraw, held_out, .. } = verdict;
    let auroc = |loss: &Loss| loss.auroc.map(|lost| format!("{:.1}", 100.0 * lost));
    let auroc = match (auroc(distilled), auroc(redraw)) {
        (Some(lost), Some(redraw)) => format!(", AUROC {lost} points lower at worst ({redraw})"),
        _ => String::new(),
    };
    say(format_args!(
        "from {held_out} held-out rows on {} inputs: TV {:.4} (a redraw of the bank {:.4}), {} × {:.3} ({:.3}){auroc}; by {} other rows, and the file is of all {}",
        space.inputs(),
        distilled.tv,
        redraw.tv,
        space.disagreement_name(),
        distilled.disagreement,
        redraw.disagreement,
        bank.len() - held_out,
        bank.len(),
    ))
}

/// A line for each file that was tried.
fn say_search(search: &Search, dim: usize) -> Result<()> {
    let longest = search.tried.iter().map(|tried| tried.what.chars().count()).max().unwrap_or(0);
    let line = |what: &str, networks: &str, loss: &Loss, lost: f64| {
        let Loss { tv, disagreement, .. } = loss;
        say(format_args!("  {what:<longest$}  {networks:>8}  {tv:.4}  {lost:+.4}  {disagreement:>6.3}"))
    };
    say(format_args!("  {:<longest$}  networks      TV     lost  spread", ""))?;
    line("a redraw of the bank", "", &search.redraw, 0.0)?;
    for tried in &search.tried {
        line(&tried.what, &format!("{:.1}", in_networks(tried.bytes, dim)), &tried.loss, search.lost(tried))?;
    }
    Ok(())
}

/// Why nothing is written.
fn missed(search: &Search, max_loss: f64, dim: usize) -> String {
    let nearest = search.nearest().map_or(String::new(), |tried| {
        let networks = in_networks(tried.bytes, dim);
        format!(": the nearest, {}, in {networks:.1} networks' bytes, loses {:+.4}", tried.what, search.lost(tried))
    });
    format!("nothing loses at most {max_loss}{nearest}; no file is written")
}
