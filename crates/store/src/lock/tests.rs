use super::*;

#[test]
fn a_lock_says_who_has_it_and_goes_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let lock = Lock::acquire(dir.path(), "g.lock").unwrap();
    let refused = Lock::acquire(dir.path(), "g.lock").unwrap_err();
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    // Another file of the folder is another lock.
    Lock::acquire(dir.path(), "h.lock").unwrap().remove();
    lock.remove();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    Lock::acquire(dir.path(), "g.lock").unwrap();
    // Unsigned, as by an earlier version.
    let lock = Lock::acquire(dir.path(), "g.lock").unwrap();
    lock.file.set_len(0).unwrap();
    assert!(matches!(Lock::acquire(dir.path(), "g.lock"), Err(Error::Locked { process: None, .. })));
}

/// Threads that take a lock, use it and remove it, again and again: never two at once, though one may open the file that another removes.
#[test]
fn of_many_who_remove_it_one_has_it_at_a_time() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let dir = tempfile::tempdir().unwrap();
    let (inside, held) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    if let Ok(lock) = Lock::acquire(dir.path(), "g.lock") {
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        held.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        lock.remove();
                    }
                }
            });
        }
    });
    assert!(held.load(Ordering::SeqCst) > 100);
}
