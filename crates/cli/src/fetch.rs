//! `apd fetch-data`: the datasets from their mirrors, checked against their digests.

use std::ops::ControlFlow;

use anyhow::Result;
use apd_data::fetch::{FetchError, Fetcher, Source};
use apd_tasks::{Control, Progress};

use crate::arguments::FetchData;
use crate::output::say;
use crate::progress::{Terminal, stop_on_signals};
use crate::usage::Usage;

pub(crate) fn fetch(arguments: &FetchData) -> Result<()> {
    let sources = match Source::parse_many(&arguments.dataset) {
        Err(error @ FetchError::UnknownSource { .. }) => return Err(Usage(error.to_string()).into()),
        other => other?,
    };
    stop_on_signals()?;
    let fetcher =
        Fetcher { mirrors: arguments.mirror.as_ref().map(|mirror| vec![mirror.clone()]), ..Default::default() };
    let terminal = Terminal::new();
    for source in sources {
        let mut current = String::new();
        let fetched = fetcher.fetch(source, &arguments.data_dir, &mut |progress| {
            if progress.file != current {
                if !current.is_empty() {
                    terminal.end();
                }
                current = progress.file.into();
                terminal.begin(source.name(), progress.total.unwrap_or(0), 0);
            }
            terminal.advance(progress.received, Some(progress.file.into()));
            if terminal.stop_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if !current.is_empty() {
            terminal.end();
        }
        for file in fetched? {
            let origin = file.url.as_deref().unwrap_or("there already");
            let checked = if file.verified { "matches" } else { "no published digest; the parser accepts it" };
            say(format_args!("{}  ({origin})\n  sha256 {} {checked}", file.path.display(), file.sha256))?;
        }
    }
    Ok(())
}
