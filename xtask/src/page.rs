//! A report in a browser: nothing is cut, on a screen or on a phone, and it is no longer than somebody reads.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

#[cfg(test)]
mod tests;

/// Widths that a page has to fit: a small laptop's and a phone's, and the height of the former.
const SCREEN: u32 = 1280;
const PHONE: u32 = 390;
const HEIGHT: u32 = 800;

/// The most screens of a report whose details are folded.
const SCREENS: f64 = 12.0;
/// Answers on the first of them.
const ANSWERS: u64 = 4;

/// What the page says of itself.
const MEASURE: &str = include_str!("page/measure.js");

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The page
    #[arg(default_value = "target/apd/ci/report.html", value_name = "REPORT")]
    page: PathBuf,
}

/// Measures a report, and says so where there is no browser.
pub(crate) fn run(options: &Options) -> Result<()> {
    match check(&options.page)? {
        Some(why) => println!("NOT RUN: {why}"),
        None => println!("{}: nothing is cut", options.page.display()),
    }
    Ok(())
}

/// Measures the report of a run; `Some` says why it could not be.
pub(crate) fn check(page: &Path) -> Result<Option<String>> {
    let browser = match Browser::start()? {
        Ok(browser) => browser,
        // Where everything is installed, nothing is left out.
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => bail!("{why}"),
        Err(why) => return Ok(Some(why)),
    };
    for width in [SCREEN, PHONE] {
        let found = browser.measure(page, width)?;
        println!(
            "{width} px: {} screens, {} words, {} tables and {} figures",
            found["screens"], found["words"], found["tables"], found["figures"]
        );
        let cut = found["cut"].as_array().context("the page was not measured")?;
        ensure!(cut.is_empty(), "{}: cut at {width} px: {}", page.display(), json!(cut));
        if width == SCREEN {
            let (screens, answers) = (found["screens"].as_f64().unwrap_or(f64::NAN), found["answers"].as_u64());
            ensure!(screens <= SCREENS, "{}: {screens:.1} screens, {SCREENS} at most", page.display());
            ensure!(
                answers == Some(ANSWERS),
                "{}: {answers:?} answers on the first screen, not {ANSWERS}",
                page.display()
            );
        }
    }
    Ok(None)
}

/// Chromium, driven by the WebDriver protocol.
struct Browser {
    driver: Child,
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its Chromium ends with its session.
        ureq::delete(&self.session).call().ok();
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

impl Browser {
    /// **Errors**: a driver that does not answer. Inside: why there is no browser here.
    fn start() -> Result<Result<Self, String>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut driver = Command::new("chromedriver");
        driver.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(driver) = driver.spawn() else {
            return Ok(Err("chromedriver is not installed, which comes with Chromium".to_owned()));
        };
        let server = format!("http://127.0.0.1:{port}");
        let mut browser = Browser { driver, session: server.clone() };
        let started = Instant::now();
        while ureq::get(format!("{server}/status")).call().is_err() {
            ensure!(started.elapsed() < Duration::from_secs(20), "chromedriver did not answer on port {port}");
            std::thread::sleep(Duration::from_millis(50));
        }
        // Pages of our own; without a sandbox it also starts in containers.
        let arguments = ["--headless", "--no-sandbox", "--hide-scrollbars"];
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        match post(&format!("{server}/session"), &wanted) {
            Ok(session) => {
                let id = session["sessionId"].as_str().context("chromedriver: a session without an id")?;
                browser.session = format!("{server}/session/{id}");
                Ok(Ok(browser))
            }
            Err(e) => Ok(Err(format!("chromedriver found no Chromium: {e:#}"))),
        }
    }

    /// What the page is like at this width.
    fn measure(&self, page: &Path, width: u32) -> Result<Value> {
        let page = page.canonicalize().with_context(|| page.display().to_string())?;
        let metrics = json!({"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": false});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics});
        post(&format!("{}/goog/cdp/execute", self.session), &command)?;
        post(&format!("{}/url", self.session), &json!({"url": format!("file://{}", page.display())}))?;
        post(&format!("{}/execute/sync", self.session), &json!({"script": MEASURE, "args": []}))
    }
}

/// The value of the driver's answer.
fn post(url: &str, body: &Value) -> Result<Value> {
    let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
    let mut answer = agent.post(url).content_type("application/json").send(body.to_string())?;
    let text = answer.body_mut().read_to_string()?;
    let value = serde_json::from_str::<Value>(&text).with_context(|| text.clone())?["value"].take();
    match value["error"].as_str() {
        Some(error) => bail!("{url}: {error}: {}", value["message"].as_str().unwrap_or_default()),
        None => Ok(value),
    }
}
