//! A process that answers one measurement per line (`benches/peer_protocol.py` says how).

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

pub(super) struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    pub(super) introduction: Value,
}

impl Peer {
    pub(super) fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut peer = Self { child, input, output, introduction: Value::Null };
        peer.introduction = peer.listen().context("it did not introduce itself")?;
        Ok(peer)
    }

    pub(super) fn name(&self) -> String {
        self.introduction["peer"].as_str().unwrap_or("?").to_owned()
    }

    /// `torch 2.15.0, numpy 2.4.6`
    pub(super) fn versions(&self) -> String {
        let versions = self.introduction["versions"].as_object().into_iter().flatten();
        versions
            .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?")))
            .collect::<Vec<_>>()
            .join(", ")
    }

    pub(super) fn variants(&self, work: &str) -> Vec<String> {
        let variants = self.introduction["works"][work].as_array().into_iter().flatten();
        variants.filter_map(|it| Some(it.as_str()?.to_owned())).collect()
    }

    pub(super) fn warm(&mut self, work: &str, variant: &str) -> Result<()> {
        self.ask(&format!("warm {work} {variant}")).map(drop)
    }

    pub(super) fn discard(&mut self, work: &str, variant: &str) -> Result<()> {
        self.ask(&format!("drop {work} {variant}")).map(drop)
    }

    /// Seconds per unit.
    pub(super) fn time(&mut self, work: &str, variant: &str, seconds: f64) -> Result<f64> {
        let reply = self.ask(&format!("time {work} {variant} {seconds}"))?;
        reply["seconds"].as_f64().with_context(|| format!("{}: no time in {reply}", self.name()))
    }

    /// The most bytes that were in its memory at once so far, where the system tells.
    pub(super) fn peak_memory(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(kib.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0)
    }

    fn ask(&mut self, line: &str) -> Result<Value> {
        let input = self.input.as_mut().context("no input")?;
        writeln!(input, "{line}").and_then(|()| input.flush()).with_context(|| format!("gone before `{line}`"))?;
        let reply = self.listen().with_context(|| format!("no answer to `{line}`"))?;
        if let Some(error) = reply["error"].as_str() {
            bail!("{}, `{line}`: {error}", self.name());
        }
        Ok(reply)
    }

    fn listen(&mut self) -> Result<Value> {
        let line = self.output.next().context("the output ended")??;
        serde_json::from_str(&line).with_context(|| format!("not JSON: {line}"))
    }
}

impl Drop for Peer {
    /// The end of its input is the end of a peer.
    fn drop(&mut self) {
        drop(self.input.take());
        if let Err(error) = self.child.wait() {
            eprintln!("a peer did not end: {error}");
        }
    }
}
