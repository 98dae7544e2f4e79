//! A bank of posterior samples on disk: two chains write from threads of their own, anybody reads.

use std::error::Error;
use std::thread;

use apd_points::Layout;
use apd_seed::Seed;
use apd_store::{Bank, BankWriter, ChainWriter, Header};

fn sample(mut chain: ChainWriter) -> Result<(), apd_store::Error> {
    let noise = Seed::root(1).child("chain").index(u64::from(chain.chain())).normals();
    for step in 0..5000 {
        let mut theta = [0.0; 6];
        noise.fill(step, 0, &mut theta);
        let u = theta.iter().map(|z| f64::from(z * z) / 2.0).sum();
        chain.push(step, 1.0, u, &theta.map(|z| 1.0 + z))?; // with weight 1 and its potential, in nats
    }
    chain.finish()
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut header = Header::new(6);
    header.layout = Layout::new([("weight".to_owned(), vec![2, 2]), ("bias".to_owned(), vec![2])]);
    header.metadata.insert("law".to_owned(), "normal around 1".to_owned());
    let writer = BankWriter::create(folder.path().join("bank"), header)?;
    let threads = [writer.chain(0)?, writer.chain(1)?].map(|chain| thread::spawn(|| sample(chain)));
    threads.into_iter().try_for_each(|it| it.join().expect("a thread that writes"))?;
    writer.finish()?;

    let bank = Bank::open(folder.path().join("bank"))?; // mapped into memory; in Python, the shards are safetensors
    bank.verify()?;
    assert_eq!((bank.len(), bank.meta(7000).chain, bank.meta(7000).step), (10_000, 1, 2000));
    let biases = bank.rows().map(|row| f64::from(bank.header().layout.views(row)[1][[0]]));
    let mean = biases.sum::<f64>() / bank.len() as f64;
    assert!((mean - 1.0).abs() < 0.05);
    println!("{}the first bias has mean {mean:.3}", bank.info());
    Ok(())
}
