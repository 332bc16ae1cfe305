//! The ends of the queues, behind two traits, so that each workload is written once. A call of a trait is a call of the queue: everything is inlined, nothing is boxed.

/// Why nothing was received.
#[derive(PartialEq, Eq)]
pub enum End {
    /// Every sender is gone, and all that was sent has been received.
    Closed,
    /// Something else.
    Failed,
}

/// A sending end.
pub trait Put<T>: Clone + Send + 'static {
    /// Blocks while there is no room; false if it failed.
    fn put(&self, value: T) -> bool;
}

/// A receiving end.
pub trait Get<T>: Send + 'static {
    /// Blocks while there is nothing.
    fn get(&self) -> Result<T, End>;
}

macro_rules! ends {
    ($sender:ty, $receiver:ty, $end:expr) => {
        impl<T: Send + 'static> Put<T> for $sender {
            #[inline(always)]
            fn put(&self, value: T) -> bool {
                self.send(value).is_ok()
            }
        }
        ends!($receiver, $end);
    };
    ($receiver:ty, $end:expr) => {
        impl<T: Send + 'static> Get<T> for $receiver {
            #[inline(always)]
            fn get(&self) -> Result<T, End> {
                self.recv().map_err($end)
            }
        }
    };
}

ends!(gort::Sender<T>, gort::Receiver<T>, |e| if e == gort::Status::Closed { End::Closed } else { End::Failed });
ends!(crossbeam_channel::Sender<T>, crossbeam_channel::Receiver<T>, |_| End::Closed);
ends!(flume::Sender<T>, flume::Receiver<T>, |_| End::Closed);
ends!(kanal::Sender<T>, kanal::Receiver<T>, |_| End::Closed);
ends!(std::sync::mpsc::SyncSender<T>, std::sync::mpsc::Receiver<T>, |_| End::Closed);

impl<T: Send + 'static> Put<T> for std::sync::mpsc::Sender<T> {
    #[inline(always)]
    fn put(&self, value: T) -> bool {
        self.send(value).is_ok()
    }
}
