//! The grammar of `select!`.
//!
//! `__select!` goes through the source case by case, three steps each. It carries `o` (a name that only it can see), the limits, `default`, `failed`, the list of cases so far, and the expression
//! that takes a choice of that list apart:
//!
//! ```text
//! list  {Snoc(Snoc(Nil, take(&a)), put(&b, x))}
//! match {match o { Before(o) => match o { Before(o) => o.never(), Last(v) => body 0 }, Last(r) => body 1 }}
//! ```
//!
//! The list is evaluated by one `let` statement, whose temporaries (a lock's guard in `recv(state.lock().rx)`) are gone when an arm runs. The arms stand in the caller's own function, in no closure
//! and no loop, so `return`, `?`, `break` and `continue` mean what they say there.

/// Waits until one of several channel operations can go ahead, does it, and evaluates its arm: Go's `select`.
///
/// ```
/// use std::time::Duration;
///
/// let (tx, rx) = gort::channel::<u32>(1);
/// let (log, lines) = gort::channel::<String>(1);
/// let text: Result<String, gort::Status> = gort::select! {
///     recv(rx) -> v => format!("received {v:?}"),
///     send(log, "nothing yet".into()) -> sent => format!("sent: {}", sent.is_ok()),
///     after(Duration::from_secs(1)) => "a second is over".into(),
/// };
/// assert_eq!(text.unwrap(), "sent: true");
/// # drop((tx, lines));
/// ```
///
/// # Arms
///
/// | arm | ready when | in the arm |
/// |---|---|---|
/// | `recv(rx) -> v => ...` | there is a value, or the channel is closed | `v: Result<T, Status>`: the value, or `Err(Closed)` when closed and drained |
/// | `send(tx, value) => ...` | a receiver or the buffer takes the value | nothing; if the channel is closed the select fails with `Closed` |
/// | `send(tx, value) -> r => ...` | the same, or the channel is closed | `r: Result<(), SendError<T>>`, which gives the value back |
/// | `after(duration) => ...` | so much time has passed | |
/// | `at(time) => ...` | the time has come | |
/// | `default => ...` | no other can go ahead at that instant: the select does not wait | |
/// | `failed(status) => ...` | the wait was ended otherwise | the `Status` |
///
/// Of several arms that are ready one is chosen at random, each with the same chance. `v`, `r` and `status` are patterns that always match. Arms are separated by commas, which may be left out
/// after a block; `default` and `failed` may stand anywhere.
///
/// `rx` and `tx` are borrowed during the wait; they are a `Receiver` or `Sender`, a reference to one, or an `Option` of these. **`None` is never ready** (Go's nil channel), which switches an arm
/// off: `recv(on.then_some(&rx)) -> v => ...`.
///
/// All channels, values, durations and times are evaluated once, from top to bottom, before the wait, whichever arm is chosen; the receiving pattern and the arm only for the one that is. **A value
/// that was not sent is dropped** before the arm runs; where it must not be lost use `Select`, which gives it back.
///
/// In front of the arms may stand `biased;` (of several that are ready the first in the source is chosen), and a limit for the whole: `until(time);`, or `with(wait);` with a `Wait`.
///
/// # The value
///
/// With `failed` or `default` the value is that of the arm. **Without them it is a `Result`**, like that of every blocking call: `Ok` with the arm's value, or `Err(status)` when the wait was ended
/// otherwise. So a select is followed by `?`, or has an arm `failed`:
///
/// ```
/// # use gort::{Receiver, Status};
/// fn pump(jobs: &Receiver<u32>, quit: &Receiver<()>) -> Result<u32, Status> {
///     let mut sum = 0;
///     loop {
///         gort::select! {
///             recv(jobs) -> job => match job {
///                 Ok(n) => sum += n,
///                 Err(_) => return Ok(sum), // closed
///             },
///             recv(quit) -> _ => return Ok(sum),
///         }?;
///     }
/// }
/// # let (tx, jobs) = gort::channel(2);
/// # let (_quit, quit) = gort::channel(0);
/// # (1..=2).for_each(|n| tx.send(n).unwrap());
/// # drop(tx);
/// # assert_eq!(pump(&jobs, &quit), Ok(3));
/// ```
///
/// # Errors
/// What ends any wait: `Canceled` when the task is cancelled (by every select until it ends or opens a shield, ready or not), `TimedOut` by `until` and `with`, `Deadlock`, `Shutdown`. `Closed`
/// by a `send` without `->`; `NoMemory` where an unbounded channel has none. No arm runs then, and values to be sent are dropped. With `default` and without `failed` all of these evaluate `default`.
///
/// # Blocks
/// The task, or the plain thread; not with `default`. A peer, a close or the time wakes it. Without any arm, or with `None` in all of them, it waits until it is ended otherwise; `select! {}` is
/// a `Result<Infallible, Status>`.
///
/// Up to 40 arms; there is no limit (but 65,536) to the cases of a `Select`.
#[macro_export]
macro_rules! select {
    ($($arms:tt)*) => {
        $crate::__select! { @options {false} {} $($arms)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // ---- what stands in front of the arms
    (@options $biased:tt $wait:tt biased; $($t:tt)*) => {
        $crate::__select! { @options {true} $wait $($t)* }
    };
    (@options $biased:tt {} with($wait:expr $(,)?); $($t:tt)*) => {
        $crate::__select! { @options $biased {$wait} $($t)* }
    };
    (@options $biased:tt {} until($time:expr $(,)?); $($t:tt)*) => {
        $crate::__select! { @options $biased {$crate::Wait::until($time)} $($t)* }
    };
    (@options $biased:tt $wait:tt with($($limit:tt)*); $($t:tt)*) => {
        ::core::compile_error!("a select has one limit: `until(time);` or `with(wait);`")
    };
    (@options $biased:tt $wait:tt until($($limit:tt)*); $($t:tt)*) => {
        ::core::compile_error!("a select has one limit: `until(time);` or `with(wait);`")
    };
    (@options $biased:tt {}) => {
        $crate::chan::choose::nothing($crate::Wait::forever())
    };
    (@options $biased:tt {$wait:expr}) => {
        $crate::chan::choose::nothing($wait)
    };
    (@options $biased:tt $wait:tt $($t:tt)*) => {
        $crate::__select! { @arm o $biased $wait {} {} {$crate::chan::choose::Nil} {o.never()} $($t)* }
    };

    // ---- all arms have been read
    (@arm $o:ident {$biased:expr} {} {} {} {$list:expr} {$arms:expr}) => {
        $crate::__select! { @result $o ($crate::chan::choose::choose($crate::Wait::forever(), $biased, $list)) {$arms} }
    };
    (@arm $o:ident {$biased:expr} {$wait:expr} {} {} {$list:expr} {$arms:expr}) => {
        $crate::__select! { @result $o ($crate::chan::choose::choose($wait, $biased, $list)) {$arms} }
    };
    (@arm $o:ident {$biased:expr} {} {} {$p:pat => $failed:expr} {$list:expr} {$arms:expr}) => {{
        let $o = $crate::chan::choose::choose($crate::Wait::forever(), $biased, $list);
        match $o {
            ::core::result::Result::Ok($o) => $arms,
            ::core::result::Result::Err($p) => $failed,
        }
    }};
    (@arm $o:ident {$biased:expr} {$wait:expr} {} {$p:pat => $failed:expr} {$list:expr} {$arms:expr}) => {{
        let $o = $crate::chan::choose::choose($wait, $biased, $list);
        match $o {
            ::core::result::Result::Ok($o) => $arms,
            ::core::result::Result::Err($p) => $failed,
        }
    }};
    (@arm $o:ident {$biased:expr} {} {$default:expr} {} {$list:expr} {$arms:expr}) => {{
        let $o = $crate::chan::choose::attempt($biased, $list);
        match $o {
            ::core::result::Result::Ok($o) => $arms,
            ::core::result::Result::Err(_) => $default,
        }
    }};
    (@arm $o:ident {$biased:expr} {} {$default:expr} {$p:pat => $failed:expr} {$list:expr} {$arms:expr}) => {{
        let $o = $crate::chan::choose::attempt($biased, $list);
        match $o {
            ::core::result::Result::Ok($o) => $arms,
            ::core::result::Result::Err($crate::Status::WouldBlock) => $default,
            ::core::result::Result::Err($p) => $failed,
        }
    }};
    (@arm $o:ident $biased:tt {$wait:expr} {$default:expr} $failed:tt $list:tt $arms:tt) => {
        ::core::compile_error!("a select with `default` does not wait: `until` and `with` have no use")
    };
    (@result $o:ident ($call:expr) {$arms:expr}) => {{
        let $o = $call;
        match $o {
            ::core::result::Result::Ok($o) => ::core::result::Result::Ok($arms),
            ::core::result::Result::Err($o) => ::core::result::Result::<_, $crate::Status>::Err($o),
        }
    }};

    // ---- the head of an arm: what its body is for
    (@arm $o:ident $b:tt $w:tt $d:tt $f:tt $l:tt $m:tt recv($rx:expr $(,)?) -> $p:pat => $($t:tt)*) => {
        $crate::__select! { @body {case {$crate::chan::choose::take(&$rx)} {$p}} {$o $b $w $d $f $l $m} $($t)* }
    };
    (@arm $o:ident $b:tt $w:tt $d:tt $f:tt $l:tt $m:tt send($tx:expr, $v:expr $(,)?) -> $p:pat => $($t:tt)*) => {
        $crate::__select! { @body {case {$crate::chan::choose::put(&$tx, $v)} {$p}} {$o $b $w $d $f $l $m} $($t)* }
    };
    (@arm $o:ident $b:tt $w:tt $d:tt $f:tt $l:tt $m:tt send($tx:expr, $v:expr $(,)?) => $($t:tt)*) => {
        $crate::__select! { @body {case {$crate::chan::choose::sure(&$tx, $v)} {()}} {$o $b $w $d $f $l $m} $($t)* }
    };
    (@arm $o:ident $b:tt $w:tt $d:tt $f:tt $l:tt $m:tt after($after:expr $(,)?) => $($t:tt)*) => {
        $crate::__select! { @body {case {$crate::chan::choose::after($after)} {()}} {$o $b $w $d $f $l $m} $($t)* }
    };
    (@arm $o:ident $b:tt $w:tt $d:tt $f:tt $l:tt $m:tt at($at:expr $(,)?) => $($t:tt)*) => {
        $crate::__select! { @body {case {$crate::chan::choose::at($at)} {()}} {$o $b $w $d $f $l $m} $($t)* }
    };
    (@arm $o:ident $b:tt $w:tt {} $f:tt $l:tt $m:tt default => $($t:tt)*) => {
        $crate::__select! { @body {default} {$o $b $w {} $f $l $m} $($t)* }
    };
    (@arm $o:ident $b:tt $w:tt $d:tt {} $l:tt $m:tt failed($p:pat) => $($t:tt)*) => {
        $crate::__select! { @body {failed {$p}} {$o $b $w $d {} $l $m} $($t)* }
    };
    (@arm $o:ident $b:tt $w:tt $d:tt $f:tt $l:tt $m:tt default => $($t:tt)*) => {
        ::core::compile_error!("a select has one arm `default`")
    };
    (@arm $o:ident $b:tt $w:tt $d:tt $f:tt $l:tt $m:tt failed($p:pat) => $($t:tt)*) => {
        ::core::compile_error!("a select has one arm `failed`")
    };
    (@arm $o:ident $b:tt $w:tt $d:tt $f:tt $l:tt $m:tt recv($($case:tt)*) => $($t:tt)*) => {
        ::core::compile_error!("a receive case says what it receives: `recv(receiver) -> pattern => expression`")
    };
    (@arm $o:ident $b:tt $w:tt $d:tt $f:tt $l:tt $m:tt $($t:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "no arm of a select: `", ::core::stringify!($($t)+), "`; arms are `recv(rx) -> pattern =>`, `send(tx, value) =>`, `send(tx, value) -> pattern =>`, ",
            "`after(duration) =>`, `at(time) =>`, `default =>` and `failed(pattern) =>`"
        ))
    };

    // ---- the body of an arm: a block, with or without a comma, or an expression
    (@body $what:tt $so_far:tt $body:block, $($t:tt)*) => {
        $crate::__select! { @whole $what $so_far {$body} $($t)* }
    };
    (@body $what:tt $so_far:tt $body:block $($t:tt)*) => {
        $crate::__select! { @whole $what $so_far {$body} $($t)* }
    };
    (@body $what:tt $so_far:tt $body:expr, $($t:tt)*) => {
        $crate::__select! { @whole $what $so_far {$body} $($t)* }
    };
    (@body $what:tt $so_far:tt $body:expr) => {
        $crate::__select! { @whole $what $so_far {$body} }
    };

    // ---- the arm is whole
    (@whole {case {$case:expr} {$p:pat}} {$o:ident $b:tt $w:tt $d:tt $f:tt {$list:expr} {$arms:expr}} {$body:expr} $($t:tt)*) => {
        $crate::__select! {
            @arm $o $b $w $d $f {$crate::chan::choose::Snoc($list, $case)}
            {match $o { $crate::chan::choose::Choice::Before($o) => $arms, $crate::chan::choose::Choice::Last($p) => $body }}
            $($t)*
        }
    };
    (@whole {default} {$o:ident $b:tt $w:tt $d:tt $f:tt $l:tt $m:tt} $body:tt $($t:tt)*) => {
        $crate::__select! { @arm $o $b $w $body $f $l $m $($t)* }
    };
    (@whole {failed {$p:pat}} {$o:ident $b:tt $w:tt $d:tt $f:tt $l:tt $m:tt} {$body:expr} $($t:tt)*) => {
        $crate::__select! { @arm $o $b $w $d {$p => $body} $l $m $($t)* }
    };
}
