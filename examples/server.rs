//! A model behind HTTP, in a program of one's own: fitted, served, asked, stopped.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use apd::{Effort, TableFit, data};
use apd_serve::{Server, Settings};

const PENGUIN: &str = r#"[{"island": "Dream", "bill_length_mm": 47.0, "bill_depth_mm": 17.0, "flipper_length_mm": 195,
    "body_mass_g": 3600, "sex": "female", "year": 2008}]"#;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("penguins.safetensors");
    let fit = TableFit { effort: Effort::Quick, chains: Some(2), steps: Some(500), ..TableFit::default() };
    fit.run(&data::penguins(), "species")?.save(&path)?;

    let server = Server::bind([("penguins".to_owned(), path)], Settings { port: 0, ..Settings::default() })?;
    let address = server.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = thread::spawn(move || server.run_until(async { drop(stopped.await) }));

    // What any client would send.
    let mut client = TcpStream::connect(address)?;
    let head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    write!(client, "{head}Content-Length: {}\r\n\r\n{PENGUIN}", PENGUIN.len())?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("p_Chinstrap"), "{answer}");
    println!("http://{address}/predict says\n{answer}");

    drop(stop); // requests that were accepted are answered
    running.join().expect("a thread that serves")?;
    Ok(())
}
