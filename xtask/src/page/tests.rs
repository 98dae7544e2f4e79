use super::*;

/// A page of this body, measured at both widths; nothing where there is no browser.
fn measured(body: &str) -> Option<Vec<Value>> {
    let dir = std::env::temp_dir().join(format!("apd-page-{}-{}", std::process::id(), body.len()));
    std::fs::create_dir_all(&dir).unwrap();
    let page = dir.join("page.html");
    std::fs::write(
        &page,
        format!(
            "<!doctype html><meta charset=utf-8><style>body {{ margin: 0 }} .table {{ overflow-x: auto }}</style>{body}"
        ),
    )
    .unwrap();
    let found = match Browser::start().unwrap() {
        Ok(browser) => Some([SCREEN, PHONE].map(|width| browser.measure(&page, width).unwrap()).to_vec()),
        Err(why) => {
            eprintln!("NOT RUN: {why}");
            None
        }
    };
    std::fs::remove_dir_all(dir).unwrap();
    found
}

#[test]
fn what_is_cut_is_noticed_also_where_it_is_folded() {
    let wide = |width| format!("<details><div class=table><div style='width:{width}px'>numbers</div></div></details>");
    let Some(found) = measured(&wide(900)) else { return };
    assert_eq!([&found[0]["cut"], &found[1]["cut"]], [&json!([]), &json!(["numbers"])]);
    let label =
        |text: &str| format!("<figure id=f><svg width=100 height=20><text x=1 y=15>{text}</text></svg></figure>");
    let cut = |text: &str| measured(&label(text)).unwrap()[0]["cut"].clone();
    assert_eq!(cut("short"), json!([]));
    assert_eq!(cut("cu…"), json!(["cu… in f"]));
    assert_eq!(cut("longer than its picture"), json!(["longer than its picture in f"]));
}

#[test]
fn screens_are_those_of_the_folded_page_and_answers_those_of_the_first() {
    let verdicts = "<section><div class=verdicts><div>a</div><div style='margin-top:900px'>b</div></div></section>";
    let rest = "<div style='height:300px'></div><details><div style='height:5000px'></div></details>";
    let Some(found) = measured(&format!("{verdicts}{rest}")) else { return };
    assert_eq!(found[0]["answers"], 1);
    let screens = found[0]["screens"].as_f64().unwrap();
    assert!((1.4..1.8).contains(&screens), "{screens}");
}
