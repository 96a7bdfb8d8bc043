//! The library lane: one thread that owns the list of open datasets.
//!
//! Requests and news of indexing come through one inbox, so nothing is shared. Opening detects the
//! sources, shows what their catalogs hold already, then indexes what changed on a thread of its own;
//! every commit is news, and at most a few times a second the columns are read again and a new
//! [`Population`] is published. Rows of an unchanged shard keep their places, so a growing dataset
//! keeps its `uid`; when a shard was read again or vanished, rows may have moved and the `uid` changes.

mod librarian;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crossbeam_channel::{RecvTimeoutError, Sender, unbounded};
use roaring::RoaringBitmap;

use self::librarian::Librarian;
use super::{JobsOptions, Outbox, Population, Registry, guarded};
use crate::formats::FieldMap;

enum Letter {
    Open(Vec<PathBuf>, FieldMap),
    OpenDemo(Option<PathBuf>),
    Close(Option<PathBuf>),
    Reindex,
    Look(String),
    Tag {
        population: Arc<Population>,
        tag: String,
        samples: Arc<RoaringBitmap>,
        on: bool,
    },
    SaveView(String, Option<String>),
    /// The model whose predictions are shown.
    Activate(Option<String>),
    /// A model stored predictions in some catalogs; its predictions are shown from now on.
    Predicted(String),
    /// Shards of this root were committed.
    Committed {
        root: PathBuf,
    },
    /// Indexing of this root ended.
    Indexed {
        root: PathBuf,
    },
    Stop,
}

/// The lane's handle.
pub struct Library {
    inbox: Sender<Letter>,
    /// Letters that were sent and not dealt with.
    pending: Arc<AtomicUsize>,
}

impl Library {
    pub(super) fn start(options: JobsOptions, registry: Registry, outbox: Outbox) -> Self {
        let (inbox, letters) = unbounded();
        let pending = Arc::new(AtomicUsize::new(1));
        let (post, left) = (inbox.clone(), Arc::clone(&pending));
        thread::Builder::new()
            .name("library".to_owned())
            .spawn(move || {
                let Some(mut librarian) =
                    Librarian::new(options, registry, outbox, Post { inbox: post, pending: Arc::clone(&left) })
                else {
                    left.store(0, Ordering::Release);
                    return;
                };
                librarian.send_recent();
                librarian.send_views();
                left.fetch_sub(1, Ordering::AcqRel);
                loop {
                    let letter = match librarian.due() {
                        None => letters.recv().map_err(|_| RecvTimeoutError::Disconnected),
                        Some(wait) => letters.recv_timeout(wait),
                    };
                    match letter {
                        Ok(Letter::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                        Err(RecvTimeoutError::Timeout) => librarian.publish(),
                        Ok(letter) => {
                            let outbox = librarian.outbox.clone();
                            guarded(&outbox, "the library", || librarian.read(letter));
                            left.fetch_sub(1, Ordering::AcqRel);
                        }
                    }
                }
            })
            .expect("the system gives a thread at start");
        Self { inbox, pending }
    }

    fn send(&self, letter: Letter) {
        Post { inbox: self.inbox.clone(), pending: Arc::clone(&self.pending) }.send(letter);
    }

    pub(super) fn open(&self, paths: Vec<PathBuf>, map: FieldMap) {
        self.send(Letter::Open(paths, map));
    }

    pub(super) fn open_demo(&self, dir: Option<PathBuf>) {
        self.send(Letter::OpenDemo(dir));
    }

    pub(super) fn close(&self, root: Option<PathBuf>) {
        self.send(Letter::Close(root));
    }

    pub(super) fn reindex(&self) {
        self.send(Letter::Reindex);
    }

    pub(super) fn look(&self, path: String) {
        self.send(Letter::Look(path));
    }

    pub(super) fn tag(&self, population: Arc<Population>, tag: String, samples: Arc<RoaringBitmap>, on: bool) {
        self.send(Letter::Tag { population, tag, samples, on });
    }

    pub(super) fn save_view(&self, name: String, json: Option<String>) {
        self.send(Letter::SaveView(name, json));
    }

    pub(super) fn activate(&self, key: Option<String>) {
        self.send(Letter::Activate(key));
    }

    /// For jobs that predict: says that predictions were stored.
    pub(super) fn predicted(&self) -> impl Fn(&str) + Send + Sync + use<> {
        let post = Post { inbox: self.inbox.clone(), pending: Arc::clone(&self.pending) };
        move |key: &str| post.send(Letter::Predicted(key.to_owned()))
    }

    pub(super) fn busy(&self) -> bool {
        self.pending.load(Ordering::Acquire) > 0
    }

    pub(super) fn stop(&self) {
        // The thread may be gone already; then there is nobody to stop.
        let _ = self.inbox.send(Letter::Stop);
    }
}

/// The way back into the inbox for index threads.
#[derive(Clone)]
struct Post {
    inbox: Sender<Letter>,
    pending: Arc<AtomicUsize>,
}

impl Post {
    fn send(&self, letter: Letter) {
        self.pending.fetch_add(1, Ordering::AcqRel);
        if self.inbox.send(letter).is_err() {
            self.pending.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
