//! The allocator and its counters.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    /// Of this thread: a test harness has its own.
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// Of all threads.
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The allocator; nothing is counted in a program that has another.
pub struct Watch;

impl Watch {
    fn saw(size: usize) {
        // Not there any more while the thread ends; nobody is asking then.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
    }

    fn holds(more: usize) {
        let held = HELD.fetch_add(more, Ordering::Relaxed) + more;
        PEAK.fetch_max(held, Ordering::Relaxed);
    }
}

// SAFETY: hands every call to the system's allocator unchanged.
unsafe impl GlobalAlloc for Watch {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::saw(layout.size());
        Self::holds(layout.size());
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::saw(layout.size());
        Self::holds(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::saw(size);
        Self::holds(size);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Forgets what was counted before.
pub fn start() {
    COUNT.set(0);
    LARGEST.set(0);
    PEAK.store(HELD.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// How often this thread has allocated since [`start`].
pub fn count() -> u64 {
    COUNT.get()
}

/// The most bytes that this thread has asked for at once since [`start`].
pub fn largest() -> usize {
    LARGEST.get()
}

/// The most bytes that all threads together have held since [`start`], what they held then included.
pub fn peak() -> usize {
    PEAK.load(Ordering::Relaxed)
}

/// Bytes that all threads together hold.
pub fn held() -> usize {
    HELD.load(Ordering::Relaxed)
}
