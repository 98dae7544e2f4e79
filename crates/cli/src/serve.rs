//! `apd serve`: models behind HTTP.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use apd_serve::{Server, Settings};

use crate::arguments::Serve;
use crate::output::say;
use crate::reproduce::threads;

pub(crate) fn serve(arguments: &Serve) -> Result<()> {
    threads(arguments.threads)?;
    let defaults = Settings::default();
    let settings = Settings {
        host: arguments.host,
        port: arguments.port,
        body: arguments.max_body.map_or(defaults.body, usize::from),
        rows: arguments.max_rows.map_or(defaults.rows, usize::from),
        queue: arguments.queue.unwrap_or(defaults.queue),
        timeout: arguments.timeout.map_or(defaults.timeout, |seconds| Duration::from_secs(u64::from(seconds.get()))),
        ..defaults
    };
    let models = arguments.models.iter().map(|text| named(text)).collect::<Result<Vec<_>>>()?;
    let server = Server::bind(models.clone(), settings)?;
    for (name, path) in &models {
        say(format_args!("{name}: {}", path.display()))?;
    }
    say(format_args!("http://{}: the page; /openapi.json says what else. Ctrl-C stops.", server.address()))?;
    match server.run()? {
        true => say("stopped: everything that was accepted is answered"),
        false => bail!("stopped before everything that was accepted was answered"),
    }
}

/// NAME=PATH, or a path whose file gives the name.
fn named(text: &str) -> Result<(String, PathBuf)> {
    if let Some((name, path)) = text.split_once('=')
        && !Path::new(text).exists()
    {
        return Ok((name.to_owned(), path.into()));
    }
    let path = PathBuf::from(text);
    let name = path.file_stem().with_context(|| format!("{text}: a folder, and not a model's file"))?;
    Ok((name.to_string_lossy().into_owned(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_the_name_of_its_file_or_another() {
        for (text, name, path) in
            [("a/p.1.safetensors", "p.1", "a/p.1.safetensors"), ("species=p.safetensors", "species", "p.safetensors")]
        {
            assert_eq!(named(text).unwrap(), (name.to_owned(), PathBuf::from(path)));
        }
        assert!(named("..").is_err());
    }
}
