use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Where a server listens, and what it puts up with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address: this machine alone unless told otherwise.
    pub host: IpAddr,
    /// The port; 0 takes one that is free.
    pub port: u16,
    /// Bytes of a request's body.
    pub body: usize,
    /// Bytes of all bodies that are on their way or being answered; one more waits.
    pub memory: usize,
    /// Rows of a request.
    pub rows: usize,
    /// Requests that wait while others are answered; one more gets a 503.
    pub queue: usize,
    /// Connections at a time; one more waits until another ends.
    pub connections: usize,
    /// How long a client may take to send a request, and an answer to be found.
    pub timeout: Duration,
    /// How long requests that were accepted are waited for when the server is told to stop.
    pub grace: Duration,
    /// How often the models' files are looked at.
    pub reload: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8080,
            body: 16 << 20,
            memory: 256 << 20,
            rows: 100_000,
            queue: 256,
            connections: 16_384,
            timeout: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            reload: Duration::from_secs(1),
        }
    }
}
