//! From a table to a model file and honest answers: the front door.

use std::error::Error;

use apd::data::{Dialect, TableSource};
use apd::{Answers, Effort, TableFit, TableModel, data};

/// The second is nothing that was ever measured.
const NEW: &str = "island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year
Dream,47.0,17.0,195,3600,female,2008
Biscoe,90.0,5.0,300,9000,male,2008
";

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let fit = TableFit { effort: Effort::Quick, chains: Some(2), ..TableFit::default() };
    let model = fit.run(&data::penguins(), "species")?;
    model.verdicts().iter().for_each(|verdict| println!("{verdict}"));

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("penguins.safetensors");
    model.save(&path)?; // everything that predictions need
    let model = TableModel::load(&path)?;

    let new = TableSource::of_text("new", NEW.into(), Dialect::default()).read()?;
    let predictions = model.predict(&new, &[], None)?;
    let Answers::Classes { names, p, abstain, .. } = &predictions.answers else { return Err("classes".into()) };
    for (row, p) in p.rows().into_iter().enumerate() {
        let shares: Vec<String> = names.iter().zip(p).map(|(name, p)| format!("{name} {:.0} %", 100.0 * p)).collect();
        let (strange, answer) = (predictions.ood[row], if abstain[row] { "no answer" } else { "an answer" });
        println!("{}; stranger than {:.0} % of rows: {answer}", shares.join(", "), 100.0 * strange);
    }
    assert!(!abstain[0] && abstain[1]);
    Ok(())
}
