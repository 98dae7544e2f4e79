//! Metrics of one's own predictions: a classifier that is too sure, judged, calibrated, and told when not to answer.

use std::error::Error;

use apd_seed::Seed;
use apd_uncertainty::{Temperature, accuracy, argmax, aurc, conformal, ece, nll, reliability, softmax};
use ndarray::{Array2, s};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // 2000 rows of three logits, each three times what it should be, and the classes that came true.
    let mut z = Array2::<f32>::zeros((2000, 3));
    Seed::root(1).normals().fill(0, 0, z.as_slice_mut().ok_or("row-major")?);
    let (truth, mut stream) = (softmax(z.view()), Seed::root(2).stream());
    let draw = |p: &[f64], u: f64| u32::from(u > p[0]) + u32::from(u > p[0] + p[1]);
    let labels: Vec<u32> = truth.rows().into_iter().map(|p| draw(&p.to_vec(), stream.uniform())).collect();
    let logits = 3.0 * z;

    // The first half calibrates, the second judges.
    let (held_out, test) = (logits.slice(s![..1000, ..]), logits.slice(s![1000.., ..]));
    let (known, wanted) = labels.split_at(1000);
    let temperature = Temperature::fit(held_out, known)?;
    println!("{:<12} {:>8} {:>6} {:>6} {:>6}", "", "accuracy", "NLL", "ECE", "AURC");
    for (name, p) in [("as it came", softmax(test)), ("calibrated", temperature.softmax(test))] {
        let wrong = |(row, y): (usize, &u32)| f64::from(argmax(p.row(row).iter().copied()) != Some(*y as usize));
        let loss: Vec<f64> = wanted.iter().enumerate().map(wrong).collect();
        let doubt: Vec<f64> = p.rows().into_iter().map(|p| 1.0 - p.fold(0.0_f64, |a, &b| a.max(b))).collect();
        let (nll, ece) = (nll(p.view(), wanted)?, ece(&reliability(p.view(), wanted, 15)?));
        println!("{name:<12} {:>8.3} {nll:>6.3} {ece:>6.3} {:>6.3}", accuracy(p.view(), wanted)?, aurc(&doubt, &loss)?);
    }
    assert!((temperature.0 - 3.0).abs() < 0.5);

    // Sets that hold the class of nine rows in ten, whatever the model.
    let lac = conformal::Lac::fit(temperature.softmax(held_out).view(), known, 0.9)?;
    let sets = lac.sets(temperature.softmax(test).view())?;
    let coverage = conformal::coverage(sets.view(), wanted)?;
    assert!(coverage > 0.87);
    println!("sets of {:.2} classes hold {:.1} % of rows", conformal::size(sets.view())?, 100.0 * coverage);
    Ok(())
}
