use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use crate::Settings;
use crate::admission::Admission;
use crate::api::{self, State};
use crate::metrics::Metrics;
use crate::models::Models;

/// How long connections that lie in the listener's queue are taken in when the server stops.
const LAST_CALL: Duration = Duration::from_millis(50);
/// How long the server waits when no connection can be taken, for want of file descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(20);

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model that cannot be loaded.
    #[error(transparent)]
    Model(#[from] apd::Error),
    /// A name that cannot stand in an address, or stands twice.
    #[error("model name `{0}`: expected letters, digits, `.`, `_` or `-`, and another one for each model")]
    Name(String),
    /// No model.
    #[error("there is no model to serve")]
    Nothing,
    /// An address at which nothing can listen.
    #[error("{address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// The system does not give threads or signals.
    #[error(transparent)]
    System(io::Error),
}

/// A server that listens already.
pub struct Server {
    listener: StdListener,
    address: SocketAddr,
    state: Arc<State>,
}

impl Server {
    /// Loads models by their names, and listens.
    ///
    /// **Errors**: no model, one that cannot be loaded, a name that stands twice or cannot stand in an address; an address that is taken.
    pub fn bind(models: impl IntoIterator<Item = (String, PathBuf)>, settings: Settings) -> Result<Self, Error> {
        let state = state(models, settings)?;
        let Settings { host, port, .. } = state.settings;
        let asked = SocketAddr::new(host, port);
        let listen = |cause| Error::Listen { address: asked, cause };
        let listener = StdListener::bind(asked).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, address, state: Arc::new(state) })
    }

    /// The same as a router, for an application of one's own; files are not looked at again then.
    ///
    /// **Errors**: as [`bind`](Self::bind), but for the address.
    pub fn router(models: impl IntoIterator<Item = (String, PathBuf)>, settings: Settings) -> Result<Router, Error> {
        Ok(api::router(Arc::new(state(models, settings)?)))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until Ctrl-C or SIGTERM; those that were accepted are still answered, unless a second signal or the end of
    /// [`grace`](Settings::grace) comes first. Whether all of them are.
    ///
    /// **Errors**: a system that gives no threads.
    pub fn run(self) -> Result<bool, Error> {
        self.serve(signal(), signal())
    }

    /// As [`run`](Self::run), until `stop` is done.
    ///
    /// **Errors**: as [`run`](Self::run).
    pub fn run_until(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<bool, Error> {
        self.serve(stop, std::future::pending())
    }

    fn serve(self, stop: impl Future<Output = ()>, give_up: impl Future<Output = ()>) -> Result<bool, Error> {
        allow_files();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::System)?;
        let result = runtime.block_on(serve(self.listener, self.state, stop, give_up));
        // Predictions whose clients have gone need not be waited for.
        runtime.shutdown_timeout(Duration::from_millis(100));
        result.map_err(Error::System)
    }
}

/// Ctrl-C or SIGTERM.
async fn signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => tokio::select! { _ = interrupt => (), _ = terminate.recv() => () },
            Err(_) => drop(interrupt.await),
        }
    }
    #[cfg(not(unix))]
    drop(interrupt.await);
}

/// Loads models by their names.
fn state(models: impl IntoIterator<Item = (String, PathBuf)>, settings: Settings) -> Result<State, Error> {
    let mut files = BTreeMap::new();
    for (name, path) in models {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_name = !name.is_empty() && name.chars().all(fits) && !matches!(&name[..], "." | "..");
        if !is_name || files.insert(name.clone(), path).is_some() {
            return Err(Error::Name(name));
        }
    }
    if files.is_empty() {
        return Err(Error::Nothing);
    }
    let models = Models::load(files)?;
    let metrics = Metrics::new();
    models.all().for_each(|(name, served)| metrics.loaded(name, Some(served.model.networks())));
    let admission = Admission::new(settings.queue, settings.memory.max(settings.body), settings.timeout);
    Ok(State { models, metrics, admission, settings, ready: AtomicBool::new(true) })
}

/// Whether all that was accepted is answered.
async fn serve(
    listener: StdListener,
    state: Arc<State>,
    stop: impl Future<Output = ()>,
    give_up: impl Future<Output = ()>,
) -> io::Result<bool> {
    let listener = TcpListener::from_std(listener)?;
    let reloading = tokio::spawn(reload(state.clone()));
    let connections = Connections {
        app: api::router(state.clone()),
        slots: Arc::new(Semaphore::new(state.settings.connections.clamp(1, Semaphore::MAX_PERMITS))),
        graceful: GracefulShutdown::new(),
        timeout: state.settings.timeout,
    };
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = connections.accept(&listener) => (),
        }
    }
    state.ready.store(false, Ordering::Relaxed);
    reloading.abort();
    // Who has connected before the listener closes is answered, too.
    let _ = tokio::time::timeout(LAST_CALL, async {
        loop {
            connections.accept(&listener).await;
        }
    })
    .await;
    drop(listener);
    // Those that were taken in last have a moment to begin: a connection that has said nothing is closed by what follows.
    tokio::time::sleep(LAST_CALL).await;
    Ok(tokio::select! {
        () = connections.graceful.shutdown() => true,
        () = tokio::time::sleep(state.settings.grace) => false,
        () = give_up => false,
    })
}

/// What is done with a connection.
struct Connections {
    app: Router,
    slots: Arc<Semaphore>,
    graceful: GracefulShutdown,
    timeout: Duration,
}

impl Connections {
    /// Takes the next connection, when there is a slot for it, and lets it run.
    async fn accept(&self, listener: &TcpListener) {
        let slot = self.slots.clone().acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else { return tokio::time::sleep(PAUSE).await };
        let connection = self.connection(stream);
        tokio::spawn(async move {
            // A client that goes away is no error of ours.
            let _ = connection.await;
            drop(slot);
        });
    }

    fn connection(&self, stream: TcpStream) -> impl Future<Output = hyper::Result<()>> + use<> {
        // Answers are written in one piece: nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        let mut builder = http1::Builder::new();
        // A client may close its side once it has asked.
        builder.timer(TokioTimer::new()).header_read_timeout(self.timeout).half_close(true);
        // Nor does one keep its answer, and its slot, that asks and does not read.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.timeout));
        let service = TowerToHyperService::new(self.app.clone());
        self.graceful.watch(builder.serve_connection(TokioIo::new(Box::pin(stream)), service))
    }
}

/// Looks at the models' files from time to time.
async fn reload(state: Arc<State>) {
    let mut ticks = tokio::time::interval(state.settings.reload.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let state = state.clone();
        let look = move || {
            state.models.reload(|name, result| match result {
                Ok(served) => {
                    eprintln!("{name}: loaded again, version {}", served.version);
                    state.metrics.loaded(name, Some(served.model.networks()));
                }
                Err(error) => {
                    eprintln!("warning: {name} stays as it was: {error}");
                    state.metrics.loaded(name, None);
                }
            });
        };
        let _ = tokio::task::spawn_blocking(look).await;
    }
}

/// Each connection takes a file descriptor, and shells give a program a thousand of them: as many as the system lets it have are asked for.
fn allow_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // With fewer, fewer connections are accepted at a time.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}
