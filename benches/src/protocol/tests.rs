use super::*;

struct Fixed;

impl Runner for Fixed {
    fn run(&mut self, units: u64) -> Duration {
        Duration::from_millis(3) * units as u32
    }
}

fn replies(input: &str) -> Vec<Value> {
    let work =
        Work { name: "fixed".into(), unit: "unit", flop: 6.0, make: Box::new(|| Box::new(Fixed)), ..Work::default() };
    let mut output = Vec::new();
    serve(&[work], input.as_bytes(), &mut output).expect("in memory");
    let text = String::from_utf8(output).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn time_is_per_unit_and_at_least_as_long_as_asked() {
    let replies = replies("warm fixed apd\ntime fixed apd 0.1\ntime fixed apd 0\ndrop fixed apd\n");
    assert_eq!(replies.len(), 5);
    assert_eq!(replies[0]["about"]["fixed"]["flop"], 6.0);
    assert_eq!((&replies[1], &replies[4]), (&json!({}), &json!({})));
    let (seconds, units) = (replies[2]["seconds"].as_f64().unwrap(), replies[2]["units"].as_u64().unwrap());
    assert!((seconds - 0.003).abs() < 1e-12 && (34..=40).contains(&units), "{:?}", replies[2]);
    assert_eq!(replies[3]["units"], 1);
}

#[test]
fn nonsense_is_an_error_and_not_the_end() {
    let replies = replies("\ntime\ntime other apd 1\ntime fixed apd soon\nwarm fixed apd\n");
    assert!(replies[1..5].iter().all(|reply| reply["error"].is_string()), "{replies:?}");
    assert_eq!(replies[5], json!({}));
}
