//! A headless Chromium, driven by chromedriver: <https://www.w3.org/TR/webdriver2/>.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The key under which the protocol keeps an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// A machine that does much else takes long, but not forever.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Keys that are no characters.
pub(crate) const ARROW_RIGHT: &str = "\u{e014}";
pub(crate) const PAGE_UP: &str = "\u{e00e}";

/// A window of a browser of its own, which is closed with this value.
pub(crate) struct Browser {
    driver: Driver,
    session: String,
}

impl Browser {
    /// None where chromedriver or Chromium is not installed.
    pub(crate) fn start() -> Option<Self> {
        let driver = Driver::start()?;
        // Chromium's sandbox refuses root, and /dev/shm is small in containers.
        let switches =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900"];
        let capabilities = json!({"goog:chromeOptions": {"args": switches}, "goog:loggingPrefs": {"browser": "ALL"}});
        match driver.call("session", Some(&json!({"capabilities": {"alwaysMatch": capabilities}}))) {
            Ok(session) => {
                Some(Self { driver, session: format!("session/{}", session["sessionId"].as_str().unwrap()) })
            }
            Err(reason) if reason.contains("cannot find") => None,
            Err(reason) => panic!("{reason}"),
        }
    }

    pub(crate) fn open(&self, url: &str) {
        self.post("url", &json!({"url": url}));
    }

    /// Runs the body of a function, and waits if it returns a promise.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": []}))
    }

    pub(crate) fn click(&self, selector: &str) {
        self.post(&format!("element/{}/click", self.element(selector)), &json!({}));
    }

    pub(crate) fn clear(&self, selector: &str) {
        self.post(&format!("element/{}/clear", self.element(selector)), &json!({}));
    }

    pub(crate) fn type_into(&self, selector: &str, keys: &str) {
        self.post(&format!("element/{}/value", self.element(selector)), &json!({"text": keys}));
    }

    /// The pointer goes down at the first of the points, along the others, and up. Points are shares of the element's width and height.
    pub(crate) fn drag(&self, selector: &str, points: &[[f64; 2]]) {
        let element = self.element(selector);
        // The pointer does not scroll by itself.
        self.run(&format!("document.querySelector('{selector}').scrollIntoView({{block: 'center'}})"));
        let size = self.get(&format!("element/{element}/rect"));
        let from_middle = |share: f64, side: &str| ((share - 0.5) * size[side].as_f64().unwrap()).round();
        let mut actions: Vec<Value> = Vec::new();
        for &[x, y] in points {
            let (x, y) = (from_middle(x, "width"), from_middle(y, "height"));
            actions.push(json!({"type": "pointerMove", "x": x, "y": y, "origin": {ELEMENT: element}, "duration": 0}));
        }
        actions.insert(1, json!({"type": "pointerDown", "button": 0}));
        actions.push(json!({"type": "pointerUp", "button": 0}));
        self.post("actions", &json!({"actions": [{"type": "pointer", "id": "hand", "actions": actions}]}));
    }

    /// What assistive technology calls each element; an element that is not shown is not among them.
    pub(crate) fn names(&self, selector: &str) -> Vec<(String, String)> {
        let script = format!("return [...document.querySelectorAll(`{selector}`)].filter((e) => e.checkVisibility())");
        let named = |element: &Value| {
            let path = |what: &str| format!("element/{}/{what}", element[ELEMENT].as_str().unwrap());
            let text = |value: Value| value.as_str().unwrap_or_default().trim().to_owned();
            (text(self.get(&path("property/outerHTML"))), text(self.get(&path("computedlabel"))))
        };
        self.run(&script).as_array().unwrap().iter().map(named).collect()
    }

    /// A command of Chromium's own protocol: <https://chromedevtools.github.io/devtools-protocol/>.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Warnings and errors in the console since this was last asked.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", &json!({"type": "browser"}));
        let is_complaint = |entry: &&Value| entry["level"] == "WARNING" || entry["level"] == "SEVERE";
        log.as_array().unwrap().iter().filter(is_complaint).map(|entry| entry["message"].to_string()).collect()
    }

    fn element(&self, selector: &str) -> String {
        let element = self.post("element", &json!({"using": "css selector", "value": selector}));
        element[ELEMENT].as_str().unwrap().to_owned()
    }

    fn get(&self, path: &str) -> Value {
        self.driver.call(&format!("{}/{path}", self.session), None).unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.driver.call(&format!("{}/{path}", self.session), Some(body)).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without its session the driver would leave the browser behind when it is killed.
        let _ = self.driver.agent.delete(format!("{}/{}", self.driver.url, self.session)).call();
    }
}

/// chromedriver at a port of its own, killed with this value.
struct Driver {
    process: Child,
    /// What it says; it would not survive that nobody listens.
    output: BufReader<ChildStdout>,
    url: String,
    agent: ureq::Agent,
    /// The browser's profile and sockets, of which not all are always cleared away.
    _folder: TempDir,
}

impl Driver {
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromedriver");
        let mut process = match command.arg("--port=0").env("TMPDIR", folder.path()).stdout(Stdio::piped()).spawn() {
            Ok(process) => process,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => panic!("chromedriver does not start: {error}"),
        };
        let output = BufReader::new(process.stdout.take().unwrap());
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        let mut driver = Self { process, output, url: String::new(), agent: config.into(), _folder: folder };
        driver.url = format!("http://127.0.0.1:{}", driver.port());
        Some(driver)
    }

    /// The port that it was given, which it says when it listens.
    fn port(&mut self) -> u16 {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, port)) = line.split_once("successfully on port ") {
                return port.trim_end().trim_end_matches('.').parse().unwrap();
            }
            line.clear();
        }
        panic!("chromedriver ends without having listened");
    }

    /// The value that a command answers with: a GET if nothing is sent.
    fn call(&self, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let url = format!("{}/{path}", self.url);
        let answer = match body {
            None => self.agent.get(url).call(),
            Some(body) => self.agent.post(url).header("content-type", "application/json").send(body.to_string()),
        };
        let mut answer = answer.map_err(|error| format!("{path}: {error}"))?;
        let text = answer.body_mut().read_to_string().map_err(|error| format!("{path}: {error}"))?;
        let value = serde_json::from_str::<Value>(&text).map_err(|error| format!("{path}: {error}"))?["value"].take();
        if answer.status() == 200 { Ok(value) } else { Err(format!("{path}: {}", value["message"])) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks again and again until there is what is looked for.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Some(found) => return found,
            None if start.elapsed() > PATIENCE => panic!("waited in vain: {what}"),
            None => thread::sleep(PAUSE),
        }
    }
}
