use serde::{Deserialize, Serialize};

use crate::{Figure, Palette, Table};

/// What a reader gets: a title, the short answer, and sections, the one that answers first.
///
/// Texts are plain: blank lines part paragraphs, `` `backticks` `` set code; everything else is shown as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Title of the page.
    pub title: String,
    /// The short answer, before any section.
    pub summary: String,
    /// The methods, with their colors and what they are.
    #[serde(default)]
    pub palette: Palette,
    /// One question each.
    pub sections: Vec<Section>,
}

/// One question: what came out, the pictures that show it, and folded away what only some readers want.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Heading, also in the table of contents.
    pub heading: String,
    /// The few numbers to remember.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<Number>,
    /// What was expected, and whether it came out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Verdict>,
    /// What came out, in a few sentences.
    pub text: String,
    /// Shown after the text.
    pub tables: Vec<Table>,
    /// Shown after the tables.
    pub figures: Vec<Figure>,
    /// What was run, in words: data, network, method settings, seeds. Folded.
    pub setting: String,
    /// What only some readers want: folded until its heading is clicked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Section>,
}

/// A number to remember.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Number {
    /// The number with its unit, as it is shown.
    pub value: String,
    /// What it is, in a few words.
    pub label: String,
    /// What to compare it with.
    pub beside: String,
}

/// What was expected, and whether it came out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The question, or the expectation as a sentence.
    pub question: String,
    /// Whether the answer is the one that was hoped for; none: this run cannot say.
    pub met: Option<bool>,
    /// What was found, with the number and its limit.
    pub found: String,
}

impl Report {
    /// No sections yet.
    pub fn new(title: &str, summary: &str) -> Self {
        Self { title: title.into(), summary: summary.into(), palette: Palette::default(), sections: vec![] }
    }

    /// Methods with the colors that they keep in all figures and tables.
    pub fn palette(mut self, palette: Palette) -> Self {
        self.palette = palette;
        self
    }

    /// Adds a section.
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// Every figure, in the order of the document.
    pub fn figures(&self) -> Vec<&Figure> {
        fn of(section: &Section) -> Vec<&Figure> {
            section.figures.iter().chain(section.details.iter().flat_map(of)).collect()
        }
        self.sections.iter().flat_map(of).collect()
    }
}

impl Section {
    /// An empty section.
    pub fn new(heading: &str) -> Self {
        Self { heading: heading.into(), ..Self::default() }
    }

    /// Says what was run.
    pub fn setting(mut self, setting: &str) -> Self {
        self.setting = setting.into();
        self
    }

    /// Says what came out.
    pub fn text(mut self, text: &str) -> Self {
        self.text = text.into();
        self
    }

    /// Adds a number to remember.
    pub fn number(mut self, value: &str, label: &str, beside: &str) -> Self {
        self.numbers.push(Number { value: value.into(), label: label.into(), beside: beside.into() });
        self
    }

    /// Adds a verdict.
    pub fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdicts.push(verdict);
        self
    }

    /// Adds a table.
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// Adds a figure.
    pub fn figure(mut self, figure: Figure) -> Self {
        self.figures.push(figure);
        self
    }

    /// Folds a section away in this one.
    pub fn details(mut self, details: Section) -> Self {
        self.details.push(details);
        self
    }
}

impl Verdict {
    /// What was expected, whether it came out, and the number with its limit.
    pub fn new(question: &str, met: impl Into<Option<bool>>, found: &str) -> Self {
        Self { question: question.into(), met: met.into(), found: found.into() }
    }

    /// The verdict in a word or two, which nobody can overlook.
    pub fn word(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "NOT met",
            None => "not known",
        }
    }
}
