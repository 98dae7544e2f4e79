//! Criterion benchmarks: `cargo bench -p apd-benches -- NAME` for one row of the table and its history on this machine.

use std::time::Duration;

use apd_benches::Role;
use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for work in apd_benches::works().into_iter().filter(|work| work.role == Role::Row) {
        // Prepared when its turn comes, gone before the next one's.
        let mut runner = None;
        criterion.bench_function(&work.name, |bencher| {
            let runner = runner.get_or_insert_with(&work.make);
            bencher.iter_custom(|units| runner.run(units));
        });
    }
    criterion.final_summary();
}
