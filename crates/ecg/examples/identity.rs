//! Equal error rate of the similarity of ECGs on ECG-ID, with a bootstrap over persons:
//! `cargo run --release -p bodywire-ecg --example identity`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are the output; a surprise stops it"
)]

#[path = "../tests/noise/mod.rs"]
mod noise;
#[path = "../tests/persons/mod.rs"]
mod persons;
#[allow(dead_code, reason = "only the folder is used here")]
#[path = "../tests/recordings/mod.rs"]
mod recordings;

fn main() {
    let sessions = persons::sessions();
    if sessions.is_empty() {
        return;
    }
    println!("{}", persons::equal_error(&sessions, 1000).2);
}
