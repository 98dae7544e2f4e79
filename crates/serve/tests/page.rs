//! The page, as a browser shows it: what it says is what the server and the library say.
//!
//! Screenshots come to `target/page`. `APD_AXE` is the path of `axe.min.js` (npm's axe-core), which then looks for what hinders people; a few
//! things are looked for without it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::{env, fs, io};

use apd::TableModel;
use apd::data::{Column, Feature, Table, TableSource, Values};
use apd_serve::Settings;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use running::{Running, fit};
use serde_json::{Map, Value, json};
use webdriver::{ARROW_RIGHT, Browser, PAGE_UP, wait_for};

mod running;
mod webdriver;

/// Models by the names of their tables.
const MODELS: [(&str, &str); 3] = [("digits", "digit"), ("penguins", "species"), ("yacht", "resistance")];

/// Both sum the same f32 products in another order.
const TOLERANCE: f64 = 1e-6;

/// Files of the models, made once.
fn file(name: &str) -> PathBuf {
    static MADE: Once = Once::new();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    MADE.call_once(|| {
        fs::create_dir_all(&folder).unwrap();
        for (name, target) in MODELS {
            let table = TableSource::open(name).unwrap().read().unwrap();
            fit(&table, target, 1).save(folder.join(name)).unwrap();
        }
    });
    folder.join(name)
}

/// A server, and a browser that shows its page.
struct Page {
    browser: Browser,
    server: Running,
}

/// What is shown at one moment: the row, and the answer under the names of `apd predict`.
#[derive(Debug, PartialEq)]
struct Shown {
    row: Map<String, Value>,
    answer: Map<String, Value>,
}

impl Shown {
    fn prediction(&self) -> &str {
        self.answer["prediction"].as_str().unwrap_or_default()
    }

    fn number(&self, name: &str) -> f64 {
        self.answer[name].as_f64().unwrap()
    }
}

impl Page {
    /// None where there is no browser, which only a machine of CI has to have.
    fn open() -> Option<Self> {
        let Some(browser) = Browser::start() else {
            assert_ne!(env::var("CI").as_deref(), Ok("true"), "there is no chromedriver, or no Chromium");
            say("NOT RUN: there is no chromedriver, or no Chromium");
            return None;
        };
        let server = Running::new(&MODELS.map(|(name, _)| (name, file(name))), Settings::default());
        browser.open(&server.url("/"));
        let page = Self { browser, server };
        page.ready("digits");
        Some(page)
    }

    fn ready(&self, model: &str) {
        let loaded = format!("return title.textContent === '{model}' && document.body.dataset.ready === 'true'");
        wait_for("the model is loaded", || self.browser.run(&loaded).as_bool().filter(|&loaded| loaded));
        // It is shown before the next frame.
        self.browser.run("return new Promise((resume) => requestAnimationFrame(() => resume()))");
    }

    fn choose(&self, model: &str) {
        self.browser.click(&format!("#models option[value='{model}']"));
        self.ready(model);
    }

    fn shown(&self) -> Shown {
        let shown = self.browser.run(
            "const answer = {};
            for (const shown of document.querySelectorAll('[data-value]')) {
                if (shown.checkVisibility()) answer[shown.id.replace(/^(lower|upper)$/, '$1_90')] = Number(shown.dataset.value);
            }
            for (const { dataset } of probabilities.children) answer[`p_${dataset.class}`] = Number(dataset.p);
            if (probabilities.children.length) answer.prediction = prediction.textContent;
            return [JSON.parse(pixels.dataset.value), answer]",
        );
        let [row, answer] = [0, 1].map(|part| shown[part].as_object().unwrap().clone());
        Shown { row, answer }
    }

    fn wait_for(&self, what: &str, is: impl Fn(&Shown) -> bool) -> Shown {
        wait_for(what, || Some(self.shown()).filter(&is))
    }

    /// The server and the library say the same of the row that is shown; what is shown.
    fn check(&self, name: &str) -> Shown {
        let shown = self.shown();
        let (status, answered) =
            self.server.post_json(&format!("/models/{name}/predict"), &json!({"rows": [shown.row]}));
        assert_eq!(status, 200, "{answered}");
        let model = TableModel::load(file(name)).unwrap();
        let predicted = model.predict(&table(&model, &shown.row), &[0.9], None).unwrap().table().unwrap();
        for column in predicted.columns() {
            let (expected, answered) = (&column.values, &answered["rows"][0][&column.name]);
            match expected {
                Values::Numbers(_) if column.name == "abstain" => {}
                Values::Numbers(numbers) => {
                    let shown =
                        shown.answer.get(&column.name).unwrap_or_else(|| panic!("{} is not shown", column.name));
                    for expected in [numbers[0], answered.as_f64().unwrap()] {
                        let apart = (shown.as_f64().unwrap() - expected).abs();
                        assert!(
                            apart <= TOLERANCE * expected.abs().max(1.0),
                            "{name}: {} is {shown}, expected {expected}",
                            column.name
                        );
                    }
                }
                _ => assert_eq!(shown.prediction(), answered.as_str().unwrap()),
            }
        }
        shown
    }
}

/// Past the test runner, which keeps to itself what tests print that pass.
fn say(line: &str) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn table(model: &TableModel, row: &Map<String, Value>) -> Table {
    let column = |(name, feature): (&str, &Feature)| {
        let value = &row[name];
        let values = match feature {
            Feature::Number { .. } => Values::Numbers(vec![value.as_f64().unwrap_or(f64::NAN)]),
            Feature::Category { .. } => Values::Text(vec![value.as_str().unwrap_or_default().to_owned()]),
        };
        Column { name: name.to_owned(), values }
    };
    Table::new(model.schema().features().map(column).collect()).unwrap()
}

#[test]
fn a_drawn_digit_is_read_as_the_model_reads_it() {
    let Some(page) = Page::open() else { return };
    let around = |i: i32| {
        let angle = f64::from(i) / 24.0 * std::f64::consts::TAU;
        [0.5 + 0.2 * angle.sin(), 0.5 - 0.35 * angle.cos()]
    };
    page.browser.drag("#pad", &(0..=24).map(around).collect::<Vec<_>>());
    page.wait_for("a circle is a 0", |shown| shown.prediction() == "0");
    let zero = page.check("digits");

    page.browser.click("#clear");
    page.browser.drag("#pad", &[[0.45, 0.1], [0.35, 0.3], [0.22, 0.58], [0.5, 0.58], [0.8, 0.58]]);
    page.browser.drag("#pad", &[[0.6, 0.35], [0.6, 0.6], [0.6, 0.95]]);
    page.wait_for("two strokes are a 4", |shown| shown.prediction() == "4");
    let four = page.check("digits");
    assert!(["entropy", "bald"].iter().all(|name| four.number(name) != zero.number(name)), "{four:?} {zero:?}");

    let mut file = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
    let picture = page.browser.run("return pad.toDataURL().split(',')[1]");
    file.write_all(&STANDARD.decode(picture.as_str().unwrap()).unwrap()).unwrap();

    page.browser.type_into("#twist-turned", PAGE_UP);
    page.wait_for("a turned 4 is another picture", |shown| shown.number("entropy") != four.number("entropy"));
    let turned = page.check("digits");
    page.browser.type_into("#pad", &format!("{ARROW_RIGHT}{ARROW_RIGHT} "));
    page.wait_for("a pixel is painted", |shown| shown.row != turned.row);
    page.check("digits");

    page.browser.click("#clear");
    page.browser.type_into("#file", file.path().to_str().unwrap());
    let is_blank = |shown: &Shown| shown.row.values().all(|ink| Some(ink) == shown.row.values().next());
    page.wait_for("a picture of the 4 is one", |shown| !is_blank(shown) && shown.prediction() == "4");
    page.check("digits");
    assert_eq!(page.browser.complaints(), [""; 0]);
}

#[test]
fn a_changed_field_is_answered_as_the_model_answers_it() {
    let Some(page) = Page::open() else { return };
    for (model, field, value, depends) in
        [("penguins", "bill_length_mm", 49.5, "entropy"), ("yacht", "froude", 0.41, "mean")]
    {
        page.choose(model);
        let before = page.check(model);
        let schema = TableModel::load(file(model)).unwrap();
        let place = schema.schema().features().position(|(name, _)| name == field).unwrap();
        let input = format!("#field-{place}");
        page.browser.clear(&input);
        page.browser.type_into(&input, &value.to_string());
        page.wait_for("the row has the value", |shown| shown.row[field] == value);
        let after = page.check(model);
        assert_ne!(before.number(depends), after.number(depends));
    }
    page.choose("penguins");
    page.browser.type_into("#field-0", "other");
    page.wait_for("the island is not known", |shown| shown.row["island"].is_null());
    page.check("penguins");
    assert_eq!(page.browser.complaints(), [""; 0]);
}

#[test]
fn the_page_fits_every_screen_and_hinders_nobody() {
    let Some(page) = Page::open() else { return };
    let Page { browser, .. } = &page;
    let axe = env::var_os("APD_AXE").map(|path| fs::read_to_string(path).unwrap());
    if axe.is_none() {
        say("NOT RUN: axe-core, for APD_AXE is not set");
    }
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("page");
    fs::create_dir_all(&pictures).unwrap();
    if let Some(axe) = &axe {
        browser.run(axe);
    }
    browser.devtools("Emulation.setScrollbarsHidden", &json!({"hidden": true}));
    for (model, _) in MODELS {
        page.choose(model);
        for (width, color) in [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")] {
            let place = format!("{model}-{width}-{color}");
            let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
            browser.devtools("Emulation.setDeviceMetricsOverride", &size);
            let media = json!({"features": [{"name": "prefers-color-scheme", "value": color}]});
            browser.devtools("Emulation.setEmulatedMedia", &media);
            let drawn = format!(
                "return document.documentElement.clientWidth === {width} && matchMedia('(prefers-color-scheme: {color})').matches
                    && document.body.dataset.surveyed && [...document.querySelectorAll('.effect')].every((words) => words.textContent)"
            );
            wait_for("the page is drawn", || browser.run(&drawn).as_bool().filter(|&drawn| drawn));
            let wide = browser.run("return document.documentElement.scrollWidth");
            assert_eq!(wide, width, "{place}");

            let picture = browser.devtools("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
            let png = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
            fs::write(pictures.join(format!("{place}.png")), png).unwrap();
            if axe.is_some() {
                let found = browser.run(
                    "return axe.run({resultTypes: ['violations']}).then(({violations}) => violations
                        .filter(({impact}) => impact === 'serious' || impact === 'critical')
                        .map(({id, help, nodes}) => `${id}: ${help}: ${nodes.map(({html}) => html).join(' ')}`))",
                );
                assert_eq!(found, json!([]), "{place}");
            }
        }
        everything_has_a_name(browser);
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Whoever does not see the page is told what it is, in which language, and what each part of it is called.
fn everything_has_a_name(browser: &Browser) {
    let [language, title] =
        ["document.documentElement.lang", "document.title"].map(|it| browser.run(&format!("return {it}")));
    assert!(language == "en" && title != "", "{language} {title}");
    let levels = browser.run(
        "return [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter((e) => e.checkVisibility()).map((e) => Number(e.tagName[1]))",
    );
    let levels: Vec<i64> = levels.as_array().unwrap().iter().map(|level| level.as_i64().unwrap()).collect();
    let in_order = levels[0] == 1 && levels.windows(2).all(|pair| pair[1] > 1 && pair[1] <= pair[0] + 1);
    assert!(in_order, "{levels:?}");
    for (element, name) in
        browser.names("a[href], button, input, select, textarea, summary, section, [tabindex], [role=img]")
    {
        assert!(!name.is_empty(), "{element} has no name");
    }
}
